/**
 * The real file journal on a disk of ours (sim-disk.ts), behind a lock as src/journal/file/lock.ts
 * makes it.
 */
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import type { LockFile } from '../../src/journal/file/lock-check.js';
import type { Host } from './host.js';
import type { Lock, Medium } from './medium.js';
import type { SeededRandom } from './seeded-random.js';
import { createSimDisk, type FileId } from './sim-disk.js';

const DIRECTORY = '/journal';
const LOCK_PATH = '/journal/journal.lock';
const SEGMENT_BYTES = 8 * 1024;
const RETRY_MS = 20;
/**
 * After so long without a heartbeat, a lock counts as left behind if its process can't be
 * inspected.
 */
const STALE_MS = 10_000;

interface Holder {
  readonly host: Host;
  readonly file: LockFile;
  readonly id: string;
  beatMs: number;
}

export function createSimFiles(random: SeededRandom, nowMs: () => number, faults: number): Medium {
  const disk = createSimDisk(random, nowMs, faults);
  let holder: Holder | null = null;
  let installation: string | null = null;
  let hasEntries = false;
  let locks = 0;

  /** Null: the holder lives, or may. */
  function judge(held: Holder): { readonly ended: string | null } | null {
    // Sometimes the predecessor ran in another container, where its pid says nothing.
    const isNear = random.chance(0.7);
    if (isNear) return held.host.isAlive() ? null : { ended: held.id };
    return nowMs() - held.beatMs < STALE_MS ? null : { ended: null };
  }

  return {
    name: 'file',
    lock(host): Lock | null {
      const verdict = holder === null ? { ended: null } : judge(holder);
      if (verdict === null) return null;
      const { dev, ino }: FileId = disk.replace(LOCK_PATH);
      const epochs = disk.list(DIRECTORY).map(Number).filter(Number.isInteger);
      const number = 1 + Math.max(0, holder?.file.number ?? 0, ...epochs);
      const mine: Holder = {
        host,
        file: { path: LOCK_PATH, dev, ino, number },
        id: `lock ${++locks}`,
        beatMs: nowMs(),
      };
      holder = mine;
      return {
        id: mine.id,
        ended: verdict.ended,
        number,
        beat() {
          if (holder !== mine) return false;
          mine.beatMs = nowMs();
          return true;
        },
      };
    },
    facts: () => ({
      kind: 'file',
      place: DIRECTORY,
      installations: installation === null ? [] : [installation],
      lacksId: installation === null,
      isEmpty: !hasEntries,
      ends: null,
      beganAfter: new Map(),
    }),
    stamp(id) {
      installation = id;
    },
    open(host) {
      hasEntries = true;
      if (holder === null) throw new Error('the directory is locked before it is opened');
      return openFileJournal({
        directory: DIRECTORY,
        lock: holder.file,
        segmentBytes: SEGMENT_BYTES,
        retryMs: RETRY_MS,
        ops: disk.opsFor(host),
      });
    },
    left(host, isClean) {
      if (isClean && holder?.host === host) holder = null;
    },
    powerCut: disk.powerCut,
    fillFor: disk.fillFor,
    flipBit: disk.flipBit,
    heal: disk.heal,
  };
}

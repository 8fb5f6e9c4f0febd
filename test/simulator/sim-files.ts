/** The real file journal on a disk of ours (sim-disk.ts), behind a lock as src/journal/file/lock.ts makes it. */
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import type { Host } from './host.js';
import type { Medium } from './medium.js';
import type { SeededRandom } from './seeded-random.js';
import { createSimDisk } from './sim-disk.js';

const DIRECTORY = '/journal';
const SEGMENT_BYTES = 8 * 1024;
const RETRY_MS = 20;

export function createSimFiles(random: SeededRandom, nowMs: () => number, faults: number): Medium {
  const disk = createSimDisk(random, nowMs, faults);
  let holder: Host | null = null;
  return {
    name: 'file',
    open(host) {
      if (holder?.isAlive() === true) return null;
      holder = host;
      return openFileJournal({
        directory: DIRECTORY,
        segmentBytes: SEGMENT_BYTES,
        retryMs: RETRY_MS,
        ops: disk.opsFor(host),
      });
    },
    left() {},
    powerCut: disk.powerCut,
    fillFor: disk.fillFor,
    flipBit: disk.flipBit,
    heal: disk.heal,
  };
}

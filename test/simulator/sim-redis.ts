/**
 * Redis as the journal sees it: a server of its own that has faults, and that goes on while a
 * process is paused or dead.
 *
 * - fail: an append comes back with an error, and nothing is there;
 * - tear: an error, and some of the commit's entries are there, others not;
 * - lie: an error, although all of it is there (a reply that was lost);
 * - full: `hasRoom` is false for a while.
 *
 * An opening takes a new epoch, and an append of an older one is refused. A writer is sure of being
 * the newest for `SURE_MS` after it asked (src/journal/redis/ownership.ts).
 */
import type { Seq, ShardId } from '../../src/domain/ids.js';
import { asSeq } from '../../src/domain/ids.js';
import {
  type Entry,
  type Journal,
  JournalFenced,
  JournalTrimmed,
  type JournalWriter,
} from '../../src/journal/journal.js';
import type { Host } from './host.js';
import type { Medium } from './medium.js';
import type { Schedule } from './schedule.js';
import type { SeededRandom } from './seeded-random.js';

const SURE_MS = 1000;
const LOOK_EVERY_MS = 200;

interface Commit {
  readonly host: Host;
  readonly epoch: number;
  readonly entries: readonly Entry[];
  readonly done: (error: Error | null) => void;
}

export function createSimRedis(random: SeededRandom, schedule: Schedule, faults: number): Medium {
  const streams = new Map<ShardId, Entry[]>();
  const trimmed = new Map<ShardId, Seq>();
  let faultRate = faults;
  let epoch = 0;
  let fullUntilMs = 0;
  /** What was sent and not carried out, in order. */
  let sent: Commit[] = [];
  let installation: string | null = null;
  let locks = 0;

  const entriesOf = (shard: ShardId): Entry[] => {
    let entries = streams.get(shard);
    if (entries === undefined) {
      entries = [];
      streams.set(shard, entries);
    }
    return entries;
  };
  const lastOf = (shard: ShardId): Seq => entriesOf(shard).at(-1)?.lastSeq ?? asSeq(0);

  function put(entry: Entry): void {
    if (entry.firstSeq !== lastOf(entry.shard) + 1)
      throw new Error(`shard ${entry.shard} ends at ${lastOf(entry.shard)}, and ${entry.firstSeq} is appended`);
    entriesOf(entry.shard).push({ ...entry, payload: entry.payload.slice() });
  }

  function openWriter(host: Host, owned: readonly ShardId[], durable: Map<ShardId, Seq>): JournalWriter {
    const mine = ++epoch;
    const appended = new Map(owned.map((shard) => [shard, lastOf(shard)]));
    for (const shard of owned) durable.set(shard, lastOf(shard));
    let dead: Error | null = null;
    let isClosed = false;
    let sureUntilMs = host.monotonicMs() + SURE_MS;
    let tellEnd = (_error: Error): void => undefined;
    look();

    function look(): void {
      host.after(LOOK_EVERY_MS, () => {
        if (isClosed || dead !== null) return;
        if (epoch === mine) {
          sureUntilMs = host.monotonicMs() + SURE_MS;
          look();
        } else {
          dead = new JournalFenced(`epoch ${mine} was taken over`);
          tellEnd(dead);
        }
      });
    }

    /** Carries out the oldest commit of this writer. It hears of that when its process runs. */
    function carryOut(): void {
      const at = sent.findIndex((commit) => commit.epoch === mine);
      const commit = sent[at];
      if (commit === undefined) return;
      sent.splice(at, 1);
      const error = epoch === mine ? (dead ?? write(commit)) : new JournalFenced(`epoch ${mine} was taken over`);
      dead ??= error;
      host.run(() => {
        if (error === null) for (const { shard, lastSeq } of commit.entries) durable.set(shard, lastSeq);
        commit.done(error);
      });
    }

    function write({ entries }: Commit): Error | null {
      const fate = random.chance(faultRate) ? random.pick(['fail', 'tear', 'lie'] as const) : 'write';
      const kept = fate === 'fail' ? [] : fate === 'tear' ? entries.filter(() => random.chance(0.5)) : entries;
      for (const entry of kept) put(entry);
      return fate === 'write' ? null : new Error(`Redis had a fault: ${fate}`);
    }

    return {
      lastSeqs: new Map(appended),
      inFlightMax: 1 + random.below(3),
      append(entries, done) {
        for (const { shard, firstSeq, lastSeq } of entries) {
          if (firstSeq !== (appended.get(shard) ?? 0) + 1)
            throw new Error(`shard ${shard} leaves a gap before ${firstSeq}`);
          appended.set(shard, lastSeq);
        }
        if (dead !== null) {
          const error = dead;
          host.after(0, () => done(error));
          return;
        }
        sent.push({ host, epoch: mine, entries, done });
        schedule.after(random.below(4), carryOut);
      },
      hasRoom() {
        if (random.chance(faultRate / 4)) fullUntilMs = schedule.now() + random.below(50);
        return schedule.now() >= fullUntilMs;
      },
      ownership: {
        isSure: () => dead === null && host.monotonicMs() < sureUntilMs,
        onEnd(listener) {
          tellEnd = listener;
        },
      },
      trim(shard, throughSeq) {
        trimmed.set(shard, throughSeq);
      },
      async close() {
        isClosed = true;
      },
    };
  }

  function open(host: Host): Journal {
    const durable = new Map<ShardId, Seq>();
    let lastEpoch: number | null = null;
    return {
      name: 'redis',
      async openWriter(owned) {
        host.noteAsync();
        if (!host.isAlive() || random.chance(faultRate)) throw new Error('Redis is away');
        if (lastEpoch !== null && lastEpoch !== epoch) throw new JournalFenced(`epoch ${lastEpoch} was taken over`);
        const writer = openWriter(host, owned, durable);
        lastEpoch = epoch;
        return writer;
      },
      async openReader() {
        return {
          durableSeq: (shard) => durable.get(shard) ?? asSeq(0),
          async read(shard, afterSeq) {
            host.noteAsync();
            if (afterSeq < (trimmed.get(shard) ?? 0)) throw new JournalTrimmed(`${afterSeq} is gone`);
            const through = durable.get(shard) ?? 0;
            return entriesOf(shard)
              .filter(({ lastSeq }) => lastSeq > afterSeq && lastSeq <= through)
              .slice(0, 1 + random.below(8));
          },
          size: async () => 0,
          sinceMs: async () => null,
          async close() {},
        };
      },
      async close() {},
    };
  }

  return {
    name: 'redis',
    // Nothing is locked: whoever takes the shards fences the older process.
    lock: () => ({ id: `process ${++locks}`, ended: null, number: 0, beat: () => true }),
    facts: () => ({
      kind: 'redis',
      place: 'Redis',
      installations: installation === null ? [] : [installation],
      lacksId: installation === null,
      isEmpty: [...streams.values()].every((entries) => entries.length === 0),
      ends: new Map([...streams.keys()].map((shard) => [shard, lastOf(shard)])),
      beganAfter: new Map(),
    }),
    stamp(id) {
      installation = id;
    },
    open,
    left(host) {
      const last = sent.filter((commit) => commit.host === host);
      sent = sent.filter((commit) => commit.host !== host);
      // In order: a later commit is never there without the earlier ones.
      for (const commit of last) {
        if (commit.epoch !== epoch) return;
        const isWhole = random.chance(0.5);
        for (const entry of commit.entries) {
          // As the script does that appends: after an earlier failure the tail is another one.
          const follows = entry.firstSeq === lastOf(entry.shard) + 1;
          if (follows && (isWhole || random.chance(0.3))) put(entry);
        }
        if (!isWhole) return;
      }
    },
    powerCut() {},
    fillFor(ms) {
      fullUntilMs = schedule.now() + ms;
    },
    flipBit: () => null,
    heal() {
      faultRate = 0;
      fullUntilMs = 0;
    },
  };
}

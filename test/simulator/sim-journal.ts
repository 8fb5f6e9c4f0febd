/**
 * A journal on a medium that fails, tears, delays and lies on a seeded schedule, and that outlives the actors which
 * write to it, as a disk or a Redis does.
 *
 * - fail: the append comes back with an error, and nothing is there;
 * - tear: an error, and some of the commit's entries are there, others not;
 * - lie: an error, although all of it is there (a reply that was lost);
 * - full: `hasRoom` is false for a while.
 *
 * `keeps` says what a reopened journal does with whole entries that nobody was told of: keep them (Redis) or void
 * them (files). Both must do.
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
import { away } from './away.js';
import type { Schedule } from './schedule.js';
import type { SeededRandom } from './seeded-random.js';

export interface Medium {
  /** What is durable, in order, as the checks read it. */
  entriesOf(shard: ShardId): readonly Entry[];
  durableSeq(shard: ShardId): Seq;
  /** The process dies: what is in flight is written as far as the seed says, and nobody hears of it. */
  crash(): void;
  open(): Journal;
  /** Everything works from now on. */
  heal(): void;
}

export function createMedium(random: SeededRandom, schedule: Schedule, faults: number, keeps: boolean): Medium {
  const shards = new Map<ShardId, Entry[]>();
  const trimmed = new Map<ShardId, Seq>();
  const acknowledged = new Map<ShardId, Seq>();
  let faultRate = faults;
  let epoch = 0;
  let lives = 1;
  let fullUntilMs = 0;
  let inFlight: { readonly entries: readonly Entry[]; readonly done: (error: Error | null) => void }[] = [];

  const entriesOf = (shard: ShardId): Entry[] => {
    let entries = shards.get(shard);
    if (entries === undefined) {
      entries = [];
      shards.set(shard, entries);
    }
    return entries;
  };
  const lastOf = (shard: ShardId): Seq => entriesOf(shard).at(-1)?.lastSeq ?? asSeq(0);

  function put(entry: Entry): void {
    const last = lastOf(entry.shard);
    if (entry.firstSeq !== last + 1)
      throw new Error(`shard ${entry.shard} ends at ${last}, and ${entry.firstSeq} is appended`);
    entriesOf(entry.shard).push({ ...entry, payload: entry.payload.slice() });
  }

  function openWriter(owned: readonly ShardId[], startAfter?: ReadonlyMap<ShardId, Seq>): JournalWriter {
    const mine = ++epoch;
    inFlight = [];
    if (startAfter !== undefined && !keeps) {
      for (const shard of owned) {
        const through = startAfter.get(shard) ?? asSeq(0);
        const kept = entriesOf(shard).filter(({ lastSeq }) => lastSeq <= through);
        shards.set(shard, kept);
      }
    }
    for (const shard of owned) acknowledged.set(shard, lastOf(shard));
    const appended = new Map(owned.map((shard) => [shard, lastOf(shard)]));
    let dead = false;

    function complete(): void {
      const commit = inFlight[0];
      if (commit === undefined || mine !== epoch) return;
      const fate = random.chance(faultRate) ? random.pick(['fail', 'tear', 'lie'] as const) : 'write';
      inFlight.shift();
      if (dead) {
        commit.done(new JournalFenced('the writer is dead'));
        return;
      }
      const kept =
        fate === 'fail' ? [] : fate === 'tear' ? commit.entries.filter(() => random.chance(0.5)) : commit.entries;
      for (const entry of kept) put(entry);
      if (fate === 'write') {
        for (const { shard, lastSeq } of commit.entries) acknowledged.set(shard, lastSeq);
        commit.done(null);
        return;
      }
      dead = true;
      commit.done(new Error(`the medium had a fault: ${fate}`));
      for (const later of inFlight.splice(0)) later.done(new Error('an earlier commit failed'));
    }

    return {
      lastSeqs: new Map(appended),
      inFlightMax: 1 + random.below(3),
      append(entries, done) {
        if (mine !== epoch) throw new Error('a writer that was replaced goes on writing');
        for (const { shard, firstSeq, lastSeq } of entries) {
          if (firstSeq !== (appended.get(shard) ?? 0) + 1)
            throw new Error(`shard ${shard} leaves a gap before ${firstSeq}`);
          appended.set(shard, lastSeq);
        }
        if (dead) {
          schedule.after(0, () => done(new Error('the writer is dead')));
          return;
        }
        inFlight.push({ entries, done });
        schedule.after(random.below(4), complete);
      },
      hasRoom() {
        if (random.chance(faultRate / 4)) fullUntilMs = schedule.now() + random.below(50);
        return schedule.now() >= fullUntilMs;
      },
      trim(shard, throughSeq) {
        trimmed.set(shard, throughSeq);
      },
      async close() {},
    };
  }

  /** The journal as one process sees it. What a dead one still had in mind never reaches the medium. */
  function journalOf(life: number): Journal {
    return {
      name: 'file',
      async openWriter(owned, startAfter) {
        if (life !== lives || random.chance(faultRate)) throw away('the medium is away');
        return openWriter(owned, startAfter);
      },
      async openReader() {
        return {
          async read(shard, afterSeq) {
            if (afterSeq < (trimmed.get(shard) ?? 0)) throw new JournalTrimmed(`${afterSeq} is gone`);
            const through = acknowledged.get(shard) ?? lastOf(shard);
            return entriesOf(shard)
              .filter(({ lastSeq }) => lastSeq > afterSeq && lastSeq <= through)
              .slice(0, 1 + random.below(8));
          },
          size: async () => 0,
          async close() {},
        };
      },
      async close() {},
    };
  }

  return {
    entriesOf,
    durableSeq: lastOf,
    heal() {
      faultRate = 0;
      fullUntilMs = 0;
    },
    crash() {
      // In order: a later commit is never there without the earlier ones.
      for (const commit of inFlight) {
        const whole = random.chance(0.5);
        for (const entry of commit.entries) if (whole || random.chance(0.3)) put(entry);
        if (!whole) break;
      }
      inFlight = [];
      epoch++;
      lives++;
      acknowledged.clear();
    },
    open: () => journalOf(lives),
  };
}

/**
 * The feed: durable changes of a shard, decoded, in order, after a sequence number.
 *
 *     journal ─▶ entries ─▶ do they follow each other? ─▶ decode ─▶ changes after the sequence
 *
 * Everything that comes after "durable" reads the journal here: recovery, the projector and the
 * verifier. A follower remembers one number per shard, the last sequence that it has. It reads
 * batches until there is none, then waits for the next sequence. If the journal has deleted the
 * entries after that number, `read` rejects with `JournalTrimmed`, and the follower continues from
 * another source (PostgreSQL has them).
 *
 * A batch decodes while it is iterated, one entry at a time: as objects, a batch of tens of
 * thousands of changes would outlive several garbage collections.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, lastSeqOf } from '../domain/event.js';
import { asSeq, type Seq, type ShardId } from '../domain/ids.js';
import { decodeChanges } from '../journal/codec.js';
import { type Entry, JournalDamaged, type JournalReader, JournalTrimmed } from '../journal/journal.js';
import { hashOfEntry } from './entry-hash.js';

export interface Feed {
  /** The last sequence that is durable. Costs one atomic load. */
  durableSeq(shard: ShardId): Seq;

  /**
   * Changes after `afterSeq`, of about `bytesMax` bytes in the journal, at least one entry. Null:
   * nothing after it is durable yet. Rejects with `JournalTrimmed` when the next change was
   * deleted, with `JournalDamaged` or `EntryUnreadable` when it can't be read.
   */
  read(shard: ShardId, afterSeq: Seq, bytesMax: number): Promise<ChangeBatch | null>;

  /**
   * All changes after `afterSeq` through `throughSeq`, which is the end of a durable change.
   * Rejects as `read` does, and with `JournalTrimmed` when the journal ends before.
   */
  readThrough(shard: ShardId, afterSeq: Seq, throughSeq: Seq): AsyncIterable<ChangeBatch>;

  /** Waits until the sequence is durable. False: it is not after `withinMs`. */
  untilDurable(shard: ShardId, seq: Seq, withinMs: number): Promise<boolean>;

  /** Whether a durable sequence is in the journal, that is, neither trimmed nor still to come. */
  has(shard: ShardId, seq: Seq): Promise<boolean>;

  /**
   * Whether the entry that ends at `seq` has this hash. Null where that is unknown: the journal
   * does not have the entry any more, or never had it because it went on after an accepted loss.
   */
  isSameEntry(shard: ShardId, seq: Seq, hash: Uint8Array): Promise<boolean | null>;

  close(): Promise<void>;
}

export interface ChangeBatch {
  readonly shard: ShardId;
  /** The batch holds the changes after this one, without a gap, … */
  readonly afterSeq: Seq;
  /** … through this one. */
  readonly lastSeq: Seq;
  /** Size of its entries in the journal. */
  readonly bytes: number;
  /**
   * Each call decodes anew. If `afterSeq` is within a change, that change is the first one. Throws
   * `EntryUnreadable`.
   */
  changes(): Iterable<Change>;
  /** Hash of its last entry (entry-hash.ts). */
  entryHash(): Uint8Array;
}

/**
 * An entry passed the journal's checksum, and is not what this program writes: a newer version or
 * an error wrote it.
 */
export class EntryUnreadable extends Error {
  override readonly name = 'EntryUnreadable';
  constructor({ shard, firstSeq }: Entry, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`the journal entry at sequence ${firstSeq} of shard ${shard} can not be read: ${why}`, { cause });
  }
}

/** Of `readThrough`. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const POLL_MS = 10;

/** Closes the reader when it is closed. */
export function createFeed(reader: JournalReader): Feed {
  async function read(shard: ShardId, afterSeq: Seq, bytesMax: number): Promise<ChangeBatch | null> {
    const entries = await reader.read(shard, afterSeq, bytesMax);
    const last = entries.at(-1);
    if (last === undefined || last.lastSeq <= afterSeq) return null;
    assertContiguous(entries, afterSeq);
    return batchOf(entries, afterSeq, last.lastSeq);
  }

  return {
    durableSeq: (shard) => reader.durableSeq(shard),
    read,
    async *readThrough(shard, afterSeq, throughSeq) {
      for (let reached = afterSeq; reached < throughSeq; ) {
        const entries = await reader.read(shard, reached, BATCH_BYTES_MAX);
        const last = entries.at(-1);
        if (last === undefined)
          throw new JournalTrimmed(`shard ${shard} has nothing after ${reached}, but ends at ${throughSeq}`);
        assertContiguous(entries, reached);
        const end = asSeq(Math.min(last.lastSeq, throughSeq));
        yield batchOf(entries, reached, end);
        reached = end;
      }
    },
    async untilDurable(shard, seq, withinMs) {
      const untilMs = performance.now() + withinMs;
      while (reader.durableSeq(shard) < seq) {
        if (performance.now() > untilMs) return false;
        await sleep(POLL_MS);
      }
      return true;
    },
    async has(shard, seq) {
      try {
        return (await reader.read(shard, asSeq(seq - 1), 1)).length > 0;
      } catch (error) {
        if (error instanceof JournalTrimmed) return false;
        throw error;
      }
    },
    async isSameEntry(shard, seq, hash) {
      try {
        const [entry] = await reader.read(shard, asSeq(seq - 1), 1);
        if (entry === undefined || entry.firstSeq > seq) return null;
        return hashOfEntry(entry).equals(hash);
      } catch (error) {
        // Damage is reported by the reader that needs the entry.
        if (error instanceof JournalTrimmed || error instanceof JournalDamaged) return null;
        throw error;
      }
    },
    close: () => reader.close(),
  };
}

function batchOf(entries: readonly Entry[], afterSeq: Seq, lastSeq: Seq): ChangeBatch {
  // In bounds: a batch has an entry.
  const last = entries[entries.length - 1] as Entry;
  let bytes = 0;
  for (const { payload } of entries) bytes += payload.length;
  return {
    shard: last.shard,
    afterSeq,
    lastSeq,
    bytes,
    changes: () => changesOf(entries, afterSeq, lastSeq),
    entryHash: () => hashOfEntry(last),
  };
}

function* changesOf(entries: readonly Entry[], afterSeq: Seq, lastSeq: Seq): Generator<Change> {
  for (const entry of entries)
    for (const change of decode(entry)) if (lastSeqOf(change) > afterSeq && change.firstSeq <= lastSeq) yield change;
}

function decode(entry: Entry): readonly Change[] {
  try {
    const changes = decodeChanges(entry.payload);
    const [first, last] = [changes[0], changes.at(-1)];
    if (first?.firstSeq !== entry.firstSeq || last === undefined || lastSeqOf(last) !== entry.lastSeq)
      throw new Error(`its changes are not those of sequences ${entry.firstSeq} to ${entry.lastSeq}`);
    return changes;
  } catch (error) {
    throw new EntryUnreadable(entry, error);
  }
}

/** The first entry holds the sequence after `afterSeq`; it may begin before it. */
function assertContiguous(entries: readonly Entry[], afterSeq: Seq): void {
  let next = afterSeq + 1;
  for (const entry of entries) {
    const follows = next === afterSeq + 1 ? entry.firstSeq <= next : entry.firstSeq === next;
    if (!follows || entry.lastSeq < next) throw new EntryUnreadable(entry, new Error(`sequence ${next} was expected`));
    next = entry.lastSeq + 1;
  }
}

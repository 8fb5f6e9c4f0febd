/**
 * Four numbers per shard, and one for all, that the journal's threads share, in one
 * SharedArrayBuffer. They hold within one process; after a restart they begin at 0 and `openWriter`
 * sets them from what is on disk.
 */
import { type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';

export interface JournalMarks {
  readonly shared: SharedArrayBuffer;
  /** Sequences through this one are on the medium: readers show nothing later. */
  readonly durable: Mark<Seq>;
  /** Sequences through this one were given to `trim`. */
  readonly trimmed: Mark<Seq>;
  /** The epoch that may write the shard; an older writer that sees a newer one here is fenced. */
  readonly owner: Mark<number>;
  /**
   * The newest epoch whose start record is on the medium. Older ones are needed only for the
   * entries in them.
   */
  readonly opened: Mark<number>;
  /**
   * Bytes that writers wanted and did not get, added up: every trimmer frees what it keeps, so far
   * as it can.
   */
  readonly roomWanted: { get(): number; add(bytes: number): void };
}

interface Mark<T extends number> {
  get(shard: ShardId): T;
  /** Marks only grow: a smaller value changes nothing. */
  raise(shard: ShardId, value: T): void;
}

/** The buffer that all threads of one process must be given for one journal directory. */
export function createJournalMarksBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer((4 * SHARDS_MAX + 1) * BigInt64Array.BYTES_PER_ELEMENT);
}

export function journalMarks(shared: SharedArrayBuffer): JournalMarks {
  return {
    shared,
    durable: mark<Seq>(shared, 0),
    trimmed: mark<Seq>(shared, 1),
    owner: mark<number>(shared, 2),
    opened: mark<number>(shared, 3),
    roomWanted: counter(shared, 4),
  };
}

function counter(shared: SharedArrayBuffer, place: number): JournalMarks['roomWanted'] {
  const value = new BigInt64Array(shared, place * SHARDS_MAX * BigInt64Array.BYTES_PER_ELEMENT, 1);
  return {
    get: () => Number(Atomics.load(value, 0)),
    add: (bytes) => void Atomics.add(value, 0, BigInt(bytes)),
  };
}

function mark<T extends number>(shared: SharedArrayBuffer, place: number): Mark<T> {
  const bytes = SHARDS_MAX * BigInt64Array.BYTES_PER_ELEMENT;
  const values = new BigInt64Array(shared, place * bytes, SHARDS_MAX);
  return {
    get: (shard) => Number(Atomics.load(values, shard)) as T,
    raise: (shard, value) => {
      const wanted = BigInt(value);
      let held = Atomics.load(values, shard);
      while (held < wanted) {
        const seen = Atomics.compareExchange(values, shard, held, wanted);
        if (seen === held) return;
        held = seen;
      }
    },
  };
}

/**
 * How far each shard is durable, shared by the threads of one process. An entry that is in a stream
 * can be read at once, but it has been synced only when the reply to its append came; so readers
 * stop at this mark and never at the stream's end.
 */
import { type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';

export interface DurableSeqs {
  get(shard: ShardId): Seq;
  /** A commit was acknowledged. */
  raise(shard: ShardId, seq: Seq): void;
  /**
   * A writer has opened the shard: this is where it stands, though it may have stood further before
   * a loss.
   */
  set(shard: ShardId, seq: Seq): void;
  /**
   * Unix milliseconds since when the stream has every entry, as far as its writer knows; 0 where it
   * does not.
   */
  sinceMs(shard: ShardId): number;
  setSince(shard: ShardId, ms: number): void;
  /**
   * After which sequence the history of the shard begins (`startKey` in entry.ts); 0: nothing was
   * lost.
   */
  beganAfter(shard: ShardId): Seq;
  setBeganAfter(shard: ShardId, seq: Seq): void;
}

const SHARDS = SHARDS_MAX + 1;

/**
 * The buffer that all threads of one process are given: the sequences of all shards, then the
 * times, then the beginnings.
 */
export function createDurableBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * SHARDS * BigInt64Array.BYTES_PER_ELEMENT);
}

export function durableSeqs(shared: SharedArrayBuffer): DurableSeqs {
  const seqs = new BigInt64Array(shared);
  return {
    get: (shard) => Number(Atomics.load(seqs, shard)) as Seq,
    // Only the thread that owns the shard writes: there is nothing to compare and swap against.
    raise: (shard, seq) => {
      if (BigInt(seq) > Atomics.load(seqs, shard)) Atomics.store(seqs, shard, BigInt(seq));
    },
    set: (shard, seq) => void Atomics.store(seqs, shard, BigInt(seq)),
    sinceMs: (shard) => Number(Atomics.load(seqs, SHARDS + shard)),
    setSince: (shard, ms) => void Atomics.store(seqs, SHARDS + shard, BigInt(ms)),
    beganAfter: (shard) => Number(Atomics.load(seqs, 2 * SHARDS + shard)) as Seq,
    setBeganAfter: (shard, seq) => void Atomics.store(seqs, 2 * SHARDS + shard, BigInt(seq)),
  };
}

/**
 * A sequence per shard that one thread writes and all read: how far the projector has come. Shared
 * memory, so that readers need no message.
 */
import { asSeq, type Seq, SHARDS_MAX, type ShardId } from '../domain/ids.js';

export interface Watermarks {
  readonly shared: SharedArrayBuffer;
  get(shard: ShardId): Seq;
  set(shard: ShardId, seq: Seq): void;
}

export function createWatermarks(shared = new SharedArrayBuffer(SHARDS_MAX * 8)): Watermarks {
  const seqs = new BigInt64Array(shared);
  return {
    shared,
    get: (shard) => asSeq(Number(Atomics.load(seqs, shard))),
    set: (shard, seq) => void Atomics.store(seqs, shard, BigInt(seq)),
  };
}

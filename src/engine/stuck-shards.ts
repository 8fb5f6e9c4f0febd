/**
 * Which shards can't be projected, in shared memory: the projector writes it; `/readyz` and the
 * metrics read it.
 */
import { asShardId, SHARDS_MAX, type ShardId } from '../domain/ids.js';

export interface StuckShards {
  readonly shared: SharedArrayBuffer;
  has(shard: ShardId): boolean;
  set(shard: ShardId, isStuck: boolean): void;
  list(): ShardId[];
}

export function createStuckShards(shared = new SharedArrayBuffer(SHARDS_MAX * 4)): StuckShards {
  const flags = new Int32Array(shared);
  const has = (shard: ShardId): boolean => Atomics.load(flags, shard) === 1;
  return {
    shared,
    has,
    set: (shard, isStuck) => void Atomics.store(flags, shard, isStuck ? 1 : 0),
    list: () => [...flags.keys()].map(asShardId).filter(has),
  };
}

/**
 * Ids of batches of codes. They are unique over all shards:
 *
 *     id = counter * shardCount + shard          counter: 1, 2, 3, …; no batch has the id 0
 *
 * The shards give them out, and PostgreSQL, which holds the rows, chooses none. A counter that was
 * used once is not used again.
 */
import type { ShardId } from './ids.js';

/** PostgreSQL's `integer`. */
export const BATCH_ID_MAX = 2 ** 31 - 1;

export const idOf = (counter: number, shardCount: number, shard: ShardId): number => counter * shardCount + shard;

export const counterOf = (batchId: number, shardCount: number): number => Math.floor(batchId / shardCount);

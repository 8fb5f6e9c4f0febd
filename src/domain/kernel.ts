/**
 * What the kernel keeps of one shard, whatever its features are: the sequence of the last event and
 * the memory of idempotency keys. Each feature adds a slice of state of its own.
 */
import type { HashKey } from '../tables/keyed-hash.js';
import { IdempotencyMemory, type MemoryTally } from './idempotency-memory.js';
import { asSeq, type Seq, type ShardId } from './ids.js';

export interface StateOptions {
  readonly shard: ShardId;
  /** Of the installation: ids of batches are dealt out to the shards in turn. */
  readonly shardCount: number;
  /** Lease of a lock where neither request nor book says. */
  readonly lockTtlMs: number;
  readonly idempotencyTtlMs: number;
  /** For all shards that share `idempotencyTally`; for this one alone where none is given. */
  readonly idempotencyBytesMax: number;
  readonly idempotencyTally?: MemoryTally;
  /**
   * Hash key of the tables, secret and new in each process. No visible result depends on it.
   */
  readonly hashKey: HashKey;
}

export class ShardKernel {
  readonly options: StateOptions;
  readonly remembered: IdempotencyMemory;
  /** Sequence of the last event applied. */
  seq: Seq = asSeq(0);

  constructor(options: StateOptions) {
    this.options = options;
    this.remembered = new IdempotencyMemory({
      hashKey: options.hashKey,
      ttlMs: options.idempotencyTtlMs,
      bytesMax: options.idempotencyBytesMax,
      ...(options.idempotencyTally === undefined ? {} : { tally: options.idempotencyTally }),
    });
  }
}

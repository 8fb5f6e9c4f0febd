/**
 * The batches of a shard that are neither live nor given up, and the ids that are left for others.
 */
import { counterOf, idOf } from '../../domain/batch-ids.js';
import type { ShardId } from '../../records/ids.js';
import type { OpenBatch } from '../../records/values.generated.js';

/**
 * Those of requests under way are a few dozen. Others were left by a process that died, and stay
 * until the time of their idempotency key is over.
 */
export const OPEN_BATCHES_MAX = 1_000;

/** About what a batch takes in memory, besides its ranges. */
const BATCH_BYTES = 400;
const RANGE_BYTES = 32;

export class OpenBatches {
  readonly #shard: ShardId;
  readonly #shardCount: number;
  readonly #batches = new Map<number, OpenBatch>();
  /** Of the last id that was given out. */
  #counter = 0;

  constructor(shard: ShardId, shardCount: number) {
    this.#shard = shard;
    this.#shardCount = shardCount;
  }

  get count(): number {
    return this.#batches.size;
  }

  has(batchId: number): boolean {
    return this.#batches.has(batchId);
  }

  /** In the order in which they were opened. */
  all(): IterableIterator<OpenBatch> {
    return this.#batches.values();
  }

  nextId(): number {
    return idOf(this.#counter + 1, this.#shardCount, this.#shard);
  }

  open({ batchId, bookId, caller, key, fingerprint, openedMs, content }: OpenBatch): void {
    if (this.#batches.has(batchId)) throw new Error(`batch ${batchId} is open already`);
    this.#batches.set(batchId, { batchId, bookId, caller, key, fingerprint, openedMs, content });
    this.skipThrough(counterOf(batchId, this.#shardCount));
  }

  close(batchId: number): void {
    this.#batches.delete(batchId);
  }

  /** Gives out no id of this counter or of one before it. */
  skipThrough(counter: number): void {
    this.#counter = Math.max(this.#counter, counter);
  }

  bytes(): number {
    let bytes = 0;
    for (const { content } of this.#batches.values()) {
      bytes += BATCH_BYTES + (content.kind === 'generated' ? content.ranges.length * RANGE_BYTES : 0);
    }
    return bytes;
  }
}

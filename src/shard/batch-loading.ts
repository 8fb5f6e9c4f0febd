/** Batches whose codes are being loaded from PostgreSQL into memory, while others are served. */
import type { StagedBatch } from '../domain/command.js';
import type { ShardState } from '../features/shard-state.js';
import { type StagingOptions, stageBatch, stageClaim } from './recovery.js';

interface BatchLoading {
  isLoading(batchId: number): boolean;
  /**
   * Loads a batch once, even if many requests name it at the same time. `isClaim`: its one code is
   * that of a promotion.
   */
  load(state: ShardState, batch: StagedBatch, isClaim: boolean): Promise<void>;
  /** The states were dropped, and with them what was being loaded into them. */
  reset(): void;
}

export function createBatchLoading(options: StagingOptions): BatchLoading {
  let loading = new Map<number, Promise<void>>();
  return {
    isLoading: (batchId) => loading.has(batchId),
    load(state, batch, isClaim) {
      const underWay = loading.get(batch.batchId);
      if (underWay !== undefined) return underWay;
      const mine = loading;
      const staged = isClaim
        ? stageClaim(state, options, batch)
        : stageBatch(state, options, state.options.shard, batch, undefined);
      const loaded = staged
        .catch((error: unknown) => {
          state.coupons.unstage(batch.batchId);
          throw error;
        })
        .finally(() => mine.delete(batch.batchId));
      loading.set(batch.batchId, loaded);
      return loaded;
    },
    reset() {
      loading = new Map();
    },
  };
}

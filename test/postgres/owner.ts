/** What staging asks of the shards, answered by a test: ids in turn, and what each batch is. */

import { asBookId } from '../../src/domain/ids.js';
import type { BatchFate } from '../../src/domain/outcome.js';
import type { BatchOwner, ControlStore } from '../../src/postgres/store.js';
import type { BatchContent } from '../../src/records/batch-content.js';

export interface TestOwner extends BatchOwner {
  readonly opened: { readonly batchId: number; readonly content: BatchContent }[];
  readonly givenUp: number[];
  /** Batches that were asked about. */
  readonly asked: number[];
  /** Those that are not in it are live. */
  readonly fates: Map<number, BatchFate>;
}

export function createOwner(store: Pick<ControlStore, 'discardBatch'>, firstId = 1): TestOwner {
  let next = firstId;
  const opened: TestOwner['opened'] = [];
  const givenUp: number[] = [];
  const asked: number[] = [];
  const fates = new Map<number, BatchFate>();
  return {
    opened,
    givenUp,
    asked,
    fates,
    adopt: async () => null,
    keep: async () => null,
    async open(content) {
      opened.push({ batchId: next, content });
      return next++;
    },
    async giveUp(batchId) {
      givenUp.push(batchId);
    },
    async settle(holders) {
      const of = (fate: BatchFate) =>
        holders.map(({ batchId }) => batchId).filter((batchId) => (fates.get(batchId) ?? 'live') === fate);
      asked.push(...holders.map(({ batchId }) => batchId));
      for (const batchId of of('givenUp')) await store.discardBatch(batchId);
      return { live: of('live'), open: of('open') };
    },
  };
}

export const OTHER_BOOK = asBookId('01890000-0000-7000-8000-0000000000ff');

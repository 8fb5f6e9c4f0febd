/** The snapshot side: a fold per shard that lags behind the journal and now and then can't be reached. */
import type { ShardId } from '../../src/domain/ids.js';
import { asSeq } from '../../src/domain/ids.js';
import { decodeChanges } from '../../src/journal/codec.js';
import type { SnapshotLoader, SnapshotSink } from '../../src/postgres/store.js';
import { away } from './away.js';
import { type CodesOfBatch, type Fold, foldChange, newFold } from './fold.js';
import type { SeededRandom } from './seeded-random.js';
import type { Medium } from './sim-journal.js';

export interface SimStore {
  readonly loader: SnapshotLoader;
  checkpoint(shard: ShardId): number;
  /** Projects some of what is settled. */
  project(shard: ShardId, settledSeq: number): void;
}

export function createSimStore(
  random: SeededRandom,
  medium: Medium,
  codesOf: CodesOfBatch,
  options: { readonly keyTtlMs: number; readonly faults: () => number },
): SimStore {
  const folds = new Map<ShardId, Fold>();
  const foldOf = (shard: ShardId): Fold => {
    let fold = folds.get(shard);
    if (fold === undefined) {
      fold = newFold();
      folds.set(shard, fold);
    }
    return fold;
  };
  const mayFail = (): void => {
    if (random.chance(options.faults())) throw away('the store is away');
  };

  return {
    checkpoint: (shard) => foldOf(shard).seq,
    project(shard, settledSeq) {
      const fold = foldOf(shard);
      for (const entry of medium.entriesOf(shard)) {
        if (entry.lastSeq <= fold.seq) continue;
        if (entry.lastSeq > settledSeq || random.chance(0.2)) return;
        for (const change of decodeChanges(entry.payload)) foldChange(fold, change, codesOf, options.keyTtlMs);
      }
    },
    loader: {
      async load(shards, rememberedAfterMs, sink) {
        mayFail();
        for (const shard of shards) loadShard(shard, foldOf(shard), rememberedAfterMs, sink);
      },
      async loadBatch({ batchId }, code) {
        mayFail();
        for (const [ordinal, text] of codesOf(batchId).entries()) {
          const bytes = Buffer.from(text);
          code(ordinal, bytes, 0, bytes.length);
        }
      },
      async close() {},
    },
  };
}

function loadShard(shard: ShardId, fold: Fold, rememberedAfterMs: number, sink: SnapshotSink): void {
  sink.checkpoint(shard, fold.seq, fold.seq === 0 ? null : fold.atMs, null);
  for (const book of fold.books.values()) sink.book(shard, book);
  for (const batch of fold.batches) sink.batch(shard, batch);
  for (const [text, code] of fold.codes) {
    const bytes = Buffer.from(text);
    sink.code(shard, code.index, bytes, 0, bytes.length);
    if (code.lastSeq === 0) continue;
    sink.codeState(shard, {
      index: code.index,
      userId: code.userId,
      assignedMs: code.assignedMs,
      lockId: code.lock?.lockId ?? null,
      lockedUntilMs: code.lock?.untilMs ?? null,
      redemptionCount: code.redemptionCount,
      lastSeq: asSeq(code.lastSeq),
    });
  }
  for (const [redemptionId, { index, userId, atMs, rolledBack }] of fold.redemptions) {
    sink.redemption(shard, { redemptionId, index, userId, atMs, rolledBack });
  }
  const remembered = [...fold.keys.values()].filter(({ atMs }) => atMs > rememberedAfterMs);
  for (const row of remembered.sort((a, b) => a.atMs - b.atMs)) sink.remembered(shard, row);
}

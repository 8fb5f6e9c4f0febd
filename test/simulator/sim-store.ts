/**
 * The snapshot side: a fold per shard that lags behind the journal and now and then can't be reached. One process at a
 * time may write to it, as PostgreSQL's lease and the check in each checkpoint's transaction have it.
 */
import type { ShardId } from '../../src/domain/ids.js';
import { asSeq } from '../../src/domain/ids.js';
import type { JournalReader } from '../../src/journal/journal.js';
import type { SnapshotLoader, SnapshotSink } from '../../src/postgres/store.js';
import { away } from './away.js';
import { type CodesOfBatch, type Fold, foldChange, newFold } from './fold.js';
import type { Host } from './host.js';
import type { SeededRandom } from './seeded-random.js';
import type { Truth } from './truth.js';

export interface SimStore {
  loaderFor(host: Host): SnapshotLoader;
  checkpoint(shard: ShardId): number;
  /** This process writes from now on, and no earlier one. */
  take(host: Host): void;
  /** Projects some of what the process's journal shows. False: another process writes by now. */
  project(host: Host, reader: JournalReader, shard: ShardId): Promise<boolean>;
}

const READ_BYTES = 1 << 20;

export function createSimStore(
  random: SeededRandom,
  truth: Truth,
  codesOf: CodesOfBatch,
  options: { readonly keyTtlMs: number; readonly faults: () => number },
): SimStore {
  const folds = new Map<ShardId, Fold>();
  let writer: Host | null = null;
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
    take(host) {
      writer = host;
    },
    async project(host, reader, shard) {
      const fold = foldOf(shard);
      host.noteAsync();
      const read = await reader.read(shard, fold.seq, READ_BYTES);
      if (writer !== host) return false;
      // What was read is what the truth has (truth.ts), and there it is decoded already.
      for (const { changes } of truth.entriesAfter(shard, fold.seq).slice(0, read.length)) {
        if (random.chance(0.2)) break;
        for (const change of changes) foldChange(fold, change, codesOf, options.keyTtlMs);
      }
      return true;
    },
    loaderFor: (host) => ({
      async load(shards, rememberedAfterMs, sink) {
        host.noteAsync();
        mayFail();
        for (const shard of shards) loadShard(shard, foldOf(shard), rememberedAfterMs, sink);
      },
      async loadBatch({ batchId }, code) {
        host.noteAsync();
        mayFail();
        for (const [ordinal, text] of codesOf(batchId).entries()) {
          const bytes = Buffer.from(text);
          code(ordinal, bytes, 0, bytes.length);
        }
      },
      async close() {},
    }),
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

/**
 * What becomes of staged batches. The journal alone decides which batch is live; everything that a batch has in PostgreSQL besides
 * (its rows, the counters of its codes) is cleared up here, once it is certain.
 *
 *     staged ──▶ its command is answered ──▶ 'live'      its counters are used
 *                                       ├──▶ 'dropped'   its rows go, its counters are free again
 *                                       └──▶ 'unknown'   its shard is asked, as soon as it serves
 *
 * Rows of a batch must not go while its codes may be live, and counters must not be used twice. So an unknown outcome is never
 * guessed: "not live in PostgreSQL" may mean "not projected yet", but a shard that serves has all of its journal. While
 * PostgreSQL or the shard is away it is tried again. What a process leaves at its end, the next one settles at its start: by
 * then it has taken over all shards, so that nobody else can make an old batch live.
 */
import type { BookId } from '../domain/ids.js';
import { batchHolder } from '../postgres/counters.js';
import type { ControlStore, Staging, UnsettledBatch } from '../postgres/store.js';
import { type BatchFate, ControlError, type Engine } from './engine.js';

const RETRY_MS = 500;

export interface BatchesOptions {
  readonly store: ControlStore;
  readonly engine: Engine;
  readonly log: { warn(fields: object, message: string): void };
}

export interface KeptBatch {
  readonly bookId: BookId;
  readonly staging: Staging;
  /** It was made of counters that are reserved. */
  readonly hasCounters: boolean;
  /** Called when its fate is known. */
  readonly onSettled?: () => void;
}

export interface Batches {
  /** Keeps a batch whose command is to be sent, until `settle`. */
  keep(batch: KeptBatch): number;
  /** Resolves when that is done, or when it failed and will be tried again. */
  settle(batchId: number, fate: BatchFate): Promise<void>;
  /** Rejects with `ControlError` while its shard does not serve. */
  isLive(bookId: BookId, batchId: number): Promise<boolean>;
  /** Settles what an earlier process left; all shards serve. Resolves as `settle` does, for those that hold counters. */
  settleLeft(left: readonly UnsettledBatch[]): Promise<void>;
  close(): void;
}

export function createBatches({ store, engine, log }: BatchesOptions): Batches {
  /** Bounded by the requests under way. */
  const kept = new Map<number, KeptBatch>();
  let closing = false;

  async function isLive(bookId: BookId, batchId: number): Promise<boolean> {
    return ask(engine, { kind: 'isBatchLive', bookId, batchId });
  }

  async function settleOnce({ batchId, bookId, hasCounters }: UnsettledBatch, fate: BatchFate): Promise<void> {
    let live = fate === 'unknown' ? await isLive(bookId, batchId) : fate === 'live';
    if (!live) live = !(await store.discardBatch(batchId));
    if (live && hasCounters) await store.dropReservation(batchHolder(batchId));
  }

  async function settleAtLast(batch: UnsettledBatch, fate: BatchFate): Promise<void> {
    while (!closing) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      try {
        await settleOnce(batch, fate);
        return;
      } catch {
        // It was logged at the first time.
      }
    }
  }

  async function settleOrRetry(batch: UnsettledBatch, fate: BatchFate): Promise<void> {
    try {
      await settleOnce(batch, fate);
    } catch (error) {
      log.warn({ err: error, batchId: batch.batchId }, 'a staged batch could not be cleared up and is tried again');
      void settleAtLast(batch, fate);
    }
  }

  return {
    keep(batch) {
      kept.set(batch.staging.batchId, batch);
      return batch.staging.batchId;
    },
    async settle(batchId, fate) {
      const batch = kept.get(batchId);
      if (batch === undefined) return;
      kept.delete(batchId);
      const { bookId, staging, hasCounters, onSettled } = batch;
      if (fate === 'dropped') staging.abandon();
      if (fate === 'live') onSettled?.();
      if (fate !== 'live' || hasCounters) await settleOrRetry({ batchId, bookId, hasCounters }, fate);
      if (fate !== 'live') onSettled?.();
    },
    isLive,
    async settleLeft(left) {
      const settling = left.map((batch) => ({ batch, done: settleOrRetry(batch, 'unknown') }));
      // An upload may have millions of rows to remove, which keep nobody from being served.
      await Promise.all(settling.filter(({ batch }) => batch.hasCounters).map(({ done }) => done));
    },
    close() {
      closing = true;
    },
  };
}

/** A question that a shard answers with yes or no. Rejects with `ControlError` while it does not serve. */
export function ask(
  engine: Engine,
  question: Extract<Parameters<Engine['query']>[0], { kind: 'isBatchLive' | 'isKeyRemembered' }>,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    engine.query(question, null, (reply) => {
      if (reply.kind === 'result' && reply.result.kind === 'answer') resolve(reply.result.isTrue);
      else reject(new ControlError('unavailable', 'This part of the engine is recovering.'));
    });
  });
}

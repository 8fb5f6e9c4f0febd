/**
 * Uploads in one process of the simulation: the real uploads, batches and staging, over the
 * simulated store. What the HTTP thread does around them (src/http/api/staging.ts) is done here.
 */

import { plainUpload } from '../../src/codes/parse.js';
import { createBatches } from '../../src/control/batches.js';
import { createKeyTurns } from '../../src/control/key-turns.js';
import { createUploads } from '../../src/control/uploads.js';
import type { Command, Origin, StagedBatch } from '../../src/domain/command.js';
import type { BookId, ShardId } from '../../src/domain/ids.js';
import { ControlError, type Done, type Engine, NO_BATCH, type UploadReport } from '../../src/engine/engine.js';
import type { Timers } from '../../src/platform/timers.js';
import { createStaging } from '../../src/postgres/staging/staging.js';
import type { CreatePromotion } from '../../src/records/commands.generated.js';
import type { BookSettings } from '../../src/records/values.generated.js';
import type { Host } from './host.js';
import type { SimCodes } from './sim-codes.js';

export type NewPromotion = Omit<CreatePromotion, 'kind' | 'codes'>;

/** Of a promotion, `bookId` is its campaign, and `codes` is its one code. */
export interface UploadRequest {
  readonly bookId: BookId;
  /** The book is made with these codes; null: it is there. */
  readonly settings: BookSettings | null;
  /** The promotion that is made with the code; null: the codes are of a book. */
  readonly promotion: NewPromotion | null;
  readonly codes: readonly string[];
  readonly origin: Origin;
}

export interface SimControl {
  /** All shards serve: what an earlier process left is settled, and uploads are taken. */
  begin(): void;
  /**
   * Stages the codes and hands out the command that makes them live; `settle` is told what became
   * of it. Null: it was refused, and nothing was changed.
   */
  stage(request: UploadRequest): Promise<Staged | null>;
  close(): void;
}

export interface Staged {
  readonly command: Command;
  settle(reply: Done | { readonly kind: 'refused' } | { readonly kind: 'unavailable'; readonly reason: string }): void;
}

export interface SimControlOptions {
  readonly host: Host;
  readonly engine: Engine;
  readonly codes: SimCodes;
  readonly shards: readonly ShardId[];
  readonly keyTtlMs: number;
  readonly nowMs: () => number;
}

const LOG = { warn() {} };
/** Of each upload. One error for all of them: its stack trace would cost more than the upload. */
const NOT_KEPT = new Error('codes are not kept here');

export function createSimControl(options: SimControlOptions): SimControl {
  const { host, engine, codes, shards, keyTtlMs, nowMs } = options;
  const { shardOfBook } = engine;
  const nothing = (): Promise<never> => Promise.reject(new Error('no counters and no jobs are simulated'));
  const timers: Timers = {
    monotonicMs: host.monotonicMs,
    after: host.after,
    every: (periodMs, work) => {
      let isOver = false;
      const again = (): void =>
        host.after(periodMs, () => {
          if (isOver) return;
          work();
          again();
        });
      again();
      return () => {
        isOver = true;
      };
    },
  };
  const batches = createBatches({
    store: {
      stagedBatch: (batchId) => codes.stagedBatch(host, batchId),
      discardBatch: (batchId) => codes.discardBatch(host, batchId),
      settledBatches: async () => [],
      moveReservation: nothing,
      giveBackReservation: nothing,
      dropReservation: nothing,
      jobById: nothing,
    },
    engine,
    keptCodes: {
      write: () => Promise.reject(NOT_KEPT),
      read: async () => false,
      remove: async () => {},
      keptBefore: async () => [],
    },
    keptMs: 0,
    shards,
    shardOfBook,
    nowMs,
    keyTtlMs,
    log: LOG,
    timers,
  });
  const uploads = createUploads({
    store: {
      stage: (shard, bookId) =>
        createStaging({
          url: '',
          use: () => Promise.reject(new Error('the store is simulated')),
          isOwn: false,
          fence: undefined,
          shard,
          bookId,
          collect: (lines) => codes.collect(host, lines),
        }),
    },
    workers: {
      // The codes come valid, and one a line.
      parser: (_shape, take) => {
        let received = 0;
        return {
          async push(bytes) {
            received = bytes.filter((byte) => byte === 0x0a).length;
            await take({ bytes, count: received });
          },
          end: async () => ({ received, valid: received, invalid: 0, errors: [], column: null }),
          close() {},
        };
      },
    },
    batches,
    engine,
    turns: createKeyTurns(),
    shardOfBook,
    nowMs,
    timers,
  });

  async function stageCodes({ bookId, settings, codes: wanted, origin }: UploadRequest): Promise<UploadReport> {
    const { caller, requestId, idempotency } = origin;
    const uploadId = await uploads.uploadBegin(bookId, plainUpload('json'), { caller, requestId });
    try {
      await uploads.uploadChunk(uploadId, new TextEncoder().encode(`${wanted.join('\n')}\n`));
      return await uploads.uploadEnd(uploadId, { idempotency, isCreation: settings !== null });
    } catch (error) {
      await uploads.uploadAbort(uploadId);
      throw error;
    }
  }

  return {
    begin() {
      host.noteAsync();
      codes
        .unsettledBatches(host)
        .then((left) => batches.settleLeft(left))
        .catch(() => {});
    },
    async stage(request) {
      host.noteAsync();
      const { bookId, settings, promotion } = request;
      let report: UploadReport;
      try {
        report = await stageCodes(request);
      } catch (error) {
        if (error instanceof ControlError || !host.isAlive()) return null;
        // The store was away, or this process was replaced.
        return null;
      }
      const { batchId, size, count, received, duplicates } = report;
      if (promotion !== null && batchId !== NO_BATCH && count !== 1) {
        // The code is taken.
        await batches.settle(batchId, 'dropped');
        return null;
      }
      const staged = { batchId, size, count, report: { received, added: count, duplicates } };
      return {
        command: commandOf(bookId, settings, promotion, staged),
        settle(reply) {
          host.noteAsync();
          if (batchId === NO_BATCH) return;
          const end =
            reply.kind === 'done' && !reply.replayed
              ? 'live'
              : reply.kind === 'unavailable' && reply.reason === 'outcomeUnknown'
                ? 'unknown'
                : 'dropped';
          void batches.settle(batchId, end);
        },
      };
    },
    close() {
      batches.close();
      void uploads.close();
    },
  };
}

function commandOf(
  bookId: BookId,
  settings: BookSettings | null,
  promotion: NewPromotion | null,
  codes: StagedBatch,
): Command {
  if (promotion !== null) return { kind: 'createPromotion', ...promotion, codes };
  if (settings === null) return { kind: 'addCodes', bookId, codes };
  return { kind: 'createBook', campaignId: null, discount: null, bookId, settings, codes };
}

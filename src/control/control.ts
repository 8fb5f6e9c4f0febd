/** The main thread's `Control`: accounts, uploads, history, and the state of all parts. */
import type { Seq, ShardId } from '../domain/ids.js';
import { type Control, ControlError, type Readiness } from '../engine/engine.js';
import type { Watermarks } from '../engine/watermarks.js';
import { isAnswer, isDiskFull } from '../postgres/failure.js';
import type { ControlStore } from '../postgres/store.js';
import type { Accounts } from './accounts.js';
import type { Batches } from './batches.js';
import { isConnectionLost } from './connection-lost.js';
import type { Jobs } from './jobs.js';
import type { Uploads } from './uploads.js';
import type { UsageCounts } from './usage-counts.js';
import type { Verifications } from './verifications.js';

/** How long a history or statistics waits for the projection to reach its last event. */
const HISTORY_WAIT_MS = 3000;
const HISTORY_POLL_MS = 10;

export interface ControlOptions {
  readonly store: ControlStore;
  readonly accounts: Accounts;
  readonly uploads: Uploads;
  readonly generations: Pick<Control, 'generate'>;
  readonly batches: Batches;
  readonly jobs: Jobs;
  readonly usageCounts: UsageCounts;
  readonly products: Pick<Control, 'homeOfProduct' | 'settleProduct'>;
  readonly checkpoints: Watermarks;
  /** How far the journal of each shard is durable. */
  readonly durable: Pick<Watermarks, 'get'>;
  readonly shards: readonly ShardId[];
  /** Tells the projector that a request waits for it. */
  readonly catchUpProjector: () => void;
  readonly verification: Verifications;
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: () => Promise<string>;
  readonly log: { warn(fields: object, message: string): void };
}

export function createControl({
  store,
  accounts,
  uploads,
  generations,
  batches,
  jobs,
  usageCounts,
  products,
  checkpoints,
  durable,
  shards,
  catchUpProjector,
  verification,
  readiness,
  metrics,
  log,
}: ControlOptions): Control {
  /** PostgreSQL may be down: callers get an answer, and the log has the reason. */
  const orUnavailable =
    <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      try {
        return await work(...args);
      } catch (error) {
        if (error instanceof ControlError) throw error;
        log.warn({ err: error }, 'PostgreSQL could not answer');
        throw new ControlError('unavailable', detailOf(error));
      }
    };

  /**
   * The same for a change, which may have been made where the connection broke after it was sent.
   */
  const orUnknown =
    <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> =>
      orUnavailable(async (...all: Args) => {
        try {
          return await work(...all);
        } catch (error) {
          if (!isConnectionLost(error)) throw error;
          log.warn({ err: error }, 'the connection to PostgreSQL broke during a change');
          throw new ControlError('outcomeUnknown', 'The connection to the database broke.');
        }
      })(...args);

  async function projected(shard: ShardId, seq: Seq): Promise<void> {
    if (checkpoints.get(shard) >= seq) return;
    catchUpProjector();
    const deadline = performance.now() + HISTORY_WAIT_MS;
    while (checkpoints.get(shard) < seq) {
      if (performance.now() > deadline) {
        throw new ControlError('unavailable', 'The database has not caught up with the latest changes yet.');
      }
      await new Promise((resolve) => setTimeout(resolve, HISTORY_POLL_MS));
    }
  }

  return {
    signIn: orUnavailable(accounts.signIn),
    createUser: orUnknown(accounts.create),
    accountById: orUnavailable((id) => store.accountById(id)),
    history: orUnavailable(async (shard, code, dependsOn, beforeSeq, limit) => {
      await projected(shard, dependsOn);
      return store.history(shard, code, beforeSeq, limit);
    }),
    usageStats: orUnavailable(async (asked, dependsOn) => {
      await projected(asked.shard, dependsOn);
      return store.usageStats(asked);
    }),
    usageGroups: orUnavailable(async (asked) => {
      await Promise.all(shards.map((shard) => projected(shard, durable.get(shard))));
      return store.usageGroups(asked);
    }),
    promotionUses: orUnavailable(async (asked, shard, dependsOn) => {
      await projected(shard, dependsOn);
      return store.promotionUses(asked);
    }),
    countUsage: async (counts) => usageCounts.add(counts),
    homeOfProduct: (productId, shard) => products.homeOfProduct(productId, shard),
    settleProduct: (productId, isThere) => products.settleProduct(productId, isThere),
    uploadBegin: orUnavailable(uploads.uploadBegin),
    uploadChunk: orUnavailable(uploads.uploadChunk),
    uploadEnd: orUnavailable(uploads.uploadEnd),
    uploadAbort: orUnavailable(uploads.uploadAbort),
    uploadProgress: uploads.uploadProgress,
    generate: orUnavailable(generations.generate),
    settleBatch: batches.settle,
    generateJob: orUnknown(jobs.generateJob),
    job: orUnavailable(jobs.job),
    cancelJob: orUnknown(jobs.cancelJob),
    verify: async () => verification.begin(),
    verification: async (id) => verification.get(id),
    readiness,
    metrics,
  };
}

function detailOf(error: unknown): string {
  if (isDiskFull(error)) return 'The disk of the database is full.';
  if (isAnswer(error)) return 'The database can not do this right now.';
  return 'The database can not be reached right now.';
}

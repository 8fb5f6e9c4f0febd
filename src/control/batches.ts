/**
 * Batches of codes between their intent and their end. The journal of its shard alone decides
 * whether a batch is open, live or given up; the main thread asks the shard, and updates or removes
 * the rows of the batch and the counters of its codes in PostgreSQL accordingly.
 *
 *     take ─▶ open ─▶ rows are staged ─▶ its command is answered ──▶ 'live'      its counters are used
 *                                                               ├──▶ 'dropped'   it is given up, then its rows go, then its
 *                                                               │                counters are free again
 *                                                               └──▶ 'unknown'   its shard is asked, as soon as it serves
 *
 * Rows must not be removed while their codes may be live, so only rows of a given-up batch are
 * removed. "Not live in PostgreSQL" is not enough: the batch may not be projected yet. While
 * PostgreSQL or the shard is not available, this is tried again.
 *
 * An open batch without an owner was left by a process that died, or its end was not received. If a
 * job will resume it, it stays. If it has an idempotency key and all of its rows are there, it
 * stays until the key expires, and a repeated request with that key and the same fingerprint adopts
 * it. All others are given up: at the start, and then every `ORPHANS_EVERY_MS`.
 */

import type { BookId, ShardId } from '../domain/ids.js';
import type { BatchFate } from '../domain/outcome.js';
import { askFate, askOpenBatches, tellBatch } from '../engine/asking.js';
import { type BatchEnd, ControlError, type Engine } from '../engine/engine.js';
import { realTimers, type Timers } from '../platform/timers.js';
import { batchHolder } from '../postgres/staging/counters.js';
import type { BatchOwner, ControlStore, CounterHolder, Holder, KeptWriter, UnsettledBatch } from '../postgres/store.js';
import type { BatchContent } from '../records/batch-content.js';
import type { OpenBatch } from '../records/values.generated.js';
import { jobOfKey } from './job-key.js';
import type { KeptCodes, KeptIntent } from './kept-codes.js';

const RETRY_MS = 500;
const ORPHANS_EVERY_MS = 10_000;
const FORGET_KEPT_EVERY_MS = 10 * 60_000;
/** How long an upload waits for an open batch that has one of its codes. */
const OPEN_WAIT_MS_MAX = 5_000;
const OPEN_POLL_MS = 50;
const BY_ITSELF = { caller: 'system', requestId: '' };

/** The part of the store that batches need. */
type BatchStore = Pick<
  ControlStore,
  | 'stagedBatch'
  | 'discardBatch'
  | 'settledBatches'
  | 'moveReservation'
  | 'giveBackReservation'
  | 'dropReservation'
  | 'jobById'
>;

interface BatchesOptions {
  readonly store: BatchStore;
  readonly engine: Engine;
  readonly keptCodes: KeptCodes;
  /** How long codes are kept at least. */
  readonly keptMs: number;
  readonly shards: readonly ShardId[];
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly nowMs: () => number;
  /** How long an idempotency key is good. */
  readonly keyTtlMs: number;
  readonly log: { warn(fields: object, message: string): void };
  readonly timers?: Timers;
}

/** Who adds a batch. */
interface BatchRequest {
  readonly bookId: BookId;
  /** The book is made by the same command. */
  readonly isCreation: boolean;
  readonly caller: string;
  readonly requestId: string;
  readonly key: string | null;
  readonly fingerprint: number | null;
  /**
   * Holder of the counters of its codes: they are transferred to the batch. Null: there are none,
   * or they stay with their holder.
   */
  readonly counters: CounterHolder | null;
  /** Called once, when the end of the batch is known. */
  readonly onSettled: () => void;
}

/** One batch, owned by its request until `settle` or `drop`. */
export interface BatchHand extends BatchOwner {
  /**
   * The request fails: nothing is left of it. Resolves when that is done, or when it failed and
   * will be tried again.
   */
  drop(): Promise<void>;
  /** Ends the ownership: another part continues with the batch. */
  release(): void;
}

export interface Batches {
  take(request: BatchRequest): BatchHand;
  /**
   * Of an owned batch. Resolves when that is done, or when it failed and will be tried again.
   */
  settle(batchId: number, end: BatchEnd): Promise<void>;
  /** Rejects with `ControlError` while its shard does not serve; so does `giveUp`. */
  fateOf(batch: Holder): Promise<BatchFate>;
  /** Gives an open batch up, and returns its state. Its rows stay. */
  giveUp(batch: Holder): Promise<Exclude<BatchFate, 'open'>>;
  /**
   * Gives up batches without an owner, and settles those that an earlier process left; all shards
   * serve. Resolves as `settle` does, for those that hold counters.
   */
  settleLeft(left: readonly UnsettledBatch[]): Promise<void>;
  close(): void;
}

interface InHand {
  readonly bookId: BookId;
  readonly request: BatchRequest;
}

export function createBatches(options: BatchesOptions): Batches {
  const { store, engine, keptCodes, keptMs, shards, shardOfBook, nowMs, keyTtlMs, log } = options;
  const { timers = realTimers } = options;
  /** Bounded by the requests under way. */
  const inHand = new Map<number, InHand>();
  /** Intents that are being journaled: they have no owner yet. */
  const opening = new Set<Promise<unknown>>();
  let closing = false;

  const fateOf = ({ bookId, batchId }: Holder): Promise<BatchFate> => askFate(engine, bookId, batchId);

  async function giveUp({ bookId, batchId }: Holder): Promise<Exclude<BatchFate, 'open'>> {
    const outcome = await tellBatch(engine, { kind: 'giveUpBatch', bookId, batchId }, BY_ITSELF);
    if (outcome.kind !== 'batchSettled') throw new Error(`a ${outcome.kind} for a batch that is given up`);
    return outcome.fate;
  }

  // ─── A batch in hand ─────────────────────────────────────────────────────────────────────────────────────────

  function take(request: BatchRequest): BatchHand {
    let current: number | null = null;
    let { counters } = request;

    function hold({ batchId, bookId }: Holder): void {
      current = batchId;
      inHand.set(batchId, { bookId, request });
    }

    async function open(content: BatchContent): Promise<number> {
      for (;;) {
        const { batch, isNew } = await intend(request, content, hold);
        const { batchId } = batch;
        if (!isNew) {
          await settleOnce({ ...batch, hasCounters: true }, 'dropped');
          continue;
        }
        if (counters !== null) {
          await store.moveReservation(counters, batchHolder(batchId));
          counters = batchHolder(batchId);
        }
        return batchId;
      }
    }

    async function adopt(): ReturnType<BatchOwner['adopt']> {
      const left =
        request.key === null ? undefined : (await askOpenBatches(engine, shardOfBook(request.bookId))).find(isSame);
      if (left === undefined) return null;
      const { batchId, bookId, fingerprint } = left;
      const staged = fingerprint === request.fingerprint ? await store.stagedBatch(batchId) : null;
      if (staged === null) {
        await settleOnce({ batchId, bookId, hasCounters: true }, 'dropped');
        return null;
      }
      hold(left);
      return { batchId, bookId, ...staged };
    }

    /** A repeated creation has another book id. */
    function isSame({ bookId, caller, key, batchId }: OpenBatch): boolean {
      const isOfBook = request.isCreation || bookId === request.bookId;
      return isOfBook && caller === request.caller && key === request.key && !inHand.has(batchId);
    }

    return {
      adopt,
      open,
      keep: (batchId, content) => keep({ batchId, bookId: request.bookId, content }),
      async giveUp(batchId) {
        if (batchId !== current) throw new Error(`batch ${batchId} has another owner`);
        if ((await giveUp({ bookId: request.bookId, batchId })) === 'live') throw new Error(`batch ${batchId} is live`);
        inHand.delete(batchId);
        current = null;
      },
      settle: settleHolders,
      async drop() {
        // A batch gives back its own counters.
        const left = current !== null && counters === batchHolder(current) ? null : counters;
        if (left !== null) await orRetry(() => store.giveBackReservation(left));
        if (current !== null) await settle(current, 'dropped');
        else request.onSettled();
      },
      release() {
        if (current !== null) inHand.delete(current);
      },
    };
  }

  /**
   * An upload does not fail because its codes can't be kept: they are needed only when PostgreSQL
   * is restored from a backup.
   */
  async function keep(intent: KeptIntent): Promise<KeptWriter | null> {
    let isBroken = false;
    const orWarn = async (work: () => Promise<void>): Promise<void> => {
      if (isBroken) return;
      try {
        await work();
      } catch (error) {
        isBroken = true;
        log.warn({ err: error, batchId: intent.batchId }, 'the codes of a batch could not be kept beside the journal');
      }
    };
    let writer: KeptWriter | null = null;
    await orWarn(async () => {
      writer = await keptCodes.write(intent);
    });
    const opened = writer as KeptWriter | null;
    if (opened === null) return null;
    return {
      write: (lines, count) => orWarn(() => opened.write(lines, count)),
      finish: () => orWarn(() => opened.finish()),
      abandon: () => opened.abandon(),
    };
  }

  /**
   * Journals the intent, and registers the owner before the batch could be mistaken for one without
   * an owner.
   */
  async function intend(request: BatchRequest, content: BatchContent, hold: (batch: Holder) => void) {
    const { bookId, caller, key, fingerprint } = request;
    const command = { kind: 'openBatch', bookId, caller, key, fingerprint, content } as const;
    const asked = tellBatch(engine, command, request).then((outcome) => {
      if (outcome.kind !== 'batchOpened') throw new Error(`a ${outcome.kind} for a batch that is opened`);
      if (outcome.isNew) hold(outcome.batch);
      else if (inHand.has(outcome.batch.batchId)) {
        throw new ControlError('unavailable', 'Another request with this idempotency key is under way.');
      }
      return outcome;
    });
    opening.add(asked);
    try {
      return await asked;
    } finally {
      opening.delete(asked);
    }
  }

  async function settleHolders(holders: readonly Holder[]): ReturnType<BatchOwner['settle']> {
    const live: number[] = [];
    const untilMs = timers.monotonicMs() + OPEN_WAIT_MS_MAX;
    for (let left = holders; ; ) {
      const open: Holder[] = [];
      for (const holder of left) {
        // If a shard can't be asked, any state is possible.
        const fate = await fateOf(holder).catch((): BatchFate => 'open');
        if (fate === 'open') open.push(holder);
        else if (fate === 'live') live.push(holder.batchId);
        else await discard(holder);
      }
      if (open.length === 0 || timers.monotonicMs() > untilMs)
        return { live, open: open.map(({ batchId }) => batchId) };
      left = open;
      await pause(OPEN_POLL_MS);
    }
  }

  // ─── The end of a batch ──────────────────────────────────────────────────────────────────────────────────────

  /** `isKept`: it has an idempotency key, whose request may come again. */
  async function settleOnce(batch: UnsettledBatch, end: BatchEnd, isKept = false): Promise<void> {
    let fate: BatchFate = end === 'live' ? 'live' : await fateOf(batch);
    if (fate === 'open' && (end === 'dropped' || !isKept)) fate = await giveUp(batch);
    if (fate === 'givenUp') await discard(batch);
    else if (fate === 'live' && batch.hasCounters) await store.dropReservation(batchHolder(batch.batchId));
  }

  async function discard({ batchId }: Holder): Promise<void> {
    if (!(await store.discardBatch(batchId)))
      throw new Error(`batch ${batchId} was given up, but PostgreSQL has it as live`);
    await keptCodes.remove(batchId);
  }

  async function settle(batchId: number, end: BatchEnd): Promise<void> {
    const held = inHand.get(batchId);
    if (held === undefined) return;
    inHand.delete(batchId);
    const { bookId, request } = held;
    const hasCounters = request.counters !== null;
    if (end === 'live') request.onSettled();
    if (end !== 'live' || hasCounters) {
      await orRetry(() => settleOnce({ batchId, bookId, hasCounters }, end, request.key !== null));
    }
    if (end !== 'live') request.onSettled();
  }

  /** Resolves when `work` is done, or has failed and is tried again. */
  async function orRetry(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.warn({ err: error }, 'a staged batch could not be cleaned up; it is tried again');
      void retry(work);
    }
  }

  async function retry(work: () => Promise<void>): Promise<void> {
    while (!closing) {
      await pause(RETRY_MS);
      try {
        await work();
        return;
      } catch {
        // The first failure was logged.
      }
    }
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => timers.after(ms, resolve));

  // ─── Batches in nobody's hand ────────────────────────────────────────────────────────────────────────────────

  async function endOrphans(end: (batch: OpenBatch) => Promise<unknown>): Promise<void> {
    for (const shard of shards) {
      // Batches that are opened later are not in the list: a shard answers in order.
      const underWay = [...opening];
      const batches = await askOpenBatches(engine, shard);
      await Promise.allSettled(underWay);
      for (const batch of batches) if (!inHand.has(batch.batchId) && (await isOver(batch))) await end(batch);
    }
  }

  async function isOver({ batchId, key, openedMs }: OpenBatch): Promise<boolean> {
    if (key === null) return true;
    const job = jobOfKey(key);
    if (job !== null) return (await store.jobById(job.id))?.status !== 'processing';
    // Without its rows it can't be adopted, and would only hold its counters.
    return openedMs + keyTtlMs <= nowMs() || (await store.stagedBatch(batchId)) === null;
  }

  /**
   * Codes of batches that PostgreSQL has as live, and that every backup within the retention has,
   * need not be kept.
   */
  async function forgetKept(): Promise<void> {
    const old = await keptCodes.keptBefore(nowMs() - keptMs);
    if (old.length === 0) return;
    for (const batchId of await store.settledBatches(old)) await keptCodes.remove(batchId);
  }

  const ends: (() => void)[] = [];

  function lookThroughAtTimes(): void {
    const settleOrphan = (batch: OpenBatch): Promise<void> => settleOnce({ ...batch, hasCounters: true }, 'dropped');
    const every = (ms: number, work: () => Promise<void>, failed: string): void => {
      ends.push(timers.every(ms, () => void work().catch((error: unknown) => log.warn({ err: error }, failed))));
    };
    every(FORGET_KEPT_EVERY_MS, forgetKept, 'kept codes could not be looked through');
    every(ORPHANS_EVERY_MS, () => endOrphans(settleOrphan), 'open batches could not be looked through');
  }

  return {
    take,
    settle,
    fateOf,
    giveUp,
    async settleLeft(left) {
      // Not earlier: a start that can't succeed prints only one line.
      lookThroughAtTimes();
      // What they have in PostgreSQL is in `left`.
      await orRetry(() => endOrphans(giveUp));
      const settling = left.map((batch) => ({ batch, done: orRetry(() => settleOnce(batch, 'unknown', true)) }));
      // An upload may have millions of rows to remove; callers are served meanwhile.
      await Promise.all(settling.filter(({ batch }) => batch.hasCounters).map(({ done }) => done));
    },
    close() {
      closing = true;
      for (const end of ends) end();
    },
  };
}

/**
 * Jobs: work that takes longer than a caller should wait. There is one kind, generating many codes.
 *
 *     asked ─▶ row in `jobs`, counters reserved ─▶ waiting ─▶ workers ─▶ COPY, staged ─▶ addCodes ─▶ completed
 *                                                     └───────────┴────────┴─ cancelled or failed: nothing is left ◀──┘
 *
 * A job survives a restart: it is resumed, and its shard tells the state of its batch. If the batch
 * is live, the job is completed. If it is open and all of its codes are staged, only the command is
 * sent again, with the job's id as its idempotency key. If codes are missing, the batch is given
 * up, and the counters are given back and reserved anew.
 *
 * A job that is cancelled or fails leaves neither codes nor reserved counters, and is reported as
 * ended only after they are removed. Its batch is given up first, in the journal: once that is
 * durable, no command that is still on its way can make it live.
 */
import { uuidv7 } from 'uuidv7';
import type { Pattern } from '../codes/pattern.js';
import { parsePattern } from '../codes/pattern.js';
import { deriveKey } from '../codes/permutation.js';
import type { Origin } from '../domain/command.js';
import { asBookId, type BookId, type ShardId } from '../domain/ids.js';
import type { BatchFate } from '../domain/outcome.js';
import { isKeyRemembered, whenServed } from '../engine/asking.js';
import { type CommandReply, type Control, ControlError, type Engine, type Job } from '../engine/engine.js';
import type { GeneratorKeys } from '../postgres/control/generator-keys.js';
import { jobHolder } from '../postgres/staging/counters.js';
import {
  type BatchOwner,
  CommitUnknown,
  type ControlStore,
  type Holder,
  type JobRow,
  type Staging,
} from '../postgres/store.js';
import type { BatchContent, CounterRange } from '../records/batch-content.js';
import type { Batches, BatchHand } from './batches.js';
import type { CodeWorkers } from './code-workers.js';
import { countersOf, createFreshCodes, tooFewCodes } from './fresh-codes.js';
import { jobKey } from './job-key.js';
import { resultOf } from './job-result.js';
import { requestKeyOf } from './key-turns.js';

/** Jobs that run at once; each holds two connections to PostgreSQL. Others wait in line. */
const RUNNING_MAX = 2;
const WAITING_MAX = 100;
const SAVE_EVERY_MS = 1000;
/**
 * From this many bits on, generated codes are assumed to be new until PostgreSQL says otherwise: a
 * million of them collide with one of a hundred million others about once in 10,000 jobs.
 */
const DIRECT_COPY_BITS_MIN = 60;
const RETRY_MS = 1000;

interface JobsOptions {
  readonly store: ControlStore;
  readonly generatorKeys: GeneratorKeys;
  readonly workers: CodeWorkers;
  readonly engine: Engine;
  readonly batches: Batches;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly mayHaveCode: (code: string) => boolean;
  /** Words that are never codes. */
  readonly reserved: readonly string[];
  readonly nowMs: () => number;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

export type Jobs = Pick<Control, 'generateJob' | 'job' | 'cancelJob'> & {
  /** Resumes the jobs of the last process. */
  resume(): Promise<void>;
  /** Stops without ending the jobs: the next process resumes them. */
  close(): Promise<void>;
};

/** What is needed to resume a job. */
interface Plan {
  readonly bookId: string;
  /** Canonical. */
  readonly pattern: string;
  readonly caller: string;
  readonly requestId: string;
  readonly batchId: number | null;
  /** The caller's idempotency key. Absent in plans of earlier versions. */
  readonly callerKey?: string | null;
}

interface Running {
  row: JobRow;
  plan: Plan;
  /** Its counters; null when they have to be reserved anew. */
  ranges: readonly CounterRange[] | null;
  staging: Staging | null;
  hand: BatchHand | null;
  cancelled: boolean;
  /**
   * Its command may have been sent, here or by an earlier process: only the shard knows whether its
   * codes are live.
   */
  mayBeLive: boolean;
  savedMs: number;
  /** Called when its turn has come, or when it need not wait any more. */
  wake: () => void;
  ended: Promise<void>;
}

type End =
  | { readonly status: 'completed'; readonly batch: Batch; readonly total: number | null }
  | { readonly status: 'failed'; readonly error: string }
  | { readonly status: 'cancelled' };

interface Batch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
}

export function createJobs(options: JobsOptions): Jobs {
  const { store, generatorKeys, workers, engine, batches, shardOfBook, reserved, nowMs, log } = options;
  const running = new Map<string, Running>();
  /** In the order in which they came. */
  const waiting = new Set<Running>();
  let active = 0;
  let closing = false;

  const stopped = (job: Running): boolean => closing || job.cancelled;

  const generateJob: Control['generateJob'] = async ({ bookId, pattern: text, quantity, origin }) => {
    const pattern = patternOf(text, reserved);
    const requestKey = requestKeyOf(origin.caller, bookId, origin.idempotency);
    const fingerprint = origin.idempotency?.fingerprint ?? null;
    const known = requestKey === null ? null : await store.jobByRequestKey(requestKey);
    if (known !== null) return replay(known, fingerprint);
    await refuseKeyOfOther(bookId, origin);
    if (running.size >= WAITING_MAX) throw new ControlError('tooMany', 'Too many jobs are waiting.');
    const counters = countersOf(bookId, pattern, generatorKeys.activeId);
    const { caller, requestId } = origin;
    const callerKey = origin.idempotency?.key ?? null;
    const plan: Plan = { bookId, pattern: pattern.canonical, caller, requestId, batchId: null, callerKey };
    const row: JobRow = {
      id: uuidv7(),
      kind: 'generate',
      status: 'processing',
      done: 0,
      total: quantity,
      startedMs: nowMs(),
      finishedMs: null,
      error: null,
      detail: { plan },
      fingerprint,
    };
    const made = await store.createJob(row, requestKey, counters).catch((error: unknown) => {
      if (!(error instanceof CommitUnknown)) throw error;
      void startIfMade(row, plan);
      throw new ControlError('outcomeUnknown', 'It is not known whether the job was made.');
    });
    if (made.kind === 'earlier') return replay(made.job, fingerprint);
    if (made.kind === 'short') {
      throw await (await createFreshCodes(options, bookId, pattern)).tooFew(made.unreserved, quantity);
    }
    start(row, plan, made.ranges);
    return { job: jobOf(row), replayed: false };
  };

  function replay(row: JobRow, fingerprint: number | null): { job: Job; replayed: true } {
    if (row.fingerprint !== fingerprint) throw keyReused();
    return { job: jobOf(running.get(row.id)?.row ?? row), replayed: true };
  }

  /**
   * A key that the book's shard remembers belongs to another request: those of jobs are remembered
   * with the job.
   */
  async function refuseKeyOfOther(bookId: BookId, { caller, idempotency }: Origin): Promise<void> {
    if (idempotency === null) return;
    const { key } = idempotency;
    if (await isKeyRemembered(engine, { bookId, isCreation: false, caller, key })) throw keyReused();
  }

  /** The connection to PostgreSQL was lost while it created the job. */
  async function startIfMade(row: JobRow, plan: Plan): Promise<void> {
    while (!closing) {
      await pause(RETRY_MS);
      try {
        if ((await store.jobById(row.id)) !== null) start(row, plan, null);
        return;
      } catch (error) {
        log.warn({ err: error, jobId: row.id }, 'it is not known yet whether a job was made');
      }
    }
  }

  // ─── The run ───────────────────────────────────────────────────────────────────────────────────────────────

  function start(row: JobRow, plan: Plan, ranges: readonly CounterRange[] | null): void {
    if (closing) return;
    const job: Running = {
      row,
      plan,
      ranges,
      staging: null,
      hand: null,
      cancelled: false,
      mayBeLive: plan.batchId !== null,
      savedMs: nowMs(),
      wake: () => undefined,
      ended: Promise.resolve(),
    };
    running.set(row.id, job);
    job.ended = inTurn(job).finally(() => running.delete(row.id));
  }

  /** One that is cancelled does not wait for its turn. */
  async function inTurn(job: Running): Promise<void> {
    while (active >= RUNNING_MAX && !stopped(job)) {
      waiting.add(job);
      await new Promise<void>((resolve) => {
        job.wake = resolve;
      });
    }
    waiting.delete(job);
    active++;
    try {
      await run(job);
    } finally {
      active--;
      const [next] = waiting;
      if (next !== undefined && active < RUNNING_MAX) {
        waiting.delete(next);
        next.wake();
      }
    }
  }

  async function run(job: Running): Promise<void> {
    let end = await make(job).catch((caught: unknown): End | null => {
      if (job.cancelled) return { status: 'cancelled' };
      if (closing) return null;
      log.warn({ err: caught, jobId: job.row.id }, 'a job failed');
      const error = caught instanceof ControlError ? caught.message : 'The database could not take the codes.';
      return { status: 'failed', error };
    });
    if (end !== null && end.status !== 'completed') {
      const fate = await fateOf(job, (batch) => batches.giveUp(batch));
      if (fate === null) end = null;
      else if (typeof fate !== 'string') end = { status: 'completed', batch: fate, total: null };
    }
    if (end !== null) await settle(job, end);
    job.hand?.release();
  }

  /** Null when this process ends first. */
  async function make(job: Running): Promise<End | null> {
    const left = await fateOf(job, (batch) => batches.fateOf(batch));
    if (left === null) return null;
    if (typeof left !== 'string') return { status: 'completed', batch: left, total: null };
    job.mayBeLive = false;
    const batch = stopped(job) ? null : ((await wholeBatch(job, left)) ?? (await stage(job)));
    if (batch !== null && !stopped(job)) return addCodes(job, batch);
    return job.cancelled ? { status: 'cancelled' } : null;
  }

  /**
   * What the shard says of the job's batch, by `ask`: the batch where it is live, null when this
   * process ends before that is known. While another process has the shard, the job is no business
   * of this one.
   */
  async function fateOf(
    { plan, row }: Running,
    ask: (batch: Holder) => Promise<BatchFate>,
  ): Promise<Batch | 'open' | 'givenUp' | null> {
    const { batchId } = plan;
    if (batchId === null) return 'givenUp';
    for (;;) {
      try {
        const fate = await ask({ bookId: asBookId(plan.bookId), batchId });
        if (fate !== 'live') return fate;
        const staged = await store.stagedBatch(batchId);
        if (staged === null) throw new Error(`live batch ${batchId} is not in PostgreSQL`);
        return { batchId, ...staged };
      } catch (error) {
        if (closing) return null;
        log.warn({ err: error, jobId: row.id }, 'it is not known yet whether the codes of a job are live');
        await pause(RETRY_MS);
      }
    }
  }

  /**
   * The batch of a run that a restart cut off, if it is open and all of its codes are in; otherwise
   * nothing is left of it.
   */
  async function wholeBatch(job: Running, fate: 'open' | 'givenUp'): Promise<Batch | null> {
    const { bookId, batchId } = job.plan;
    if (batchId === null) return null;
    const staged = fate === 'open' ? await store.stagedBatch(batchId) : null;
    if (staged !== null) return { batchId, ...staged };
    const giveUp = () => batches.giveUp({ bookId: asBookId(bookId), batchId });
    if (fate === 'open') await whenServed(giveUp, () => stopped(job));
    if (!(await store.discardBatch(batchId))) throw new Error(`batch ${batchId} is live, but not for its shard`);
    return null;
  }

  async function stage(job: Running): Promise<Batch | null> {
    const { plan, row } = job;
    const bookId = asBookId(plan.bookId);
    const pattern = patternOf(plan.pattern, reserved);
    const ranges = [...(job.ranges ?? (await reserveAnew(job, pattern)))];
    const content = (order: 'byCode' | 'inRuns'): BatchContent => ({
      kind: 'generated',
      pattern: pattern.canonical,
      keyId: generatorKeys.activeId,
      ranges: [...ranges],
      order,
    });
    const staging = store.stage(shardOfBook(bookId), bookId);
    job.staging = staging;
    const owner = ownerOf(job);
    await save(job, { done: 0 });
    const key = deriveKey(generatorKeys.active, bookId, pattern.canonical);
    const generate = (batchId: number | null, write: Staging['writeRows']) =>
      workers.generate(
        { key, pattern: pattern.canonical, ranges, batchId },
        async ({ bytes, count }) => {
          await write(bytes, count);
          job.row = { ...job.row, done: Math.min(job.row.total, job.row.done + count) };
          if (nowMs() - job.savedMs >= SAVE_EVERY_MS) await save(job, {});
        },
        () => stopped(job),
      );
    if (pattern.keyspaceBits >= DIRECT_COPY_BITS_MIN) {
      const batchId = await owner.open(content('inRuns'));
      const count = await staging.copyRows(batchId, async (write) => {
        await generate(batchId, write);
        // Partly staged codes must not count as the whole batch.
        if (stopped(job)) throw new Error('stopped');
      });
      if (count !== null) return { batchId, size: count, count };
      await owner.giveUp(batchId);
      await save(job, { done: 0 });
    }
    await generate(null, staging.writeRows);
    if (stopped(job)) return null;
    return staging.finish(owner, {
      content: () => content('byCode'),
      async refill(missing) {
        const fresh = await createFreshCodes(options, bookId, pattern);
        const holder = jobHolder(row.id);
        const more = { holder, wanted: missing, ranges, write: staging.writeRows, stopped: () => stopped(job) };
        const count = await fresh.writeMore(more);
        if (stopped(job)) throw new Error('stopped');
        if (count < missing) throw tooFewCodes(pattern, row.total - missing + count, row.total);
        return true;
      },
    });
  }

  /** The job's row names the batch before its rows are in, so that the next process finds them. */
  function ownerOf(job: Running): BatchOwner {
    const { bookId, caller, requestId } = job.plan;
    const hand = batches.take({
      bookId: asBookId(bookId),
      isCreation: false,
      caller,
      requestId,
      key: keyOf(job),
      fingerprint: job.row.fingerprint ?? 0,
      // They stay the job's.
      counters: null,
      onSettled: () => undefined,
    });
    job.hand = hand;
    // A request is refused while its shard is away. A job waits.
    const isOver = (): boolean => stopped(job);
    return {
      ...hand,
      adopt: () => whenServed(hand.adopt, isOver),
      giveUp: (batchId) => whenServed(() => hand.giveUp(batchId), isOver),
      async open(content) {
        const batchId = await whenServed(() => hand.open(content), isOver);
        job.plan = { ...job.plan, batchId };
        await save(job, {});
        return batchId;
      },
    };
  }

  async function reserveAnew({ row, plan }: Running, pattern: Pattern): Promise<readonly CounterRange[]> {
    const bookId = asBookId(plan.bookId);
    const reserved = await store.renewReservation(
      jobHolder(row.id),
      countersOf(bookId, pattern, generatorKeys.activeId),
      row.total,
    );
    if (reserved.kind === 'reserved') return reserved.ranges;
    throw await (await createFreshCodes(options, bookId, pattern)).tooFew(reserved.unreserved, row.total);
  }

  /** Makes the batch live. Null when this process ends first. */
  async function addCodes(job: Running, batch: Batch): Promise<End | null> {
    job.mayBeLive = true;
    const { bookId, caller, requestId } = job.plan;
    const idempotency = { key: keyOf(job), fingerprint: 0 };
    const codes = { ...batch, report: { added: batch.count } };
    for (;;) {
      const reply = await new Promise<CommandReply>((resolve) =>
        engine.command(
          { kind: 'addCodes', bookId: asBookId(bookId), codes },
          { caller, requestId, idempotency },
          resolve,
        ),
      );
      if (reply.kind === 'done') {
        return { status: 'completed', batch, total: reply.outcome.kind === 'codesAdded' ? reply.outcome.total : null };
      }
      if (reply.kind === 'refused') return { status: 'failed', error: reply.detail };
      if (job.cancelled) return { status: 'cancelled' };
      if (closing) return null;
      await pause(reply.retryAfterMs);
    }
  }

  function save(job: Running, change: Partial<JobRow>): Promise<void> {
    job.row = { ...job.row, ...change, detail: { ...job.row.detail, plan: job.plan } };
    job.savedMs = nowMs();
    return store.saveJob(job.row);
  }

  /**
   * Writes the end and removes the leftovers, waiting for PostgreSQL as long as needed. If this
   * process ends first, the next one resumes the job.
   */
  async function settle(job: Running, end: End): Promise<void> {
    if (end.status !== 'completed') job.staging?.abandon();
    const { row, plan } = job;
    for (;;) {
      const detail =
        end.status === 'completed'
          ? { plan, result: resultOf(madePatternOf(plan.pattern), end.batch.count, end.total) }
          : { plan };
      const done = end.status === 'completed' ? row.total : job.row.done;
      const error = end.status === 'failed' ? end.error : null;
      const ended: JobRow = { ...job.row, status: end.status, error, done, detail, finishedMs: nowMs() };
      try {
        if (!(await store.endJob(ended, plan.batchId))) throw new Error(`batch ${plan.batchId} is live`);
        job.row = ended;
        return;
      } catch (caught) {
        if (closing) return;
        log.warn({ err: caught, jobId: row.id }, 'the end of a job could not be written and is tried again');
        await pause(RETRY_MS);
      }
    }
  }

  /** Of codes that are live. An upgrade may have reserved the only words that the pattern makes. */
  function madePatternOf(text: string): Pattern {
    const pattern = parsePattern(text, reserved);
    return pattern.kind === 'patternError' ? patternOf(text, []) : pattern;
  }

  // ─── Asking ────────────────────────────────────────────────────────────────────────────────────────────────

  async function job(jobId: string): Promise<Job | null> {
    const row = running.get(jobId)?.row ?? (await store.jobById(jobId));
    return row === null ? null : jobOf(row);
  }

  async function cancelJob(jobId: string): Promise<Job | null> {
    const under = running.get(jobId);
    if (under === undefined) return job(jobId);
    under.cancelled = true;
    // Work that waits for PostgreSQL fails at once. A command that was sent is awaited.
    if (!under.mayBeLive) under.staging?.abandon();
    under.wake();
    await under.ended;
    return jobOf(under.row);
  }

  return {
    generateJob,
    job,
    cancelJob,
    async resume() {
      for (const row of await store.jobsUnderWay()) {
        log.info({ jobId: row.id }, 'an interrupted job is resumed');
        start(row, row.detail.plan as Plan, null);
      }
    },
    async close() {
      closing = true;
      for (const { staging, wake } of running.values()) {
        staging?.abandon();
        wake();
      }
      await Promise.all([...running.values()].map(({ ended }) => ended));
    },
  };
}

const keyOf = ({ row, plan }: Running): string => jobKey({ id: row.id, callerKey: plan.callerKey ?? null });

const keyReused = (): ControlError =>
  new ControlError('keyReused', 'This idempotency key was used for another request.');

function patternOf(text: string, reserved: readonly string[]): Pattern {
  const pattern = parsePattern(text, reserved);
  if (pattern.kind === 'patternError') throw new ControlError('invalid', pattern.message);
  return pattern;
}

function jobOf({ id, kind, status, done, total, startedMs, finishedMs, error, detail }: JobRow): Job {
  const result = detail.result ?? null;
  return { jobId: id, kind, status, done, total, startedMs, finishedMs, error, result };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

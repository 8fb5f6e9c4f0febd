/**
 * Jobs: what takes longer than a caller should wait. There is one kind, the generating of many codes.
 *
 *     asked ─▶ counters reserved, row in `jobs` ─▶ workers ─▶ COPY, staged ─▶ addCodes ─▶ completed
 *                                └──────────── cancelled or failed: the batch is discarded ◀──┘
 *
 * A job survives a restart: it is taken up again. If its batch was whole by then, only the command is sent again, with the
 * job's id as its idempotency key, so that it has its effect once, whether or not it had been sent before. If not, the batch goes and
 * the same counters are generated again: they give the same codes, and none is wasted.
 */
import { createHash } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import type { Pattern } from '../codes/pattern.js';
import { parsePattern } from '../codes/pattern.js';
import { COUNTER_MAX, deriveKey } from '../codes/permutation.js';
import { asBookId, type BookId, type ShardId } from '../domain/ids.js';
import type { ControlStore, JobRow, Staging } from '../postgres/store.js';
import type { CodeWorkers } from './code-workers.js';
import { type CommandReply, type Control, ControlError, type Engine, type GenerateJob, type Job } from './engine.js';

/** Jobs that run at once; each holds two connections to PostgreSQL. Others wait in line. */
const RUNNING_MAX = 2;
const WAITING_MAX = 100;
const SAVE_EVERY_MS = 1000;
/**
 * From here on generated codes are taken to be new until PostgreSQL says otherwise: a million of them meet one of a hundred
 * million others about once in 10,000 jobs.
 */
const STRAIGHT_BITS_MIN = 60;
const RETRY_MS = 1000;

export interface JobsOptions {
  readonly store: ControlStore;
  readonly workers: CodeWorkers;
  readonly engine: Engine;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  /** Words that are never codes. */
  readonly reserved: readonly string[];
  readonly nowMs: () => number;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

export type Jobs = Pick<Control, 'generateJob' | 'job' | 'cancelJob'> & {
  /** Takes up what the last process left. */
  resume(): Promise<void>;
  /** Stops without an end: the next process takes them up. */
  close(): Promise<void>;
};

/** What a job needs to be taken up again. */
interface Plan {
  readonly bookId: string;
  /** Canonical. */
  readonly pattern: string;
  readonly from: number;
  readonly caller: string;
  readonly requestId: string;
  readonly batchId: number | null;
}

interface Running {
  row: JobRow;
  plan: Plan;
  staging: Staging | null;
  cancelled: boolean;
  /** Its command has been sent: it can't be cancelled any more, since its codes may be live. */
  committing: boolean;
  savedMs: number;
  ended: Promise<void>;
}

export function createJobs(options: JobsOptions): Jobs {
  const { store, workers, engine, shardOfBook, reserved, nowMs, log } = options;
  const running = new Map<string, Running>();
  const waiting: (() => void)[] = [];
  let active = 0;
  let closing = false;

  const stopped = (job: Running): boolean => closing || job.cancelled;

  const generateJob: Control['generateJob'] = async ({ bookId, pattern: text, quantity, origin }) => {
    const pattern = parsePattern(text, reserved);
    if (pattern.kind === 'patternError') throw new ControlError('invalid', pattern.message);
    const requestKey = requestKeyOf(bookId, origin);
    const fingerprint = origin.idempotency?.fingerprint ?? null;
    const known = requestKey === null ? null : await store.jobByRequestKey(requestKey);
    if (known !== null) return replay(known, fingerprint);
    if (running.size >= WAITING_MAX) throw new ControlError('tooMany', 'Too many jobs are waiting.');
    const from = await reserve(bookId, pattern, quantity);
    const { caller, requestId } = origin;
    const plan: Plan = { bookId, pattern: pattern.canonical, from, caller, requestId, batchId: null };
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
    const earlier = await store.createJob(row, requestKey);
    if (earlier !== null) return replay(earlier, fingerprint);
    start(row, plan);
    return { job: jobOf(row), replayed: false };
  };

  function replay(row: JobRow, fingerprint: number | null): { job: Job; replayed: true } {
    if (row.fingerprint !== fingerprint)
      throw new ControlError('keyReused', 'This idempotency key was used for another request.');
    return { job: jobOf(running.get(row.id)?.row ?? row), replayed: true };
  }

  async function reserve(bookId: BookId, pattern: Pattern, quantity: number): Promise<number> {
    const counters = Math.min(Number(pattern.keyspace), COUNTER_MAX);
    if (counters < quantity) throw tooFew(pattern, counters, quantity);
    const from = await store.reserveCounters(bookId, pattern.canonical, quantity);
    if (from + quantity > counters) throw tooFew(pattern, Math.max(0, counters - from), quantity);
    return from;
  }

  // ─── The run ───────────────────────────────────────────────────────────────────────────────────────────────

  function start(row: JobRow, plan: Plan): void {
    const job: Running = {
      row,
      plan,
      staging: null,
      cancelled: false,
      committing: false,
      savedMs: nowMs(),
      ended: Promise.resolve(),
    };
    running.set(row.id, job);
    job.ended = inTurn(() => run(job)).finally(() => running.delete(row.id));
  }

  async function inTurn(work: () => Promise<void>): Promise<void> {
    if (active >= RUNNING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
    active++;
    try {
      await work();
    } finally {
      active--;
      waiting.shift()?.();
    }
  }

  async function run(job: Running): Promise<void> {
    let error: string | null = null;
    try {
      if (!stopped(job)) {
        const staged = (await wholeBatch(job)) ?? (await stage(job));
        if (staged !== null && !stopped(job) && (await addCodes(job, staged))) return;
      }
    } catch (caught) {
      error = caught instanceof ControlError ? caught.message : 'The database could not take the codes.';
      if (!stopped(job)) log.warn({ err: caught, jobId: job.row.id }, 'a job failed');
    }
    if (closing && !job.cancelled) return;
    await discard(job);
    await settle(job, job.cancelled ? 'cancelled' : 'failed', job.cancelled ? null : error);
  }

  /** The batch of a run that a restart cut off, if all of its codes are in; a part of one is removed. */
  async function wholeBatch({ plan }: Running): Promise<Batch | null> {
    if (plan.batchId === null) return null;
    const state = await store.batchState(plan.batchId);
    if (state === null) return null;
    const { size, count, live } = state;
    if (size !== null && count !== null) return { batchId: plan.batchId, size, count, live };
    await store.discardBatch(plan.batchId);
    return null;
  }

  async function stage(job: Running): Promise<Batch | null> {
    const { plan, row } = job;
    const bookId = asBookId(plan.bookId);
    const pattern = parsePattern(plan.pattern, reserved);
    if (pattern.kind === 'patternError') throw new ControlError('invalid', pattern.message);
    const staging = await store.stage(shardOfBook(bookId), bookId);
    job.staging = staging;
    job.plan = { ...plan, batchId: staging.batchId };
    await save(job, { done: 0 });
    const key = deriveKey(await store.generatorKey(), bookId, pattern.canonical);
    const generate = (from: number, quantity: number, batchId: number | null, write: Staging['writeRows']) =>
      workers.generate(
        { key, pattern: pattern.canonical, from, quantity, batchId },
        async ({ bytes, count }) => {
          await write(bytes, count);
          job.row = { ...job.row, done: Math.min(job.row.total, job.row.done + count) };
          if (nowMs() - job.savedMs >= SAVE_EVERY_MS) await save(job, {});
        },
        () => stopped(job),
      );
    if (pattern.keyspaceBits >= STRAIGHT_BITS_MIN) {
      const count = await staging.copyRows(async (write) => {
        await generate(plan.from, row.total, staging.batchId, write);
        // What was made of it so far must not pass for the whole.
        if (stopped(job)) throw new Error('stopped');
      });
      if (count !== null) return { batchId: staging.batchId, size: count, count, live: false };
      await save(job, { done: 0 });
    }
    await generate(plan.from, row.total, null, staging.writeRows);
    if (stopped(job)) return null;
    const { size, count } = await staging.finish(async (missing) => {
      await generate(await reserve(bookId, pattern, missing), missing, null, staging.writeRows);
      return !stopped(job);
    });
    return { batchId: staging.batchId, size, count, live: false };
  }

  /** Makes the batch live. False when this process ends first. */
  async function addCodes(job: Running, { batchId, size, count, live }: Batch): Promise<boolean> {
    job.committing = true;
    const { bookId, caller, requestId } = job.plan;
    // A space is in no key that a caller can send.
    const idempotency = { key: `job ${job.row.id}`, fingerprint: 0 };
    const codes = { batchId, size, count, report: { added: count } };
    for (;;) {
      const reply = await new Promise<CommandReply>((resolve) =>
        engine.command(
          { kind: 'addCodes', bookId: asBookId(bookId), codes },
          { caller, requestId, idempotency },
          resolve,
        ),
      );
      if (reply.kind === 'done' || (live && reply.kind === 'refused')) {
        const total = reply.kind === 'done' && reply.outcome.kind === 'codesAdded' ? reply.outcome.total : null;
        const result = { generatedCodes: count, totalCodes: total, ...keyspaceOf(job.plan.pattern, reserved) };
        job.row = { ...job.row, detail: { ...job.row.detail, result } };
        await settle(job, 'completed', null);
        return true;
      }
      if (reply.kind === 'refused') throw new ControlError('invalid', reply.detail);
      if (closing) return false;
      await pause(reply.retryAfterMs);
    }
  }

  async function discard({ staging, plan }: Running): Promise<void> {
    try {
      if (staging !== null) await staging.discard();
      else if (plan.batchId !== null) await store.discardBatch(plan.batchId);
    } catch (error) {
      log.warn({ err: error, batchId: plan.batchId }, 'a staged batch could not be discarded; it will be swept');
    }
  }

  function save(job: Running, change: Partial<JobRow>): Promise<void> {
    job.row = { ...job.row, ...change, detail: { ...job.row.detail, plan: job.plan } };
    job.savedMs = nowMs();
    return store.saveJob(job.row);
  }

  /** The end of a job is written however long PostgreSQL is away; if this process ends first, the next one finds out again. */
  async function settle(job: Running, status: JobRow['status'], error: string | null): Promise<void> {
    const done = status === 'completed' ? job.row.total : job.row.done;
    for (;;) {
      try {
        await save(job, { status, error, done, finishedMs: nowMs() });
        return;
      } catch (caught) {
        if (closing) return;
        log.warn({ err: caught, jobId: job.row.id }, 'the end of a job could not be written and is tried again');
        await pause(RETRY_MS);
      }
    }
  }

  // ─── Asking ────────────────────────────────────────────────────────────────────────────────────────────────

  async function job(jobId: string): Promise<Job | null> {
    const row = running.get(jobId)?.row ?? (await store.jobById(jobId));
    return row === null ? null : jobOf(row);
  }

  async function cancelJob(jobId: string): Promise<Job | null> {
    const under = running.get(jobId);
    if (under !== undefined) {
      if (!under.committing) {
        under.cancelled = true;
        // What waits for PostgreSQL fails at once, and `run` goes on to discard it.
        under.staging?.abandon();
      }
      await under.ended;
    }
    return job(jobId);
  }

  return {
    generateJob,
    job,
    cancelJob,
    async resume() {
      for (const row of await store.jobsUnderWay()) {
        log.info({ jobId: row.id }, 'a job that was cut off is taken up again');
        start(row, row.detail.plan as Plan);
      }
    },
    async close() {
      closing = true;
      for (const wake of waiting.splice(0)) wake();
      for (const { staging } of running.values()) staging?.abandon();
      await Promise.all([...running.values()].map(({ ended }) => ended));
    },
  };
}

interface Batch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly live: boolean;
}

function requestKeyOf(bookId: BookId, { caller, idempotency }: GenerateJob['origin']): string | null {
  if (idempotency === null) return null;
  return createHash('sha256').update(`${caller}\0${bookId}\0${idempotency.key}`).digest('hex');
}

function jobOf({ id, kind, status, done, total, startedMs, finishedMs, error, detail }: JobRow): Job {
  const result = detail.result ?? null;
  return { jobId: id, kind, status, done, total, startedMs, finishedMs, error, result };
}

function keyspaceOf(text: string, reserved: readonly string[]): { keyspace: string; keyspaceBits: number } {
  const pattern = parsePattern(text, reserved);
  if (pattern.kind === 'patternError') throw new Error(pattern.message);
  return { keyspace: String(pattern.keyspace), keyspaceBits: pattern.keyspaceBits };
}

function tooFew(pattern: Pattern, left: number, quantity: number): ControlError {
  return new ControlError(
    'invalid',
    `The pattern has ${pattern.keyspace} possibilities, of which ${left} are free, and ${quantity} were asked for.`,
  );
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

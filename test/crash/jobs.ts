/**
 * Jobs that generate codes, one after another. A job that was accepted ends with all its codes,
 * whatever is killed meanwhile. When PostgreSQL or Redis goes away under it, it may also fail, and
 * then it leaves no code.
 */
import type { Api, Reply } from '../support/api.js';
import { insist, newBook, type Party, type Pending, pause, pendingOf, totalOf, unexpected } from './party.js';

/** More than 10,000 make a job of it. */
const QUANTITY = 10_001;
const POLL_MS = 50;
/** Between two jobs: each leaves memory and rows behind. */
const REST_MS = 300;

export async function createJobStarter(api: Api, { mayFail }: { readonly mayFail: boolean }): Promise<Party> {
  const bookId = await newBook(api);
  let pending: Pending | null = null;
  let jobId: string | null = null;
  let completed = 0;
  let isStopped = false;

  /** False: there is no answer. */
  async function startOne(over: Api): Promise<boolean> {
    pending ??= pendingOf(`/coupon-books/${bookId}/generate`, { quantity: QUANTITY });
    const reply = await insist(over, pending, () => isStopped);
    if (reply === null) return false;
    if (reply.status !== 202) throw unexpected('a job', reply);
    pending = null;
    jobId = reply.body.jobId;
    return true;
  }

  /** False: the server can't be reached, or was told to stop. */
  async function followOne(over: Api): Promise<boolean> {
    while (!isStopped && jobId !== null) {
      let reply: Reply;
      try {
        reply = await over.call('GET', `/jobs/${jobId}`);
      } catch {
        return false;
      }
      const status = reply.status === 200 ? reply.body.status : null;
      if (status === 'completed' || (status === 'failed' && mayFail)) {
        if (status === 'completed') completed++;
        jobId = null;
        return true;
      }
      if (reply.status !== 503 && status !== 'processing') throw unexpected(`job ${jobId}`, reply);
      await pause(POLL_MS);
    }
    return false;
  }

  return {
    answered: () => completed,
    async run(over) {
      isStopped = false;
      while (!isStopped && (jobId !== null || (await startOne(over))) && (await followOne(over))) await pause(REST_MS);
    },
    stop() {
      isStopped = true;
    },
    async finish(over) {
      isStopped = false;
      if (pending !== null) await startOne(over);
      if (jobId !== null) await followOne(over);
    },
    async verify(over, verdict) {
      const total = await totalOf(over, bookId);
      const told = completed * QUANTITY;
      const unknown = pending === null && jobId === null ? 0 : QUANTITY;
      if (total < told) verdict.lost.push(`${completed} jobs are completed, and ${total} codes are there`);
      if (total > told + unknown) verdict.doubled.push(`${completed} jobs are completed, and ${total} codes are there`);
      verdict.checked++;
    },
  };
}

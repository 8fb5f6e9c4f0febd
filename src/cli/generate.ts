/**
 * `clipbook generate`: new codes for a book. Many are made by a job of the server, which is watched
 * to its end.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Json } from './client.js';
import { CommandFailed, EXIT } from './failure.js';
import { doneText, type Progress } from './progress.js';
import type { Terminal } from './terminal.js';

export interface GenerateOptions {
  readonly book: string;
  readonly quantity: number;
  readonly pattern: string | null;
  readonly idempotencyKey: string | null;
}

const POLL_MS = 200;

export async function generateCodes(
  client: Client,
  { book, quantity, pattern, idempotencyKey }: GenerateOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const json = { quantity, ...(pattern === null ? {} : { codePattern: pattern }) };
  const path = `/coupon-books/${encodeURIComponent(book)}/generate`;
  const key = idempotencyKey ?? randomUUID();
  const progress = terminal.progress('generate');
  const beganMs = performance.now();
  try {
    // Its answer is waited for even after Ctrl-C: the job can be cancelled only when its id is
    // known.
    const asked = await client.call({ method: 'POST', path, json, idempotencyKey: key, onCancel: 'finish' });
    const { jobId } = asked;
    const result = jobId === undefined ? asked : await watchJob(client, String(jobId), progress, terminal, signal);
    const generated = Number(result['generatedCodes']);
    progress.finish(doneText(generated, beganMs));
    terminal.result(`${generated} generated`, result);
  } finally {
    progress.stop();
  }
}

/** Resolves with its result. Cancels it when `signal` says so. */
async function watchJob(
  client: Client,
  jobId: string,
  progress: Progress,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Json> {
  const path = `/jobs/${jobId}`;
  while (!signal.aborted) {
    let job: Json;
    try {
      job = await client.call({ method: 'GET', path });
    } catch (error) {
      if (signal.aborted) break;
      throw error;
    }
    const { status, done, total, result, error } = job;
    if (status === 'completed') return { jobId, ...(result as Json | undefined) };
    if (status !== 'processing') {
      const why = error === undefined ? '' : `: ${String(error)}`;
      throw new CommandFailed(EXIT.failed, `The job ${jobId} is ${String(status)}${why}. Nothing was added.`);
    }
    progress.update({
      name: 'generating',
      done: Number(done),
      total: Number(total),
      unit: 'codes',
      before: 0,
      share: 1,
    });
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  progress.stop();
  terminal.note(`Cancelling job ${jobId}. Press Ctrl-C again to leave it to itself.`);
  return cancel(client, path, jobId);
}

async function cancel(client: Client, path: string, jobId: string): Promise<never> {
  try {
    await client.call({ method: 'DELETE', path, onCancel: 'ignore' });
  } catch (error) {
    // 409: it had ended before.
    if (!(error instanceof CommandFailed) || error.exitCode !== EXIT.refused) throw error;
  }
  for (;;) {
    const { status } = await client.call({ method: 'GET', path, onCancel: 'ignore' });
    if (status === 'completed')
      throw new CommandFailed(EXIT.cancelled, `Too late to cancel: the codes of job ${jobId} are in the book.`);
    if (status !== 'processing') throw new CommandFailed(EXIT.cancelled, 'Cancelled; nothing was added.');
    await sleep(POLL_MS);
  }
}

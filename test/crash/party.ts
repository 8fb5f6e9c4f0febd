/**
 * Who loads the server beside the callers of workload.ts, and knows what it was told. A request is
 * sent with a key until it has an answer, over kills too: it had happened by then, wholly, or it
 * happens now.
 */
import { randomUUID } from 'node:crypto';
import type { Api, Reply } from '../support/api.js';
import type { Verdict } from './verify.js';

export interface Party {
  /** Goes on until `stop` is called or the server can't be reached. */
  run(api: Api): Promise<void>;
  stop(): void;
  /** Sends again what has no answer. Nothing is under way when it resolves. */
  finish(api: Api): Promise<void>;
  /** Compares the answers since the last call with the state of the server. */
  verify(api: Api, verdict: Verdict): Promise<void>;
  answered(): number;
}

export interface Pending {
  readonly path: string;
  readonly body: unknown;
  readonly key: string;
}

export function pendingOf(path: string, body: unknown): Pending {
  return { path, body, key: randomUUID() };
}

const RETRY_MS = 20;

/** The answer, which is not "try again". Null: the server can't be reached, or `isOver`. */
export async function insist(api: Api, { path, body, key }: Pending, isOver: () => boolean): Promise<Reply | null> {
  while (!isOver()) {
    let reply: Reply;
    try {
      reply = await api.call('POST', path, body, { 'idempotency-key': key });
    } catch {
      return null;
    }
    if (reply.status !== 503 && reply.status !== 429) return reply;
    await pause(RETRY_MS);
  }
  return null;
}

/** An answer to a read that does not depend on what is away for a moment. */
export async function look(api: Api, path: string): Promise<Reply> {
  for (;;) {
    const reply = await api.call('GET', path);
    if (reply.status !== 503) return reply;
    await pause(RETRY_MS);
  }
}

export async function totalOf(api: Api, bookId: string): Promise<number> {
  const { status, body } = await look(api, `/coupon-books/${bookId}`);
  if (status !== 200) throw new Error(`the book ${bookId} got ${status}: ${JSON.stringify(body)}`);
  return body.counts.total;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function newBook(api: Api, settings: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { status, body } = await api.call('POST', '/coupon-books', { name: 'crash test', ...settings });
  if (status !== 201) throw new Error(`a book could not be made: ${status} ${JSON.stringify(body)}`);
  return body.id;
}

export function unexpected(what: string, { status, body }: Reply): Error {
  return new Error(`${what} got ${status}: ${JSON.stringify(body)}`);
}

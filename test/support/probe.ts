/**
 * Callers of the whole server while something breaks: what each book answered, when, and what
 * callers were told.
 */
import assert from 'node:assert/strict';
import { verify } from '../crash/verify.js';
import { type Caller, createCaller } from '../crash/workload.js';
import type { Api, Reply } from './api.js';

export interface Seen {
  readonly atMs: number;
  readonly thread: number;
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly problem: string | undefined;
}

export interface Load {
  /** In the order of the answers. */
  readonly seen: readonly Seen[];
  readonly answered: () => number;
  stop(): Promise<void>;
  /** What was answered and is not there, or is there twice. Callers are stopped by then. */
  verify(): Promise<{ checked: number; lost: readonly string[]; doubled: readonly string[] }>;
}

const GENERATE_MAX = 10_000;
/** Between a refusal and the next try of that caller. */
const REFUSED_PAUSE_MS = 10;

/**
 * Makes books until each thread has `perThread` of them, each with `codes` codes; returns their ids
 * by thread.
 */
export async function booksByThread(api: Api, threads: number, perThread: number, codes: number): Promise<string[][]> {
  const books: string[][] = Array.from({ length: threads }, () => []);
  while (books.some((list) => list.length < perThread)) {
    const { status, headers, body } = await api.call('POST', '/coupon-books', { name: 'broken' });
    assert.equal(status, 201);
    const list = books[Number(String(headers['commit-seq']).split('-')[0]) % threads] as string[];
    if (list.length >= perThread) continue;
    for (let left = codes; left > 0; left -= GENERATE_MAX) {
      const quantity = Math.min(left, GENERATE_MAX);
      assert.equal((await api.call('POST', `/coupon-books/${body.id}/generate`, { quantity })).status, 201);
    }
    list.push(body.id);
  }
  return books;
}

export interface LoadOptions {
  readonly callersPerBook: number;
  /** Of each caller, after each answer. */
  readonly pauseMs?: number;
}

export function startLoad(api: Api, books: readonly (readonly string[])[], options: LoadOptions): Load {
  const { callersPerBook, pauseMs = 0 } = options;
  const seen: Seen[] = [];
  const callers: Caller[] = [];
  const running: Promise<void>[] = [];
  for (const [thread, ids] of books.entries()) {
    const observed = observe(api, thread, seen, pauseMs);
    for (const [index, id] of ids.entries()) {
      for (let i = 0; i < callersPerBook; i++) {
        const caller = createCaller(id, `t${thread}-b${index}-c${i}`);
        callers.push(caller);
        running.push(caller.run(observed));
      }
    }
  }
  return {
    seen,
    answered: () => callers.reduce((sum, caller) => sum + caller.answered(), 0),
    async stop() {
      for (const caller of callers) caller.stop();
      await Promise.all(running);
    },
    verify: () => verify(api, callers, new Map()),
  };
}

function observe(api: Api, thread: number, seen: Seen[], pauseMs: number): Api {
  return {
    ...api,
    async call(...request): Promise<Reply> {
      const reply = await api.call(...request);
      const { status, headers, body } = reply;
      const retryAfter = headers['retry-after'] as string | undefined;
      seen.push({ atMs: performance.now(), thread, status, retryAfter, problem: body?.type });
      const restMs = status === 503 ? REFUSED_PAUSE_MS : pauseMs;
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      return reply;
    },
  };
}

const WAIT_MS_MAX = 60_000;

/** Waits for a condition of the test's own. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, msMax = WAIT_MS_MAX): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * What the crash tests with another process as the victim share: the mixed load, and what is
 * checked after it.
 */
import { connect } from '../support/api.js';
import { booksByThread, type Load, startLoad } from '../support/probe.js';
import type { Server } from '../support/server.js';
import { checkCounts, socketsFor } from './kill-loop.js';
import { createParties } from './parties.js';

export interface LoadOptions {
  readonly threads: number;
  readonly booksPerThread: number;
  /** Connections, each with a caller. */
  readonly callers: number;
  /** Of each caller, after each answer. */
  readonly pauseMs: number;
}

export interface LoadReport {
  readonly answered: number;
  readonly checked: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

const CODES = 10_000;

/**
 * Runs `work` while callers and parties load `server`, and then compares each of their answers with
 * what the server has. `answered` counts them so far. Throws when the counts of a book do not add
 * up, or when the server does not stop with 0.
 */
export async function underLoad(
  server: Server,
  { threads, booksPerThread, callers, pauseMs }: LoadOptions,
  work: (load: Load, answered: () => number) => Promise<void>,
): Promise<LoadReport & { readonly load: Load }> {
  const api = await connect(server.url, { sockets: socketsFor(callers) });
  const books = await booksByThread(api, threads, booksPerThread, CODES);
  const parties = await createParties(api, { jobsMayFail: true });
  const running = parties.run(api);
  const load = startLoad(api, books, { callersPerBook: Math.ceil(callers / (threads * booksPerThread)), pauseMs });
  const answered = (): number => load.answered() + parties.answered();
  await work(load, answered);
  parties.stop();
  await Promise.all([load.stop(), running]);
  await parties.finish(api);
  const { checked, lost, doubled } = await load.verify();
  const verdict = { checked, lost: [...lost], doubled: [...doubled] };
  await parties.verify(api, verdict);
  await checkCounts(api, books.flat());
  api.close();
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
  return { answered: answered(), ...verdict, load };
}

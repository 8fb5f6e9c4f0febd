/**
 * The crash test: the real server under mixed load is killed at a random moment, started again, and
 * every answered operation is looked for. Lost and doubled must both be 0: the loop ends with the
 * first that is not.
 */
import { type Api, connect } from '../support/api.js';
import { untilProjected } from '../support/projected.js';
import { type Environment, startServer } from '../support/server.js';
import { createParties } from './parties.js';
import { newBook } from './party.js';
import { verify } from './verify.js';
import { createWatchers } from './watchers.js';
import { type Caller, createCaller } from './workload.js';

export interface KillLoopOptions {
  readonly dataDir: string;
  readonly env?: Environment;
  readonly kills: number;
  readonly callers: number;
  /** The server lives this long under load before it is killed. */
  readonly lifeMs: readonly [number, number];
  readonly say: (line: string) => void;
  /** How long a live connection stays before it is broken. */
  readonly staysMs?: readonly [number, number];
  /** Called before each life, when everything that needs PostgreSQL is done. */
  readonly beforeLife?: () => void;
  /** Called when the server was killed, before it starts again. */
  readonly afterKill?: () => Promise<void>;
}

export interface KillLoopReport {
  readonly kills: number;
  readonly answered: number;
  readonly checked: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** What live watchers saw that is not so, or did not see. */
  readonly misseen: readonly string[];
  readonly watched: { readonly connections: number; readonly events: number };
}

const CODES = 5000;

export async function killLoop(options: KillLoopOptions): Promise<KillLoopReport> {
  const { dataDir, env = {}, kills, lifeMs, say } = options;
  let server = await startServer(dataDir, env);
  let api = await connect(server.url, { sockets: socketsFor(options.callers) });
  const books = await Promise.all([createBook(api), createBook(api), createBook(api)]);
  const callers = Array.from({ length: options.callers }, (_, i) =>
    createCaller(books[i % books.length] as string, `user-${i}`),
  );
  const parties = await createParties(api);
  const since = new Map<Caller, number>();
  const watchers = createWatchers({ url: server.url, token: api.token, books, staysMs: options.staysMs ?? [50, 500] });
  await watchers.ready;
  try {
    return await run();
  } finally {
    await watchers.stop();
  }

  async function run(): Promise<KillLoopReport> {
    const report = {
      kills: 0,
      answered: 0,
      checked: 0,
      lost: [] as string[],
      doubled: [] as string[],
      misseen: [] as string[],
      watched: { connections: 0, events: 0 },
    };

    while (report.kills < kills) {
      options.beforeLife?.();
      const running = Promise.all([...callers.map((caller) => caller.run(api)), parties.run(api)]);
      const life = lifeMs[0] + Math.random() * (lifeMs[1] - lifeMs[0]);
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, life))]);
      await server.kill();
      report.kills++;
      await running;
      api.close();
      await options.afterKill?.();
      const began = performance.now();
      server = await startServer(dataDir, env);
      const startMs = Math.round(performance.now() - began);
      api = await connect(server.url, { sockets: socketsFor(options.callers) });
      watchers.moveTo(server.url, api.token);
      const verdict = await verify(api, callers, since);
      await parties.verify(api, verdict);
      report.checked += verdict.checked;
      report.lost.push(...verdict.lost);
      report.doubled.push(...verdict.doubled);
      report.answered = callers.reduce((sum, caller) => sum + caller.answered(), 0) + parties.answered();
      const { lost, doubled, answered } = report;
      say(
        `kill ${report.kills}: serving again after ${startMs} ms; ${answered} answered, ${lost.length} lost, ${doubled.length} doubled`,
      );
      if (lost.length + doubled.length > 0) break;
      await refill(api, books);
    }
    if (report.lost.length + report.doubled.length === 0) {
      await parties.finish(api);
      await parties.verify(api, report);
      await checkCounts(api, books);
      await untilProjected(server.url);
      report.misseen = await watchers.finish(dataDir);
    }
    report.watched = { connections: watchers.connections(), events: watchers.seen() };
    api.close();
    const code = await server.stop();
    if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
    return report;
  }
}

/** The parties have their own beside the callers. */
export function socketsFor(callers: number): number {
  return callers + 24;
}

async function createBook(api: Api): Promise<string> {
  const bookId = await newBook(api);
  await generate(api, bookId);
  return bookId;
}

async function generate(api: Api, bookId: string): Promise<void> {
  const { status, body } = await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: CODES });
  if (status !== 201) throw new Error(`codes could not be generated: ${status} ${JSON.stringify(body)}`);
}

async function refill(api: Api, books: readonly string[]): Promise<void> {
  for (const bookId of books) {
    const { body } = await api.call('GET', `/coupon-books/${bookId}`);
    if (body.counts.available < CODES / 2) await generate(api, bookId);
  }
}

/** Throws when available, assigned and redeemed are not all codes of a book. */
export async function checkCounts(api: Api, books: readonly string[]): Promise<void> {
  for (const bookId of books) {
    const { body } = await api.call('GET', `/coupon-books/${bookId}`);
    const { total, available, assigned, redeemed } = body.counts;
    if (available + assigned + redeemed !== total)
      throw new Error(`the counts of ${bookId} don't add up: ${JSON.stringify(body.counts)}`);
  }
}

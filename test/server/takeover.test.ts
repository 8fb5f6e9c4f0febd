/**
 * Real servers that are replaced in the middle of something: callers of both are told one story.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { startRedis } from '../journal/redis-server.js';
import { waitFor } from '../journal/wait-for.js';
import type { Api, Reply } from '../support/api.js';
import { until } from '../support/probe.js';
import { APART, canPartProcesses, dataDirectory, partedProcess } from '../support/process.js';
import { type Environment, type Serving, startServing, testStage } from '../support/two-servers.js';

const { postgres, stage } = testStage();

type Context = Parameters<typeof dataDirectory>[0];

const NO_NAMESPACE = 'no right to make a pid namespace, which containers have';

/** Two servers on the same stores, of which the first one can be paused. */
interface Pair {
  readonly sql: pg.Pool;
  readonly first: Serving;
  pause(): void;
  resume(): void;
  /** Takes over from the first one. */
  second(): Promise<Serving>;
}

async function filesPair(t: Context, env: Environment = {}): Promise<Pair> {
  const { url, sql } = await postgres.database();
  const common = { DATA_DIR: dataDirectory(t), DATABASE_URL: url };
  const first = await startServing(stage(t), { ...common, ...env }, APART);
  return pairOf(sql, first, partedProcess(first), () => startServing(stage(t), common, APART));
}

async function redisPair(t: Context): Promise<Pair> {
  const redis = await startRedis();
  t.after(redis.destroy);
  const { url, sql } = await postgres.database();
  const directory = dataDirectory(t);
  const common = { REDIS_URL: redis.url, DATABASE_URL: url };
  const serve = (name: string) => startServing(stage(t), { ...common, DATA_DIR: join(directory, name) });
  const first = await serve('first');
  return pairOf(sql, first, Number(first.child.pid), () => serve('second'));
}

const pairOf = (sql: pg.Pool, first: Serving, pid: number, second: () => Promise<Serving>): Pair => ({
  sql,
  first,
  second,
  pause: () => void process.kill(pid, 'SIGSTOP'),
  resume: () => void process.kill(pid, 'SIGCONT'),
});

/**
 * It ends with the code for it and one line after `before`. Where the takeover has ended a
 * connection to PostgreSQL first, a warning about that may come before the line.
 */
async function endsFenced(first: Serving, before: string): Promise<void> {
  const { code } = await first.ended();
  assert.equal(code, EXIT_CODES.fenced, first.output());
  const said = first
    .output()
    .slice(before.length)
    .trim()
    .split('\n')
    .filter((line) => !line.includes('"level":"warn"'));
  assert.equal(said.length, 1, first.output());
  assert.match(String(said[0]), /another process/);
}

// ─── Codes on their way into PostgreSQL ──────────────────────────────────────────────────────────────────────────

const MANY = 400_000;

/** COPYs of codes that are under way. */
async function copies(sql: pg.Pool, tuplesMin = 0): Promise<number> {
  const { rows } = await sql.query(
    `SELECT count(*)::int AS count FROM pg_stat_progress_copy
     WHERE relid = 'codes'::regclass AND tuples_processed >= $1 AND datname = current_database()`,
    [tuplesMin],
  );
  return rows[0].count;
}

async function rowsByBatch(sql: pg.Pool): Promise<unknown[]> {
  const { rows } = await sql.query(
    `SELECT c.batch_id, b.live_seq, count(*)::int AS count FROM codes AS c LEFT JOIN batches AS b USING (batch_id)
     GROUP BY 1, 2 ORDER BY 1`,
  );
  return rows;
}

const totalOf = async (api: Api, bookId: string): Promise<number> =>
  (await api.call('GET', `/coupon-books/${bookId}`)).body.counts.total;

/** A connection that breaks, or the answer. */
const orClosed = (asked: Promise<Reply>): Promise<Reply | null> => asked.catch(() => null);

test('a server that was paused and replaced while an upload went into PostgreSQL puts nothing of it in', async (t) => {
  if (!canPartProcesses()) return t.diagnostic(NO_NAMESPACE);
  const pair = await filesPair(t);
  const { sql, first } = pair;
  const { body: book } = await first.api.call('POST', '/coupon-books', { name: 'uploaded' });
  const codes = Array.from({ length: MANY }, (_, n) => `UP-${(n * 7919) % 10_000_019}`).join('\n');
  const upload = (api: Api): Promise<Reply> =>
    api.call('POST', `/coupon-books/${book.id}/codes`, codes, { 'content-type': 'text/csv' });
  const answered = orClosed(upload(first.api));
  await until(async () => (await copies(sql, 1000)) === 1, 'its rows go in');
  pair.pause();
  const said = first.output();

  const second = await pair.second();
  assert.equal(await copies(sql), 0, 'the takeover has ended it');
  const again = await upload(second.api);
  assert.deepEqual([again.status, again.body.added, again.body.duplicates], [200, MANY, 0]);
  await waitFor(async () => (await rowsByBatch(sql)).length === 1, 'only the second one’s codes to be there');
  const rows = await rowsByBatch(sql);

  pair.resume();
  const answer = await answered;
  assert.ok(answer === null || answer.status === 503, JSON.stringify(answer?.body));
  await endsFenced(first, said);
  assert.deepEqual((await rowsByBatch(sql)).map(countOf), rows.map(countOf));
  assert.equal(await totalOf(second.api, book.id), MANY);
});

const countOf = (row: unknown): unknown => (row as { readonly count: number }).count;

test('a server that was paused and replaced in the middle of a job does not change what its successor made of the job', async (t) => {
  if (!canPartProcesses()) return t.diagnostic(NO_NAMESPACE);
  const pair = await filesPair(t);
  const { sql, first } = pair;
  const { body: book } = await first.api.call('POST', '/coupon-books', { name: 'generated' });
  const { body: asked } = await first.api.call('POST', `/coupon-books/${book.id}/generate`, { quantity: MANY });
  await until(async () => (await copies(sql, 1000)) === 1, 'its rows go in');
  pair.pause();
  const said = first.output();

  const second = await pair.second();
  const job = async () => (await second.api.call('GET', `/jobs/${asked.jobId}`)).body;
  await until(async () => (await job()).status === 'completed', 'the second one ends the job');
  const settled = async () => {
    const { rows: jobs } = await sql.query('SELECT * FROM jobs');
    const { rows: reserved } = await sql.query('SELECT * FROM reserved_counters');
    const { rows: counters } = await sql.query('SELECT * FROM generated');
    return { jobs, reserved, counters, rows: (await rowsByBatch(sql)).map(countOf) };
  };
  await waitFor(async () => (await settled()).reserved.length === 0, 'the counters to be used');
  const before = await settled();
  assert.deepEqual(before.rows, [MANY]);

  pair.resume();
  await endsFenced(first, said);
  assert.deepEqual(await settled(), before);
  assert.equal((await job()).status, 'completed');
  assert.equal(await totalOf(second.api, book.id), MANY);
});

// ─── Callers whose commits were under way ────────────────────────────────────────────────────────────────────────

interface Answered {
  readonly code: string;
  readonly userId: string;
  /** Null: the connection was closed. */
  readonly reply: Reply | null;
}

const CALLERS = 48;

/**
 * Callers who each assign one code after the other to themselves, until their connection is closed.
 */
function assignAll(
  api: Api,
  codes: readonly string[],
): { readonly seen: Answered[]; readonly ended: Promise<unknown> } {
  const seen: Answered[] = [];
  const left = [...codes];
  async function call(userId: string): Promise<void> {
    for (let code = left.pop(); code !== undefined; code = left.pop()) {
      const reply = await orClosed(api.call('POST', `/coupons/assign/${code}`, { userId }));
      seen.push({ code, userId, reply });
      if (reply === null) return;
    }
  }
  const ended = Promise.all(Array.from({ length: CALLERS }, (_, n) => call(`caller-${n}`)));
  return { seen, ended };
}

const isOpen = ({ reply }: Answered): boolean =>
  reply === null || reply.body?.type?.endsWith('/outcome-unknown') === true;

/**
 * Compares each answer with what the successor has. Returns how many answers left the outcome open,
 * and what the successor has of those.
 */
async function judge(successor: Api, seen: readonly Answered[]): Promise<{ open: number; openAndThere: number }> {
  let openAndThere = 0;
  for (const answered of seen) {
    const { code, userId, reply } = answered;
    const { body } = await successor.call('GET', `/coupons/code/${code}`);
    const isThere = body.userId === userId;
    if (isOpen(answered)) openAndThere += isThere ? 1 : 0;
    else assert.equal(isThere, reply?.status === 200, `${code} got ${reply?.status} ${JSON.stringify(reply?.body)}`);
  }
  return { open: seen.filter(isOpen).length, openAndThere };
}

async function callersOf(pair: Pair, count: number): Promise<ReturnType<typeof assignAll>> {
  const { api } = pair.first;
  const codes = Array.from({ length: count }, (_, n) => `CALL-${n}`);
  const { body: book } = await api.call('POST', '/coupon-books', { name: 'called' });
  const path = `/coupon-books/${book.id}/codes`;
  const { body } = await api.call('POST', path, codes.join('\n'), { 'content-type': 'text/csv' });
  assert.equal(body.added, count);
  const callers = assignAll(api, codes);
  await until(() => callers.seen.length > 500, 'callers are served');
  return callers;
}

test('on files, callers of a server that was paused and replaced are told nothing that its successor contradicts', async (t) => {
  if (!canPartProcesses()) return t.diagnostic(NO_NAMESPACE);
  const slowSync = fileURLToPath(new URL('../support/slow-sync.cjs', import.meta.url));
  const pair = await filesPair(t, { NODE_OPTIONS: `--require ${slowSync}`, TEST_SLOW_SYNC: '20' });
  const callers = await callersOf(pair, 20_000);
  pair.pause();
  const said = pair.first.output();
  const second = await pair.second();
  pair.resume();
  await callers.ended;
  await endsFenced(pair.first, said);
  const { open, openAndThere } = await judge(second.api, callers.seen);
  t.diagnostic(
    `${callers.seen.length} answers, of which ${open} left the outcome open; ${openAndThere} of those count`,
  );
  assert.ok(openAndThere > 0, 'commits that were written and not acknowledged count');
});

for (const isPaused of [true, false]) {
  const how = isPaused ? 'was paused and replaced' : 'was replaced while it served';
  test(`on Redis, callers of a server that ${how} are told nothing that its successor contradicts`, async (t) => {
    const pair = await redisPair(t);
    const callers = await callersOf(pair, 60_000);
    if (isPaused) pair.pause();
    const second = await pair.second();
    if (isPaused) pair.resume();
    await callers.ended;
    assert.equal((await pair.first.ended()).code, EXIT_CODES.fenced, pair.first.output());
    const { open, openAndThere } = await judge(second.api, callers.seen);
    t.diagnostic(
      `${callers.seen.length} answers, of which ${open} left the outcome open; ${openAndThere} of those count`,
    );
    assert.ok(open > 0, 'the takeover came in the middle of the load');
  });
}

/**
 * PostgreSQL stops answering, and dies in the middle of batches, under load: nothing notices but
 * the lag. `TEST_POSTGRES_AWAY_SECONDS` says for how long; 60 is what the promise is about.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Api, connect } from '../support/api.js';
import { digestsInPostgres, digestsOf, isProjecting, postmasterPid, signalPostgres } from '../support/postgres.js';
import { booksByThread, type Load, startLoad, until } from '../support/probe.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const AWAY_MS = Number(process.env['TEST_POSTGRES_AWAY_SECONDS'] ?? 2.5) * 1000;
const BOOKS = 4;
const CALLERS_PER_BOOK = 4;
/**
 * About 1000 operations a second of all callers, which use up a code each three of them at most.
 */
const PAUSE_MS = 15;
const CODES_PER_BOOK = 2000 + (AWAY_MS / 1000) * 100;

interface Running {
  readonly dataDir: string;
  readonly server: Server;
  readonly api: Api;
  readonly load: Load;
  lag(): Promise<number>;
  ready(): Promise<{ status: number; body: { parts: Record<string, { ok: boolean; detail: string }> } }>;
}

async function start(t: TestContext): Promise<Running> {
  const directory = await temporaryDirectory();
  const undo = undoes(t);
  undo(directory.remove);
  const dataDir = directory.path;
  const server = await startServer(dataDir, {}, PROBED_MAIN);
  undo(async () => {
    signalPostgres(dataDir, 'SIGCONT');
    await server.stop();
  });
  const api = await connect(server.url);
  undo(api.close);
  const books = await booksByThread(api, 1, BOOKS, CODES_PER_BOOK);
  const load = startLoad(api, books, { callersPerBook: CALLERS_PER_BOOK, pauseMs: PAUSE_MS });
  await until(() => load.answered() > 500, 'the load runs');
  return {
    dataDir,
    server,
    api,
    load,
    async lag() {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return Number(/^clipbook_projection_lag_events (\d+)/m.exec(text)?.[1]);
    },
    async ready() {
      const answer = await fetch(`${server.url}/readyz`);
      return { status: answer.status, body: (await answer.json()) as Awaited<ReturnType<Running['ready']>>['body'] };
    },
  };
}

/**
 * After the drain: what PostgreSQL has makes the same shards as those in memory; and callers were
 * told nothing wrong.
 */
async function checkCaughtUp({ dataDir, server, load, lag }: Running, t: TestContext): Promise<void> {
  await load.stop();
  const refused = load.seen.filter(({ status }) => status !== 200);
  assert.deepEqual(refused, [], 'no command was refused');
  const beganMs = performance.now();
  await until(async () => (await lag()) === 0, 'the projection has caught up');
  const shards = await server.ask({ ask: 'inspect' });
  assert.deepEqual(await digestsInPostgres(dataDir, shards), digestsOf(shards), 'memory is what PostgreSQL has');
  const { checked, lost, doubled } = await load.verify();
  assert.deepEqual({ lost, doubled }, { lost: [], doubled: [] });
  t.diagnostic(`caught up ${Math.round(performance.now() - beganMs)} ms after the last command; ${checked} checked`);
}

test('a PostgreSQL that hangs affects only the lag, and has everything when it continues', async (t) => {
  const running = await start(t);
  const { dataDir, load, lag, ready } = running;
  signalPostgres(dataDir, 'SIGSTOP');
  const from = load.seen.length;
  const stoppedMs = performance.now();
  const awayMs = () => performance.now() - stoppedMs;
  await until(() => awayMs() > AWAY_MS / 2, 'half of the time is over');
  const half = await lag();
  const askedMs = performance.now();
  const told = await ready();
  const toldMs = performance.now() - askedMs;
  assert.equal(told.status, 200, 'it serves');
  assert.deepEqual(told.body.parts['database'], { ok: false, detail: 'away: does not answer' });
  assert.ok(toldMs < 1000, `/readyz took ${toldMs} ms`);
  await until(() => awayMs() > AWAY_MS, 'the time is over');
  const full = await lag();
  const answered = load.seen.length - from;
  const slowest = Math.max(
    ...load.seen.slice(from + 1).map(({ atMs }, i) => atMs - (load.seen[from + i]?.atMs ?? atMs)),
  );
  signalPostgres(dataDir, 'SIGCONT');
  t.diagnostic(
    `away for ${Math.round(awayMs())} ms: ${answered} answered, ${Math.round(slowest)} ms between two at most, lag ${half} at half time, ${full} at the end; /readyz told in ${Math.round(toldMs)} ms`,
  );
  assert.ok(half > 100 && full > half, 'the lag grows');
  assert.ok(answered > 100, 'commands go on');
  await checkCaughtUp(running, t);
  const after = await ready();
  assert.deepEqual([after.status, after.body.parts['database']?.ok], [200, true]);
});

test('a PostgreSQL that is killed in the middle of batches, again and again, is started again and has everything', async (t) => {
  const running = await start(t);
  const { dataDir, load, lag } = running;
  const from = load.seen.length;
  const beganMs = performance.now();
  let kills = 0;
  let lagMax = 0;
  while (kills < 2 || performance.now() - beganMs < AWAY_MS) {
    await until(() => isProjecting(dataDir), 'a batch is under way');
    const pid = postmasterPid(dataDir);
    signalPostgres(dataDir, 'SIGKILL');
    kills++;
    await until(() => postmasterPid(dataDir) !== pid, 'it is gone');
    lagMax = Math.max(lagMax, await lag());
  }
  t.diagnostic(
    `${kills} kills in ${Math.round(performance.now() - beganMs)} ms: ${load.seen.length - from} answered, lag ${lagMax} at most`,
  );
  assert.ok(lagMax > 0, 'the lag shows it');
  await checkCaughtUp(running, t);
});

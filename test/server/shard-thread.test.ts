/** A shard thread that dies under load: who notices, for how long, and that nothing is lost. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Api, connect } from '../support/api.js';
import { testBuild } from '../support/build.js';
import { booksByThread, type Load, type Seen, startLoad, until } from '../support/probe.js';
import {
  type Environment,
  PROBED_MAIN,
  type Server,
  startServer,
  temporaryDirectory,
  undoes,
} from '../support/server.js';

/**
 * Each is held to it; where the machine is slow, to two fifths of what the start of the server took
 * in the same run, which is a second here.
 */
const BACK_MS_MAX = 1000;
const BACK_OF_START_MAX = 0.4;
const KILLS = 3;
/** Each is 1000 codes: more than fits into a small heap. */
const LISTS_AT_ONCE = 400;

const built = testBuild();

/** Ends with the test, however that ends. `backMsMax`: how long a thread may be away. */
async function start(t: TestContext, env: Environment = {}): Promise<{ server: Server; api: Api; backMsMax: number }> {
  const directory = await temporaryDirectory();
  const undo = undoes(t);
  undo(directory.remove);
  const threads = { TEST_BUILD: built().path, SHARD_THREADS: '2', ...env };
  const beganMs = performance.now();
  const server = await startServer(directory.path, threads, PROBED_MAIN);
  const startMs = performance.now() - beganMs;
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  t.diagnostic(`the start took ${startMs.toFixed(0)} ms`);
  return { server, api, backMsMax: Math.max(BACK_MS_MAX, startMs * BACK_OF_START_MAX) };
}

/** What the caller saw of a thread that died at `diedMs`, in ms from then on. */
function outage(seen: readonly Seen[], thread: number, diedMs: number) {
  const since = seen.filter(({ atMs }) => atMs >= diedMs);
  const dead = since.filter((one) => one.thread === thread);
  const refused = dead.filter(({ status }) => status === 503);
  const lastRefusedMs = refused.at(-1)?.atMs ?? diedMs;
  const firstServed = dead.find(({ status, atMs }) => status === 200 && atMs > lastRefusedMs);
  assert.ok(firstServed !== undefined, 'it serves again');
  const others = since.filter((one) => one.thread !== thread && one.atMs <= firstServed.atMs);
  const answers = [diedMs, ...others.map(({ atMs }) => atMs)];
  return {
    refused,
    others,
    backMs: Math.round(firstServed.atMs - diedMs),
    othersGapMs: Math.round(Math.max(...answers.map((atMs, i) => atMs - (answers[i - 1] ?? diedMs)))),
  };
}

function checkOutage(
  seen: readonly Seen[],
  thread: number,
  diedMs: number,
  backMsMax: number,
  say: (line: string) => void,
): void {
  const { refused, others, backMs, othersGapMs } = outage(seen, thread, diedMs);
  say(
    `thread ${thread}: back after ${backMs} ms, ${refused.length} refused; the other thread answered ${others.length} times meanwhile, with ${othersGapMs} ms between two at most`,
  );
  assert.ok(refused.length > 0, 'somebody was refused');
  for (const { retryAfter, problem } of refused) {
    assert.ok(Number(retryAfter) >= 1, 'Retry-After says when to try again');
    assert.match(String(problem), /\/problems\/(unavailable|outcome-unknown)$/);
  }
  assert.ok(others.length > 10, 'the other thread goes on answering');
  assert.ok(
    others.every(({ status }) => status === 200),
    'the other thread refuses nobody',
  );
  assert.ok(backMs <= backMsMax, `back after ${backMs} ms, of ${backMsMax.toFixed(0)} at most`);
}

/** Resolves when all threads serve, and a caller of this one's books was answered since. */
async function servesAgain(server: Server, load: Load, thread: number): Promise<void> {
  const serving = async () => (await server.ask({ ask: 'statuses' })).every((status) => status === 'serving');
  await until(serving, 'all threads serve');
  const before = load.seen.length;
  const isBack = (seen: Seen) => seen.thread === thread && seen.status === 200;
  await until(() => load.seen.slice(before).some(isBack), 'its books are served');
}

async function checkNothingLost(load: Load, say: (line: string) => void): Promise<void> {
  await load.stop();
  const { checked, lost, doubled } = await load.verify();
  say(`${checked} answered operations checked: ${lost.length} lost, ${doubled.length} doubled`);
  assert.deepEqual({ lost, doubled }, { lost: [], doubled: [] });
}

test('a shard thread that is terminated under load is back within a second, only its books answer 503 meanwhile, and nothing is lost', async (t) => {
  const { server, api, backMsMax } = await start(t);
  const load = startLoad(api, await booksByThread(api, 2, 2, 5000), { callersPerBook: 6 });
  for (const thread of [0, 1, 0]) {
    const answered = load.answered();
    await until(() => load.answered() > answered + 500, 'the load runs');
    const diedMs = performance.now();
    await server.ask({ ask: 'killShardThread', thread });
    await servesAgain(server, load, thread);
    checkOutage(load.seen, thread, diedMs, backMsMax, (line) => t.diagnostic(line));
  }
  await checkNothingLost(load, (line) => t.diagnostic(line));
  assert.equal(await server.stop(), 0);
});

test('a shard thread that runs out of heap is back within a second, only its books answer 503 meanwhile, and nothing is lost', async (t) => {
  const { server, api, backMsMax } = await start(t, { TEST_SHARD_HEAP_MB: '32' });
  const books = await booksByThread(api, 2, 2, 5000);
  const load = startLoad(api, books, { callersPerBook: 6 });
  const path = `/coupon-books/${books[0]?.[0]}/codes?limit=1000`;
  const readers = await connect(server.url, { sockets: LISTS_AT_ONCE });
  const deaths = () => server.output().split('"msg":"a shard thread ended').length - 1;
  for (let kill = 0; kill < KILLS; kill++) {
    const answered = load.answered();
    await until(() => load.answered() > answered + 500, 'the load runs');
    const before = { deaths: deaths(), seen: load.seen.length };
    const lists = Array.from({ length: LISTS_AT_ONCE }, () => readers.call('GET', path));
    await until(() => deaths() > before.deaths, 'the thread dies of them');
    await servesAgain(server, load, 0);
    const firstRefused = load.seen.slice(before.seen).find(({ status }) => status === 503);
    checkOutage(load.seen, 0, firstRefused?.atMs ?? Number.NaN, backMsMax, (line) => t.diagnostic(line));
    for (const { status, headers } of await Promise.all(lists))
      assert.ok(status === 200 || (status === 503 && Number(headers['retry-after']) >= 1), `a list got ${status}`);
  }
  readers.close();
  assert.match(server.output(), /ERR_WORKER_OUT_OF_MEMORY/);
  await checkNothingLost(load, (line) => t.diagnostic(line));
  assert.equal(await server.stop(), 0);
});

/**
 * The whole server on a Redis that is full, cuts connections, stands still: nothing answered is
 * lost, nothing happens twice.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RedisProxy, startProxy } from '../journal/redis-proxy.js';
import { type RedisServer, startRedis } from '../journal/redis-server.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { booksByThread, type Load, startLoad, until } from '../support/probe.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const THREADS = 2;
const CALLERS_PER_BOOK = 16;
const CODES = 5000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let redis: RedisServer;
let proxy: RedisProxy;
let server: Server;
let api: Api;

before(async () => {
  directory = await temporaryDirectory();
  redis = await startRedis();
  proxy = await startProxy(redis.port);
  server = await startServer(directory.path, { REDIS_URL: proxy.url, SHARD_THREADS: String(THREADS) });
  api = await connect(server.url);
});

after(async () => {
  api?.close();
  await server?.kill();
  await proxy?.close();
  await redis?.destroy();
  await directory?.remove();
});

async function underLoad(disturb: (load: Load) => Promise<void>): Promise<Load> {
  const books = await booksByThread(api, THREADS, 2, CODES);
  const load = startLoad(api, books, { callersPerBook: CALLERS_PER_BOOK, pauseMs: 10 });
  await untilAllServe(load);
  try {
    await disturb(load);
    await untilAllServe(load);
  } finally {
    await load.stop();
  }
  for (const { status, retryAfter, problem } of load.seen) {
    if (status === 200) continue;
    assert.equal(status, 503, problem);
    assert.ok(Number(retryAfter) >= 1, 'a 503 says when to try again');
    assert.notEqual(problem, '/problems/outcome-unknown');
  }
  const { lost, doubled, checked } = await load.verify();
  assert.deepEqual([lost, doubled], [[], []]);
  assert.ok(checked > 100, `only ${checked} operations were checked`);
  return load;
}

/** From now on, each thread answers many changes. */
async function untilAllServe({ seen }: Load): Promise<void> {
  const fromMs = performance.now();
  const isServed = (thread: number): boolean =>
    seen.filter((answer) => answer.thread === thread && answer.status === 200 && answer.atMs > fromMs).length > 50;
  await until(() => Array.from({ length: THREADS }, (_, thread) => thread).every(isServed), 'both threads serve');
}

const refusals = ({ seen }: Load): number => seen.filter(({ status }) => status === 503).length;

test('CLIENT KILL of all connections, five times under load: nothing is lost or doubled', async () => {
  await underLoad(async (load) => {
    for (let times = 0; times < 5; times++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await untilAllServe(load);
    }
  });
});

test('connections that are cut in the middle of a reply, ten times under load: nothing is lost or doubled', async () => {
  const load = await underLoad(async (running) => {
    for (let bytes = 1; bytes <= 10; bytes++) {
      // The reply to an append is ":1\r\n".
      const before = refusals(running);
      let cutMs = Number.NEGATIVE_INFINITY;
      // A cut between two replies, with nothing in flight, is nobody's to notice. Then it is done
      // again.
      await until(() => {
        if (performance.now() - cutMs > 500) {
          proxy.cutAfterReplyBytes(bytes);
          cutMs = performance.now();
        }
        return refusals(running) > before;
      }, 'the cut is noticed');
      await untilAllServe(running);
    }
  });
  assert.ok(refusals(load) > 0);
});

test('a Redis that stops responding for 2 s: changes wait, and nothing is lost or doubled', async () => {
  let stoodMs = [0, 0];
  const { seen } = await underLoad(async () => {
    redis.pause();
    const pausedMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    stoodMs = [pausedMs, performance.now()];
    redis.resume();
  });
  const [fromMs = 0, untilMs = 0] = stoodMs;
  // What Redis had answered before may still be on its way for a moment.
  const early = seen.filter(({ atMs, status }) => status === 200 && atMs > fromMs + 300 && atMs < untilMs);
  assert.equal(early.length, 0, 'no change is answered that Redis has not got');
});

test('a Redis at its memory limit: changes get 503 and are not made, reading goes on, and they are made once there is room', async () => {
  const settings = { name: 'full', initialCodes: ['ENDLESS'], allowMultipleRedemptions: true, redeemableBy: 'bearer' };
  const { body } = await api.call('POST', '/coupon-books', settings);
  const redemptions = async (): Promise<number> => {
    const read = await api.call('GET', `/coupon-books/${body.id}`);
    assert.equal(read.status, 200, 'reading goes on');
    return read.body.counts.redemptions;
  };
  const redeem = (): Promise<Reply> => api.call('POST', '/coupons/ENDLESS/redeem', { userId: 'ada' });
  let done = 0;
  const caller = async (): Promise<Reply> => {
    for (;;) {
      const reply = await redeem();
      if (reply.status !== 200) return reply;
      done++;
    }
  };
  const callers = Promise.all(Array.from({ length: 64 }, caller));
  await until(() => done > 500, 'callers are served');
  // Below what is in use: an append that is under way is refused by Redis itself.
  await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  for (const { status, headers, body: problem } of await callers) {
    assert.equal(status, 503);
    assert.ok(['/problems/no-room', '/problems/unavailable'].includes(problem.type), problem.type);
    assert.ok(Number(headers['retry-after']) >= 1);
  }
  await until(async () => (await redeem()).body.type === '/problems/no-room', 'the shards say what is missing');
  assert.equal(await redemptions(), done, 'what was refused was not made');
  for (let times = 0; times < 20; times++) assert.equal((await redeem()).status, 503);
  assert.equal(await redemptions(), done);

  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  await until(async () => (await redeem()).status === 200, 'there is room again');
  assert.equal(await redemptions(), done + 1);
});

test('while Redis is away, changes are refused as unavailable and not for want of room; they are made when it is back', async () => {
  const settings = { name: 'away', initialCodes: ['AWAY-1'], redeemableBy: 'bearer' };
  // The test before ends when one shard thread knows that there is room again.
  const create = (): Promise<Reply> => api.call('POST', '/coupon-books', settings);
  await until(async () => (await create()).status === 201, 'the book is made');
  const lock = (): Promise<Reply> => api.call('POST', '/coupons/AWAY-1/lock', { userId: 'ada' });
  await redis.kill();
  const refused: Reply[] = [];
  await until(async () => refused.push(await lock()) === 20, 'changes are refused');
  // Of a lock that was on its way when Redis ended, nobody knows the outcome yet.
  const isInFlight = ({ body }: Reply): boolean => body.type === '/problems/outcome-unknown';
  for (const { status, body } of refused.filter((reply) => !isInFlight(reply))) {
    assert.deepEqual([status, body.type], [503, '/problems/unavailable']);
  }
  assert.ok(refused.filter(isInFlight).length <= 1, 'one caller has one request in flight');
  await redis.start();
  await until(async () => (await lock()).status === 200, 'the change is made');
});

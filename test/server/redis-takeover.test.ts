/**
 * Two real servers on one Redis and one PostgreSQL: the newer one has the shards, and the older one
 * says nothing more about them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { type RedisServer, startRedis } from '../journal/redis-server.js';
import { testServer } from '../postgres/server.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { booksByThread, startLoad, until } from '../support/probe.js';
import { type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const postgres = testServer();
const THREADS = 2;

interface Ready {
  readonly status: number;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

async function readiness(server: Server): Promise<Ready> {
  const answer = await fetch(`${server.url}/readyz`);
  const { parts } = (await answer.json()) as Pick<Ready, 'parts'>;
  return { status: answer.status, parts };
}

/** What starts a server on the test's own Redis and PostgreSQL, as often as it is called. */
async function installation(undo: ReturnType<typeof undoes>) {
  const redis = await startRedis();
  undo(redis.destroy);
  const { url: databaseUrl, sql } = await postgres.database();
  const env = { REDIS_URL: redis.url, SHARDS: '4', SHARD_THREADS: String(THREADS) };
  const start = async (): Promise<{ server: Server; api: Api }> => {
    const directory = await temporaryDirectory();
    undo(directory.remove);
    const server = await startServer(directory.path, { ...env, DATABASE_URL: databaseUrl });
    undo(server.kill);
    const api = await connect(server.url);
    undo(api.close);
    return { server, api };
  };
  return { redis, sql, start };
}

test('under load, a second Clipbook takes the shards over: the first answers nothing for them any more, and nothing is lost or doubled', async (t) => {
  const { start } = await installation(undoes(t));
  const first = await start();
  let current = first.api;
  // Callers repeat what was refused, with its key, wherever they are sent.
  const unknown: Reply = { status: 503, headers: {}, body: {} };
  const whoeverServes: Api = {
    // A connection that breaks leaves the outcome open, as a 503 may.
    call: (...request) => current.call(...request).catch(() => unknown),
    close: () => undefined,
  };
  const books = await booksByThread(whoeverServes, THREADS, 2, 10_000);
  const load = startLoad(whoeverServes, books, { callersPerBook: 16, pauseMs: 10 });
  await until(() => load.answered() > 1000, 'the first serves');

  const second = await start();
  const tookOverMs = performance.now();
  assert.equal(await first.server.ended(), EXIT_CODES.fenced);
  assert.ok(!load.seen.some(({ status, atMs }) => status === 200 && atMs > tookOverMs), 'the first changes nothing');
  const said = first.server
    .output()
    .split('\n')
    .filter((line) => line.includes('another process has taken over'));
  assert.equal(said.length, 1, first.server.output());

  current = second.api;
  const answered = load.answered();
  await until(() => load.answered() > answered + 1000, 'the second serves');
  await load.stop();
  const { lost, doubled, checked } = await load.verify();
  assert.deepEqual([lost, doubled], [[], []]);
  assert.ok(checked > 1000, `only ${checked} operations were checked`);
  assert.equal((await readiness(second.server)).status, 200, 'that the first one ends disturbs nobody');
});

test('a Clipbook that only serves reads notices within a second that its shards were taken over, and ends', async (t) => {
  const { redis, start } = await installation(undoes(t));
  const first = await start();
  const { body, headers } = await first.api.call('POST', '/coupon-books', { name: 'read', initialCodes: ['READ-1'] });
  const epoch = watchEpoch(redis, String(headers['commit-seq']).split('-')[0] as string);
  let readMs = 0;
  const reading = until(async () => {
    const status = await first.api.call('GET', `/coupon-books/${body.id}`).then(
      (reply) => reply.status,
      () => null,
    );
    if (status === 200) readMs = performance.now();
    return status === null;
  }, 'the first one ends');
  const second = await start();
  await reading;
  const takenMs = await epoch.stop();
  t.diagnostic(`the last read was answered ${Math.round(readMs - takenMs)} ms after its shard was taken over`);
  assert.ok(readMs - takenMs < 1000);
  assert.equal((await second.api.call('POST', '/coupons/assign/READ-1', { userId: 'ada' })).status, 200);
  assert.equal(await first.server.ended(), EXIT_CODES.fenced);
});

test('a Redis that has lost all of its keys is named as that, and not as another process', async (t) => {
  const { redis, start } = await installation(undoes(t));
  const { server, api } = await start();
  await api.call('POST', '/coupon-books', { name: 'lost', initialCodes: ['LOST-1'] });
  await redis.command('FLUSHALL');
  assert.equal(await server.ended(), EXIT_CODES.loss);
  const lines = server.output();
  assert.match(lines, /Redis has lost the id of installation .* see what is left with: clipbook restore/);
  assert.doesNotMatch(lines, /another process has taken over/);
});

test('a database that was restored to a time before the journal begins is refused with one line', async (t) => {
  const { redis, sql, start } = await installation(undoes(t));
  const { server, api } = await start();
  const codes = Array.from({ length: 5 }, (_, n) => `APART-${n}`);
  const { headers } = await api.call('POST', '/coupon-books', { name: 'apart', initialCodes: codes });
  const [shard, seq] = String(headers['commit-seq']).split('-').map(Number);
  for (const code of codes) await api.call('POST', `/coupons/assign/${code}`, { userId: 'ada' });
  assert.equal(await server.stop(), 0);
  // As trimming behind the projection leaves it, in time.
  await redis.command('XTRIM', `clipbook:{${shard}}:journal`, 'MAXLEN', 1);
  const { rows } = await sql.query('SELECT seq, entry_hash FROM checkpoints WHERE shard = $1', [shard]);
  await sql.query('UPDATE checkpoints SET seq = $2, entry_hash = NULL WHERE shard = $1', [shard, seq]);
  await assert.rejects(start(), /the server ended with 24:\nclipbook can not start: .*do the two belong together/);
  await sql.query('UPDATE checkpoints SET seq = $2, entry_hash = $3 WHERE shard = $1', [
    shard,
    rows[0].seq,
    rows[0].entry_hash,
  ]);
  const again = await start();
  assert.equal((await again.api.call('GET', '/coupons/code/APART-0')).body['userId'], 'ada');
});

test('while Redis is away, /readyz and /metrics say so, reads end within a second or so, and all comes back with Redis', async (t) => {
  const { redis, start } = await installation(undoes(t));
  const { server, api } = await start();
  const { body } = await api.call('POST', '/coupon-books', { name: 'away', initialCodes: ['AWAY-1'] });
  const read = async (): Promise<number> => (await api.call('GET', `/coupon-books/${body.id}`)).status;
  assert.equal((await readiness(server)).parts['journal']?.ok, true);

  await redis.kill();
  const goneMs = performance.now();
  await until(async () => (await readiness(server)).status === 503, '/readyz says that something is missing');
  const { parts } = await readiness(server);
  assert.equal(parts['journal']?.ok, false);
  assert.match(String(parts['journal']?.detail), /^away: /);
  assert.equal(parts['database']?.ok, true);
  const refused = await api.call('POST', '/coupons/assign/AWAY-1', { userId: 'ada' });
  assert.deepEqual([refused.status, Number(refused.headers['retry-after']) >= 1], [503, true]);
  await until(async () => (await read()) === 503, 'reads end');
  assert.ok(performance.now() - goneMs < 2000);
  const metrics = await fetch(`${server.url}/metrics`);
  assert.match(await metrics.text(), /clipbook_journal_bytes NaN/i);

  await redis.start();
  const backMs = performance.now();
  await until(async () => (await read()) === 200, 'reads are answered again');
  await until(async () => (await readiness(server)).status === 200, '/readyz says that all is there');
  assert.equal((await api.call('POST', '/coupons/assign/AWAY-1', { userId: 'ada' })).status, 200);
  assert.ok(performance.now() - backMs < 2000);
});

/** When the shard's epoch was last seen to change. */
function watchEpoch(redis: RedisServer, shard: string): { stop(): Promise<number> } {
  let isStopped = false;
  const watching = (async (): Promise<number> => {
    let changedMs = performance.now();
    let epoch = '';
    while (!isStopped) {
      const found = String(await redis.command('GET', `clipbook:{${shard}}:epoch`));
      if (found !== epoch) changedMs = performance.now();
      epoch = found;
    }
    return changedMs;
  })();
  return {
    stop() {
      isStopped = true;
      return watching;
    },
  };
}

/**
 * A disk that is full, and a sync that fails once, under the whole server: 503, nothing changed,
 * and it serves again.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Api, connect, type Reply } from '../support/api.js';
import { until } from '../support/probe.js';
import {
  type Environment,
  PROBED_MAIN,
  type Server,
  startServer,
  temporaryDirectory,
  undoes,
} from '../support/server.js';

/** Of a redemption's metadata: a few hundred of them fill what room there is. */
const LARGE = 'x'.repeat(4000);
const CALLERS = 32;

type Undo = ReturnType<typeof undoes>;

async function start(undo: Undo, dataDir: string, env: Environment = {}): Promise<{ server: Server; api: Api }> {
  const server = await startServer(dataDir, { SHARD_THREADS: '1', ...env }, PROBED_MAIN);
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  return { server, api };
}

/** The book, with two codes that can be redeemed any number of times. */
async function endlessCode(api: Api): Promise<string> {
  const settings = {
    name: 'disk',
    initialCodes: ['ENDLESS', 'LEASED'],
    allowMultipleRedemptions: true,
    redeemableBy: 'bearer',
  };
  const { status, body } = await api.call('POST', '/coupon-books', settings);
  assert.equal(status, 201);
  return body.id;
}

const redeem = (api: Api): Promise<Reply> =>
  api.call('POST', '/coupons/ENDLESS/redeem', { userId: 'ada', metadata: { text: LARGE } });

async function redemptions(api: Api, bookId: string): Promise<number> {
  const { status, body } = await api.call('GET', `/coupon-books/${bookId}`);
  assert.equal(status, 200, 'reading goes on');
  return body.counts.redemptions;
}

async function freeBytes(server: Server): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^clipbook_disk_free_bytes (\d+)/m.exec(text)?.[1]);
}

/** Keeps a lease until there is no room for its renewal. Returns when the last one ends. */
async function renewUntilRefused(api: Api): Promise<number> {
  for (let lockedUntil = 0; ; await new Promise((wake) => setTimeout(wake, 20))) {
    const { status, body } = await api.call('POST', '/coupons/LEASED/lock', { userId: 'bob', ttlSeconds: 5 });
    if (status !== 200) return lockedUntil;
    lockedUntil = Date.parse(body.lockedUntil);
  }
}

/** An ended lease shows as ended in every read, although its end can't be journaled. */
async function assertReads(api: Api, bookId: string): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const [book, code, mine] = await Promise.all([
      api.call('GET', `/coupon-books/${bookId}`),
      api.call('GET', '/coupons/code/LEASED'),
      api.call('GET', '/users/bob/coupons'),
    ]);
    assert.deepEqual([book.status, code.status, mine.status], [200, 200, 200]);
    assert.equal(book.body.counts.locked, 0);
    assert.deepEqual([code.body.lockId, mine.body.items[0].lockId], [null, null]);
  }
}

test('on a full disk a change is refused with 503 and not made, reading goes on, and everything works again once there is room (where a file system can be mounted)', async (t) => {
  const directory = await temporaryDirectory();
  const undo = undoes(t);
  undo(directory.remove);
  const journal = join(directory.path, 'journal');
  mkdirSync(journal);
  if (mount(journal, 'size=6m').status !== 0) {
    t.diagnostic('no right to mount: shown with injected errors only, in test/journal/');
    return;
  }
  undo(() => spawnSync('umount', ['-l', journal]));
  let { server, api } = await start(undo, directory.path);
  const bookId = await endlessCode(api);
  const ballast = join(journal, 'ballast');
  assert.ok((await freeBytes(server)) > 0);
  fill(ballast);
  assert.equal(await freeBytes(server), 0, 'the metric tells before anyone is refused');
  const readiness = await fetch(`${server.url}/readyz`);
  const { parts } = (await readiness.json()) as { parts: { disk: { ok: boolean; detail: string } } };
  assert.deepEqual([readiness.status, parts.disk.ok], [200, false]);
  assert.match(parts.disk.detail, /^0 MiB free at .*journal: changes are refused when there is no room/);

  let done = 0;
  const refused: Reply[] = [];
  const caller = async (): Promise<void> => {
    for (;;) {
      const reply = await redeem(api);
      if (reply.status !== 200) {
        refused.push(reply);
        return;
      }
      done++;
    }
  };
  const [lockedUntil] = await Promise.all([renewUntilRefused(api), ...Array.from({ length: CALLERS }, caller)]);
  for (const { status, headers, body } of refused) {
    assert.deepEqual([status, body.type], [503, '/problems/no-room']);
    assert.ok(Number(headers['retry-after']) >= 1);
  }
  assert.ok(done > 100, `${done} were done before`);
  assert.equal(await redemptions(api, bookId), done, 'what was refused was not done');
  assert.equal((await redeem(api)).status, 503, 'and it stays so');
  await until(async () => Date.now() > lockedUntil + 50, 'a lease ends while there is no room');
  await assertReads(api, bookId);
  assert.doesNotMatch(server.output(), /the shards are rebuilt/, 'an ended lease needs no room');

  rmSync(ballast);
  assert.equal(mount(journal, 'remount,size=64m').status, 0);
  await until(async () => (await redeem(api)).status === 200 && ++done > 0, 'there is room again');
  for (let i = 0; i < 50; i++, done++) assert.equal((await redeem(api)).status, 200);
  assert.equal(await redemptions(api, bookId), done);
  t.diagnostic(`${refused.length + 1} refused, ${done} done, none of either doubtful`);

  await server.kill();
  ({ server, api } = await start(undo, directory.path));
  assert.equal(await redemptions(api, bookId), done, 'after SIGKILL too');
  assert.equal(await server.stop(), 0);
});

for (const [disk, syncMs, kinds] of [
  // Where much else is under way, a disk is slow by itself at times.
  ['fast', 0, ['in-thread', 'off-thread']],
  ['slow', 40, ['off-thread']],
] as const) {
  test(`a sync that fails once on a ${disk} disk: its shards stop, reopen and replay, and nothing of the failed commit was answered or is ever shown`, (t) =>
    failOneSync(t, syncMs, kinds));
}

async function failOneSync(t: TestContext, syncMs: number, kinds: readonly string[]): Promise<void> {
  const directory = await temporaryDirectory();
  const undo = undoes(t);
  undo(directory.remove);
  const order = join(directory.path, 'fail-the-next-sync');
  const preload = fileURLToPath(new URL('../support/failing-sync.cjs', import.meta.url));
  const env = { TEST_FAIL_SYNC: order, TEST_SYNC_MS: String(syncMs), NODE_OPTIONS: `--require ${preload}` };
  let { server, api } = await start(undo, join(directory.path, 'data'), env);
  const codes = Array.from({ length: 300 }, (_, i) => `SYNC-${i}`);
  const settings = { name: 'sync', redeemableBy: 'bearer', initialCodes: codes };
  assert.equal((await api.call('POST', '/coupon-books', settings)).status, 201);

  const replies = new Map<string, Reply>();
  const rest = [...codes];
  const caller = async (): Promise<void> => {
    for (let code = rest.pop(); code !== undefined; code = rest.pop()) {
      replies.set(code, await api.call('POST', `/coupons/${code}/redeem`, { userId: `user of ${code}` }));
      if (replies.size === 100) writeFileSync(order, '');
      // The outage shall not use up all codes.
      if (replies.get(code)?.status === 503) await serving();
    }
  };
  const serving = () =>
    until(async () => (await server.ask({ ask: 'statuses' })).every((status) => status === 'serving'), 'it serves');
  await Promise.all(Array.from({ length: CALLERS }, caller));
  assert.ok(
    kinds.some((kind) => existsSync(`${order}.${kind}`)),
    `a sync failed ${kinds.join(' or ')}`,
  );
  assert.match(server.output(), /the journal failed; the shards are rebuilt/);

  const refused = [...replies.values()].filter(({ status }) => status !== 200);
  assert.ok(refused.length > 0 && refused.length < 200, `${refused.length} were refused`);
  for (const { status, headers, body } of refused) {
    assert.deepEqual([status, body.type], [503, '/problems/unavailable'], 'no outcome is left in doubt');
    assert.ok(Number(headers['retry-after']) >= 1);
  }
  const check = async (when: string): Promise<void> => {
    for (const [code, { status }] of replies) {
      const { body } = await api.call('GET', `/coupons/code/${code}`);
      assert.equal(body.status, status === 200 ? 'redeemed' : 'available', `${code}, ${when}`);
    }
  };
  await check('afterwards');
  t.diagnostic(`${refused.length} refused, ${replies.size - refused.length} done`);

  await server.kill();
  ({ server, api } = await start(undo, join(directory.path, 'data')));
  await check('after SIGKILL');
  assert.equal(await server.stop(), 0);
}

function mount(path: string, options: string): { status: number | null } {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'clipbook-test', path]);
}

function fill(path: string): void {
  const fd = openSync(path, 'w');
  try {
    for (;;) if (writeSync(fd, Buffer.alloc(4096)) < 4096) return;
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  } finally {
    closeSync(fd);
  }
}

/**
 * A clock that is wrong, at a start and while the server runs. The databases have the right one.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { startRedis } from '../journal/redis-server.js';
import { SHARDS, testServer } from '../postgres/server.js';
import { type Api, connect } from '../support/api.js';
import { until } from '../support/probe.js';
import { type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const DAY_MS = 24 * 3_600_000;
const LOCK_MS = 10_000;

const postgres = testServer();

interface Rig {
  /** Sets the clock of the servers; 0: right. */
  setAhead(ms: number): void;
  start(env?: Readonly<Record<string, string>>, args?: readonly string[]): Promise<{ server: Server; api: Api }>;
}

async function rig(t: TestContext): Promise<Rig> {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const aheadFile = join(directory.path, 'ahead');
  const preload = fileURLToPath(new URL('../support/skewed-clock.cjs', import.meta.url));
  const skewed = { TEST_CLOCK_AHEAD: aheadFile, NODE_OPTIONS: `--require ${preload}`, SHARDS: String(SHARDS) };
  return {
    setAhead: (ms) => (ms === 0 ? rmSync(aheadFile, { force: true }) : writeFileSync(aheadFile, String(ms))),
    async start(env = {}, args = []) {
      const server = await startServer(join(directory.path, 'data'), { ...skewed, ...env }, 'src/main.ts', args);
      undo(server.kill);
      const api = await connect(server.url);
      undo(api.close);
      return { server, api };
    },
  };
}

/** How far the server's clock is ahead, as the end of a lock shows it. */
async function aheadOf(api: Api): Promise<number> {
  const askedMs = Date.now();
  const body = { userId: 'ada', ttlSeconds: LOCK_MS / 1000 };
  const { status, body: locked } = await api.call('POST', '/coupons/CLOCK-1/lock', body);
  assert.equal(status, 200);
  return Date.parse(locked.lockedUntil) - LOCK_MS - askedMs;
}

const near = (actual: number, expected: number): boolean => Math.abs(actual - expected) < 20_000;

async function metric(server: Server, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

async function clockPart(server: Server): Promise<{ ok: boolean; detail: string } | undefined> {
  const { parts } = (await (await fetch(`${server.url}/readyz`)).json()) as {
    parts: Record<string, { ok: boolean; detail: string }>;
  };
  return parts['clock'];
}

test('after a run with the clock 30 days ahead, a start with the right clock is refused with one line, and goes on with the right time once that was accepted', async (t) => {
  const { setAhead, start } = await rig(t);
  setAhead(30 * DAY_MS);
  const wrong = await start();
  const settings = { name: 'clock', redeemableBy: 'bearer', initialCodes: ['CLOCK-1'] };
  assert.equal((await wrong.api.call('POST', '/coupon-books', settings)).status, 201);
  const ahead = await aheadOf(wrong.api);
  assert.ok(near(ahead, 30 * DAY_MS), `${ahead} ms`);
  assert.equal((await wrong.api.call('POST', '/coupons/CLOCK-1/unlock', { userId: 'ada' })).status, 200);
  assert.equal(await wrong.server.stop(), 0);

  setAhead(0);
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(
      start(),
      /the server ended with 23:\nclipbook can not start: the clock shows \S+Z, but the last change in the journal was made at \S+Z: set the clock, or accept it with "clipbook serve --accept-clock"; see \S+\n$/,
    );
  }
  const accepted = await start({}, ['--accept-clock']);
  assert.match(accepted.server.output(), /times ahead of the clock, which were accepted/);
  assert.ok(near(await aheadOf(accepted.api), 0), 'leases end when they say');
  assert.equal(await accepted.server.stop(), 0);

  const again = await start();
  assert.ok(near(await aheadOf(again.api), 0));
  assert.equal(await again.server.stop(), 0);
});

test('a clock that is set by 30 days while the server runs is not followed, and is told in the log, a metric and /readyz', async (t) => {
  const { setAhead, start } = await rig(t);
  const { server, api } = await start();
  await api.call('POST', '/coupon-books', { name: 'clock', redeemableBy: 'bearer', initialCodes: ['CLOCK-1'] });
  assert.ok(near(await aheadOf(api), 0));
  for (const [ahead, jumps] of [
    [30 * DAY_MS, 1],
    [-30 * DAY_MS, 2],
  ] as const) {
    setAhead(ahead);
    await until(async () => (await metric(server, 'clipbook_clock_jumps_total')) === jumps, 'the jump is counted');
    assert.ok(near(await aheadOf(api), 0), 'it is not followed');
    assert.equal((await clockPart(server))?.ok, false);
  }
  assert.match(server.output(), /the system's clock was set too far to be right; it is not followed/);
  setAhead(0);
  await until(async () => (await clockPart(server))?.ok === true, 'it is right again');
  assert.equal(await server.stop(), 0);
});

/**
 * A way to a server by an address that is not the loopback's. Null where this machine has no other.
 */
async function byOtherAddress(t: TestContext, target: string): Promise<string | null> {
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (address === undefined) {
    t.diagnostic('this machine has no address but the loopback; another host can not be shown');
    return null;
  }
  const url = new URL(target);
  const [port, host] = [Number(url.port), url.hostname];
  const relay = createServer((client) => {
    const upstream = connectTo(port, host);
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  relay.listen(0, address);
  await once(relay, 'listening');
  t.after(async () => void relay.close());
  url.hostname = address;
  url.port = String((relay.address() as AddressInfo).port);
  return url.href;
}

test('a clock that is more than a minute from that of a PostgreSQL or a Redis on another host is refused with one line (where this machine has an address of its own)', async (t) => {
  const { setAhead, start } = await rig(t);
  const { url } = await postgres.database();
  const redis = await startRedis();
  t.after(() => redis.destroy());
  const [database, journal] = [await byOtherAddress(t, url), await byOtherAddress(t, redis.url)];
  if (database === null || journal === null) return;
  const refused = (store: string, direction: string): RegExp =>
    new RegExp(
      `the server ended with ${EXIT_CODES.clock}:\\nclipbook can not start: the clock of this machine is \\d+ s ${direction} that of ${store} on \\S+: set both right, with NTP; see \\S+\\n$`,
    );
  setAhead(300_000);
  await assert.rejects(start({ DATABASE_URL: database }), refused('PostgreSQL', 'ahead of'));
  await assert.rejects(start({ DATABASE_URL: url, REDIS_URL: journal }), refused('Redis', 'ahead of'));
  setAhead(-300_000);
  await assert.rejects(start({ DATABASE_URL: database }), refused('PostgreSQL', 'behind'));
  setAhead(30_000);
  const { server } = await start({ DATABASE_URL: database, REDIS_URL: journal });
  assert.equal(await server.stop(), 0);
});

/**
 * SIGINT and SIGTERM at every stage of a run. A start ends within a second, leaves nothing running,
 * and data that starts again.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/compose/port-check.js';
import { waitFor } from '../journal/wait-for.js';
import { testServer } from '../postgres/server.js';
import { connect } from '../support/api.js';
import { testBuild } from '../support/build.js';
import { dataDirectory, launch, listening, processesIn, type Started } from '../support/process.js';

/** A second, and as much again for a machine that is busy with other tests. */
const MS_MAX = 2_000;
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_CODES;

const built = testBuild();
const database = testServer();

/** Sends the signal, and sees that the process ends as it should and leaves nothing behind. */
async function endBy(signal: Signal, started: Started, dataDir: string): Promise<void> {
  assert.ok(!started.output().includes('clipbook listening on'), 'it is still starting');
  const { code, ms } = await started.ended(signal);
  assert.equal(code, EXIT_CODES[signal], started.output());
  assert.ok(ms < MS_MAX, `${ms} ms`);
  assert.equal(started.output(), '', 'what is ended on purpose has nothing to complain of');
  await waitFor(() => processesIn(dataDir).length === 0, 'nothing to run in the data directory');
}

/** The data directory starts again and serves. */
async function startsAgain(dataDir: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const again = launch(built(), { env: { DATA_DIR: dataDir, ...env } });
  await listening(again);
  assert.equal((await again.ended('SIGTERM')).code, 0, again.output());
}

const STAGES: readonly (readonly [
  stage: string,
  signal: Signal,
  reached: (dataDir: string, port: number) => unknown,
])[] = [
  ['before anything is done', 'SIGTERM', () => true],
  ['when the journal is locked', 'SIGINT', (dataDir) => existsSync(join(dataDir, 'journal', 'journal.lock'))],
  ['while initdb runs', 'SIGTERM', (dataDir) => isThere(join(dataDir, 'postgres', 'cluster.new'))],
  ['while initdb runs', 'SIGINT', (dataDir) => isThere(join(dataDir, 'postgres', 'cluster.new'))],
  ['when PostgreSQL starts', 'SIGINT', (dataDir) => existsSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'))],
  ['when HTTP listens and the shards do not serve yet', 'SIGTERM', (_, port) => answers(port)],
  ['when HTTP listens and the shards do not serve yet', 'SIGINT', (_, port) => answers(port)],
];

for (const [stage, signal, reached] of STAGES) {
  test(`${signal} ${stage} ends the first start within a second with ${EXIT_CODES[signal]}, and the next one serves`, async (t) => {
    const dataDir = dataDirectory(t);
    const port = await freePort('127.0.0.1');
    const started = launch(built(), { env: { DATA_DIR: dataDir, PORT: String(port), HTTP_THREADS: '2' } });
    await once(started.child, 'spawn');
    await waitFor(async () => Boolean(await reached(dataDir, port)), stage);
    await endBy(signal, started, dataDir);
    await startsAgain(dataDir);
  });
}

test('SIGTERM while the migrations wait for those of another process ends the start', async (t) => {
  const dataDir = dataDirectory(t);
  const { url, sql } = await emptyDatabase();
  const client = await sql.connect();
  // The number that node-pg-migrate takes for its own.
  await client.query('SELECT pg_advisory_lock(7241865325823964)');
  const started = launch(built(), { env: { DATA_DIR: dataDir, DATABASE_URL: url } });
  await waitFor(async () => {
    const { rowCount } = await sql.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
    return rowCount === 1;
  }, 'the migrations to wait');
  await endBy('SIGTERM', started, dataDir);
  client.release(true);
  await startsAgain(dataDir, { DATABASE_URL: url });
});

test('SIGINT while the shards recover ends the start, and what was answered before is there after the next one', async (t) => {
  const dataDir = dataDirectory(t);
  const { url, sql } = await emptyDatabase();
  const first = launch(built(), { env: { DATA_DIR: dataDir, DATABASE_URL: url } });
  await listening(first);
  let api = await connect(addressOf(first));
  const codes = Array.from({ length: 100 }, (_, index) => `KEPT-${index}`);
  assert.equal((await api.call('POST', '/coupon-books', { name: 'kept', initialCodes: codes })).status, 201);
  for (const code of codes)
    assert.equal((await api.call('POST', `/coupons/assign/${code}`, { userId: 'ada' })).status, 200);
  api.close();
  // A crash, so that there is something in the journal to recover.
  await first.ended('SIGKILL');

  const client = await sql.connect();
  await client.query('BEGIN; LOCK TABLE codes IN ACCESS EXCLUSIVE MODE');
  const second = launch(built(), { env: { DATA_DIR: dataDir, DATABASE_URL: url } });
  await waitFor(async () => {
    const { rowCount } = await sql.query(`SELECT FROM pg_locks WHERE relation = 'codes'::regclass AND NOT granted`);
    return (rowCount ?? 0) > 0;
  }, 'the shards to read their snapshot');
  await endBy('SIGINT', second, dataDir);
  client.release(true);

  const third = launch(built(), { env: { DATA_DIR: dataDir, DATABASE_URL: url } });
  await listening(third);
  api = await connect(addressOf(third));
  for (const code of codes)
    assert.equal((await api.call('GET', `/coupons/code/${code}`)).body.status, 'assigned', code);
  api.close();
  assert.equal((await third.ended('SIGTERM')).code, 0);
});

test('SIGTERM while Redis does not answer ends the start', async (t) => {
  const dataDir = dataDirectory(t);
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const port = await freePort('127.0.0.1');
  silent.listen(port, '127.0.0.1');
  const started = launch(built(), { env: { DATA_DIR: dataDir, REDIS_URL: `redis://127.0.0.1:${port}` } });
  await waitFor(() => sockets.length > 0, 'it to connect');
  await endBy('SIGTERM', started, dataDir);
});

test('SIGTERM lets a request finish and ends with 0; a second signal while it waits ends at once', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const dataDir = dataDirectory(t);
    const started = launch(built(), { env: { DATA_DIR: dataDir, LOG_LEVEL: 'info' } });
    await listening(started);
    const socket = await requestWithoutEnd(addressOf(started));
    started.child.kill('SIGTERM');
    await waitFor(() => started.output().includes('"stopping"'), 'the drain to begin');
    // npm and service managers send the same signal again at once, and that is no second wish.
    started.child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(started.child.exitCode, null, 'it waits for the request');
    const { code, ms } = await started.ended(signal);
    assert.equal(code, EXIT_CODES[signal], started.output());
    assert.ok(ms < MS_MAX, `${ms} ms`);
    socket.destroy();
    await waitFor(() => processesIn(dataDir).length === 0, 'nothing to run in the data directory');
    await startsAgain(dataDir);
  }
});

function isThere(directory: string): boolean {
  try {
    return readdirSync(directory).length > 0;
  } catch {
    return false;
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectTo(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

function addressOf(started: Started): string {
  return /clipbook listening on (\S+)/.exec(started.output())?.[1] ?? '';
}

/** A request whose body does not come: the server waits for it. */
async function requestWithoutEnd(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connectTo(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const head =
    'POST /api/v1/auth/token HTTP/1.1\r\nHost: clipbook\r\nContent-Type: application/json\r\nContent-Length: 99';
  await new Promise<void>((resolve) => socket.write(`${head}\r\n\r\n{`, () => resolve()));
  // Another request over another connection, after which the first one was read.
  await fetch(`${url}/livez`);
  return socket;
}

/** A database of the test server without any table. */
async function emptyDatabase(): Promise<{ url: string; sql: pg.Pool }> {
  const { url } = await database.database();
  const name = `${new URL(url).pathname.slice(1)}_empty`;
  const admin = new pg.Client(database.postgres().url);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const address = new URL(url);
  address.pathname = `/${name}`;
  const sql = new pg.Pool({ connectionString: address.href, max: 4 });
  sql.on('error', () => undefined);
  pools.push(sql);
  return { url: address.href, sql };
}

const pools: pg.Pool[] = [];
after(async () => {
  for (const pool of pools) await pool.end();
});

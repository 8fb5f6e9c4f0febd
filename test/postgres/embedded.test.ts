import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from '../../src/compose/port-check.js';
import { startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { waitFor } from '../journal/wait-for.js';
import { watcherOf } from '../support/process.js';
import { silent } from './server.js';

/** As mkdtemp makes it, nobody else can enter: the case of a clone in a private directory. */
function dataDirectory(): string {
  const parent = mkdtempSync(join(tmpdir(), 'clipbook-test-embedded-'));
  made.push(parent);
  return join(parent, 'postgres');
}

const made: string[] = [];
// At the end of all: the hooks of a test run in the order in which they were set, and a server is
// stopped after this would run.
after(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
});

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const answers = (url: string) =>
  query(url, 'SELECT 1').then(
    () => true,
    () => false,
  );
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('what was written is there after a stop and a start, and the process is gone in between', async (t) => {
  const dataDir = dataDirectory();
  const first = await startEmbedded({ dataDir, freePort, log: silent });
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const pid = first.pid();
  assert.ok(pid !== null);
  await Promise.all([first.stop(), first.stop()]);
  assert.equal(isAlive(pid), false);
  assert.equal(await answers(first.url), false);
  const second = await startEmbedded({ dataDir, freePort, log: silent });
  t.after(() => second.stop());
  assert.deepEqual(await query(second.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
});

test('it writes durably, listens on loopback only, and lets nobody in without the password', async (t) => {
  const dataDir = dataDirectory();
  const postgres = await startEmbedded({ dataDir, freePort, log: silent });
  t.after(() => postgres.stop());
  const settings = await query(
    postgres.url,
    `SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) AS all FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'unix_socket_directories')`,
  );
  assert.deepEqual(settings, [
    {
      all: 'fsync=on full_page_writes=on listen_addresses=127.0.0.1 synchronous_commit=on unix_socket_directories=',
    },
  ]);
  const wrong = new URL(postgres.url);
  wrong.password = 'wrong';
  await assert.rejects(query(wrong.href, 'SELECT 1'), /password authentication failed/);
  assert.equal(statSync(join(dataDir, 'password')).mode & 0o777, 0o600);
});

test('a PostgreSQL that dies is started again at the same address', async (t) => {
  const dataDir = dataDirectory();
  const postgres = await startEmbedded({ dataDir, freePort, log: silent });
  t.after(() => postgres.stop());
  for (let round = 0; round < 2; round++) {
    const pid = postgres.pid();
    assert.ok(pid !== null);
    process.kill(pid, 'SIGKILL');
    await waitFor(() => postgres.pid() !== pid && answers(postgres.url), 'another postmaster');
  }
});

test('a second Clipbook on the same directory is refused while the first one lives', async (t) => {
  const dataDir = dataDirectory();
  const first = await startEmbedded({ dataDir, freePort, log: silent });
  t.after(() => first.stop());
  await assert.rejects(startEmbedded({ dataDir, freePort, log: silent }), /is in use by another Clipbook, process \d+/);
  assert.equal(await answers(first.url), true);
});

test('after a kill -9 of Clipbook its PostgreSQL is found, stopped and replaced', async (t) => {
  const dataDir = dataDirectory();
  const run = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('embedded-run.ts', import.meta.url)), dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(run.stdout, 'data')) as [Buffer];
  const left = JSON.parse(line.toString()) as { readonly url: string; readonly pid: number };
  await query(left.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const watcher = watcherOf(left.pid);
  assert.ok(watcher !== null);
  // Without its watcher the postmaster outlives us.
  process.kill(watcher, 'SIGKILL');
  await waitFor(() => watcherOf(left.pid) === null, 'the watcher to be gone');
  run.kill('SIGKILL');
  await once(run, 'exit');
  assert.equal(isAlive(left.pid), true, 'the postmaster outlives its parent');
  const messages: string[] = [];
  const log = { ...silent, info: (_: object, message: string) => messages.push(message) };
  const postgres = await startEmbedded({ dataDir, freePort, log });
  t.after(() => postgres.stop());
  // Gone, but for the moment until the system has collected it.
  await waitFor(() => !isAlive(left.pid), 'the old postmaster to be gone');
  assert.match(messages.join('\n'), new RegExp(`killed run left behind \\(process ${left.pid}\\)`));
  assert.deepEqual(await query(postgres.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
});

test('after a kill -9 of Clipbook its PostgreSQL ends within seconds, and the next start has what was written', async (t) => {
  const dataDir = dataDirectory();
  const run = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('embedded-run.ts', import.meta.url)), dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(run.stdout, 'data')) as [Buffer];
  const left = JSON.parse(line.toString()) as { readonly url: string; readonly pid: number };
  await query(left.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const killedMs = performance.now();
  run.kill('SIGKILL');
  await waitFor(() => !isAlive(left.pid), 'the postmaster to end');
  t.diagnostic(`${Math.round(performance.now() - killedMs)} ms after the kill`);
  await waitFor(() => watcherOf(left.pid) === null, 'its watcher to end');
  const postgres = await startEmbedded({ dataDir, freePort, log: silent });
  t.after(() => postgres.stop());
  assert.deepEqual(await query(postgres.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
});

test('after a kill -9 of Clipbook while initdb runs, initdb ends, and the next start makes the cluster anew', async (t) => {
  const dataDir = dataDirectory();
  const run = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('embedded-run.ts', import.meta.url)), dataDir],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await waitFor(() => existsSync(join(dataDir, 'cluster.new', 'PG_VERSION')), 'initdb to run');
  run.kill('SIGKILL');
  await once(run, 'exit');
  // At once: initdb may still be at work.
  const postgres = await startEmbedded({ dataDir, freePort, log: silent });
  t.after(() => postgres.stop());
  assert.deepEqual(await query(postgres.url, 'SELECT 42 AS answer'), [{ answer: 42 }]);
});

test('its memory is the configured one, and small by default', async () => {
  const dataDir = dataDirectory();
  const shared = async (memoryBytes?: number): Promise<unknown> => {
    const postgres = await startEmbedded({
      dataDir,
      freePort,
      log: silent,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    });
    try {
      return (await query(postgres.url, 'SHOW shared_buffers'))[0]?.['shared_buffers'];
    } finally {
      await postgres.stop();
    }
  };
  assert.equal(await shared(), '256MB');
  assert.equal(await shared(64 * 2 ** 20), '64MB');
  const more = 2 ** 50;
  await assert.rejects(shared(more), /PostgreSQL does not start: FATAL: /);
  assert.equal(await shared(), '256MB');
});

test('a process that ends without stopping it takes PostgreSQL with it', async () => {
  const dataDir = dataDirectory();
  const run = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('embedded-run.ts', import.meta.url)), dataDir, 'exit'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(run.stdout, 'data')) as [Buffer];
  const { pid } = JSON.parse(line.toString()) as { readonly pid: number };
  await waitFor(() => !isAlive(pid), 'the postmaster to end');
});

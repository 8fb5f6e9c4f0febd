/**
 * A start that can't succeed: it ends soon, with 1 and one line, which names the variable to change
 * and shows no password.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/compose/port-check.js';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { startRedis } from '../journal/redis-server.js';
import { testServer } from '../postgres/server.js';
import { testBuild } from '../support/build.js';
import { ended, startCli } from '../support/cli.js';
import { dataDirectory, type Launch, launch, listening, processesIn } from '../support/process.js';

const PASSWORD = 'sesame-open-up';
/** A silent server is given 5 s, and the machine may be busy. */
const MS_MAX = 15_000;

const built = testBuild();
const database = testServer();

type Context = Parameters<typeof dataDirectory>[0];

async function refusal(t: Context, options: Launch, exitCode: number = EXIT_CODES.failed): Promise<string> {
  const directory = dataDirectory(t);
  const started = launch(built(), { ...options, env: { DATA_DIR: join(directory, 'data'), ...options.env } });
  const { code, lines, ms } = await started.ended();
  assert.equal(code, exitCode, started.output());
  assert.equal(lines.length, 1, started.output());
  assert.ok(ms < MS_MAX, `${ms} ms`);
  const [line = ''] = lines;
  assert.ok(!line.includes(PASSWORD), line);
  assert.deepEqual(processesIn(directory), [], 'nothing is left running');
  return line;
}

async function listen(t: Context, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function changed(url: string, change: (url: URL) => void): string {
  const address = new URL(url);
  change(address);
  return address.href;
}

// ─── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────────

test('a PostgreSQL that is not there is named with variable, host and port', async (t) => {
  const port = await freePort('127.0.0.1');
  assert.equal(
    await refusal(t, { env: { DATABASE_URL: `postgres://ada:${PASSWORD}@127.0.0.1:${port}/shop` } }),
    `clipbook can not start: DATABASE_URL: PostgreSQL at 127.0.0.1:${port} can not be reached: nothing listens there (ECONNREFUSED)`,
  );
});

test('a PostgreSQL on a host that nobody knows is named', async (t) => {
  assert.match(
    await refusal(t, { env: { DATABASE_URL: `postgres://ada:${PASSWORD}@no-such-host.invalid/shop` } }),
    /^clipbook can not start: DATABASE_URL: PostgreSQL at no-such-host\.invalid:5432 can not be reached: no such host \((ENOTFOUND|EAI_AGAIN)\)$/,
  );
});

test('a PostgreSQL that refuses user, password, database or TLS is named with what it refuses', async (t) => {
  const { url } = database.postgres();
  const server = `PostgreSQL at ${new URL(url).host}`;
  const cases: readonly (readonly [change: (url: URL) => void, line: string])[] = [
    [(to) => (to.password = PASSWORD), `${server} refuses user "clipbook" with the password of the URL (28P01)`],
    [(to) => (to.password = ''), `${server} asks for a password, and the URL has none`],
    [(to) => (to.pathname = '/nowhere'), `${server} has no database "nowhere" (3D000)`],
    [(to) => (to.search = '?sslmode=verify-full'), `${server} does not speak TLS, which sslmode in the URL asks for`],
  ];
  for (const [change, line] of cases)
    assert.equal(
      await refusal(t, { env: { DATABASE_URL: changed(url, change) } }),
      `clipbook can not start: DATABASE_URL: ${line}`,
    );
});

test('a user that may not create tables is named with what is not allowed', async (t) => {
  const { url } = await database.database();
  const admin = new pg.Client(database.postgres().url);
  await admin.connect();
  await admin.query(`CREATE ROLE guest LOGIN PASSWORD '${PASSWORD}'`);
  await admin.query('CREATE DATABASE locked');
  await admin.end();
  const guest = changed(url, (to) => {
    to.username = 'guest';
    to.password = PASSWORD;
    to.pathname = '/locked';
  });
  assert.match(
    await refusal(t, { env: { DATABASE_URL: guest } }),
    /^clipbook can not start: DATABASE_URL: PostgreSQL at \S+ does not allow user "guest" what is needed in database "locked": permission denied for schema public \(42501\)$/,
  );
});

test('a database that a newer Clipbook has migrated is refused and left as it is', async (t) => {
  const { url, sql } = await database.database();
  await sql.query(`INSERT INTO migrations (name, run_on) VALUES ('9999_of_the_future', now())`);
  const { host, pathname } = new URL(url);
  assert.equal(
    await refusal(t, { env: { DATABASE_URL: url } }),
    `clipbook can not start: DATABASE_URL: database "${pathname.slice(1)}" of PostgreSQL at ${host}: its migration "9999_of_the_future" is unknown to this version: run the newer Clipbook that made it, or use another database`,
  );
});

test('what listens in the place of PostgreSQL, and hangs up or says nothing, is named', async (t) => {
  const http = await listen(t, createHttpServer());
  assert.equal(
    await refusal(t, { env: { DATABASE_URL: `postgres://ada:${PASSWORD}@127.0.0.1:${http}/shop` } }),
    `clipbook can not start: DATABASE_URL: PostgreSQL at 127.0.0.1:${http} closes the connection: is it a PostgreSQL?`,
  );
  const silent = await listen(
    t,
    createServer((socket) => void t.after(async () => void socket.destroy())),
  );
  assert.equal(
    await refusal(t, { env: { DATABASE_URL: `postgres://ada:${PASSWORD}@127.0.0.1:${silent}/shop` } }),
    `clipbook can not start: DATABASE_URL: PostgreSQL at 127.0.0.1:${silent} does not answer in time: is it a PostgreSQL?`,
  );
});

// ─── Redis ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('a Redis that is not there, or on a host that nobody knows, is named with variable, host and port', async (t) => {
  const port = await freePort('127.0.0.1');
  assert.equal(
    await refusal(t, { env: { REDIS_URL: `redis://:${PASSWORD}@127.0.0.1:${port}` } }),
    `clipbook can not start: REDIS_URL: Redis at 127.0.0.1:${port} can not be reached: nothing listens there (ECONNREFUSED)`,
  );
  assert.match(
    await refusal(t, { env: { REDIS_URL: `redis://:${PASSWORD}@no-such-host.invalid` } }),
    /^clipbook can not start: REDIS_URL: Redis at no-such-host\.invalid:6379 can not be reached: no such host \((ENOTFOUND|EAI_AGAIN)\)$/,
  );
});

test('a Redis that asks for a password, refuses one, has no such database, or speaks no TLS is named', async (t) => {
  const redis = await startRedis({ requirepass: 'right' });
  t.after(() => redis.destroy());
  const server = `127.0.0.1:${redis.port}`;
  const cases: readonly (readonly [url: string, line: string])[] = [
    [`redis://${server}`, 'asks for a password, and the URL has none (NOAUTH)'],
    [`redis://:${PASSWORD}@${server}`, 'refuses the user or the password of the URL (WRONGPASS)'],
    [`${redis.url}/99`, 'ERR DB index is out of range'],
    [`rediss://:${PASSWORD}@${server}`, 'takes the connection and does not answer: is it a Redis that speaks TLS?'],
  ];
  for (const [url, line] of cases) {
    const said = await refusal(t, { env: { REDIS_URL: url } });
    assert.ok(said.startsWith(`clipbook can not start: REDIS_URL: Redis at ${server}`), said);
    assert.ok(said.endsWith(line), said);
  }
});

test('what listens in the place of Redis, and hangs up or says nothing, is named', async (t) => {
  const http = await listen(t, createHttpServer());
  assert.equal(
    await refusal(t, { env: { REDIS_URL: `redis://127.0.0.1:${http}` } }),
    `clipbook can not start: REDIS_URL: Redis at 127.0.0.1:${http} closes the connection: is it a Redis, and one without TLS (else the URL begins with rediss://)?`,
  );
  const silent = await listen(
    t,
    createServer((socket) => void t.after(async () => void socket.destroy())),
  );
  assert.equal(
    await refusal(t, { env: { REDIS_URL: `redis://127.0.0.1:${silent}` } }),
    `clipbook can not start: REDIS_URL: Redis at 127.0.0.1:${silent} takes the connection and does not answer: is it a Redis?`,
  );
});

test('a Redis that must not hold a journal is named with the reason', async (t) => {
  const redis = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
  t.after(() => redis.destroy());
  assert.equal(
    await refusal(t, { env: { REDIS_URL: redis.url } }),
    `clipbook can not start: REDIS_URL: Redis at 127.0.0.1:${redis.port}: Redis may drop the journal: maxmemory-policy is allkeys-lru; set it to noeviction`,
  );
});

// ─── HOST and PORT ───────────────────────────────────────────────────────────────────────────────────────────────

test('a port that is taken names PORT; an address that is none of this machine, and an unknown host, name HOST', async (t) => {
  const port = await listen(t, createServer());
  assert.equal(
    await refusal(t, { env: { PORT: String(port) } }),
    `clipbook can not start: PORT is ${port}: can not listen on 127.0.0.1:${port}: someone listens there already`,
  );
  assert.equal(
    await refusal(t, { env: { HOST: '192.0.2.1', PORT: '3000' } }),
    'clipbook can not start: HOST is 192.0.2.1: can not listen on 192.0.2.1:3000: this machine does not have that address (EADDRNOTAVAIL)',
  );
  assert.match(
    await refusal(t, { env: { HOST: 'no-such-host.invalid', PORT: '3000' } }),
    /^clipbook can not start: HOST is no-such-host\.invalid: can not listen on no-such-host\.invalid:3000: no such host \((ENOTFOUND|EAI_AGAIN)\)$/,
  );
});

// ─── DATA_DIR ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Root may write everywhere; without its capabilities it is a user like any other. */
const ORDINARY = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'] : [];

test('a file in the way of DATA_DIR, or of the path to it, is named', async (t) => {
  const directory = dataDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  for (const dataDir of [file, join(file, 'data')]) {
    const line = await refusal(t, { env: { DATA_DIR: dataDir } });
    assert.ok(line.startsWith(`clipbook can not start: DATA_DIR is "${dataDir}": ${file}`), line);
    assert.match(line, /can not be made, because a file is in the way \((EEXIST|ENOTDIR)\)$/);
  }
});

test('a DATA_DIR where no directory can be made is named at once', async (t) => {
  if (!existsSync('/proc/self')) {
    t.diagnostic('there is no /proc');
    return;
  }
  const line = await refusal(t, { env: { DATA_DIR: '/proc/clipbook/data' } });
  assert.equal(
    line,
    'clipbook can not start: DATA_DIR is "/proc/clipbook/data": /proc/clipbook can not be made there (ENOENT)',
  );
});

test('a DATA_DIR that can not be written or entered is named with its owner', async (t) => {
  const directory = dataDirectory(t);
  const user = process.getuid?.() ?? 0;
  const closed = join(directory, 'closed');
  mkdirSync(join(closed, 'data'), { recursive: true });
  chmodSync(join(closed, 'data'), 0o500);
  for (const [mode, dataDir] of [
    [0o700, join(closed, 'data')],
    [0o500, join(closed, 'new')],
    [0o000, join(closed, 'data')],
  ] as const) {
    chmodSync(closed, mode);
    const line = await refusal(t, { env: { DATA_DIR: dataDir }, through: ORDINARY });
    assert.ok(line.startsWith(`clipbook can not start: DATA_DIR is "${dataDir}": `), line);
    assert.match(
      line,
      new RegExp(`can not be written by user ${user}; \\S+ belongs to user ${user}, mode \\d{4} \\(EACCES\\)$`),
    );
  }
  chmodSync(closed, 0o700);
});

test('a disk that is full or read-only is named with DATA_DIR (where a file system can be mounted)', async (t) => {
  const dataDir = dataDirectory(t);
  const mount = (options: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'clipbook-test', dataDir]).status;
  if (mount('size=16k') !== 0) {
    t.diagnostic('no right to mount');
    return;
  }
  try {
    spawnSync('dd', ['if=/dev/zero', `of=${join(dataDir, 'ballast')}`, 'bs=4k']);
    const start = `clipbook can not start: DATA_DIR is "${dataDir}": `;
    assert.equal(await refusal(t, { env: { DATA_DIR: dataDir } }), `${start}the disk is full (ENOSPC)`);
    assert.equal(mount('remount,size=2m'), 0);
    const later = await refusal(t, { env: { DATA_DIR: dataDir } });
    assert.ok(later.startsWith(start), 'a disk that becomes full during the start is named too');
    assert.match(later, /: the disk is full \(ENOSPC\)/);
    assert.equal(mount('remount,ro'), 0);
    assert.equal(await refusal(t, { env: { DATA_DIR: dataDir } }), `${start}the file system is read-only (EROFS)`);
    const { code, out, told } = await ended(startCli(['restore'], { DATA_DIR: dataDir }));
    assert.deepEqual([code, out], [2, ''], told);
    assert.equal(told, `error: DATA_DIR is "${dataDir}": the file system is read-only (EROFS)\n`);
  } finally {
    spawnSync('umount', ['-l', dataDir]);
  }
});

test('what is in the place of the lock file of the journal is named at once', async (t) => {
  const dataDir = dataDirectory(t);
  const path = join(dataDir, 'journal', 'journal.lock');
  mkdirSync(path, { recursive: true });
  const start = `clipbook can not start: DATA_DIR is "${dataDir}": ${path} can not be made, because `;
  assert.equal(await refusal(t, { env: { DATA_DIR: dataDir } }), `${start}a directory is in the way (EEXIST)`);
  rmdirSync(path);
  symlinkSync(join(dataDir, 'nowhere'), path);
  assert.equal(
    await refusal(t, { env: { DATA_DIR: dataDir } }),
    `${start}something that is no file is in the way (EEXIST)`,
  );
});

test('a disk without room for a PostgreSQL is named, and not only that initdb failed (where a file system can be mounted)', async (t) => {
  const dataDir = dataDirectory(t);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'clipbook-test', dataDir]).status !== 0) {
    t.diagnostic('no right to mount');
    return;
  }
  try {
    assert.equal(
      await refusal(t, { env: { DATA_DIR: dataDir } }),
      `clipbook can not start: DATA_DIR is "${dataDir}": the disk is full (ENOSPC), and initdb failed`,
    );
  } finally {
    spawnSync('umount', ['-l', dataDir]);
  }
});

test('on Redis too, a DATA_DIR whose PostgreSQL another Clipbook runs is in use, and names its process', async (t) => {
  const redis = await startRedis();
  t.after(redis.destroy);
  const dataDir = dataDirectory(t);
  const env = { DATA_DIR: dataDir, REDIS_URL: redis.url };
  const first = launch(built(), { env });
  t.after(async () => void first.child.kill('SIGKILL'));
  await listening(first);
  for (const second of [env, { DATA_DIR: dataDir }]) {
    const line = await refusal(t, { env: second }, EXIT_CODES.inUse);
    assert.ok(line.startsWith(`clipbook can not start: DATA_DIR is "${dataDir}": `), line);
    assert.match(line, new RegExp(`is in use by another Clipbook, process ${first.child.pid}$`));
  }
  assert.equal((await first.ended('SIGTERM')).code, 0);
});

test('a DATA_DIR that another Clipbook uses is named with its process', async (t) => {
  const dataDir = dataDirectory(t);
  const first = launch(built(), { env: { DATA_DIR: dataDir } });
  t.after(async () => void first.child.kill('SIGKILL'));
  await listening(first);
  const line = await refusal(t, { env: { DATA_DIR: dataDir } }, EXIT_CODES.inUse);
  assert.ok(line.startsWith(`clipbook can not start: DATA_DIR is "${dataDir}": `), line);
  assert.match(line, new RegExp(`another Clipbook, process ${first.child.pid}$`));
  assert.equal((await first.ended('SIGTERM')).code, 0);
});

test("a cluster that belongs to a user PostgreSQL does not run as is named, with PostgreSQL's own words", async (t) => {
  const dataDir = dataDirectory(t);
  const first = launch(built(), { env: { DATA_DIR: dataDir } });
  await listening(first);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  const cluster = join(dataDir, 'postgres', 'cluster');
  if (process.getuid?.() === 0) chownSync(cluster, 0, 0);
  else chmodSync(cluster, 0o777);
  const line = await refusal(t, { env: { DATA_DIR: dataDir } });
  assert.ok(line.startsWith(`clipbook can not start: DATA_DIR is "${dataDir}": `), line);
  assert.match(line, /(wrong ownership|invalid permissions|[Pp]ermission denied)/);
});

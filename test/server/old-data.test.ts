/**
 * Data that an older version wrote (test/fixtures/write.ts) starts, agrees with itself, and serves.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { freePort } from '../../src/compose/port-check.js';
import { startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { accountFor } from '../../src/postgres/embedded/place.js';
import { startRedis } from '../journal/redis-server.js';
import { type Api, connect } from '../support/api.js';
import { postgresUrl } from '../support/postgres.js';
import { type Environment, startServer, temporaryDirectory, undoes } from '../support/server.js';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));
const SQL = fileURLToPath(new URL('../../sql', import.meta.url));
const HOUR_MS = 3_600_000;
/** What commit 732fe01 brought of `sql/`. */
const MIGRATIONS_MAX = 4;

const unzipped = (version: string, name: string): Buffer =>
  gunzipSync(readFileSync(join(FIXTURES, version, `${name}.gz`)));

type Expected = Readonly<Record<'files' | 'redis', Readonly<Record<string, unknown>>>>;
const expectedOf = (version: string): Expected => JSON.parse(unzipped(version, 'expected.json').toString());

async function assertServes(dataDir: string, expected: Readonly<Record<string, unknown>>, env: Environment) {
  const server = await startServer(dataDir, { ...env, LOG_LEVEL: 'info' });
  const api = await connect(server.url);
  try {
    assert.match(server.output(), /the data of an older version has become an installation/);
    await assertOlderIsRefused(env['DATABASE_URL'] ?? postgresUrl(dataDir));
    for (const [path, answer] of Object.entries(expected)) {
      assertHolds((await read(api, path)) as Json, withoutLeases(answer as Json), path);
    }
    const verification = await verify(api);
    assert.deepEqual([verification.status, verification.agrees], ['completed', true], JSON.stringify(verification));
    const redeemed = await api.call('POST', '/coupons/HOLD-20/redeem', { userId: 'late' });
    assert.equal(redeemed.status, 200);
    const history = (await read(api, '/coupons/HOLD-20/history')) as { items: unknown[] };
    assert.equal(history.items.length, 2, 'assigned and redeemed');
  } finally {
    api.close();
    assert.equal(await server.stop(), 0);
  }
}

/**
 * What those versions do first at each start, in `agreeOnShards` of their
 * `src/postgres/migrate.ts`; they show the error's line.
 */
async function assertOlderIsRefused(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  const insert = `INSERT INTO settings (name, value) VALUES ('shards', $1) ON CONFLICT DO NOTHING`;
  await assert.rejects(client.query(insert, [16]), {
    message: 'a newer version of Clipbook has taken this database into use; run that version or a later one',
  });
  await client.end();
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Newer answers may have more fields; none may be missing or differ. */
function assertHolds(actual: Json, expected: Json, where: string): void {
  if (typeof expected !== 'object' || expected === null) {
    assert.equal(actual, expected, where);
    return;
  }
  assert.ok(typeof actual === 'object' && actual !== null, where);
  for (const [name, value] of Object.entries(expected)) {
    assertHolds((actual as Record<string, Json>)[name] ?? null, value, `${where} ${name}`);
  }
}

/** A lease of then has ended since, and a cursor is opaque. */
function withoutLeases(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutLeases);
  if (typeof value !== 'object' || value === null) return value;
  const { nextCursor: _cursor, counts, ...others } = value;
  const { status, lockId: _lockId, lockedUntil: _lockedUntil, ...unlocked } = others;
  const isLocked = status === 'locked';
  const kept = isLocked ? unlocked : others;
  const counted = counts === undefined ? {} : { counts: withoutLockCounts(counts) };
  return {
    ...Object.fromEntries(Object.entries(kept).map(([name, field]) => [name, withoutLeases(field)])),
    ...counted,
  };
}

function withoutLockCounts(counts: Json): Json {
  const { assigned: _assigned, locked: _locked, ...others } = counts as { [name: string]: Json };
  return others;
}

async function read(api: Api, path: string): Promise<unknown> {
  for (;;) {
    const { status, body } = await api.call('GET', path);
    if (status !== 503) return body;
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function verify(api: Api): Promise<{ status: string; agrees: boolean }> {
  let { body } = await api.call('POST', '/verifications');
  while (body.status === 'processing') {
    await new Promise((wake) => setTimeout(wake, 50));
    ({ body } = await api.call('GET', `/verifications/${body.id}`));
  }
  return body;
}

/** Makes the tables of then, and fills them. */
async function restoreDatabase(url: string, tables: Readonly<Record<string, string>>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  const scripts = readdirSync(SQL).sort().slice(0, MIGRATIONS_MAX);
  for (const name of scripts) await client.query(readFileSync(join(SQL, name), 'utf8'));
  await client.query(
    'CREATE TABLE migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)',
  );
  for (const [table, rows] of Object.entries(tables)) {
    await client.query(`TRUNCATE ${table}`);
    if (table === 'remembered_keys') await makePartitions(client, rows);
    await pipeline(Readable.from([rows]), client.query(copyFrom(`COPY ${table} FROM STDIN`)));
  }
  await client.query(
    `SELECT setval(pg_get_serial_sequence('batches', 'batch_id'), (SELECT max(batch_id) FROM batches))`,
  );
  await client.query(`SELECT setval(pg_get_serial_sequence('migrations', 'id'), (SELECT max(id) FROM migrations))`);
  await client.end();
}

async function makePartitions(client: pg.Client, rows: string): Promise<void> {
  const hours = new Set(
    rows
      .split('\n')
      .filter(Boolean)
      .map((row) => Math.floor(Number(row.split('\t')[0]) / HOUR_MS)),
  );
  for (const hour of hours) {
    await client.query(
      `CREATE TABLE remembered_keys_${hour} PARTITION OF remembered_keys
       FOR VALUES FROM (${hour * HOUR_MS}) TO (${(hour + 1) * HOUR_MS})`,
    );
  }
}

for (const version of readdirSync(FIXTURES).filter((name) => /^[0-9a-f]{7}$/.test(name))) {
  test(`a data directory that commit ${version} wrote starts, verifies and serves`, async (t) => {
    const undo = undoes(t);
    const directory = await temporaryDirectory();
    undo(() => directory.remove());
    const tar = join(directory.path, 'files.tar');
    writeFileSync(tar, unzipped(version, 'files.tar'));
    execFileSync('tar', ['-C', directory.path, '-xf', tar]);
    const dataDir = join(directory.path, 'data');
    const account = accountFor(join(dataDir, 'postgres'));
    if (account !== null) {
      execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, join(dataDir, 'postgres', 'cluster')]);
    }
    await assertServes(dataDir, expectedOf(version).files, {});
  });

  test(`a Redis and a database that commit ${version} wrote start, verify and serve`, async (t) => {
    const undo = undoes(t);
    const directory = await temporaryDirectory();
    undo(() => directory.remove());
    const redisDirectory = mkdtempSync(join(tmpdir(), 'clipbook-old-redis-'));
    undo(() => rmSync(redisDirectory, { recursive: true }));
    writeFileSync(join(redisDirectory, 'dump.rdb'), unzipped(version, 'dump.rdb'));
    // With an append-only file, Redis would not read the dump.
    const redis = await startRedis({ dir: redisDirectory, appendonly: 'no' });
    undo(() => redis.destroy());
    await redis.command('CONFIG', 'SET', 'appendonly', 'yes');
    const postgres = await startEmbedded({
      dataDir: join(directory.path, 'own'),
      freePort,
      log: { info: () => undefined, warn: () => undefined },
    });
    undo(() => postgres.stop());
    await restoreDatabase(postgres.url, JSON.parse(unzipped(version, 'database.json').toString()));
    await assertServes(join(directory.path, 'data'), expectedOf(version).redis, {
      REDIS_URL: redis.url,
      DATABASE_URL: postgres.url,
    });
  });
}

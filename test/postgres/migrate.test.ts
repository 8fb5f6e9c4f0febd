import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { asShardId } from '../../src/domain/ids.js';
import { OpenBatches } from '../../src/features/coupons/open-batches.js';
import { agreeOnShards, migrate } from '../../src/postgres/migrate.js';
import { eventNumbers } from '../../src/records/events.generated.js';
import { takeBackTo } from './older-schema.js';
import { testServer } from './server.js';

const server = testServer();

test('two starts at once migrate an empty database once', async () => {
  const admin = new pg.Client(server.postgres().url);
  await admin.connect();
  await admin.query('CREATE DATABASE fresh');
  await admin.end();
  const url = server.postgres().url.replace(/[^/]*$/, 'fresh');
  await Promise.all([migrate(url), migrate(url), migrate(url)]);
  await Promise.all([agreeOnShards(url, 16), agreeOnShards(url, 16)]);
  await migrate(url);
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(
    'SELECT (SELECT count(*)::int FROM migrations) AS migrations, (SELECT count(*)::int FROM checkpoints) AS shards',
  );
  await client.end();
  assert.equal(rows[0].shards, 16);
  assert.ok(rows[0].migrations >= 1);
});

test('the database names the kinds of changes as the code does', async () => {
  const { sql } = await server.database();
  const { rows } = await sql.query<{ kind: number; name: string }>('SELECT kind, name FROM change_kinds');
  assert.deepEqual(Object.fromEntries(rows.map(({ name, kind }) => [name, kind])), eventNumbers);
});

test('ids of batches go on above the largest one that an older version gave out', async () => {
  const { url, sql } = await server.database();
  await takeBackTo(sql, 6);
  await sql.query(`INSERT INTO settings (name, value) VALUES ('shards', '4')`);
  await sql.query('INSERT INTO checkpoints (shard, seq) SELECT n, 0 FROM generate_series(0, 3) AS n');
  await sql.query(
    `INSERT INTO batches (shard, book_id, staged_ms) SELECT 1, gen_random_uuid(), 1 FROM generate_series(1, 10)`,
  );
  await migrate(url);
  const { rows } = await sql.query<{ shard: number; counter: string }>(
    'SELECT shard, batch_counter AS counter FROM checkpoints ORDER BY shard',
  );
  const next = rows.map(({ shard, counter }) => {
    const batches = new OpenBatches(asShardId(shard), 4);
    batches.skipThrough(Number(counter));
    return batches.nextId();
  });
  assert.deepEqual(next, [16, 17, 18, 19]);
});

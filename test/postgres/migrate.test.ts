import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { agreeOnShards, migrate } from '../../src/postgres/migrate.js';
import { eventNumbers } from '../../src/records/list.js';
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

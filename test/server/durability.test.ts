/**
 * What a PostgreSQL of one's own is set to: what can be set per connection is set, and the rest is
 * told.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort } from '../../src/compose/port-check.js';
import { startChild } from '../../src/postgres/embedded/children.js';
import { startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { accountFor, placeFor } from '../../src/postgres/embedded/place.js';
import { MEMORY_BYTES_DEFAULT, settingsFor } from '../../src/postgres/embedded/settings.js';
import { SHARDS, silent, testServer } from '../postgres/server.js';
import { connect } from '../support/api.js';
import { until } from '../support/probe.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const postgres = testServer();

/** A PostgreSQL of somebody who values speed above everything. */
async function postgresWith(t: TestContext, changed: Readonly<Record<string, string>>): Promise<string> {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const dataDir = join(directory.path, 'own');
  const embedded = await startEmbedded({ dataDir, freePort, log: silent });
  await embedded.stop();
  const url = new URL(embedded.url);
  const { cluster } = embedded;
  const settings = settingsFor({ port: Number(url.port), cluster, memoryBytes: MEMORY_BYTES_DEFAULT });
  const place = await placeFor(dataDir, accountFor(dataDir), silent);
  undo(() => place.close());
  const given = Object.entries(changed).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = startChild(place, 'postgres', ['-D', `${place.home}/cluster`, ...settings, ...given]);
  const ended = once(child, 'exit');
  undo(async () => {
    child.kill('SIGINT');
    await ended;
  });
  let said = '';
  child.stdout?.resume();
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until(() => said.includes('ready to accept connections'), 'PostgreSQL runs');
  return url.href;
}

test('a PostgreSQL with fsync off is served on, and the line of the start, the log and /readyz say what a power cut can do', async (t) => {
  const url = await postgresWith(t, { fsync: 'off' });
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const server = await startServer(directory.path, { DATABASE_URL: url });
  undo(server.kill);
  const told =
    /127\.0\.0\.1:\d+: PostgreSQL 18\S*: fsync is OFF, so A POWER CUT OF PostgreSQL CAN DESTROY ALL DATA; no standbys/;
  await until(() => /^postgres {3}/m.test(server.output()), 'the lines of the start');
  const [line] = server.output().match(/^postgres {3}.*$/m) ?? [];
  assert.match(String(line), told);
  const logged = server
    .output()
    .split('\n')
    .filter((entry) => entry.startsWith('{"level":"error"'));
  assert.equal(logged.length, 1, server.output());
  assert.match(String(logged[0]), told);
  const readiness = await fetch(`${server.url}/readyz`);
  const { parts } = (await readiness.json()) as { parts: Record<string, { ok: boolean; detail: string }> };
  assert.deepEqual([readiness.status, parts['durability']?.ok], [200, false]);
  assert.match(String(parts['durability']?.detail), told);
  assert.equal(await server.stop(), 0);
});

test('every connection waits until its commits are on disk, whatever the database and the user are set to', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const { url, sql } = await postgres.database();
  const name = new URL(url).pathname.slice(1);
  await sql.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  await sql.query('CREATE TABLE seen (place text, waits text)');
  await sql.query(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NULL; END $$`);
  for (const table of ['checkpoints', 'codes', 'batches', 'jobs'])
    await sql.query(
      `CREATE TRIGGER noted AFTER INSERT OR UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION note()`,
    );
  const server = await startServer(directory.path, { DATABASE_URL: url, SHARDS: String(SHARDS) });
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  const { body } = await api.call('POST', '/coupon-books', { name: 'durable', initialCodes: ['DURABLE-1'] });
  const { status } = await api.call('POST', `/coupon-books/${body.id}/generate`, { quantity: 20_000 });
  assert.ok(status === 201 || status === 202, String(status));
  const seen = async (): Promise<string[]> => {
    const { rows } = await sql.query<{ place: string }>('SELECT DISTINCT place FROM seen ORDER BY place');
    return rows.map(({ place }) => place);
  };
  await until(async () => (await seen()).length >= 4, 'projector, staging and control have written');
  const { rows } = await sql.query(`SELECT * FROM seen WHERE waits <> 'on'`);
  assert.deepEqual(rows, []);
  assert.match(
    server.output(),
    /^postgres {3}.*every commit is synced to disk, so a power cut of PostgreSQL loses nothing; /m,
  );
  assert.equal(await server.stop(), 0);
});

test('a metric and /readyz tell how far back the journal reaches', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const server = await startServer(directory.path, {
    DATABASE_URL: (await postgres.database()).url,
    SHARDS: String(SHARDS),
  });
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  assert.equal((await api.call('POST', '/coupon-books', { name: 'kept' })).status, 201);
  const retained = async (): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^clipbook_journal_retained_seconds (\S+)$/m.exec(text)?.[1]);
  };
  await until(async () => (await retained()) >= 1, 'the span grows');
  const readiness = await fetch(`${server.url}/readyz`);
  const { parts } = (await readiness.json()) as { parts: Record<string, { ok: boolean; detail: string }> };
  assert.match(String(parts['journal']?.detail), /^answers; keeps the last \d+ minutes$/);
  assert.equal(await server.stop(), 0);
});

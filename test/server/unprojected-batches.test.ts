/**
 * Batches that are live by the journal while PostgreSQL does not have their `live_seq` yet. A
 * process that finds them so when it starts must not take them for batches that were left behind.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Pool } from 'pg';
import { SHARDS, testServer } from '../postgres/server.js';
import { type Api, connect } from '../support/api.js';
import { until } from '../support/probe.js';
import { type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';
import { verifyStores } from '../support/verification.js';

const CODES = 5_000;
const postgres = testServer();

interface Started {
  readonly server: Server;
  readonly api: Api;
}

interface Rig {
  readonly sql: Pool;
  readonly start: () => Promise<Started>;
  /** Nothing is projected until it is called, by no process. */
  readonly release: () => Promise<void>;
}

async function rig(t: TestContext): Promise<Rig> {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const { url, sql } = await postgres.database();
  const env = { DATABASE_URL: url, SHARDS: String(SHARDS), SHARD_THREADS: '1' };
  const start = async (): Promise<Started> => {
    const server = await startServer(directory.path, env);
    undo(server.kill);
    const api = await connect(server.url);
    undo(api.close);
    return { server, api };
  };
  // Makes the tables.
  await (await start()).server.stop();
  const holder = await sql.connect();
  await holder.query('BEGIN; SELECT FROM checkpoints FOR UPDATE');
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    await holder.query('ROLLBACK');
    holder.release();
  };
  undo(release);
  return { sql, start, release };
}

async function newBook(api: Api, name: string): Promise<string> {
  const { status, body } = await api.call('POST', '/coupon-books', { name });
  assert.equal(status, 201);
  return body.id;
}

const totalOf = async (api: Api, bookId: string): Promise<number> =>
  (await api.call('GET', `/coupon-books/${bookId}`)).body.counts.total;

const rowsIn = async (sql: Pool): Promise<number> =>
  (await sql.query('SELECT count(*)::int AS count FROM codes')).rows[0].count;

async function assertProjected({ sql, release }: Rig, api: Api): Promise<void> {
  await release();
  const isProjected = async (): Promise<boolean> =>
    (await sql.query('SELECT FROM batches WHERE live_seq IS NULL')).rowCount === 0;
  await until(isProjected, 'the projection goes on', 20_000);
  await verifyStores(api);
}

test('the codes of an upload that are live and not projected stay when the next process starts', async (t) => {
  const stores = await rig(t);
  const first = await stores.start();
  const bookId = await newBook(first.api, 'uploaded');
  const codes = Array.from({ length: CODES }, (_, n) => `UPLOADED-${n}`);
  const { body } = await first.api.call('POST', `/coupon-books/${bookId}/codes`, { codes });
  assert.equal(body.added, CODES);
  await first.server.kill();

  const { api } = await stores.start();
  const other = await newBook(api, 'other');
  const again = await api.call('POST', `/coupon-books/${other}/codes`, { codes });
  assert.deepEqual([again.body.added, again.body.duplicates], [0, CODES]);
  assert.equal(await rowsIn(stores.sql), CODES);
  assert.equal(await totalOf(api, bookId), CODES);
  await assertProjected(stores, api);
});

test('the codes of a job that are live and not projected stay when the next process takes the job up again', async (t) => {
  const stores = await rig(t);
  const { sql, start } = stores;
  const first = await start();
  const bookId = await newBook(first.api, 'generated');
  const asked = { quantity: 200_000 };
  const { jobId } = (await first.api.call('POST', `/coupon-books/${bookId}/generate`, asked)).body;
  await until(async () => (await totalOf(first.api, bookId)) === asked.quantity, 'the codes are live');
  await first.server.kill();
  const batches = async (): Promise<number[]> =>
    (await sql.query('SELECT batch_id FROM batches ORDER BY batch_id')).rows.map(({ batch_id }) => batch_id);
  const before = await batches();
  // As if the process had ended between the event and the note of it.
  await sql.query(`UPDATE jobs SET status = 'processing', finished_ms = NULL WHERE id = $1`, [jobId]);

  const { api } = await start();
  const job = async () => (await api.call('GET', `/jobs/${jobId}`)).body;
  await until(async () => (await job()).status !== 'processing', 'the job ends');
  assert.equal((await job()).status, 'completed');
  assert.deepEqual(await batches(), before, 'its batch is the one that it made');
  assert.equal(await totalOf(api, bookId), asked.quantity);
  await assertProjected(stores, api);
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startClusterWriteBack } from '../../src/postgres/embedded/write-back.js';
import { waitFor } from '../journal/wait-for.js';
import { testServer } from './server.js';

const server = testServer();

const addCodes = (n: number): string =>
  `INSERT INTO codes (code, batch_id, ordinal) SELECT 'N${n}-' || i, 1, i FROM generate_series(1, 20000) AS i`;

async function fileOf(
  sql: { query(text: string): Promise<{ rows: { path: string }[] }> },
  name: string,
): Promise<string> {
  return String((await sql.query(`SELECT pg_relation_filepath('${name}') AS path`)).rows[0]?.path);
}

test('files are synced while they grow, and not when they do not', async (t) => {
  const { url, sql } = await server.database();
  const { cluster } = server.postgres();
  const synced: string[] = [];
  const failures: Error[] = [];
  const sync = (file: string): Promise<void> => {
    synced.push(file);
    return Promise.resolve();
  };
  const writeBack = startClusterWriteBack({ url, cluster, onFailure: (error) => failures.push(error), sync });
  t.after(() => writeBack.stop());
  const [table, index] = [await fileOf(sql, 'codes'), await fileOf(sql, 'codes_pkey')];
  await waitFor(() => synced.includes(join(cluster, index)), 'the first look');
  await setTimeout(500);
  synced.length = 0;
  await setTimeout(600);
  assert.equal(synced.length, 0);
  await sql.query(addCodes(1));
  await waitFor(() => synced.includes(join(cluster, table)), 'the table to be synced');
  await waitFor(() => synced.includes(join(cluster, index)), 'its index to be synced');
  assert.deepEqual(failures, []);
});

test('files that are rewritten and removed under its hands are no failure of the real sync', async (t) => {
  const { url, sql } = await server.database();
  const failures: Error[] = [];
  const { cluster } = server.postgres();
  const writeBack = startClusterWriteBack({ url, cluster, onFailure: (error) => failures.push(error) });
  t.after(() => writeBack.stop());
  for (let n = 0; n < 4; n++) {
    await sql.query(addCodes(n));
    await setTimeout(250);
    await sql.query('REINDEX TABLE codes');
    await sql.query('CHECKPOINT');
  }
  await writeBack.stop();
  assert.deepEqual(failures, []);
});

test('a failed write is reported, and PostgreSQL has everything after a restart from its log', async (t) => {
  const { url, sql } = await server.database();
  const postgres = server.postgres();
  let failing = false;
  const writeBack = startClusterWriteBack({
    url,
    cluster: postgres.cluster,
    onFailure: () => {
      failing = false;
      postgres.startAnew();
    },
    sync: () => (failing ? Promise.reject(new Error('EIO: i/o error, fdatasync')) : Promise.resolve()),
  });
  t.after(() => writeBack.stop());
  await sql.query(addCodes(1));
  await setTimeout(500);
  const pid = postgres.pid();
  failing = true;
  // Cut off in its middle, mostly.
  const expected = await sql.query(addCodes(2)).then(
    () => 40_000,
    () => 20_000,
  );
  await waitFor(() => postgres.pid() !== null && postgres.pid() !== pid, 'PostgreSQL to begin again');
  await waitFor(
    () =>
      sql.query('SELECT count(*)::int AS count FROM codes').then(
        ({ rows }) => rows[0].count === expected,
        () => false,
      ),
    'all codes to be there',
  );
});

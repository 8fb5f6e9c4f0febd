/** Places that are told are those of the rows; and whatever is wrong about them costs time only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import type { ShardId } from '../../src/domain/ids.js';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { RowPlaces } from '../../src/postgres/projection/row-places.js';
import { AT_MS, BOOK, SHARD } from './changes.js';
import { createOwner } from './owner.js';
import { projectBook } from './project-book.js';
import { SHARDS, testServer } from './server.js';

const { database } = testServer();

const SIZE = 12_000;
/** A backend tells what it did at a commit, once a second at most. */
const STATISTICS_MS = 1_100;

const codesOf = (prefix: string, count = SIZE): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n * 7).padStart(6, '0')}`);

interface Row {
  readonly block: number;
  readonly line: number;
  readonly ordinal: number;
}

const rowsOf = async (sql: pg.Pool, batchId: number): Promise<Row[]> =>
  (
    await sql.query<Row>(
      `SELECT (ctid::text::point)[0]::int AS block, (ctid::text::point)[1]::int AS line, ordinal
       FROM codes WHERE batch_id = $1 ORDER BY ordinal`,
      [batchId],
    )
  ).rows;

/** How many places are told; each has to be right. */
function checkPlaces(places: RowPlaces, shard: ShardId, firstIndex: number, rows: readonly Row[]): number {
  let told = 0;
  for (const { block, line, ordinal } of rows) {
    if (!places.find(shard, firstIndex + ordinal)) continue;
    assert.deepEqual({ block: places.block, line: places.line }, { block, line }, `ordinal ${ordinal}`);
    told++;
  }
  return told;
}

async function lookUp(places: RowPlaces, sql: pg.Pool, shard: ShardId, index: number): Promise<void> {
  const client = await sql.connect();
  try {
    await places.prepare(client);
    assert.equal(places.find(shard, index), false, 'a place is known only after somebody asked');
    await places.prepare(client);
  } finally {
    client.release();
  }
}

test('the places of a batch are those of its rows, all of them, until one was wrong', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  await projectBook(url, writer, codesOf('PLACE'));
  const places = new RowPlaces();
  await lookUp(places, sql, SHARD, 0);
  const rows = await rowsOf(sql, 1);
  assert.equal(checkPlaces(places, SHARD, 0, rows), SIZE);
  assert.equal(places.find(SHARD, SIZE), false, 'behind the batch');
  assert.equal(places.find(asShardId(SHARD + 1), 0), false, 'in another shard');
  places.distrust();
  assert.equal(checkPlaces(places, SHARD, 0, rows), 0, 'after one of them was wrong');
});

test('where two batches share a block, only the rows of the first one in it are known', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  const log = await projectBook(url, writer, codesOf('FIRST', SIZE + 11));
  const staging = store.stage(SHARD, BOOK);
  await staging.write(codesOf('SECOND'));
  const { batchId, size, count } = await staging.finish(createOwner(store, 2));
  await store.close();
  log.add([{ kind: 'codesAdded', bookId: BOOK, batchId, firstIndex: SIZE + 11, size, count }]);
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  const places = new RowPlaces();
  await lookUp(places, sql, SHARD, SIZE + 11);
  const told = checkPlaces(places, SHARD, SIZE + 11, await rowsOf(sql, batchId));
  assert.ok(told > SIZE * 0.95 && told <= SIZE, `${told} of ${SIZE}`);
});

test('a batch some of whose rows were used is known but for the blocks whose first row was', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  await projectBook(url, writer, codesOf('PLACE'));
  const rows = await rowsOf(sql, 1);
  const used = rows.filter(({ block, ordinal, line }) => ordinal % 5 === 0 || (line === 1 && block % 3 === 0));
  await sql.query('UPDATE codes SET seq = 1 WHERE ordinal = ANY($1)', [used.map(({ ordinal }) => ordinal)]);
  await sql.query('VACUUM codes');
  const places = new RowPlaces();
  await lookUp(places, sql, SHARD, 0);
  const unused = rows.filter((row) => !used.includes(row));
  const told = checkPlaces(places, SHARD, 0, unused);
  assert.ok(told > unused.length * 0.2 && told < unused.length * 0.7, `${told} of ${unused.length}`);
});

test('a small batch, and one that left codes out, are not looked up', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  await projectBook(url, writer, codesOf('SMALL', 100));
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  const staging = store.stage(SHARD, BOOK);
  await staging.write([...codesOf('LARGE'), ...codesOf('SMALL', 1)]);
  const { batchId } = await staging.finish(createOwner(store, 2));
  await store.close();
  // As a batch of so many codes is left that was inserted around one that was there.
  await sql.query('UPDATE batches SET live_seq = 9, first_index = 100, size = count + 1 WHERE batch_id = $1', [
    batchId,
  ]);
  const places = new RowPlaces();
  await lookUp(places, sql, SHARD, 0);
  await lookUp(places, sql, SHARD, 100);
});

/** A large book that is live, and what uses its codes for the first time. */
async function drop(url: string) {
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const codes = codesOf('DROP');
  const log = await projectBook(url, writer, codes);
  const assign = (indexes: readonly number[]) => {
    for (const index of indexes) {
      const code = codes[index] as string;
      log.code(code, index, `user of ${code}`).add({ kind: 'codeAssigned', atMs: AT_MS });
    }
    return writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  };
  /** Look-ups in the index so far, of all connections. */
  const indexScans = async (sql: pg.Pool): Promise<number> => {
    await setTimeout(STATISTICS_MS);
    log.add([{ kind: 'noted', scopeId: BOOK }]);
    await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
    const { rows } = await sql.query<{ scans: number }>(
      `SELECT idx_scan::int AS scans FROM pg_stat_user_indexes WHERE indexrelname = 'codes_pkey'`,
    );
    return rows[0]?.scans ?? 0;
  };
  return { writer, codes, log, assign, indexScans };
}

/** Which of the indexes have not got their user. */
const unassigned = async (sql: pg.Pool, codes: readonly string[], indexes: readonly number[]): Promise<unknown[]> =>
  (
    await sql.query(
      `SELECT a.code FROM unnest($1::text[]) AS a (code)
       LEFT JOIN codes AS c ON c.code = a.code AND c.user_id = 'user of ' || a.code AND c.seq IS NOT NULL AND c.assigned_ms = ${AT_MS}
       WHERE c.code IS NULL`,
      [indexes.map((index) => codes[index])],
    )
  ).rows;

const everyThird = (from: number): number[] =>
  Array.from({ length: SIZE / 3 }, (_, n) => from + 3 * ((n * 1009) % (SIZE / 3)));

test('first uses go to the place of their row, not through the index; later ones through it', async (t) => {
  const { url, sql } = await database();
  const { writer, codes, log, assign, indexScans } = await drop(url);
  t.after(() => writer.close());
  const before = await indexScans(sql);
  await assign([...everyThird(0), ...everyThird(1)]);
  const lookUps = (await indexScans(sql)) - before;
  assert.ok(lookUps < SIZE / 100, `${lookUps} look-ups`);
  assert.deepEqual(await unassigned(sql, codes, [...everyThird(0), ...everyThird(1)]), []);

  const again = everyThird(1).slice(0, 500);
  for (const index of again) {
    const unassign = { kind: 'codeUnassigned', reason: null, prevSeq: asSeq(1) };
    log.code(codes[index] as string, index, 'nobody').add(unassign);
  }
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  assert.ok((await indexScans(sql)) - before >= again.length, 'a second use finds its row by its code');
  assert.equal((await unassigned(sql, codes, again)).length, again.length);
  assert.deepEqual(await unassigned(sql, codes, everyThird(1).slice(500)), []);
});

test('a table that was written anew under it costs one batch more time, and no row its update', async (t) => {
  const { url, sql } = await database();
  const { writer, codes, assign } = await drop(url);
  t.after(() => writer.close());
  await assign(everyThird(0));
  await assign(everyThird(1).slice(0, 100));
  // Half of the rows change their places with each other.
  await sql.query('CREATE TABLE moved AS SELECT * FROM codes WHERE ordinal % 2 = 0');
  await sql.query('DELETE FROM codes WHERE ordinal % 2 = 0');
  await sql.query('VACUUM codes');
  await sql.query('INSERT INTO codes SELECT * FROM moved ORDER BY ordinal DESC');
  await assign(everyThird(1).slice(100));
  await assign(everyThird(2));
  assert.deepEqual(await unassigned(sql, codes, [...everyThird(0), ...everyThird(1), ...everyThird(2)]), []);
  const { rows } = await sql.query('SELECT count(*)::int AS count FROM codes WHERE user_id IS NOT NULL');
  assert.equal(rows[0].count, SIZE);
});

test('a code that PostgreSQL does not have stops the batch, also when its place is known', async (t) => {
  const { url, sql } = await database();
  const { writer, codes, assign } = await drop(url);
  t.after(() => writer.close());
  await assign([0]);
  await sql.query('DELETE FROM codes WHERE code = $1', [codes[77]]);
  await assert.rejects(assign([76, 77, 78]), /3 codes changed, but PostgreSQL has 2 of them/);
  assert.equal((await unassigned(sql, codes, [76, 78])).length, 2);
});

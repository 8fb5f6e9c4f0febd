import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { asBookId } from '../../src/domain/ids.js';
import { createControlStore } from '../../src/postgres/control-store.js';
import { batchHolder } from '../../src/postgres/counters.js';
import { createProjectionWriter } from '../../src/postgres/projection-writer.js';
import type { ControlStore } from '../../src/postgres/store.js';
import { waitFor } from '../journal/wait-for.js';
import { BOOK, changeLog, SHARD } from './changes.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();

/** More than are kept in memory until the end. */
const MANY = 20_000;
const codesFrom = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `CODE-${String(first + n).padStart(8, '0')}`);

async function openStore(t: { after(work: () => Promise<unknown>): void }): Promise<{
  readonly url: string;
  readonly sql: pg.Pool;
  readonly store: ControlStore;
}> {
  const { url, sql } = await server.database();
  const store = createControlStore({ url, poolMax: 3, shardCount: SHARDS, isOwn: true });
  t.after(() => store.close());
  return { url, sql, store };
}

async function rowsOf(sql: pg.Pool): Promise<{ readonly codes: number; readonly batches: number }> {
  const { rows } = await sql.query(
    'SELECT (SELECT count(*)::int FROM codes) AS codes, (SELECT count(*)::int FROM batches) AS batches',
  );
  return rows[0];
}

for (const [size, count] of [
  ['few', 50],
  ['many', MANY],
] as const) {
  test(`${size} codes: those that come twice or exist in any book are counted and left out`, async (t) => {
    const { sql, store } = await openStore(t);
    const first = await store.stage(SHARD, BOOK);
    await first.write(codesFrom(0, count));
    await first.write(codesFrom(count - 10, 10));
    assert.deepEqual(pick(await first.finish()), { count, duplicates: 10 });

    const second = await store.stage(SHARD, asBookId('01890000-0000-7000-8000-0000000000ff'));
    await second.write(codesFrom(count / 2, count));
    const finished = await second.finish();
    assert.deepEqual(pick(finished), { count: count / 2, duplicates: count / 2 });
    const { rows } = await sql.query(
      'SELECT count(DISTINCT ordinal)::int AS ordinals, max(ordinal)::int AS last FROM codes WHERE batch_id = $1',
      [second.batchId],
    );
    assert.equal(rows[0].ordinals, count / 2);
    assert.ok(rows[0].last < finished.size);
    assert.equal((await rowsOf(sql)).codes, count * 1.5);
  });

  test(`${size} codes: a discarded staging leaves nothing, whether it was finished or not`, async (t) => {
    const { sql, store } = await openStore(t);
    const other = await store.stage(SHARD, BOOK);
    await other.write(['OTHER']);
    await other.finish();
    const unfinished = await store.stage(SHARD, BOOK);
    await unfinished.write(codesFrom(0, count));
    await unfinished.discard();
    assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
    const finished = await store.stage(SHARD, BOOK);
    await finished.write(codesFrom(0, count));
    await finished.finish();
    assert.equal((await rowsOf(sql)).codes, count + 1);
    await finished.discard();
    await finished.discard();
    assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
  });
}

test('a batch without codes is finished as empty', async (t) => {
  const { store } = await openStore(t);
  const staging = await store.stage(SHARD, BOOK);
  assert.deepEqual(await staging.finish(), { size: 0, count: 0, duplicates: 0 });
});

test('a live batch is neither discarded nor swept', async (t) => {
  const { url, sql, store } = await openStore(t);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const staging = await store.stage(SHARD, BOOK);
  await staging.write(['AAA']);
  const { size, count } = await staging.finish();
  const log = changeLog();
  log.add([{ kind: 'codesAdded', bookId: BOOK, batchId: staging.batchId, firstIndex: 0, size, count }]);
  await writer.write(new Map([[SHARD, log.changes]]));
  await staging.discard();
  await writer.sweep(0, Date.now() + 1000);
  assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
});

test('sweeping takes batches that never became live, those that were staged since then stay', async (t) => {
  const { url, sql, store } = await openStore(t);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const old = await store.stage(SHARD, BOOK);
  await old.write(codesFrom(0, MANY));
  await old.finish();
  await sql.query('UPDATE batches SET staged_ms = staged_ms - 10000');
  const recent = await store.stage(SHARD, BOOK);
  await recent.write(['RECENT']);
  await recent.finish();
  await writer.sweep(0, Date.now() - 5000);
  assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
  await sql.query('UPDATE batches SET staged_ms = staged_ms - 10000');
  const tooLate = await store.stage(SHARD, BOOK);
  await tooLate.write(['LATE']);
  await writer.sweep(0, Date.now() + 1000);
  await assert.rejects(tooLate.finish(), /was swept away/);
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
});

test('two stagings of the same codes at once share them out, and each code is there once', async (t) => {
  const { sql, store } = await openStore(t);
  const stagings = [await store.stage(SHARD, BOOK), await store.stage(SHARD, BOOK)];
  for (const staging of stagings) await staging.write(codesFrom(0, MANY).toReversed());
  const finished = await Promise.all(stagings.map((staging) => staging.finish()));
  assert.equal(
    finished.reduce((sum, { count }) => sum + count, 0),
    MANY,
  );
  assert.equal(
    finished.reduce((sum, { duplicates }) => sum + duplicates, 0),
    MANY,
  );
  assert.equal((await rowsOf(sql)).codes, MANY);
});

test('a PostgreSQL that is killed while codes are staged leaves none of them, and the next staging works', async (t) => {
  const { sql, store } = await openStore(t);
  const staging = await store.stage(SHARD, BOOK);
  await staging.write(codesFrom(0, MANY));
  const finishing = staging.finish();
  assert.ok(server.kill());
  await assert.rejects(finishing);
  await waitFor(
    () =>
      store.checkpoint(SHARD).then(
        () => true,
        () => false,
      ),
    'PostgreSQL to be back',
  );
  await staging.discard();
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
  const next = await store.stage(SHARD, BOOK);
  await next.write(codesFrom(0, MANY));
  assert.deepEqual(pick(await next.finish()), { count: MANY, duplicates: 0 });
});

const rowsFor = (batchId: number, codes: readonly string[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(codes.map((code, ordinal) => `${code}\t${batchId}\t${ordinal}\n`).join('')));

test('finished rows go straight in, more than a message of them, and their batch is found by its blocks', async (t) => {
  const { sql, store } = await openStore(t);
  const staging = await store.stage(SHARD, BOOK);
  const rows = rowsFor(staging.batchId, codesFrom(0, MANY));
  const half = rows.indexOf(10, rows.length / 2) + 1;
  const count = await staging.copyRows(async (write) => {
    await write(rows.slice(0, half));
    await write(rows.slice(half));
  });
  assert.equal(count, MANY);
  const { rows: found } = await sql.query(
    `SELECT count(*)::int AS count, max(ordinal) AS last, min(code) AS first FROM codes, batches AS b
     WHERE codes.batch_id = b.batch_id AND b.size = $1 AND b.count = $1
       AND codes.ctid >= format('(%s,0)', first_block)::tid AND codes.ctid < format('(%s,0)', last_block + 1)::tid`,
    [MANY],
  );
  assert.deepEqual(found[0], { count: MANY, last: MANY - 1, first: 'CODE-00000000' });
  await assert.rejects(staging.write(['LATE']), /no more codes/);
  await staging.discard();
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
});

test('finished rows of which one exists leave nothing, and can come again in the other way', async (t) => {
  const { sql, store } = await openStore(t);
  const other = await store.stage(SHARD, BOOK);
  await other.write(codesFrom(MANY / 2, 1));
  await other.finish();
  const staging = await store.stage(SHARD, BOOK);
  const rows = rowsFor(staging.batchId, codesFrom(0, MANY));
  // It goes on writing for as long as it is let: PostgreSQL refuses in the middle.
  const count = await staging.copyRows(async (write) => {
    await write(rows);
    for (let n = 1; n < 50; n++) await write(rowsFor(staging.batchId, codesFrom(n * MANY, 1000)));
  });
  assert.equal(count, null);
  assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 2 });
  await staging.write(codesFrom(0, MANY));
  assert.deepEqual(pick(await staging.finish()), { count: MANY - 1, duplicates: 1 });
});

test('finished rows whose maker fails leave nothing, nor do those that are given up', async (t) => {
  const { sql, store } = await openStore(t);
  const failing = await store.stage(SHARD, BOOK);
  const failed = failing.copyRows(async (write) => {
    await write(rowsFor(failing.batchId, codesFrom(0, MANY)));
    throw new Error('the generator broke');
  });
  await assert.rejects(failed, /the generator broke/);
  await failing.discard();
  const cancelled = await store.stage(SHARD, BOOK);
  const rejected = assert.rejects(
    cancelled.copyRows(async (write) => {
      await write(rowsFor(cancelled.batchId, codesFrom(0, MANY)));
      cancelled.abandon();
    }),
  );
  await rejected;
  await cancelled.discard();
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
});

test('a PostgreSQL that is killed while finished rows go in has none of them, and whoever sends them hears of it', async (t) => {
  const { sql, store } = await openStore(t);
  const staging = await store.stage(SHARD, BOOK);
  const copying = staging.copyRows(async (write) => {
    for (let n = 0; ; n++) {
      if (n === 5) assert.ok(server.kill());
      // A backend sees that its postmaster is gone when it waits for its client, so it must have time to take all that was sent.
      if (n > 5) await setTimeout(1000);
      await write(rowsFor(staging.batchId, codesFrom(n * MANY, MANY)));
    }
  });
  await assert.rejects(copying);
  await waitFor(
    () =>
      store.checkpoint(SHARD).then(
        () => true,
        () => false,
      ),
    'PostgreSQL to be back',
  );
  await staging.discard();
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
});

function pick({ count, duplicates }: { count: number; duplicates: number }): { count: number; duplicates: number } {
  return { count, duplicates };
}

for (const [size, count] of [
  ['few', 50],
  ['many', MANY],
] as const) {
  test(`${size} codes with a refill: others come in the place of those that exist, until all are there`, async (t) => {
    const { sql, store } = await openStore(t);
    const other = await store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 10));
    await other.finish();
    const staging = await store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    const asked: number[] = [];
    // The first refill brings some that exist as well.
    let next = 5;
    const finished = await staging.finish(async (missing) => {
      asked.push(missing);
      const codes = codesFrom(next === 5 ? next : count + next, missing);
      next += missing;
      await staging.writeRows(Buffer.from(`${codes.join('\n')}\n`), codes.length);
      return true;
    });
    assert.deepEqual([asked, finished.count], [[10, 10], count]);
    assert.equal((await rowsOf(sql)).codes, count + 10);
    const { rows } = await sql.query('SELECT size, count FROM batches WHERE batch_id = $1', [staging.batchId]);
    assert.deepEqual(rows[0], { size: finished.size, count });
  });

  test(`${size} codes with a refill that has no more: what is there goes in`, async (t) => {
    const { store } = await openStore(t);
    const other = await store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 10));
    await other.finish();
    const staging = await store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    assert.equal((await staging.finish(async () => false)).count, count - 10);
  });

  test(`${size} codes with a refill that fails: nothing goes in`, async (t) => {
    const { sql, store } = await openStore(t);
    const other = await store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 10));
    await other.finish();
    const staging = await store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    await assert.rejects(
      staging.finish(() => Promise.reject(new Error('no counters are left'))),
      /no counters/,
    );
    await staging.discard();
    assert.deepEqual(await rowsOf(sql), { codes: 10, batches: 1 });
  });
}

test('the sweep leaves batches alone whose holder finds out from the journal whether they are live', async (t) => {
  const { url, sql, store } = await openStore(t);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const [plain, generated, ofJob] = [
    await store.stage(SHARD, BOOK),
    await store.stage(SHARD, BOOK),
    await store.stage(SHARD, BOOK),
  ];
  await store.reserve(batchHolder(generated.batchId), { bookId: BOOK, pattern: '####', counterCount: 100 }, 5);
  await sql.query(
    `INSERT INTO jobs (id, kind, status, started_ms, detail) VALUES (gen_random_uuid(), 'generate', 'processing', 1, $1)`,
    [JSON.stringify({ plan: { batchId: ofJob.batchId } })],
  );
  assert.deepEqual(await store.unsettledBatches(), [
    { batchId: plain.batchId, bookId: BOOK, hasCounters: false },
    { batchId: generated.batchId, bookId: BOOK, hasCounters: true },
  ]);
  await writer.sweep(0, Date.now() + 1000);
  const { rows } = await sql.query('SELECT batch_id AS id FROM batches ORDER BY batch_id');
  assert.deepEqual(
    rows.map(({ id }) => id),
    [generated.batchId, ofJob.batchId],
  );
});

test('of codes, those that exist are told, live or not', async (t) => {
  const { store } = await openStore(t);
  const staging = await store.stage(SHARD, BOOK);
  await staging.write(['AAA', 'BBB']);
  await staging.finish();
  assert.deepEqual([...(await store.existingCodes(['AAA', 'CCC', 'BBB']))].sort(), ['AAA', 'BBB']);
  assert.equal((await store.existingCodes([])).size, 0);
});

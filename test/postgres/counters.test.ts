/** Counters of generated codes: reserved once each, given back, merged, and never lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type pg from 'pg';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { migrate } from '../../src/postgres/migrate.js';
import { batchHolder, jobHolder } from '../../src/postgres/staging/counters.js';
import type { ControlStore, JobRow } from '../../src/postgres/store.js';
import type { CounterRange } from '../../src/records/batch-content.js';
import { BOOK, SHARD } from './changes.js';
import { takeBackTo } from './older-schema.js';
import { createOwner } from './owner.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();
const RUNS = Number(process.env['COUNTER_RUNS'] ?? 40);

const of = (counterCount: number, pattern = '{NUMERIC:1}') => ({ bookId: BOOK, pattern, keyId: 1, counterCount });

async function openStore(t: { after(work: () => Promise<unknown>): void }): Promise<{
  readonly sql: pg.Pool;
  readonly store: ControlStore;
  readonly url: string;
}> {
  const { url, sql } = await server.database();
  const store = createControlStore({ url, poolMax: 4, shardCount: SHARDS, isOwn: true });
  t.after(() => store.close());
  return { url, sql, store };
}

const countersIn = (ranges: readonly CounterRange[]): number[] =>
  ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, n) => first + n));

async function take(store: ControlStore, holder: number, counters: ReturnType<typeof of>, quantity: number) {
  const reserved = await store.reserve(batchHolder(holder), counters, quantity);
  return reserved.kind === 'reserved' ? countersIn(reserved.ranges) : null;
}

async function rowsOf(sql: pg.Pool): Promise<{ next: string | null; free: string | null; reserved: number }> {
  const { rows } = await sql.query(
    `SELECT (SELECT next FROM generated) AS next, (SELECT free::text FROM generated) AS free,
       (SELECT count(*)::int FROM reserved_counters) AS reserved`,
  );
  return rows[0];
}

const job = (id: string, total: number): JobRow => ({
  id,
  kind: 'generate',
  status: 'processing',
  done: 0,
  total,
  startedMs: 1,
  finishedMs: null,
  error: null,
  detail: {},
  fingerprint: 7,
});
const JOB = '01900000-0000-7000-8000-000000000001';
const OTHER_JOB = '01900000-0000-7000-8000-000000000002';

test('concurrent requests get different counters, and a refused one changes nothing', async (t) => {
  const { url, sql, store } = await openStore(t);
  const other = createControlStore({ url, poolMax: 4, shardCount: SHARDS, isOwn: true });
  t.after(() => other.close());
  const taken = await Promise.all(
    Array.from({ length: 30 }, (_, n) => take(n % 2 === 0 ? store : other, n + 1, of(100), 7)),
  );
  const given = taken.filter((counters) => counters !== null);
  assert.equal(given.length, 14, 'seven go fourteen times into a hundred');
  assert.deepEqual(
    given.flat().sort((a, b) => a - b),
    Array.from({ length: 98 }, (_, n) => n),
  );
  assert.deepEqual(await rowsOf(sql), { next: '98', free: '{}', reserved: 14 });
});

test('a refusal names the counters that are left, and leaves no row of a pattern that nobody has used', async (t) => {
  const { sql, store } = await openStore(t);
  assert.deepEqual(await store.reserve(batchHolder(1), of(10), 11), {
    kind: 'short',
    unreserved: [{ first: 0, end: 10 }],
  });
  assert.deepEqual(await rowsOf(sql), { next: null, free: null, reserved: 0 });
  await take(store, 2, of(10), 8);
  assert.deepEqual(await store.reserve(batchHolder(3), of(10), 3), {
    kind: 'short',
    unreserved: [{ first: 8, end: 10 }],
  });
  assert.deepEqual(await take(store, 4, of(10), 2), [8, 9]);
});

test('counters that were given back are taken first, and adjacent ranges are merged', async (t) => {
  const { sql, store } = await openStore(t);
  for (const holder of [1, 2, 3, 4]) await take(store, holder, of(1000), 10);
  for (const holder of [1, 3]) assert.equal(await store.discardBatch(holder), true);
  assert.deepEqual(await rowsOf(sql), { next: '40', free: '{[0,10),[20,30)}', reserved: 2 });
  await store.discardBatch(2);
  await store.discardBatch(2);
  assert.deepEqual(await rowsOf(sql), { next: '40', free: '{[0,30)}', reserved: 1 });
  assert.deepEqual(
    await take(store, 5, of(1000), 35),
    countersIn([
      { first: 0, end: 30 },
      { first: 40, end: 45 },
    ]),
  );
  assert.deepEqual(await rowsOf(sql), { next: '45', free: '{}', reserved: 2 });
});

test('counters that are given back at the end join those that were never taken', async (t) => {
  const { sql, store } = await openStore(t);
  for (const holder of [1, 2, 3, 4]) await take(store, holder, of(1000), 10);
  for (const [holder, rows] of [
    [2, { next: '40', free: '{[10,20)}', reserved: 3 }],
    [4, { next: '30', free: '{[10,20)}', reserved: 2 }],
    [3, { next: '10', free: '{}', reserved: 1 }],
    [1, { next: '0', free: '{}', reserved: 0 }],
  ] as const) {
    await store.discardBatch(holder);
    assert.deepEqual(await rowsOf(sql), rows);
  }
});

test('a range that has room for all is not broken up beside one that just fits', async (t) => {
  const { sql, store } = await openStore(t);
  for (const [holder, quantity] of [10, 1, 4, 1].entries()) await take(store, holder + 1, of(1000), quantity);
  for (const holder of [1, 3]) await store.discardBatch(holder);
  assert.deepEqual(await take(store, 5, of(1000), 4), [11, 12, 13, 14]);
  assert.equal((await rowsOf(sql)).free, '{[0,10)}');
});

test('counters of codes that are live are used: they are neither free nor reserved', async (t) => {
  const { sql, store } = await openStore(t);
  await take(store, 1, of(10), 8);
  await store.dropReservation(batchHolder(1));
  await store.discardBatch(1);
  assert.deepEqual(await rowsOf(sql), { next: '8', free: '{}', reserved: 0 });
});

test('more counters join what the holder has, as many as there are, and all of them are given back', async (t) => {
  const { sql, store } = await openStore(t);
  await take(store, 1, of(10), 6);
  assert.deepEqual(countersIn(await store.reserveMore(batchHolder(1), of(10), 9)), [6, 7, 8, 9]);
  assert.deepEqual(await store.reserveMore(batchHolder(1), of(10), 1), []);
  await store.discardBatch(1);
  assert.deepEqual(await rowsOf(sql), { next: '0', free: '{}', reserved: 0 });
});

test('a job and its counters are made together, or neither', async (t) => {
  const { sql, store } = await openStore(t);
  assert.equal((await store.createJob(job(JOB, 11), 'key', of(10))).kind, 'short');
  assert.equal(await store.jobById(JOB), null);
  assert.deepEqual(await rowsOf(sql), { next: null, free: null, reserved: 0 });
  assert.equal((await store.createJob(job(JOB, 8), 'key', of(10))).kind, 'reserved');
  const again = await store.createJob(job(OTHER_JOB, 2), 'key', of(10));
  assert.equal(again.kind === 'earlier' && again.job.id, JOB);
  assert.deepEqual(await rowsOf(sql), { next: '8', free: '{}', reserved: 1 });
});

test('the end of a job that is not completed takes its batch and gives back its counters, and one that is completed keeps both', async (t) => {
  const { sql, store } = await openStore(t);
  await store.createJob(job(JOB, 8), null, of(20));
  await store.createJob(job(OTHER_JOB, 3), null, of(20));
  const staging = store.stage(SHARD, BOOK);
  await staging.write(['AAA', 'BBB']);
  const { batchId } = await staging.finish(createOwner(store));
  assert.equal(await store.endJob({ ...job(JOB, 8), status: 'cancelled' }, batchId), true);
  assert.equal(await store.endJob({ ...job(JOB, 8), status: 'cancelled' }, batchId), true, 'and once more');
  assert.equal(await store.endJob({ ...job(OTHER_JOB, 3), status: 'completed' }, null), true);
  const { rows } = await sql.query('SELECT count(*)::int AS codes FROM codes');
  assert.deepEqual([rows[0].codes, await rowsOf(sql)], [0, { next: '11', free: '{[0,8)}', reserved: 0 }]);
  assert.deepEqual(
    [(await store.jobById(JOB))?.status, (await store.jobById(OTHER_JOB))?.status],
    ['cancelled', 'completed'],
  );
});

test('a live batch keeps its counters from being given back', async (t) => {
  const { sql, store } = await openStore(t);
  await store.createJob(job(JOB, 8), null, of(20));
  const staging = store.stage(SHARD, BOOK);
  await staging.write(['AAA']);
  const { batchId } = await staging.finish(createOwner(store));
  await take(store, batchId, of(20), 1);
  await sql.query('UPDATE batches SET live_seq = 1');
  assert.equal(await store.discardBatch(batchId), false);
  assert.equal(await store.endJob({ ...job(JOB, 8), status: 'failed' }, batchId), false);
  assert.equal((await store.jobById(JOB))?.status, 'processing');
  assert.deepEqual(await rowsOf(sql), { next: '9', free: '{}', reserved: 2 });
});

test('a job that starts anew gets as many counters as it needs, whatever it had', async (t) => {
  const { sql, store } = await openStore(t);
  await store.createJob(job(JOB, 4), null, of(10));
  await store.reserveMore(jobHolder(JOB), of(10), 3);
  const renewed = await store.renewReservation(jobHolder(JOB), of(10), 4);
  assert.deepEqual(renewed.kind === 'reserved' && countersIn(renewed.ranges), [0, 1, 2, 3]);
  assert.deepEqual(await rowsOf(sql), { next: '4', free: '{}', reserved: 1 });
});

test('free ranges are bounded: the smallest ones are forgotten', async (t) => {
  const { sql, store } = await openStore(t);
  await sql.query(
    `INSERT INTO generated (book_id, pattern, key_id, next, free)
     SELECT $1, '{NUMERIC:1}', 1, 1000000, range_agg(int8range(n * 10, n * 10 + 2)) FROM generate_series(1, 1000) AS n`,
    [BOOK],
  );
  await sql.query(
    `INSERT INTO reserved_counters (holder, book_id, pattern, key_id, ranges)
     VALUES ('batch 1', $1, '{NUMERIC:1}', 1, '{[500000,500001),[600000,600005)}')`,
    [BOOK],
  );
  await store.discardBatch(1);
  const { rows } = await sql.query(
    `SELECT count(*)::int AS ranges, bool_or(r @> 600000::int8) AS large, bool_or(r @> 500000::int8) AS small
     FROM generated, unnest(free) AS r`,
  );
  assert.deepEqual(rows[0], { ranges: 1000, large: true, small: false });
});

test('the counters of jobs that an older version left under way are theirs after the migration', async (t) => {
  const { url, sql } = await server.database();
  await takeBackTo(sql, 4);
  await sql.query(`INSERT INTO settings (name, value) VALUES ('shards', '4')`);
  const plan = { bookId: BOOK, pattern: 'X{NUMERIC:5}', from: 40, caller: 'a', requestId: 'r', batchId: null };
  await sql.query(
    `INSERT INTO jobs (id, kind, status, total, started_ms, detail)
     VALUES ($1, 'generate', 'processing', 20000, 1, $3), ($2, 'generate', 'completed', 20000, 1, $3)`,
    [JOB, OTHER_JOB, JSON.stringify({ plan })],
  );
  await migrate(url);
  const { rows } = await sql.query('SELECT holder, book_id, pattern, ranges::text FROM reserved_counters');
  assert.deepEqual(rows, [{ holder: jobHolder(JOB), book_id: BOOK, pattern: 'X{NUMERIC:5}', ranges: '{[40,20040)}' }]);
  const store = createControlStore({ url, poolMax: 1, shardCount: SHARDS, isOwn: true });
  t.after(() => store.close());
  assert.equal((await store.jobsUnderWay()).length, 1);
});

test('whatever is reserved, given back and used, no counter has two holders and none is lost', async (t) => {
  const { sql, store } = await openStore(t);
  let runs = 0;
  const step = fc.record({
    kind: fc.constantFrom('reserve', 'more', 'giveBack', 'use', 'renew'),
    holder: fc.integer({ min: 1, max: 4 }),
    quantity: fc.integer({ min: 1, max: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const counters = of(32, `run ${++runs}`);
      const used = new Set<number>();
      const held = new Map<number, number[]>();
      for (const { kind, holder, quantity } of steps) {
        const mine = held.get(holder) ?? [];
        const others = new Set([...used, ...[...held].flatMap(([of, list]) => (of === holder ? [] : list))]);
        const free = 32 - others.size - mine.length;
        if (kind === 'reserve' || kind === 'renew') {
          const isNew = kind === 'renew';
          const reserved = isNew
            ? await store.renewReservation(batchHolder(holder), counters, quantity)
            : await store.reserve(batchHolder(holder), counters, quantity);
          assert.equal(reserved.kind, quantity <= free + (isNew ? mine.length : 0) ? 'reserved' : 'short');
          if (reserved.kind === 'short') continue;
          held.set(holder, [...(isNew ? [] : mine), ...countersIn(reserved.ranges)]);
        } else if (kind === 'more') {
          const more = countersIn(await store.reserveMore(batchHolder(holder), counters, quantity));
          assert.equal(more.length, Math.min(quantity, free));
          held.set(holder, [...mine, ...more]);
        } else if (kind === 'giveBack') {
          await store.discardBatch(holder);
          held.delete(holder);
        } else {
          await store.dropReservation(batchHolder(holder));
          for (const counter of mine) used.add(counter);
          held.delete(holder);
        }
        const all = [...used, ...[...held.values()].flat()];
        assert.equal(new Set(all).size, all.length, 'nobody has what another has');
        assert.ok(all.every((counter) => counter >= 0 && counter < 32));
      }
      for (const holder of held.keys()) await store.discardBatch(holder);
      const left = await store.reserve(batchHolder(9), counters, 32 - used.size || 1);
      assert.equal(left.kind, used.size === 32 ? 'short' : 'reserved', 'all others can be had');
      await store.dropReservation(batchHolder(9));
    }),
    { numRuns: RUNS },
  );
  assert.equal((await sql.query('SELECT FROM reserved_counters')).rowCount, 0);
});

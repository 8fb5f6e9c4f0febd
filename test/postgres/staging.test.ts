import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { batchHolder, requestHolder } from '../../src/postgres/staging/counters.js';
import { CodesPending, type ControlStore } from '../../src/postgres/store.js';
import type { BatchContent } from '../../src/records/batch-content.js';
import { waitFor } from '../journal/wait-for.js';
import { BOOK, changeLog, SHARD } from './changes.js';
import { createOwner, OTHER_BOOK, type TestOwner } from './owner.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();

/** More than are kept in memory until the end. */
const MANY = 20_000;
/** Of a generated batch, after so many refills. */
const content = (refills: number): BatchContent => ({
  kind: 'generated',
  pattern: '####',
  keyId: 1,
  ranges: [{ first: 0, end: refills }],
  order: 'byCode',
});

const codesFrom = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `CODE-${String(first + n).padStart(8, '0')}`);

async function openStore(t: { after(work: () => Promise<unknown>): void }): Promise<{
  readonly url: string;
  readonly sql: pg.Pool;
  readonly store: ControlStore;
  readonly owner: TestOwner;
}> {
  const { url, sql } = await server.database();
  const store = createControlStore({ url, poolMax: 3, shardCount: SHARDS, isOwn: true });
  t.after(() => store.close());
  return { url, sql, store, owner: createOwner(store) };
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
    const { sql, store, owner } = await openStore(t);
    const first = store.stage(SHARD, BOOK);
    await first.write(codesFrom(0, count));
    await first.write(codesFrom(count - 10, 10));
    assert.deepEqual(pick(await first.finish(owner)), { count, duplicates: 10 });

    const second = store.stage(SHARD, OTHER_BOOK);
    await second.write(codesFrom(count / 2, count));
    const finished = await second.finish(owner);
    assert.deepEqual(owner.asked, [1]);
    assert.deepEqual(pick(finished), { count: count / 2, duplicates: count / 2 });
    const { rows } = await sql.query(
      'SELECT count(DISTINCT ordinal)::int AS ordinals, max(ordinal)::int AS last FROM codes WHERE batch_id = $1',
      [finished.batchId],
    );
    assert.equal(rows[0].ordinals, count / 2);
    assert.ok(rows[0].last < finished.size);
    assert.equal((await rowsOf(sql)).codes, count * 1.5);
  });

  test(`${size} codes: a discarded staging leaves nothing, whether it was finished or not`, async (t) => {
    const { sql, store, owner } = await openStore(t);
    const other = store.stage(SHARD, BOOK);
    await other.write(['OTHER']);
    await other.finish(owner);
    const unfinished = store.stage(SHARD, BOOK);
    await unfinished.write(codesFrom(0, count));
    unfinished.abandon();
    assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
    const finished = store.stage(SHARD, BOOK);
    await finished.write(codesFrom(0, count));
    const { batchId } = await finished.finish(owner);
    assert.equal((await rowsOf(sql)).codes, count + 1);
    assert.deepEqual([await store.discardBatch(batchId), await store.discardBatch(batchId)], [true, true]);
    assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
  });
}

test('a batch without codes is finished as empty', async (t) => {
  const { store, owner } = await openStore(t);
  const staging = store.stage(SHARD, BOOK);
  const empty = { batchId: 1, bookId: BOOK, size: 0, count: 0, duplicates: 0 };
  assert.deepEqual(await staging.finish(owner), empty);
});

test('a live batch is not discarded', async (t) => {
  const { url, sql, store, owner } = await openStore(t);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const staging = store.stage(SHARD, BOOK);
  await staging.write(['AAA']);
  const { batchId, size, count } = await staging.finish(owner);
  const log = changeLog();
  log.add([{ kind: 'codesAdded', bookId: BOOK, batchId, firstIndex: 0, size, count }]);
  await writer.write(new Map([[SHARD, log.changes]]));
  assert.equal(await store.discardBatch(batchId), false);
  assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
});

test('two stagings of the same codes at once share them out, and each code is there once', async (t) => {
  const { sql, store, owner } = await openStore(t);
  const stagings = [store.stage(SHARD, BOOK), store.stage(SHARD, BOOK)];
  for (const staging of stagings) await staging.write(codesFrom(0, MANY).toReversed());
  const finished = await Promise.all(stagings.map((staging) => staging.finish(owner)));
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
  const { sql, store, owner } = await openStore(t);
  const staging = store.stage(SHARD, BOOK);
  await staging.write(codesFrom(0, MANY));
  const finishing = staging.finish(owner);
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
  assert.equal(await store.discardBatch(1), true);
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
  const next = store.stage(SHARD, BOOK);
  await next.write(codesFrom(0, MANY));
  assert.deepEqual(pick(await next.finish(owner)), { count: MANY, duplicates: 0 });
});

const rowsFor = (batchId: number, codes: readonly string[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(codes.map((code, ordinal) => `${code}\t${batchId}\t${ordinal}\n`).join('')));

test('finished rows go in directly, more than a message of them, and their batch is found by its blocks', async (t) => {
  const { sql, store } = await openStore(t);
  const staging = store.stage(SHARD, BOOK);
  const rows = rowsFor(1, codesFrom(0, MANY));
  const half = rows.indexOf(10, rows.length / 2) + 1;
  const count = await staging.copyRows(1, async (write) => {
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
  await store.discardBatch(1);
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
});

test('finished rows of which one exists leave nothing, and can come again in the other way', async (t) => {
  const { sql, store, owner } = await openStore(t);
  const other = store.stage(SHARD, BOOK);
  await other.write(codesFrom(MANY / 2, 1));
  await other.finish(owner);
  const staging = store.stage(SHARD, BOOK);
  const rows = rowsFor(2, codesFrom(0, MANY));
  // It goes on writing for as long as it is let: PostgreSQL refuses in the middle.
  const count = await staging.copyRows(2, async (write) => {
    await write(rows);
    for (let n = 1; n < 50; n++) await write(rowsFor(2, codesFrom(n * MANY, 1000)));
  });
  assert.equal(count, null);
  assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
  await staging.write(codesFrom(0, MANY));
  assert.deepEqual(pick(await staging.finish(owner)), { count: MANY - 1, duplicates: 1 });
});

test('finished rows whose maker fails leave nothing, nor do those that are given up', async (t) => {
  const { sql, store } = await openStore(t);
  const failing = store.stage(SHARD, BOOK);
  const failed = failing.copyRows(1, async (write) => {
    await write(rowsFor(1, codesFrom(0, MANY)));
    throw new Error('the generator broke');
  });
  await assert.rejects(failed, /the generator broke/);
  const cancelled = store.stage(SHARD, BOOK);
  const rejected = assert.rejects(
    cancelled.copyRows(2, async (write) => {
      await write(rowsFor(2, codesFrom(0, MANY)));
      cancelled.abandon();
    }),
  );
  await rejected;
  assert.deepEqual(await rowsOf(sql), { codes: 0, batches: 0 });
});

test('a PostgreSQL that is killed while finished rows go in has none of them, and whoever sends them hears of it', async (t) => {
  const { sql, store } = await openStore(t);
  const staging = store.stage(SHARD, BOOK);
  const copying = staging.copyRows(1, async (write) => {
    for (let n = 0; ; n++) {
      if (n === 5) assert.ok(server.kill());
      // A backend sees that its postmaster is gone when it waits for its client, so it must have
      // time to take all that was sent.
      if (n > 5) await setTimeout(1000);
      await write(rowsFor(1, codesFrom(n * MANY, n > 5 ? 10 : MANY)));
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
  await store.discardBatch(1);
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
    const { sql, store, owner } = await openStore(t);
    const other = store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 10));
    await other.finish(owner);
    const staging = store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    const asked: number[] = [];
    // The first refill brings some that exist as well.
    let next = 5;
    const refill = async (missing: number): Promise<boolean> => {
      asked.push(missing);
      const codes = codesFrom(next === 5 ? next : count + next, missing);
      next += missing;
      await staging.writeRows(Buffer.from(`${codes.join('\n')}\n`), codes.length);
      return true;
    };
    const finished = await staging.finish(owner, { content: () => content(asked.length), refill });
    assert.deepEqual([asked, finished.count], [[10, 10], count]);
    assert.equal((await rowsOf(sql)).codes, count + 10);
    const { rows } = await sql.query('SELECT size, count FROM batches WHERE batch_id = $1', [finished.batchId]);
    assert.deepEqual(rows[0], { size: finished.size, count });
    // Each intent names all that is in its batch: another content is another batch.
    assert.deepEqual(owner.opened.at(-1), { batchId: finished.batchId, content: content(2) });
    assert.deepEqual(owner.givenUp, owner.opened.map(({ batchId }) => batchId).slice(1, -1));
  });

  test(`${size} codes with a refill that has no more: what is there goes in`, async (t) => {
    const { store, owner } = await openStore(t);
    const other = store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 10));
    await other.finish(owner);
    const staging = store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    assert.equal(
      (await staging.finish(owner, { content: () => content(0), refill: async () => false })).count,
      count - 10,
    );
  });

  test(`${size} codes with a refill that fails: nothing goes in`, async (t) => {
    const { sql, store, owner } = await openStore(t);
    const other = store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 10));
    await other.finish(owner);
    const staging = store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    await assert.rejects(
      staging.finish(owner, {
        content: () => content(0),
        refill: () => Promise.reject(new Error('no counters are left')),
      }),
      /no counters/,
    );
    assert.deepEqual(await rowsOf(sql), { codes: 10, batches: 1 });
  });
}

test('what batches have left is told with their counters, but for those of jobs that are under way', async (t) => {
  const { sql, store, owner } = await openStore(t);
  for (const code of ['PLAIN', 'GENERATED', 'JOB', 'LIVE']) {
    const staging = store.stage(SHARD, BOOK);
    await staging.write([code]);
    await staging.finish(owner);
  }
  await sql.query('UPDATE batches SET live_seq = 1 WHERE batch_id = 4');
  const counters = { bookId: BOOK, pattern: '####', keyId: 1, counterCount: 100 };
  // The last one had reserved counters, but no rows yet.
  for (const batchId of [2, 9]) await store.reserve(batchHolder(batchId), counters, 5);
  await store.reserve(requestHolder('r'), counters, 5);
  await sql.query(
    `INSERT INTO jobs (id, kind, status, started_ms, detail) VALUES (gen_random_uuid(), 'generate', 'processing', 1, $1)`,
    [JSON.stringify({ plan: { batchId: 3 } })],
  );
  await store.giveBackOfRequests();
  assert.deepEqual(await store.unsettledBatches(), [
    { batchId: 1, bookId: BOOK, hasCounters: false },
    { batchId: 2, bookId: BOOK, hasCounters: true },
    { batchId: 9, bookId: BOOK, hasCounters: true },
  ]);
  const { rows } = await sql.query('SELECT holder FROM reserved_counters ORDER BY holder');
  assert.deepEqual(
    rows.map(({ holder }) => holder),
    ['batch 2', 'batch 9'],
  );
});

for (const [size, count] of [
  ['few', 50],
  ['many', MANY],
] as const) {
  test(`${size} codes: rows of a batch that was given up are taken over, and those of a live one are duplicates`, async (t) => {
    const { sql, store, owner } = await openStore(t);
    for (const first of [0, 10]) {
      const other = store.stage(SHARD, BOOK);
      await other.write(codesFrom(first, 10));
      await other.finish(owner);
    }
    owner.fates.set(1, 'givenUp');
    const staging = store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    assert.deepEqual(pick(await staging.finish(owner)), { count: count - 10, duplicates: 10 });
    assert.deepEqual([...owner.asked].sort(), [1, 2]);
    assert.deepEqual(await rowsOf(sql), { codes: count, batches: 2 });
  });

  test(`${size} codes of which an open batch has one are refused, and nothing is left of them`, async (t) => {
    const { sql, store, owner } = await openStore(t);
    const other = store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 1));
    await other.finish(owner);
    owner.fates.set(1, 'open');
    const staging = store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    await assert.rejects(staging.finish(owner), CodesPending);
    assert.deepEqual(await rowsOf(sql), { codes: 1, batches: 1 });
  });

  test(`${size} generated codes of which an open batch has one get another in its place`, async (t) => {
    const { store, owner } = await openStore(t);
    const other = store.stage(SHARD, BOOK);
    await other.write(codesFrom(0, 1));
    await other.finish(owner);
    owner.fates.set(1, 'open');
    const staging = store.stage(SHARD, BOOK);
    await staging.write(codesFrom(0, count));
    const refill = async (missing: number): Promise<boolean> => {
      await staging.writeRows(Buffer.from(`${codesFrom(count, missing).join('\n')}\n`), missing);
      return true;
    };
    assert.equal((await staging.finish(owner, { content: () => content(1), refill })).count, count);
  });

  test(`${size} codes: the intent tells how many came and their SHA-256, and is there before any row is`, async (t) => {
    const { sql, store, owner } = await openStore(t);
    const staging = store.stage(SHARD, BOOK);
    const codes = [...codesFrom(0, count), ...codesFrom(0, 5)];
    await staging.write(codes);
    let rowsAtIntent: unknown = null;
    const finished = await staging.finish({
      ...owner,
      async open(of) {
        rowsAtIntent = await rowsOf(sql);
        return owner.open(of);
      },
    });
    assert.deepEqual(rowsAtIntent, { codes: 0, batches: 0 });
    const sha256 = createHash('sha256')
      .update(codes.map((code) => `${code}\n`).join(''))
      .digest('hex');
    const intent = { kind: 'uploaded', count: count + 5, sha256 };
    assert.deepEqual(owner.opened, [{ batchId: finished.batchId, content: intent }]);
  });

  test(`${size} codes of a request that comes again adopt the batch that is staged already`, async (t) => {
    const { sql, store, owner } = await openStore(t);
    const first = store.stage(SHARD, BOOK);
    await first.write(codesFrom(0, count));
    const { batchId, size: staged } = await first.finish(owner);
    const again = store.stage(SHARD, OTHER_BOOK);
    await again.write(codesFrom(0, count));
    const adopted = await again.finish({
      ...owner,
      settle: () => assert.fail('its own codes are not in its way'),
      open: () => assert.fail('it is open'),
      adopt: async () => ({ batchId, bookId: BOOK, size: staged, count }),
    });
    assert.deepEqual(adopted, { batchId, bookId: BOOK, size: staged, count, duplicates: 0 });
    assert.deepEqual(await rowsOf(sql), { codes: count, batches: 1 });
  });
}

test('of codes, those that exist are told, live or not', async (t) => {
  const { store, owner } = await openStore(t);
  const staging = store.stage(SHARD, BOOK);
  await staging.write(['AAA', 'BBB']);
  await staging.finish(owner);
  assert.deepEqual([...(await store.existingCodes(['AAA', 'CCC', 'BBB']))].sort(), ['AAA', 'BBB']);
  assert.equal((await store.existingCodes([])).size, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { waitFor } from '../journal/wait-for.js';
import { AT_MS, BOOK, changeLog, redemptionId, SHARD } from './changes.js';
import { createOwner } from './owner.js';
import { projectBook } from './project-book.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();
const { database } = server;

const CODE_STATE =
  'SELECT redemption_count, seq, assigned_ms, lock_id, locked_until_ms, user_id FROM codes WHERE code = $1';
const redeemed = (n: number, count = 1) => ({
  kind: 'codeRedeemed',
  redemptionId: redemptionId(n),
  atMs: AT_MS,
  redemptionCount: count,
  metadata: null,
});

test('all events of a code in one batch become one row update, the last one winning per column', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA', 'BBB']);
  const code = log.code('AAA', 0, 'ann');
  code.add({ kind: 'codeAssigned', atMs: AT_MS }, { kind: 'codeLocked', lockId: 4, untilMs: AT_MS + 1000 });
  code.add({ kind: 'codeLocked', lockId: 4, untilMs: AT_MS + 2000 });
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  const held = await sql.query(CODE_STATE, ['AAA']);
  assert.deepEqual(held.rows[0], {
    redemption_count: null,
    seq: '5',
    assigned_ms: String(AT_MS),
    lock_id: '4',
    locked_until_ms: String(AT_MS + 2000),
    user_id: 'ann',
  });

  code.add(redeemed(1));
  code.add({ kind: 'redemptionRolledBack', redemptionId: redemptionId(1), redemptionCount: 0, reason: 'returned' });
  await writer.write(new Map([[SHARD, log.changes]]));
  const { rows } = await sql.query(CODE_STATE, ['AAA']);
  assert.deepEqual(rows[0], {
    redemption_count: 0,
    seq: '7',
    assigned_ms: String(AT_MS),
    lock_id: null,
    locked_until_ms: null,
    user_id: 'ann',
  });
  const untouched = await sql.query(CODE_STATE, ['BBB']);
  assert.equal(untouched.rows[0].seq, null);
});

test('columns that no event of a batch touched stay as they are', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA']);
  const code = log.code('AAA', 0, 'ann');
  code.add({ kind: 'codeAssigned', atMs: AT_MS });
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  code.add(redeemed(1));
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  code.add({ kind: 'codeLocked', lockId: 9, untilMs: AT_MS + 5 });
  await writer.write(new Map([[SHARD, log.changes]]));
  const { rows } = await sql.query(CODE_STATE, ['AAA']);
  assert.deepEqual([rows[0].user_id, rows[0].redemption_count, rows[0].lock_id], ['ann', 1, '9']);
});

test('a batch that is written again changes nothing, and one that overlaps adds only its new part', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA']);
  const code = log.code('AAA', 0, 'ann');
  code.add({ kind: 'codeAssigned', atMs: AT_MS });
  code.add(redeemed(1));
  const counts = async () =>
    (
      await sql.query(
        `SELECT (SELECT count(*)::int FROM changes) AS changes, (SELECT count(*)::int FROM redemptions) AS redemptions,
                (SELECT seq::int FROM checkpoints WHERE shard = ${SHARD}) AS checkpoint`,
      )
    ).rows[0];
  await writer.write(new Map([[SHARD, log.changes]]));
  await writer.write(new Map([[SHARD, log.changes]]));
  assert.deepEqual(await counts(), { changes: 4, redemptions: 1, checkpoint: 4 });
  code.add({ kind: 'redemptionRolledBack', redemptionId: redemptionId(1), redemptionCount: 0, reason: null });
  await writer.write(new Map([[SHARD, log.changes]]));
  assert.deepEqual(await counts(), { changes: 5, redemptions: 1, checkpoint: 5 });
  assert.equal((await writer.checkpoints()).get(SHARD)?.seq, 5);
});

test('changes that leave a gap after the checkpoint are refused', async (t) => {
  const { url } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = changeLog(3);
  log.add([{ kind: 'noted', scopeId: BOOK }]);
  await assert.rejects(
    writer.write(new Map([[SHARD, log.changes]])),
    /shard 1 is projected through 0, and the next change is 3/,
  );
});

test('an event that makes a batch live fails when the rows of the batch are gone', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = changeLog();
  log.add([{ kind: 'codesAdded', bookId: BOOK, batchId: 77, firstIndex: 0, size: 3, count: 3 }]);
  await assert.rejects(
    writer.write(new Map([[SHARD, log.changes]])),
    /event 1-1 makes batch 77 live, but PostgreSQL does not have/,
  );
  assert.equal((await sql.query('SELECT FROM changes')).rowCount, 0);
});

test('a change of a code that PostgreSQL does not have fails, and nothing of its batch is kept', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA']);
  log.code('AAA', 0, 'ann').add({ kind: 'codeAssigned', atMs: AT_MS });
  log.code('ZZZ', 1, 'ann').add({ kind: 'codeAssigned', atMs: AT_MS });
  await assert.rejects(writer.write(new Map([[SHARD, log.changes]])), /2 codes changed, but PostgreSQL has 1 of them/);
  assert.equal((await sql.query(CODE_STATE, ['AAA'])).rows[0].user_id, null);
  assert.equal((await writer.checkpoints()).get(SHARD)?.seq, 2);
});

test('no text of a caller can make a row that PostgreSQL refuses', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA', 'BBB'], { name: 'a\0b', metadata: { x: '\0\ud800' } });
  const metadata = { deep: JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`), quote: '\t\n\\."', nul: '\0' };
  const [first, second] = [log.code('AAA', 0, 'nul\0nul'), log.code('BBB', 1, 'half\ud800💥'.repeat(30))];
  first.add({ kind: 'codeAssigned', atMs: AT_MS });
  first.add({ ...redeemed(1), metadata });
  second.add({ kind: 'codeAssigned', atMs: AT_MS });
  await writer.write(new Map([[SHARD, log.changes]]));
  assert.equal((await sql.query(CODE_STATE, ['AAA'])).rows[0].user_id, 'nul\ufffdnul');
  assert.equal((await sql.query(CODE_STATE, ['BBB'])).rows[0].user_id, 'half\ufffd💥'.repeat(30));
  const { rows } = await sql.query('SELECT detail FROM changes WHERE redemption_id IS NOT NULL');
  assert.equal(rows[0].detail, JSON.stringify({ metadata }));
});

test('remembered keys go into partitions by the hour, and sweeping drops those that are old', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = changeLog();
  const hourMs = 3_600_000;
  for (const hour of [0, 0, 1, 5]) {
    const remembered = { key: `k${hour}`, fingerprint: 2 ** 52 + 1, outcome: { kind: 'archived' } as const };
    log.changes.push({ ...log.add([{ kind: 'noted', scopeId: BOOK }], remembered), atMs: AT_MS + hour * hourMs });
    log.changes.splice(-2, 1);
  }
  await writer.write(new Map([[SHARD, log.changes]]));
  const hours = async () => (await sql.query(`SELECT DISTINCT tableoid::regclass::text FROM remembered_keys`)).rowCount;
  assert.equal(await hours(), 3);
  await writer.sweep(AT_MS + 2 * hourMs);
  assert.equal(await hours(), 1);
  const { rows } = await sql.query('SELECT key, fingerprint FROM remembered_keys');
  assert.deepEqual(rows, [{ key: 'k5', fingerprint: String(2 ** 52 + 1) }]);
});

test('a load in progress does not block the sweeping of remembered keys', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = changeLog();
  log.add([{ kind: 'noted', scopeId: BOOK }], { key: 'k', fingerprint: 1, outcome: { kind: 'archived' } });
  await writer.write(new Map([[SHARD, log.changes]]));
  const reader = await sql.connect();
  await reader.query('BEGIN; SELECT * FROM remembered_keys');
  await writer.sweep(AT_MS * 2);
  assert.equal((await reader.query('SELECT FROM remembered_keys')).rowCount, 1);
  await reader.query('COMMIT');
  reader.release();
  await writer.sweep(AT_MS * 2);
  assert.equal((await sql.query('SELECT FROM remembered_keys')).rowCount, 0);
});

test('several shards are written in one transaction, each after its own checkpoint', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const [one, other] = [changeLog(), changeLog()];
  one.add([{ kind: 'noted', scopeId: BOOK }]);
  other.add([{ kind: 'noted', scopeId: BOOK }]);
  other.add([{ kind: 'noted', scopeId: BOOK }]);
  await writer.write(
    new Map([
      [asShardId(3), other.changes],
      [asShardId(0), one.changes],
    ]),
  );
  const checkpoints = [...(await writer.checkpoints())].map(([shard, { seq }]) => [shard, seq]);
  assert.deepEqual(checkpoints.sort(), [
    [0, 1],
    [1, 0],
    [2, 0],
    [3, 2],
  ]);
  assert.equal((await sql.query('SELECT FROM changes')).rowCount, 3);
});

test('PostgreSQL is killed again and again in the middle of batches, and each change is there once', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const codes = Array.from({ length: 400 }, (_, n) => `CODE-${String(n).padStart(4, '0')}`);
  const log = await projectBook(url, writer, codes);
  for (const [index, code] of codes.entries()) {
    const chain = log.code(code, index, `user-${index}`);
    chain.add({ kind: 'codeAssigned', atMs: AT_MS });
    chain.add(redeemed(index));
  }
  let kills = 0;
  let failures = 0;
  for (let written = 0; written < log.changes.length; ) {
    const batch = new Map([[SHARD, log.changes.slice(written, written + 100)]]);
    const writing = writer.write(batch);
    if (kills < 3) {
      await setTimeout(kills);
      if (server.kill()) kills++;
    }
    try {
      await writing;
      written += 100;
    } catch {
      failures++;
      await waitFor(() => writer.checkpoints().then(Boolean, () => false), 'PostgreSQL to be back');
    }
  }
  assert.ok(failures > 0, 'a kill should have hit a batch');
  assert.equal((await writer.checkpoints()).get(SHARD)?.seq, asSeq(802));
  const { rows } = await sql.query(
    `SELECT (SELECT count(*)::int FROM changes) AS changes, (SELECT count(*)::int FROM redemptions) AS redemptions,
            (SELECT count(*)::int FROM codes WHERE redemption_count = 1 AND user_id IS NOT NULL) AS redeemed`,
  );
  assert.deepEqual(rows[0], { changes: 802, redemptions: 400, redeemed: 400 });
});

test('the claim of a code that was freed and claimed again since does not stop the projection', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  const staging = store.stage(SHARD, BOOK);
  await staging.write(['SAVE']);
  const { batchId } = await staging.finish(createOwner(store));
  await store.close();
  const log = changeLog();
  // Its row was removed before the projection got here, because the journal had freed it by then.
  const earlier = { bookId: BOOK, batchId: batchId + 1000 };
  log.add([{ kind: 'codeClaimed', ...earlier, claimedCode: 'SAVE' }]);
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  log.add([{ kind: 'codeFreed', ...earlier }]);
  log.add([{ kind: 'codeClaimed', bookId: BOOK, batchId, claimedCode: 'SAVE' }]);
  await writer.write(new Map([[SHARD, log.changes]]));
  const { rows } = await sql.query(`
    SELECT batch_id AS "batchId", live_seq IS NOT NULL AS "isLive", code
    FROM batches LEFT JOIN codes USING (batch_id) ORDER BY batch_id`);
  assert.deepEqual(rows, [
    { batchId, isLive: true, code: 'SAVE' },
    { batchId: earlier.batchId, isLive: false, code: null },
  ]);
});

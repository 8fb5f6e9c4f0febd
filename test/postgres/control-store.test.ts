import assert from 'node:assert/strict';
import { test } from 'node:test';
import type pg from 'pg';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { waitFor } from '../journal/wait-for.js';
import { AT_MS, redemptionId, SHARD } from './changes.js';
import { projectBook } from './project-book.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();

async function openStore(t: { after(work: () => Promise<unknown>): void }, shardCount = SHARDS) {
  const { url, sql } = await server.database();
  const store = createControlStore({ url, poolMax: 3, shardCount, isOwn: true });
  t.after(() => store.close());
  return { url, sql, store };
}

test('the history of a code goes back along its chain, newest first, in pages', async (t) => {
  const { url, store } = await openStore(t);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA', 'BBB']);
  const [a, b] = [log.code('AAA', 0, 'ann'), log.code('BBB', 1, 'bob')];
  a.add({ kind: 'codeAssigned', atMs: AT_MS });
  b.add({ kind: 'codeAssigned', atMs: AT_MS });
  a.add({ kind: 'codeLocked', lockId: 5, untilMs: AT_MS + 9 });
  a.add({
    kind: 'codeRedeemed',
    redemptionId: redemptionId(1),
    atMs: AT_MS,
    redemptionCount: 1,
    metadata: { cart: 7 },
  });
  b.add({ kind: 'codeUnassigned', reason: 'mistake' });
  a.add({ kind: 'redemptionRolledBack', redemptionId: redemptionId(1), redemptionCount: 0, reason: null });
  await writer.write(new Map([[SHARD, log.changes]]));

  const whole = await store.history(SHARD, 'AAA', null, 100);
  assert.deepEqual(
    whole.map(({ seq, event }) => [seq, event]),
    [
      [8, 'redemptionRolledBack'],
      [6, 'codeRedeemed'],
      [5, 'codeLocked'],
      [3, 'codeAssigned'],
    ],
  );
  assert.deepEqual(whole[1], {
    shard: SHARD,
    seq: 6,
    atMs: AT_MS + 6,
    event: 'codeRedeemed',
    code: 'AAA',
    userId: 'ann',
    caller: 'shop',
    requestId: 'request-6',
    redemptionId: redemptionId(1),
    detail: { redemptionCount: 1, metadata: { cart: 7 } },
  });
  assert.deepEqual(whole[2]?.detail, { lockId: 5, lockedUntil: new Date(AT_MS + 9).toISOString() });
  assert.deepEqual(
    (await store.history(SHARD, 'AAA', null, 3)).map(({ seq }) => seq),
    [8, 6, 5],
  );
  assert.deepEqual(
    (await store.history(SHARD, 'AAA', asSeq(5), 3)).map(({ seq }) => seq),
    [3],
  );
  assert.deepEqual(await store.history(SHARD, 'AAA', asSeq(3), 3), []);
  assert.deepEqual((await store.history(SHARD, 'BBB', null, 9))[0]?.detail, { reason: 'mistake' });
});

test('there is no history of an unknown code, an unused one, one of another shard, or from another code’s event', async (t) => {
  const { url, store } = await openStore(t);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => writer.close());
  const log = await projectBook(url, writer, ['AAA', 'BBB']);
  log.code('AAA', 0, 'ann').add({ kind: 'codeAssigned', atMs: AT_MS });
  await writer.write(new Map([[SHARD, log.changes]]));
  assert.deepEqual(await store.history(SHARD, 'NONE', null, 9), []);
  assert.deepEqual(await store.history(SHARD, 'BBB', null, 9), []);
  assert.deepEqual(await store.history(asShardId(0), 'AAA', null, 9), []);
  assert.deepEqual(await store.history(SHARD, 'BBB', asSeq(3), 9), []);
});

test('an email is one account, however it is written', async (t) => {
  const { store } = await openStore(t);
  const made = await store.createAccount('Ann@Example.com', 'admin', 'hash');
  assert.ok(made !== null);
  assert.equal(await store.createAccount('ann@example.COM', 'user', 'other'), null);
  const { createdMs, ...found } = (await store.findAccount('ANN@example.com')) ?? { createdMs: 0 };
  const active = { generation: 0, isDisabled: false, isSeeded: false };
  assert.deepEqual(found, { ...made, ...active, passwordHash: 'hash' });
  assert.ok(Math.abs(createdMs - Date.now()) < 60_000);
  assert.deepEqual(await store.accountById(made.id), made);
  assert.equal(await store.accountById('no uuid'), null);
  assert.equal(await store.findAccount('bob@example.com'), null);
});

const KEYS = { nowMs: 1_000_000, keptMs: 1_000 };
const hex = (key: Uint8Array | null): string | null => (key === null ? null : Buffer.from(key).toString('hex'));
const keyOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

async function secretsIn(sql: pg.Pool): Promise<(string | null)[]> {
  const { rows } = await sql.query<{ secret: Buffer | null }>(
    'SELECT secret FROM generator_keys ORDER BY created_ms, id',
  );
  return rows.map(({ secret }) => hex(secret));
}

test('where no generator key is given, one is made once and kept', async (t) => {
  const { url, store } = await openStore(t);
  const other = createControlStore({ url, poolMax: 1, shardCount: SHARDS, isOwn: true });
  t.after(() => other.close());
  const given = { ...KEYS, given: [] };
  const [keys, same] = await Promise.all([store.openGeneratorKeys(given), other.openGeneratorKeys(given)]);
  assert.equal(keys.active.length, 32);
  assert.deepEqual([hex(same.active), same.activeId], [hex(keys.active), keys.activeId]);
  assert.deepEqual([keys.isReplaced, same.isReplaced], [false, false]);
  assert.equal(hex(keys.byId(keys.activeId)), hex(keys.active));
  assert.equal(keys.byId(1), null);
});

test('a generator key that is given is not in the database; another one in its place is active, and the one before is found by its id', async (t) => {
  const { sql, store } = await openStore(t);
  const first = await store.openGeneratorKeys({ ...KEYS, given: [keyOf(1)] });
  const both = await store.openGeneratorKeys({ ...KEYS, given: [keyOf(2), keyOf(1)] });
  assert.deepEqual([hex(first.active), hex(both.active)], [hex(keyOf(1)), hex(keyOf(2))]);
  assert.notEqual(first.activeId, both.activeId);
  assert.equal(hex(both.byId(first.activeId)), hex(keyOf(1)));
  const alone = await store.openGeneratorKeys({ ...KEYS, given: [keyOf(2)] });
  assert.deepEqual([alone.activeId, alone.byId(first.activeId)], [both.activeId, null]);
  assert.deepEqual(await secretsIn(sql), [null, null]);
  const { isReplaced } = await store.openGeneratorKeys({ ...KEYS, given: [] });
  assert.equal(isReplaced, true, 'nobody gives it any more');
});

test('a generator key that was kept in the database stays there for the span of the journal after another one was given', async (t) => {
  const { sql, store } = await openStore(t);
  const kept = await store.openGeneratorKeys({ ...KEYS, given: [] });
  const given = [keyOf(7)];
  const later = { given, keptMs: KEYS.keptMs, nowMs: KEYS.nowMs + 100 };
  const after = await store.openGeneratorKeys(later);
  assert.deepEqual([hex(after.active), hex(after.byId(kept.activeId))], [hex(keyOf(7)), hex(kept.active)]);
  assert.deepEqual(await secretsIn(sql), [hex(kept.active), null]);
  await store.openGeneratorKeys({ ...later, nowMs: later.nowMs + KEYS.keptMs + 1 });
  assert.deepEqual(await secretsIn(sql), [null, null]);
});

test('the generator key that is given may be the one that the database kept, and is then removed from there', async (t) => {
  const { sql, store } = await openStore(t);
  const kept = await store.openGeneratorKeys({ ...KEYS, given: [] });
  const given = await store.openGeneratorKeys({ ...KEYS, given: [kept.active] });
  assert.deepEqual([given.activeId, hex(given.active)], [kept.activeId, hex(kept.active)]);
  assert.deepEqual(await secretsIn(sql), [null]);
});

test('another number of shards than the data was begun with is refused, naming both', async (t) => {
  const { store } = await openStore(t, SHARDS + 1);
  await assert.rejects(store.checkShardCount(), /SHARDS is 5, but this database was begun with 4; set SHARDS=4/);
});

test('a PostgreSQL that went away fails the calls under way, ends no process, and is found again', async (t) => {
  const { store } = await openStore(t);
  await store.checkpoint(SHARD);
  assert.ok(server.kill());
  await waitFor(
    () =>
      store.checkpoint(SHARD).then(
        () => false,
        () => true,
      ),
    'a call to fail',
  );
  await waitFor(
    () =>
      store.checkpoint(SHARD).then(
        () => true,
        () => false,
      ),
    'PostgreSQL to be back',
  );
  assert.equal(await store.checkpoint(SHARD), 0);
});

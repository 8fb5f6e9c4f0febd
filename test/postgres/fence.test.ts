/**
 * A process whose database another process has taken over: none of its connections changes anything
 * any more.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type pg from 'pg';
import { ProcessEnd } from '../../src/platform/exit-codes.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import type { Claim } from '../../src/postgres/fence.js';
import { claim, keepLease } from '../../src/postgres/installation.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { jobHolder, requestHolder } from '../../src/postgres/staging/counters.js';
import type { JobRow } from '../../src/postgres/store.js';
import { BOOK, changeLog, SHARD } from './changes.js';
import { createOwner } from './owner.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();

/** More than are kept in memory until the end. */
const MANY = 20_000;
const codesOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(8, '0')}`);

interface Taken {
  readonly url: string;
  readonly sql: pg.Pool;
  readonly first: Claim;
  readonly takeOver: () => Promise<Claim | null>;
}

/** A database that a first process has, and what lets a second one take it over. */
async function taken(): Promise<Taken> {
  const { url, sql } = await server.database();
  const id = randomUUID();
  const claimAs = (holder: string) => claim(url, id, { holder, place: 'a test' }, () => true);
  const first = await claimAs('first');
  assert.ok(first !== null);
  return { url, sql, first, takeOver: () => claimAs('second') };
}

function storeOf({ url, first }: Taken, t: { after(work: () => Promise<unknown>): void }) {
  const lost: string[] = [];
  const store = createControlStore({
    url,
    poolMax: 3,
    shardCount: SHARDS,
    isOwn: true,
    claim: first,
    onLost: (error) => lost.push(error.exitCause),
  });
  t.after(() => store.close());
  return { store, lost };
}

function signal<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((give) => {
    resolve = give;
  });
  return { promise, resolve };
}

const isFenced = (error: unknown): boolean => error instanceof ProcessEnd && error.exitCause === 'fenced';

async function rowsOf(sql: pg.Pool, tables: readonly string[]): Promise<number[]> {
  const counts = tables.map((table) => sql.query(`SELECT count(*)::int AS count FROM ${table}`));
  return (await Promise.all(counts)).map(({ rows }) => rows[0].count);
}

test('codes that were collected before a takeover are not put in after it, in whichever way they come', async (t) => {
  const stage = await taken();
  const { store, lost } = storeOf(stage, t);
  const owner = createOwner(store);
  const few = store.stage(SHARD, BOOK);
  await few.write(codesOf('FEW', 10));
  const many = store.stage(SHARD, BOOK);
  await many.write(codesOf('MANY', MANY));
  const straight = store.stage(SHARD, BOOK);
  assert.ok((await stage.takeOver()) !== null);

  await assert.rejects(few.finish(owner), isFenced);
  await assert.rejects(many.finish(owner), isFenced);
  await assert.rejects(
    straight.copyRows(9, (write) => write(Buffer.from('STRAIGHT-1\t9\t0\n'))),
    isFenced,
  );
  assert.deepEqual(await rowsOf(stage.sql, ['codes', 'batches']), [0, 0]);
  assert.deepEqual(lost, ['fenced', 'fenced', 'fenced'], 'the process hears of it each time');
});

test('a takeover ends a transaction that is putting codes in, and none of them stays', async (t) => {
  const stage = await taken();
  const { store } = storeOf(stage, t);
  const staging = store.stage(SHARD, BOOK);
  const began = signal<void>();
  const goesOn = signal<void>();
  const copied = staging.copyRows(9, async (write) => {
    await write(Buffer.from('BEFORE-1\t9\t0\n'));
    began.resolve();
    await goesOn.promise;
    await write(Buffer.from('AFTER-1\t9\t1\n'));
  });
  copied.catch(() => undefined);
  await began.promise;
  assert.ok((await stage.takeOver()) !== null);
  goesOn.resolve();
  await assert.rejects(copied);
  assert.deepEqual(await rowsOf(stage.sql, ['codes', 'batches']), [0, 0]);
});

test('after a takeover a process changes no batch, no job, no counter, no account and no setting', async (t) => {
  const stage = await taken();
  const { store, lost } = storeOf(stage, t);
  const { batchId } = await (async () => {
    const staging = store.stage(SHARD, BOOK);
    await staging.write(['STAYS']);
    return staging.finish(createOwner(store));
  })();
  const counters = { bookId: BOOK, pattern: '####', keyId: 1, counterCount: 10_000 };
  const job: JobRow = {
    id: randomUUID(),
    kind: 'generate',
    status: 'processing',
    done: 0,
    total: 10,
    startedMs: 1,
    finishedMs: null,
    error: null,
    detail: {},
    fingerprint: null,
  };
  await store.createJob(job, null, counters);
  const account = await store.createAccount('ada@example.com', 'user', 'hash');
  assert.ok(account !== null);
  const snapshot = async (): Promise<unknown> => {
    const tables = [
      'codes',
      'batches',
      'jobs',
      'generated',
      'reserved_counters',
      'users',
      'settings',
      'generator_keys',
    ];
    const read = tables.map((table) => stage.sql.query(`SELECT * FROM ${table} ORDER BY 1`));
    return (await Promise.all(read)).map(({ rows }) => rows);
  };
  const before = await snapshot();
  assert.ok((await stage.takeOver()) !== null);

  const changes: Readonly<Record<string, () => Promise<unknown>>> = {
    discardBatch: () => store.discardBatch(batchId),
    createJob: () => store.createJob({ ...job, id: randomUUID() }, null, counters),
    saveJob: () => store.saveJob({ ...job, done: 9 }),
    endJob: () => store.endJob({ ...job, status: 'failed', finishedMs: 2 }, null),
    reserve: () => store.reserve(requestHolder('r'), counters, 5),
    reserveMore: () => store.reserveMore(jobHolder(job.id), counters, 5),
    renewReservation: () => store.renewReservation(jobHolder(job.id), counters, 5),
    moveReservation: () => store.moveReservation(jobHolder(job.id), requestHolder('r')),
    giveBackReservation: () => store.giveBackReservation(jobHolder(job.id)),
    giveBackOfRequests: () => store.giveBackOfRequests(),
    dropReservation: () => store.dropReservation(jobHolder(job.id)),
    markUsed: () => store.markUsed(counters, [{ first: 50, end: 60 }]),
    createAccount: () => store.createAccount('bob@example.com', 'admin', 'hash'),
    setPassword: () => store.setPassword(account.id, 'other'),
    setRole: () => store.setRole(account.id, 'admin'),
    setDisabled: () => store.setDisabled(account.id, true),
    acceptClock: () => store.acceptClock(1),
    openGeneratorKeys: () => store.openGeneratorKeys({ given: [Buffer.alloc(32, 1)], nowMs: 1, keptMs: 1 }),
  };
  for (const [name, change] of Object.entries(changes)) await assert.rejects(change(), isFenced, name);
  assert.deepEqual(await snapshot(), before);
  assert.equal(lost.length, Object.keys(changes).length);
});

test('after a takeover a process projects nothing, drops no remembered keys, and leaves lease and losses alone', async (t) => {
  const stage = await taken();
  const writer = createProjectionWriter({ url: stage.url, shardCount: SHARDS, claim: stage.first });
  t.after(() => writer.close());
  await stage.sql.query('CREATE TABLE remembered_keys_1 (LIKE remembered_keys)');
  await stage.sql.query(
    'ALTER TABLE remembered_keys ATTACH PARTITION remembered_keys_1 FOR VALUES FROM (3600000) TO (7200000)',
  );
  await stage.sql.query('INSERT INTO accepted_losses (shard, after_seq, goes_on) VALUES (0, 1, 2)');
  const lost = signal<ProcessEnd>();
  const lease = keepLease(stage.url, stage.first, lost.resolve);
  const second = await stage.takeOver();
  const log = changeLog();
  log.add([{ kind: 'codesAdded', bookId: BOOK, batchId: 1, firstIndex: 0, size: 0, count: 0 }]);
  await assert.rejects(writer.write(new Map([[SHARD, log.changes]])), isFenced);
  await assert.rejects(writer.sweep(Date.now()), isFenced);
  await assert.rejects(lease.noteLosses(), isFenced);
  await assert.rejects(lease.noteJournal('elsewhere'), isFenced);
  assert.equal((await lost.promise).exitCause, 'fenced', 'the renewal finds out');
  await lease.giveBack(true);
  const { rows } = await stage.sql.query(
    `SELECT epoch::int, holder, journal, is_drained, to_regclass('remembered_keys_1') IS NOT NULL AS kept,
       (SELECT count(*)::int FROM accepted_losses WHERE used_at IS NULL) AS losses FROM installation`,
  );
  const left = { epoch: second?.epoch, holder: 'second', journal: null, is_drained: false, kept: true, losses: 1 };
  assert.deepEqual(rows, [left]);
});

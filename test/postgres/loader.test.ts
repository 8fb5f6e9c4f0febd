import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import type { Change } from '../../src/domain/event.js';
import { asShardId, type ShardId } from '../../src/domain/ids.js';
import * as load from '../../src/features/coupons/load.js';
import { digest } from '../../src/features/digest.js';
import { loadOrder, loadStock } from '../../src/features/flash/load.js';
import { loadCheckpoint, loadRemembered } from '../../src/features/load.js';
import { loadPromotion, loadReservation } from '../../src/features/promotions/load.js';
import { ShardState } from '../../src/features/shard-state.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { createSnapshotLoader } from '../../src/postgres/snapshot/loader.js';
import type { BatchRow, SnapshotSink } from '../../src/postgres/store.js';
import {
  archive,
  assign,
  assignRandom,
  BOOK,
  lock,
  OPTIONS,
  OTHER_BOOK,
  openShard,
  redeem,
  rollback,
  type SETTINGS,
  START,
  seeded,
  type TestShard,
  unassign,
  unlock,
  update,
} from '../features/shard.js';
import { waitFor } from '../journal/wait-for.js';
import { createOwner } from './owner.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();
const { database } = server;
const SHARD = OPTIONS.shard;

test('loading gives back exactly the state that was written, after a thousand random commands', async (t) => {
  const { url } = await database();
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const loader = createSnapshotLoader({ url, isOwn: true });
  t.after(() => Promise.all([writer.close(), loader.close()]));
  const shard = openShard({ idempotencyTtlMs: 60_000 }, seed);
  await addBook(url, shard, BOOK, 60, { allowMultipleRedemptions: true, metadata: { ключ: '\0' } });
  await addBook(url, shard, OTHER_BOOK, 30, { redeemableBy: 'bearer' });
  const random = seeded(seed + 1);
  let projected = 0;
  for (let round = 0; round < 1000; round++) {
    shard.nowMs += random.uint32() % 400;
    const command = randomCommand(shard, random.uint32);
    shard.run(
      command,
      random.uint32() % 2 === 0 ? {} : { key: `key-${random.uint32() % 300}`, fingerprint: random.uint32() },
    );
    if (random.uint32() % 60 !== 0) continue;
    // From somewhere before the checkpoint, as after an error of unknown outcome.
    await write(writer, shard.changes.slice(Math.max(0, projected - 5)));
    projected = shard.changes.length;
  }
  await write(writer, shard.changes);
  const loaded = await loadState(loader, shard.nowMs - 60_000, { idempotencyTtlMs: 60_000 });
  assert.equal(digest(loaded, shard.nowMs), digest(shard.state, shard.nowMs));
  for (const book of shard.state.coupons.books()) {
    const other = loaded.coupons.book(book.current.id);
    assert.ok(other !== undefined);
    assert.deepEqual(loaded.coupons.counts(other), shard.state.coupons.counts(book));
  }
});

test('a shard with nothing in it loads as empty, at sequence 0', async (t) => {
  const { url } = await database();
  const loader = createSnapshotLoader({ url, isOwn: true });
  t.after(() => loader.close());
  const seqs: [ShardId, number][] = [];
  const refuse = () => assert.fail('there is no row');
  await loader.load([asShardId(2), asShardId(0)], 0, {
    checkpoint: (shard, { seq }) => seqs.push([shard, seq]),
    book: refuse,
    openBatch: refuse,
    batch: refuse,
    code: refuse,
    codeState: refuse,
    redemption: refuse,
    claim: refuse,
    bookOfCampaign: refuse,
    promotion: refuse,
    reservation: refuse,
    stock: refuse,
    order: refuse,
    remembered: refuse,
  });
  assert.deepEqual(seqs, [
    [2, 0],
    [0, 0],
  ]);
});

test('a checkpoint comes with the time of its change, also where no row of the state has that time', async (t) => {
  const { url } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const loader = createSnapshotLoader({ url, isOwn: true });
  t.after(() => Promise.all([writer.close(), loader.close()]));
  const shard = openShard();
  await addBook(url, shard, BOOK, 1, {});
  shard.run(assignRandom('ann'));
  shard.nowMs += 50_000;
  shard.run({ kind: 'unassignCode', code: codesOf(SHARD, BOOK, 1)[0] as string, reason: null });
  await write(writer, shard.changes);
  const checkpoints: [number, number | null][] = [];
  await loader.load([SHARD], 0, { ...ignoring, checkpoint: (_, { seq, atMs }) => checkpoints.push([seq, atMs]) });
  assert.deepEqual(checkpoints, [[shard.state.seq, shard.nowMs]]);
});

test('only the asked shards come, and only codes of live batches, each at its index', async (t) => {
  const { url } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const loader = createSnapshotLoader({ url, isOwn: true });
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  t.after(() => Promise.all([writer.close(), loader.close(), store.close()]));
  const shards = [asShardId(0), asShardId(3)];
  for (const shard of shards) {
    const other = openShard({ shard });
    await addBook(url, other, BOOK, 5, { name: `shard ${shard}` }, shard);
    await writer.write(new Map([[shard, other.changes]]));
  }
  const staged = store.stage(asShardId(3), BOOK);
  await staged.write(['NOT-LIVE']);
  await staged.finish(createOwner(store, 3));
  const codes: [ShardId, number, string][] = [];
  const batches: [ShardId, BatchRow][] = [];
  const sink = {
    ...ignoring,
    batch: (shard: ShardId, batch: BatchRow) => batches.push([shard, batch]),
    code: (shard: ShardId, index: number, bytes: Uint8Array, start: number, end: number) =>
      codes.push([shard, index, Buffer.from(bytes.subarray(start, end)).toString()]),
  };
  await loader.load([asShardId(3)], 0, sink);
  assert.deepEqual(
    codes.sort((a, b) => a[1] - b[1]),
    codesOf(3, BOOK, 5).map((code, index) => [3, index, code]),
  );
  assert.deepEqual(batches, [[3, { batchId: 2, bookId: BOOK, firstIndex: 0, size: 5, count: 5 }]]);
  codes.length = 0;
  await loader.load(shards, 0, sink);
  assert.equal(codes.length, 10);
});

test('a load is of one moment, whatever is written meanwhile', async (t) => {
  const { url } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const loader = createSnapshotLoader({ url, isOwn: true });
  t.after(() => Promise.all([writer.close(), loader.close()]));
  const shard = openShard();
  await addBook(url, shard, BOOK, 3, {});
  await write(writer, shard.changes);
  const before = shard.state.seq;
  shard.run(assignRandom('ann'));
  let meanwhile: Promise<void> | null = null;
  let states = 0;
  await loader.load([SHARD], 0, {
    ...ignoring,
    checkpoint: (_, { seq }) => {
      assert.equal(seq, before);
      meanwhile = write(writer, shard.changes);
    },
    codeState: () => states++,
  });
  await meanwhile;
  assert.equal(states, 0);
  assert.equal((await writer.checkpoints()).get(SHARD)?.seq, shard.state.seq);
});

test('a batch is loaded by its ordinals, staged or live, and also after its rows have moved', async (t) => {
  const { url, sql } = await database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const loader = createSnapshotLoader({ url, isOwn: true });
  t.after(() => Promise.all([writer.close(), loader.close()]));
  const shard = openShard();
  const batchId = await addBook(url, shard, BOOK, 300, {});
  const read = async (size = 300) => {
    const codes: string[] = [];
    await loader.loadBatch({ batchId, size }, (ordinal, bytes, start, end) => {
      assert.equal(codes[ordinal], undefined, `ordinal ${ordinal} comes once`);
      codes[ordinal] = Buffer.from(bytes.subarray(start, end)).toString();
    });
    return codes;
  };
  assert.deepEqual(await read(), codesOf(SHARD, BOOK, 300));
  // What is said to be large comes over another connection.
  assert.deepEqual(await read(1_000_000), codesOf(SHARD, BOOK, 300));
  // Other rows after it, so that what is updated has to go elsewhere.
  await addBook(url, shard, OTHER_BOOK, 300, {});
  for (let n = 0; n < 300; n++) shard.run(assignRandom(`user-${'x'.repeat(100)}-${n}`));
  await write(writer, shard.changes);
  const { rows } = await sql.query(
    `SELECT max((ctid::text::point)[0]) > (SELECT last_block FROM batches WHERE batch_id = ${batchId}) AS moved
     FROM codes WHERE batch_id = ${batchId}`,
  );
  assert.equal(rows[0].moved, true);
  assert.deepEqual(await read(), codesOf(SHARD, BOOK, 300));
  await assert.rejects(
    loader.loadBatch({ batchId: 999, size: 1 }, () => undefined),
    /there is no batch 999/,
  );
});

test('a load that PostgreSQL breaks off rejects, and the next one connects anew', async (t) => {
  const { url } = await database();
  const loader = createSnapshotLoader({ url, isOwn: true });
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => Promise.all([writer.close(), loader.close()]));
  const shard = openShard();
  await addBook(url, shard, BOOK, 30_000, {});
  await write(writer, shard.changes);
  let codes = 0;
  const load = () => loader.load([SHARD], 0, { ...ignoring, code: () => codes++ });
  await assert.rejects(
    loader.load([SHARD], 0, {
      ...ignoring,
      batch: () => void server.kill(),
      code: () => codes++,
    }),
  );
  await waitFor(
    () =>
      load().then(
        () => true,
        () => false,
      ),
    'PostgreSQL to be back',
  );
  codes = 0;
  await load();
  assert.equal(codes, 30_000);
});

test('an error of a sink ends the load, and the next load works', async (t) => {
  const { url } = await database();
  const loader = createSnapshotLoader({ url, isOwn: true });
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  t.after(() => Promise.all([writer.close(), loader.close()]));
  const shard = openShard();
  await addBook(url, shard, BOOK, 5000, {});
  await write(writer, shard.changes);
  let codes = 0;
  const thrower = {
    ...ignoring,
    code: () => {
      if (++codes === 10) throw new Error('no more');
    },
  };
  await assert.rejects(loader.load([SHARD], 0, thrower), /no more/);
  codes = 0;
  await loader.load([SHARD], 0, { ...ignoring, code: () => codes++ });
  assert.equal(codes, 5000);
});

const ignoring: SnapshotSink = {
  checkpoint: () => undefined,
  book: () => undefined,
  openBatch: () => undefined,
  batch: () => undefined,
  code: () => undefined,
  codeState: () => undefined,
  redemption: () => undefined,
  claim: () => undefined,
  bookOfCampaign: () => undefined,
  promotion: () => undefined,
  reservation: () => undefined,
  stock: () => undefined,
  order: () => undefined,
  remembered: () => undefined,
};

function codesOf(shard: number, bookId: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${shard}-${bookId.slice(-3)}-${String(n).padStart(6, '0')}`);
}

/** By database. */
const batchCounts = new Map<string, number>();

/** Stages codes in PostgreSQL and in the shard alike, where batches are numbered from 1 in both. */
async function addBook(
  url: string,
  shard: TestShard,
  bookId: typeof BOOK,
  count: number,
  settings: Partial<typeof SETTINGS>,
  shardId = SHARD,
): Promise<number> {
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  const firstId = (batchCounts.get(url) ?? 0) + 1;
  batchCounts.set(url, firstId);
  const staging = store.stage(shardId, bookId);
  const codes = codesOf(shardId, bookId, count);
  await staging.write(codes.toReversed());
  const { batchId, count: staged } = await staging.finish(createOwner(store, firstId));
  assert.equal(staged, count);
  await store.close();
  while (shard.batches.size < batchId - 1) shard.stage([]);
  shard.addBook(settings, codes, bookId);
  return batchId;
}

function write(writer: ReturnType<typeof createProjectionWriter>, changes: readonly Change[]): Promise<void> {
  return writer.write(new Map([[SHARD, changes]]));
}

async function loadState(
  loader: ReturnType<typeof createSnapshotLoader>,
  rememberedAfterMs: number,
  options: Partial<typeof OPTIONS>,
): Promise<ShardState> {
  const state = new ShardState({ ...OPTIONS, ...options });
  await loader.load([SHARD], rememberedAfterMs, {
    checkpoint: (_, { seq, batchCounter }) => loadCheckpoint(state, seq, batchCounter),
    book: (_, book) => load.loadBook(state.coupons, book),
    openBatch: (_, batch) => load.loadOpenBatch(state.coupons, batch),
    batch: (_, batch) => load.loadBatch(state.coupons, batch),
    code: (_, index, bytes, start, end) => {
      for (const book of state.coupons.books()) {
        if (book.ranges.some((range) => index >= range.first && index < range.end)) {
          load.loadCode(state.coupons, book, index, bytes, start, end);
        }
      }
    },
    codeState: (_, row) => load.loadCodeState(state.coupons, row),
    redemption: (_, row) => load.loadRedemption(state.coupons, row),
    claim: (_, batchId) => state.coupons.claim(batchId),
    promotion: (_, promotion) => loadPromotion(state.promotions, promotion),
    bookOfCampaign: (_, bookId, campaignId) => state.promotions.joinCampaign(bookId, campaignId),
    reservation: (_, row) => loadReservation(state.promotions, row),
    stock: (_, stock) => loadStock(state.flash, stock),
    order: (_, row) => loadOrder(state.flash, row),
    remembered: (_, row) => loadRemembered(state, row),
  });
  return state;
}

function randomCommand(shard: TestShard, random: () => number): Command {
  const bookId = random() % 3 === 0 ? OTHER_BOOK : BOOK;
  const code = codesOf(SHARD, bookId, 30)[random() % 30] ?? '';
  const userId = `user-${random() % 12}`;
  const redemptions = shard.changes.flatMap(({ events }) =>
    events.flatMap((event) => (event.kind === 'codeRedeemed' ? [event] : [])),
  );
  switch (random() % 12) {
    case 0:
    case 1:
      return assignRandom(userId, bookId);
    case 2:
      return assign(code, userId);
    case 3:
    case 4:
      return lock(code, userId, 1 + (random() % 2000));
    case 5:
      return unlock(code, userId);
    case 6:
    case 7:
    case 8:
      return redeem(code, userId);
    case 9: {
      const redemption = redemptions[random() % Math.max(1, redemptions.length)];
      return rollback(redemption?.code ?? code, redemption?.redemptionId ?? 'none');
    }
    case 10:
      return random() % 200 === 0 ? archive() : unassign(code);
    default:
      return update({ name: `name ${random()}`, endMs: START + 10 ** 9 });
  }
}

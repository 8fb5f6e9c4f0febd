/** Batches of codes before they are live: ids, keys, ends, and how many there may be. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BATCH_ID_MAX } from '../../src/domain/batch-ids.js';
import type { Command } from '../../src/domain/command.js';
import { asShardId } from '../../src/domain/ids.js';
import { loadOpenBatch } from '../../src/features/coupons/load.js';
import { OPEN_BATCHES_MAX } from '../../src/features/coupons/open-batches.js';
import { digest } from '../../src/features/digest.js';
import { loadCheckpoint } from '../../src/features/load.js';
import { ShardState } from '../../src/features/shard-state.js';
import {
  BOOK,
  inWords,
  OPEN_BATCH,
  OPTIONS,
  OTHER_BOOK,
  openShard,
  outcomeOf,
  reasonOf,
  SETTINGS,
  stageCodes,
  type TestShard,
  UPLOADED,
} from './shard.js';

type Open = Extract<Command, { kind: 'openBatch' }>;

const open = (asked: Partial<Open> = {}): Open => ({
  kind: 'openBatch',
  bookId: BOOK,
  caller: 'shop',
  key: null,
  fingerprint: null,
  content: UPLOADED,
  ...asked,
});

function opened(shard: TestShard, asked: Partial<Open> = {}) {
  const outcome = outcomeOf(shard.run(open(asked)));
  assert(outcome.kind === 'batchOpened');
  return { batchId: outcome.batch.batchId, isNew: outcome.isNew };
}

function giveUp(shard: TestShard, batchId: number): string {
  const outcome = outcomeOf(shard.run({ kind: 'giveUpBatch', bookId: BOOK, batchId }));
  assert(outcome.kind === 'batchSettled');
  return outcome.fate;
}

const add = (batchId: number): Command => ({
  kind: 'addCodes',
  bookId: BOOK,
  codes: { batchId, size: 1, count: 1, report: {} },
});

/** With its code loaded, as the actor does it. */
function stage(shard: TestShard, batchId: number): void {
  shard.state.coupons.stage(batchId, 1);
  stageCodes(shard.state, batchId, [`CODE-${batchId}`]);
}

describe('the id of a batch', () => {
  test('is unique over all shards', () => {
    const shards = [0, 1, 2].map((shard) => openShard({ shard: asShardId(shard), shardCount: 3 }));
    const ids = shards.flatMap((shard) => [opened(shard).batchId, opened(shard).batchId]);
    assert.deepEqual(ids, [3, 6, 4, 7, 5, 8]);
  });

  test('is not used again after its batch was given up, nor after a reload', () => {
    const shard = openShard();
    const { batchId } = opened(shard);
    giveUp(shard, batchId);
    assert.equal(opened(shard).batchId, batchId + 1);
    const reloaded = new ShardState(OPTIONS);
    loadCheckpoint(reloaded, shard.state.seq, batchId + 1);
    assert.equal(reloaded.coupons.openBatches.nextId(), batchId + 2);
  });

  test('fits into the database: the last one is given out, and none after it', () => {
    const shard = openShard();
    shard.state.coupons.openBatches.skipThrough(BATCH_ID_MAX - 1);
    assert.equal(opened(shard).batchId, BATCH_ID_MAX);
    assert.equal(reasonOf(shard.run(open())), 'batchesFull');
  });
});

describe('a batch', () => {
  test('goes live once, by the command that names it, and only while it is open', () => {
    const shard = openShard();
    shard.addBook({}, []);
    const [first, second] = [opened(shard).batchId, opened(shard).batchId];
    for (const batchId of [first, second]) stage(shard, batchId);
    assert.equal(giveUp(shard, second), 'givenUp');
    assert.equal(reasonOf(shard.run(add(second))), 'batchUnknown', 'its codes are loaded, and it is given up');
    assert.equal(shard.run(add(first)).kind, 'change');
    assert.equal(reasonOf(shard.run(add(first))), 'batchUnknown');
  });

  test('that is live stays live, even if it is given up', () => {
    const shard = openShard();
    shard.addBook({}, []);
    const { batchId } = opened(shard);
    stage(shard, batchId);
    shard.run(add(batchId));
    const { seq } = shard.state;
    assert.equal(giveUp(shard, batchId), 'live');
    assert.equal(shard.state.seq, seq, 'nothing had to be changed');
    assert.equal(giveUp(shard, 12345), 'givenUp', 'one that never was open');
    assert.equal(shard.state.seq, seq);
  });

  test('makes its book live with it', () => {
    const shard = openShard();
    const { batchId } = opened(shard);
    stage(shard, batchId);
    const codes = { batchId, size: 1, count: 1, report: {} };
    const created = shard.run({
      kind: 'createBook',
      campaignId: null,
      discount: null,
      bookId: BOOK,
      settings: SETTINGS,
      codes,
    });
    assert(created.kind === 'change');
    assert.deepEqual(created.change.events.map(inWords), ['bookCreated v1', 'codesAdded 1 of 1 from 0']);
    assert.equal(shard.state.coupons.openBatches.count, 0);
  });
});

describe('a batch that is opened with a key', () => {
  test('is the answer to the same key of the same caller and book, whatever the fingerprint, until it ends', () => {
    const shard = openShard();
    shard.addBook({}, []);
    shard.addBook({}, [], OTHER_BOOK);
    const first = opened(shard, { key: 'k', fingerprint: 1 });
    assert.deepEqual(opened(shard, { key: 'k', fingerprint: 2 }), { ...first, isNew: false });
    for (const other of [{ caller: 'till' }, { key: 'l' }, { bookId: OTHER_BOOK }]) {
      assert.equal(opened(shard, { key: 'k', fingerprint: 1, ...other }).isNew, true, JSON.stringify(other));
    }
    giveUp(shard, first.batchId);
    assert.equal(opened(shard, { key: 'k', fingerprint: 1 }).isNew, true);
  });

  test('for a book that is not there yet is found under the id of another such book', () => {
    const shard = openShard();
    const first = opened(shard, { key: 'k', fingerprint: 1 });
    assert.deepEqual(opened(shard, { key: 'k', fingerprint: 1, bookId: OTHER_BOOK }), { ...first, isNew: false });
    shard.addBook({}, [], OTHER_BOOK);
    assert.equal(opened(shard, { key: 'k', fingerprint: 1, bookId: OTHER_BOOK }).isNew, true);
  });
});

test('a shard has a maximum of open batches, and one that ends makes room', () => {
  const shard = openShard();
  for (let n = 0; n < OPEN_BATCHES_MAX; n++) opened(shard, { key: `key-${n}` });
  assert.equal(reasonOf(shard.run(open())), 'batchesFull');
  assert.equal(opened(shard, { key: 'key-0' }).isNew, false, 'what is open needs no room');
  giveUp(shard, 1);
  assert.equal(opened(shard).isNew, true);
});

test('each fact of an open batch counts in the digest', () => {
  const others = [
    {},
    { batchId: 2 },
    { bookId: OTHER_BOOK },
    { caller: 'till' },
    { key: 'k' },
    { fingerprint: 5 },
    { openedMs: 1 },
    { content: { kind: 'uploaded', count: 4, sha256: '' } },
    { content: { kind: 'generated', pattern: '#', keyId: 1, ranges: [{ first: 0, end: 1 }], order: 'byCode' } },
    { content: { kind: 'generated', pattern: '#', keyId: 1, ranges: [{ first: 0, end: 2 }], order: 'byCode' } },
    { content: { kind: 'generated', pattern: '#', keyId: 1, ranges: [{ first: 0, end: 2 }], order: 'inRuns' } },
  ] as const;
  const digests = others.map((other) => {
    const state = new ShardState(OPTIONS);
    loadOpenBatch(state.coupons, { ...OPEN_BATCH, ...other });
    return digest(state, 0);
  });
  assert.equal(new Set([...digests, digest(new ShardState(OPTIONS), 0)]).size, others.length + 1);
});

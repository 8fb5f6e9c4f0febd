import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, Query } from '../../src/domain/command.js';
import { lastSeqOf } from '../../src/domain/event.js';
import type { ActorRequest } from '../../src/engine/requests.js';
import { loadOpenBatch } from '../../src/features/coupons/load.js';
import type { ShardState } from '../../src/features/shard-state.js';
import { type Reply, stateOf, Turn } from '../../src/shard/turn.js';
import {
  assign,
  BOOK,
  lock,
  OPEN_BATCH,
  OPTIONS,
  openShard,
  redeem,
  SETTINGS,
  START,
  seeded,
} from '../features/shard.js';

const { shard: SHARD } = OPTIONS;

interface Rig {
  readonly state: ShardState;
  readonly turn: Turn;
  readonly loading: Set<number>;
  /** Requests 1, 2, …, in one message. */
  run(asked: readonly (Command | Query)[], nowMs?: number, mayExpire?: boolean): void;
}

/** A shard whose book has the codes A and B, both given to ann. */
function rig(): Rig {
  const { state, addBook, run } = openShard();
  addBook({}, ['A', 'B']);
  for (const code of ['A', 'B']) run(assign(code, 'ann'));
  const loading = new Set<number>();
  const turn = new Turn(seeded(1), (batchId) => loading.has(batchId));
  return {
    state,
    turn,
    loading,
    run(asked, nowMs = START, mayExpire = true) {
      const requests = asked.map((one, index) => requestOf(one, index + 1));
      turn.run(new Map([[SHARD, state]]), requests, nowMs, mayExpire);
    },
  };
}

function requestOf(asked: Command | Query, id: number): ActorRequest {
  const about = { to: 7, id, shard: SHARD };
  if (asked.kind === 'getCode') return { ...about, kind: 'query', query: asked };
  const origin = { caller: 'service', requestId: 'request', idempotency: null };
  return { ...about, kind: 'command', command: asked as Command, origin };
}

const getCode = (code: string): Query => ({ kind: 'getCode', code });
const summaryOf = ({ to, id, seq, reply }: Reply) => ({
  to,
  id,
  seq,
  said: reply.kind === 'done' ? reply.outcome.kind : reply.kind === 'refused' ? reply.reason : reply.kind,
});

test('each request sees the changes before it, and its reply waits for them', () => {
  const { state, turn, run } = rig();
  const before = state.seq;
  run([lock('A', 'ann'), getCode('A'), redeem('A', 'eve'), redeem('A', 'ann'), redeem('A', 'ann')]);
  assert.equal(turn.replyCount, 5);
  const { changes, replies } = turn.take();
  assert.deepEqual(replies.map(summaryOf), [
    { to: 7, id: 1, seq: before + 1, said: 'locked' },
    { to: 7, id: 2, seq: before + 1, said: 'result' },
    { to: 7, id: 3, seq: before + 1, said: 'lockedByAnother' },
    { to: 7, id: 4, seq: before + 2, said: 'redeemed' },
    { to: 7, id: 5, seq: before + 2, said: 'usedUp' },
  ]);
  const read = replies[1]?.reply;
  assert.ok(read?.kind === 'result' && read.durableSeq === before + 1 && read.result.kind === 'code');
  assert.equal(read.result.code.status, 'locked');
  const list = changes.get(SHARD) ?? [];
  assert.deepEqual(
    list.map(({ firstSeq, events }) => [firstSeq, events.map(({ kind }) => kind)]),
    [
      [before + 1, ['codeLocked']],
      [before + 2, ['codeRedeemed']],
    ],
  );
  assert.equal(lastSeqOf(list.at(-1) as (typeof list)[number]), state.seq);
});

test('what was taken is not taken again', () => {
  const { turn, run } = rig();
  run([redeem('A', 'ann')]);
  assert.equal(turn.hasChanges, true);
  turn.take();
  assert.equal(turn.hasChanges, false);
  run([getCode('A')]);
  assert.equal(turn.hasChanges, false, 'a read changes nothing');
  assert.deepEqual(turn.takeReplies().map(summaryOf).length, 1);
  assert.deepEqual(turn.take(), { changes: new Map(), replies: [] });
});

test('a lease that has ended is announced before the next request, unless the journal has no room', () => {
  const { turn, run } = rig();
  run([lock('A', 'ann'), lock('B', 'ann')]);
  turn.take();
  const laterMs = START + OPTIONS.lockTtlMs;
  run([getCode('A')], laterMs, false);
  const [reply] = turn.takeReplies();
  assert.equal(turn.hasChanges, false);
  assert.ok(reply?.reply.kind === 'result' && reply.reply.result.kind === 'code');
  assert.equal(reply.reply.result.code.status, 'assigned', 'a read compares leases with the clock');
  run([getCode('A')], laterMs);
  const { changes } = turn.take();
  assert.deepEqual(
    changes.get(SHARD)?.flatMap(({ events }) => events.map(({ kind }) => kind)),
    ['leaseExpired', 'leaseExpired'],
  );
});

test('a command whose batch is not in memory is not answered, and is decided when the batch is there', () => {
  const { state, turn, run } = rig();
  const batchId = 9;
  loadOpenBatch(state.coupons, { ...OPEN_BATCH, batchId });
  const addCodes: Command = {
    kind: 'addCodes',
    bookId: BOOK,
    codes: { batchId, size: 1, count: 1, report: {} },
  };
  run([addCodes]);
  assert.equal(turn.replyCount, 0);
  const [lacking] = turn.takeLacking();
  assert.ok(lacking !== undefined);
  assert.deepEqual([lacking.request.id, lacking.batch.batchId], [1, batchId]);
  assert.deepEqual(turn.takeLacking(), [], 'it is taken once');
  assert.equal(turn.hasNewBatches, false);

  state.coupons.stage(batchId, 1);
  state.coupons.stageCode(batchId, 0, Buffer.from('C'), 0, 1);
  state.coupons.completeStage(batchId);
  turn.decide(state, lacking.request, START);
  assert.equal(turn.hasNewBatches, true);
  assert.deepEqual(
    turn.take().replies.map((reply) => summaryOf(reply).said),
    ['codesAdded'],
  );
});

test('a refused command gives its batch back, unless the batch is being loaded for another one', () => {
  const { state, loading, run } = rig();
  const batchId = 9;
  state.coupons.stage(batchId, 1);
  const other: Command = {
    kind: 'createBook',
    campaignId: null,
    discount: null,
    bookId: BOOK,
    settings: SETTINGS,
    codes: { batchId, size: 1, count: 1, report: {} },
  };
  loading.add(batchId);
  run([other]);
  assert.ok(state.coupons.staged(batchId) !== undefined);
  loading.delete(batchId);
  run([other]);
  assert.equal(state.coupons.staged(batchId), undefined);
});

test('a shard of another thread is an error', () => {
  assert.throws(() => stateOf(new Map(), SHARD), /shard 0 is not in this thread/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSeq, asShardId, type ShardId } from '../../src/domain/ids.js';
import { Commits } from '../../src/shard/commits.js';
import type { Reply } from '../../src/shard/turn.js';

const [ONE, TWO] = [asShardId(1), asShardId(2)];
const IN_FLIGHT_MAX = 2;

let ids = 0;
const replyOf = (shard: ShardId, seq: number): Reply => ({
  to: 7,
  id: ++ids,
  command: null,
  reply: { kind: 'refused', reason: 'codeNotFound', detail: '' },
  shard,
  seq: asSeq(seq),
});
const entryOf = (shard: ShardId, firstSeq: number, lastSeq: number) => ({
  shard,
  firstSeq: asSeq(firstSeq),
  lastSeq: asSeq(lastSeq),
  payload: Buffer.alloc(0),
});

test('a commit is durable when it has landed, and commits land in their order', () => {
  const commits = new Commits();
  const first = commits.begin([entryOf(ONE, 1, 3), entryOf(TWO, 1, 1)], []);
  const second = commits.begin([entryOf(ONE, 4, 4)], []);
  assert.equal(commits.durable.size, 0);
  commits.land(first);
  assert.deepEqual(
    [...commits.durable],
    [
      [ONE, 3],
      [TWO, 1],
    ],
  );
  assert.equal(commits.isEmpty, false);
  commits.land(second);
  assert.equal(commits.durable.get(ONE), 4);
  assert.equal(commits.isEmpty, true);

  const third = commits.begin([entryOf(ONE, 5, 5)], []);
  const fourth = commits.begin([entryOf(ONE, 6, 6)], []);
  assert.throws(() => commits.land(fourth), /out of order/);
  assert.equal(commits.durable.get(ONE), 4, 'nothing is durable that way');
  void third;
});

test('a commit begins when none is in flight, or when it is as large as the last one', () => {
  const commits = new Commits();
  assert.equal(commits.mayBegin(0, IN_FLIGHT_MAX), true);
  commits.begin([entryOf(ONE, 1, 2)], [replyOf(ONE, 1), replyOf(ONE, 2)]);
  assert.equal(commits.mayBegin(1, IN_FLIGHT_MAX), false);
  assert.equal(commits.mayBegin(2, IN_FLIGHT_MAX), true);
  commits.begin([entryOf(ONE, 3, 3)], [replyOf(ONE, 3)]);
  assert.equal(commits.mayBegin(9, IN_FLIGHT_MAX), false, 'as many as the journal takes are in flight');
});

test('replies without a change wait for the last commit in flight, and for none if there is none', () => {
  const commits = new Commits();
  const read = replyOf(ONE, 4);
  assert.equal(commits.attach([read]), false);
  const first = commits.begin([entryOf(ONE, 1, 3)], []);
  const second = commits.begin([entryOf(ONE, 4, 4)], [replyOf(ONE, 4)]);
  assert.equal(commits.attach([read]), true);
  assert.deepEqual(first.replies, []);
  assert.equal(second.replies.at(-1), read);
});

test('after a failure, replies leave if their change turns out to be durable, and are refused if not', () => {
  const commits = new Commits();
  const [kept, lost, other] = [replyOf(ONE, 3), replyOf(ONE, 4), replyOf(TWO, 1)];
  commits.begin([entryOf(ONE, 1, 3)], [kept]);
  commits.begin([entryOf(ONE, 4, 4), entryOf(TWO, 1, 1)], [lost, other]);
  commits.fail();
  assert.equal(commits.isEmpty, false, 'callers wait for the recovery');
  assert.equal(commits.mayBegin(0, IN_FLIGHT_MAX), true, 'nothing is in flight any more');
  commits.recovered(ONE, asSeq(3));
  const resolved = commits.resolve();
  assert.equal(resolved[0], kept);
  assert.deepEqual(
    resolved.slice(1).map(({ to, id, reply }) => [to, id, reply.kind]),
    [
      [7, lost.id, 'unavailable'],
      [7, other.id, 'unavailable'],
    ],
  );
  assert.equal(commits.isEmpty, true);
  assert.deepEqual(commits.resolve(), [], 'each is answered once');
});

test('commits of two failures in a row are resolved together, or abandoned together', () => {
  const commits = new Commits();
  const [first, second] = [replyOf(ONE, 1), replyOf(ONE, 2)];
  commits.begin([entryOf(ONE, 1, 1)], [first]);
  commits.fail();
  commits.begin([entryOf(ONE, 2, 2)], [second]);
  commits.fail();
  assert.deepEqual(commits.abandon(), [first, second]);
  assert.equal(commits.isEmpty, true);
  assert.equal(commits.durable.size, 0);
});

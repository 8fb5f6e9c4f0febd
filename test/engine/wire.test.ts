import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import { asBookId, asSeq, asShardId } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import type { CommandReply } from '../../src/engine/engine.js';
import { readReplies, readRequests } from '../../src/engine/messages.generated.js';
import type { ActorReply } from '../../src/engine/requests.js';
import { ReplyWriter, RequestWriter } from '../../src/engine/wire.js';

const book = asBookId('01930000-0000-7000-8000-000000000001');
const otherBook = asBookId('01930000-0000-7000-8000-000000000002');
const shard = asShardId(3);

const commands: readonly Command[] = [
  { kind: 'assignRandom', bookId: book, userId: 'ann' },
  { kind: 'assignRandom', bookId: book, userId: 'bob' },
  { kind: 'assignRandom', bookId: otherBook, userId: 'bob' },
  { kind: 'redeemCode', code: 'A-1', userId: 'ann', lockId: 7, metadata: { till: 4 } },
  { kind: 'redeemCode', code: 'A-2', userId: 'ann', lockId: null, metadata: null },
  { kind: 'lockCode', code: 'A-1', userId: 'ann', ttlMs: null },
  { kind: 'unlockCode', code: 'A-1', userId: 'ann', lockId: 9 },
  { kind: 'assignCode', code: 'A-3', userId: 'zoe' },
  { kind: 'unassignCode', code: 'A-3', reason: 'a return' },
  { kind: 'unassignCode', code: 'A-4', reason: null },
  { kind: 'rollbackRedemption', code: 'A-1', redemptionId: 'x', reason: null },
  { kind: 'assignRandom', bookId: book, userId: 'zoe' },
];

test('commands and queries arrive as they were sent, in their order, over several messages', () => {
  const writer = new RequestWriter();
  for (let message = 0; message < 3; message++) {
    const sent = commands.map((command, i) => ({
      kind: 'command' as const,
      to: 1,
      id: 10 + i,
      shard,
      command,
      origin: {
        caller: i < 5 ? 'till' : `caller ${i}`,
        requestId: `r${i}`,
        idempotency: i % 2 === 0 ? null : { key: `k${i}`, fingerprint: i },
      },
    }));
    for (const { id, command, origin } of sent) {
      const { caller, requestId, idempotency } = origin;
      writer.command(id, shard, command, caller, requestId, idempotency?.key ?? null, idempotency?.fingerprint ?? 0);
    }
    const query = { kind: 'getCode', code: 'A-1', userId: null } as never;
    writer.query(99, shard, query);
    assert.equal(writer.count, commands.length + 1);
    const arrived = readRequests(structuredClone(writer.take()), 1);
    assert.deepEqual(arrived, [...sent, { kind: 'query', to: 1, id: 99, shard, query }]);
    assert.equal(writer.count, 0);
  }
});

test('a withdrawn request does not arrive, and the ones behind it arrive whole', () => {
  const withdrawn = new Set([0, 3, 11]);
  const writer = new RequestWriter();
  commands.forEach((command, i) => {
    writer.command(i, shard, command, 'till', `r${i}`, i % 2 === 0 ? `k${i}` : null, i);
    if (withdrawn.has(i))
      assert.equal(
        writer.withdraw((id) => id === i),
        i,
      );
  });
  assert.equal(
    writer.withdraw((id) => withdrawn.has(id)),
    null,
  );
  const arrived = readRequests(structuredClone(writer.take()), 1);
  assert.deepEqual(
    arrived.map((request) => (request.kind === 'command' ? [request.id, request.command, request.origin.caller] : [])),
    commands.map((command, i) => [i, command, 'till']).filter(([i]) => !withdrawn.has(i as number)),
  );
});

const done = (outcome: Outcome, replayed = false): CommandReply => ({
  kind: 'done',
  outcome,
  shard,
  seq: asSeq(12),
  replayed,
});
const redeemed = { redemptionId: 'x', redeemedMs: 5, redemptionCount: 1, remaining: null };
const replies: readonly CommandReply[] = [
  done({ kind: 'assigned', bookId: book, code: 'A-9', userId: 'ann', assignedMs: 5 }),
  done({ kind: 'assigned', bookId: book, code: 'A-8', userId: 'bob', assignedMs: 5 }, true),
  done({ kind: 'assigned', bookId: otherBook, code: 'A-7', userId: 'bob', assignedMs: 6 }),
  done({ kind: 'redeemed', code: 'A-1', userId: 'ann', ...redeemed }),
  done({ kind: 'redeemed', code: 'A-2', userId: 'ann', ...redeemed, remaining: 3 }),
  done({ kind: 'locked', code: 'A-1', userId: 'ann', lockId: 4, untilMs: 99 }),
  done({ kind: 'unlocked', code: 'A-1', userId: 'ann' }),
  done({ kind: 'assigned', bookId: otherBook, code: 'A-3', userId: 'zoe', assignedMs: 7 }),
  done({ kind: 'unassigned', bookId: otherBook, code: 'A-3' }, true),
  done({ kind: 'unassigned', bookId: book, code: 'A-4' }),
  { kind: 'refused', reason: 'codeNotFound', detail: 'no' },
  { kind: 'unavailable', reason: 'recovering', retryAfterMs: 1000 },
];

const replyTo = (id: number, reply: CommandReply): ActorReply => ({ to: 0, id, command: commands[id] ?? null, reply });

test('replies arrive as they were sent, with what their commands said', () => {
  const writer = new ReplyWriter();
  for (const [id, reply] of replies.entries()) writer.write(replyTo(id, reply));
  const arrived: unknown[] = [];
  readReplies(structuredClone(writer.message), (id) => ({
    command: commands[id] ?? null,
    reply: (reply) => arrived.push(reply),
  }));
  assert.deepEqual(arrived, replies);
});

test('a reply without a waiting request is skipped, and the next one is read correctly', () => {
  const writer = new ReplyWriter();
  for (const [id, reply] of replies.entries()) writer.write(replyTo(id, reply));
  const arrived: unknown[] = [];
  readReplies(structuredClone(writer.message), (id) =>
    id % 2 === 0 ? undefined : { command: commands[id] ?? null, reply: (reply) => arrived.push(reply) },
  );
  assert.deepEqual(
    arrived,
    replies.filter((_, id) => id % 2 === 1),
  );
});

test('a reply that does not match its command throws', () => {
  const writer = new ReplyWriter();
  writer.write(replyTo(3, replies[3] as CommandReply));
  assert.throws(
    () => readReplies(writer.message, () => ({ command: commands[0] ?? null, reply: () => undefined })),
    /does not belong/,
  );
});

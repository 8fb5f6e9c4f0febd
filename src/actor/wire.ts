/**
 * Requests and replies between an HTTP thread and a shard thread: one message per event-loop turn and direction,
 * with all of the turn's requests in it.
 *
 * A message is one flat array of numbers and strings: the structured clone of such an array costs a fraction of that
 * of an array of objects, whose property names travel every time. What is asked often has a shape of its own; the rest
 * travels as the object it is.
 */
import type { Command, Query } from '../domain/command.js';
import { asBookId, asSeq, asShardId, type Seq, type ShardId } from '../domain/ids.js';
import type { Outcome } from '../domain/outcome.js';
import type { ActorReply, ActorRequest } from './actor.js';
import type { CommandReply, QueryReply } from './engine.js';

export type Field = number | string | null | object;
export type Message = Field[];

const REQUEST = { query: 0, other: 1, assignRandom: 2, redeemCode: 3, lockCode: 4, unlockCode: 5 } as const;
const REPLY = { other: 0, assigned: 1, redeemed: 2, locked: 3 } as const;

export function writeQuery(message: Message, id: number, shard: ShardId, query: Query): void {
  message.push(REQUEST.query, id, shard, query);
}

export function writeCommand(
  message: Message,
  id: number,
  shard: ShardId,
  command: Command,
  caller: string,
  requestId: string,
  key: string | null,
  fingerprint: number,
): void {
  switch (command.kind) {
    case 'assignRandom':
      message.push(
        REQUEST.assignRandom,
        id,
        shard,
        caller,
        requestId,
        key,
        fingerprint,
        command.bookId,
        command.userId,
      );
      return;
    case 'redeemCode':
      message.push(REQUEST.redeemCode, id, shard, caller, requestId, key, fingerprint);
      message.push(command.code, command.userId, command.lockId, command.metadata);
      return;
    case 'lockCode':
      message.push(
        REQUEST.lockCode,
        id,
        shard,
        caller,
        requestId,
        key,
        fingerprint,
        command.code,
        command.userId,
        command.ttlMs,
      );
      return;
    case 'unlockCode':
      message.push(REQUEST.unlockCode, id, shard, caller, requestId, key, fingerprint);
      message.push(command.code, command.userId, command.lockId);
      return;
    default:
      message.push(REQUEST.other, id, shard, caller, requestId, key, fingerprint, command);
  }
}

export function readRequests(message: Message, to: number): ActorRequest[] {
  const requests: ActorRequest[] = [];
  let at = 0;
  const next = () => message[at++];
  while (at < message.length) {
    const opcode = next();
    const id = next() as number;
    const shard = asShardId(next() as number);
    if (opcode === REQUEST.query) {
      requests.push({ kind: 'query', to, id, shard, query: next() as Query });
      continue;
    }
    const caller = next() as string;
    const requestId = next() as string;
    const key = next() as string | null;
    const fingerprint = next() as number;
    const origin = { caller, requestId, idempotency: key === null ? null : { key, fingerprint } };
    requests.push({ kind: 'command', to, id, shard, origin, command: readCommand(opcode as number, next) });
  }
  return requests;
}

function readCommand(opcode: number, next: () => Field | undefined): Command {
  switch (opcode) {
    case REQUEST.assignRandom:
      return { kind: 'assignRandom', bookId: asBookId(next() as string), userId: next() as string };
    case REQUEST.redeemCode:
      return {
        kind: 'redeemCode',
        code: next() as string,
        userId: next() as string,
        lockId: next() as number | null,
        metadata: next() as Record<string, unknown> | null,
      };
    case REQUEST.lockCode:
      return { kind: 'lockCode', code: next() as string, userId: next() as string, ttlMs: next() as number | null };
    case REQUEST.unlockCode:
      return { kind: 'unlockCode', code: next() as string, userId: next() as string, lockId: next() as number | null };
    case REQUEST.other:
      return next() as Command;
    default:
      throw new Error(`unknown request ${opcode}`);
  }
}

export function writeReply(message: Message, { id, reply }: ActorReply): void {
  if (reply.kind !== 'done') {
    message.push(REPLY.other, id, reply);
    return;
  }
  const { outcome, shard, seq } = reply;
  const replayed = reply.replayed ? 1 : 0;
  switch (outcome.kind) {
    case 'assigned':
      message.push(
        REPLY.assigned,
        id,
        shard,
        seq,
        replayed,
        outcome.bookId,
        outcome.code,
        outcome.userId,
        outcome.assignedMs,
      );
      return;
    case 'redeemed':
      message.push(REPLY.redeemed, id, shard, seq, replayed, outcome.code, outcome.userId, outcome.redemptionId);
      message.push(outcome.redeemedMs, outcome.redemptionCount, outcome.remaining);
      return;
    case 'locked':
      message.push(
        REPLY.locked,
        id,
        shard,
        seq,
        replayed,
        outcome.code,
        outcome.userId,
        outcome.lockId,
        outcome.untilMs,
      );
      return;
    default:
      message.push(REPLY.other, id, reply);
  }
}

export function readReplies(message: Message, each: (id: number, reply: CommandReply | QueryReply) => void): void {
  let at = 0;
  const next = () => message[at++];
  while (at < message.length) {
    const opcode = next();
    const id = next() as number;
    if (opcode === REPLY.other) {
      each(id, next() as CommandReply | QueryReply);
      continue;
    }
    const shard = asShardId(next() as number);
    const seq: Seq = asSeq(next() as number);
    const replayed = next() === 1;
    each(id, { kind: 'done', outcome: readOutcome(opcode as number, next), shard, seq, replayed });
  }
}

function readOutcome(opcode: number, next: () => Field | undefined): Outcome {
  switch (opcode) {
    case REPLY.assigned:
      return {
        kind: 'assigned',
        bookId: asBookId(next() as string),
        code: next() as string,
        userId: next() as string,
        assignedMs: next() as number,
      };
    case REPLY.redeemed:
      return {
        kind: 'redeemed',
        code: next() as string,
        userId: next() as string,
        redemptionId: next() as string,
        redeemedMs: next() as number,
        redemptionCount: next() as number,
        remaining: next() as number | null,
      };
    case REPLY.locked:
      return {
        kind: 'locked',
        code: next() as string,
        userId: next() as string,
        lockId: next() as number,
        untilMs: next() as number,
      };
    default:
      throw new Error(`unknown reply ${opcode}`);
  }
}

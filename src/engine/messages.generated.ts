/**
 * Commands and their outcomes in messages between an HTTP thread and a shard thread; wire.ts
 * describes the form.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */

import type { Command } from '../records/commands.generated.js';
import type { BookId, Seq, ShardId } from '../records/ids.js';
import type { Outcome } from '../records/outcomes.generated.js';
import { unknownRecord } from '../records/unknown.js';
import type { CommandReply, QueryReply } from './engine.js';
import {
  type Asked,
  type LastWritten,
  type Message,
  type MessageField,
  OTHER_REPLY,
  OTHER_REQUEST,
  QUERY,
  QUOTE,
  SAME,
  WITHDRAWN,
} from './message.js';
import { type PackedPriceRequest, packPriceRequest, unpackPriceRequest } from './price-request.js';
import type { ActorReply, ActorRequest } from './requests.js';

/** The number that begins a request with this command. */
export function requestNumberOf(command: Command): number {
  switch (command.kind) {
    case 'assignRandom':
      return 2;
    case 'assignCode':
      return 6;
    case 'lockCode':
      return 4;
    case 'unlockCode':
      return 5;
    case 'redeemCode':
      return 3;
    case 'unassignCode':
      return 7;
    case 'placeOrder':
      return 9;
    case 'reserve':
      return 8;
    case 'openBatch':
    case 'giveUpBatch':
    case 'addCodes':
    case 'createBook':
    case 'updateBook':
    case 'archiveBook':
    case 'rollbackRedemption':
    case 'confirmOrder':
    case 'fulfilOrder':
    case 'cancelOrder':
    case 'initStock':
    case 'adjustStock':
    case 'pauseStock':
    case 'createPromotion':
    case 'updatePromotion':
    case 'archivePromotion':
    case 'stopCampaign':
    case 'commitReservation':
    case 'releaseReservation':
    case 'renewReservation':
    case 'rollbackReservation':
    case 'usePromotion':
      return OTHER_REQUEST;
    default:
      return unknownRecord(command);
  }
}

/** Writes the fields of a command. */
export function writeCommand(fields: MessageField[], last: LastWritten, command: Command): void {
  switch (command.kind) {
    case 'assignRandom':
      fields.push(command.bookId === last.bookId ? SAME : command.bookId, command.userId);
      last.bookId = command.bookId;
      return;
    case 'assignCode':
      fields.push(command.code, command.userId);
      return;
    case 'lockCode':
      fields.push(command.code, command.userId, command.ttlMs);
      return;
    case 'unlockCode':
      fields.push(command.code, command.userId, command.lockId);
      return;
    case 'redeemCode':
      fields.push(command.code, command.userId, command.lockId, command.metadata);
      return;
    case 'unassignCode':
      fields.push(command.code, command.reason);
      return;
    case 'placeOrder':
      fields.push(command.productId, command.userId, command.key, command.isAdmitted);
      return;
    case 'reserve':
      fields.push(packPriceRequest(command.request), command.caller, command.cartId, command.ttlMs);
      return;
    case 'openBatch':
    case 'giveUpBatch':
    case 'addCodes':
    case 'createBook':
    case 'updateBook':
    case 'archiveBook':
    case 'rollbackRedemption':
    case 'confirmOrder':
    case 'fulfilOrder':
    case 'cancelOrder':
    case 'initStock':
    case 'adjustStock':
    case 'pauseStock':
    case 'createPromotion':
    case 'updatePromotion':
    case 'archivePromotion':
    case 'stopCampaign':
    case 'commitReservation':
    case 'releaseReservation':
    case 'renewReservation':
    case 'rollbackReservation':
    case 'usePromotion':
      fields.push(command);
      return;
    default:
      unknownRecord(command);
  }
}

/** Reads the requests of a message, without withdrawn ones. `to` is the thread that sent it. */
export function readRequests(message: Message, to: number): ActorRequest[] {
  const requests: ActorRequest[] = [];
  let at = 0;
  let caller = '';
  let bookId = '' as BookId;
  while (at < message.length) {
    const number = message[at++] as number;
    const id = message[at++] as number;
    const shard = message[at++] as ShardId;
    if (number === QUERY) {
      const query = message[at++] as Extract<ActorRequest, { readonly kind: 'query' }>['query'];
      if (id !== WITHDRAWN) requests.push({ kind: 'query', to, id, shard, query });
      continue;
    }
    if (number === QUOTE) {
      const request = unpackPriceRequest(message[at++] as PackedPriceRequest);
      const owner = message[at++] as string | null;
      const cartId = message[at++] as string | null;
      const cart = owner === null || cartId === null ? null : { caller: owner, cartId };
      if (id !== WITHDRAWN) requests.push({ kind: 'query', to, id, shard, query: { kind: 'quote', request, cart } });
      continue;
    }
    const named = message[at++];
    if (named !== SAME) caller = named as string;
    const requestId = message[at++] as string;
    const key = message[at++] as string | null;
    const idempotency = key === null ? null : { key, fingerprint: message[at++] as number };
    const origin = { caller, requestId, idempotency };
    let command: Command;
    switch (number) {
      case 2:
        if (message[at] !== SAME) bookId = message[at] as BookId;
        at++;
        command = { kind: 'assignRandom', bookId, userId: message[at++] as string };
        break;
      case 6:
        command = { kind: 'assignCode', code: message[at++] as string, userId: message[at++] as string };
        break;
      case 4:
        command = {
          kind: 'lockCode',
          code: message[at++] as string,
          userId: message[at++] as string,
          ttlMs: message[at++] as number | null,
        };
        break;
      case 5:
        command = {
          kind: 'unlockCode',
          code: message[at++] as string,
          userId: message[at++] as string,
          lockId: message[at++] as number | null,
        };
        break;
      case 3:
        command = {
          kind: 'redeemCode',
          code: message[at++] as string,
          userId: message[at++] as string,
          lockId: message[at++] as number | null,
          metadata: message[at++] as Record<string, unknown> | null,
        };
        break;
      case 7:
        command = { kind: 'unassignCode', code: message[at++] as string, reason: message[at++] as string | null };
        break;
      case 9:
        command = {
          kind: 'placeOrder',
          productId: message[at++] as string,
          userId: message[at++] as string,
          key: message[at++] as string,
          isAdmitted: message[at++] as boolean,
        };
        break;
      case 8:
        command = {
          kind: 'reserve',
          request: unpackPriceRequest(message[at++] as PackedPriceRequest),
          caller: message[at++] as string,
          cartId: message[at++] as string | null,
          ttlMs: message[at++] as number,
        };
        break;
      case OTHER_REQUEST:
        command = message[at++] as Command;
        break;
      default:
        throw new Error(`unknown request ${number}`);
    }
    if (id !== WITHDRAWN) requests.push({ kind: 'command', to, id, shard, origin, command });
  }
  return requests;
}

export function writeReply(fields: MessageField[], last: LastWritten, { id, command, reply }: ActorReply): void {
  if (reply.kind !== 'done') {
    if (reply.kind === 'result' && reply.result.kind === 'quote')
      fields.push(QUOTE, id, reply.shard, reply.durableSeq, reply.result.text);
    else fields.push(OTHER_REPLY, id, reply);
    return;
  }
  const { outcome, shard, seq } = reply;
  const replayed = reply.replayed ? 1 : 0;
  switch (outcome.kind) {
    case 'assigned':
      if (command?.kind === 'assignRandom') {
        fields.push(1, id, shard, seq, replayed, outcome.code, outcome.assignedMs);
        return;
      }
      fields.push(
        2,
        id,
        shard,
        seq,
        replayed,
        outcome.bookId === last.bookId ? SAME : outcome.bookId,
        outcome.assignedMs,
      );
      last.bookId = outcome.bookId;
      return;
    case 'locked':
      fields.push(4, id, shard, seq, replayed, outcome.lockId, outcome.untilMs);
      return;
    case 'unlocked':
      fields.push(5, id, shard, seq, replayed);
      return;
    case 'redeemed':
      fields.push(
        3,
        id,
        shard,
        seq,
        replayed,
        outcome.redemptionId,
        outcome.redeemedMs,
        outcome.redemptionCount,
        outcome.remaining,
      );
      return;
    case 'unassigned':
      fields.push(6, id, shard, seq, replayed, outcome.bookId === last.bookId ? SAME : outcome.bookId);
      last.bookId = outcome.bookId;
      return;
    case 'reserved':
      fields.push(7, id, shard, seq, replayed, outcome.reservationId, outcome.untilMs, outcome.quote);
      return;
    case 'ordered':
      fields.push(8, id, shard, seq, replayed, outcome.orderId, outcome.isDuplicate);
      return;
    case 'rolledBack':
    case 'book':
    case 'archived':
    case 'codesAdded':
    case 'batchOpened':
    case 'batchSettled':
    case 'promotion':
    case 'promotionEnded':
    case 'reservation':
    case 'campaignStopped':
    case 'bookShown':
    case 'stock':
    case 'order':
      fields.push(OTHER_REPLY, id, reply);
      return;
    default:
      unknownRecord(outcome);
  }
}

/** `takeAsked` removes and returns the request with an id; undefined if nobody waits for it. */
export function readReplies(message: Message, takeAsked: (id: number) => Asked | undefined): void {
  let at = 0;
  let bookId = '' as BookId;
  while (at < message.length) {
    const number = message[at++] as number;
    const id = message[at++] as number;
    const asked = takeAsked(id);
    if (number === OTHER_REPLY) {
      const reply = message[at++] as CommandReply | QueryReply;
      asked?.reply(reply);
      continue;
    }
    const shard = message[at++] as ShardId;
    const seq = message[at++] as Seq;
    if (number === QUOTE) {
      const text = message[at++] as string;
      asked?.reply({ kind: 'result', result: { kind: 'quote', text }, shard, durableSeq: seq });
      continue;
    }
    const replayed = message[at++] === 1;
    const command = asked?.command;
    let outcome: Outcome | null = null;
    // The fields are read in any case, because the next reply comes after them.
    switch (number) {
      case 1: {
        const code = message[at++] as string;
        const assignedMs = message[at++] as number;
        if (command?.kind === 'assignRandom')
          outcome = { kind: 'assigned', bookId: command.bookId, code, userId: command.userId, assignedMs };
        break;
      }
      case 2: {
        if (message[at] !== SAME) bookId = message[at] as BookId;
        at++;
        const assignedMs = message[at++] as number;
        if (command?.kind === 'assignCode')
          outcome = { kind: 'assigned', bookId, code: command.code, userId: command.userId, assignedMs };
        break;
      }
      case 4: {
        const lockId = message[at++] as number;
        const untilMs = message[at++] as number;
        if (command?.kind === 'lockCode')
          outcome = { kind: 'locked', code: command.code, userId: command.userId, lockId, untilMs };
        break;
      }
      case 5: {
        if (command?.kind === 'unlockCode') outcome = { kind: 'unlocked', code: command.code, userId: command.userId };
        break;
      }
      case 3: {
        const redemptionId = message[at++] as string;
        const redeemedMs = message[at++] as number;
        const redemptionCount = message[at++] as number;
        const remaining = message[at++] as number | null;
        if (command?.kind === 'redeemCode')
          outcome = {
            kind: 'redeemed',
            code: command.code,
            userId: command.userId,
            redemptionId,
            redeemedMs,
            redemptionCount,
            remaining,
          };
        break;
      }
      case 6: {
        if (message[at] !== SAME) bookId = message[at] as BookId;
        at++;
        if (command?.kind === 'unassignCode') outcome = { kind: 'unassigned', bookId, code: command.code };
        break;
      }
      case 8: {
        const orderId = message[at++] as string;
        const isDuplicate = message[at++] as boolean;
        if (command?.kind === 'placeOrder') outcome = { kind: 'ordered', orderId, isDuplicate };
        break;
      }
      case 7: {
        const reservationId = message[at++] as string;
        const untilMs = message[at++] as number;
        const quote = message[at++] as string;
        if (command?.kind === 'reserve') outcome = { kind: 'reserved', reservationId, untilMs, quote };
        break;
      }
      default:
        throw new Error(`unknown reply ${number}`);
    }
    if (asked === undefined) continue;
    if (outcome === null) throw new Error(`reply ${number} does not belong to its command`);
    asked.reply({ kind: 'done', outcome, shard, seq, replayed });
  }
}

/**
 * Unique codes: assign, lock, redeem, roll back, unassign (docs/contract.md, section 5). This is
 * the hot path.
 */

import type { CodeView } from '../../../domain/command.js';
import { asBookId, asSeq } from '../../../domain/ids.js';
import type { QueryResult } from '../../../engine/engine.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import {
  showAssigned,
  showLocked,
  showRedeemed,
  showRolledBack,
  showUnassigned,
  showUnlocked,
} from '../../fast/answers.generated.js';
import { readBookAndUser, readUser } from '../../fast/fast-bodies.js';
import { listOf, readCursor, sendPage } from '../paging.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { collectUserCodes } from '../user-codes.js';
import { codeJson, historyJson } from '../views.js';

const TAG = 'Coupons';
const BOOK_CLOSED = ['book-not-active', 'book-not-begun', 'book-archived', 'book-over'] as const;

const assign = route({
  id: 'assignRandomCode',
  method: 'POST',
  path: '/api/v1/coupons/assign',
  tag: TAG,
  summary: 'Assign a random available code to a user',
  access: ANY_ROLE,
  ownUser: 'body',
  change: true,
  body: schemas.assignInput,
  fastBody: readBookAndUser,
  answers: { 200: { description: 'The code', schema: schemas.assignedOut } },
  problems: ['book-not-found', 'none-available', 'user-codes-limit', ...BOOK_CLOSED],
  handle({ work }, body) {
    work.command({ kind: 'assignRandom', bookId: asBookId(body.couponBookId), userId: body.userId }, showAssigned);
  },
});

const assignCode = route({
  id: 'assignCode',
  method: 'POST',
  path: '/api/v1/coupons/assign/{code}',
  tag: TAG,
  summary: 'Assign this code to a user',
  description: 'Again to the same user: nothing changes, and the answer is the same.',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  params: { code: schemas.code },
  body: schemas.userInput,
  fastBody: readUser,
  answers: { 200: { description: 'The code', schema: schemas.assignedOut } },
  problems: ['code-not-found', 'assigned-to-another', 'locked-by-another', 'user-codes-limit', ...BOOK_CLOSED],
  handle({ request, work }, body) {
    work.command({ kind: 'assignCode', code: request.param(0), userId: body.userId }, showAssigned);
  },
});

const lock = route({
  id: 'lockCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/lock',
  tag: TAG,
  summary: 'Lock a code for a user, for a while',
  description: 'A lock is a lease: it ends by itself at `lockedUntil`. By the same user again it is renewed.',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  params: { code: schemas.code },
  body: schemas.lockInput,
  fastBody: readUser,
  answers: { 200: { description: 'The lock', schema: schemas.lockedOut } },
  problems: ['code-not-found', 'locked-by-another', 'used-up', 'user-codes-limit', ...BOOK_CLOSED],
  handle({ request, work }, { userId, ttlSeconds }) {
    const ttlMs = ttlSeconds === undefined ? null : ttlSeconds * 1000;
    work.command({ kind: 'lockCode', code: request.param(0), userId, ttlMs }, showLocked);
  },
});

const unlock = route({
  id: 'unlockCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/unlock',
  tag: TAG,
  summary: "End a user's lock before its time",
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  params: { code: schemas.code },
  body: schemas.unlockInput,
  fastBody: readUser,
  answers: { 200: { description: 'Unlocked', schema: schemas.unlockedOut } },
  problems: ['code-not-found', 'not-locked', 'lock-not-held', 'book-archived'],
  handle({ request, work }, { userId, lockId = null }) {
    work.command({ kind: 'unlockCode', code: request.param(0), userId, lockId }, showUnlocked);
  },
});

const redeem = route({
  id: 'redeemCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/redeem',
  tag: TAG,
  summary: 'Redeem a code',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  params: { code: schemas.code },
  body: schemas.redeemInput,
  fastBody: readUser,
  answers: { 200: { description: 'The redemption', schema: schemas.redeemedOut } },
  problems: [
    'code-not-found',
    'locked-by-another',
    'used-up',
    'lock-not-held',
    'user-redemptions-limit',
    'user-codes-limit',
    ...BOOK_CLOSED,
  ],
  handle({ request, work }, { userId, lockId = null, metadata = null }) {
    work.command({ kind: 'redeemCode', code: request.param(0), userId, lockId, metadata }, showRedeemed);
  },
});

const rollback = route({
  id: 'rollbackRedemption',
  method: 'POST',
  path: '/api/v1/coupons/{code}/rollback',
  tag: TAG,
  summary: 'Give a redemption back, once',
  access: ADMIN_OR_SERVICE,
  change: true,
  params: { code: schemas.code },
  body: schemas.rollbackInput,
  answers: { 200: { description: 'Rolled back', schema: schemas.rolledBackOut } },
  problems: ['code-not-found', 'redemption-not-found', 'already-rolled-back', 'book-archived'],
  handle({ request, work }, { redemptionId, reason = null }) {
    work.command({ kind: 'rollbackRedemption', code: request.param(0), redemptionId, reason }, showRolledBack);
  },
});

const unassign = route({
  id: 'unassignCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/unassign',
  tag: TAG,
  summary: 'Put an assigned code back into the pool',
  access: ADMIN_OR_SERVICE,
  change: true,
  params: { code: schemas.code },
  body: schemas.unassignInput,
  bodyOptional: true,
  answers: { 200: { description: 'Back in the pool', schema: schemas.unassignedOut } },
  problems: ['code-not-found', 'not-assigned', 'code-locked', 'code-redeemed', 'book-archived'],
  handle({ request, work }, { reason = null }) {
    work.command({ kind: 'unassignCode', code: request.param(0), reason }, showUnassigned);
  },
});

const getCode = route({
  id: 'getCode',
  method: 'GET',
  path: '/api/v1/coupons/code/{code}',
  tag: TAG,
  summary: 'The whole state of a code',
  description: 'A token of the role user sees the codes that are assigned to its own userId; others are not found.',
  access: ANY_ROLE,
  guessable: true,
  params: { code: schemas.code },
  answers: { 200: { description: 'The code', schema: schemas.codeOut } },
  problems: ['code-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getCode', code: request.param(0) }, showCode);
  },
});

function showCode(answer: AnswerWriter, result: QueryResult): void {
  const code = codeOf(result);
  if (answer.caller.maySee(code)) answer.json(200, JSON.stringify(codeJson(code)));
  else answer.codeNotFound();
}

function codeOf(result: QueryResult): CodeView {
  if (result.kind !== 'code') throw new Error(`a ${result.kind} for a code`);
  return result.code;
}

const history = route({
  id: 'getCodeHistory',
  method: 'GET',
  path: '/api/v1/coupons/{code}/history',
  tag: TAG,
  summary: 'Every change of a code: when, what, by whom',
  access: ADMIN_OR_SERVICE,
  params: { code: schemas.code },
  query: schemas.pageQuery,
  answers: { 200: { description: 'A page of entries, newest first', schema: schemas.historyOut } },
  problems: ['code-not-found', 'bad-cursor'],
  handle(exchange, _body, { limit, cursor }) {
    const list = listOf('history', exchange.request.param(0));
    const position = readCursor(exchange.answer, cursor, list, ['index']);
    if (position === undefined) return;
    exchange.work.run(() => sendHistory(exchange, list, limit, position === null ? null : Number(position[0])));
  },
});

async function sendHistory(exchange: Exchange, list: string, limit: number, before: number | null): Promise<void> {
  const reply = await exchange.work.askQuery({ kind: 'getCode', code: exchange.request.param(0) }, null);
  if (reply.kind !== 'result') return exchange.answer.refuse(reply);
  const { code, lastSeq } = codeOf(reply.result);
  const beforeSeq = before === null ? null : asSeq(before);
  // One more than asked for tells whether there is a next page.
  const entries = await exchange.services.control.history(reply.shard, code, lastSeq, beforeSeq, limit + 1);
  const shown = entries.slice(0, limit);
  const last = entries.length > limit ? shown.at(-1) : undefined;
  sendPage(exchange.answer, shown.map(historyJson), list, last === undefined ? null : [last.seq]);
}

const userCodes = route({
  id: 'listUserCodes',
  method: 'GET',
  path: '/api/v1/users/{userId}/coupons',
  tag: TAG,
  summary: "A user's codes",
  description:
    'Reads your own writes: a code that was answered to be assigned is in the list. For a user with very many codes a page may be short, or empty, and still have a nextCursor.',
  access: ANY_ROLE,
  ownUser: 'param',
  params: { userId: schemas.userId },
  query: schemas.userCodesQuery,
  answers: { 200: { description: 'A page of codes', schema: schemas.codesOut } },
  problems: ['bad-cursor'],
  handle(exchange, _body, { limit, cursor, couponBookId, status = null }) {
    const list = listOf('userCodes', exchange.request.param(0), couponBookId ?? null, status);
    const position = readCursor(exchange.answer, cursor, list, ['index', 'index']);
    if (position === undefined) return;
    const [shard, index] = position ?? [0, 0];
    const start = { shard: Number(shard), afterIndex: Number(index) - 1 };
    const bookId = couponBookId === undefined ? null : asBookId(couponBookId);
    exchange.work.run(async () => {
      const page = await collectUserCodes(
        exchange,
        { userId: exchange.request.param(0), bookId, status },
        limit,
        start,
      );
      if ('kind' in page) return exchange.answer.refuse(page);
      // The cursor holds the index plus one, so that it is never negative.
      const next = page.next === null ? null : [page.next.shard, page.next.afterIndex + 1];
      sendPage(exchange.answer, page.items.map(codeJson), list, next);
    });
  },
});

export const couponRoutes: readonly RouteSpec<unknown, unknown>[] = [
  assign,
  assignCode,
  lock,
  unlock,
  redeem,
  rollback,
  unassign,
  getCode,
  history,
  userCodes,
];

/**
 * Unique codes (docs/contract.md, section 5): what can be read of them, and the routes of their
 * commands, which are generated.
 */

import type { CodeView } from '../../../domain/command.js';
import { asBookId, asSeq } from '../../../domain/ids.js';
import type { QueryResult } from '../../../engine/engine.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import { listOf, readCursor, sendPage } from '../paging.js';
import { foundOut } from '../promotions/schemas.js';
import { promotionJson } from '../promotions/views.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { collectUserCodes } from '../user-codes.js';
import { codeJson, historyJson } from '../views.js';
import { commandRoutes } from './commands.generated.js';

const TAG = 'Coupons';

const getCode = route({
  id: 'getCode',
  method: 'GET',
  path: '/api/v1/coupons/code/{code}',
  tag: TAG,
  summary: 'The whole state of a code',
  description:
    '`kind` says whether it is a unique code or that of a promotion. A token of the role user sees promotions and the unique codes that are assigned to its own userId; others are not found.',
  access: ANY_ROLE,
  guessable: true,
  params: { code: schemas.code },
  answers: { 200: { description: 'The code or the promotion', schema: foundOut } },
  problems: ['code-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getCode', code: request.param(0) }, showCode);
  },
});

function showCode(answer: AnswerWriter, result: QueryResult): void {
  if (result.kind === 'promotion') {
    answer.json(200, JSON.stringify(promotionJson(result.view)));
    return;
  }
  const code = codeOf(result);
  if (answer.caller.maySee(code)) answer.json(200, JSON.stringify({ kind: 'code', ...codeJson(code) }));
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
  // The code of a promotion has no history of its own.
  if (reply.result.kind === 'promotion') return exchange.answer.codeNotFound();
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

export const couponRoutes: readonly RouteSpec<unknown, unknown>[] = [...commandRoutes, getCode, history, userCodes];

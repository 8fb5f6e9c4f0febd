/** Assigning a code: one drawn at random, or a particular one. */
import { bookNotFound, type Decided, refuse } from '../../domain/decision.js';
import type { Random } from '../../domain/random.js';
import type { AssignCode, AssignRandom } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { CodeAssigned } from '../../records/events.generated.js';
import { bookId, code, subject, time } from '../../records/fields.js';
import { AT, BOOK_ID, CODE, DRAWN_CODE, USER } from '../../records/story.js';
import {
  aboutCode,
  CLOSED,
  codeAssignedEvent,
  codeNotFound,
  isUsers,
  noteEventOf,
  ofCode,
  refuseClosed,
  refuseMoreCodes,
  seenByOwner,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export const codeAssigned = event(
  'codeAssigned',
  6,
  { ...ofCode, atMs: time() },
  { shownAs: 'coupon.assigned', live: seenByOwner, row: { user_id: 'userId', assigned_ms: 'atMs' } },
);

export const assigned = outcome(
  'assigned',
  4,
  { bookId: bookId().as('couponBookId'), code: code().drawn(), userId: subject(), assignedMs: time().as('assignedAt') },
  { memory: 1, answer: 'fields' },
);

export const assignRandom = command(
  'assignRandom',
  { bookId: bookId(), userId: subject() },
  {
    gives: assigned,
    refusals: ['bookNotFound', ...CLOSED, 'userCodesLimit', 'noneAvailable'],
    message: { request: 2, reply: 1 },
    prefetches: ['drawnCode'],
    http: {
      id: 'assignRandomCode',
      method: 'POST',
      path: '/api/v1/coupons/assign',
      tag: 'Coupons',
      summary: 'Assign a random available code to a user',
      may: 'anyRole',
      title: 'AssignInput',
      body: { couponBookId: { field: 'bookId' }, userId: {} },
      answer: 'The code',
      examples: {
        bodies: { ada: { summary: 'Any code for Ada', value: { couponBookId: BOOK_ID, userId: USER } } },
        answers: {
          assigned: {
            summary: 'The code that was drawn',
            value: { couponBookId: BOOK_ID, code: DRAWN_CODE, userId: USER, assignedAt: AT },
          },
        },
      },
    },
  },
);

export function decideAssignRandom(
  coupons: Coupons,
  { bookId, userId }: AssignRandom,
  nowMs: number,
  random: Random,
): Decided<typeof assignRandom> {
  const book = coupons.book(bookId);
  if (book === undefined) return bookNotFound();
  const refusal = refuseClosed(book, nowMs) ?? refuseMoreCodes(coupons, book, userId);
  if (refusal !== null) return refusal;
  if (book.pool.count === 0) return refuse('noneAvailable', 'No code of this book is available.');
  const index = book.pool.draw(random);
  const about = aboutCode(coupons, index, coupons.codes.text(index), userId);
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [codeAssignedEvent(about, nowMs)],
    outcome: { kind: 'assigned', bookId, code: about.code, userId, assignedMs: nowMs },
  };
}

export const assignCode = command(
  'assignCode',
  { code: code(), userId: subject() },
  {
    gives: assigned,
    refusals: ['codeNotFound', 'assignedToAnother', ...CLOSED, 'userCodesLimit'],
    message: { request: 6, reply: 2 },
    http: {
      method: 'POST',
      path: '/api/v1/coupons/assign/{code}',
      tag: 'Coupons',
      summary: 'Assign this code to a user',
      description: 'Again to the same user: nothing changes, and the answer is the same.',
      may: 'anyRole',
      title: 'UserInput',
      body: { userId: {} },
      answer: 'The code',
      examples: {
        bodies: { ada: { summary: 'This code for Ada', value: { userId: USER } } },
        answers: {
          assigned: {
            summary: 'The code is hers',
            value: { couponBookId: BOOK_ID, code: CODE, userId: USER, assignedAt: AT },
          },
        },
      },
    },
  },
);

export function decideAssignCode(
  coupons: Coupons,
  { code, userId }: AssignCode,
  nowMs: number,
): Decided<typeof assignCode> {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index);
  const bookId = book.current.id;
  if (coupons.codes.phase(index) !== AVAILABLE) {
    if (!isUsers(coupons, index, userId)) return refuse('assignedToAnother', 'This code is assigned to another user.');
    const assignedMs = coupons.codes.used.assignedMs.get(coupons.codes.record(index));
    return {
      kind: 'decision',
      scopeId: bookId,
      events: [],
      outcome: { kind: 'assigned', bookId, code, userId, assignedMs },
    };
  }
  const refusal = refuseClosed(book, nowMs) ?? refuseMoreCodes(coupons, book, userId);
  if (refusal !== null) return refusal;
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [codeAssignedEvent(aboutCode(coupons, index, code, userId), nowMs)],
    outcome: { kind: 'assigned', bookId, code, userId, assignedMs: nowMs },
  };
}

export function applyCodeAssigned(coupons: Coupons, event: CodeAssigned): void {
  coupons.take(event.index, event.userId, event.atMs);
  noteEventOf(coupons, event.index);
}

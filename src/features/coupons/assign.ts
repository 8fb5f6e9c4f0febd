/** Assigning a code: one drawn at random, or a particular one. */
import type { Command } from '../../domain/command.js';
import { bookNotFound, type Decision, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Random } from '../../domain/random.js';
import {
  aboutCode,
  codeAssigned,
  codeNotFound,
  isUsers,
  noteEventOf,
  refuseClosed,
  refuseMoreCodes,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export function assignRandom(
  coupons: Coupons,
  { bookId, userId }: Extract<Command, { kind: 'assignRandom' }>,
  nowMs: number,
  random: Random,
): Decision | Refusal {
  const book = coupons.book(bookId);
  if (book === undefined) return bookNotFound();
  const refusal = refuseClosed(book, nowMs) ?? refuseMoreCodes(coupons, book, userId);
  if (refusal !== null) return refusal;
  if (book.pool.count === 0) return refuse('noneAvailable', 'No code of this book is available.');
  const index = book.pool.draw(random);
  const about = aboutCode(coupons, index, coupons.codes.text(index), userId);
  return {
    kind: 'decision',
    bookId,
    events: [codeAssigned(about, nowMs)],
    outcome: { kind: 'assigned', bookId, code: about.code, userId, assignedMs: nowMs },
  };
}

export function assignCode(
  coupons: Coupons,
  { code, userId }: Extract<Command, { kind: 'assignCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index);
  const bookId = book.current.id;
  if (coupons.codes.phase(index) !== AVAILABLE) {
    if (!isUsers(coupons, index, userId)) return refuse('assignedToAnother', 'This code is assigned to another user.');
    const assignedMs = coupons.codes.used.assignedMs.get(coupons.codes.record(index));
    return { kind: 'decision', bookId, events: [], outcome: { kind: 'assigned', bookId, code, userId, assignedMs } };
  }
  const refusal = refuseClosed(book, nowMs) ?? refuseMoreCodes(coupons, book, userId);
  if (refusal !== null) return refusal;
  return {
    kind: 'decision',
    bookId,
    events: [codeAssigned(aboutCode(coupons, index, code, userId), nowMs)],
    outcome: { kind: 'assigned', bookId, code, userId, assignedMs: nowMs },
  };
}

export function applyCodeAssigned(coupons: Coupons, event: Extract<DomainEvent, { kind: 'codeAssigned' }>): void {
  coupons.take(event.index, event.userId, event.atMs);
  noteEventOf(coupons, event.index);
}

/** Making, changing and archiving books. */
import type { Command } from '../../domain/command.js';
import { bookArchived, bookNotFound, type Decision, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Book, BookSettings } from '../../records/books.js';
import { codesAdded } from './batches.js';
import { type Contradiction, contradictionIn } from './book.js';
import type { Coupons } from './state.js';

export function createBook(
  coupons: Coupons,
  { bookId, settings, codes }: Extract<Command, { kind: 'createBook' }>,
  nowMs: number,
): Decision | Refusal {
  if (coupons.book(bookId) !== undefined) return refuse('bookExists', 'There is a book with this id already.');
  const invalid = refuseSettings(settings);
  if (invalid !== null) return invalid;
  const book: Book = { id: bookId, settings, version: 1, createdMs: nowMs, updatedMs: nowMs, archivedMs: null };
  const events: DomainEvent[] = [{ kind: 'bookCreated', book }];
  let count = 0;
  if (codes !== null) {
    const added = codesAdded(coupons, bookId, codes.batchId);
    if (added.kind === 'refused') return added;
    count = added.count;
    events.push(added);
  }
  const counts = { total: count, available: count, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 };
  return { kind: 'decision', bookId, events, outcome: { kind: 'book', book, counts } };
}

export function updateBook(
  coupons: Coupons,
  { bookId, patch, ifVersion }: Extract<Command, { kind: 'updateBook' }>,
  nowMs: number,
): Decision | Refusal {
  const found = coupons.book(bookId);
  if (found === undefined) return bookNotFound();
  const { current: book } = found;
  if (ifVersion !== null && !ifVersion.includes(book.version)) return versionMismatch();
  if (book.archivedMs !== null) return bookArchived();
  const settings: BookSettings = { ...book.settings, ...patch };
  const invalid = refuseSettings(settings);
  if (invalid !== null) return invalid;
  const updated: Book = { ...book, settings, version: book.version + 1, updatedMs: nowMs };
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'bookUpdated', book: updated }],
    outcome: { kind: 'book', book: updated, counts: coupons.counts(found) },
  };
}

export function archiveBook(
  coupons: Coupons,
  { bookId, ifVersion }: Extract<Command, { kind: 'archiveBook' }>,
  nowMs: number,
): Decision | Refusal {
  const book = coupons.book(bookId)?.current;
  if (book === undefined) return bookNotFound();
  if (book.archivedMs !== null) return { kind: 'decision', bookId, events: [], outcome: { kind: 'archived' } };
  if (ifVersion !== null && !ifVersion.includes(book.version)) return versionMismatch();
  const archived: Book = { ...book, version: book.version + 1, updatedMs: nowMs, archivedMs: nowMs };
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'bookArchived', book: archived }],
    outcome: { kind: 'archived' },
  };
}

const CONTRADICTIONS: Readonly<Record<Contradiction, string>> = {
  endsBeforeItBegins: 'endDate must be after startDate.',
  countWithoutMultiple: 'maxRedemptionsPerCode needs allowMultipleRedemptions.',
};

function refuseSettings(settings: BookSettings): Refusal | null {
  const found = contradictionIn(settings);
  return found === null ? null : refuse('bookInvalid', CONTRADICTIONS[found]);
}

const versionMismatch = (): Refusal => refuse('bookVersionMismatch', 'The book has been changed since that version.');

export function applyBookCreated(coupons: Coupons, event: Extract<DomainEvent, { kind: 'bookCreated' }>): void {
  coupons.addBook(event.book);
}

export function applyBookUpdated(
  coupons: Coupons,
  event: Extract<DomainEvent, { kind: 'bookUpdated' }> | Extract<DomainEvent, { kind: 'bookArchived' }>,
): void {
  coupons.bookOf(event.book.id).current = event.book;
}

export const applyBookArchived = applyBookUpdated;

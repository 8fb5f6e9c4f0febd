/** Making, changing and archiving books. */
import { bookIsArchived, bookNotFound, type Decided, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { BookId } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { ArchiveBook, CreateBook, UpdateBook } from '../../records/commands.generated.js';
import { command, event, MADE_BY_ROUTE, outcome } from '../../records/declare.js';
import type { BookArchived, BookCreated, BookUpdated } from '../../records/events.generated.js';
import {
  bookId,
  boolean,
  choice,
  count,
  countOrNull,
  instant,
  instantOrNull,
  integerOrNull,
  jsonOf,
  jsonOrNull,
  object,
  record,
  recordOf,
  text,
  textOrNull,
} from '../../records/fields.js';
import type { DiscountChange } from '../../records/objects.js';
import type { BookOffer } from '../../records/promotions.js';
import type { Book, BookSettings } from '../../records/values.generated.js';
import { codesAddedEvent } from './batches.js';
import { type Contradiction, contradictionIn } from './book.js';
import type { Coupons } from './state.js';

/** The settings that the owner of a book can change. Null means "no limit" or "not given". */
export const bookSettings = record('bookSettings', {
  name: text(),
  description: textOrNull(),
  startMs: instantOrNull(),
  endMs: instantOrNull(),
  isActive: boolean(),
  maxCodesPerUser: countOrNull(),
  maxRedemptionsPerUser: countOrNull(),
  allowMultipleRedemptions: boolean(),
  maxRedemptionsPerCode: countOrNull(),
  codePattern: textOrNull(),
  /**
   * Who may redeem a code: only the user it is assigned to, or also anyone who knows an unassigned
   * code.
   */
  redeemableBy: choice('assignee', 'bearer'),
  requireLock: boolean(),
  /** Null: the configured default. */
  lockTtlMs: integerOrNull(),
  metadata: jsonOrNull(),
});

/** `version` grows by one with each change; it is the ETag. */
export const book = record(
  'book',
  {
    id: bookId(),
    settings: recordOf(bookSettings),
    version: count(),
    createdMs: instant(),
    updatedMs: instant(),
    archivedMs: instantOrNull(),
  },
  { journalOrder: ['id', 'version', 'createdMs', 'updatedMs', 'archivedMs', 'settings'] },
);

/**
 * Counts of a book at this moment. `available + assigned + redeemed = total` always holds: a code
 * is redeemed if at least one redemption of it stands, and assigned if it has a user and no
 * standing redemption. `locked` counts live leases; such codes also count as assigned or redeemed.
 * `redemptions` counts the redemptions that stand.
 */
export const bookCounts = record('bookCounts', {
  total: count(),
  available: count(),
  assigned: count(),
  locked: count(),
  redeemed: count(),
  redemptions: count(),
});

const seenByStaff = { topics: ['book'], seenBy: 'staff' } as const;
const ofBook = {
  live: seenByStaff,
  detail: ['book.version', 'book.settings'],
  snapshot: 'bookChanged',
} as const;

export const bookCreated = event('bookCreated', 1, { book: recordOf(book) }, { shownAs: 'book.created', ...ofBook });
export const bookUpdated = event('bookUpdated', 2, { book: recordOf(book) }, { shownAs: 'book.updated', ...ofBook });
export const bookArchived = event('bookArchived', 3, { book: recordOf(book) }, { shownAs: 'book.archived', ...ofBook });

export const bookOutcome = outcome('book', 1, { book: recordOf(book), counts: recordOf(bookCounts) }, MADE_BY_ROUTE);
export const archived = outcome('archived', 2, {}, MADE_BY_ROUTE);
/** Older versions gave `book` for the same commands. */
export const bookShown = outcome(
  'bookShown',
  17,
  {
    book: recordOf(book),
    counts: recordOf(bookCounts),
    offer: jsonOf('BookOffer'),
  },
  MADE_BY_ROUTE,
);

export const createBook = command(
  'createBook',
  {
    bookId: bookId(),
    settings: recordOf(bookSettings),
    campaignId: object('CampaignId | null'),
    discount: object('DiscountDraft | null'),
    codes: object('StagedBatch | null'),
  },
  { gives: bookShown, refusals: ['bookExists', 'bookInvalid', 'promotionsFull', 'batchUnknown'], message: 'object' },
);

export function decideCreateBook(
  coupons: Coupons,
  { bookId, settings, campaignId, discount, codes }: CreateBook,
  nowMs: number,
): Decided<typeof createBook> {
  if (coupons.book(bookId) !== undefined) return refuse('bookExists', 'There is a book with this id already.');
  const invalid = refuseSettings(settings);
  if (invalid !== null) return invalid;
  const book: Book = { id: bookId, settings, version: 1, createdMs: nowMs, updatedMs: nowMs, archivedMs: null };
  const followed = coupons.discounts?.foundEvents(bookId, campaignId, discount, nowMs) ?? [];
  if ('reason' in followed) return followed;
  const events: DomainEvent[] = [{ kind: 'bookCreated', book }, ...followed];
  let count = 0;
  if (codes !== null) {
    const added = codesAddedEvent(coupons, bookId, codes.batchId);
    if (added.kind === 'refused') return added;
    count = added.count;
    events.push(added);
  }
  const counts = { total: count, available: count, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 };
  const offer = offerOf(coupons, bookId, followed);
  return { kind: 'decision', scopeId: bookId, events, outcome: { kind: 'bookShown', book, counts, offer } };
}

export const updateBook = command(
  'updateBook',
  {
    bookId: bookId(),
    patch: object('Partial<BookSettings>'),
    discount: object('DiscountChange | null'),
    ifVersion: object('IfVersion'),
  },
  {
    gives: bookShown,
    refusals: ['bookNotFound', 'bookVersionMismatch', 'bookArchived', 'bookInvalid', 'promotionsFull'],
    message: 'object',
  },
);

export function decideUpdateBook(
  coupons: Coupons,
  { bookId, patch, discount, ifVersion }: UpdateBook,
  nowMs: number,
): Decided<typeof updateBook> {
  const found = coupons.book(bookId);
  if (found === undefined) return bookNotFound();
  const { current: book } = found;
  if (ifVersion !== null && !ifVersion.includes(book.version)) return versionMismatch();
  if (book.archivedMs !== null) return bookIsArchived();
  const settings: BookSettings = { ...book.settings, ...patch };
  const invalid = refuseSettings(settings);
  if (invalid !== null) return invalid;
  const followed = discount === null ? [] : discountEvents(coupons, bookId, discount.to, nowMs);
  if ('reason' in followed) return followed;
  const updated: Book = { ...book, settings, version: book.version + 1, updatedMs: nowMs };
  const offer = offerOf(coupons, bookId, followed);
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [{ kind: 'bookUpdated', book: updated }, ...followed],
    outcome: { kind: 'bookShown', book: updated, counts: coupons.counts(found), offer },
  };
}

export const archiveBook = command(
  'archiveBook',
  { bookId: bookId(), ifVersion: object('IfVersion') },
  { gives: archived, refusals: ['bookNotFound', 'bookVersionMismatch'], message: 'object' },
);

export function decideArchiveBook(
  coupons: Coupons,
  { bookId, ifVersion }: ArchiveBook,
  nowMs: number,
): Decided<typeof archiveBook> {
  const book = coupons.book(bookId)?.current;
  if (book === undefined) return bookNotFound();
  if (book.archivedMs !== null) return { kind: 'decision', scopeId: bookId, events: [], outcome: { kind: 'archived' } };
  if (ifVersion !== null && !ifVersion.includes(book.version)) return versionMismatch();
  const archived: Book = { ...book, version: book.version + 1, updatedMs: nowMs, archivedMs: nowMs };
  const followed = coupons.discounts?.endEvents(bookId, nowMs) ?? [];
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [{ kind: 'bookArchived', book: archived }, ...followed],
    outcome: { kind: 'archived' },
  };
}

/** `to` null: the book has no discount from now on. */
function discountEvents({ discounts }: Coupons, bookId: BookId, to: DiscountChange['to'], nowMs: number) {
  if (discounts === null) return [];
  return to === null ? discounts.endEvents(bookId, nowMs) : discounts.changeEvents(bookId, to, nowMs);
}

/** `events`: those that the change of the book is followed by. */
export function offerOf(coupons: Coupons, bookId: BookId, events: readonly DomainEvent[] = []): BookOffer {
  return coupons.discounts?.shown(bookId, events) ?? { campaignId: null, discount: null };
}

const CONTRADICTIONS: Readonly<Record<Contradiction, string>> = {
  endsBeforeItBegins: 'endDate must be after startDate.',
  countWithoutMultiple: 'maxRedemptionsPerCode needs allowMultipleRedemptions.',
};

function refuseSettings(settings: BookSettings): Refusal<'bookInvalid'> | null {
  const found = contradictionIn(settings);
  return found === null ? null : refuse('bookInvalid', CONTRADICTIONS[found]);
}

const versionMismatch = () => refuse('bookVersionMismatch', 'The book has been changed since that version.');

export function applyBookCreated(coupons: Coupons, event: BookCreated): void {
  coupons.addBook(event.book);
}

export function applyBookUpdated(coupons: Coupons, event: BookUpdated | BookArchived): void {
  coupons.bookOf(event.book.id).current = event.book;
}

export const applyBookArchived = applyBookUpdated;

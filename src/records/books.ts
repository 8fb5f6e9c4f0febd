/** Records of coupon books. */
import type { StagedBatch } from './batches.js';
import { command, event, outcome } from './declare.js';
import {
  bookId,
  boolean,
  choice,
  count,
  countOrNull,
  instant,
  instantOrNull,
  integerOrNull,
  jsonOrNull,
  object,
  record,
  recordOf,
  text,
  textOrNull,
  type ValuesOf,
} from './fields.js';

/** What the owner of a book can set. `null` means "no limit", "not given". */
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
  /** Who may redeem a code: only the user it was assigned to, or whoever holds it unassigned. */
  redeemableBy: choice('assignee', 'bearer'),
  requireLock: boolean(),
  /** `null`: the configured default. */
  lockTtlMs: integerOrNull(),
  metadata: jsonOrNull(),
});
export type BookSettings = ValuesOf<typeof bookSettings.fields>;

/**
 * A book as it is kept, journaled and shown. `version` grows by one with each change; it is the
 * ETag.
 */
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
export type Book = ValuesOf<typeof book.fields>;

/**
 * Live counts of a book. `available + assigned + redeemed = total` always holds: a code is redeemed
 * while at least one redemption of it stands, assigned while it has a user and no redemption.
 * `locked` counts live leases and overlaps `assigned` and `redeemed`; `redemptions` counts those
 * that stand.
 */
export const bookCounts = record('bookCounts', {
  total: count(),
  available: count(),
  assigned: count(),
  locked: count(),
  redeemed: count(),
  redemptions: count(),
});
export type BookCounts = ValuesOf<typeof bookCounts.fields>;

// ─── Events ──────────────────────────────────────────────────────────────────────────────────────

const ofBook = {
  shownAs: null,
  detail: ['book.version', 'book.settings'],
  snapshot: 'bookChanged',
} as const;

export const bookCreated = event('bookCreated', 1, { book: recordOf(book) }, ofBook);
export const bookUpdated = event('bookUpdated', 2, { book: recordOf(book) }, ofBook);
export const bookArchived = event('bookArchived', 3, { book: recordOf(book) }, ofBook);

/** Nothing changed, but the success has to be remembered for its idempotency key. */
export const noted = event('noted', 5, { bookId: bookId() }, { shownAs: null });

// ─── Outcomes ────────────────────────────────────────────────────────────────────────────────────

const madeByRoutes = { memory: null, isAnswer: false } as const;

export const bookOutcome = outcome('book', 1, { book: recordOf(book), counts: recordOf(bookCounts) }, madeByRoutes);
export const archived = outcome('archived', 2, {}, madeByRoutes);
// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

/** The book has to be in one of these versions; null: in any. */
export type IfVersion = readonly number[] | null;

export const createBook = command(
  'createBook',
  { bookId: bookId(), settings: recordOf(bookSettings), codes: object<StagedBatch | null>() },
  { gives: bookOutcome, message: null },
);
export const updateBook = command(
  'updateBook',
  { bookId: bookId(), patch: object<Partial<BookSettings>>(), ifVersion: object<IfVersion>() },
  { gives: bookOutcome, message: null },
);
export const archiveBook = command(
  'archiveBook',
  { bookId: bookId(), ifVersion: object<IfVersion>() },
  { gives: archived, message: null },
);

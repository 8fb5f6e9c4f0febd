/** Records of coupon books. */
import type { StagedBatch } from './batches.js';
import { command, event, MADE_BY_ROUTE, outcome } from './declare.js';
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

/** The settings that the owner of a book can change. Null means "no limit" or "not given". */
const bookSettings = record('bookSettings', {
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
export type BookSettings = ValuesOf<typeof bookSettings.fields>;

/** `version` grows by one with each change; it is the ETag. */
const book = record(
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
 * Counts of a book at this moment. `available + assigned + redeemed = total` always holds: a code
 * is redeemed if at least one redemption of it stands, and assigned if it has a user and no
 * standing redemption. `locked` counts live leases; such codes also count as assigned or redeemed.
 * `redemptions` counts the redemptions that stand.
 */
const bookCounts = record('bookCounts', {
  total: count(),
  available: count(),
  assigned: count(),
  locked: count(),
  redeemed: count(),
  redemptions: count(),
});
export type BookCounts = ValuesOf<typeof bookCounts.fields>;

// ─── Events ──────────────────────────────────────────────────────────────────────────────────────

const seenByStaff = { topics: ['book'], seenBy: 'staff' } as const;
const ofBook = {
  live: seenByStaff,
  detail: ['book.version', 'book.settings'],
  snapshot: 'bookChanged',
} as const;

const bookCreated = event('bookCreated', 1, { book: recordOf(book) }, { shownAs: 'book.created', ...ofBook });
const bookUpdated = event('bookUpdated', 2, { book: recordOf(book) }, { shownAs: 'book.updated', ...ofBook });
const bookArchived = event('bookArchived', 3, { book: recordOf(book) }, { shownAs: 'book.archived', ...ofBook });

/** Nothing changed, but the outcome has to be remembered for its idempotency key. */
const noted = event('noted', 5, { bookId: bookId() }, { shownAs: null });

// ─── Outcomes ────────────────────────────────────────────────────────────────────────────────────

const bookOutcome = outcome('book', 1, { book: recordOf(book), counts: recordOf(bookCounts) }, MADE_BY_ROUTE);
const archived = outcome('archived', 2, {}, MADE_BY_ROUTE);

// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

/** The book must have one of these versions; null: any version. */
export type IfVersion = readonly number[] | null;

const createBook = command(
  'createBook',
  { bookId: bookId(), settings: recordOf(bookSettings), codes: object<StagedBatch | null>() },
  { gives: bookOutcome, message: 'object' },
);
const updateBook = command(
  'updateBook',
  { bookId: bookId(), patch: object<Partial<BookSettings>>(), ifVersion: object<IfVersion>() },
  { gives: bookOutcome, message: 'object' },
);
const archiveBook = command(
  'archiveBook',
  { bookId: bookId(), ifVersion: object<IfVersion>() },
  { gives: archived, message: 'object' },
);

export const bookRecords = {
  events: [bookCreated, bookUpdated, bookArchived, noted],
  outcomes: [bookOutcome, archived],
  commands: [createBook, updateBook, archiveBook],
} as const;

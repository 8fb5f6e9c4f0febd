/** Records of batches of codes, from the intent to add codes until they are live or given up. */
import { command, event, outcome } from './declare.js';
import {
  batchContent,
  bookId,
  boolean,
  caller,
  choice,
  count,
  integer,
  integerOrNull,
  json,
  object,
  record,
  recordOf,
  textOrNull,
  time,
  type ValuesOf,
} from './fields.js';

/** A batch whose rows are being staged. `codesAdded` and `batchGivenUp` end it. */
export const openBatchRecord = record('openBatch', {
  batchId: integer(),
  bookId: bookId(),
  caller: caller(),
  /** Of the request that brings the codes; null: it has none. */
  key: textOrNull(),
  /** Of the same request; null where there is no key. */
  fingerprint: integerOrNull(),
  openedMs: time(),
  content: batchContent(),
});
export type OpenBatch = ValuesOf<typeof openBatchRecord.fields>;

// ─── Events ──────────────────────────────────────────────────────────────────────────────────────

/**
 * The intent to add codes. It is journaled before any row of the batch is committed, so the journal
 * of the book's shard alone decides what a row belongs to: a batch that is open, live or given up.
 * The book need not be there yet.
 */
export const batchOpened = event('batchOpened', 13, openBatchRecord.fields, {
  shownAs: null,
  detail: ['batchId', 'content'],
  snapshot: 'batchOpened',
});

/** An open batch will never be live: its rows may go, and its codes may come again. */
export const batchGivenUp = event(
  'batchGivenUp',
  14,
  { bookId: bookId(), batchId: integer() },
  { shownAs: null, detail: ['batchId'], snapshot: 'batchGivenUp' },
);

/**
 * A batch of codes goes live. Its rows are in the store already, under `batchId`, each with an
 * `ordinal` in `0 .. size - 1`; the code with ordinal n gets index `firstIndex + n` in the shard.
 * Ordinals may have holes (duplicates that were left out), so `count <= size`.
 */
export const codesAdded = event(
  'codesAdded',
  4,
  { bookId: bookId(), batchId: integer(), firstIndex: count(), size: count(), count: count() },
  { shownAs: null, detail: ['batchId', 'size', 'count'], snapshot: 'batchWentLive' },
);

// ─── Outcomes ────────────────────────────────────────────────────────────────────────────────────

const madeByRoutes = { memory: null, isAnswer: false } as const;

/** `report` is what the caller is told of the batch, already in the contract's words. */
export const codesAddedOutcome = outcome('codesAdded', 3, { total: count(), report: json() }, madeByRoutes);

/** `isNew`: this command opened it; otherwise it was open already, for the same caller and key. */
export const batchOpenedOutcome = outcome(
  'batchOpened',
  10,
  { isNew: boolean(), batch: recordOf(openBatchRecord) },
  madeByRoutes,
);

export const batchSettled = outcome('batchSettled', 11, { fate: choice('givenUp', 'live') }, madeByRoutes);

// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

/**
 * Codes that are in the store (and loaded into the shard) but not live yet.
 * `report` is what the caller is to be told of them when they are.
 */
export interface StagedBatch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly report: Readonly<Record<string, unknown>>;
}

export const addCodes = command(
  'addCodes',
  { bookId: bookId(), codes: object<StagedBatch>() },
  { gives: codesAddedOutcome, message: null },
);

/**
 * The intent to add codes; the shard chooses the batch's id. A batch that the same caller opened
 * with the same key, and that is open still, is the answer where there is one. The key is not the
 * command's own: it stays with the batch.
 */
export const openBatch = command(
  'openBatch',
  {
    bookId: bookId(),
    caller: caller(),
    key: textOrNull(),
    fingerprint: integerOrNull(),
    content: batchContent(),
  },
  { gives: batchOpenedOutcome, message: null },
);

/** A batch that is live stays live. */
export const giveUpBatch = command(
  'giveUpBatch',
  { bookId: bookId(), batchId: integer() },
  { gives: batchSettled, message: null },
);

/** Records of batches of codes: open a batch, then make it live or give it up. */
import { command, event, MADE_BY_ROUTE, outcome } from './declare.js';
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

/** A batch whose rows are being staged. `codesAdded` or `batchGivenUp` ends it. */
const openBatchRecord = record('openBatch', {
  batchId: integer(),
  bookId: bookId(),
  caller: caller(),
  /** The idempotency key of the request that adds the codes; null: it has none. */
  key: textOrNull(),
  /** The fingerprint of that request; null if it has no key. */
  fingerprint: integerOrNull(),
  openedMs: time(),
  content: batchContent(),
});
export type OpenBatch = ValuesOf<typeof openBatchRecord.fields>;

// ─── Events ──────────────────────────────────────────────────────────────────────────────────────

/**
 * The intent to add codes. It is journaled before any row of the batch is committed. So the journal
 * of the book's shard alone decides whether a batch is open, live or given up. The book need not
 * exist yet.
 */
const batchOpened = event('batchOpened', 13, openBatchRecord.fields, {
  shownAs: null,
  detail: ['batchId', 'content'],
  snapshot: 'batchOpened',
});

/** The batch will never be live: its rows may be deleted, and its codes may be added again. */
const batchGivenUp = event(
  'batchGivenUp',
  14,
  { bookId: bookId(), batchId: integer() },
  { shownAs: null, detail: ['batchId'], snapshot: 'batchGivenUp' },
);

/**
 * A batch of codes goes live. Its rows are in the store already, with this `batchId`. Each has an
 * `ordinal` from 0 to `size - 1`; the code with ordinal n gets index `firstIndex + n` in the shard.
 * Duplicates were left out, so some ordinals may be missing, and `count <= size`.
 */
export const codesAdded = event(
  'codesAdded',
  4,
  { bookId: bookId(), batchId: integer(), firstIndex: count(), size: count(), count: count() },
  {
    shownAs: 'codes.added',
    live: { topics: ['book'], seenBy: 'staff' },
    detail: ['batchId', 'size', 'count'],
    snapshot: 'batchWentLive',
  },
);

// ─── Outcomes ────────────────────────────────────────────────────────────────────────────────────

/** `report` is what the caller is told about the batch, in the words of the API. */
const codesAddedOutcome = outcome('codesAdded', 3, { total: count(), report: json() }, MADE_BY_ROUTE);

/**
 * `isNew`: this command opened the batch; otherwise the same caller had opened it with the same
 * key.
 */
const batchOpenedOutcome = outcome(
  'batchOpened',
  10,
  { isNew: boolean(), batch: recordOf(openBatchRecord) },
  MADE_BY_ROUTE,
);

const batchSettled = outcome('batchSettled', 11, { fate: choice('givenUp', 'live') }, MADE_BY_ROUTE);

// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

/**
 * Codes that are in the store (and loaded into the shard) but not live yet. `report` is what the
 * caller is told about them when they are live.
 */
export interface StagedBatch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly report: Readonly<Record<string, unknown>>;
}

const addCodes = command(
  'addCodes',
  { bookId: bookId(), codes: object<StagedBatch>() },
  { gives: codesAddedOutcome, message: 'object' },
);

/**
 * The intent to add codes; the shard chooses the batch's id. If the same caller has an open batch
 * with the same key, that batch is the outcome. The key is not the idempotency key of this command:
 * it is stored with the batch.
 */
const openBatch = command(
  'openBatch',
  {
    bookId: bookId(),
    caller: caller(),
    key: textOrNull(),
    fingerprint: integerOrNull(),
    content: batchContent(),
  },
  { gives: batchOpenedOutcome, message: 'object' },
);

/** Has no effect on a batch that is live. */
const giveUpBatch = command(
  'giveUpBatch',
  { bookId: bookId(), batchId: integer() },
  { gives: batchSettled, message: 'object' },
);

export const batchRecords = {
  events: [batchOpened, batchGivenUp, codesAdded],
  outcomes: [codesAddedOutcome, batchOpenedOutcome, batchSettled],
  commands: [addCodes, openBatch, giveUpBatch],
} as const;

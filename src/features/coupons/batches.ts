/**
 * The rules for batches of codes. The journal alone decides what a batch is:
 *
 *     openBatch ──▶ open ──addCodes, createBook──▶ live
 *                    └─────giveUpBatch───────────▶ given up
 *
 * Both ends are final. The command that is decided first wins, so a batch that is given up while
 * its own command is under way ends in one of the two states, and all callers get the same answer.
 */
import { BATCH_ID_MAX } from '../../domain/batch-ids.js';
import { bookIsArchived, bookNotFound, type Decided, refuse } from '../../domain/decision.js';
import type { CodesAdded } from '../../domain/event.js';
import type { BatchFate, Refusal } from '../../domain/outcome.js';
import type { AddCodes, GiveUpBatch, OpenBatch } from '../../records/commands.generated.js';
import { command, event, MADE_BY_ROUTE, outcome } from '../../records/declare.js';
import type { BatchGivenUp, BatchOpened } from '../../records/events.generated.js';
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
} from '../../records/fields.js';
import type { BookId } from '../../records/ids.js';
import { OPEN_BATCHES_MAX } from './open-batches.js';
import type { Coupons } from './state.js';

/** A batch whose rows are being staged. `codesAdded` or `batchGivenUp` ends it. */
export const openBatchRecord = record('openBatch', {
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

/**
 * The intent to add codes. It is journaled before any row of the batch is committed. So the journal
 * of the book's shard alone decides whether a batch is open, live or given up. The book need not
 * exist yet.
 */
export const batchOpened = event('batchOpened', 13, openBatchRecord.fields, {
  shownAs: null,
  detail: ['batchId', 'content'],
  snapshot: 'batchOpened',
});

/**
 * `isNew`: this command opened the batch; otherwise the same caller had opened it with the same
 * key.
 */
export const batchOpenedOutcome = outcome(
  'batchOpened',
  10,
  { isNew: boolean(), batch: recordOf(openBatchRecord) },
  MADE_BY_ROUTE,
);

/**
 * The intent to add codes; the shard chooses the batch's id. If the same caller has an open batch
 * with the same key, that batch is the outcome. The key is not the idempotency key of this command:
 * it is stored with the batch.
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
  { gives: batchOpenedOutcome, refusals: ['batchesFull'], message: 'object' },
);

export function decideOpenBatch(
  coupons: Coupons,
  { bookId, caller, key, fingerprint, content }: OpenBatch,
  nowMs: number,
): Decided<typeof openBatch> {
  const { openBatches } = coupons;
  const before = key === null ? null : openBatchOf(coupons, bookId, caller, key);
  if (before !== null) {
    return {
      kind: 'decision',
      scopeId: bookId,
      events: [],
      outcome: { kind: 'batchOpened', batch: before, isNew: false },
    };
  }
  if (openBatches.count >= OPEN_BATCHES_MAX) {
    return refuse('batchesFull', `This part of the engine has ${OPEN_BATCHES_MAX} batches of codes open already.`);
  }
  const batchId = openBatches.nextId();
  if (batchId > BATCH_ID_MAX) return refuse('batchesFull', 'This part of the engine has used all ids of batches.');
  const batch = { batchId, bookId, caller, key, fingerprint, openedMs: nowMs, content };
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [{ kind: 'batchOpened', ...batch }],
    outcome: { kind: 'batchOpened', batch, isNew: true },
  };
}

/**
 * Keys belong to a book, but for those of creations: whoever repeats a creation does not know the
 * id of the first try.
 */
function openBatchOf(coupons: Coupons, bookId: BookId, caller: string, key: string) {
  const isCreation = coupons.book(bookId) === undefined;
  for (const batch of coupons.openBatches.all()) {
    if (batch.caller !== caller || batch.key !== key) continue;
    if (batch.bookId === bookId || (isCreation && coupons.book(batch.bookId) === undefined)) return batch;
  }
  return null;
}

/** The batch will never be live: its rows may be deleted, and its codes may be added again. */
export const batchGivenUp = event(
  'batchGivenUp',
  14,
  { bookId: bookId(), batchId: integer() },
  { shownAs: null, detail: ['batchId'], snapshot: 'batchGivenUp' },
);

export const batchSettled = outcome('batchSettled', 11, { fate: choice('givenUp', 'live') }, MADE_BY_ROUTE);

/** Has no effect on a batch that is live. */
export const giveUpBatch = command(
  'giveUpBatch',
  { bookId: bookId(), batchId: integer() },
  { gives: batchSettled, refusals: [], message: 'object' },
);

export function decideGiveUpBatch(coupons: Coupons, { bookId, batchId }: GiveUpBatch): Decided<typeof giveUpBatch> {
  const fate = fateOf(coupons, batchId);
  if (fate !== 'open') {
    return { kind: 'decision', scopeId: bookId, events: [], outcome: { kind: 'batchSettled', fate } };
  }
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [{ kind: 'batchGivenUp', bookId, batchId }],
    outcome: { kind: 'batchSettled', fate: 'givenUp' },
  };
}

/**
 * Given-up batches are not kept: an id that is neither open nor live was given up, or never opened.
 */
export function fateOf(coupons: Coupons, batchId: number): BatchFate {
  if (coupons.openBatches.has(batchId)) return 'open';
  return coupons.isLive(batchId) ? 'live' : 'givenUp';
}

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

/** `report` is what the caller is told about the batch, in the words of the API. */
export const codesAddedOutcome = outcome('codesAdded', 3, { total: count(), report: json() }, MADE_BY_ROUTE);

export const addCodes = command(
  'addCodes',
  { bookId: bookId(), codes: object('StagedBatch') },
  { gives: codesAddedOutcome, refusals: ['bookNotFound', 'bookArchived', 'batchUnknown'], message: 'object' },
);

export function decideAddCodes(coupons: Coupons, { bookId, codes }: AddCodes): Decided<typeof addCodes> {
  const book = coupons.book(bookId);
  if (book === undefined) return bookNotFound();
  if (book.current.archivedMs !== null) return bookIsArchived();
  const added = codesAddedEvent(coupons, bookId, codes.batchId);
  if (added.kind === 'refused') return added;
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [added],
    outcome: { kind: 'codesAdded', total: book.total + added.count, report: codes.report },
  };
}

/** The event that makes an open batch live. Its codes have to be loaded. */
export function codesAddedEvent(
  coupons: Coupons,
  bookId: BookId,
  batchId: number,
): CodesAdded | Refusal<'batchUnknown'> {
  const staged = coupons.staged(batchId);
  if (!coupons.openBatches.has(batchId) || staged === undefined || !staged.complete) {
    return refuse('batchUnknown', 'The codes of this request are not staged any more.');
  }
  const { first: firstIndex, size, count } = staged;
  return { kind: 'codesAdded', bookId, batchId, firstIndex, size, count };
}

export function applyBatchOpened(coupons: Coupons, event: BatchOpened): void {
  coupons.openBatches.open(event);
}

export function applyBatchGivenUp(coupons: Coupons, event: BatchGivenUp): void {
  coupons.openBatches.close(event.batchId);
}

/** The codes of the batch must have been staged before. */
export function applyCodesAdded(coupons: Coupons, event: CodesAdded): void {
  coupons.goLive(event.batchId, coupons.bookOf(event.bookId));
  coupons.openBatches.close(event.batchId);
}

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
import { bookArchived, bookNotFound, type Decision, refuse } from '../../domain/decision.js';
import type { CodesAdded } from '../../domain/event.js';
import type { BatchFate, Refusal } from '../../domain/outcome.js';
import type { BookId } from '../../records/ids.js';
import type { Command, DomainEvent } from '../../records/list.js';
import { OPEN_BATCHES_MAX } from './open-batches.js';
import type { Coupons } from './state.js';

export function openBatch(
  coupons: Coupons,
  { bookId, caller, key, fingerprint, content }: Extract<Command, { kind: 'openBatch' }>,
  nowMs: number,
): Decision | Refusal {
  const { openBatches } = coupons;
  const before = key === null ? null : openBatchOf(coupons, bookId, caller, key);
  if (before !== null) {
    return { kind: 'decision', bookId, events: [], outcome: { kind: 'batchOpened', batch: before, isNew: false } };
  }
  if (openBatches.count >= OPEN_BATCHES_MAX) {
    return refuse('batchesFull', `This part of the engine has ${OPEN_BATCHES_MAX} batches of codes open already.`);
  }
  const batchId = openBatches.nextId();
  if (batchId > BATCH_ID_MAX) return refuse('batchesFull', 'This part of the engine has used all ids of batches.');
  const batch = { batchId, bookId, caller, key, fingerprint, openedMs: nowMs, content };
  return {
    kind: 'decision',
    bookId,
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

export function giveUpBatch(
  coupons: Coupons,
  { bookId, batchId }: Extract<Command, { kind: 'giveUpBatch' }>,
): Decision {
  const fate = fateOf(coupons, batchId);
  if (fate !== 'open') {
    return { kind: 'decision', bookId, events: [], outcome: { kind: 'batchSettled', fate } };
  }
  return {
    kind: 'decision',
    bookId,
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

export function addCodes(
  coupons: Coupons,
  { bookId, codes }: Extract<Command, { kind: 'addCodes' }>,
): Decision | Refusal {
  const book = coupons.book(bookId);
  if (book === undefined) return bookNotFound();
  if (book.current.archivedMs !== null) return bookArchived();
  const added = codesAdded(coupons, bookId, codes.batchId);
  if (added.kind === 'refused') return added;
  return {
    kind: 'decision',
    bookId,
    events: [added],
    outcome: { kind: 'codesAdded', total: book.total + added.count, report: codes.report },
  };
}

/** The event that makes an open batch live. Its codes have to be loaded. */
export function codesAdded(coupons: Coupons, bookId: BookId, batchId: number): CodesAdded | Refusal {
  const staged = coupons.staged(batchId);
  if (!coupons.openBatches.has(batchId) || staged === undefined || !staged.complete) {
    return refuse('batchUnknown', 'The codes of this request are not staged any more.');
  }
  const { first: firstIndex, size, count } = staged;
  return { kind: 'codesAdded', bookId, batchId, firstIndex, size, count };
}

export function applyBatchOpened(coupons: Coupons, event: Extract<DomainEvent, { kind: 'batchOpened' }>): void {
  coupons.openBatches.open(event);
}

export function applyBatchGivenUp(coupons: Coupons, event: Extract<DomainEvent, { kind: 'batchGivenUp' }>): void {
  coupons.openBatches.close(event.batchId);
}

/** The codes of the batch must have been staged before. */
export function applyCodesAdded(coupons: Coupons, event: CodesAdded): void {
  coupons.goLive(event.batchId, coupons.bookOf(event.bookId));
  coupons.openBatches.close(event.batchId);
}

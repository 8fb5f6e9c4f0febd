/**
 * The rules for batches of codes. The journal alone decides what a batch is:
 *
 *     openBatch ──▶ open ──addCodes, createBook──▶ live
 *                    └─────giveUpBatch───────────▶ given up
 *
 * Both ends are final. The command that is decided first wins, so a batch that is given up while
 * its own command is under way ends in one of the two states, and all callers get the same answer.
 */
import type { Command } from './command.js';
import { bookArchived, bookNotFound, type Decision, refuse } from './decision.js';
import type { CodesAdded } from './event.js';
import type { BookId } from './ids.js';
import { BATCH_ID_MAX, OPEN_BATCHES_MAX } from './open-batches.js';
import type { BatchFate, Refusal } from './outcome.js';
import type { ShardState } from './state.js';

export function openBatch(
  state: ShardState,
  { bookId, caller, key, fingerprint, content }: Extract<Command, { kind: 'openBatch' }>,
  nowMs: number,
): Decision | Refusal {
  const { openBatches } = state;
  const before = key === null ? null : openBatchOf(state, bookId, caller, key);
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
function openBatchOf(state: ShardState, bookId: BookId, caller: string, key: string) {
  const isCreation = state.book(bookId) === undefined;
  for (const batch of state.openBatches.all()) {
    if (batch.caller !== caller || batch.key !== key) continue;
    if (batch.bookId === bookId || (isCreation && state.book(batch.bookId) === undefined)) return batch;
  }
  return null;
}

export function giveUpBatch(
  state: ShardState,
  { bookId, batchId }: Extract<Command, { kind: 'giveUpBatch' }>,
): Decision {
  const fate = fateOf(state, batchId);
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
export function fateOf(state: ShardState, batchId: number): BatchFate {
  if (state.openBatches.has(batchId)) return 'open';
  return state.isLive(batchId) ? 'live' : 'givenUp';
}

export function addCodes(
  state: ShardState,
  { bookId, codes }: Extract<Command, { kind: 'addCodes' }>,
): Decision | Refusal {
  const book = state.book(bookId);
  if (book === undefined) return bookNotFound();
  if (book.book.archivedMs !== null) return bookArchived();
  const added = codesAdded(state, bookId, codes.batchId);
  if (added.kind === 'refused') return added;
  return {
    kind: 'decision',
    bookId,
    events: [added],
    outcome: { kind: 'codesAdded', total: book.total + added.count, report: codes.report },
  };
}

/** The event that makes an open batch live. Its codes have to be loaded. */
export function codesAdded(state: ShardState, bookId: BookId, batchId: number): CodesAdded | Refusal {
  const staged = state.staged(batchId);
  if (!state.openBatches.has(batchId) || staged === undefined || !staged.complete) {
    return refuse('batchUnknown', 'The codes of this request are not staged any more.');
  }
  const { first: firstIndex, size, count } = staged;
  return { kind: 'codesAdded', bookId, batchId, firstIndex, size, count };
}

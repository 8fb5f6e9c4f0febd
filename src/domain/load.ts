/** Filling a state from a snapshot. Rows come in the order of these functions. */

import type { OpenBatch } from '../records/batches.js';
import type { Book } from './book.js';
import type { BookId, Seq } from './ids.js';
import type { Outcome } from './outcome.js';
import type { BookState, ShardState } from './state.js';

/** `batchCounter`: how many ids of batches the shard had given out. */
export function loadCheckpoint(state: ShardState, seq: Seq, batchCounter: number): void {
  state.seq = seq;
  state.openBatches.skipThrough(batchCounter);
}

export function loadBook(state: ShardState, book: Book): void {
  state.addBook(book);
}

export function loadBatch(
  state: ShardState,
  batch: { batchId: number; bookId: BookId; firstIndex: number; size: number },
): void {
  const book = state.book(batch.bookId);
  if (book === undefined) throw new Error(`batch ${batch.batchId} belongs to book ${batch.bookId}, which isn't there`);
  state.codes.reserveThrough(batch.firstIndex + batch.size);
  state.codes.strings.expect(batch.size);
  state.addRange(book, batch.batchId, batch.firstIndex, batch.firstIndex + batch.size);
}

export function loadOpenBatch(state: ShardState, batch: OpenBatch): void {
  state.openBatches.open(batch);
}

/** `book` is the one whose range holds the index: the caller goes through them side by side. */
export function loadCode(
  state: ShardState,
  book: BookState,
  index: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  state.codes.strings.addBytes(index, bytes, start, end);
  state.addAvailable(index, book);
}

export function loadCodeState(
  state: ShardState,
  row: {
    readonly index: number;
    readonly userId: string | null;
    readonly assignedMs: number | null;
    readonly lockId: number | null;
    readonly lockedUntilMs: number | null;
    readonly redemptionCount: number;
    readonly lastSeq: Seq;
  },
): void {
  const { index } = row;
  if (row.userId !== null) state.take(index, row.userId, row.assignedMs ?? 0);
  if (row.lockId !== null) state.lock(index, row.lockId, row.lockedUntilMs ?? 0);
  if (row.redemptionCount > 0) state.setRedemptionCount(index, row.redemptionCount);
  state.codes.used.lastSeq.set(state.codes.recordOrNew(index), row.lastSeq);
}

export function loadRedemption(
  state: ShardState,
  row: {
    readonly index: number;
    readonly redemptionId: string;
    readonly userId: string;
    readonly atMs: number;
    readonly rolledBack: boolean;
  },
): void {
  state.addRedemption(row.redemptionId, row.index, state.users.findOrAdd(row.userId));
  if (row.rolledBack) state.redemptions.rollBack(state.redemptions.find(row.redemptionId, row.index));
  else state.countRate(state.bookOfCode(row.index), row.atMs, 1);
}

export function loadRemembered(
  state: ShardState,
  row: {
    /** Null for the key of a book's creation. */
    readonly bookId: BookId | null;
    readonly caller: string;
    readonly key: string;
    readonly fingerprint: number;
    readonly atMs: number;
    readonly seq: Seq;
    readonly outcome: Outcome;
  },
): void {
  const { fingerprint, atMs, seq, outcome } = row;
  state.remembered.remember(row.caller, row.bookId, row.key, { fingerprint, atMs, seq, outcome });
}

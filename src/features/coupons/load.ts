/** Fills the coupon books from a snapshot. Rows come in the order of these functions. */

import type { BookId, Seq } from '../../records/ids.js';
import type { OpenBatch } from '../../records/values.generated.js';
import type { Book } from './book.js';
import type { BookState, Coupons } from './state.js';

export function loadBook(coupons: Coupons, book: Book): void {
  coupons.addBook(book);
}

export function loadBatch(
  coupons: Coupons,
  batch: { batchId: number; bookId: BookId; firstIndex: number; size: number },
): void {
  const book = coupons.book(batch.bookId);
  if (book === undefined) throw new Error(`batch ${batch.batchId} belongs to book ${batch.bookId}, which isn't there`);
  coupons.codes.reserveThrough(batch.firstIndex + batch.size);
  coupons.codes.strings.expect(batch.size);
  coupons.addRange(book, batch.batchId, batch.firstIndex, batch.firstIndex + batch.size);
}

export function loadOpenBatch(coupons: Coupons, batch: OpenBatch): void {
  coupons.openBatches.open(batch);
}

/** `book` is the one whose range holds the index: the caller goes through them side by side. */
export function loadCode(
  coupons: Coupons,
  book: BookState,
  index: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  coupons.codes.strings.addBytes(index, bytes, start, end);
  coupons.addAvailable(index, book);
}

export function loadCodeState(
  coupons: Coupons,
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
  if (row.userId !== null) coupons.take(index, row.userId, row.assignedMs ?? 0);
  if (row.lockId !== null) coupons.lock(index, row.lockId, row.lockedUntilMs ?? 0);
  if (row.redemptionCount > 0) coupons.setRedemptionCount(index, row.redemptionCount);
  coupons.codes.used.lastSeq.set(coupons.codes.recordOrNew(index), row.lastSeq);
}

export function loadRedemption(
  coupons: Coupons,
  row: {
    readonly index: number;
    readonly redemptionId: string;
    readonly userId: string;
    readonly atMs: number;
    readonly rolledBack: boolean;
  },
): void {
  coupons.addRedemption(row.redemptionId, row.index, coupons.users.findOrAdd(row.userId));
  if (row.rolledBack) coupons.redemptions.rollBack(coupons.redemptions.find(row.redemptionId, row.index));
  else coupons.countRate(coupons.bookOfCode(row.index), row.atMs, 1);
}

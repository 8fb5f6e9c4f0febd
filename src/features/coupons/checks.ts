/** The checks that the rules of several commands share, and what they ask of one code. */
import { bookIsArchived, refuse } from '../../domain/decision.js';
import type { CodeEvent, DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import { bookId, code, count, seq, subject } from '../../records/fields.js';
import { type BookSettings, redemptionsPerCodeMax } from './book.js';
import { AVAILABLE } from './code-table.js';
import type { BookState, Coupons } from './state.js';

/**
 * The fields of every event of a code. `index` is the position of the code in its shard;
 * `codesAdded` assigns it, and it never changes. `prevSeq` is the sequence of the code's previous
 * event; 0: there is none.
 */
export const ofCode = { bookId: bookId(), index: count(), code: code(), userId: subject(), prevSeq: seq() };

/** All events of a code: its user sees them, and so does the staff of the shop. */
export const seenByOwner = { topics: ['book', 'code', 'user'], seenBy: 'owner' } as const;

/** Of the reason that a caller may give for taking something back. */
export const REASON_LENGTH_MAX = 500;

/** Whether the code is in use by this user. */
export function isUsers(coupons: Coupons, index: number, userId: string): boolean {
  const record = coupons.codes.record(index);
  if (record === -1) return false;
  const user = coupons.codes.used.user.get(record) - 1;
  return user !== -1 && coupons.users.isCalled(user, userId);
}

/** The lock id of the code's live lease, or 0. */
export function leaseOf(coupons: Coupons, index: number, nowMs: number): number {
  const record = coupons.codes.record(index);
  return record === -1 || coupons.leases.untilMs(record) <= nowMs ? 0 : coupons.leases.lockId(record);
}

/** How many redemptions of the code stand. */
export function redemptionsOf(coupons: Coupons, index: number): number {
  const record = coupons.codes.record(index);
  return record === -1 ? 0 : coupons.codes.used.redemptionCount.get(record);
}

export function refuseStranger(
  coupons: Coupons,
  index: number,
  userId: string,
  nowMs: number,
): Refusal<'codeNotFound' | 'lockedByAnother'> | null {
  if (coupons.codes.phase(index) === AVAILABLE) {
    return coupons.bookOfCode(index).current.settings.redeemableBy === 'bearer' ? null : codeNotFound();
  }
  if (isUsers(coupons, index, userId)) return null;
  const record = coupons.codes.record(index);
  const untilMs = coupons.leases.untilMs(record);
  if (untilMs <= nowMs) return codeNotFound();
  return refuse('lockedByAnother', 'This code is locked by another user.', untilMs);
}

/** Why a book takes no changes now, in the order of the checks. */
export const CLOSED = ['bookArchived', 'bookOver', 'bookNotActive', 'bookNotBegun'] as const;

export function refuseClosed({ current: book }: BookState, nowMs: number): Refusal<(typeof CLOSED)[number]> | null {
  const { settings } = book;
  if (book.archivedMs !== null) return bookIsArchived();
  if (settings.endMs !== null && nowMs >= settings.endMs) return refuse('bookOver', 'This book is over.');
  if (!settings.isActive) return refuse('bookNotActive', 'This book is not active.');
  if (settings.startMs !== null && nowMs < settings.startMs) {
    return refuse('bookNotBegun', 'This book has not begun.', settings.startMs);
  }
  return null;
}

/** A cart holds the code, and only the cart's reservation may use it. */
export function refuseHeld(coupons: Coupons, index: number): Refusal<'lockedByAnother'> | null {
  if (!coupons.heldCodes.has(index)) return null;
  const untilMs = coupons.leases.untilMs(coupons.codes.record(index));
  return refuse('lockedByAnother', 'This code is held by a reservation of a cart.', untilMs);
}

/**
 * Why the redemption can't be one more use of the discount that the book carries. Carts may hold
 * codes of a book whose discount was taken away; they count for the limit of the book, too.
 */
export function refuseUse(
  coupons: Coupons,
  book: BookState,
  userId: string,
  nowMs: number,
): Refusal<'usedUp' | 'userRedemptionsLimit'> | null {
  if (!book.hadDiscount || coupons.discounts === null) return null;
  const { id, settings } = book.current;
  return coupons.discounts.refuseUse(id, userId, settings.maxRedemptionsPerUser, nowMs);
}

export function refuseUsedUp(coupons: Coupons, book: BookState, index: number): Refusal<'usedUp'> | null {
  const max = redemptionsPerCodeMax(book.current.settings);
  if (max === null || redemptionsOf(coupons, index) < max) return null;
  return refuse('usedUp', 'This code has been redeemed as often as it can be.');
}

export function refuseMoreCodes(coupons: Coupons, book: BookState, userId: string): Refusal<'userCodesLimit'> | null {
  const max = book.current.settings.maxCodesPerUser;
  if (max === null) return null;
  const user = coupons.users.find(userId);
  if ((user === -1 ? 0 : coupons.users.codesIn(book.number, user)) < max) return null;
  return refuse('userCodesLimit', `This user has all ${max} codes of this book that one user may have.`);
}

export function refuseMoreRedemptions(
  coupons: Coupons,
  book: BookState,
  userId: string,
): Refusal<'userRedemptionsLimit'> | null {
  const max = book.current.settings.maxRedemptionsPerUser;
  if (max === null) return null;
  const user = coupons.users.find(userId);
  if ((user === -1 ? 0 : coupons.users.redemptionsIn(book.number, user)) < max) return null;
  return refuse(
    'userRedemptionsLimit',
    `This user has made all ${max} redemptions in this book that one user may make.`,
  );
}

export function remainingOf(settings: BookSettings, redemptionCount: number): number | null {
  const max = redemptionsPerCodeMax(settings);
  return max === null ? null : Math.max(0, max - redemptionCount);
}

export type AboutCode = Pick<CodeEvent, 'bookId' | 'index' | 'code' | 'userId' | 'prevSeq'>;

/**
 * `code` is the text at `index`: most callers have it, and making it from the table's bytes costs
 * something.
 */
export function aboutCode(coupons: Coupons, index: number, code: string, userId: string): AboutCode {
  return {
    bookId: coupons.bookOfCode(index).current.id,
    index,
    code,
    userId,
    prevSeq: asSeq(coupons.codes.lastSeq(index)),
  };
}

// Field by field, also where a code is locked or redeemed: spreading `about` takes longer than the
// rest of the decision.
export function codeAssignedEvent({ bookId, index, code, userId, prevSeq }: AboutCode, atMs: number): DomainEvent {
  return { kind: 'codeAssigned', atMs, bookId, index, code, userId, prevSeq };
}

export const codeNotFound = () => refuse('codeNotFound', 'There is no such code for this user.');

/** Every event of a code ends with this. */
export function noteEventOf(coupons: Coupons, index: number): void {
  coupons.codes.used.lastSeq.set(coupons.codes.record(index), coupons.shard.seq);
}

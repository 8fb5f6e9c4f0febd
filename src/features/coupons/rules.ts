/**
 * What the kernel asks of the rules of coupon books. Each command has a file of its own;
 * src/features/rules.generated.ts names them.
 *
 * Refusals are checked in the order in which they stand in each function. For codes it is always:
 *
 *     1. Does the code exist?                     codeNotFound
 *     2. Does another user hold a lease of it?    lockedByAnother
 *     3. May this user act on the code?           codeNotFound, as for an unknown code, so that
 *                                                 guessing reveals nothing
 *     4. May the book be changed now?             bookArchived, bookOver, bookNotActive,
 *                                                 bookNotBegun
 *     5. Does the state of the code allow it?     usedUp, lockNotHeld, codeLocked, …
 *     6. Do the user's limits allow it?           userCodesLimit, userRedemptionsLimit
 *
 * Assigning a particular code answers assignedToAnother in step 3, because callers who may assign
 * may know it. Unlocking, rolling back and unassigning only give something back, so in step 4 they
 * check for bookArchived alone; a lock of another caller is lockNotHeld.
 *
 * That is for callers who may know of every code; others-code.ts marks the refusals that must not
 * be told to others.
 *
 * A lease ends at `untilMs`, to the millisecond: `expireLeases` is applied before the commands of
 * the same moment.
 */
import type { Command } from '../../domain/command.js';
import { asSeq, type BookId, type Seq } from '../../domain/ids.js';
import type { Coupons } from './state.js';

/** Commands of coupon books name a code or a book. */
export type CouponCommand = Extract<Command, { readonly code: string } | { readonly bookId: BookId }>;

/**
 * Where a key of this command is remembered; undefined: nowhere, since what it names isn't there.
 */
export function scopeOf(coupons: Coupons, command: CouponCommand): BookId | null | undefined {
  if (command.kind === 'createBook') return null;
  if ('bookId' in command) return command.bookId;
  const index = coupons.codes.find(command.code);
  return index === -1 ? undefined : coupons.bookOfCode(index).current.id;
}

export function lastSeqFor(coupons: Coupons, command: CouponCommand): Seq {
  if (!('code' in command)) return coupons.shard.seq;
  return asSeq(coupons.codes.lastSeq(coupons.codes.find(command.code)));
}

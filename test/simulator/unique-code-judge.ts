/** What speaks against a unique code in a cart, and against a use of it without a cart. */
import type { Refusal } from '../../src/domain/outcome.js';
import { type FoldedCode, holderOf, isLocked } from './folded-codes.js';
import { countsOf, discountOf, type FoldedPromotions, type FoldedReservation } from './promotion-fold.js';

export interface AgainstCode {
  readonly kind: 'unknown' | 'locked' | 'refused';
  readonly reason: string;
  /** Of several codes, it is one that is not there. */
  readonly isSecret: boolean;
}

const USED_UP = 'Coupon usage limit exceeded';
const USED_UP_BY_USER = 'Coupon usage limit per user exceeded';

/** `instead`: the reservation that gives its place. Null: nothing speaks against it. */
export function objectToUniqueCode(
  folded: FoldedPromotions,
  text: string,
  userId: string | null,
  instead: FoldedReservation | undefined,
  nowMs: number,
): AgainstCode | null {
  const { codes, books } = folded.inBooks;
  const code = codes.get(text);
  const book = code === undefined ? undefined : books.get(code.bookId);
  if (code === undefined || book === undefined) return { kind: 'unknown', reason: '', isSecret: true };
  const refused = (reason: string, isSecret = false): AgainstCode => ({ kind: 'refused', reason, isSecret });
  const locked = (isSecret: boolean, reason = 'Coupon is not available to this user'): AgainstCode => ({
    kind: 'locked',
    reason,
    isSecret,
  });
  const { settings } = book;
  const isFree = code.userId === null;
  const isForBearers = settings.redeemableBy === 'bearer';
  if (userId === null) return refused('Coupon conditions not met', !(isFree && isForBearers));
  if (isFree ? !isForBearers : code.userId !== userId && !isLocked(code, nowMs))
    return { kind: 'unknown', reason: '', isSecret: true };
  if (!isFree && code.userId !== userId) return locked(!(isForBearers && code.redemptionCount === 0));
  const holder = holderOf(folded.reservations, text);
  if (holder !== undefined && holder !== instead) return locked(false, USED_UP);
  if (book.archivedMs !== null) return refused('Coupon is not active');
  if (settings.endMs !== null && nowMs >= settings.endMs) return refused('Coupon has expired');
  if (!settings.isActive) return refused('Coupon is not active');
  if (settings.startMs !== null && nowMs < settings.startMs) return refused('Coupon is not yet valid');
  if (isUsedUp(folded, code)) return refused(USED_UP);
  const ofUser = [...codes.values()].filter((other) => other.bookId === code.bookId && other.userId === userId);
  if (isFree && settings.maxCodesPerUser !== null && ofUser.length >= settings.maxCodesPerUser)
    return refused(USED_UP_BY_USER);
  const max = settings.maxRedemptionsPerUser;
  const used = countsOf(folded, code.bookId, instead).byUser.get(userId) ?? 0;
  return max !== null && used >= max ? refused(USED_UP_BY_USER) : null;
}

function isUsedUp({ inBooks: { books } }: FoldedPromotions, { bookId, redemptionCount }: FoldedCode): boolean {
  const settings = books.get(bookId)?.settings;
  const max = settings?.allowMultipleRedemptions === true ? settings.maxRedemptionsPerCode : 1;
  return max !== null && redemptionCount >= max;
}

/** Whether a redemption without a cart was rightly refused for this. */
export function isUseRefused(
  folded: FoldedPromotions,
  code: FoldedCode,
  userId: string,
  reason: Refusal['reason'],
): boolean {
  const { uses, held, byUser } = countsOf(folded, code.bookId);
  const { maxUsage = null, maxUsagePerUser = null } = discountOf(folded, code.bookId)?.settings ?? {};
  const byThisUser = byUser.get(userId) ?? 0;
  if (reason === 'usedUp') return isUsedUp(folded, code) || (maxUsage !== null && uses + held >= maxUsage);
  const max = folded.inBooks.books.get(code.bookId)?.settings.maxRedemptionsPerUser ?? null;
  return [max, maxUsagePerUser].some((limit) => limit !== null && byThisUser >= limit);
}

/** Whether a reservation made the redemption. */
export const isOfReservation = ({ reservations }: FoldedPromotions, redemptionId: string): boolean =>
  [...reservations.values()].some(({ redemptionIds }) => redemptionIds?.includes(redemptionId));

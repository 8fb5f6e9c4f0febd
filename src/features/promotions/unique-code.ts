/** A unique code in a cart: the discount of its book, and what stands against this code. */
import { asBookId } from '../../domain/ids.js';
import type { CodeInBook, CodeObjection } from '../../domain/unique-codes.js';
import type { Objection, Use } from './judge.js';
import type { Offer } from './pricing/types.js';
import type { PromotionState, Promotions } from './state.js';

/** What a request names. */
export interface Named {
  readonly promotion: PromotionState;
  /** The unique code that was named; null: the promotion is not the discount of a book. */
  readonly code: (CodeInBook & { readonly text: string }) | null;
}

/** The book of the code, if it carries a discount now. */
export function uniqueCodeOf(promotions: Promotions, text: string): Named | undefined {
  const found = promotions.codes.find(text);
  if (found === null) return undefined;
  const promotion = promotions.discountOf(asBookId(found.bookId));
  if (promotion === undefined || promotion.current.archivedMs !== null) return undefined;
  return { promotion, code: { ...found, text } };
}

export function objectToCode(
  promotions: Promotions,
  { promotion, code }: Named,
  { userId, instead }: Use,
  nowMs: number,
): CodeObjection | null {
  if (code === null) return null;
  const { byUser, holders } = promotion;
  const held = userId === null ? 0 : (byUser.get(userId) ?? 0);
  const own = instead !== null && holders.has(instead) ? 1 : 0;
  return promotions.codes.objectTo(code, { userId, reservationId: instead?.id ?? null, heldByUser: held - own }, nowMs);
}

/** What stands against a code that the user must not know of; null: it is none. */
export function secretOf(
  promotions: Promotions,
  named: Named,
  userId: string | null,
  nowMs: number,
): CodeObjection | null {
  // That it is secret does not depend on what the user's own carts hold.
  const against = objectToCode(promotions, named, { userId, segments: [], instead: null }, nowMs);
  return against !== null && (against.kind === 'unknown' || against.isOthers) ? against : null;
}

/** The name under which a refusal tells of it: codes of one book share its id. */
export const nameOf = ({ promotion, code }: Named): string => code?.text ?? promotion.current.id;

/** It was offered under this name. */
export const isOf = (offer: Offer, { promotion, code }: Named): boolean =>
  offer.id === promotion.current.id && (code === null || offer.code === code.text);

/** Of a code that a caller may know of. */
export function objectionOf(against: Exclude<CodeObjection, { kind: 'unknown' }>): Objection {
  if (against.kind === 'locked') {
    const { detail: explanation, untilMs } = against;
    // A code that another user locked stays that user's own when the lock ends.
    return against.isOwnCart
      ? { refusal: 'Coupon usage limit exceeded', explanation, retryAtMs: untilMs, heldUntilMs: untilMs }
      : { refusal: 'Coupon is not available to this user', explanation, retryAtMs: null, heldUntilMs: null };
  }
  const { refusal, explanation, retryAtMs } = against;
  return { refusal, explanation, retryAtMs, heldUntilMs: null };
}

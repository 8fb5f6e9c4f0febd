/**
 * What of an offer does not depend on other offers: whether the cart qualifies for it, and of which
 * lines it takes.
 */
import { amountText, narrowSymbol } from './amount-text.js';
import type { Candidate, Cart, CartLine, Offer } from './types.js';

export interface Plan {
  readonly candidate: Candidate;
  readonly offer: Offer;
  /** Numbers of the matching lines, in order; without lines, that of the whole cart, 0. */
  readonly lines: readonly number[];
}

export interface Refused {
  readonly offer: Offer;
  readonly reason: string;
  readonly explanation: string | null;
}

export type Planned = Plan | Refused;

const NO_ELIGIBLE_PRODUCTS = 'No eligible products in cart for this coupon';

/** Above this many comparisons a set is faster than searching the list for each line. */
const SEARCHES_MAX = 64;

/**
 * The reason is the first that holds: that of the candidate, the currency, the minimum, the
 * products, the shipping.
 */
export function planOf(cart: Cart, candidate: Candidate): Planned {
  const { offer, refusal, explanation = null } = candidate;
  const refused = (reason: string, explanation: string | null = null): Refused => ({ offer, reason, explanation });
  if (refusal !== null) return refused(refusal, explanation);
  if (offer.currency !== cart.currency)
    return refused(
      'Coupon currency does not match',
      `The coupon is in ${offer.currency}, the cart in ${cart.currency}`,
    );
  if (offer.minPurchaseAmount !== null && cart.total < offer.minPurchaseAmount) {
    const amount = amountText(
      offer.minPurchaseAmount,
      offer.currency,
      offer.isCurrencyGiven ? narrowSymbol(offer.currency) : '',
    );
    return refused(`Minimum purchase amount of ${amount} required`);
  }
  const isShipping = offer.type === 'shipping';
  const lines = cart.lines === null ? wholeCart(cart, offer) : matchingLines(cart.lines, offer);
  if (lines.length === 0 && !(isShipping && takesAllGoods(offer)))
    return refused(NO_ELIGIBLE_PRODUCTS, whyNone(cart, offer));
  if (isShipping && cart.shipping === null)
    return refused('Coupon conditions not met', 'The coupon is for shipping, and the cart names no shipping cost');
  return { candidate, offer, lines: isShipping ? [] : lines };
}

/**
 * A line matches if its product is listed, or one of its categories is. If both lists are empty,
 * each line matches. An excluded product never matches.
 */
function matchingLines(lines: readonly CartLine[], offer: Offer): readonly number[] {
  const isListed = lookup(offer.products, lines.length);
  const isCategoryListed = lookup(offer.categories, lines.length);
  const isExcluded = lookup(offer.excludeProducts, lines.length);
  const isForAll = offer.products.length === 0 && offer.categories.length === 0;
  const matching: number[] = [];
  for (const [number, { productId, categoryIds }] of lines.entries()) {
    const isNamed = isForAll || isListed(productId) || categoryIds.some(isCategoryListed);
    if (isNamed && !isExcluded(productId)) matching.push(number);
  }
  return matching;
}

/**
 * Without lines, the whole cart is the base as soon as one product matches. Categories can't match,
 * because the cart names none.
 */
function wholeCart({ productIds }: Cart, offer: Offer): readonly number[] {
  if (takesAllGoods(offer)) return [0];
  const isListed = lookup(offer.products, productIds.length);
  const isExcluded = lookup(offer.excludeProducts, productIds.length);
  const isForAll = offer.products.length === 0 && offer.categories.length === 0;
  return productIds.some((id) => (isForAll || isListed(id)) && !isExcluded(id)) ? [0] : [];
}

function whyNone(cart: Cart, { categories }: Offer): string | null {
  if (cart.lines !== null || categories.length === 0) return null;
  return 'The coupon is for categories, and a cart without lines names none';
}

function takesAllGoods({ products, categories, excludeProducts }: Offer): boolean {
  return products.length === 0 && categories.length === 0 && excludeProducts.length === 0;
}

function lookup(ids: readonly string[], searches: number): (id: string) => boolean {
  if (ids.length * searches <= SEARCHES_MAX) return (id) => ids.includes(id);
  const set = new Set(ids);
  return (id) => set.has(id);
}

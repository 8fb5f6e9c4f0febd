/** Offers, candidates and carts for tests, with the usual values where a test names none. */
import type { Candidate, Cart, CartLine, Offer } from '../../../src/features/promotions/pricing/types.js';

export function offer(
  fields: Partial<Omit<Offer, 'stacking'>> & { readonly stacking?: Partial<Offer['stacking']> },
): Offer {
  return {
    id: 'A',
    code: 'A',
    type: 'percentage',
    discount: 100_000,
    couponFor: 'product',
    products: [],
    categories: [],
    excludeProducts: [],
    minPurchaseAmount: null,
    maxDiscountAmount: null,
    currency: 'USD',
    isCurrencyGiven: true,
    ...fields,
    stacking: { group: null, priority: 0, exclusive: false, base: 'running', ...fields.stacking },
  };
}

export function candidate(fields: Parameters<typeof offer>[0], budgetLeft: number | null = null): Candidate {
  return { offer: offer(fields), refusal: null, budgetLeft };
}

export function line(
  productId: string,
  unitPrice: number,
  quantity = 1,
  categoryIds: readonly string[] = [],
): CartLine {
  return { productId, categoryIds, quantity, unitPrice };
}

export function cartOf(lines: readonly CartLine[], shipping: number | null = null): Cart {
  const total = lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
  return { lines, total, productIds: lines.map(({ productId }) => productId), shipping, currency: 'USD' };
}

export function totalOf(total: number, currency = 'USD'): Cart {
  return { lines: null, total, productIds: [], shipping: null, currency };
}

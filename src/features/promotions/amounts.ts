/** What events say of the money of a reservation, promotion by promotion. */
import type { GivenBack, PromotionAmounts, ReservedCart } from '../../records/promotions.js';

/** What the reservation of this cart takes of each promotion. */
export function amountsOf({ currency, holds }: ReservedCart): PromotionAmounts {
  return { currency, promotions: holds.map(({ promotionId, amount }) => ({ promotionId, amount })) };
}

/** What a rollback gives back, after what was given `before` it. */
export function amountsBackOf(
  { currency, holds }: ReservedCart,
  { amounts }: GivenBack,
  before: GivenBack | null,
): PromotionAmounts {
  const promotions = holds.map(({ promotionId }, at) => ({
    promotionId,
    amount: (amounts[at] ?? 0) - (before?.amounts[at] ?? 0),
  }));
  return { currency, promotions };
}

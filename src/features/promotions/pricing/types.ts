/** What pricing takes and gives. All amounts are whole minor units of the cart's currency. */
import type {
  AppliedStep,
  Cart,
  CartLine,
  LineAmount,
  Mode,
  PromotionSettings,
  SkippedStep,
  Step,
} from '../../../records/promotions.js';

export type { AppliedStep, Cart, CartLine, LineAmount, Mode, SkippedStep, Step };

/**
 * What pricing needs of a promotion. A line of a cart matches if it is named by `products` or
 * `categories`; all lines do if both are empty. `excludeProducts` wins over both.
 */
export interface Offer
  extends Pick<
    PromotionSettings,
    | 'code'
    | 'type'
    | 'discount'
    | 'couponFor'
    | 'products'
    | 'categories'
    | 'excludeProducts'
    | 'minPurchaseAmount'
    | 'maxDiscountAmount'
    | 'currency'
    | 'isCurrencyGiven'
    | 'stacking'
  > {
  readonly id: string;
}

/** An offer in the order of the caller's codes. */
export interface Candidate {
  readonly offer: Offer;
  /**
   * Why state or condition refuse it (cap reached, not active, …); null: nothing but the cart can.
   */
  readonly refusal: string | null;
  /** Says more than `refusal`, where there is more to say. */
  readonly explanation?: string | null;
  /**
   * What is left of its money budget in minor units; null: it has none. An amount above it is
   * refused: 'Coupon budget exhausted'.
   */
  readonly budgetLeft: number | null;
}

export interface Applied {
  readonly offer: Offer;
  readonly amount: number;
  /**
   * Goods of the lines, by line number of the cart, each above zero. Their sum is `amount`. Empty
   * without lines and for shipping.
   */
  readonly lines: readonly LineAmount[];
}

export interface Skipped {
  readonly offer: Offer;
  readonly reason: string;
}

export interface Priced {
  readonly applied: readonly Applied[];
  readonly skipped: readonly Skipped[];
  readonly steps: readonly Step[];
  /** Goods and shipping. */
  readonly originalAmount: number;
  readonly discountAmount: number;
  readonly finalAmount: number;
}

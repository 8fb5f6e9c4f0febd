/** What pricing takes and gives. All amounts are whole minor units of the cart's currency. */
import type { AppliedStep, Cart, CartLine, LineAmount, Mode, SkippedStep, Step } from '../../../records/promotions.js';

export type { AppliedStep, Cart, CartLine, LineAmount, Mode, SkippedStep, Step };

/** What pricing needs of a promotion. Amounts are whole minor units of its currency. */
export interface Offer {
  readonly id: string;
  /** Null: automatic. */
  readonly code: string | null;
  readonly type: 'percentage' | 'fixed' | 'shipping';
  /** fixed: minor units. Others: ten-thousandths of a percent (1 % = 10,000). */
  readonly discount: number;
  readonly couponFor: 'product' | 'minPurchase';
  /** Empty, like `categories`: all goods. A line matches if it is named by one of the two lists. */
  readonly products: readonly string[];
  readonly categories: readonly string[];
  /** Wins over the other two lists. */
  readonly excludeProducts: readonly string[];
  /** Compared with the goods total before any discount. */
  readonly minPurchaseAmount: number | null;
  readonly maxDiscountAmount: number | null;
  /** ISO 4217. */
  readonly currency: string;
  /** Messages show the symbol of a currency that was given, and else the number alone. */
  readonly isCurrencyGiven: boolean;
  readonly stacking: {
    /** Of all offers with the same group, one applies. */
    readonly group: string | null;
    /** Higher ones are taken first. */
    readonly priority: number;
    /** Applies alone or not at all. */
    readonly exclusive: boolean;
    /** `running`: the base is what earlier offers left. `original`: what the goods cost. */
    readonly base: 'running' | 'original';
  };
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

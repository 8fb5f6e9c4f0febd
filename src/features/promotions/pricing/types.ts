/** What pricing takes and gives. All amounts are whole minor units of the cart's currency. */

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

export interface CartLine {
  readonly productId: string;
  readonly categoryIds: readonly string[];
  readonly quantity: number;
  /** Minor units. */
  readonly unitPrice: number;
}

export interface Cart {
  /** Null: the caller sent a total and product ids alone. */
  readonly lines: readonly CartLine[] | null;
  /** Goods without shipping; with lines their sum (`goodsTotal`). */
  readonly total: number;
  /** Of a cart without lines. With lines, the lines count. */
  readonly productIds: readonly string[];
  /** Null: the caller named none. */
  readonly shipping: number | null;
  /** ISO 4217. */
  readonly currency: string;
}

/** An offer in the order of the caller's codes. */
export interface Candidate {
  readonly offer: Offer;
  /**
   * Why state or condition refuse it (cap reached, not active, …); null: nothing but the cart can.
   */
  readonly refusal: string | null;
  /**
   * What is left of its money budget in minor units; null: it has none. An amount above it is
   * refused: 'Coupon budget exhausted'.
   */
  readonly budgetLeft: number | null;
}

/** What an offer takes of one line of the cart. */
export interface LineAmount {
  /** The number of the line in the cart, from 0. */
  readonly line: number;
  readonly amount: number;
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

/** How the amount of one offer came about. */
export interface AppliedStep {
  readonly kind: 'applied';
  readonly id: string;
  readonly code: string | null;
  /** What the rule is applied to. */
  readonly base: number;
  /** In words: `20 % of what earlier discounts left of the matching goods`. */
  readonly rule: string;
  /** Before rounding: a decimal number in the currency's unit, all digits: `6.598`. */
  readonly exact: string;
  /** `exact` in minor units, rounded half up. */
  readonly rounded: number;
  /** The limit that cut `rounded`; null: none did. */
  readonly cap: {
    /** `remaining`: what earlier discounts left of the goods or of the shipping. */
    readonly by: 'maxDiscountAmount' | 'remaining';
    readonly amount: number;
  } | null;
  readonly amount: number;
  /** What is to pay after this step, with shipping. */
  readonly totalAfter: number;
}

export interface SkippedStep {
  readonly kind: 'skipped';
  readonly id: string;
  readonly code: string | null;
  readonly reason: string;
  /** Says more than the reason, where there is more to say. */
  readonly explanation: string | null;
}

/** In the order in which the offers were considered. */
export type Step = AppliedStep | SkippedStep;

export interface Priced {
  readonly applied: readonly Applied[];
  readonly skipped: readonly Skipped[];
  readonly steps: readonly Step[];
  /** Goods and shipping. */
  readonly originalAmount: number;
  readonly discountAmount: number;
  readonly finalAmount: number;
}

/**
 * `all`: each offer that can apply, in order. `best`: the set that gives the largest discount.
 */
export type Mode = 'all' | 'best';

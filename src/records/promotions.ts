/**
 * What the records of promotions hold. They are stored as JSON, with these names, so a released
 * field keeps its name and its meaning.
 *
 * Amounts are whole minor units of the promotion's currency. Percentages are ten-thousandths of a
 * percent: 1 % is 10,000. Times are Unix ms.
 */
import type { CampaignId } from './ids.js';

/**
 * A date as the caller wrote it, the instant that it means, and how that reads in the time zone.
 */
export interface GivenTime {
  readonly given: string;
  readonly ms: number;
  readonly local: string;
}

export interface ScheduleEntry {
  readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
  readonly from: string;
  readonly to: string;
}

export interface PromotionSettings {
  /** Null: it is automatic, or the discount of a coupon book, whose codes are unique. */
  readonly code: string | null;
  readonly automatic: boolean;
  readonly name: string | null;
  /** fixed: minor units. Others: ten-thousandths of a percent. */
  readonly discount: number;
  readonly type: 'percentage' | 'fixed' | 'shipping';
  readonly couponFor: 'product' | 'minPurchase';
  readonly products: readonly string[];
  readonly categories: readonly string[];
  readonly excludeProducts: readonly string[];
  /** Compared with the goods total before any discount. */
  readonly minPurchaseAmount: number | null;
  readonly maxDiscountAmount: number | null;
  /** ISO 4217; the default of the time at which it was made, if the caller gave none. */
  readonly currency: string;
  /** Messages show the symbol of a currency that was given, and else the number alone. */
  readonly isCurrencyGiven: boolean;
  readonly isActive: boolean;
  readonly start: GivenTime | null;
  /** Exclusive. */
  readonly end: GivenTime | null;
  readonly timeZone: string | null;
  readonly schedule: readonly ScheduleEntry[] | null;
  readonly maxUsage: number | null;
  readonly maxUsagePerUser: number | null;
  readonly maxUsagePerPeriod: { readonly count: number; readonly period: 'day' | 'week' | 'month' } | null;
  readonly budget: number | null;
  readonly audience: { readonly userIds: readonly string[] | null; readonly segments: readonly string[] | null } | null;
  readonly condition: string | null;
  readonly stacking: {
    /** Of all promotions with the same group, one applies. */
    readonly group: string | null;
    /** Higher ones are taken first. */
    readonly priority: number;
    /** Applies alone or not at all. */
    readonly exclusive: boolean;
    /** `running`: the base is what earlier discounts left. `original`: what the goods cost. */
    readonly base: 'running' | 'original';
  };
  readonly referrerUserId: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** What the time zone data said when it was asked: commands only compare instants. */
export interface PromotionPlan {
  /** When the promotion is open, ascending; null: it has no schedule. */
  readonly windows: readonly (readonly [startMs: number, endMs: number])[] | null;
  /** When periods of `maxUsagePerPeriod` begin, ascending; null: it has no such limit. */
  readonly periods: readonly number[] | null;
  /** The plan is complete up to this time; null: there is nothing to plan. */
  readonly untilMs: number | null;
}

/**
 * `version` grows by one with each change; it is the ETag. The discount of a coupon book has the id
 * of the book, and so does its campaign if the book belongs to none.
 */
export interface Promotion {
  readonly id: string;
  readonly campaignId: CampaignId;
  /** The batch whose one row holds the code in the namespace of all codes; null: it has no code. */
  readonly batchId: number | null;
  readonly settings: PromotionSettings;
  readonly plan: PromotionPlan;
  readonly version: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly archivedMs: number | null;
}

/** What was used of a promotion, and what open reservations hold; money in minor units. */
export interface PromotionUsage {
  readonly usageCount: number;
  readonly heldCount: number;
  readonly budgetUsed: number;
  readonly budgetHeld: number;
}

export interface PromotionView {
  readonly promotion: Promotion;
  readonly usage: PromotionUsage;
}

/** What a coupon book belongs to and carries. */
export interface BookOffer {
  /** Null: the book belongs to no campaign. */
  readonly campaignId: CampaignId | null;
  readonly discount: PromotionView | null;
}

/** By hold of a reservation: the redemption that its commit made; null: it holds no unique code. */
export type RedemptionIds = readonly (string | null)[];

/** What a reservation holds of one promotion: one use, and this much of its budget. */
export interface Hold {
  readonly promotionId: string;
  readonly amount: number;
  /** Empty for shipping, and for carts without lines. */
  readonly lines: readonly LineAmount[];
  /** Begin of the period in which the use counts; null: there was no limit per period. */
  readonly periodMs: number | null;
  /** The use counts as a referral. A user's own referral does not. */
  readonly isReferral: boolean;
  /** The code of a book that it holds; absent: the promotion is not the discount of a book. */
  readonly uniqueCode?: string;
}

/** `unitPrice`: minor units. */
export interface ReservedLine {
  readonly productId: string;
  readonly quantity: number;
  readonly unitPrice: number;
}

/** What an event moves of each promotion, in minor units of the currency. */
export interface PromotionAmounts {
  readonly currency: string;
  readonly promotions: readonly { readonly promotionId: string; readonly amount: number }[];
}

/** What a reservation keeps of its cart, with the amounts and rules of its time. */
export interface ReservedCart {
  readonly currency: string;
  readonly originalAmount: number;
  readonly discountAmount: number;
  readonly finalAmount: number;
  /** Null: the cart had no lines. */
  readonly lines: readonly ReservedLine[] | null;
  readonly holds: readonly Hold[];
}

/**
 * `held`: until `untilMs`. All others are ends, but for a committed use, which can be rolled back.
 */
export type ReservationStatus = 'held' | 'committed' | 'released' | 'expired' | 'rolledBack';

/** What was given back of a committed reservation so far. */
export interface GivenBack {
  /** By line of the cart; null: the cart had no lines. */
  readonly quantities: readonly number[] | null;
  /** By hold. */
  readonly amounts: readonly number[];
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

/** What an offer takes of one line of the cart. */
export interface LineAmount {
  /** The number of the line in the cart, from 0. */
  readonly line: number;
  readonly amount: number;
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

/**
 * `all`: each offer that can apply, in order. `best`: the set that gives the largest discount.
 */
export type Mode = 'all' | 'best';

export interface AppliedDiscount {
  readonly promotionId: string;
  readonly code: string | null;
  readonly type: PromotionSettings['type'];
  /** As in the settings. */
  readonly discount: number;
  readonly amount: number;
  readonly lines: readonly LineAmount[];
}

/** A cart with its discounts. */
export interface Quote {
  readonly currency: string;
  readonly originalAmount: number;
  readonly discountAmount: number;
  readonly finalAmount: number;
  readonly applied: readonly AppliedDiscount[];
  readonly steps: readonly Step[];
}

/** A reservation as it is now. `discount` names what each promotion takes. */
export interface ReservationView {
  readonly id: string;
  readonly campaignId: CampaignId;
  readonly status: ReservationStatus;
  readonly userId: string | null;
  readonly cartId: string | null;
  readonly orderId: string | null;
  readonly madeMs: number;
  readonly untilMs: number | null;
  /** Null: it was never committed. */
  readonly committedMs: number | null;
  readonly cart: ReservedCart;
  readonly givenBack: GivenBack | null;
  /** By hold: the code of the promotion, or the unique code; null: it is automatic. */
  readonly codes: readonly (string | null)[];
  /** By hold: whose referral the use counts as; null: nobody's. */
  readonly referrers: readonly (string | null)[];
}

/** What commands hold that only travels between threads of the process. It is never stored. */
import type { CampaignId } from './ids.js';
import type { Cart, Mode, PromotionPlan, PromotionSettings } from './promotions.js';

/**
 * Codes that are in the store (and loaded into the shard) but not live yet. `report` is what the
 * caller is told about them when they are live.
 */
export interface StagedBatch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly report: Readonly<Record<string, unknown>>;
}

/** The discount that a book is to carry. */
export interface DiscountDraft {
  readonly settings: PromotionSettings;
  readonly plan: PromotionPlan;
}

/** What becomes of the discount of a book; `to` null: it is taken away. */
export interface DiscountChange {
  readonly to: DiscountDraft | null;
}

/** The book must have one of these versions; null: any version. */
export type IfVersion = readonly number[] | null;

/** What the condition of a promotion came to over this cart and user, in one of its versions. */
export interface Verdict {
  readonly promotionId: string;
  readonly version: number;
  /** Why it is not met; null: it is met. */
  readonly reason: string | null;
}

/** A cart to be priced. */
export interface PriceRequest {
  /** Null: the campaign of the codes, or the default campaign. */
  readonly campaignId: CampaignId | null;
  readonly codes: readonly string[];
  /** Promotions that are named by their ids, beside those that `codes` name. */
  readonly promotionIds: readonly string[];
  /** All that is named has to apply, or nothing does. */
  readonly isWhole: boolean;
  readonly cart: Cart;
  readonly userId: string | null;
  readonly segments: readonly string[];
  readonly mode: Mode;
  readonly verdicts: readonly Verdict[];
}

/** So many pieces of a product, over all lines of the cart that have it. */
export interface RolledBackLine {
  readonly productId: string;
  readonly quantity: number;
}

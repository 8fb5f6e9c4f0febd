/** What is asked of the promotions of a shard, and what is answered. */

import type { PriceRequest } from '../records/objects.js';
import type { PromotionSettings, PromotionView, ReservationView } from '../records/promotions.js';
import type { BookId, CampaignId } from './ids.js';

export interface PromotionFilter {
  readonly code: string | null;
  readonly type: PromotionSettings['type'] | null;
  readonly couponFor: PromotionSettings['couponFor'] | null;
  readonly isActive: boolean | null;
  readonly campaignId: CampaignId | null;
  readonly sortBy: 'createdAt' | 'updatedAt' | 'code' | 'discount' | 'usageCount' | 'endDate';
  readonly descending: boolean;
  /** So many of the first ones. */
  readonly count: number;
}

export type PromotionQuery =
  /** Routed by `id`, as are promotions and reservations themselves. */
  | { readonly kind: 'getPromotion'; readonly id: string }
  | { readonly kind: 'getReservation'; readonly id: string }
  /** Routed by the codes of the request, or by its campaign. */
  | {
      readonly kind: 'quote';
      readonly request: PriceRequest;
      /** What this cart holds is free for it; null: it holds nothing. */
      readonly cart: { readonly caller: string; readonly cartId: string } | null;
    }
  | { readonly kind: 'neededConditions'; readonly request: PriceRequest }
  /** Routed by the campaign. */
  | { readonly kind: 'getCampaign'; readonly campaign: CampaignId }
  /** To one shard, which the caller names. */
  | { readonly kind: 'listCampaigns' }
  | { readonly kind: 'listPromotions'; readonly filter: PromotionFilter }
  /** Those whose plans end before this time, up to 100. */
  | { readonly kind: 'endingPlans'; readonly beforeMs: number }
  | { readonly kind: 'productPromotions'; readonly productId: string }
  | { readonly kind: 'qualify'; readonly request: PriceRequest }
  | {
      readonly kind: 'findReservation';
      readonly caller: string;
      readonly userId: string | null;
      readonly cartId: string;
    };

/** A condition that the HTTP thread has to judge. */
export interface NeededCondition {
  readonly promotionId: string;
  readonly version: number;
  readonly condition: string;
}

export interface Qualified {
  readonly view: PromotionView;
  /** Null: it does not apply, because of `reason`. */
  readonly amount: number | null;
  readonly reason: string | null;
  /** Its condition has to be judged first. */
  readonly needed: NeededCondition | null;
}

export interface PromotionsFound {
  /** Of all that match. */
  readonly total: number;
  readonly items: readonly PromotionView[];
}

/** Counts of what is not archived. */
export interface CampaignSummary {
  readonly id: CampaignId;
  readonly promotions: number;
  readonly active: number;
  readonly books: number;
}

export interface CampaignView extends CampaignSummary {
  readonly items: readonly PromotionView[];
  readonly bookIds: readonly BookId[];
}

export type PromotionsResult =
  | { readonly kind: 'promotion'; readonly view: PromotionView }
  | { readonly kind: 'promotions'; readonly found: PromotionsFound }
  /** The JSON of the answer. */
  | { readonly kind: 'quote'; readonly text: string }
  | { readonly kind: 'conditions'; readonly needed: readonly NeededCondition[] }
  | { readonly kind: 'qualified'; readonly items: readonly Qualified[] }
  | { readonly kind: 'campaign'; readonly campaign: CampaignView }
  | { readonly kind: 'campaigns'; readonly items: readonly CampaignSummary[] }
  | { readonly kind: 'reservation'; readonly reservation: ReservationView };

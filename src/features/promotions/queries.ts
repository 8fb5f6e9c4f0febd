/** Reads of promotions and reservations, from memory. */
import { refuse } from '../../domain/decision.js';
import { DEFAULT_CAMPAIGN } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type {
  CampaignSummary,
  NeededCondition,
  PromotionFilter,
  PromotionQuery,
  PromotionsFound,
  PromotionsResult,
  Qualified,
} from '../../domain/promotion-views.js';
import type { PriceRequest } from '../../records/objects.js';
import type { PromotionView, ReservationView } from '../../records/promotions.js';
import { objectTo, objectToCondition } from './judge.js';
import { campaignNotFound, usageOf } from './manage.js';
import { comparePromotions } from './order.js';
import { priceCart } from './pricing/price-cart.js';
import { candidateOf, namedBy, promotionNotFound, quoteOf } from './quote.js';
import { quoteText } from './quote-text.js';
import { reservationNotFound, viewOf } from './reservations.js';
import { type CampaignState, isOfBook, type PromotionState, type Promotions, type ReservationState } from './state.js';

/** What one qualify looks at in a shard, those that were made last first. */
const QUALIFY_MAX = 2_000;
const ENDING_PLANS_MAX = 100;

type QuoteQuery = Extract<PromotionQuery, { kind: 'quote' }>;

export function queryPromotions(
  promotions: Promotions,
  asked: PromotionQuery,
  nowMs: number,
): PromotionsResult | Refusal {
  switch (asked.kind) {
    case 'getPromotion': {
      const found = promotions.promotion(asked.id);
      if (found === undefined || found.current.archivedMs !== null || isOfBook(found.current))
        return promotionNotFound();
      return { kind: 'promotion', view: viewOfPromotion(found) };
    }
    case 'listPromotions':
      return { kind: 'promotions', found: listPromotions(promotions, asked.filter) };
    case 'getCampaign': {
      const found = promotions.campaign(asked.campaign);
      if (found === undefined || found.isOfBook) return campaignNotFound();
      const items = promotionsOf(found).slice(0, QUALIFY_MAX).map(viewOfPromotion);
      const books = [...found.books].slice(0, QUALIFY_MAX);
      return { kind: 'campaign', campaign: { ...summaryOf(found), items, bookIds: books } };
    }
    case 'listCampaigns':
      return {
        kind: 'campaigns',
        items: [...promotions.campaigns()].filter(({ isOfBook }) => !isOfBook).map(summaryOf),
      };
    case 'endingPlans':
      return { kind: 'promotions', found: endingPlans(promotions, asked.beforeMs) };
    case 'productPromotions':
      return { kind: 'promotions', found: forProduct(promotions, asked.productId, nowMs) };
    case 'quote':
      return quote(promotions, asked, nowMs);
    case 'neededConditions':
      return { kind: 'conditions', needed: neededConditions(promotions, asked.request, nowMs) };
    case 'qualify':
      return { kind: 'qualified', items: qualify(promotions, asked.request, nowMs) };
    case 'getReservation': {
      const found = promotions.reservation(asked.id);
      if (found === undefined) return reservationNotFound();
      return { kind: 'reservation', reservation: viewAt(promotions, found, nowMs) };
    }
    case 'findReservation': {
      const { caller, userId, cartId } = asked;
      for (const { id } of promotions.campaigns()) {
        const found = promotions.heldFor(id, caller, userId, cartId);
        if (found !== undefined && !isOver(found, nowMs))
          return { kind: 'reservation', reservation: viewOf(promotions, found) };
      }
      return refuse('reservationNotFound', 'No reservation is held for this cart.');
    }
  }
}

function summaryOf(campaign: CampaignState): CampaignSummary {
  const promotions = promotionsOf(campaign);
  const active = promotions.filter(({ current }) => current.settings.isActive).length;
  return { id: campaign.id, promotions: promotions.length, active, books: campaign.books.size };
}

/** Without the discounts of its books. */
const promotionsOf = ({ promotions }: CampaignState): PromotionState[] =>
  [...promotions].filter(({ current }) => !isOfBook(current));

/** While the journal has no room, the end of a hold is not announced. Reads go by the clock. */
const isOver = ({ status, untilMs }: ReservationState, nowMs: number): boolean =>
  status === 'held' && untilMs !== null && untilMs <= nowMs;

function viewAt(promotions: Promotions, found: ReservationState, nowMs: number): ReservationView {
  const view = viewOf(promotions, found);
  return isOver(found, nowMs) ? { ...view, status: 'expired' } : view;
}

export const viewOfPromotion = (found: PromotionState): PromotionView => ({
  promotion: found.current,
  usage: usageOf(found),
});

function quote(promotions: Promotions, { request, cart }: QuoteQuery, nowMs: number): PromotionsResult | Refusal {
  const quoted = quoteOf(promotions, request, nowMs, (campaignId) =>
    cart === null ? null : (promotions.heldFor(campaignId, cart.caller, request.userId, cart.cartId) ?? null),
  );
  return quoted.kind === 'refused' ? quoted : { kind: 'quote', text: quoteText(quoted.quote) };
}

/** The conditions of what the request names, and of the automatic promotions beside it. */
function neededConditions(promotions: Promotions, request: PriceRequest, nowMs: number): NeededCondition[] {
  const { codes, campaignId } = request;
  const named = namedBy(promotions, request, nowMs).named.map(({ promotion }) => promotion);
  const campaigns = new Set(named.map(({ current }) => current.campaignId));
  if (campaignId !== null) campaigns.add(campaignId);
  if (campaigns.size === 0 && codes.length === 0) campaigns.add(DEFAULT_CAMPAIGN);
  const automatic = [...campaigns].flatMap((id) => [...(promotions.campaign(id)?.automatic ?? [])]);
  return [...new Set([...named, ...automatic])].flatMap(conditionOf);
}

function conditionOf({ current: { id, version, settings } }: PromotionState): NeededCondition[] {
  return settings.condition === null ? [] : [{ promotionId: id, version, condition: settings.condition }];
}

/** Each promotion by itself, as if it were the only one. */
function qualify(promotions: Promotions, request: PriceRequest, nowMs: number): Qualified[] {
  const use = { userId: request.userId, segments: request.segments, instead: null };
  const items: Qualified[] = [];
  for (let at = promotions.all.length - 1; at >= 0 && items.length < QUALIFY_MAX; at--) {
    // In bounds.
    const promotion = promotions.all[at] as PromotionState;
    const { archivedMs, campaignId } = promotion.current;
    if (
      archivedMs !== null ||
      isOfBook(promotion.current) ||
      (request.campaignId !== null && campaignId !== request.campaignId)
    )
      continue;
    const objection = objectTo(promotion, use, nowMs) ?? objectToCondition(promotion, request.verdicts);
    if (objection === 'unjudged') {
      items.push({
        view: viewOfPromotion(promotion),
        amount: null,
        reason: null,
        needed: conditionOf(promotion)[0] ?? null,
      });
      continue;
    }
    const { applied, skipped, discountAmount } = priceCart(
      request.cart,
      [candidateOf(promotion, use, objection)],
      'all',
    );
    const isApplied = applied.length > 0;
    items.push({
      view: viewOfPromotion(promotion),
      amount: isApplied ? discountAmount : null,
      reason: isApplied ? null : (objection?.refusal ?? skipped[0]?.reason ?? null),
      needed: null,
    });
  }
  return items;
}

function listPromotions(promotions: Promotions, filter: PromotionFilter): PromotionsFound {
  const { code, type, couponFor, isActive, campaignId, sortBy, descending, count } = filter;
  const found = promotions.all.filter(
    ({ current: { archivedMs, settings, campaignId: of } }) =>
      archivedMs === null &&
      (settings.code !== null || settings.automatic) &&
      (code === null || settings.code === code) &&
      (type === null || settings.type === type) &&
      (couponFor === null || settings.couponFor === couponFor) &&
      (isActive === null || settings.isActive === isActive) &&
      (campaignId === null || of === campaignId),
  );
  const views = found.map(viewOfPromotion).sort((a, b) => comparePromotions(a, b, sortBy, descending));
  return { total: views.length, items: views.slice(0, count) };
}

/** Also those without a list of products, and those for a minimum purchase. */
function forProduct(promotions: Promotions, productId: string, nowMs: number): PromotionsFound {
  const items: PromotionView[] = [];
  for (const promotion of promotions.all) {
    const { archivedMs, settings } = promotion.current;
    const { isActive, start, end, products, excludeProducts } = settings;
    const isOpen = isActive && (start?.ms ?? nowMs) <= nowMs && (end === null || end.ms > nowMs);
    const isFor = (products.length === 0 || products.includes(productId)) && !excludeProducts.includes(productId);
    if (archivedMs === null && !isOfBook(promotion.current) && isOpen && isFor) items.push(viewOfPromotion(promotion));
    if (items.length === QUALIFY_MAX) break;
  }
  return { total: items.length, items };
}

function endingPlans(promotions: Promotions, beforeMs: number): PromotionsFound {
  const isEnding = ({ current: { archivedMs, plan } }: PromotionState): boolean =>
    archivedMs === null && plan.untilMs !== null && plan.untilMs < beforeMs;
  const ending = promotions.all.filter(isEnding);
  return { total: ending.length, items: ending.slice(0, ENDING_PLANS_MAX).map(viewOfPromotion) };
}

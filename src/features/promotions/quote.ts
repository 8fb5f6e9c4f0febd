/** Prices a cart with the promotions that it names and with the automatic ones of its campaign. */
import { refuse } from '../../domain/decision.js';
import { type CampaignId, DEFAULT_CAMPAIGN } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { PriceRequest } from '../../records/objects.js';
import type { Cart, Quote, SkippedStep } from '../../records/promotions.js';
import { incomplete, refusalOfWhole } from './incomplete.js';
import {
  budgetLeft,
  firstEndMs,
  notApplicable,
  type Objection,
  objectTo,
  objectToCondition,
  type Use,
} from './judge.js';
import { priceCart } from './pricing/price-cart.js';
import type { Candidate, Priced } from './pricing/types.js';
import type { PromotionState, Promotions, ReservationState } from './state.js';

export interface Quoted {
  readonly kind: 'quoted';
  readonly campaignId: CampaignId;
  readonly priced: Priced;
  readonly quote: Quote;
}

type QuoteRefusal = Refusal<
  'campaignIncomplete' | 'promotionNotFound' | 'notInOneCampaign' | 'promotionNotApplicable' | 'conditionsUnjudged'
>;

/**
 * `instead`: the reservation whose place the new one would take. Refuses as the contract says: an
 * unknown single code is not found; a code that can't apply is named with its reason; of several
 * codes, those are skipped, unless none applies.
 */
export function quoteOf(
  promotions: Promotions,
  request: PriceRequest,
  nowMs: number,
  instead: (campaignId: CampaignId) => ReservationState | null,
): Quoted | QuoteRefusal {
  const named = new Set<PromotionState>();
  const unknown: string[] = [];
  for (const code of request.codes) {
    const found = promotions.byCode(code);
    if (found === undefined) unknown.push(code);
    else named.add(found);
  }
  for (const id of request.promotionIds) {
    const found = promotions.promotion(id);
    if (found === undefined || found.current.archivedMs !== null) unknown.push(id);
    else named.add(found);
  }
  if (request.isWhole && unknown.length > 0)
    return incomplete(unknown.map((name) => ({ name, reason: 'Coupon not found' })));
  if (named.size === 0 && unknown.length > 0) return promotionNotFound();
  const campaignId = campaignOf(request, named);
  if (campaignId === null) return notInOneCampaign();

  const use = { userId: request.userId, segments: request.segments, instead: instead(campaignId) };
  const automatic = promotions.campaign(campaignId)?.automatic ?? [];
  const objections = new Map<string, Objection>();
  const candidates: Candidate[] = [];
  for (const promotion of new Set([...named, ...automatic])) {
    const objection = objectTo(promotion, use, nowMs) ?? objectToCondition(promotion, request.verdicts);
    if (objection === 'unjudged') return conditionsUnjudged();
    if (objection !== null) objections.set(promotion.current.id, objection);
    candidates.push(candidateOf(promotion, use, objection));
  }
  const priced = priceCart(request.cart, candidates, request.mode);
  const refused = request.isWhole
    ? refusalOfWhole(promotions, { request, use, named, candidates, priced, objections })
    : refusalOf(request, use, [...named], priced, objections);
  if (refused !== null) return refused;
  return { kind: 'quoted', campaignId, priced, quote: quoteFrom(request, priced, unknown) };
}

/** Null: they are not of one campaign. */
function campaignOf({ campaignId }: PriceRequest, named: ReadonlySet<PromotionState>): CampaignId | null {
  const ids = new Set([...named].map(({ current }) => current.campaignId));
  if (campaignId !== null) ids.add(campaignId);
  if (ids.size > 1) return null;
  const [only = DEFAULT_CAMPAIGN] = ids;
  return only;
}

export function candidateOf(promotion: PromotionState, use: Use, objection: Objection | null): Candidate {
  return {
    offer: promotion.offer,
    refusal: objection?.refusal ?? null,
    explanation: objection?.explanation ?? null,
    budgetLeft: budgetLeft(promotion, use.instead),
  };
}

/** A cart for which codes were named, and none of them applies. */
function refusalOf(
  { codes, cart }: PriceRequest,
  use: Use,
  named: readonly PromotionState[],
  { applied, skipped }: Priced,
  objections: ReadonlyMap<string, Objection>,
): QuoteRefusal | null {
  if (codes.length === 0) return null;
  const [only] = named;
  const isApplied = named.some(({ current }) => applied.some(({ offer }) => offer.id === current.id));
  if (only === undefined || isApplied) return null;
  const reason = skipped.find(({ offer }) => offer.id === only.current.id)?.reason ?? 'Coupon conditions not met';
  const objection = objections.get(only.current.id);
  if (objection !== undefined) return notApplicable(reason, objection);
  const freeMs = budgetFreeMs(only, use, cart);
  return notApplicable(reason, { retryAtMs: freeMs, heldUntilMs: freeMs });
}

/**
 * When the money that this cart lacks may be free, if other carts hold it; null: the budget is not
 * what it lacks, or would not do without the holds either.
 */
function budgetFreeMs(promotion: PromotionState, use: Use, cart: Cart): number | null {
  const { budget } = promotion.current.settings;
  const candidate = candidateOf(promotion, use, null);
  if (budget === null || applies(cart, candidate)) return null;
  const isHeld = applies(cart, { ...candidate, budgetLeft: budget - promotion.spent });
  return isHeld ? firstEndMs(promotion, use.instead) : null;
}

const applies = (cart: Cart, candidate: Candidate): boolean => priceCart(cart, [candidate], 'all').applied.length > 0;

function quoteFrom({ cart }: PriceRequest, priced: Priced, unknown: readonly string[]): Quote {
  const { originalAmount, discountAmount, finalAmount, applied, steps } = priced;
  return {
    currency: cart.currency,
    originalAmount,
    discountAmount,
    finalAmount,
    applied: applied.map(({ offer, amount, lines }) => ({
      promotionId: offer.id,
      code: offer.code,
      type: offer.type,
      discount: offer.discount,
      amount,
      lines,
    })),
    steps: [...steps, ...unknown.map(unknownStep)],
  };
}

const unknownStep = (code: string): SkippedStep => ({
  kind: 'skipped',
  id: '',
  code,
  reason: 'Coupon not found',
  explanation: null,
});

export const promotionNotFound = () => refuse('promotionNotFound', 'Coupon not found');
export const notInOneCampaign = () =>
  refuse('notInOneCampaign', 'These codes belong to different campaigns, and one request takes those of one campaign.');
const conditionsUnjudged = () =>
  refuse('conditionsUnjudged', 'The condition of a coupon was changed while this request was judged.');

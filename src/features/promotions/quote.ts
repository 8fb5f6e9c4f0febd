/** Prices a cart with the promotions that it names and with the automatic ones of its campaign. */
import { refuse } from '../../domain/decision.js';
import { type CampaignId, DEFAULT_CAMPAIGN } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { CodeObjection } from '../../domain/unique-codes.js';
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
import { isOfBook, type PromotionState, type Promotions, type ReservationState } from './state.js';
import { isOf, type Named, nameOf, objectionOf, objectToCode, secretOf, uniqueCodeOf } from './unique-code.js';

export interface Quoted {
  readonly kind: 'quoted';
  readonly campaignId: CampaignId;
  readonly priced: Priced;
  readonly quote: Quote;
}

type QuoteRefusal = Refusal<
  | 'campaignIncomplete'
  | 'promotionNotFound'
  | 'notInOneCampaign'
  | 'lockedByAnother'
  | 'promotionNotApplicable'
  | 'conditionsUnjudged'
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
  const { named, unknown, secrets } = namedBy(promotions, request, nowMs);
  const isSingle = request.codes.length === 1 && !request.isWhole;
  const [secret] = secrets;
  if (isSingle && secret !== undefined) return refusalOfCode(secret);
  if (request.isWhole && unknown.length > 0) return incomplete(unknown.map(notFound));
  if (named.length === 0 && unknown.length > 0) return promotionNotFound();
  const campaignId = campaignOf(request, named);
  if (campaignId === null) return notInOneCampaign();

  const use = { userId: request.userId, segments: request.segments, instead: instead(campaignId) };
  const objections = new Map<string, Objection>();
  const candidates: Candidate[] = [];
  for (const one of withAutomatic(promotions, campaignId, named)) {
    const { promotion, code } = one;
    const against = objectToCode(promotions, one, use, nowMs);
    if (isSingle && against !== null && against.kind === 'locked') return refusalOfCode(against);
    const objection =
      (against === null || against.kind === 'unknown' ? null : objectionOf(against)) ??
      objectTo(promotion, use, nowMs) ??
      objectToCondition(promotion, request.verdicts);
    if (objection === 'unjudged') return conditionsUnjudged();
    if (objection !== null) objections.set(nameOf(one), objection);
    candidates.push(candidateOf(promotion, use, objection, code?.text ?? null));
  }
  const priced = priceCart(request.cart, candidates, request.mode);
  const refused = request.isWhole
    ? refusalOfWhole(promotions, { request, use, asked: named, candidates, priced, objections })
    : refusalOf(request, use, named, priced, objections);
  if (refused !== null) return refused;
  return { kind: 'quoted', campaignId, priced, quote: quoteFrom(request, priced, unknown) };
}

/**
 * Each promotion once, and of a book each of its codes. `unknown`: what is not there. To a request
 * for a user, a code that the user must not know of is not there; nothing may be different for it,
 * the order of the names included. `secrets`: what stands against those.
 */
export function namedBy(
  promotions: Promotions,
  { codes, promotionIds, userId }: Pick<PriceRequest, 'codes' | 'promotionIds' | 'userId'>,
  nowMs: number,
): {
  readonly named: readonly Named[];
  readonly unknown: readonly string[];
  readonly secrets: readonly CodeObjection[];
} {
  const named: Named[] = [];
  const unknown: string[] = [];
  const secrets: CodeObjection[] = [];
  const add = (found: Named | undefined, name: string): void => {
    if (found === undefined) unknown.push(name);
    else if (!named.some((one) => one.promotion === found.promotion && one.code?.text === found.code?.text))
      named.push(found);
  };
  for (const code of codes) {
    const promotion = promotions.byCode(code);
    const found = promotion === undefined ? uniqueCodeOf(promotions, code) : { promotion, code: null };
    const secret = found === undefined ? null : secretOf(promotions, found, userId, nowMs);
    if (secret !== null) secrets.push(secret);
    add(secret === null ? found : undefined, code);
  }
  for (const id of promotionIds) {
    const promotion = promotions.promotion(id);
    const isThere = promotion !== undefined && promotion.current.archivedMs === null && !isOfBook(promotion.current);
    add(isThere ? { promotion, code: null } : undefined, id);
  }
  return { named, unknown, secrets };
}

function withAutomatic(promotions: Promotions, campaignId: CampaignId, named: readonly Named[]): readonly Named[] {
  const automatic = promotions.campaign(campaignId)?.automatic;
  if (automatic === undefined || automatic.size === 0) return named;
  const others = [...automatic].filter((promotion) => named.every((one) => one.promotion !== promotion));
  return [...named, ...others.map((promotion) => ({ promotion, code: null }))];
}

/** Null: they are not of one campaign. */
function campaignOf({ campaignId }: PriceRequest, named: readonly Named[]): CampaignId | null {
  const ids = new Set(named.map(({ promotion }) => promotion.current.campaignId));
  if (campaignId !== null) ids.add(campaignId);
  if (ids.size > 1) return null;
  const [only = DEFAULT_CAMPAIGN] = ids;
  return only;
}

/** `code`: the unique code under which it was named. */
export function candidateOf(
  promotion: PromotionState,
  use: Use,
  objection: Objection | null,
  code: string | null = null,
): Candidate {
  return {
    offer: code === null ? promotion.offer : { ...promotion.offer, code },
    refusal: objection?.refusal ?? null,
    explanation: objection?.explanation ?? null,
    budgetLeft: budgetLeft(promotion, use.instead),
  };
}

/** A cart for which codes were named, and none of them applies. */
function refusalOf(
  { codes, cart }: PriceRequest,
  use: Use,
  asked: readonly Named[],
  { applied, skipped }: Priced,
  objections: ReadonlyMap<string, Objection>,
): QuoteRefusal | null {
  if (codes.length === 0) return null;
  const [only] = asked;
  const isApplied = asked.some((one) => applied.some(({ offer }) => isOf(offer, one)));
  if (only === undefined || isApplied) return null;
  const reason = skipped.find(({ offer }) => isOf(offer, only))?.reason ?? 'Coupon conditions not met';
  const objection = objections.get(nameOf(only));
  if (objection !== undefined) return notApplicable(reason, objection);
  const freeMs = budgetFreeMs(only.promotion, use, cart);
  return notApplicable(reason, { retryAtMs: freeMs, heldUntilMs: freeMs });
}

const notFound = (name: string) => ({ name, reason: 'Coupon not found' });

/** Of the only code that a request names. */
function refusalOfCode(against: CodeObjection): QuoteRefusal {
  switch (against.kind) {
    case 'unknown':
      return promotionNotFound();
    case 'locked': {
      const refusal = refuse('lockedByAnother', against.detail, against.untilMs);
      return against.isOthers ? { ...refusal, isOthersCode: true } : refusal;
    }
    case 'refused': {
      const refusal = refuse('promotionNotApplicable', against.refusal);
      return against.isOthers ? { ...refusal, isOthersCode: true } : refusal;
    }
  }
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

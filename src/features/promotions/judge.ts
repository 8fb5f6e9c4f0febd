/**
 * What the state of a promotion says against one more use, before the cart is looked at. The
 * messages are those of docs/contract.md. They are checked in this order.
 */
import { refuse } from '../../domain/decision.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Verdict } from '../../records/objects.js';
import type { PromotionPlan } from '../../records/promotions.js';
import { firstAfter, nextPeriodMs, periodAt, periodOfHold } from './periods.js';
import type { PromotionState, ReservationState } from './state.js';

export interface Objection {
  readonly refusal: string;
  /** Says more, where there is more to say. */
  readonly explanation: string | null;
  /** When it may be over, Unix ms; null: not known. */
  readonly retryAtMs: number | null;
  /** When holds of other carts, which are the cause, may end, Unix ms; null: they are not. */
  readonly heldUntilMs: number | null;
}

export interface Use {
  readonly userId: string | null;
  readonly segments: readonly string[];
  /** The reservation that this use takes the place of: what it holds is free for it. */
  readonly instead: ReservationState | null;
}

/** Also for a use that is counted after the order: it was allowed when the order was made. */
export function objectToCount(promotion: PromotionState, use: Use, nowMs: number): Objection | null {
  const { id, settings, plan } = promotion.current;
  const isOwn = use.instead !== null && promotion.holders.has(use.instead);
  const own = isOwn ? 1 : 0;
  const { maxUsage, maxUsagePerUser, maxUsagePerPeriod } = settings;
  const uses = promotion.uses + promotion.redeemed.count();
  if (maxUsage !== null && uses + promotion.held - own >= maxUsage) {
    const freeMs = uses < maxUsage ? firstEndMs(promotion, use.instead) : null;
    return waitForHolds('Coupon usage limit exceeded', freeMs);
  }
  if (maxUsagePerPeriod !== null) {
    const periodMs = periodAt(plan, nowMs);
    if (periodMs === null) return objection('Coupon usage limit exceeded', 'The period of the limit is not known');
    const isOfPeriod = ({ cart }: ReservationState): boolean => periodOfHold(cart, id) === periodMs;
    const ownPeriod = use.instead !== null && isOwn && isOfPeriod(use.instead) ? 1 : 0;
    const inPeriod = (promotion.byPeriod.get(periodMs) ?? 0) + promotion.redeemed.in(periodMs);
    if (inPeriod - ownPeriod >= maxUsagePerPeriod.count) {
      const heldUntilMs = firstEndMs(promotion, use.instead, isOfPeriod);
      return {
        refusal: 'Coupon usage limit exceeded',
        explanation: `${maxUsagePerPeriod.count} uses per ${maxUsagePerPeriod.period} are allowed`,
        retryAtMs: earlier(nextPeriodMs(plan, nowMs), heldUntilMs),
        heldUntilMs,
      };
    }
  }
  if (maxUsagePerUser !== null) {
    if (use.userId === null)
      return objection('Coupon conditions not met', 'The coupon has a limit per user, and the request names no userId');
    const byUser = (promotion.byUser.get(use.userId) ?? 0) + promotion.redeemed.by(use.userId);
    if (byUser - own >= maxUsagePerUser) {
      const freeMs = firstEndMs(promotion, use.instead, ({ userId }) => userId === use.userId);
      return waitForHolds('Coupon usage limit per user exceeded', freeMs);
    }
  }
  return null;
}

export function objectTo(promotion: PromotionState, use: Use, nowMs: number): Objection | null {
  const { settings, plan } = promotion.current;
  if (!settings.isActive) return objection('Coupon is not active');
  if (settings.start !== null && nowMs < settings.start.ms)
    return { ...objection('Coupon is not yet valid'), retryAtMs: settings.start.ms };
  if (settings.end !== null && nowMs >= settings.end.ms) return objection('Coupon has expired');
  const closed = objectToWindow(plan, nowMs);
  if (closed !== null) return closed;
  const counted = objectToCount(promotion, use, nowMs);
  if (counted !== null) return counted;
  if (budgetLeft(promotion, use.instead) === 0) {
    const isHeld = promotion.spent < (settings.budget ?? 0);
    return waitForHolds('Coupon budget exhausted', isHeld ? firstEndMs(promotion, use.instead) : null);
  }
  return objectToUser(promotion, use);
}

function objectToWindow({ windows }: PromotionPlan, nowMs: number): Objection | null {
  if (windows === null) return null;
  const next = windows[firstAfter(windows.length, (at) => (windows[at] as readonly [number, number])[1] > nowMs)];
  if (next === undefined) return objection('Coupon is not yet valid', 'Its schedule has no window that is known');
  if (next[0] <= nowMs) return null;
  return { ...objection('Coupon is not yet valid', 'Its schedule is closed now'), retryAtMs: next[0] };
}

function objectToUser({ current: { settings } }: PromotionState, { userId, segments }: Use): Objection | null {
  const { audience } = settings;
  if (audience === null) return null;
  if (userId !== null && audience.userIds?.includes(userId) === true) return null;
  if (audience.segments?.some((segment) => segments.includes(segment)) === true) return null;
  return objection(
    'Coupon is not available to this user',
    userId === null && segments.length === 0 ? 'The coupon has an audience, and the request names no user' : null,
  );
}

/** What its condition came to. `unjudged`: it was not judged, or in another version. */
export function objectToCondition(
  { current: { id, version, settings } }: PromotionState,
  verdicts: readonly Verdict[],
): Objection | 'unjudged' | null {
  if (settings.condition === null) return null;
  const verdict = verdicts.find((one) => one.promotionId === id && one.version === version);
  if (verdict === undefined) return 'unjudged';
  return verdict.reason === null ? null : objection('Coupon conditions not met', verdict.reason);
}

/** What is left of its budget in minor units; null: it has none. */
export function budgetLeft(promotion: PromotionState, instead: ReservationState | null): number | null {
  const { budget } = promotion.current.settings;
  if (budget === null) return null;
  const own = instead?.cart.holds.find(({ promotionId }) => promotionId === promotion.current.id);
  const ownAmount = own !== undefined && promotion.holders.has(instead as ReservationState) ? own.amount : 0;
  return Math.max(0, budget - promotion.spent - promotion.heldAmount + ownAmount);
}

function objection(refusal: string, explanation: string | null = null): Objection {
  return { refusal, explanation, retryAtMs: null, heldUntilMs: null };
}

/** The refusal of one coupon for this reason, with its times. */
export function notApplicable(
  reason: string,
  { retryAtMs, heldUntilMs }: Pick<Objection, 'retryAtMs' | 'heldUntilMs'>,
): Refusal<'promotionNotApplicable'> {
  const refusal = refuse('promotionNotApplicable', reason, retryAtMs ?? undefined);
  return heldUntilMs === null ? refusal : { ...refusal, heldUntilMs };
}

/** `freeMs`: when the first of the other carts that hold what is missing may give it back. */
function waitForHolds(refusal: string, freeMs: number | null): Objection {
  const explanation = freeMs === null ? null : 'Other carts hold what is left of it';
  return { refusal, explanation, retryAtMs: freeMs, heldUntilMs: freeMs };
}

/** When the first hold of other carts ends, of those that are meant; null: there is none. */
export function firstEndMs(
  promotion: PromotionState,
  instead: ReservationState | null,
  isMeant: (holder: ReservationState) => boolean = () => true,
): number | null {
  let firstMs: number | null = null;
  let looked = 0;
  for (const holder of promotion.holders) {
    if (holder !== instead && isMeant(holder)) firstMs = earlier(firstMs, holder.untilMs);
    if (++looked === HOLDERS_LOOKED_AT) break;
  }
  return firstMs;
}

/** The oldest holds mostly end first, and a refusal must not cost more with each hold. */
const HOLDERS_LOOKED_AT = 100;

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

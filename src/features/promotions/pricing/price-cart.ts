/**
 * Prices a cart: which offers apply, what each takes of which line, and why. Pure: the same cart
 * and candidates give the same answer on every thread and in every replay.
 *
 * Offers are taken by priority, then in the caller's order. Each is rounded once on its base
 * (`cut.ts`) and split over its lines (`allocate.ts`). An offer that can apply does so, even if
 * earlier ones left nothing for it. An exclusive offer that comes first is the only one; one that
 * comes after an applied offer is skipped: whichever applies first decides.
 */
import { basketOf } from './basket.js';
import { bestSet, isOverBudget } from './best-set.js';
import { exponentOf } from './currencies.js';
import { type Cut, cutOf, take } from './cut.js';
import { appliedStep, skippedStep } from './explain.js';
import { type Plan, type Planned, planOf } from './plan.js';
import { conflictWith, NOT_COMBINABLE } from './stacking.js';
import type { Applied, Candidate, Cart, LineAmount, Mode, Offer, Priced, Skipped, Step } from './types.js';

const OVER_BUDGET = 'Coupon budget exhausted';
const NOT_BEST = 'Other coupons give a better discount';
const NAMED_TWICE = 'Coupon is named more than once';

/**
 * Throws on a cart that the caller should have refused: a currency that ISO 4217 does not have, or
 * amounts that are no minor units below 2^53 (see `goodsTotal`).
 */
export function priceCart(cart: Cart, candidates: readonly Candidate[], mode: Mode): Priced {
  if (exponentOf(cart.currency) === null) throw new Error(`${cart.currency} is no currency of ISO 4217`);
  const basket = basketOf(cart);
  const ordered = candidates.toSorted((a, b) => b.offer.stacking.priority - a.offer.stacking.priority);
  const planned = ordered.map((candidate) => planOf(cart, candidate));
  const best = mode === 'best' ? bestSet(basket, firstOfEach(planned)) : null;

  const applied: Applied[] = [];
  const skipped: Skipped[] = [];
  const steps: Step[] = [];
  const seen = new Map<string, Offer>();
  const originalAmount = cart.total + (cart.shipping ?? 0);
  let discountAmount = 0;

  const skip = (offer: Offer, reason: string, explanation: string | null = null): void => {
    skipped.push({ offer, reason });
    steps.push(skippedStep(offer, reason, explanation));
  };

  for (const plan of planned) {
    const { offer } = plan;
    if ('reason' in plan) {
      skip(offer, plan.reason, plan.explanation);
      continue;
    }
    const counted = seen.get(offer.id);
    if (counted !== undefined) {
      if (counted.code === offer.code) skip(offer, NAMED_TWICE);
      else skip(offer, NOT_COMBINABLE, `Of a book one code applies, and that is ${counted.code}`);
      continue;
    }
    seen.set(offer.id, offer);
    if (best !== null && !best.chosen.has(plan)) {
      skip(offer, best.overBudget.has(plan) ? OVER_BUDGET : NOT_BEST);
      continue;
    }
    const conflict = conflictWith(applied, offer);
    if (conflict !== null) {
      skip(offer, conflict.reason, conflict.explanation);
      continue;
    }
    const cut = cutOf(basket, plan);
    if (isOverBudget(plan, cut.amount)) {
      skip(offer, OVER_BUDGET);
      continue;
    }
    take(basket, plan, cut);
    discountAmount += cut.amount;
    applied.push({ offer, amount: cut.amount, lines: cart.lines === null ? [] : lineAmounts(plan, cut) });
    steps.push(appliedStep(cart, offer, cut, originalAmount - discountAmount));
  }
  return { applied, skipped, steps, originalAmount, discountAmount, finalAmount: originalAmount - discountAmount };
}

/** The plans of offers that can apply. Of codes with the same offer, the first that can counts. */
function firstOfEach(planned: readonly Planned[]): Plan[] {
  const seen = new Set<string>();
  return planned.filter((plan): plan is Plan => {
    if ('reason' in plan || seen.has(plan.offer.id)) return false;
    seen.add(plan.offer.id);
    return true;
  });
}

function lineAmounts({ lines }: Plan, { shares }: Cut): LineAmount[] {
  return lines.map((line, at) => ({ line, amount: shares[at] ?? 0 })).filter(({ amount }) => amount > 0);
}

/**
 * What one offer takes of a basket. The amount is rounded once, for the whole base, and then split
 * over the lines. Rounding each line instead would let the lines of a cart add up to another amount
 * than the percentage of their sum.
 */
import { allocate } from './allocate.js';
import type { Basket } from './basket.js';
import { halfUp } from './exact.js';
import type { Plan } from './plan.js';
import type { AppliedStep } from './types.js';

/** 100 % in ten-thousandths of a percent is 10 to this power. */
export const WHOLE_DIGITS = 6;
export const WHOLE = 10 ** WHOLE_DIGITS;

export interface Cut {
  readonly base: number;
  /** Earlier offers took something of what this offer is about. */
  readonly isReduced: boolean;
  readonly rounded: number;
  readonly cap: AppliedStep['cap'];
  readonly amount: number;
  /** What each of the plan's lines gives; empty for shipping. */
  readonly shares: readonly number[];
}

/** Changes nothing: `take` does. */
export function cutOf(basket: Basket, { offer, lines }: Plan): Cut {
  const isShipping = offer.type === 'shipping';
  const isRunning = offer.stacking.base === 'running';
  const totals = lines.map((line) => basket.totals[line] ?? 0);
  const left = lines.map((line) => basket.left[line] ?? 0);
  const original = isShipping ? basket.shipping : sumOf(totals);
  const remaining = isShipping ? basket.shippingLeft : sumOf(left);
  const base = isRunning ? remaining : original;
  const rounded = offer.type === 'fixed' ? offer.discount : halfUp(base, offer.discount, WHOLE);

  let cap: Cut['cap'] = null;
  if (offer.maxDiscountAmount !== null && rounded > offer.maxDiscountAmount)
    cap = { by: 'maxDiscountAmount', amount: offer.maxDiscountAmount };
  if ((cap?.amount ?? rounded) > remaining) cap = { by: 'remaining', amount: remaining };
  const amount = cap?.amount ?? rounded;
  const shares = isShipping ? [] : allocate(amount, isRunning ? left : totals, left);
  return { base, isReduced: remaining < original, rounded, cap, amount, shares };
}

export function take(basket: Basket, plan: Plan, cut: Cut): void {
  move(basket, plan, cut, -1);
}

/** Takes the last `take` back. */
export function giveBack(basket: Basket, plan: Plan, cut: Cut): void {
  move(basket, plan, cut, 1);
}

function move(basket: Basket, { offer, lines }: Plan, { amount, shares }: Cut, sign: 1 | -1): void {
  if (offer.type === 'shipping') basket.shippingLeft += sign * amount;
  for (const [at, line] of lines.entries()) basket.left[line] = (basket.left[line] ?? 0) + sign * (shares[at] ?? 0);
}

function sumOf(amounts: readonly number[]): number {
  let sum = 0;
  for (const amount of amounts) sum += amount;
  return sum;
}

/** The steps of a price, in words and exact numbers. */
import { decimalText, percentText } from './amount-text.js';
import { exponentOf } from './currencies.js';
import { type Cut, WHOLE_DIGITS } from './cut.js';
import { productOf } from './exact.js';
import type { AppliedStep, Cart, Offer, SkippedStep } from './types.js';

export function appliedStep(cart: Cart, offer: Offer, cut: Cut, totalAfter: number): AppliedStep {
  const exponent = exponentOf(cart.currency) ?? 0;
  const { id, code, type, discount } = offer;
  const { base, rounded, cap, amount } = cut;
  const exact =
    type === 'fixed'
      ? decimalText(discount, exponent)
      : decimalText(productOf(base, discount), WHOLE_DIGITS + exponent);
  return { kind: 'applied', id, code, base, rule: ruleOf(cart, offer, cut), exact, rounded, cap, amount, totalAfter };
}

export function skippedStep({ id, code }: Offer, reason: string, explanation: string | null): SkippedStep {
  return { kind: 'skipped', id, code, reason, explanation };
}

function ruleOf({ lines, currency }: Cart, { type, discount, stacking }: Offer, { isReduced }: Cut): string {
  const goods = type === 'shipping' ? 'the shipping cost' : lines === null ? 'the whole cart' : 'the matching goods';
  if (type === 'fixed') return `${currency} ${decimalText(discount, exponentOf(currency) ?? 0)} off ${goods}`;
  if (!isReduced) return `${percentText(discount)} of ${goods}`;
  switch (stacking.base) {
    case 'running':
      return `${percentText(discount)} of what earlier discounts left of ${goods}`;
    case 'original':
      return `${percentText(discount)} of ${goods} before discounts`;
  }
}

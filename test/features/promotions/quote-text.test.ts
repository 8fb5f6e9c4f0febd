/** The JSON of a priced cart is what JSON.stringify makes of its answer, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exponentOf } from '../../../src/features/promotions/pricing/currencies.js';
import { fromMinorUnits, moneyText } from '../../../src/features/promotions/pricing/money.js';
import { quoteText } from '../../../src/features/promotions/quote-text.js';
import type { AppliedDiscount, Quote, Step } from '../../../src/records/promotions.js';

/** The answer as an object, with its fields in order. */
function answerOf({ currency, applied, steps, ...amounts }: Quote): object {
  const exponent = exponentOf(currency) ?? assert.fail(currency);
  const money = (minor: number): number => fromMinorUnits(minor, exponent);
  const value = ({ type, discount }: AppliedDiscount): number =>
    type === 'fixed' ? money(discount) : fromMinorUnits(discount, 4);
  const [first] = applied;
  return {
    couponCode: first?.code ?? null,
    discountType: first?.type ?? null,
    discountValue: first === undefined ? null : value(first),
    discountAmount: money(amounts.discountAmount),
    originalAmount: money(amounts.originalAmount),
    finalAmount: money(amounts.finalAmount),
    savings: money(amounts.discountAmount),
    currency,
    applied: applied.map((one) => ({
      couponId: one.promotionId,
      code: one.code,
      type: one.type,
      value: value(one),
      amount: money(one.amount),
      lines: one.lines.map(({ line, amount }) => ({ line, amount: money(amount) })),
    })),
    steps: steps.map((step) => stepOf(step, money)),
  };
}

function stepOf(step: Step, money: (minor: number) => number): object {
  const about = { couponId: step.id === '' ? null : step.id, code: step.code };
  if (step.kind === 'skipped') {
    const { reason, explanation } = step;
    return { ...about, result: 'skipped', reason, explanation: explanation ?? undefined };
  }
  return {
    ...about,
    result: 'applied',
    base: money(step.base),
    rule: step.rule,
    exact: step.exact,
    rounded: money(step.rounded),
    cappedBy: step.cap?.by,
    amount: money(step.amount),
    totalAfter: money(step.totalAfter),
  };
}

const minor = fc.oneof(fc.nat(100_000), fc.maxSafeNat(), fc.integer({ min: 999_999_999_999_900, max: 1e15 + 100 }));
const id = fc.uuid();
const code = fc.option(fc.stringMatching(/^[A-Z0-9._-]{3,20}$/));
const type = fc.constantFrom('percentage', 'fixed', 'shipping');
const lines = fc.array(fc.record({ line: fc.nat(499), amount: minor }), { maxLength: 3 });
const applied = fc.record({ promotionId: id, code, type, discount: minor, amount: minor, lines });
const cap = fc.option(fc.record({ by: fc.constantFrom('maxDiscountAmount', 'remaining'), amount: minor }));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('applied'),
    id,
    code,
    base: minor,
    rule: fc.constantFrom('10 % of the matching goods', 'EUR 5 off the whole cart'),
    exact: fc.constantFrom('0', '6.598'),
    rounded: minor,
    cap,
    amount: minor,
    totalAfter: minor,
  }),
  fc.record({
    kind: fc.constant('skipped'),
    id: fc.oneof(id, fc.constant('')),
    code,
    reason: fc.string({ unit: 'binary' }),
    explanation: fc.option(fc.string({ unit: 'binary' })),
  }),
);
const quote: fc.Arbitrary<Quote> = fc.record({
  currency: fc.constantFrom('USD', 'JPY', 'KWD', 'CLF'),
  originalAmount: minor,
  discountAmount: minor,
  finalAmount: minor,
  applied: fc.array(applied, { maxLength: 3 }),
  steps: fc.array(step, { maxLength: 4 }),
});

test('a priced cart is written as JSON.stringify would write its answer', () => {
  fc.assert(fc.property(quote, (one) => assert.equal(quoteText(one), JSON.stringify(answerOf(one)))));
});

test('an amount is written as JSON.stringify would write its number', () => {
  const exponent = fc.constantFrom(0, 2, 3, 4);
  fc.assert(
    fc.property(minor, exponent, (amount, digits) =>
      assert.equal(moneyText(amount, digits), JSON.stringify(fromMinorUnits(amount, digits))),
    ),
    { numRuns: 5_000 },
  );
});

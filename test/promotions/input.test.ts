/** Promotions as callers send and change them: docs/contract.md, section 6. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fromMinorUnits } from '../../src/features/promotions/pricing/money.js';
import { patched, settingsOf } from '../../src/http/api/promotions/input.js';
import { promotionInput, promotionPatch } from '../../src/http/api/promotions/schemas.js';
import { planOf } from '../../src/promotions/plan.js';
import type { PromotionSettings } from '../../src/records/promotions.js';

const USD = { code: 'USD', isGiven: false };
const TEN_PERCENT = { discount: 10, type: 'percentage', couponFor: 'product' };

function read(input: Readonly<Record<string, unknown>>): PromotionSettings {
  const parsed = settingsOf(promotionInput.parse({ ...TEN_PERCENT, ...input }), 'SAVE', USD);
  assert('value' in parsed, JSON.stringify(parsed));
  return parsed.value;
}

function change(before: PromotionSettings, patch: Readonly<Record<string, unknown>>): PromotionSettings {
  const parsed = patched(before, promotionPatch.parse(patch), USD);
  assert('value' in parsed, JSON.stringify(parsed));
  return parsed.value;
}

function errorsOf(input: Readonly<Record<string, unknown>>): string[] {
  const parsed = settingsOf(promotionInput.parse({ ...TEN_PERCENT, ...input }), 'SAVE', USD);
  return 'errors' in parsed ? parsed.errors.map(({ path }) => path) : [];
}

describe('a change of a promotion', () => {
  const minor = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
  const amounts = fc.record({
    currency: fc.constantFrom(['JPY', 0] as const, ['USD', 2] as const, ['KWD', 3] as const),
    discount: minor(999_999_999_999),
    minPurchaseAmount: minor(999_999_999_999),
    maxDiscountAmount: minor(999),
    budget: minor(1_000_000_007),
  });

  it('keeps what it does not name, to the minor unit, in each currency', () => {
    fc.assert(
      fc.property(amounts, ({ currency: [currency, exponent], ...minorUnits }) => {
        const money = Object.fromEntries(
          Object.entries(minorUnits).map(([field, value]) => [field, fromMinorUnits(value, exponent)]),
        );
        const before = read({ ...money, type: 'fixed', couponFor: 'minPurchase', currency });
        const { discount, minPurchaseAmount, maxDiscountAmount, budget } = before;
        assert.deepEqual({ discount, minPurchaseAmount, maxDiscountAmount, budget }, minorUnits);
        assert.deepEqual(change(before, { name: 'Summer' }), { ...before, name: 'Summer' });
      }),
    );
  });

  it('keeps a percentage to its last digit', () => {
    fc.assert(
      fc.property(minor(1_000_000), (tenThousandths) => {
        const before = read({ discount: tenThousandths / 10_000 });
        assert.equal(before.discount, tenThousandths);
        assert.deepEqual(change(before, { isActive: false }), { ...before, isActive: false });
      }),
    );
  });

  it('keeps every other field, also those with lists and dates', () => {
    const before = read({
      name: 'Winter',
      products: ['mug'],
      categories: ['cups'],
      excludeProducts: ['plate'],
      startDate: '2026-06-01',
      endDate: '2026-06-30T12:00:00+02:00',
      timeZone: 'Europe/Berlin',
      schedule: [{ days: ['mon', 'fri'], from: '22:00', to: '02:00' }],
      maxUsage: 5,
      maxUsagePerUser: 2,
      maxUsagePerPeriod: { count: 3, period: 'week' },
      audience: { userIds: ['ann'], segments: ['vip'] },
      condition: 'cart.total > 1.0',
      stacking: { group: 'season', priority: 3, exclusive: true, base: 'original' },
      referrerUserId: 'bob',
      metadata: { season: 'winter' },
    });
    assert.deepEqual(change(before, { maxUsage: null }), { ...before, maxUsage: null });
    const stacking = { ...before.stacking, priority: 4 };
    assert.deepEqual(change(before, { stacking: { priority: 4 } }), { ...before, stacking });
  });

  it('of the time zone moves a date alone, and no instant', () => {
    const before = read({ startDate: '2026-06-01', endDate: '2026-06-30T12:00:00Z', timeZone: 'Europe/Berlin' });
    const after = change(before, { timeZone: 'Asia/Tokyo' });
    assert.equal((before.start?.ms ?? 0) - (after.start?.ms ?? 0), 7 * 3_600_000);
    assert.equal(after.end?.ms, before.end?.ms);
  });

  it('to another currency is refused, because what was counted is in this one', () => {
    const { error } = promotionPatch.safeParse({ currency: 'JPY', discount: 5 });
    assert.deepEqual(
      error?.issues.map(({ code }) => code),
      ['unrecognized_keys'],
    );
  });
});

describe('a promotion that can not be is refused by its field', () => {
  for (const [name, input, field] of [
    ['more than 100 percent', { discount: 100.0001 }, 'discount'],
    ['more than 100 percent of the shipping', { discount: 101, type: 'shipping' }, 'discount'],
    ['a percentage with five fraction digits', { discount: 1.23456 }, 'discount'],
    ['three fraction digits of a dollar', { discount: 1.005, type: 'fixed' }, 'discount'],
    ['a fraction of a yen', { discount: 1, type: 'fixed', currency: 'JPY', budget: 0.5 }, 'budget'],
    ['four fraction digits of a dinar', { currency: 'KWD', maxDiscountAmount: 0.0001 }, 'maxDiscountAmount'],
    ['a minimum purchase without the minimum', { couponFor: 'minPurchase' }, 'minPurchaseAmount'],
    ['an unknown currency', { currency: 'ABC' }, 'currency'],
    ['a date alone without a time zone', { endDate: '2026-06-30' }, 'endDate'],
    ['a day that no calendar has', { startDate: '2026-02-30', timeZone: 'Europe/Berlin' }, 'startDate'],
    ['an end before its begin', { startDate: '2026-06-30T00:00:00Z', endDate: '2026-06-29T00:00:00Z' }, 'endDate'],
    ['an unknown time zone', { timeZone: 'Mars/Olympus' }, 'timeZone'],
    ['a limit per period without a time zone', { maxUsagePerPeriod: { count: 1, period: 'day' } }, 'timeZone'],
    ['a condition that does not compile', { condition: 'cart.total >' }, 'condition'],
  ] as const) {
    it(name, () => assert.deepEqual(errorsOf(input), [field]));
  }
});

describe('the plan of a promotion', () => {
  const nowMs = Date.UTC(2026, 5, 15, 10);
  const timeZone = 'Europe/Berlin';

  it('reaches 400 days ahead, and has the period and the window of now', () => {
    const schedule = [{ days: ['mon'], from: '08:00', to: '20:00' }];
    const settings = read({ timeZone, schedule, maxUsagePerPeriod: { count: 1, period: 'month' } });
    const { windows, periods, untilMs } = planOf(settings, nowMs);
    assert((untilMs ?? 0) >= nowMs + 400 * 86_400_000);
    assert.equal(windows?.[0]?.[1], Date.UTC(2026, 5, 15, 18));
    assert.equal(periods?.[0], Date.UTC(2026, 4, 31, 22));
    assert((periods?.at(-1) ?? 0) > nowMs + 365 * 86_400_000);
  });

  it('is empty where there is nothing to plan', () => {
    assert.deepEqual(planOf(read({ timeZone }), nowMs), { windows: null, periods: null, untilMs: null });
  });
});

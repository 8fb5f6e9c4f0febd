/** What is said against a use, with the messages of docs/contract.md, section 6, in their order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCampaignId } from '../../../src/domain/ids.js';
import { query } from '../../../src/features/query.js';
import type { PriceRequest } from '../../../src/records/objects.js';
import type { PromotionPlan } from '../../../src/records/promotions.js';
import { openShard, reasonOf, START, type TestShard } from '../shard.js';
import { cartOf, line, totalOf } from './offers.js';
import {
  addPromotion,
  at,
  cartFor,
  type Given,
  HOUR,
  HOURLY,
  messageOf,
  patch,
  qualified,
  reserve,
  reserved,
  retryAt,
  used,
} from './promotion-shard.js';

interface Obstacle {
  readonly message: string;
  readonly settings: Given;
}

/** In the order in which they are checked. */
const OBSTACLES: readonly Obstacle[] = [
  { message: 'Coupon is not active', settings: { isActive: false } },
  { message: 'Coupon is not yet valid', settings: { start: at(1) } },
  { message: 'Coupon has expired', settings: { end: at(0) } },
  { message: 'Coupon usage limit exceeded', settings: { maxUsage: 1 } },
  { message: 'Coupon usage limit per user exceeded', settings: { maxUsagePerUser: 1 } },
  { message: 'Coupon budget exhausted', settings: { budget: 1000 } },
  { message: 'Coupon is not available to this user', settings: { audience: { userIds: ['bob'], segments: ['vip'] } } },
  { message: 'Coupon conditions not met', settings: { condition: 'cart.total > 1000.0' } },
  { message: 'Coupon currency does not match', settings: { currency: 'EUR' } },
  { message: 'Minimum purchase amount of $100.01 required', settings: { minPurchaseAmount: 10_001 } },
  { message: 'No eligible products in cart for this coupon', settings: { products: ['mug'] } },
];

/** One use by ann is there, which took 10.00. Then the obstacles come. */
function shardWith(obstacles: readonly Obstacle[]): { shard: TestShard; request: Partial<PriceRequest> } {
  const shard = openShard();
  const id = addPromotion(shard);
  used(shard, { userId: 'ann' });
  assert.equal(patch(shard, id, Object.assign({}, ...obstacles.map(({ settings }) => settings))).kind, 'change');
  return { shard, request: { userId: 'ann', verdicts: [{ promotionId: id, version: 2, reason: 'total is 100' }] } };
}

describe('a use is refused', () => {
  for (const obstacle of OBSTACLES) {
    it(`with "${obstacle.message}"`, () => {
      const { shard, request } = shardWith([obstacle]);
      const verdict = shard.run(reserve(request));
      assert.equal(reasonOf(verdict), 'promotionNotApplicable');
      assert.equal(messageOf(verdict), obstacle.message);
      const asked = query(shard.state, { kind: 'quote', cart: null, request: cartFor(request) }, shard.nowMs);
      assert.equal(messageOf(asked), obstacle.message, 'a price without a reservation is refused alike');
      assert.deepEqual(
        qualified(shard, request).map(({ amount, reason }) => ({ amount, reason })),
        [{ amount: null, reason: obstacle.message }],
      );
    });
  }

  for (const [first, { message }] of OBSTACLES.entries()) {
    it(`with "${message}" if all later reasons hold, too`, () => {
      const { shard, request } = shardWith(OBSTACLES.slice(first));
      assert.equal(messageOf(shard.run(reserve(request))), message);
    });
  }

  it('with none of them if nothing stands against it', () => {
    const { shard, request } = shardWith([]);
    assert.equal(messageOf(shard.run(reserve(request))), null);
  });

  it('and a cap that is reached hides the reason that the user has', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsage: 1, maxUsagePerUser: 1 });
    used(shard, { userId: 'ann' });
    assert.equal(messageOf(shard.run(reserve({ userId: 'ann' }))), 'Coupon usage limit exceeded');
  });

  it('with the bare number of the minimum if no currency is set', () => {
    const shard = openShard();
    addPromotion(shard, { minPurchaseAmount: 50_000, couponFor: 'minPurchase', isCurrencyGiven: false });
    assert.equal(messageOf(shard.run(reserve())), 'Minimum purchase amount of 500 required');
  });

  it('with the narrow symbol of the currency in the minimum', () => {
    const shard = openShard();
    addPromotion(shard, { minPurchaseAmount: 50_000, couponFor: 'minPurchase', currency: 'INR' });
    const verdict = shard.run(reserve({ cart: totalOf(10_000, 'INR') }));
    assert.equal(messageOf(verdict), 'Minimum purchase amount of ₹500 required');
  });

  it('as not found if the code is unknown, and if all of several are', () => {
    const shard = openShard();
    addPromotion(shard);
    for (const codes of [['NONE'], ['NONE', 'NOR-THIS']]) {
      const verdict = shard.run(reserve({ codes }));
      assert.equal(reasonOf(verdict), 'promotionNotFound');
      assert.equal(messageOf(verdict), 'Coupon not found');
    }
  });
});

describe('dates', () => {
  const bounded: Given = { start: at(100), end: at(200) };
  for (const [ms, message] of [
    [99, 'Coupon is not yet valid'],
    [100, null],
    [199, null],
    [200, 'Coupon has expired'],
  ] as const) {
    it(`from 100 to 200 at ${ms}: ${message ?? 'valid'}`, () => {
      const shard = openShard();
      addPromotion(shard, bounded);
      shard.nowMs += ms;
      assert.equal(messageOf(shard.run(reserve())), message);
    });
  }

  it('before the start, the refusal names the start', () => {
    const shard = openShard();
    addPromotion(shard, bounded);
    assert.equal(retryAt(shard.run(reserve())), 100);
  });

  it('after the end, the refusal names no time', () => {
    const shard = openShard();
    addPromotion(shard, bounded);
    shard.nowMs += 200;
    assert.equal(retryAt(shard.run(reserve())), null);
  });
});

describe('windows of a schedule', () => {
  const plan: PromotionPlan = {
    windows: [
      [START + 100, START + 200],
      [START + 300, START + 400],
    ],
    periods: null,
    untilMs: START + 500,
  };
  for (const [ms, next] of [
    [0, 100],
    [99, 100],
    [100, 'open'],
    [199, 'open'],
    [200, 300],
    [299, 300],
    [300, 'open'],
    [399, 'open'],
    [400, null],
  ] as const) {
    it(`at ${ms}: ${next === 'open' ? 'open' : next === null ? 'closed, with no window to come' : `closed until ${next}`}`, () => {
      const shard = openShard();
      addPromotion(shard, {}, plan);
      shard.nowMs += ms;
      const verdict = shard.run(reserve());
      assert.equal(messageOf(verdict), next === 'open' ? null : 'Coupon is not yet valid');
      if (next !== 'open') assert.equal(retryAt(verdict), next);
    });
  }
});

describe('an audience', () => {
  const audience = { userIds: ['ann', 'bob'], segments: ['vip', 'staff'] };
  for (const [name, request, isIn] of [
    ['a named user', { userId: 'bob' }, true],
    ['another user', { userId: 'cat' }, false],
    ['another user of a named segment', { userId: 'cat', segments: ['new', 'staff'] }, true],
    ['somebody unknown of a named segment', { segments: ['vip'] }, true],
    ['somebody unknown', {}, false],
    ['a user of another segment', { userId: 'cat', segments: ['new'] }, false],
  ] as const) {
    it(`takes ${name}: ${isIn}`, () => {
      const shard = openShard();
      addPromotion(shard, { audience });
      assert.equal(messageOf(shard.run(reserve(request))), isIn ? null : 'Coupon is not available to this user');
    });
  }

  it('of segments alone takes no user by name', () => {
    const shard = openShard();
    addPromotion(shard, { audience: { userIds: null, segments: ['vip'] } });
    assert.equal(messageOf(shard.run(reserve({ userId: 'vip' }))), 'Coupon is not available to this user');
  });
});

describe('a condition', () => {
  const condition = 'cart.total > 10.0';

  function withCondition(): { shard: TestShard; id: string } {
    const shard = openShard();
    return { shard, id: addPromotion(shard, { condition }) };
  }

  it('that is not judged is asked for, and nothing is refused for good', () => {
    const { shard, id } = withCondition();
    assert.equal(reasonOf(shard.run(reserve())), 'conditionsUnjudged');
    const needed = query(shard.state, { kind: 'neededConditions', request: cartFor() }, shard.nowMs);
    assert.deepEqual(needed, { kind: 'conditions', needed: [{ promotionId: id, version: 1, condition }] });
  });

  it('that is met lets the use pass', () => {
    const { shard, id } = withCondition();
    const verdicts = [{ promotionId: id, version: 1, reason: null }];
    assert.equal(messageOf(shard.run(reserve({ verdicts }))), null);
  });

  it('that is not met refuses, and a price of several codes explains why', () => {
    const { shard, id } = withCondition();
    addPromotion(shard, { code: 'OTHER' });
    const verdicts = [{ promotionId: id, version: 1, reason: 'cart.total > 10.0 is false' }];
    assert.equal(messageOf(shard.run(reserve({ verdicts }))), 'Coupon conditions not met');
    const { quote } = reserved(shard, { codes: ['SAVE', 'OTHER'], verdicts });
    assert.deepEqual(quote.steps[0], {
      kind: 'skipped',
      id,
      code: 'SAVE',
      reason: 'Coupon conditions not met',
      explanation: 'cart.total > 10.0 is false',
    });
  });

  it('that was judged in an older version is judged once more', () => {
    const { shard, id } = withCondition();
    patch(shard, id, { condition: 'cart.total > 1000.0' });
    const stale = [{ promotionId: id, version: 1, reason: null }];
    assert.equal(reasonOf(shard.run(reserve({ verdicts: stale }))), 'conditionsUnjudged');
    const fresh = [{ promotionId: id, version: 2, reason: null }];
    assert.equal(messageOf(shard.run(reserve({ verdicts: fresh }))), null);
  });

  it('of an automatic promotion beside a code is asked for, too', () => {
    const shard = openShard();
    addPromotion(shard);
    const id = addPromotion(shard, { code: null, automatic: true, condition });
    assert.equal(reasonOf(shard.run(reserve())), 'conditionsUnjudged');
    const needed = query(shard.state, { kind: 'neededConditions', request: cartFor() }, shard.nowMs);
    assert.deepEqual(needed, { kind: 'conditions', needed: [{ promotionId: id, version: 1, condition }] });
  });

  it('is not asked for where another reason refuses already', () => {
    const { shard, id } = withCondition();
    patch(shard, id, { isActive: false });
    assert.equal(messageOf(shard.run(reserve())), 'Coupon is not active');
  });
});

describe('data that a rule needs and the request lacks', () => {
  it('is a reason: a limit per user without a userId', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerUser: 1 });
    assert.equal(messageOf(shard.run(reserve())), 'Coupon conditions not met');
  });

  it('is a reason: a discount on shipping without shipping', () => {
    const shard = openShard();
    addPromotion(shard, { type: 'shipping', discount: 1_000_000 });
    assert.equal(messageOf(shard.run(reserve())), 'Coupon conditions not met');
    const { quote } = reserved(shard, { cart: { ...totalOf(10_000), shipping: 499 } });
    assert.deepEqual([quote.originalAmount, quote.discountAmount, quote.finalAmount], [10_499, 499, 10_000]);
  });

  it('is a reason: a limit per period beyond the periods that are known', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod: { count: 1, period: 'day' } }, HOURLY);
    shard.nowMs = START + 100 * HOUR - 1;
    assert.equal(messageOf(shard.run(reserve())), null);
    shard.nowMs = START + 100 * HOUR;
    assert.equal(messageOf(shard.run(reserve())), 'Coupon usage limit exceeded');
  });
});

describe('several codes', () => {
  const CAMPAIGN = asCampaignId('01890000-0000-7000-8000-00000000c001');

  it('of which one can not apply: it is skipped, and the others apply in their order', () => {
    const shard = openShard();
    const first = addPromotion(shard, { code: 'FIRST', isActive: false });
    const second = addPromotion(shard, { code: 'SECOND' });
    const { quote } = reserved(shard, { codes: ['FIRST', 'NONE', 'SECOND'] });
    assert.deepEqual(
      quote.applied.map(({ promotionId }) => promotionId),
      [second],
    );
    assert.deepEqual(
      quote.steps.map((step) => [step.kind, step.id, step.kind === 'skipped' ? step.reason : '']),
      [
        ['skipped', first, 'Coupon is not active'],
        ['applied', second, ''],
        ['skipped', '', 'Coupon not found'],
      ],
    );
  });

  it('of which none applies are refused with the reason of the first, whatever applies by itself', () => {
    const shard = openShard();
    addPromotion(shard, { code: null, automatic: true });
    addPromotion(shard, { code: 'FIRST', isActive: false });
    addPromotion(shard, { code: 'SECOND', end: at(0) });
    assert.equal(messageOf(shard.run(reserve({ codes: ['NONE', 'SECOND', 'FIRST'] }))), 'Coupon has expired');
  });

  it('and automatic promotions stack by priority: each takes of what is left', () => {
    const shard = openShard();
    addPromotion(shard, { code: null, automatic: true, discount: 500_000, stacking: { priority: 5 } });
    addPromotion(shard, { code: 'TEN' });
    addPromotion(shard, { code: 'FIVE', type: 'fixed', discount: 500, stacking: { priority: 9 } });
    const { quote } = reserved(shard, { codes: ['TEN', 'FIVE'] });
    assert.deepEqual(
      quote.applied.map(({ code, amount }) => [code, amount]),
      [
        ['FIVE', 500],
        [null, 4750],
        ['TEN', 475],
      ],
    );
    assert.equal(quote.finalAmount, 10_000 - 500 - 4750 - 475);
  });

  it('keep the order of automatic promotions when one of these is changed', () => {
    const shard = openShard();
    const ids = [1, 2].map(() => addPromotion(shard, { code: null, automatic: true, discount: 900_000 }));
    const order = () => reserved(shard, { codes: [] }).quote.applied.map(({ promotionId }) => promotionId);
    assert.deepEqual(order(), ids);
    patch(shard, ids[0] ?? '', { name: 'Summer' });
    assert.deepEqual(order(), ids);
  });

  it('in the mode best make the largest discount, and only what applies is held', () => {
    const shard = openShard();
    const ids = (['SMALL', 'LARGE'] as const).map((code, number) =>
      addPromotion(shard, { code, discount: 100_000 * (1 + number), stacking: { exclusive: true } }),
    );
    const { quote } = reserved(shard, { codes: ['SMALL', 'LARGE'], mode: 'best' });
    assert.deepEqual(
      quote.applied.map(({ promotionId, amount }) => [promotionId, amount]),
      [[ids[1], 2000]],
    );
    assert.deepEqual(
      ids.map((id) => shard.state.promotions.promotionOf(id).held),
      [0, 1],
    );
  });

  it('that are named twice count once', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 1 });
    const { quote } = reserved(shard, { codes: ['SAVE', 'SAVE'] });
    assert.equal(quote.discountAmount, 1000);
    assert.equal(shard.state.promotions.promotionOf(id).held, 1);
  });

  it('of two campaigns are refused, and automatic promotions of another campaign do not apply', () => {
    const shard = openShard();
    addPromotion(shard);
    addPromotion(shard, { code: 'OTHER' }, undefined, CAMPAIGN);
    addPromotion(shard, { code: null, automatic: true, discount: 500_000 }, undefined, CAMPAIGN);
    assert.equal(reasonOf(shard.run(reserve({ codes: ['SAVE', 'OTHER'] }))), 'notInOneCampaign');
    assert.equal(reasonOf(shard.run(reserve({ campaignId: CAMPAIGN }))), 'notInOneCampaign');
    assert.equal(reserved(shard).quote.discountAmount, 1000);
    assert.equal(reserved(shard, { codes: ['OTHER'] }).quote.discountAmount, 1000 + 4500);
    assert.equal(reserved(shard, { codes: [], campaignId: CAMPAIGN }).quote.discountAmount, 5000);
  });

  it('discount the matching lines only', () => {
    const shard = openShard();
    addPromotion(shard, { products: ['mug'], discount: 500_000 });
    const cart = cartOf([line('mug', 301, 1), line('cup', 1000, 2)]);
    const { quote } = reserved(shard, { cart });
    assert.deepEqual(quote.applied[0]?.lines, [{ line: 0, amount: 151 }]);
    assert.equal(quote.finalAmount, 2301 - 151);
  });
});

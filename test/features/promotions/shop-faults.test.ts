/**
 * Faults that the public trackers of shop systems show over years. Each is a test here: what those
 * systems got wrong, done right.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { query } from '../../../src/features/query.js';
import { openShard, reasonOf, type TestShard } from '../shard.js';
import { answersOfShop, LAST_DAYS } from './last-days.js';
import { cartOf, line, totalOf } from './offers.js';
import {
  addPromotion,
  cartFor,
  commit,
  type Given,
  giveBack,
  HOUR,
  HOURLY,
  messageOf,
  qualified,
  release,
  reserve,
  reserved,
  usage,
  usageOf,
  use,
  used,
} from './promotion-shard.js';

test('1,500 checkouts of a promotion for 1,000 get 1,000 uses, however they overlap', () => {
  const shard = openShard();
  const id = addPromotion(shard, { maxUsage: 1000, budget: 1_000_000 });
  const open: string[] = [];
  let refused = 0;
  for (let checkout = 0; checkout < 1500; checkout++) {
    const verdict = shard.run(reserve({ userId: `user-${checkout}`, cartId: `cart-${checkout}` }));
    if (verdict.kind === 'refused') refused++;
    else if (verdict.kind === 'change' && verdict.outcome.kind === 'reserved') open.push(verdict.outcome.reservationId);
    // Payments come back late and out of order.
    if (checkout % 3 === 0) shard.run(commit(open.splice(Math.floor(open.length / 2), 1)[0] ?? ''));
    const { usageCount, heldCount } = usageOf(shard, id);
    assert(usageCount + heldCount <= 1000);
  }
  for (const one of open) assert.equal(messageOf(shard.run(commit(one))), null);
  assert.equal(refused, 500);
  assert.deepEqual(usageOf(shard, id), usage(1000, 0, 1_000_000, 0));
});

describe('a payment that is cancelled gives back the use, the use of the user, that of the period, and the money', () => {
  const limits: Given = {
    maxUsage: 1,
    maxUsagePerUser: 1,
    maxUsagePerPeriod: { count: 1, period: 'day' },
    budget: 1000,
  };
  const ways: [name: string, cancel: (shard: TestShard) => void][] = [
    ['before it was taken', (shard) => void shard.run(release(reserved(shard, { userId: 'ann' }).id))],
    [
      'by the customer, who never came back',
      (shard) => {
        reserved(shard, { userId: 'ann' });
        shard.nowMs += HOUR / 2;
      },
    ],
    ['after it was taken', (shard) => void shard.run(giveBack(used(shard, { userId: 'ann' })))],
    [
      'line by line',
      (shard) => {
        const id = used(shard, { userId: 'ann', cart: cartOf([line('mug', 5000), line('cup', 5000)]) });
        for (const productId of ['mug', 'cup']) shard.run(giveBack(id, [{ productId, quantity: 1 }]));
      },
    ],
    [
      'after the use was counted by hand',
      (shard) => {
        shard.run(use({ userId: 'ann', amount: 1000 }));
        const { id } = shard.state.promotions.reservations.at(-1) ?? assert.fail();
        shard.run(giveBack(id));
      },
    ],
  ];
  for (const [name, cancel] of ways) {
    it(name, () => {
      const shard = openShard();
      const id = addPromotion(shard, limits, HOURLY);
      cancel(shard);
      shard.sweep();
      assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
      assert.equal(messageOf(shard.run(reserve({ userId: 'ann' }))), null, 'all of it is free again');
    });
  }
});

describe('40 % and 70 % together do not make goods free by accident', () => {
  const amounts = (base: 'running' | 'original'): [number[], number] => {
    const shard = openShard();
    addPromotion(shard, { code: 'FORTY', discount: 400_000, stacking: { base } });
    addPromotion(shard, { code: 'SEVENTY', discount: 700_000, stacking: { base } });
    const { quote } = reserved(shard, { codes: ['FORTY', 'SEVENTY'], cart: cartOf([line('mug', 10_000)], 500) });
    return [quote.applied.map(({ amount }) => amount), quote.finalAmount];
  };

  it('by default each takes of what is left: 18.00 of 100.00 are to pay, and the shipping', () => {
    assert.deepEqual(amounts('running'), [[4000, 4200], 1800 + 500]);
  });

  it('of the original price, where the shop asks for that, they take all of the goods and no more', () => {
    assert.deepEqual(amounts('original'), [[4000, 6000], 500]);
  });

  it('and each step says of what it was taken', () => {
    const shard = openShard();
    addPromotion(shard, { code: 'FORTY', discount: 400_000 });
    addPromotion(shard, { code: 'SEVENTY', discount: 700_000 });
    const { quote } = reserved(shard, { codes: ['FORTY', 'SEVENTY'] });
    assert.deepEqual(
      quote.steps.map((step) => (step.kind === 'applied' ? [step.base, step.amount, step.totalAfter] : step.reason)),
      [
        [10_000, 4000, 6000],
        [6000, 4200, 1800],
      ],
    );
  });
});

describe('a cart without a user, an e-mail or anything else never throws', () => {
  const rules: readonly Given[] = [
    { maxUsagePerUser: 1 },
    { audience: { userIds: ['ann'], segments: null } },
    { audience: { userIds: null, segments: ['vip'] } },
    { audience: { userIds: null, segments: null } },
    { condition: 'user.attributes.email.endsWith("@example.com")' },
    { referrerUserId: 'ann' },
    { products: ['mug'] },
    { categories: ['mugs'] },
    { excludeProducts: ['mug'] },
    { type: 'shipping', discount: 1_000_000 },
    { couponFor: 'minPurchase', minPurchaseAmount: 1 },
    { budget: 0 },
    { maxUsagePerPeriod: { count: 1, period: 'day' } },
  ];
  const carts = [totalOf(0), totalOf(10_000), cartOf([]), cartOf([line('mug', 0)]), cartOf([line('cup', 1)], 0)];

  for (const settings of rules) {
    it(`whatever the promotion asks for: ${JSON.stringify(settings)}`, () => {
      for (const cart of carts) {
        const shard = openShard();
        const id = addPromotion(shard, settings);
        for (const verdicts of [[], [{ promotionId: id, version: 1, reason: 'user.attributes is missing' }]]) {
          const request = cartFor({ cart, verdicts });
          const known = [null, 'promotionNotApplicable', 'conditionsUnjudged'];
          assert(known.includes(reasonOf(shard.run(reserve(request)))));
          const { kind } = query(shard.state, { kind: 'quote', cart: null, request }, shard.nowMs);
          assert(kind === 'quote' || kind === 'refused');
          assert.equal(qualified(shard, request).length, 1);
          shard.run(use());
        }
      }
    });
  }
});

describe('a promotion does not end a day early', () => {
  it('wherever the shop is: its last day is whole, and the next one has none of it', () => {
    assert.deepEqual(
      answersOfShop(),
      LAST_DAYS.map(({ expected }) => expected),
    );
  });

  for (const [timeZone, offsetMinutes] of [
    ['UTC', 0],
    ['Pacific/Honolulu', -600],
    ['Pacific/Kiritimati', 840],
  ] as const) {
    it(`on a server whose own TZ is ${timeZone}`, () => {
      const script = fileURLToPath(new URL('./last-days-in-another-zone.ts', import.meta.url));
      const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], {
        env: { ...process.env, TZ: timeZone },
        encoding: 'utf8',
      });
      assert.notEqual(stdout, '', stderr);
      assert.deepEqual(JSON.parse(stdout), { offsetMinutes, answers: LAST_DAYS.map(({ expected }) => expected) });
    });
  }
});

/** The limits of promotions: holds and uses count alike, and all of them hold exactly. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openShard, outcomeOf, reasonOf, START } from '../shard.js';
import { cartOf, line, totalOf } from './offers.js';
import {
  addPromotion,
  commit,
  eventsOf,
  giveBack,
  HOUR,
  HOURLY,
  heldUntil,
  messageOf,
  patch,
  release,
  renew,
  reserve,
  reserved,
  retryAt,
  usage,
  usageOf,
  use,
  used,
  viewOf,
} from './promotion-shard.js';

const FULL = 'Coupon usage limit exceeded';
const FULL_FOR_USER = 'Coupon usage limit per user exceeded';
const NO_MONEY = 'Coupon budget exhausted';

describe('maxUsage', () => {
  it('counts holds and uses alike', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 3 });
    used(shard);
    reserved(shard);
    assert.equal(messageOf(shard.run(use({ userId: 'ann' }))), null);
    assert.deepEqual(usageOf(shard, id), usage(2, 1, 1000, 1000));
    assert.equal(messageOf(shard.run(reserve())), FULL);
    assert.equal(messageOf(shard.run(use())), FULL);
  });

  for (const [name, end] of [
    ['a release', release],
    ['a rollback', giveBack],
  ] as const) {
    it(`gets its use back by ${name}`, () => {
      const shard = openShard();
      const id = addPromotion(shard, { maxUsage: 1 });
      const made = name === 'a release' ? reserved(shard).id : used(shard);
      assert.equal(messageOf(shard.run(reserve())), FULL);
      assert.equal(shard.run(end(made)).kind, 'change');
      assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
      reserved(shard);
    });
  }

  it('gets its use back when the hold expires, and not a millisecond before', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 1 });
    reserved(shard);
    shard.nowMs += 999;
    assert.equal(messageOf(shard.run(reserve())), FULL);
    shard.nowMs += 1;
    shard.sweep();
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
    reserved(shard);
  });

  it('that another cart holds names when that may be over', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsage: 2 });
    reserved(shard, { ttlMs: 700 });
    reserved(shard, { ttlMs: 300 });
    const verdict = shard.run(reserve());
    assert.deepEqual([retryAt(verdict), heldUntil(verdict)], [300, 300]);
  });

  it('that is used up for good names no time', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsage: 1 });
    used(shard);
    const verdict = shard.run(reserve());
    assert.deepEqual([retryAt(verdict), heldUntil(verdict)], [null, null]);
  });

  it('that uses alone exceed names no time, although there are holds', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 3 });
    used(shard);
    used(shard);
    reserved(shard);
    patch(shard, id, { maxUsage: 2 });
    assert.equal(retryAt(shard.run(reserve())), null);
  });

  it('does not send a cart to wait for its own hold', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 2 });
    reserved(shard, { cartId: 'cart', ttlMs: 300 });
    reserved(shard, { ttlMs: 700 });
    patch(shard, id, { maxUsage: 1 });
    assert.equal(retryAt(shard.run(reserve({ cartId: 'cart' }))), 700);
  });

  it('lowered below the present count takes nothing away, and blocks new uses until there is room', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 3 });
    const first = used(shard);
    const second = used(shard);
    const { id: held } = reserved(shard);
    assert.equal(patch(shard, id, { maxUsage: 1 }).kind, 'change');
    assert.deepEqual(usageOf(shard, id), usage(2, 1, 2000, 1000));
    assert.equal(messageOf(shard.run(reserve())), FULL);
    assert.equal(messageOf(shard.run(renew(held))), null);
    assert.equal(messageOf(shard.run(commit(held))), null);
    for (const one of [first, second]) {
      assert.equal(messageOf(shard.run(giveBack(one))), null);
      assert.equal(messageOf(shard.run(reserve())), FULL);
    }
    assert.equal(messageOf(shard.run(giveBack(held))), null);
    reserved(shard);
  });
});

describe('maxUsagePerUser', () => {
  it('counts the holds and uses of each user by themselves', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerUser: 2 });
    used(shard, { userId: 'ann' });
    reserved(shard, { userId: 'ann' });
    assert.equal(messageOf(shard.run(reserve({ userId: 'ann' }))), FULL_FOR_USER);
    assert.equal(messageOf(shard.run(use({ userId: 'ann' }))), FULL_FOR_USER);
    assert.equal(messageOf(shard.run(reserve({ userId: 'bob' }))), null);
  });

  it('that another cart of the user holds names when that may be over', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerUser: 1 });
    reserved(shard, { userId: 'bob', ttlMs: 300 });
    reserved(shard, { userId: 'ann', ttlMs: 700 });
    const verdict = shard.run(reserve({ userId: 'ann' }));
    assert.deepEqual([retryAt(verdict), heldUntil(verdict)], [700, 700]);
  });

  it('counts over all callers', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerUser: 1 });
    reserved(shard, { userId: 'ann', caller: 'shop' });
    assert.equal(messageOf(shard.run(reserve({ userId: 'ann', caller: 'till' }))), FULL_FOR_USER);
  });

  it('gets back what was released, what has expired and what was rolled back', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerUser: 1 });
    shard.run(release(reserved(shard, { userId: 'ann' }).id));
    shard.run(giveBack(used(shard, { userId: 'ann' })));
    reserved(shard, { userId: 'ann' });
    shard.nowMs += 1000;
    reserved(shard, { userId: 'ann' });
    assert.equal(messageOf(shard.run(reserve({ userId: 'ann' }))), FULL_FOR_USER);
  });
});

describe('maxUsagePerPeriod', () => {
  const maxUsagePerPeriod = { count: 2, period: 'day' } as const;

  it('counts over all users, holds and uses alike, until the next period begins', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    used(shard, { userId: 'ann' });
    used(shard, { userId: 'bob' });
    const refused = shard.run(reserve({ userId: 'cat' }));
    assert.equal(messageOf(refused), FULL);
    assert.deepEqual([retryAt(refused), heldUntil(refused)], [HOUR, null]);
    shard.nowMs = START + HOUR - 1;
    assert.equal(messageOf(shard.run(reserve())), FULL);
    shard.nowMs = START + HOUR;
    used(shard);
    used(shard);
    assert.equal(retryAt(shard.run(reserve())), 2 * HOUR);
  });

  it('that another cart holds may be free again before the next period begins', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    used(shard);
    reserved(shard, { ttlMs: 700 });
    const verdict = shard.run(reserve());
    assert.deepEqual([retryAt(verdict), heldUntil(verdict)], [700, 700]);
  });

  it('that another cart holds for longer than the period is retried in the next period', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    used(shard);
    reserved(shard, { ttlMs: 2 * HOUR });
    const verdict = shard.run(reserve());
    assert.deepEqual([retryAt(verdict), heldUntil(verdict)], [HOUR, 2 * HOUR]);
  });

  it('is not free earlier because a hold of an earlier period ends', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    reserved(shard, { ttlMs: HOUR + 700 });
    shard.nowMs = START + HOUR;
    used(shard);
    used(shard);
    assert.equal(retryAt(shard.run(reserve())), 2 * HOUR);
  });

  it('counts a use in the period of its reservation, whenever that is committed', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    shard.nowMs = START + HOUR - 1;
    const held = [reserved(shard), reserved(shard)];
    shard.nowMs = START + HOUR + 1;
    for (const { id } of held) assert.equal(messageOf(shard.run(commit(id))), null);
    used(shard);
    used(shard);
    assert.equal(messageOf(shard.run(reserve())), FULL);
  });

  it('gives a use back to the period in which it was counted', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    const old = used(shard);
    used(shard);
    shard.nowMs = START + HOUR;
    used(shard);
    used(shard);
    assert.equal(messageOf(shard.run(giveBack(old))), null);
    assert.equal(messageOf(shard.run(reserve())), FULL, 'the period of now is full as before');
    const { byPeriod } = shard.state.promotions.promotionOf(id);
    assert.deepEqual(
      [...byPeriod],
      [
        [START, 1],
        [START + HOUR, 2],
      ],
    );
  });

  it('counts the replaced hold of an earlier period in the period of now', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    shard.nowMs = START + HOUR - 1;
    reserved(shard, { cartId: 'cart' });
    shard.nowMs = START + HOUR;
    used(shard);
    reserved(shard, { cartId: 'cart' });
    assert.deepEqual([...shard.state.promotions.promotionOf(id).byPeriod], [[START + HOUR, 2]]);
    assert.equal(messageOf(shard.run(reserve({ cartId: 'cart' }))), null);
    assert.equal(messageOf(shard.run(reserve({ cartId: 'other' }))), FULL);
  });

  it('does not let the hold of an earlier period make room in a full one', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerPeriod }, HOURLY);
    shard.nowMs = START + HOUR - 1;
    reserved(shard, { cartId: 'cart' });
    shard.nowMs = START + HOUR;
    used(shard);
    used(shard);
    assert.equal(messageOf(shard.run(reserve({ cartId: 'cart' }))), FULL);
  });
});

describe('a budget', () => {
  it('holds to the minor unit', () => {
    const shard = openShard();
    const id = addPromotion(shard, { budget: 1001 });
    reserved(shard, { cart: totalOf(10_000) });
    assert.equal(messageOf(shard.run(reserve({ cart: totalOf(15) }))), NO_MONEY, '1.5 minor units are 2');
    reserved(shard, { cart: totalOf(14) });
    assert.deepEqual(usageOf(shard, id), usage(0, 2, 0, 1001));
    assert.equal(messageOf(shard.run(reserve({ cart: totalOf(1) }))), NO_MONEY, 'also a discount that rounds to 0');
  });

  it('gets its money back by release, by expiry and by rollback', () => {
    const shard = openShard();
    const id = addPromotion(shard, { budget: 1000 });
    shard.run(release(reserved(shard).id));
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
    reserved(shard);
    shard.nowMs += 1000;
    shard.sweep();
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
    const order = used(shard);
    assert.deepEqual(usageOf(shard, id), usage(1, 0, 1000, 0));
    shard.run(giveBack(order));
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
    reserved(shard);
  });

  it('that other carts hold names when that may be over, whether all of it is held or a part', () => {
    for (const budget of [1000, 1500]) {
      const shard = openShard();
      addPromotion(shard, { budget });
      reserved(shard, { ttlMs: 700 });
      const verdict = shard.run(reserve());
      assert.equal(messageOf(verdict), NO_MONEY);
      assert.deepEqual([retryAt(verdict), heldUntil(verdict)], [700, 700], `a budget of ${budget}`);
    }
  });

  it('that is spent, or smaller than the discount, names no time', () => {
    const shard = openShard();
    addPromotion(shard, { budget: 1500 });
    used(shard);
    reserved(shard, { cart: totalOf(1000) });
    const verdict = shard.run(reserve());
    assert.equal(messageOf(verdict), NO_MONEY);
    assert.equal(retryAt(verdict), null, 'if the hold ends, 5.00 are left for 10.00');
  });

  it('lowered below what is spent and held blocks new uses only', () => {
    const shard = openShard();
    const id = addPromotion(shard, { budget: 5000 });
    used(shard);
    const { id: held } = reserved(shard);
    assert.equal(patch(shard, id, { budget: 500 }).kind, 'change');
    assert.equal(messageOf(shard.run(reserve({ cart: totalOf(100) }))), NO_MONEY);
    assert.equal(messageOf(shard.run(commit(held))), null);
    assert.deepEqual(usageOf(shard, id), usage(2, 0, 2000, 0));
  });

  it('is skipped among several codes where its money does not reach', () => {
    const shard = openShard();
    const poor = addPromotion(shard, { code: 'POOR', budget: 999 });
    const other = addPromotion(shard, { code: 'OTHER' });
    const { quote } = reserved(shard, { codes: ['POOR', 'OTHER'] });
    assert.deepEqual(
      quote.applied.map(({ promotionId, amount }) => [promotionId, amount]),
      [[other, 1000]],
    );
    assert.deepEqual(usageOf(shard, poor), usage(0, 0, 0, 0));
  });

  it('of each promotion takes only its own part of the discount', () => {
    const shard = openShard();
    const ten = addPromotion(shard, { code: 'TEN', budget: 1000 });
    const fixed = addPromotion(shard, { code: 'FIXED', type: 'fixed', discount: 333, budget: 333 });
    used(shard, { codes: ['TEN', 'FIXED'], cart: cartOf([line('mug', 5000), line('cup', 5000)]) });
    assert.deepEqual(usageOf(shard, ten), usage(1, 0, 1000, 0));
    assert.deepEqual(usageOf(shard, fixed), usage(1, 0, 333, 0));
  });
});

describe('a referral', () => {
  const referrals = (userId: string | undefined): boolean[] => {
    const shard = openShard();
    addPromotion(shard, { referrerUserId: 'ann' });
    used(shard, userId === undefined ? {} : { userId });
    shard.run(use(userId === undefined ? {} : { userId }));
    return eventsOf(shard, 'reservationMade').flatMap(({ cart }) => cart.holds.map(({ isReferral }) => isReferral));
  };

  it('counts for another user, and for one who is not known', () => {
    assert.deepEqual(referrals('bob'), [true, true]);
    assert.deepEqual(referrals(undefined), [true, true]);
  });

  it('does not count for the referrer, who may use the code', () => {
    assert.deepEqual(referrals('ann'), [false, false]);
  });

  it('is none without a referrer', () => {
    const shard = openShard();
    addPromotion(shard);
    used(shard, { userId: 'bob' });
    assert.equal(eventsOf(shard, 'reservationMade')[0]?.cart.holds[0]?.isReferral, false);
  });
});

describe('a use that is counted after the order', () => {
  it('answers the promotion with it, which then has it', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 2, budget: 500 });
    const outcome = outcomeOf(shard.run(use({ amount: 499, orderId: 'order' })));
    assert(outcome.kind === 'promotion');
    assert.deepEqual(outcome.promotion.usage, usage(1, 0, 499, 0));
    assert.deepEqual(viewOf(shard, id), outcome.promotion);
  });

  for (const [name, settings, fields, isComplete] of [
    ['a userId where users have a limit', { maxUsagePerUser: 1 }, { amount: 1 }, false],
    ['its amount where there is a budget', { budget: 100 }, { userId: 'ann' }, false],
    ['both where there are both', { maxUsagePerUser: 1, budget: 100 }, { userId: 'ann', amount: 1 }, true],
    ['neither where there is neither', {}, {}, true],
  ] as const) {
    it(`needs ${name}`, () => {
      const shard = openShard();
      addPromotion(shard, settings);
      assert.equal(reasonOf(shard.run(use(fields))), isComplete ? null : 'useIncomplete');
    });
  }

  it('is refused at each limit, with its message', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsagePerUser: 1, budget: 100 });
    assert.equal(messageOf(shard.run(use({ userId: 'ann', amount: 101 }))), NO_MONEY);
    assert.equal(messageOf(shard.run(use({ userId: 'ann', amount: 100 }))), null);
    assert.equal(messageOf(shard.run(use({ userId: 'ann', amount: 0 }))), FULL_FOR_USER);
    assert.equal(messageOf(shard.run(use({ userId: 'bob', amount: 1 }))), NO_MONEY);
    patch(shard, id, { maxUsage: 1 });
    assert.equal(messageOf(shard.run(use({ userId: 'bob', amount: 0 }))), FULL);
  });

  it('counts although the promotion has ended since the order was made', () => {
    const shard = openShard();
    const id = addPromotion(shard, { isActive: false });
    assert.equal(messageOf(shard.run(use())), null);
    assert.equal(usageOf(shard, id).usageCount, 1);
  });

  it('of an unknown code is not found', () => {
    assert.equal(reasonOf(openShard().run(use())), 'promotionNotFound');
  });

  it('can be rolled back as a whole, not by lines', () => {
    const shard = openShard();
    const id = addPromotion(shard, { budget: 500 });
    shard.run(use({ amount: 300 }));
    const { reservationId } = eventsOf(shard, 'reservationMade')[0] ?? assert.fail();
    assert.equal(reasonOf(shard.run(giveBack(reservationId, [{ productId: 'mug', quantity: 1 }]))), 'linesNotReserved');
    assert.equal(messageOf(shard.run(giveBack(reservationId))), null);
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
  });
});

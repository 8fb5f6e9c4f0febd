/** Lists of promotions, and what a cart or a product can get. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCampaignId } from '../../../src/domain/ids.js';
import type { PromotionFilter } from '../../../src/domain/promotion-views.js';
import { openShard, START, type TestShard } from '../shard.js';
import { cartOf, line } from './offers.js';
import {
  addPromotion,
  archivePromotion,
  ask,
  at,
  listed,
  patch,
  qualified,
  usage,
  used,
  viewOf,
} from './promotion-shard.js';

const CAMPAIGN = asCampaignId('01890000-0000-7000-8000-00000000c001');

/** Made in this order, a millisecond apart; the archived one is in no list. */
function shop(): TestShard {
  const shard = openShard();
  addPromotion(shard, { code: 'BETA', discount: 200_000, end: at(900) });
  shard.nowMs++;
  addPromotion(shard, { code: 'ALPHA', type: 'fixed', discount: 100, couponFor: 'minPurchase', minPurchaseAmount: 1 });
  shard.nowMs++;
  addPromotion(shard, { code: 'GAMMA', type: 'shipping', discount: 300_000, isActive: false, end: at(500) });
  shard.nowMs++;
  addPromotion(shard, { code: null, automatic: true, discount: 200_000 }, undefined, CAMPAIGN);
  shard.run(archivePromotion(addPromotion(shard, { code: 'GONE' })));
  used(shard, { codes: ['ALPHA'] });
  used(shard, { codes: ['ALPHA'] });
  used(shard, { codes: ['BETA'] });
  return shard;
}

const codesOf = (shard: TestShard, filter: Partial<PromotionFilter>): (string | null)[] =>
  listed(shard, filter).items.map(({ promotion }) => promotion.settings.code);

describe('a list of promotions', () => {
  for (const [sortBy, ascending, descending] of [
    ['createdAt', ['BETA', 'ALPHA', 'GAMMA', null], [null, 'GAMMA', 'ALPHA', 'BETA']],
    ['code', ['ALPHA', 'BETA', 'GAMMA', null], ['GAMMA', 'BETA', 'ALPHA', null]],
    ['discount', ['ALPHA', 'BETA', null, 'GAMMA'], ['GAMMA', 'BETA', null, 'ALPHA']],
    ['usageCount', ['GAMMA', null, 'BETA', 'ALPHA'], ['ALPHA', 'BETA', 'GAMMA', null]],
    ['endDate', ['GAMMA', 'BETA', 'ALPHA', null], ['BETA', 'GAMMA', 'ALPHA', null]],
  ] as const) {
    it(`is sorted by ${sortBy}: ties by id, and what has no value comes last`, () => {
      assert.deepEqual(codesOf(shop(), { sortBy }), ascending);
      assert.deepEqual(codesOf(shop(), { sortBy, descending: true }), descending);
    });
  }

  it('is sorted by the last change', () => {
    const shard = shop();
    shard.nowMs++;
    patch(shard, listed(shard, { code: 'BETA' }).items[0]?.promotion.id ?? '', { name: 'Summer' });
    assert.deepEqual(codesOf(shard, { sortBy: 'updatedAt', descending: true }), ['BETA', null, 'GAMMA', 'ALPHA']);
  });

  for (const [name, filter, expected] of [
    ['the code', { code: 'BETA' }, ['BETA']],
    ['the code of an archived one', { code: 'GONE' }, []],
    ['the type', { type: 'shipping' }, ['GAMMA']],
    ['what it is for', { couponFor: 'minPurchase' }, ['ALPHA']],
    ['those that are active', { isActive: true }, ['BETA', 'ALPHA', null]],
    ['those that are not', { isActive: false }, ['GAMMA']],
    ['the campaign', { campaignId: CAMPAIGN }, [null]],
    ['several', { type: 'percentage', isActive: true }, ['BETA', null]],
  ] as const) {
    it(`is filtered by ${name}`, () => assert.deepEqual(codesOf(shop(), filter), expected));
  }

  it('gives the first ones, and how many there are in all', () => {
    const { total, items } = listed(shop(), { count: 3 });
    assert.deepEqual([total, items.length], [4, 3]);
  });

  it('shows the usage of each', () => {
    const { items } = listed(shop(), { code: 'ALPHA' });
    assert.deepEqual(items[0]?.usage, usage(2, 0, 200, 0));
  });
});

describe('a promotion', () => {
  it('is read by its id and by its code, with its version', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    shard.nowMs += 5;
    patch(shard, id, { name: 'Summer' });
    const { promotion } = viewOf(shard, id);
    assert.deepEqual([promotion.version, promotion.createdMs, promotion.updatedMs], [2, START, START + 5]);
    assert.deepEqual(ask(shard, { kind: 'getCode', code: 'SAVE' }, 'promotion').view, viewOf(shard, id));
  });

  it('that was changed since that version is not changed again', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const { settings, plan, version } = viewOf(shard, id).promotion;
    patch(shard, id, { name: 'Summer' });
    const verdict = shard.run({ kind: 'updatePromotion', id, settings, plan, version });
    assert.equal(verdict.kind === 'refused' ? verdict.reason : null, 'promotionVersionMismatch');
  });
});

describe('the promotions of a product', () => {
  const forMug = (given: Parameters<typeof addPromotion>[1]): number => {
    const shard = openShard();
    addPromotion(shard, given);
    return ask(shard, { kind: 'productPromotions', productId: 'mug' }, 'promotions').found.total;
  };
  for (const [name, given, expected] of [
    ['that lists it', { products: ['cup', 'mug'] }, 1],
    ['that lists others', { products: ['cup'] }, 0],
    ['without a list', {}, 1],
    ['for a minimum purchase', { couponFor: 'minPurchase', minPurchaseAmount: 5000 }, 1],
    ['that excludes it', { excludeProducts: ['mug'] }, 0],
    ['that is not active', { isActive: false }, 0],
    ['that has not begun', { start: at(1) }, 0],
    ['that is over', { end: at(0) }, 0],
    ['that is used up', { maxUsage: 1 }, 1],
  ] as const) {
    it(`${expected === 1 ? 'have' : 'do not have'} one ${name}`, () => assert.equal(forMug(given), expected));
  }

  it('have none that is archived', () => {
    const shard = openShard();
    shard.run(archivePromotion(addPromotion(shard)));
    assert.equal(ask(shard, { kind: 'productPromotions', productId: 'mug' }, 'promotions').found.total, 0);
  });
});

describe('what a cart qualifies for', () => {
  it('is each promotion by itself with its amount, or the reason why not; the last made comes first', () => {
    const shard = openShard();
    addPromotion(shard, { code: 'HALF', discount: 500_000, stacking: { exclusive: true } });
    addPromotion(shard, { code: null, automatic: true, type: 'fixed', discount: 700 });
    addPromotion(shard, { code: 'MUG', products: ['mug'] });
    addPromotion(shard, { code: 'OFF', isActive: false });
    addPromotion(shard, { code: 'BOB', audience: { userIds: ['bob'], segments: null } });
    shard.run(archivePromotion(addPromotion(shard, { code: 'GONE' })));
    const items = qualified(shard, { cart: cartOf([line('cup', 1000)]), userId: 'ann' });
    assert.deepEqual(
      items.map(({ view, amount, reason }) => [view.promotion.settings.code, amount, reason]),
      [
        ['BOB', null, 'Coupon is not available to this user'],
        ['OFF', null, 'Coupon is not active'],
        ['MUG', null, 'No eligible products in cart for this coupon'],
        [null, 700, null],
        ['HALF', 500, null],
      ],
    );
  });

  it('asks for the verdict on a condition, and takes it', () => {
    const shard = openShard();
    const id = addPromotion(shard, { condition: 'cart.total > 1.0' });
    const needed = { promotionId: id, version: 1, condition: 'cart.total > 1.0' };
    assert.deepEqual(
      qualified(shard).map((item) => [item.amount, item.reason, item.needed]),
      [[null, null, needed]],
    );
    for (const [reason, expected] of [
      [null, [1000, null, null]],
      ['too small', [null, 'Coupon conditions not met', null]],
    ] as const)
      assert.deepEqual(
        qualified(shard, { verdicts: [{ promotionId: id, version: 1, reason }] }).map((item) => [
          item.amount,
          item.reason,
          item.needed,
        ]),
        [expected],
      );
  });

  it('is of one campaign, if the cart names one', () => {
    const shard = openShard();
    addPromotion(shard);
    const id = addPromotion(shard, { code: 'OTHER' }, undefined, CAMPAIGN);
    assert.equal(qualified(shard).length, 2);
    assert.deepEqual(
      qualified(shard, { campaignId: CAMPAIGN }).map(({ view }) => view.promotion.id),
      [id],
    );
  });

  it('changes nothing', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    qualified(shard);
    assert.deepEqual(viewOf(shard, id).usage, usage(0, 0, 0, 0));
  });
});

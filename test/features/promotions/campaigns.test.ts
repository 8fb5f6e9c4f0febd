/** What belongs together: reserving all or none of it, and ending all of it at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Verdict } from '../../../src/domain/decide.js';
import { asCampaignId } from '../../../src/domain/ids.js';
import { BOOK, openShard, outcomeOf, reasonOf, START, type TestShard } from '../shard.js';
import {
  addPromotion,
  archivePromotion,
  ask,
  commit,
  discount,
  eventsOf,
  type Given,
  heldUntil,
  messageOf,
  patch,
  reservation,
  reserve,
  reserved,
  retryAt,
  usage,
  usageOf,
} from './promotion-shard.js';

const CAMPAIGN = asCampaignId('01890000-0000-7000-8000-00000000c001');
const OTHER = asCampaignId('01890000-0000-7000-8000-00000000c002');
const stop = { kind: 'stopCampaign', campaign: CAMPAIGN } as const;

const add = (shard: TestShard, given: Given, campaignId = CAMPAIGN): string =>
  addPromotion(shard, given, undefined, campaignId);

describe('all or none', () => {
  const all = { campaignId: CAMPAIGN, isWhole: true, codes: ['FIRST', 'SECOND'] } as const;

  function withTwo(second: Given = {}): { shard: TestShard; ids: string[] } {
    const shard = openShard();
    return { shard, ids: [add(shard, { code: 'FIRST' }), add(shard, { code: 'SECOND', ...second })] };
  }

  it('is held in one change, if all of it applies', () => {
    const { shard, ids } = withTwo();
    const changes = shard.changes.length;
    const { id } = reserved(shard, all);
    assert.equal(shard.changes.length, changes + 1);
    assert.deepEqual(
      reservation(shard, id).cart.holds.map(({ promotionId }) => promotionId),
      ids,
    );
  });

  for (const [name, second, reason] of [
    ['is not active', { isActive: false }, 'Coupon is not active'],
    ['has a budget that does not reach', { budget: 1 }, 'Coupon budget exhausted'],
    ['has no product in the cart', { products: ['mug'] }, 'No eligible products in cart for this coupon'],
    ['applies alone', { stacking: { exclusive: true } }, 'Coupon cannot be combined with the others'],
  ] as const) {
    it(`is refused, and holds nothing, if one ${name}`, () => {
      const { shard, ids } = withTwo(second);
      const verdict = shard.run(reserve(all));
      assert.equal(reasonOf(verdict), 'campaignIncomplete');
      assert.equal(messageOf(verdict), `SECOND: ${reason}`);
      for (const id of ids) assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
    });
  }

  it('is refused with the name of each that is missing', () => {
    const { shard } = withTwo({ isActive: false });
    patch(shard, shard.state.promotions.byCode('FIRST')?.current.id ?? '', { isActive: false });
    assert.equal(messageOf(shard.run(reserve(all))), 'FIRST: Coupon is not active; SECOND: Coupon is not active');
    const unknown = shard.run(reserve({ ...all, codes: ['FIRST', 'NONE', 'NOR-THIS'] }));
    assert.equal(messageOf(unknown), 'NONE: Coupon not found; NOR-THIS: Coupon not found');
  });

  it('is refused with each that is missing as a field, by the name that the caller gave', () => {
    const { shard } = withTwo({ isActive: false });
    const automatic = add(shard, { code: null, automatic: true, products: ['mug'] });
    const verdict = shard.run(reserve({ ...all, promotionIds: [automatic] }));
    assert(verdict.kind === 'refused');
    assert.deepEqual(verdict.missing, [
      { name: 'SECOND', reason: 'Coupon is not active' },
      { name: automatic, reason: 'No eligible products in cart for this coupon' },
    ]);
    const unknown = shard.run(reserve({ ...all, codes: ['FIRST', 'NONE'] }));
    assert(unknown.kind === 'refused');
    assert.deepEqual(unknown.missing, [{ name: 'NONE', reason: 'Coupon not found' }]);
  });

  describe('says when all of it may be there', () => {
    const ofBoth = (verdict: Verdict): unknown => [retryAt(verdict), heldUntil(verdict)];

    it('the latest of the times at which each may be free, if other carts hold them', () => {
      const shard = openShard();
      add(shard, { code: 'FIRST', maxUsage: 2 });
      add(shard, { code: 'SECOND', maxUsage: 1 });
      for (const ttlMs of [900, 300]) reserved(shard, { ...all, codes: ['FIRST'], ttlMs });
      reserved(shard, { ...all, codes: ['SECOND'], ttlMs: 700 });
      // Of FIRST, the first use may be free at 300.
      assert.deepEqual(ofBoth(shard.run(reserve(all))), [700, 700]);
    });

    it('of the cart, whose own hold does not count', () => {
      const shard = openShard();
      add(shard, { code: 'FIRST', maxUsage: 1 });
      add(shard, { code: 'SECOND', maxUsage: 1 });
      reserved(shard, { ...all, codes: ['FIRST'], cartId: 'cart', ttlMs: 900 });
      reserved(shard, { ...all, codes: ['SECOND'], ttlMs: 300 });
      assert.deepEqual(ofBoth(shard.run(reserve({ ...all, cartId: 'cart' }))), [300, 300]);
    });

    it('where other carts hold its money, also if it takes less beside the others than alone', () => {
      const shard = openShard();
      add(shard, { code: 'FIRST', discount: 500_000 });
      // Beside FIRST it takes 5.00 of 100.00, alone it would take 10.00.
      add(shard, { code: 'SECOND', budget: 600 });
      reserved(shard, { ...all, ttlMs: 400 });
      assert.deepEqual(ofBoth(shard.run(reserve(all))), [400, 400]);
    });

    it('the begin of one that has not begun, and until when others are held', () => {
      const { shard } = withTwo({ start: { given: '', local: '', ms: START + 5000 } });
      patch(shard, shard.state.promotions.byCode('FIRST')?.current.id ?? '', { maxUsage: 1 });
      reserved(shard, { ...all, codes: ['FIRST'], ttlMs: 700 });
      assert.deepEqual(ofBoth(shard.run(reserve(all))), [5000, 700]);
    });

    it('no time, if waiting does not bring one of them', () => {
      const { shard } = withTwo({ isActive: false });
      patch(shard, shard.state.promotions.byCode('FIRST')?.current.id ?? '', { maxUsage: 1 });
      reserved(shard, { ...all, codes: ['FIRST'], ttlMs: 700 });
      assert.deepEqual(ofBoth(shard.run(reserve(all))), [null, null]);
      assert.deepEqual(ofBoth(shard.run(reserve({ ...all, codes: ['FIRST', 'NONE'] }))), [null, null]);
    });
  });

  it('takes promotions by their ids, also automatic ones, and none that is archived', () => {
    const shard = openShard();
    const id = add(shard, { code: null, automatic: true });
    const request = { campaignId: CAMPAIGN, isWhole: true, codes: [], promotionIds: [id] } as const;
    assert.equal(reserved(shard, request).quote.applied.length, 1);
    shard.run(archivePromotion(id));
    assert.equal(reasonOf(shard.run(reserve(request))), 'campaignIncomplete');
  });

  it('leaves out an automatic promotion that does not apply and was not named', () => {
    const { shard } = withTwo();
    add(shard, { code: null, automatic: true, isActive: false });
    assert.equal(reserved(shard, all).quote.applied.length, 2);
  });

  it('keeps the old hold of the cart if it is refused', () => {
    const { shard, ids } = withTwo({ maxUsage: 1 });
    reserved(shard, { ...all, codes: ['SECOND'] });
    reserved(shard, { ...all, codes: ['FIRST'], cartId: 'cart' });
    assert.equal(reasonOf(shard.run(reserve({ ...all, cartId: 'cart' }))), 'campaignIncomplete');
    for (const id of ids) assert.deepEqual(usageOf(shard, id), usage(0, 1, 0, 1000));
  });

  it('names things of one campaign', () => {
    const { shard } = withTwo();
    add(shard, { code: 'OTHER' }, OTHER);
    assert.equal(reasonOf(shard.run(reserve({ ...all, codes: ['FIRST', 'OTHER'] }))), 'notInOneCampaign');
  });
});

describe('a campaign that is stopped', () => {
  it('has no active promotion any more, in one change; those of others go on', () => {
    const shard = openShard();
    add(shard, { code: 'FIRST' });
    add(shard, { code: 'SECOND', isActive: false });
    add(shard, { code: 'OTHER' }, OTHER);
    shard.run(archivePromotion(add(shard, { code: 'GONE' })));
    const changes = shard.changes.length;
    assert.deepEqual(outcomeOf(shard.run(stop)), { kind: 'campaignStopped', stopped: 1 });
    assert.equal(shard.changes.length, changes + 1);
    assert.equal(eventsOf(shard, 'promotionUpdated').length, 1);
    assert.equal(messageOf(shard.run(reserve({ codes: ['FIRST'] }))), 'Coupon is not active');
    assert.equal(reserved(shard, { codes: ['OTHER'] }).quote.applied.length, 1);
    const { promotions, active } = ask(shard, { kind: 'getCampaign', campaign: CAMPAIGN }, 'campaign').campaign;
    assert.deepEqual([promotions, active], [2, 0]);
  });

  it('is stopped a second time without a change', () => {
    const shard = openShard();
    add(shard, {});
    shard.run(stop);
    const again = shard.run(stop);
    assert.equal(again.kind, 'unchanged');
    assert.deepEqual(outcomeOf(again), { kind: 'campaignStopped', stopped: 0 });
  });

  it('lets open reservations be committed, and its promotions be switched on again', () => {
    const shard = openShard();
    const id = add(shard, {});
    const made = reserved(shard).id;
    shard.run(stop);
    assert.equal(messageOf(shard.run(commit(made))), null);
    patch(shard, id, { isActive: true });
    reserved(shard);
    assert.deepEqual(usageOf(shard, id), usage(1, 1, 1000, 1000));
  });

  it('that is not there is not found', () => {
    assert.equal(reasonOf(openShard().run(stop)), 'campaignNotFound');
  });
});

describe('the key of a reservation', () => {
  it('is that of the campaign that it is made in, though its cart names a code of another one that is gone', () => {
    const shard = openShard();
    shard.run(archivePromotion(add(shard, { code: 'GONE' }, OTHER)));
    const automatic = add(shard, { code: null, automatic: true });
    const id = add(shard, {});
    const carts = [{ codes: ['GONE', 'SAVE'] }, { codes: ['GONE'], promotionIds: [id], campaignId: CAMPAIGN }];
    for (const [number, cart] of carts.entries()) {
      const first = outcomeOf(shard.run(reserve(cart), { key: `key-${number}` }));
      const again = shard.run(reserve(cart), { key: `key-${number}` });
      assert.deepEqual([again.kind, outcomeOf(again)], ['replay', first]);
      for (const held of [id, automatic]) assert.equal(usageOf(shard, held).heldCount, number + 1);
    }
  });
});

describe('a campaign that has the id of a book', () => {
  it('is there once a promotion was made with it, and is stopped whole', () => {
    const shard = openShard();
    shard.addBook({}, ['A-1']);
    const stopBook = { kind: 'stopCampaign', campaign: asCampaignId(BOOK) } as const;
    shard.run(discount({}));
    assert.equal(reasonOf(shard.run(stopBook)), 'campaignNotFound');
    add(shard, { code: 'BESIDE' }, asCampaignId(BOOK));
    const { campaign } = ask(shard, { kind: 'getCampaign', campaign: asCampaignId(BOOK) }, 'campaign');
    assert.deepEqual([campaign.promotions, campaign.active], [1, 1]);
    const outcome = outcomeOf(shard.run(stopBook));
    assert.deepEqual(outcome, { kind: 'campaignStopped', stopped: 2 });
  });
});

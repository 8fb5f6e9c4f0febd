/** Unique codes that carry a discount: the discount of their book, held and used by carts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../../src/domain/command.js';
import { asBookId, asCampaignId } from '../../../src/domain/ids.js';
import { digest } from '../../../src/features/digest.js';
import { query } from '../../../src/features/query.js';
import {
  archive,
  assign,
  BOOK,
  inWords,
  lastRedemptionId,
  lock,
  openShard,
  outcomeOf,
  reasonOf,
  redeem,
  replay,
  rollback,
  SETTINGS,
  START,
  type TestShard,
  unassign,
  unlock,
  update,
} from '../shard.js';
import { cartOf, line } from './offers.js';
import {
  addPromotion,
  cartFor,
  commit,
  discount,
  type Given,
  giveBack,
  HOUR,
  HOURLY,
  lastReservationId,
  messageOf,
  patch,
  pricedIn,
  release,
  renew,
  reservation,
  reserve,
  reserved,
  retryAt,
  settingsOf,
  used,
} from './promotion-shard.js';

const CAMPAIGN = asCampaignId('01890000-0000-7000-8000-00000000c001');
const ADA = { codes: ['A-1'], userId: 'ada' } as const;
const BEARER = { redeemableBy: 'bearer' } as const;

/** A book with the codes that takes 10 % of a cart. */
function withBook(given: Given = {}, book: Parameters<TestShard['addBook']>[0] = BEARER, plan = HOURLY): TestShard {
  const shard = openShard();
  shard.addBook(book, ['A-1', 'A-2', 'A-3']);
  assert.equal(shard.run(discount(given, plan)).kind, 'change');
  return shard;
}

function bookUsage(shard: TestShard): readonly number[] {
  const found = query(shard.state, { kind: 'getBook', bookId: BOOK }, shard.nowMs);
  assert(found.kind === 'book' && found.view.offer.discount !== null);
  const { usageCount, heldCount, budgetUsed, budgetHeld } = found.view.offer.discount.usage;
  return [usageCount, heldCount, budgetUsed, budgetHeld];
}

const codeView = (shard: TestShard, code = 'A-1') => {
  const found = query(shard.state, { kind: 'getCode', code }, shard.nowMs);
  assert(found.kind === 'code', JSON.stringify(found));
  return found.code;
};

/** The events of a command, in words. */
function eventsOf(shard: TestShard, command: Command): readonly string[] {
  const verdict = shard.run(command);
  assert(verdict.kind === 'change', JSON.stringify(verdict));
  return verdict.change.events.map(inWords);
}

const quoteKind = (shard: TestShard, request: Parameters<typeof cartFor>[0]) =>
  query(shard.state, { kind: 'quote', request: cartFor(request), cart: null }, shard.nowMs);

describe('a code of a book with a discount', () => {
  it('applies to a cart, under its own name', () => {
    const shard = withBook();
    const found = quoteKind(shard, ADA);
    assert(found.kind === 'quote');
    assert.deepEqual(
      pricedIn(found.text).applied.map(({ code, amount, promotionId }) => [code, amount, promotionId]),
      [['A-1', 1000, BOOK]],
    );
    assert.deepEqual(bookUsage(shard), [0, 0, 0, 0]);
  });

  it('is locked by the reservation, and assigned if nobody had it', () => {
    const shard = withBook();
    const { seq } = shard.state;
    assert.deepEqual(eventsOf(shard, reserve(ADA)), [
      'reservationMade',
      `codeAssigned A-1 ada at +0`,
      `codeLocked A-1 ada #${seq + 3} until +1000`,
    ]);
    assert.equal(codeView(shard).status, 'locked');
    assert.deepEqual(bookUsage(shard), [0, 1, 0, 1000]);
  });

  it('is answered again under the key of its reservation, also when the discount was taken away', () => {
    const shard = withBook();
    const first = outcomeOf(shard.run(reserve(ADA), { key: 'key' }));
    for (const isGone of [false, true]) {
      if (isGone) assert.equal(shard.run(discount(null)).kind, 'change');
      const again = shard.run(reserve(ADA), { key: 'key' });
      assert.deepEqual([again.kind, outcomeOf(again)], ['replay', first]);
    }
  });

  it('is redeemed by the commit, with the order in the history', () => {
    const shard = withBook();
    const { id } = reserved(shard, ADA);
    const verdict = shard.run(commit(id, 'A-1001'));
    assert(verdict.kind === 'change');
    assert.deepEqual(verdict.change.events.map(inWords), [
      'codeRedeemed A-1 ada 1 at +0',
      'reservedCodesRedeemed',
      'reservationCommitted',
    ]);
    const [redemption] = verdict.change.events;
    assert(redemption?.kind === 'codeRedeemed');
    assert.deepEqual(redemption.metadata, { reservationId: id, orderId: 'A-1001' });
    assert.equal(codeView(shard).status, 'redeemed');
    assert.deepEqual(bookUsage(shard), [1, 0, 1000, 0]);
    assert.equal(shard.run(commit(id, 'A-1001')).kind, 'unchanged');
  });

  it('is unlocked by the release, and stays with its user', () => {
    const shard = withBook();
    const { id } = reserved(shard, ADA);
    const lockId = codeView(shard).lockId;
    assert.deepEqual(eventsOf(shard, release(id)), ['reservationReleased', `codeUnlocked A-1 ada #${lockId}`]);
    assert.deepEqual([codeView(shard).status, bookUsage(shard)], ['assigned', [0, 0, 0, 0]]);
  });

  it('stays locked while the reservation is renewed', () => {
    const shard = withBook();
    const { id } = reserved(shard, ADA);
    const lockId = codeView(shard).lockId;
    assert.deepEqual(eventsOf(shard, renew(id, 5000)), [
      'reservationRenewed',
      `codeLocked A-1 ada #${lockId} until +5000`,
    ]);
  });

  it('is unlocked when the reservation ends by itself, in the same change', () => {
    const shard = withBook();
    reserved(shard, ADA);
    const changes = shard.changes.length;
    shard.nowMs += 1000;
    shard.sweep();
    assert.deepEqual(
      shard.changes.slice(changes).map(({ events }) => events.map(({ kind }) => kind)),
      [['reservationExpired', 'leaseExpired']],
    );
    assert.deepEqual([codeView(shard).status, bookUsage(shard)], ['assigned', [0, 0, 0, 0]]);
  });

  it('can be redeemed again after the reservation was rolled back, once', () => {
    const shard = withBook();
    const id = used(shard, ADA);
    assert.deepEqual(eventsOf(shard, giveBack(id)), ['reservationRolledBack', 'redemptionRolledBack A-1 ada 0 left']);
    assert.equal(reasonOf(shard.run(giveBack(id))), 'reservationSettled');
    assert.deepEqual([codeView(shard).status, bookUsage(shard)], ['assigned', [0, 0, 0, 0]]);
    used(shard, ADA);
  });

  it('gives its use back with the last line only', () => {
    const shard = withBook();
    const cart = cartOf([line('mug', 1000, 2)]);
    const id = used(shard, { ...ADA, cart });
    assert.deepEqual(eventsOf(shard, giveBack(id, [{ productId: 'mug', quantity: 1 }])), ['reservationRolledBack']);
    assert.deepEqual(bookUsage(shard), [1, 0, 100, 0]);
    assert.equal(eventsOf(shard, giveBack(id, [{ productId: 'mug', quantity: 1 }])).length, 2);
    assert.deepEqual(bookUsage(shard), [0, 0, 0, 0]);
  });

  it('moves to another code with the cart, in one change', () => {
    const shard = withBook();
    const { id } = reserved(shard, { ...ADA, cartId: 'cart' });
    const again = reserved(shard, { codes: ['A-2'], userId: 'ada', cartId: 'cart' });
    assert.equal(again.id, id);
    assert.deepEqual([codeView(shard, 'A-1').status, codeView(shard, 'A-2').status], ['assigned', 'locked']);
    const lockId = codeView(shard, 'A-2').lockId;
    reserved(shard, { codes: ['A-2'], userId: 'ada', cartId: 'cart' });
    assert.equal(codeView(shard, 'A-2').lockId, lockId);
    assert.deepEqual(bookUsage(shard), [0, 1, 0, 1000]);
  });
});

describe('a lock', () => {
  it('of the user is taken over, and ends with the reservation', () => {
    const shard = withBook();
    const locked = outcomeOf(shard.run(lock('A-1', 'ada', 100)));
    assert(locked.kind === 'locked');
    const { id } = reserved(shard, ADA);
    assert.equal(codeView(shard).lockId, locked.lockId);
    shard.run(release(id));
    assert.equal(codeView(shard).status, 'assigned');
  });

  it('of another user is 423 for a single code, and says when it ends', () => {
    const shard = withBook();
    shard.run(lock('A-1', 'bob', 700));
    const verdict = shard.run(reserve(ADA));
    assert.deepEqual([reasonOf(verdict), retryAt(verdict)], ['lockedByAnother', 700]);
  });

  it('of another cart of the same user is 423, too', () => {
    const shard = withBook();
    reserved(shard, ADA);
    const verdict = shard.run(reserve(ADA));
    assert.deepEqual([reasonOf(verdict), retryAt(verdict)], ['lockedByAnother', 1000]);
  });

  it('of a reservation stops everything else that would use the code', () => {
    const shard = withBook();
    reserved(shard, ADA);
    const { lockId } = codeView(shard);
    assert.equal(reasonOf(shard.run(redeem('A-1', 'ada', lockId))), 'lockedByAnother');
    assert.equal(reasonOf(shard.run(lock('A-1', 'ada'))), 'lockedByAnother');
    assert.equal(reasonOf(shard.run(unlock('A-1', 'ada', lockId))), 'lockNotHeld');
    assert.equal(reasonOf(shard.run(unassign('A-1'))), 'codeLocked');
  });
});

describe('a code that the user may not know of', () => {
  it('is not found: another user has it, or it is in the pool of a book without bearers', () => {
    const shard = withBook({}, {});
    assert.equal(messageOf(shard.run(reserve(ADA))), 'Coupon not found');
    shard.run(assign('A-1', 'bob'));
    assert.equal(messageOf(shard.run(reserve(ADA))), 'Coupon not found');
  });

  it('is marked, if another user holds a lock of it', () => {
    const shard = withBook({}, {});
    shard.run(assign('A-1', 'bob'));
    shard.run(lock('A-1', 'bob'));
    const verdict = shard.run(reserve(ADA));
    assert(verdict.kind === 'refused');
    assert.deepEqual([verdict.reason, verdict.isOthersCode], ['lockedByAnother', true]);
  });

  it('is one that is not there, among several codes', () => {
    const shard = withBook({}, {});
    shard.run(assign('A-1', 'bob'));
    shard.run(assign('A-2', 'ada'));
    const found = quoteKind(shard, { codes: ['A-1', 'A-2'], userId: 'ada' });
    assert(found.kind === 'quote');
    assert.deepEqual(
      pricedIn(found.text).steps.map((step) => [step.code, step.kind === 'skipped' ? step.reason : 'applied']),
      [
        ['A-2', 'applied'],
        ['A-1', 'Coupon not found'],
      ],
    );
  });
});

describe('the state of the book', () => {
  for (const [name, change, message] of [
    ['not active', { isActive: false }, 'Coupon is not active'],
    ['over', { endMs: START }, 'Coupon has expired'],
    ['not begun', { startMs: START + 10 }, 'Coupon is not yet valid'],
  ] as const) {
    it(`stands against its codes while it is ${name}`, () => {
      const shard = withBook();
      assert.equal(shard.run(update(change)).kind, 'change');
      assert.equal(messageOf(shard.run(reserve(ADA))), message);
    });
  }

  it('stands against a code that is used up, and against a request without a user', () => {
    const shard = withBook();
    used(shard, ADA);
    assert.equal(messageOf(shard.run(reserve(ADA))), 'Coupon usage limit exceeded');
    assert.equal(messageOf(shard.run(reserve({ codes: ['A-2'] }))), 'Coupon conditions not met');
  });

  it('does not matter to what is held: the commit redeems it', () => {
    const shard = withBook();
    const { id } = reserved(shard, ADA);
    shard.run(archive());
    assert.equal(shard.run(commit(id)).kind, 'change');
    assert.equal(messageOf(shard.run(reserve({ codes: ['A-2'], userId: 'ada' }))), 'Coupon not found');
  });

  it('without a discount makes its codes unknown to carts', () => {
    const shard = withBook();
    shard.run(discount(null));
    assert.equal(messageOf(shard.run(reserve(ADA))), 'Coupon not found');
    shard.run(discount({}));
    reserved(shard, ADA);
  });
});

describe('the limits of the discount', () => {
  it('count plain redemptions as uses, without money', () => {
    const shard = withBook({ maxUsage: 2 });
    shard.run(redeem('A-1', 'ada'));
    assert.deepEqual(bookUsage(shard), [1, 0, 0, 0]);
    used(shard, { codes: ['A-2'], userId: 'ada' });
    assert.deepEqual(bookUsage(shard), [2, 0, 1000, 0]);
    assert.equal(reasonOf(shard.run(redeem('A-3', 'ada'))), 'usedUp');
    assert.equal(messageOf(shard.run(reserve({ codes: ['A-3'], userId: 'ada' }))), 'Coupon usage limit exceeded');
    shard.run(rollback('A-1', shard.state.coupons.redemptions.id(0)));
    assert.equal(shard.run(redeem('A-3', 'ada')).kind, 'change');
  });

  it('count redemptions that were made before the book had a discount', () => {
    const shard = openShard();
    shard.addBook(BEARER, ['A-1', 'A-2']);
    shard.run(redeem('A-1', 'ada'));
    shard.run(discount({ maxUsage: 1 }));
    assert.equal(messageOf(shard.run(reserve({ codes: ['A-2'], userId: 'bob' }))), 'Coupon usage limit exceeded');
  });

  it('per user hold over carts and plain redemptions', () => {
    const shard = withBook({ maxUsagePerUser: 1 });
    const { id } = reserved(shard, ADA);
    assert.equal(reasonOf(shard.run(redeem('A-2', 'ada'))), 'userRedemptionsLimit');
    assert.equal(shard.run(redeem('A-2', 'bob')).kind, 'change');
    shard.run(release(id));
    assert.equal(shard.run(redeem('A-3', 'ada')).kind, 'change');
  });

  it('of the book hold over carts and plain redemptions', () => {
    const shard = withBook({}, { ...BEARER, maxRedemptionsPerUser: 1 });
    reserved(shard, ADA);
    assert.equal(reasonOf(shard.run(redeem('A-2', 'ada'))), 'userRedemptionsLimit');
    const refused = shard.run(reserve({ codes: ['A-2'], userId: 'ada' }));
    assert.equal(messageOf(refused), 'Coupon usage limit per user exceeded');
  });

  it('of the book hold over carts whose discount was taken away meanwhile', () => {
    const shard = withBook({ maxUsage: 1 }, { ...BEARER, maxRedemptionsPerUser: 1 });
    const { id } = reserved(shard, ADA);
    assert.equal(shard.run(discount(null)).kind, 'change');
    assert.equal(reasonOf(shard.run(redeem('A-2', 'ada'))), 'userRedemptionsLimit');
    assert.equal(shard.run(redeem('A-3', 'bob')).kind, 'change');
    assert.equal(shard.run(commit(id)).kind, 'change');
    assert.equal(reasonOf(shard.run(redeem('A-2', 'ada'))), 'userRedemptionsLimit');
  });

  it('per period count a use where it was held, over the end of the period', () => {
    const shard = withBook({ maxUsagePerPeriod: { count: 1, period: 'day' } });
    shard.nowMs = START + HOUR - 500;
    const { id } = reserved(shard, ADA);
    assert.equal(reasonOf(shard.run(redeem('A-2', 'bob'))), 'usedUp');
    shard.nowMs = START + HOUR;
    assert.equal(shard.run(commit(id)).kind, 'change');
    assert.equal(shard.run(redeem('A-2', 'bob')).kind, 'change');
    assert.equal(reasonOf(shard.run(redeem('A-3', 'bob'))), 'usedUp');
    shard.nowMs += HOUR;
    assert.equal(shard.run(redeem('A-3', 'bob')).kind, 'change');
  });

  it('of money are exact', () => {
    const shard = withBook({ budget: 1500 });
    reserved(shard, ADA);
    assert.equal(messageOf(shard.run(reserve({ codes: ['A-2'], userId: 'bob' }))), 'Coupon budget exhausted');
  });
});

describe('two codes of a book in a cart', () => {
  it('that wants all or none are not waited for', () => {
    const shard = withBook();
    reserved(shard, { codes: ['A-3'], userId: 'bob' });
    const refused = shard.run(reserve({ codes: ['A-1', 'A-2'], userId: 'ada', isWhole: true }));
    assert.deepEqual([reasonOf(refused), retryAt(refused)], ['campaignIncomplete', null]);
  });

  it('are refused with the times of the first one', () => {
    const shard = withBook();
    shard.run(redeem('A-1', 'ada'));
    reserved(shard, { codes: ['A-2'], userId: 'ada' });
    const refused = shard.run(reserve({ codes: ['A-1', 'A-2'], userId: 'ada' }));
    assert.deepEqual([messageOf(refused), retryAt(refused)], ['Coupon usage limit exceeded', null]);
  });
});

describe('a change of the discount', () => {
  it('is seen in the answer, and keeps what was counted', () => {
    const shard = withBook();
    used(shard, ADA);
    const outcome = outcomeOf(shard.run(discount({ discount: 200_000 })));
    assert(outcome.kind === 'bookShown' && outcome.offer.discount !== null);
    const { promotion, usage } = outcome.offer.discount;
    assert.deepEqual([promotion.settings.discount, promotion.version, usage.usageCount], [200_000, 2, 1]);
  });

  it('of its currency is refused, once money was counted', () => {
    const shard = withBook();
    assert.equal(shard.run(discount({ currency: 'EUR' })).kind, 'change');
    shard.run(discount({}));
    reserved(shard, ADA);
    assert.equal(reasonOf(shard.run(discount({ currency: 'EUR' }))), 'bookInvalid');
  });
});

describe('a campaign', () => {
  const OTHER_BOOK = asBookId('01890000-0000-7000-8000-0000000000b2');

  function withCampaign(): TestShard {
    const shard = openShard();
    const draft = { settings: settingsOf({ code: null }), plan: HOURLY };
    const codes = shard.stage(['A-1', 'A-2']);
    const made = shard.run({
      kind: 'createBook',
      bookId: OTHER_BOOK,
      settings: { ...SETTINGS, ...BEARER },
      campaignId: CAMPAIGN,
      discount: draft,
      codes,
    });
    const outcome = outcomeOf(made);
    assert(outcome.kind === 'bookShown');
    assert.equal(outcome.offer.campaignId, CAMPAIGN);
    addPromotion(shard, { code: 'SAVE' }, undefined, CAMPAIGN);
    return shard;
  }

  const all = { campaignId: CAMPAIGN, isWhole: true, codes: ['A-1', 'SAVE'], userId: 'ada' } as const;

  it('holds its promotions and its unique codes in one change, or none of them', () => {
    const shard = withCampaign();
    const { id, quote } = reserved(shard, all);
    assert.deepEqual(
      quote.applied.map(({ code, amount }) => [code, amount]),
      [
        ['A-1', 1000],
        ['SAVE', 900],
      ],
    );
    assert.equal(shard.run(commit(id)).kind, 'change');
    const { uses } = shard.state.promotions.byCode('SAVE') ?? {};
    const refused = shard.run(reserve(all));
    assert.equal(messageOf(refused), 'A-1: Coupon usage limit exceeded');
    assert.deepEqual([uses, shard.state.promotions.byCode('SAVE')?.held], [1, 0]);
  });

  it('is listed with its books, and its discounts are not promotions of their own', () => {
    const shard = withCampaign();
    const found = query(shard.state, { kind: 'getCampaign', campaign: CAMPAIGN }, shard.nowMs);
    assert(found.kind === 'campaign');
    const { promotions, books, items, bookIds } = found.campaign;
    assert.deepEqual([promotions, books, items.length, bookIds], [1, 1, 1, [OTHER_BOOK]]);
    assert.equal(
      reasonOf(shard.run({ kind: 'archivePromotion', id: OTHER_BOOK, ifVersion: null })),
      'promotionNotFound',
    );
    assert.equal(query(shard.state, { kind: 'getPromotion', id: OTHER_BOOK }, shard.nowMs).kind, 'refused');
  });

  it('that is stopped switches the discounts of its books off', () => {
    const shard = withCampaign();
    shard.run({ kind: 'stopCampaign', campaign: CAMPAIGN });
    assert.equal(messageOf(shard.run(reserve(ADA))), 'Coupon is not active');
  });

  it('does not mix with a book of another one', () => {
    const shard = withCampaign();
    shard.addBook(BEARER, ['B-1']);
    shard.run(discount({}));
    assert.equal(reasonOf(shard.run(reserve({ codes: ['A-1', 'B-1'], userId: 'ada' }))), 'notInOneCampaign');
  });
});

it('a replay gives the same state, with what carts hold', () => {
  const shard = withBook({ maxUsagePerPeriod: { count: 5, period: 'day' } });
  used(shard, ADA);
  reserved(shard, { codes: ['A-2'], userId: 'bob' });
  shard.run(giveBack(lastReservationId(shard)));
  const copy = replay(JSON.parse(JSON.stringify(shard.changes)), shard.batches);
  assert.equal(digest(copy, shard.nowMs), digest(shard.state, shard.nowMs));
  assert.deepEqual([...copy.coupons.heldCodes], [...shard.state.coupons.heldCodes]);
  assert.deepEqual([...copy.coupons.heldRedemptions], [...shard.state.coupons.heldRedemptions]);
  assert.equal(shard.state.coupons.heldRedemptions.size, 1);
  const copied: TestShard = { ...shard, state: copy };
  assert.deepEqual(bookUsage(copied), bookUsage(shard));
  assert.equal(lastRedemptionId(copied), lastRedemptionId(shard));
});

it('a promotion with a code is changed as before', () => {
  const shard = withBook();
  const id = addPromotion(shard, {});
  assert.equal(patch(shard, id, { isActive: false }).kind, 'change');
  assert.equal(reservation(shard, reserved(shard, ADA).id).codes[0], 'A-1');
});

/** What becomes of a reservation, and of the code of a promotion that was archived meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { query } from '../../../src/features/query.js';
import { openShard, outcomeOf, reasonOf, START, type TestShard } from '../shard.js';
import { cartOf, line, totalOf } from './offers.js';
import {
  addPromotion,
  archivePromotion,
  ask,
  cartFor,
  commit,
  eventsOf,
  giveBack,
  HOUR,
  messageOf,
  patch,
  release,
  renew,
  reservation,
  reserve,
  reserved,
  settles,
  usage,
  usageOf,
  used,
} from './promotion-shard.js';

describe('a reservation', () => {
  it('holds a use and its money of each promotion that applies, and keeps its cart', () => {
    const shard = openShard();
    const first = addPromotion(shard, { code: 'FIRST' });
    const second = addPromotion(shard, { code: 'SECOND', type: 'fixed', discount: 250 });
    const cart = cartOf([line('mug', 1000, 3), line('cup', 501)]);
    const { id, untilMs } = reserved(shard, { codes: ['FIRST', 'SECOND'], userId: 'ann', cart, ttlMs: 5000 });
    assert.equal(untilMs, START + 5000);
    assert.deepEqual([usageOf(shard, first), usageOf(shard, second)], [usage(0, 1, 0, 350), usage(0, 1, 0, 250)]);
    const view = reservation(shard, id);
    assert.deepEqual(
      { status: view.status, userId: view.userId, madeMs: view.madeMs, untilMs: view.untilMs, codes: view.codes },
      { status: 'held', userId: 'ann', madeMs: START, untilMs: START + 5000, codes: ['FIRST', 'SECOND'] },
    );
    assert.deepEqual(view.cart.lines, [
      { productId: 'mug', quantity: 3, unitPrice: 1000 },
      { productId: 'cup', quantity: 1, unitPrice: 501 },
    ]);
    assert.deepEqual([view.cart.originalAmount, view.cart.discountAmount, view.cart.finalAmount], [3501, 600, 2901]);
  });

  it('keeps the amounts and rules of its time when the promotion changes', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const made = reserved(shard).id;
    patch(shard, id, { discount: 500_000, isActive: false, maxUsage: 1 });
    assert.equal(settles(shard, commit(made)).cart.discountAmount, 1000);
    assert.deepEqual(usageOf(shard, id), usage(1, 0, 1000, 0));
  });

  it('that is committed counts as a use, for this order', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const view = settles(shard, commit(reserved(shard).id, 'order-1'));
    assert.deepEqual([view.status, view.orderId], ['committed', 'order-1']);
    assert.deepEqual(usageOf(shard, id), usage(1, 0, 1000, 0));
  });

  it('that is committed again changes nothing, for the same order or without one', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const made = reserved(shard).id;
    shard.run(commit(made, 'order-1'));
    for (const orderId of ['order-1', null]) assert.equal(shard.run(commit(made, orderId)).kind, 'unchanged');
    assert.equal(reasonOf(shard.run(commit(made, 'order-2'))), 'reservationSettled');
    assert.deepEqual(usageOf(shard, id), usage(1, 0, 1000, 0));
  });

  it('that is released again changes nothing', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const made = reserved(shard).id;
    assert.equal(settles(shard, release(made)).status, 'released');
    assert.equal(shard.run(release(made)).kind, 'unchanged');
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
  });

  it('that has expired can neither be committed nor released nor renewed, even if there is room', () => {
    const shard = openShard();
    addPromotion(shard);
    const made = reserved(shard).id;
    shard.nowMs += 1000;
    for (const command of [commit(made), release(made), renew(made)])
      assert.equal(reasonOf(shard.run(command)), 'reservationOver');
    assert.equal(reasonOf(shard.run(giveBack(made))), 'reservationSettled');
    assert.equal(reservation(shard, made).status, 'expired');
    assert.equal(eventsOf(shard, 'reservationExpired').length, 1);
  });

  it('is shown as expired by the clock, also while its end is not announced yet', () => {
    const shard = openShard();
    addPromotion(shard);
    const { id } = reserved(shard, { cartId: 'cart' });
    const asked = { kind: 'findReservation', caller: 'shop', userId: null, cartId: 'cart' } as const;
    shard.nowMs += 999;
    assert.equal(reservation(shard, id).status, 'held');
    assert.equal(query(shard.state, asked, shard.nowMs).kind, 'reservation');
    shard.nowMs += 1;
    assert.equal(reservation(shard, id).status, 'expired');
    assert.equal(query(shard.state, asked, shard.nowMs).kind, 'refused');
  });

  it('can be committed in its last millisecond', () => {
    const shard = openShard();
    addPromotion(shard);
    const made = reserved(shard).id;
    shard.nowMs += 999;
    assert.equal(settles(shard, commit(made)).status, 'committed');
    shard.nowMs += HOUR;
    shard.sweep();
    assert.equal(reservation(shard, made).status, 'committed');
  });

  it('is renewed from now on, as often as asked', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const made = reserved(shard).id;
    for (let times = 1; times <= 3; times++) {
      shard.nowMs += 999;
      assert.equal(settles(shard, renew(made)).untilMs, START + times * 999 + 1000);
    }
    assert.deepEqual(usageOf(shard, id), usage(0, 1, 0, 1000));
    shard.nowMs += 1000;
    assert.equal(reasonOf(shard.run(commit(made))), 'reservationOver');
  });

  for (const [status, end] of [
    ['committed', commit],
    ['released', release],
    ['rolled back', (id: string) => giveBack(id)],
  ] as const) {
    it(`that is ${status} is settled: nothing else can become of it`, () => {
      const shard = openShard();
      addPromotion(shard);
      const { id } = reserved(shard);
      if (status === 'rolled back') shard.run(commit(id));
      settles(shard, end(id));
      const others = [commit(id), release(id), renew(id), giveBack(id)].filter(
        ({ kind }) => kind !== end(id).kind && !(status === 'committed' && kind === 'rollbackReservation'),
      );
      for (const command of others) assert.equal(reasonOf(shard.run(command)), 'reservationSettled', command.kind);
    });
  }

  it('never ends earlier because it is renewed', () => {
    const shard = openShard();
    addPromotion(shard);
    const { id, untilMs } = reserved(shard);
    assert.equal(settles(shard, renew(id, 1)).untilMs, untilMs);
  });

  it('of another user is not found by a user who releases or renews it', () => {
    const shard = openShard();
    addPromotion(shard);
    const { id } = reserved(shard, { userId: 'ann' });
    const ofNobody = reserved(shard).id;
    for (const command of [release(id, 'bob'), renew(id, 1000, 'bob'), release(ofNobody, 'bob')])
      assert.equal(reasonOf(shard.run(command)), 'reservationNotFound');
    assert.equal(settles(shard, renew(id, 2000, 'ann')).untilMs, START + 2000);
    assert.equal(settles(shard, release(id, 'ann')).status, 'released');
  });

  it('that is not there is not found', () => {
    const shard = openShard();
    for (const command of [commit('none'), release('none'), renew('none'), giveBack('none')])
      assert.equal(reasonOf(shard.run(command)), 'reservationNotFound');
  });

  it('is answered again under its key after its promotion has ended', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const first = outcomeOf(shard.run(reserve(), { key: 'key' }));
    shard.run(archivePromotion(id));
    const again = shard.run(reserve(), { key: 'key' });
    assert.deepEqual([again.kind, outcomeOf(again)], ['replay', first]);
  });

  it('that is asked for again under its key is the same one, and holds once', () => {
    const shard = openShard();
    const id = addPromotion(shard, { maxUsage: 1 });
    const first = outcomeOf(shard.run(reserve(), { key: 'key' }));
    const again = shard.run(reserve(), { key: 'key' });
    assert.equal(again.kind, 'replay');
    assert.deepEqual(outcomeOf(again), first);
    assert.deepEqual(usageOf(shard, id), usage(0, 1, 0, 1000));
    assert.equal(reasonOf(shard.run(reserve(), { key: 'key', fingerprint: 2 })), 'idempotencyKeyReused');
  });

  it('of a cart that gets nothing holds nothing, and can be committed like any other', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const { id: made, quote } = reserved(shard, { codes: [] });
    assert.deepEqual([quote.applied, quote.finalAmount], [[], 10_000]);
    assert.equal(settles(shard, commit(made)).status, 'committed');
    assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
  });

  it('expires in the order of the deadlines, each in a change of its own', () => {
    const shard = openShard();
    addPromotion(shard);
    const ids = [300, 100, 200].map((ttlMs) => reserved(shard, { ttlMs }).id);
    shard.nowMs += 1000;
    shard.sweep();
    assert.deepEqual(
      eventsOf(shard, 'reservationExpired').map(({ reservationId }) => reservationId),
      [ids[1], ids[2], ids[0]],
    );
    assert.equal(shard.state.promotions.deadlines.count, 0);
  });
});

describe('the same cartId', () => {
  it('replaces its own hold in one change, and keeps the id', () => {
    const shard = openShard();
    const [first, second] = ['FIRST', 'SECOND'].map((code) => addPromotion(shard, { code, budget: 1000 }));
    const before = reserved(shard, { codes: ['FIRST'], cartId: 'cart' });
    const changes = shard.changes.length;
    shard.nowMs += 500;
    const after = reserved(shard, { codes: ['SECOND'], cartId: 'cart', cart: totalOf(5000) });
    assert.equal(shard.changes.length, changes + 1);
    assert.equal(after.id, before.id);
    assert.equal(after.untilMs, START + 1500);
    assert.deepEqual(usageOf(shard, first ?? ''), usage(0, 0, 0, 0));
    assert.deepEqual(usageOf(shard, second ?? ''), usage(0, 1, 0, 500));
    const view = reservation(shard, after.id);
    assert.deepEqual([view.madeMs, view.cart.originalAmount, view.codes], [START, 5000, ['SECOND']]);
  });

  it('does not stand in its own way at any limit', () => {
    const shard = openShard();
    const maxUsagePerPeriod = { count: 1, period: 'day' } as const;
    const id = addPromotion(
      shard,
      { maxUsage: 1, maxUsagePerUser: 1, maxUsagePerPeriod, budget: 1000 },
      { windows: null, periods: [START], untilMs: START + HOUR },
    );
    for (let times = 0; times < 3; times++) {
      reserved(shard, { userId: 'ann', cartId: 'cart' });
      assert.deepEqual(usageOf(shard, id), usage(0, 1, 0, 1000));
    }
    assert.equal(messageOf(shard.run(reserve({ userId: 'ann', cartId: 'other' }))), 'Coupon usage limit exceeded');
  });

  it('is priced without its own hold, and other carts with it', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsage: 1 });
    reserved(shard, { userId: 'ann', cartId: 'cart' });
    const priced = (cartId: string) => {
      const cart = { caller: 'shop', cartId };
      return query(shard.state, { kind: 'quote', request: cartFor({ userId: 'ann' }), cart }, shard.nowMs).kind;
    };
    assert.deepEqual([priced('cart'), priced('other')], ['quote', 'refused']);
  });

  it('keeps the old hold if the new one is refused', () => {
    const shard = openShard();
    const first = addPromotion(shard, { code: 'FIRST' });
    addPromotion(shard, { code: 'SECOND', maxUsage: 1 });
    used(shard, { codes: ['SECOND'] });
    const { id } = reserved(shard, { codes: ['FIRST'], cartId: 'cart' });
    const before = reservation(shard, id);
    assert.equal(messageOf(shard.run(reserve({ codes: ['SECOND'], cartId: 'cart' }))), 'Coupon usage limit exceeded');
    assert.deepEqual(reservation(shard, id), before);
    assert.deepEqual(usageOf(shard, first), usage(0, 1, 0, 1000));
  });

  it('of another caller or another user is another cart', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const carts = [
      { caller: 'shop', userId: null },
      { caller: 'shop', userId: 'ann' },
      { caller: 'shop', userId: 'bob' },
      { caller: 'till', userId: 'ann' },
    ];
    const ids = carts.map((cart) => reserved(shard, { ...cart, cartId: 'cart' }).id);
    assert.equal(new Set(ids).size, 4);
    assert.equal(usageOf(shard, id).heldCount, 4);
    for (const [index, { caller, userId }] of carts.entries()) {
      const asked = { kind: 'findReservation', caller, userId, cartId: 'cart' } as const;
      assert.equal(ask(shard, asked, 'reservation').reservation.id, ids[index]);
    }
  });

  it('makes a new reservation once the old one has ended, in whatever way', () => {
    for (const end of [commit, release, null]) {
      const shard = openShard();
      addPromotion(shard);
      const { id } = reserved(shard, { cartId: 'cart' });
      if (end === null) shard.nowMs += 1000;
      else shard.run(end(id));
      const asked = { kind: 'findReservation', caller: 'shop', userId: null, cartId: 'cart' } as const;
      shard.sweep();
      assert.equal(query(shard.state, asked, shard.nowMs).kind, 'refused');
      assert.notEqual(reserved(shard, { cartId: 'cart' }).id, id);
    }
  });

  it('left out makes a new reservation each time', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    assert.notEqual(reserved(shard).id, reserved(shard).id);
    assert.equal(usageOf(shard, id).heldCount, 2);
  });
});

describe('a rollback', () => {
  const CART = cartOf([line('mug', 333, 3), line('cup', 1001, 1), line('mug', 250, 2)], 500);

  function committed(): { shard: TestShard; ids: string[]; made: string } {
    const shard = openShard();
    const ids = [
      addPromotion(shard, { code: 'TEN', budget: 1_000_000 }),
      addPromotion(shard, { code: 'SHIP', type: 'shipping', discount: 1_000_000 }),
    ];
    const made = used(shard, { codes: ['TEN', 'SHIP'], cart: CART, userId: 'ann' });
    // 999 + 1001 + 500 = 2500: 250 is split into 100, 100 and 50.
    assert.deepEqual(reservation(shard, made).cart.holds[0]?.lines, [
      { line: 0, amount: 100 },
      { line: 1, amount: 100 },
      { line: 2, amount: 50 },
    ]);
    return { shard, ids, made };
  }

  it('gives all of it back at once, and only once', () => {
    const { shard, ids, made } = committed();
    assert.equal(settles(shard, giveBack(made, null, 'returned')).status, 'rolledBack');
    for (const id of ids) assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
    assert.equal(eventsOf(shard, 'reservationRolledBack')[0]?.reason, 'returned');
    assert.equal(reasonOf(shard.run(giveBack(made))), 'reservationSettled');
    for (const id of ids) assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
  });

  it('of lines gives their money back at once, and the use with the last line', () => {
    const { shard, ids, made } = committed();
    const spent = (): (number | undefined)[] => ids.map((id) => usageOf(shard, id).budgetUsed);
    const steps: [productId: string, quantity: number, spent: number[]][] = [
      ['mug', 1, [217, 500]],
      ['mug', 1, [183, 500]],
      // The last piece of the first line, and one of two of the third.
      ['mug', 2, [125, 500]],
      ['cup', 1, [25, 500]],
    ];
    for (const [productId, quantity, expected] of steps) {
      assert.equal(settles(shard, giveBack(made, [{ productId, quantity }])).status, 'committed');
      assert.deepEqual(spent(), expected);
      for (const id of ids) assert.equal(usageOf(shard, id).usageCount, 1);
    }
    assert.equal(settles(shard, giveBack(made, [{ productId: 'mug', quantity: 1 }])).status, 'rolledBack');
    for (const id of ids) assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
  });

  it('of the rest gives back what earlier steps left', () => {
    const { shard, ids, made } = committed();
    settles(shard, giveBack(made, [{ productId: 'mug', quantity: 2 }]));
    settles(shard, giveBack(made));
    for (const id of ids) assert.deepEqual(usageOf(shard, id), usage(0, 0, 0, 0));
  });

  it('of several lines takes all of them or none', () => {
    const { shard, ids, made } = committed();
    const before = ids.map((id) => usageOf(shard, id));
    for (const lines of [
      [
        { productId: 'cup', quantity: 1 },
        { productId: 'mug', quantity: 6 },
      ],
      [
        { productId: 'mug', quantity: 3 },
        { productId: 'mug', quantity: 3 },
      ],
      [{ productId: 'plate', quantity: 1 }],
    ]) {
      assert.equal(reasonOf(shard.run(giveBack(made, lines))), 'linesNotReserved');
      assert.deepEqual(
        ids.map((id) => usageOf(shard, id)),
        before,
      );
    }
  });

  it('of lines that are back already is refused, and says how many are left', () => {
    const { shard, made } = committed();
    settles(shard, giveBack(made, [{ productId: 'mug', quantity: 4 }]));
    const verdict = shard.run(giveBack(made, [{ productId: 'mug', quantity: 2 }]));
    assert.equal(messageOf(verdict), 'Of product mug, 1 pieces are left to roll back, not 2.');
  });

  it('of a reservation that is only held is refused', () => {
    const shard = openShard();
    addPromotion(shard);
    assert.equal(reasonOf(shard.run(giveBack(reserved(shard).id))), 'reservationSettled');
  });

  it('in parts counts for the user until the last line is back', () => {
    const shard = openShard();
    addPromotion(shard, { maxUsagePerUser: 1 });
    const made = used(shard, { userId: 'ann', cart: cartOf([line('mug', 1000), line('cup', 1000)]) });
    settles(shard, giveBack(made, [{ productId: 'mug', quantity: 1 }]));
    assert.equal(messageOf(shard.run(reserve({ userId: 'ann' }))), 'Coupon usage limit per user exceeded');
    settles(shard, giveBack(made, [{ productId: 'cup', quantity: 1 }]));
    reserved(shard, { userId: 'ann' });
  });
});

describe('an archived promotion', () => {
  const freed = (shard: TestShard): number => eventsOf(shard, 'codeFreed').length;

  it('is not found any more, and its code is free at once if nothing is held', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const order = used(shard);
    shard.run(archivePromotion(id));
    assert.equal(freed(shard), 1);
    for (const command of [archivePromotion(id), reserve(), { ...reserve(), cartId: 'cart' } as const])
      assert.equal(reasonOf(shard.run(command)), 'promotionNotFound');
    assert.equal(reasonOf(patch(shard, id, { isActive: false })), 'promotionNotFound');
    for (const asked of [{ kind: 'getPromotion', id } as const, { kind: 'getCode', code: 'SAVE' } as const])
      assert.equal(query(shard.state, asked, shard.nowMs).kind, 'refused');
    assert.equal(settles(shard, giveBack(order)).status, 'rolledBack');
    assert.equal(freed(shard), 1);
  });

  it('of which the code is free can be followed by another with that code', () => {
    const shard = openShard();
    const old = addPromotion(shard);
    const order = used(shard);
    shard.run(archivePromotion(old));
    const next = addPromotion(shard, { discount: 500_000 });
    reserved(shard);
    assert.deepEqual([usageOf(shard, old), usageOf(shard, next)], [usage(1, 0, 1000, 0), usage(0, 1, 0, 5000)]);
    shard.run(giveBack(order));
    assert.deepEqual([usageOf(shard, old), usageOf(shard, next)], [usage(0, 0, 0, 0), usage(0, 1, 0, 5000)]);
  });

  const ways: [name: string, (shard: TestShard, id: string) => void][] = [
    ['a commit', (shard, id) => void settles(shard, commit(id))],
    ['a release', (shard, id) => void settles(shard, release(id))],
    [
      'an expiry',
      (shard) => {
        shard.nowMs += HOUR;
        shard.sweep();
      },
    ],
    ['a replacement', (shard) => void reserved(shard, { codes: ['OTHER'], cartId: 'last' })],
  ];
  for (const [name, end] of ways) {
    it(`frees its code once, when ${name} ends the last hold`, () => {
      const shard = openShard();
      const id = addPromotion(shard);
      addPromotion(shard, { code: 'OTHER' });
      const first = reserved(shard, { cartId: 'first', ttlMs: 100 });
      const last = reserved(shard, { cartId: 'last', ttlMs: 1000 });
      shard.run(archivePromotion(id));
      settles(shard, renew(last.id));
      settles(shard, release(first.id));
      assert.equal(freed(shard), 0, 'one is open still');
      end(shard, last.id);
      assert.equal(freed(shard), 1);
      assert.equal(usageOf(shard, id).heldCount, 0);
      shard.nowMs += HOUR;
      shard.sweep();
      shard.run(giveBack(last.id));
      assert.equal(freed(shard), 1);
    });
  }

  it('is skipped by the carts that hold it when they reserve again', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    const other = addPromotion(shard, { code: 'OTHER' });
    reserved(shard, { codes: ['SAVE', 'OTHER'], cartId: 'cart' });
    shard.run(archivePromotion(id));
    const { quote } = reserved(shard, { codes: ['SAVE', 'OTHER'], cartId: 'cart' });
    assert.deepEqual(
      quote.applied.map(({ promotionId }) => promotionId),
      [other],
    );
    assert.equal(freed(shard), 1);
  });

  it('without a code frees none', () => {
    const shard = openShard();
    const id = addPromotion(shard, { code: null, automatic: true });
    const { id: made } = reserved(shard, { codes: [] });
    shard.run(archivePromotion(id));
    settles(shard, release(made));
    assert.equal(freed(shard), 0);
    assert.equal(reserved(shard, { codes: [] }).quote.applied.length, 0);
  });

  it('must have one of the versions that the caller names', () => {
    const shard = openShard();
    const id = addPromotion(shard);
    patch(shard, id, { name: 'Summer' });
    assert.equal(reasonOf(shard.run(archivePromotion(id, [1]))), 'promotionVersionMismatch');
    assert.equal(shard.run(archivePromotion(id, [1, 2])).kind, 'change');
  });
});

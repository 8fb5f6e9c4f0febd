/** Ordering units of a product, and what becomes of orders. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCampaignId, shardOfId } from '../../../src/domain/ids.js';
import { digest } from '../../../src/features/digest.js';
import { query } from '../../../src/features/query.js';
import { openShard, outcomeOf, reasonOf, replay, START, type TestShard } from '../shard.js';
import { adjust, cancel, confirm, fulfil, init, inventory, order, ordered, PRODUCT, pause, place } from './sale.js';

/** One shard has everything. */
function open(given: Parameters<typeof init>[0] = {}): TestShard {
  const shard = openShard({ shardCount: 1 });
  assert.equal(shard.run(init(given)).kind, 'change');
  return shard;
}

const duplicateOf = (shard: TestShard, key: string, userId?: string): unknown => {
  const outcome = outcomeOf(shard.run(place(key, userId)));
  assert(outcome.kind === 'ordered');
  return outcome.isDuplicate ? outcome.orderId : null;
};

describe('an order', () => {
  it('takes one unit, until none is left', () => {
    const shard = open({ quantity: 2 });
    ordered(shard, 'a');
    assert.deepEqual(inventory(shard), [1, 0, 1]);
    ordered(shard, 'b', 'bob');
    assert.equal(reasonOf(shard.run(place('c'))), 'soldOut');
    assert.deepEqual(inventory(shard), [2, 0, 0]);
  });

  it('is shown with its user, its product and its time', () => {
    const shard = open();
    shard.nowMs = START + 1234;
    const id = ordered(shard, 'a', 'Zoë "the" 日本');
    const { campaignId, ...shown } = order(shard, id);
    assert.equal(campaignId, shard.state.flash.stock(PRODUCT)?.current.campaignId);
    assert.deepEqual(shown, {
      id,
      productId: PRODUCT,
      round: 1,
      userId: 'Zoë "the" 日本',
      status: 'accepted',
      orderedMs: START + 1234,
      heldUntilMs: null,
    });
  });

  it('has an id that leads to its shard, whatever the number of shards', () => {
    for (const shardCount of [1, 16, 255]) {
      const shard = openShard({ shardCount });
      const productId = ownProduct(shard);
      assert.equal(shard.run(init({ productId })).kind, 'change');
      const ids = new Set<string>();
      for (let n = 0; n < 10; n++) {
        const outcome = outcomeOf(shard.run(place(`key-${n}`, 'ada', productId)));
        assert(outcome.kind === 'ordered');
        assert.match(outcome.orderId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.equal(shardOfId(outcome.orderId, shardCount), shard.state.options.shard);
        ids.add(outcome.orderId);
      }
      assert.equal(ids.size, 10);
    }
  });

  it('that was made up does not exist', () => {
    const shard = open();
    const id = ordered(shard, 'a');
    for (const made of [
      id.toUpperCase(),
      `${id.slice(0, -1)}g`,
      `${id.slice(0, 14)}6${id.slice(15)}`,
      `${id}0`,
      'x',
      '',
    ])
      if (made !== id) assert.equal(reasonOf(shard.run(cancel(made))), 'orderNotFound', made);
    const other = id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');
    assert.equal(reasonOf(shard.run(cancel(other))), 'orderNotFound');
  });

  it('of a product without stock is refused', () => {
    const shard = open();
    assert.equal(reasonOf(shard.run(place('a', 'ada', 'other'))), 'productNotFound');
  });

  it('is refused before the sale begins, after it ends, and while it is paused', () => {
    const shard = open({ startsMs: START + 100, endsMs: START + 200 });
    assert.equal(reasonOf(shard.run(place('a'))), 'saleNotOpen');
    shard.nowMs = START + 100;
    const first = ordered(shard, 'a');
    shard.run(pause(true));
    assert.equal(reasonOf(shard.run(place('b'))), 'saleNotOpen');
    assert.equal(duplicateOf(shard, 'a'), first);
    shard.run(pause(false));
    shard.nowMs = START + 199;
    ordered(shard, 'b');
    shard.nowMs = START + 200;
    assert.equal(reasonOf(shard.run(place('c'))), 'soldOut');
    assert.equal(duplicateOf(shard, 'a'), first);
  });

  it('above the rate is refused, but for one that was accepted before', () => {
    const shard = open();
    const id = ordered(shard, 'a');
    assert.equal(reasonOf(shard.run(place('b', 'ada', PRODUCT, false))), 'saleNotOpen');
    const again = outcomeOf(shard.run(place('a', 'ada', PRODUCT, false)));
    assert.deepEqual(again, { kind: 'ordered', orderId: id, isDuplicate: true });
  });

  it('is limited for each user in a round, and a cancelled one does not count', () => {
    const shard = open({ perUserLimit: 2 });
    const first = ordered(shard, 'a');
    ordered(shard, 'b');
    assert.equal(reasonOf(shard.run(place('c'))), 'orderLimit');
    ordered(shard, 'c', 'bob');
    shard.run(cancel(first));
    ordered(shard, 'd');
    assert.equal(reasonOf(shard.run(place('e'))), 'orderLimit');
    shard.run(init({ perUserLimit: 2, mayReset: true }));
    ordered(shard, 'f');
  });
});

describe('an idempotency key', () => {
  it('gets the same order for the whole round, sold out or not', () => {
    const shard = open({ quantity: 1 });
    const id = ordered(shard, 'a');
    shard.nowMs += 400 * 86_400_000;
    assert.equal(duplicateOf(shard, 'a'), id);
    shard.run(cancel(id));
    assert.equal(duplicateOf(shard, 'a'), id, 'also when it was cancelled');
    assert.deepEqual(inventory(shard), [0, 0, 1]);
  });

  it('with another user is refused, and tells no order', () => {
    const shard = open();
    ordered(shard, 'a');
    const verdict = shard.run(place('a', 'bob'));
    assert.equal(reasonOf(verdict), 'orderKeyReused');
    assert.deepEqual(inventory(shard), [1, 0, 9]);
  });

  it('is of one product', () => {
    const shard = open();
    shard.run(init({ productId: 'other' }));
    const first = ordered(shard, 'a');
    const outcome = outcomeOf(shard.run(place('a', 'ada', 'other')));
    assert(outcome.kind === 'ordered');
    assert.equal(outcome.isDuplicate, false);
    assert.notEqual(outcome.orderId, first);
  });

  it('of the round before is known for 60 s, and then free', () => {
    const shard = open({ quantity: 1 });
    const id = ordered(shard, 'a');
    shard.nowMs += 5_000;
    shard.run(init({ quantity: 1, mayReset: true }));
    shard.nowMs += 59_999;
    assert.equal(duplicateOf(shard, 'a'), id);
    assert.deepEqual(inventory(shard), [0, 0, 1]);
    shard.nowMs += 1;
    assert.notEqual(ordered(shard, 'a'), id);
  });
});

describe('cancelling', () => {
  it('gives the unit back, once', () => {
    const shard = open({ quantity: 1 });
    const id = ordered(shard, 'a');
    for (let times = 0; times < 2; times++) {
      assert.equal(shard.run(cancel(id)).kind, times === 0 ? 'change' : 'unchanged');
      assert.equal(order(shard, id).status, 'cancelled');
      assert.deepEqual(inventory(shard), [0, 0, 1]);
    }
    ordered(shard, 'b');
    shard.run(cancel(id));
    assert.deepEqual(inventory(shard), [1, 0, 0]);
  });

  it('an order of an earlier round gives nothing back', () => {
    const shard = open({ quantity: 3 });
    const id = ordered(shard, 'a');
    shard.run(init({ quantity: 5, mayReset: true }));
    ordered(shard, 'b');
    assert.equal(order(shard, id).round, 1);
    assert.equal(shard.run(cancel(id)).kind, 'change');
    assert.equal(order(shard, id).status, 'cancelled');
    assert.deepEqual(inventory(shard), [1, 0, 4]);
  });

  it('a fulfilled order is refused, and fulfilling a cancelled one, too', () => {
    const shard = open();
    const [first, second] = [ordered(shard, 'a'), ordered(shard, 'b')];
    shard.run(fulfil(first));
    assert.equal(reasonOf(shard.run(cancel(first))), 'orderFulfilled');
    assert.equal(shard.run(fulfil(first)).kind, 'unchanged');
    shard.run(cancel(second));
    assert.equal(reasonOf(shard.run(fulfil(second))), 'orderCancelled');
    assert.deepEqual(inventory(shard), [1, 0, 9]);
  });

  it("is for the order's own user", () => {
    const shard = open();
    const id = ordered(shard, 'a', 'ada');
    assert.equal(reasonOf(shard.run(cancel(id, 'bob'))), 'orderNotFound');
    const asked = { kind: 'getOrder', id, owner: 'bob' } as const;
    assert.equal(query(shard.state, asked, shard.nowMs).kind, 'refused');
    assert.equal(shard.run(cancel(id, 'ada')).kind, 'change');
  });
});

describe('an order that has to be confirmed', () => {
  it('is reserved until it is, and gives its unit back at its time', () => {
    const shard = open({ quantity: 2, holdMs: 1000 });
    const [first, second] = [ordered(shard, 'a'), ordered(shard, 'b')];
    assert.deepEqual(inventory(shard), [0, 2, 0]);
    assert.equal(order(shard, first).heldUntilMs, START + 1000);
    shard.run(confirm(first));
    assert.deepEqual(inventory(shard), [1, 1, 0]);
    assert.equal(order(shard, first).heldUntilMs, null);
    shard.nowMs = START + 999;
    assert.equal(reasonOf(shard.run(place('c'))), 'soldOut');
    shard.nowMs = START + 1000;
    ordered(shard, 'c');
    assert.deepEqual([order(shard, first).status, order(shard, second).status], ['accepted', 'cancelled']);
    assert.deepEqual(inventory(shard), [1, 1, 0]);
    assert.equal(reasonOf(shard.run(confirm(second))), 'orderCancelled');
  });

  it('can be confirmed again, cancelled, and fulfilled at once', () => {
    const shard = open({ holdMs: 1000 });
    const [first, second] = [ordered(shard, 'a'), ordered(shard, 'b')];
    shard.run(confirm(first));
    assert.equal(shard.run(confirm(first)).kind, 'unchanged');
    shard.run(fulfil(second));
    assert.deepEqual(inventory(shard), [2, 0, 8]);
    shard.run(cancel(first));
    shard.nowMs += 2000;
    shard.sweep();
    assert.deepEqual([order(shard, first).status, order(shard, second).status], ['cancelled', 'fulfilled']);
    assert.deepEqual(inventory(shard), [1, 0, 9]);
  });

  it('of an earlier round ends, and changes nothing in the running one', () => {
    const shard = open({ quantity: 1, holdMs: 1000 });
    const id = ordered(shard, 'a');
    shard.run(init({ quantity: 1, mayReset: true }));
    ordered(shard, 'b');
    shard.nowMs += 1000;
    shard.sweep();
    assert.equal(order(shard, id).status, 'cancelled');
    assert.deepEqual(inventory(shard), [1, 0, 0]);
  });
});

describe('stock', () => {
  it('begins a round only if the running one has no orders, or it may', () => {
    const shard = open({ quantity: 3 });
    assert.equal(shard.run(init({ quantity: 4 })).kind, 'change');
    const id = ordered(shard, 'a');
    shard.run(cancel(id));
    assert.equal(reasonOf(shard.run(init({ quantity: 5 }))), 'roundHasOrders');
    assert.equal(shard.run(init({ quantity: 5, mayReset: true })).kind, 'change');
    assert.deepEqual(inventory(shard), [0, 0, 5]);
  });

  it('stays in its campaign', () => {
    const shard = open();
    const inCampaign = asCampaignId('01890000-0000-7000-8000-00000000c001');
    assert.equal(reasonOf(shard.run(init({ inCampaign }))), 'productElsewhere');
    shard.run(init({ productId: 'other', inCampaign }));
    assert.equal(shard.run(init({ productId: 'other' })).kind, 'change');
    assert.equal(shard.state.flash.stock('other')?.current.campaignId, inCampaign);
  });

  it('is not made in a shard that its campaign does not lead to', () => {
    const shard = openShard({ shardCount: 16 });
    const inCampaign = Array.from(
      { length: 99 },
      (_, n) => `01890000-0000-7000-8000-0000000000${String(n).padStart(2, '0')}`,
    ).find((id) => shardOfId(id, 16) !== shard.state.options.shard);
    assert.equal(reasonOf(shard.run(init({ inCampaign: inCampaign ?? null }))), 'productElsewhere');
  });

  it('can be changed, but never below what is sold and reserved', () => {
    const shard = open({ quantity: 2, holdMs: 1000 });
    shard.run(confirm(ordered(shard, 'a')));
    ordered(shard, 'b');
    assert.equal(reasonOf(shard.run(adjust(-1))), 'stockTooSmall');
    shard.run(adjust(3));
    assert.deepEqual(inventory(shard), [1, 1, 3]);
    shard.run(adjust(-3));
    assert.deepEqual(inventory(shard), [1, 1, 0]);
    assert.equal(reasonOf(shard.run(adjust(1_000_000_000))), 'stockTooSmall');
  });

  it('of nothing is sold out', () => {
    const shard = open({ quantity: 0 });
    assert.equal(reasonOf(shard.run(place('a'))), 'soldOut');
  });
});

describe('the orders of a round', () => {
  it('are listed in their order, in pages, also when another round has begun', () => {
    const shard = open();
    const pageOf = (round: number | null, afterNumber: number) => {
      const asked = { kind: 'listOrders', productId: PRODUCT, round, afterNumber, limit: 2 } as const;
      const found = query(shard.state, asked, shard.nowMs);
      assert(found.kind === 'orders');
      assert.ok(found.page.items.length <= 2);
      return found.page;
    };
    shard.run(init({ productId: 'other' }));
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.push(ordered(shard, `a-${n}`));
      shard.run(place(`b-${n}`, 'bob', 'other'));
    }
    const seen: string[] = [];
    let page = pageOf(null, -1);
    for (;;) {
      seen.push(...page.items.map(({ id }) => id));
      if (page.lastNumber === null) break;
      if (seen.length === 2) {
        shard.run(init({ mayReset: true }));
        ordered(shard, 'of the next round');
      }
      page = pageOf(page.round, page.lastNumber);
    }
    assert.deepEqual(seen, ids);
    assert.equal(pageOf(null, -1).items[0]?.round, 2);
    const asked = { kind: 'listOrders', productId: PRODUCT, round: 3, afterNumber: -1, limit: 2 } as const;
    assert.equal(query(shard.state, asked, shard.nowMs).kind, 'refused');
  });
});

it('without room for another order, only known keys are answered', () => {
  const shard = open();
  const id = ordered(shard, 'a');
  // To fill it would take 4 GiB.
  Object.defineProperty(shard.state.flash.orders, 'isFull', { value: true });
  assert.equal(reasonOf(shard.run(place('b'))), 'ordersFull');
  assert.equal(duplicateOf(shard, 'a'), id);
  assert.deepEqual(inventory(shard), [1, 0, 9]);
});

it('a replay of the journal comes to the same state', () => {
  const shard = open({ quantity: 5, holdMs: 1000, perUserLimit: 3 });
  shard.run(init({ productId: 'other', quantity: 2 }));
  const ids = ['a', 'b', 'c'].map((key) => ordered(shard, key));
  shard.run(place('a', 'bob', 'other'));
  shard.run(confirm(ids[0] ?? ''));
  shard.run(fulfil(ids[0] ?? ''));
  shard.run(cancel(ids[1] ?? ''));
  shard.nowMs += 1000;
  shard.run(init({ quantity: 7, mayReset: true }));
  ordered(shard, 'd');
  shard.run(adjust(2));
  shard.run(pause(true));
  assert.equal(
    digest(replay(shard.changes, shard.batches, { shardCount: 1 }), shard.nowMs),
    digest(shard.state, shard.nowMs),
  );
});

/** A product whose home is this shard. */
function ownProduct(shard: TestShard): string {
  for (let n = 0; ; n++) {
    const productId = `product-${n}`;
    const verdict = openShard({ shardCount: shard.state.options.shardCount }).run(init({ productId }));
    if (verdict.kind === 'change') return productId;
  }
}

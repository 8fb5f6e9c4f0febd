/** Stock and orders of one shard, for tests of their rules. */
import assert from 'node:assert/strict';
import type { Command } from '../../../src/domain/command.js';
import { query } from '../../../src/features/query.js';
import type { InitStock } from '../../../src/records/commands.generated.js';
import type { OrderView } from '../../../src/records/flash.js';
import { outcomeOf, type TestShard } from '../shard.js';

export const PRODUCT = 'iphone-15';

/** Ten units for everybody, from now on. */
export const init = (given: Partial<Omit<InitStock, 'kind'>> = {}): Command => ({
  kind: 'initStock',
  home: 0,
  productId: PRODUCT,
  inCampaign: null,
  quantity: 10,
  startsMs: null,
  endsMs: null,
  perUserLimit: null,
  holdMs: null,
  mayReset: false,
  ...given,
});

export const place = (key: string, userId = 'ada', productId = PRODUCT, isAdmitted = true): Command => ({
  kind: 'placeOrder',
  productId,
  userId,
  key,
  isAdmitted,
});
export const cancel = (id: string, owner: string | null = null): Command => ({ kind: 'cancelOrder', id, owner });
export const confirm = (id: string, owner: string | null = null): Command => ({ kind: 'confirmOrder', id, owner });
export const fulfil = (id: string): Command => ({ kind: 'fulfilOrder', id });
export const adjust = (by: number): Command => ({
  kind: 'adjustStock',
  productId: PRODUCT,
  add: Math.max(by, 0),
  remove: Math.max(-by, 0),
});
export const pause = (isPaused: boolean): Command => ({ kind: 'pauseStock', productId: PRODUCT, isPaused });

/** Orders, which must be accepted, and gives the id. */
export function ordered(shard: TestShard, key: string, userId?: string): string {
  const outcome = outcomeOf(shard.run(place(key, userId)));
  assert(outcome.kind === 'ordered');
  assert.equal(outcome.isDuplicate, false);
  return outcome.orderId;
}

/** `[sold, reserved, remaining]`; they must add up. */
export function inventory(shard: TestShard, productId = PRODUCT): readonly number[] {
  const found = query(shard.state, { kind: 'getStock', productId }, shard.nowMs);
  assert(found.kind === 'stock');
  const { sold, reserved } = found.view.counts;
  const remaining = found.view.stock.quantity - sold - reserved;
  assert.ok(sold >= 0 && reserved >= 0 && remaining >= 0, `${sold} + ${reserved} + ${remaining}`);
  return [sold, reserved, remaining];
}

export function order(shard: TestShard, id: string): OrderView {
  const found = query(shard.state, { kind: 'getOrder', id, owner: null }, shard.nowMs);
  assert(found.kind === 'order', JSON.stringify(found));
  return found.view;
}

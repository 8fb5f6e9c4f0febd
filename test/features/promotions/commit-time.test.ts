/** When a reservation was committed, and for how long it can be rolled back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openShard, reasonOf, START } from '../shard.js';
import { cartOf, line } from './offers.js';
import {
  addPromotion,
  commit,
  eventsOf,
  giveBack,
  HOUR,
  reservation,
  reserved,
  settles,
  usage,
  usageOf,
  use,
} from './promotion-shard.js';

test('a reservation keeps the time of its first commit', () => {
  const shard = openShard();
  addPromotion(shard);
  const { id } = reserved(shard);
  assert.equal(reservation(shard, id).committedMs, null);
  shard.nowMs += 500;
  assert.equal(settles(shard, commit(id)).committedMs, START + 500);
  shard.nowMs += 500;
  assert.equal(settles(shard, commit(id)).committedMs, START + 500);
  assert.equal(settles(shard, giveBack(id)).committedMs, START + 500);
});

test('a reservation that is a use from the beginning is committed when it is made', () => {
  const shard = openShard();
  addPromotion(shard);
  assert.equal(shard.run(use()).kind, 'change');
  const [{ reservationId } = assert.fail()] = eventsOf(shard, 'reservationMade');
  assert.equal(reservation(shard, reservationId).committedMs, START);
});

test('a reservation can be rolled back for 400 days after the commit, and no longer', () => {
  const shard = openShard();
  const promotion = addPromotion(shard);
  const ids = [0, 0].map(() => reserved(shard, { cart: cartOf([line('mug', 1000, 3)]) }).id);
  shard.nowMs += 500;
  for (const id of ids) shard.run(commit(id));
  shard.nowMs += 400 * 24 * HOUR - 1;
  const [first = '', second = ''] = ids;
  assert.equal(settles(shard, giveBack(first)).status, 'rolledBack');
  shard.nowMs += 1;
  assert.equal(reasonOf(shard.run(giveBack(second))), 'rollbackTooLate');
  assert.equal(reasonOf(shard.run(giveBack(second, [{ productId: 'mug', quantity: 1 }]))), 'rollbackTooLate');
  assert.deepEqual(usageOf(shard, promotion), usage(1, 0, 300, 0));
});

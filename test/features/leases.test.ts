/** Leases end by themselves, to the millisecond; sweeping only announces it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expireLeases, nextLeaseEndMs } from '../../src/features/coupons/lock.js';
import { query } from '../../src/features/query.js';
import { assign, BOOK, given, inWords, lock, openShard, reasonOf, redeem, START, unassign, unlock } from './shard.js';

const locked = () => given({}, [assign('A-1', 'ann'), lock('A-1', 'ann')]);

test('a lease ends at its deadline, not before', () => {
  const shard = locked();
  assert.equal(nextLeaseEndMs(shard.state.coupons), START + 1000);
  assert.equal(expireLeases(shard.state.coupons, START + 999), null);
  const change = expireLeases(shard.state.coupons, START + 1000);
  assert.deepEqual(change?.events.map(inWords), ['leaseExpired A-1 ann #4']);
  assert.equal(change?.caller, 'system');
  assert.equal(change?.remembered, null);
});

test('leases are announced in the order in which they end', () => {
  const shard = openShard();
  const codes = Array.from({ length: 50 }, (_, n) => `CODE-${n}`);
  shard.addBook({ redeemableBy: 'bearer' }, codes);
  const deadlines = codes.map((code, n) => {
    const ttlMs = 1 + ((n * 37) % 50) * 10;
    shard.run(lock(code, 'ann', ttlMs));
    return { code, ttlMs };
  });
  const before = shard.changes.length;
  shard.nowMs += 1000;
  shard.sweep();
  assert.deepEqual(
    shard.changes.slice(before).flatMap((change) => change.events.map((event) => 'code' in event && event.code)),
    deadlines.toSorted((a, b) => a.ttlMs - b.ttlMs).map(({ code }) => code),
  );
  assert.equal(nextLeaseEndMs(shard.state.coupons), null);
});

test('a lease that a command ended is not announced', () => {
  for (const end of [unlock('A-1', 'ann'), redeem('A-1', 'ann')]) {
    const shard = locked();
    shard.run(end);
    assert.equal(nextLeaseEndMs(shard.state.coupons), null);
    shard.nowMs += 5000;
    assert.equal(expireLeases(shard.state.coupons, shard.nowMs), null);
  }
});

test('a renewed lease ends at its new deadline', () => {
  const shard = locked();
  shard.run(lock('A-1', 'ann', 5000));
  shard.nowMs += 1000;
  shard.sweep();
  assert.equal(nextLeaseEndMs(shard.state.coupons), START + 5000);
  shard.run(lock('A-1', 'ann', 1));
  assert.equal(nextLeaseEndMs(shard.state.coupons), START + 1001);
});

test('a lease that is over does not bind anybody, swept or not', () => {
  const cases = [lock('A-1', 'ann'), redeem('A-1', 'ann'), unassign('A-1')];
  for (const command of cases) {
    const shard = locked();
    shard.nowMs += 1000;
    assert.equal(shard.runUnswept(command).kind, 'change', command.kind);
    shard.nowMs += 5000;
    shard.sweep();
    const found = query(shard.state, { kind: 'getBook', bookId: BOOK }, shard.nowMs);
    assert(found.kind === 'book');
    assert.equal(found.view.counts.locked, 0, command.kind);
    assert.equal(nextLeaseEndMs(shard.state.coupons), null);
  }
  const shard = locked();
  shard.nowMs += 1000;
  assert.equal(reasonOf(shard.runUnswept(unlock('A-1', 'ann'))), 'notLocked');
});

test('lock ids only grow', () => {
  const shard = given({ redeemableBy: 'bearer' }, []);
  let last = 0;
  for (let turn = 0; turn < 30; turn++) {
    const verdict = shard.run(lock(`A-${1 + (turn % 3)}`, 'ann', 2));
    assert(verdict.kind === 'change' && verdict.outcome.kind === 'locked');
    assert(verdict.outcome.lockId > last);
    last = verdict.outcome.lockId;
    shard.nowMs += 1;
  }
});

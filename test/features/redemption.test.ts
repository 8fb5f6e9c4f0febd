/** Redemptions: their ids, and how many there were in a minute, an hour and a day. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedemptionRate } from '../../src/features/coupons/redemption-rate.js';
import { RedemptionTable } from '../../src/features/coupons/redemption-table.js';
import { START, seeded } from './shard.js';

const UUIDV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a redemption id is a UUIDv7 of its time, unlike all others', () => {
  const table = new RedemptionTable();
  const random = seeded(3);
  const seen = new Set<string>();
  for (let n = 0; n < 20_000; n++) {
    const atMs = START + (n % 100);
    const id = table.newId(atMs, table.next, random);
    assert.match(id, UUIDV7);
    assert.equal(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16), atMs);
    table.add(id, n % 50, n % 7, 0);
    seen.add(id);
  }
  assert.equal(seen.size, 20_000);
});

test('a redemption is found by its id and its code, and by nothing else', () => {
  const table = new RedemptionTable();
  const random = seeded(3);
  const ids = Array.from({ length: 300 }, (_, n) => {
    const id = table.newId(START + n, table.next, random);
    table.add(id, n, 1, 0);
    return id;
  });
  for (const [n, id] of ids.entries()) {
    assert.equal(table.find(id, n), n);
    assert.equal(table.id(n), id);
    assert.deepEqual([table.atMs(n), table.code(n), table.user(n)], [START + n, n, 1]);
    assert.equal(table.find(id, n + 1), -1, 'of another code');
    for (let at = 0; at < id.length; at++) {
      if (id[at] === '-') continue;
      const changed = id.slice(0, at) + (id[at] === '0' ? '1' : '0') + id.slice(at + 1);
      assert.equal(table.find(changed, n), -1, `with another digit at ${at}`);
    }
  }
  for (const id of ['', 'none', '-0000001', `${ids[0]}0`, ids[0]?.toUpperCase() ?? '', 'x'.repeat(36)]) {
    assert.equal(table.find(id, 0), -1, id);
  }
});

test('ids of extreme times and numbers are well formed and come back', () => {
  for (const atMs of [0, 65_535, 65_536, START, 2 ** 48 - 1]) {
    for (const bits of [0, 1, 0x80000000, 0xffffffff]) {
      const table = new RedemptionTable();
      const id = table.newId(atMs, 0, { uint32: () => bits });
      assert.match(id, UUIDV7);
      table.add(id, 1, 1, 0);
      assert.equal(table.id(0), id);
      assert.equal(table.atMs(0), atMs);
    }
  }
  assert.match(new RedemptionTable().newId(START, 2 ** 32 - 1, seeded(1)), /ffffffff$/);
});

test('a redemption is rolled back once, and stays known', () => {
  const table = new RedemptionTable();
  const id = table.newId(START, table.next, seeded(1));
  table.add(id, 4, 1, 0);
  assert.equal(table.isRolledBack(0), false);
  table.rollBack(0);
  assert.equal(table.isRolledBack(0), true);
  assert.equal(table.find(id, 4), 0);
});

test('the newest redemption of a code that stands is found, in whatever order they came', () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
  ]) {
    const table = new RedemptionTable();
    let newest = 0;
    for (const n of order) newest = table.add(table.newId(START + n, n, seeded(n)), 4, 1, newest);
    assert.equal(table.newestStanding(newest), 3);
    for (const [rolledBack, left] of [
      [1, 3],
      [3, 2],
      [2, 0],
      [0, -1],
    ] as const) {
      table.rollBack(rolledBack);
      assert.equal(table.newestStanding(newest), left);
    }
  }
  assert.equal(new RedemptionTable().newestStanding(0), -1);
});

test('rates move with the time, and forget', () => {
  const rate = new RedemptionRate();
  const at = (ms: number) => rate.minutes.read(START + ms).counts;
  for (let n = 0; n < 5; n++) rate.add(START + n * 60_000, 1);
  assert.deepEqual(at(4 * 60_000).slice(-6), [0, 1, 1, 1, 1, 1]);
  assert.deepEqual(at(5 * 60_000).slice(-6), [1, 1, 1, 1, 1, 0], 'a minute without any');
  assert.equal(at(70 * 60_000).length, 60);
  assert.deepEqual(new Set(at(70 * 60_000)), new Set([0]), 'an hour later');
  assert.equal(rate.hours.read(START + 70 * 60_000).counts.at(-2), 5);
  assert.equal(rate.days.read(START + 70 * 60_000).counts.at(-1), 5);
});

test('what is rolled back leaves the minute in which it was made, if that is still kept', () => {
  const rate = new RedemptionRate();
  rate.add(START, 1);
  rate.add(START + 60_000, 1);
  rate.add(START, -1);
  assert.deepEqual(rate.minutes.read(START + 60_000).counts.slice(-2), [0, 1]);
  rate.add(START + 3 * 3_600_000, 1);
  rate.add(START + 60_000, -1);
  const { counts } = rate.minutes.read(START + 3 * 3_600_000);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    1,
  );
  assert.deepEqual(rate.hours.read(START + 3 * 3_600_000).counts.slice(-4), [0, 0, 0, 1]);
});

test('a late count is counted in its own minute', () => {
  const rate = new RedemptionRate();
  rate.add(START + 120_000, 1);
  rate.add(START, 1);
  assert.deepEqual(rate.minutes.read(START + 120_000).counts.slice(-3), [1, 0, 1]);
});

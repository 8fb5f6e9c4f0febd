/** The rate at which orders are admitted, for all HTTP threads together. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOrderRate, ORDER_RATE_BYTES } from '../../src/http/server/order-rate.js';

/** Two threads that share a rate and a clock. */
function twoThreads(perSecond: number, beginMs = 5_000_000_000) {
  const shared = new SharedArrayBuffer(ORDER_RATE_BYTES);
  const clock = { ms: beginMs };
  const [first, second] = [0, 1].map(() => createOrderRate(shared, perSecond, () => clock.ms));
  assert(first !== undefined && second !== undefined);
  /** How many of so many orders are admitted, in turn by both. */
  const taken = (orders: number): number => {
    let count = 0;
    for (let n = 0; n < orders; n++) if ((n % 2 === 0 ? first : second).take()) count++;
    return count;
  };
  return { clock, taken };
}

describe('the rate of orders', () => {
  it('admits a tenth of a second at once, and no more', () => {
    const { clock, taken } = twoThreads(1000);
    clock.ms += 10_000;
    assert.equal(taken(5000), 100);
    assert.equal(taken(5000), 0);
  });

  it('is refilled continuously', () => {
    const { clock, taken } = twoThreads(1000);
    taken(5000);
    for (let ms = 0; ms < 200; ms++) {
      clock.ms++;
      assert.equal(taken(10), 1);
    }
  });

  it('keeps its rate over a second, whatever comes', () => {
    for (const perSecond of [1, 7, 50, 999, 10_000]) {
      const { clock, taken } = twoThreads(perSecond);
      let admitted = 0;
      for (let ms = 0; ms < 10_000; ms += 5) {
        clock.ms += 5;
        admitted += taken(Math.ceil(perSecond / 10));
      }
      assert.ok(Math.abs(admitted - 10 * perSecond) <= 1 + perSecond / 10, `${admitted} at ${perSecond}`);
    }
  });

  it('holds two orders if a tenth of a second is less', () => {
    const { clock, taken } = twoThreads(2);
    clock.ms += 10_000;
    assert.equal(taken(10), 2);
    clock.ms += 499;
    assert.equal(taken(10), 0);
    clock.ms += 1;
    assert.equal(taken(10), 1);
  });

  it('begins at any moment, and goes on when its words of time turn over', () => {
    for (const beginMs of [
      0,
      2 ** 31 - 50,
      2 ** 31 + 50,
      2 ** 32 - 50,
      1_795_000_000_000,
      1_795_000_000_000 + 2 ** 31,
    ]) {
      const { clock, taken } = twoThreads(1000, beginMs);
      assert.equal(taken(10), 0);
      let admitted = 0;
      for (let ms = 0; ms < 200; ms++) {
        clock.ms++;
        admitted += taken(10);
      }
      // One word stands for "nobody has begun", and its millisecond is left out.
      assert.ok(admitted === 200 || admitted === 199, `${admitted} after ${beginMs}`);
    }
  });

  it('admits orders after any time without one', () => {
    const dayMs = 86_400_000;
    for (const days of [1, 24, 25, 30, 45, 49, 50, 75, 100]) {
      const { clock, taken } = twoThreads(1000);
      taken(5000);
      clock.ms += days * dayMs;
      assert.equal(taken(5000), 100, `after ${days} days`);
    }
  });

  it('is given back what nothing was ordered with', () => {
    const rate = createOrderRate(new SharedArrayBuffer(ORDER_RATE_BYTES), 20, () => 1);
    assert.equal(rate.take(), false);
    rate.giveBack();
    assert.deepEqual([rate.take(), rate.take()], [true, false]);
  });

  it('does not gain by a clock that goes back', () => {
    const { clock, taken } = twoThreads(1000);
    clock.ms += 10_000;
    taken(5000);
    clock.ms -= 5000;
    assert.equal(taken(100), 0);
    clock.ms += 5001;
    assert.equal(taken(100), 1);
  });
});

/**
 * The rate at which orders of flash sales are admitted: one token bucket for all HTTP threads of
 * the process, in shared memory. It is refilled continuously by whichever thread looks, and holds a
 * tenth of a second, or two orders.
 *
 *     word 0   thousandths of an order that may be taken now
 *     word 1   ms at which it was last refilled, modulo 2^32; 0: nobody has begun
 */
export const ORDER_RATE_BYTES = 8;

const LEFT = 0;
const REFILLED = 1;
const ONE = 1000;
const BURST_MS = 100;
/** The clocks of threads differ by less. */
const STEP_MS_MAX = 60_000;
/** With room for one order alone, what is gained while one is there would be lost. */
const BURST_MIN = 2 * ONE;

export interface OrderRate {
  /** Takes the right to one order, if there is one. */
  take(): boolean;
  /** Nothing was ordered with it. */
  giveBack(): void;
}

export function createOrderRate(shared: SharedArrayBuffer, perSecond: number, nowMs = monotonicMs): OrderRate {
  const words = new Int32Array(shared);
  // A rate in orders per second is the same number of thousandths per millisecond.
  const burst = Math.max(perSecond * BURST_MS, BURST_MIN);
  // Another thread may have begun.
  Atomics.compareExchange(words, REFILLED, 0, wordOf(nowMs()));

  function refill(): void {
    const now = wordOf(nowMs());
    const last = Atomics.load(words, REFILLED);
    const passed = (now - last) | 0;
    // Another thread refills, or its clock is a little ahead. After 2^31 ms without any order, the
    // difference is below that.
    if (passed <= 0 && passed > -STEP_MS_MAX) return;
    if (Atomics.compareExchange(words, REFILLED, last, now) !== last) return;
    const gained = passed < 0 ? burst : Math.min(passed * perSecond, burst);
    for (;;) {
      const left = Atomics.load(words, LEFT);
      if (Atomics.compareExchange(words, LEFT, left, Math.min(left + gained, burst)) === left) return;
    }
  }

  return {
    take() {
      refill();
      if (Atomics.sub(words, LEFT, ONE) >= ONE) return true;
      Atomics.add(words, LEFT, ONE);
      return false;
    },
    giveBack: () => void Atomics.add(words, LEFT, ONE),
  };
}

/** Modulo 2^32, and never 0. */
const wordOf = (ms: number): number => Math.trunc(ms) | 0 || 1;

/** The same clock in all threads. */
const monotonicMs = (): number => performance.timeOrigin + performance.now();

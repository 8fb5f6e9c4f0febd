import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClock, createClockKeeper, openClock } from '../../src/compose/clock.js';
import { ProcessEnd } from '../../src/platform/exit-codes.js';

/**
 * A clock over system clocks that the test moves: `pass` is real time, `step` is what an operator
 * or NTP does.
 */
function movedClock() {
  const system = { wallMs: 1_000_000, monotonicMs: 0 };
  const clock = createClock(
    () => Math.floor(system.wallMs),
    () => system.monotonicMs,
  );
  return {
    now: () => clock.now(),
    notBefore: (ms: number) => clock.notBefore(ms),
    pass(ms: number) {
      system.wallMs += ms;
      system.monotonicMs += ms;
    },
    step(ms: number) {
      system.wallMs += ms;
    },
  };
}

test('the clock follows the system clock', () => {
  const clock = movedClock();
  assert.equal(clock.now(), 1_000_000);
  clock.pass(10);
  assert.equal(clock.now(), 1_000_010);
  clock.step(5_000);
  assert.equal(clock.now(), 1_005_010);
});

test('when the system clock is set back, the clock runs at half pace until the system clock has caught up', () => {
  const clock = movedClock();
  clock.now();
  clock.step(-1_000);
  assert.equal(clock.now(), 1_000_000);
  clock.pass(1_000);
  assert.equal(clock.now(), 1_000_500);
  clock.pass(1_000);
  assert.equal(clock.now(), 1_001_000);
  clock.pass(1_000);
  assert.equal(clock.now(), 1_002_000);
});

test('many readings within a millisecond lose no time', () => {
  const clock = movedClock();
  clock.now();
  clock.step(-1_000);
  for (let reading = 0; reading < 1_000; reading++) {
    clock.pass(0.5);
    clock.now();
  }
  assert.equal(clock.now(), 1_000_250);
});

test('the clock starts no earlier than the latest time in the journal', () => {
  const clock = movedClock();
  clock.pass(100);
  clock.notBefore(1_000_600);
  assert.equal(clock.now(), 1_000_600);
  clock.pass(100);
  assert.equal(clock.now(), 1_000_650);
  clock.notBefore(1_000_000);
  assert.equal(clock.now(), 1_000_650);
});

test('the clock never runs backwards, whatever the system clock does', () => {
  const clock = movedClock();
  let last = clock.now();
  for (let turn = 1; turn <= 10_000; turn++) {
    clock.pass((turn * 7_919) % 13);
    clock.step(((turn * 104_729) % 2_001) - 1_000);
    const now = clock.now();
    assert.ok(now >= last && Number.isInteger(now), `turn ${turn}: ${last} then ${now}`);
    last = now;
  }
});

test('over the real clocks it shows the time of day', () => {
  assert.ok(Math.abs(createClock().now() - Date.now()) < 1_000);
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The clock of a process, as its main thread and another one see it. */
function sharedClock() {
  const system = { wallMs: 1_000_000_000, monotonicMs: 0, uptimeMs: 50_000 };
  const jumps: number[] = [];
  const keeper = createClockKeeper(
    { wallMs: () => system.wallMs, monotonicMs: () => system.monotonicMs, uptimeMs: () => system.uptimeMs },
    (aheadMs) => jumps.push(aheadMs),
  );
  const other = openClock(keeper.shared, () => system.monotonicMs);
  return {
    keeper,
    other,
    jumps,
    pass(ms: number) {
      system.wallMs += ms;
      system.monotonicMs += ms;
      system.uptimeMs += ms;
      keeper.look();
    },
    step(ms: number) {
      system.wallMs += ms;
      keeper.look();
    },
    sleep(ms: number) {
      system.wallMs += ms;
      system.uptimeMs += ms;
      keeper.look();
    },
  };
}

test('a step of the system clock of more than a minute is not followed in any thread, either way, and counts once', () => {
  for (const step of [30 * DAY_MS, -30 * DAY_MS, 61_000, -61_000]) {
    const { keeper, other, jumps, pass, step: set } = sharedClock();
    pass(1_000);
    set(step);
    for (let n = 0; n < 100; n++) pass(1_000);
    assert.deepEqual([keeper.now(), other.now()], [1_000_101_000, 1_000_101_000]);
    assert.deepEqual(jumps, [step]);
    assert.deepEqual(keeper.report(), { jumps: 1, notFollowedMs: step });
  }
});

test('a system clock that was set wrong and then right again is followed as before', () => {
  const { keeper, other, jumps, pass, step } = sharedClock();
  step(DAY_MS);
  pass(10_000);
  step(-DAY_MS);
  assert.deepEqual(keeper.report(), { jumps: 1, notFollowedMs: 0 });
  step(5_000);
  assert.equal(other.now(), 1_000_015_000);
  assert.equal(jumps.length, 1);
});

test('the clock follows at once after the machine slept, which its uptime shows', () => {
  const { other, jumps, pass, sleep } = sharedClock();
  pass(1_000);
  sleep(8 * HOUR_MS);
  assert.equal(other.now(), 1_000_001_000 + 8 * HOUR_MS);
  sleep(DAY_MS);
  assert.equal(other.now(), 1_000_001_000 + 8 * HOUR_MS + DAY_MS);
  assert.deepEqual(jumps, []);
});

test('a minimum time that one thread sets holds in all threads from the next look on', () => {
  const { keeper, other, pass } = sharedClock();
  other.notBefore(1_000_005_000);
  assert.equal(other.now(), 1_000_005_000, 'at once in its own');
  pass(100);
  assert.equal(keeper.now(), 1_000_005_000);
  pass(1_000);
  assert.deepEqual([keeper.now(), other.now()], [1_000_005_500, 1_000_005_500], 'at half pace');
  pass(8_800);
  pass(1_200);
  assert.deepEqual([keeper.now(), other.now()], [1_000_011_100, 1_000_011_100], 'until the system clock is level');
});

test('a journal that is more than an hour ahead is refused, and does not hold the clock back once it was accepted', () => {
  const { keeper, other } = sharedClock();
  const aheadMs = 1_000_000_000 + 30 * DAY_MS;
  other.notBefore(1_000_000_000 + HOUR_MS);
  assert.throws(
    () => keeper.notBefore(aheadMs),
    (error) => error instanceof ProcessEnd && error.exitCause === 'clock' && /serve --accept-clock/.test(error.message),
  );
  assert.equal(keeper.acceptedMs(), 0);
  keeper.accept(aheadMs);
  other.notBefore(aheadMs);
  assert.equal(other.now(), 1_000_000_000 + HOUR_MS);
  assert.equal(keeper.acceptedMs(), aheadMs);
  assert.throws(() => other.notBefore(aheadMs + 1), /the last change in the journal was made at/);
});

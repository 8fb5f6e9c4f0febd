import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClock } from '../src/clock.js';

/** A clock over system clocks that the test moves: `pass` is real time, `step` is what an operator or NTP does. */
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

test('when the system clock is set back, the clock goes on at half pace until the other has caught up', () => {
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

test('many readings within a millisecond lose none of the time that passes', () => {
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

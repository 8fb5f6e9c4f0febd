/**
 * Fake time. What is due runs in order of its time, and at the same time in the order of the seed.
 */
import type { SeededRandom } from './seeded-random.js';

interface Due {
  readonly atMs: number;
  readonly tie: number;
  readonly work: () => void;
}

export interface Schedule {
  now(): number;
  after(delayMs: number, work: () => void): void;
  /**
   * Runs the next thing that is due within `horizonMs`, and moves time on to it. False: there is
   * none, and time stays.
   */
  step(horizonMs: number): boolean;
  /** Moves time on; what is due by then runs later, at the earliest at the next step. */
  pass(ms: number): void;
}

export function createSchedule(random: SeededRandom, startMs: number): Schedule {
  /** The last one is due first. */
  const queue: Due[] = [];
  let nowMs = startMs;
  return {
    now: () => nowMs,
    after(delayMs, work) {
      const due: Due = { atMs: nowMs + delayMs, tie: random.uint32(), work };
      let place = queue.length;
      for (let other = queue[place - 1]; other !== undefined && isBefore(other, due); other = queue[place - 1]) place--;
      queue.splice(place, 0, due);
    },
    step(horizonMs) {
      const due = queue.at(-1);
      if (due === undefined || due.atMs > nowMs + horizonMs) return false;
      queue.pop();
      nowMs = Math.max(nowMs, due.atMs);
      due.work();
      return true;
    },
    pass(ms) {
      nowMs += ms;
    },
  };
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.tie < other.tie);
}

/** Fake time. What is due runs in order of its time, and at the same time in the order of the seed. */
import type { SeededRandom } from './seeded-random.js';

interface Due {
  readonly atMs: number;
  readonly tie: number;
  readonly work: () => void;
}

export interface Schedule {
  now(): number;
  after(delayMs: number, work: () => void): void;
  /** Runs the next thing that is due, moving time on to it. False: nothing is. */
  step(): boolean;
  readonly pending: number;
}

export function createSchedule(random: SeededRandom, startMs: number): Schedule {
  const queue: Due[] = [];
  let nowMs = startMs;
  return {
    now: () => nowMs,
    after(delayMs, work) {
      const due: Due = { atMs: nowMs + delayMs, tie: random.uint32(), work };
      const place = queue.findIndex(
        (other) => other.atMs > due.atMs || (other.atMs === due.atMs && other.tie > due.tie),
      );
      queue.splice(place === -1 ? queue.length : place, 0, due);
    },
    step() {
      const due = queue.shift();
      if (due === undefined) return false;
      nowMs = Math.max(nowMs, due.atMs);
      due.work();
      return true;
    },
    get pending() {
      return queue.length;
    },
  };
}

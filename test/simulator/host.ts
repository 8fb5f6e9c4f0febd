/**
 * What the operating system gives one process: timers and clocks of its own. A paused process
 * (SIGSTOP, a frozen container) runs nothing until it is resumed; while its machine sleeps, its
 * monotonic clock stands still too. A killed one runs nothing more.
 */
import type { Schedule } from './schedule.js';

export interface Host {
  isAlive(): boolean;
  /** Now, or when it is resumed. */
  run(work: () => void): void;
  after(delayMs: number, work: () => void): void;
  /** The same; returns what cancels the call. */
  cancellable(delayMs: number, work: () => void): () => void;
  wallMs(): number;
  monotonicMs(): number;
  /** Said by what settles a promise: the run then waits until all that follows from it is done. */
  noteAsync(): void;
}

export interface HostControl extends Host {
  isPaused(): boolean;
  pause(): void;
  /** `asleepMs`: how long of the pause the whole machine slept. */
  resume(asleepMs: number): void;
  kill(): void;
  /** The system's clock is set. */
  stepClock(ms: number): void;
}

export function createHost(schedule: Schedule, noteAsync: () => void): HostControl {
  let isAlive = true;
  /** What came due during a pause; null: not paused. */
  let held: (() => void)[] | null = null;
  let clockOffMs = 0;
  let asleepMs = 0;

  function run(work: () => void): void {
    if (!isAlive) return;
    if (held === null) work();
    else held.push(work);
  }

  return {
    isAlive: () => isAlive,
    run,
    after: (delayMs, work) => schedule.after(delayMs, () => run(work)),
    cancellable(delayMs, work) {
      let isCancelled = false;
      schedule.after(delayMs, () => run(() => isCancelled || work()));
      return () => {
        isCancelled = true;
      };
    },
    wallMs: () => schedule.now() + clockOffMs,
    monotonicMs: () => schedule.now() - asleepMs,
    noteAsync,
    isPaused: () => held !== null,
    pause() {
      held ??= [];
    },
    resume(sleptMs) {
      asleepMs += sleptMs;
      const due = held ?? [];
      held = null;
      for (const work of due) run(work);
    },
    kill() {
      isAlive = false;
    },
    stepClock(ms) {
      clockOffMs += ms;
    },
  };
}

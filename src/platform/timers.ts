/** Timers and the clock that never jumps, for what a simulator runs on time of its own. */
export interface Timers {
  /** Milliseconds, from any beginning. */
  monotonicMs(): number;
  /** Calls once. It does not keep the process running. */
  after(delayMs: number, work: () => void): void;
  /**
   * Calls again and again until what it returns is called. It does not keep the process running.
   */
  every(periodMs: number, work: () => void): () => void;
}

export const realTimers: Timers = {
  monotonicMs: () => performance.now(),
  after: (delayMs, work) => {
    setTimeout(work, delayMs).unref();
  },
  every: (periodMs, work) => {
    const timer = setInterval(work, periodMs).unref();
    return () => clearInterval(timer);
  },
};

/**
 * The clock that deadlines are judged by: Unix milliseconds that never run backwards.
 *
 * `Date.now()` alone won't do: when the system's clock is set back, a lease that ended would live again. Freezing at
 * the highest time seen won't do either: after a step back of an hour no lease would end for an hour. And a purely
 * monotonic clock (`performance.timeOrigin + performance.now()`) never hears of any correction, nor of a machine
 * that slept. So: as long as the system's clock is level with ours or ahead, we follow it; while it is behind, we go
 * on at half of the monotonic pace until it has caught up. A step back by d is thus forgotten after 2d, and
 * meanwhile a lease may last up to twice as long as it says, but never ends early and never comes back.
 *
 *     system  ──────╮set back        ╭────────
 *                   ╰───────────────╯
 *     ours    ──────┬─ half pace ────┴────────
 */

export interface Clock {
  /** Unix milliseconds, a whole number, never less than the last one that was given out. */
  now(): number;
  /**
   * From now on the clock shows at least `ms`. For a shard that recovers: time must not run backwards over a restart
   * either, so it begins no earlier than the latest time in its journal.
   */
  notBefore(ms: number): void;
}

const CATCH_UP_PACE = 0.5;

/** `wallMs` and `monotonicMs` are the system's clocks; tests put in their own. */
export function createClock(
  wallMs: () => number = Date.now,
  monotonicMs: () => number = () => performance.now(),
): Clock {
  let shownMs = wallMs();
  let readAtMs = monotonicMs();

  return {
    now() {
      const readAt = monotonicMs();
      shownMs = Math.max(wallMs(), shownMs + (readAt - readAtMs) * CATCH_UP_PACE);
      readAtMs = readAt;
      return Math.floor(shownMs);
    },
    notBefore(ms) {
      if (ms <= shownMs) return;
      shownMs = ms;
      readAtMs = monotonicMs();
    },
  };
}

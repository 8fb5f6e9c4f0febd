/**
 * The clock that deadlines are judged by: Unix milliseconds that never run backwards, the same in
 * all threads of the process.
 *
 * `Date.now()` alone won't do: when the system's clock is set back, a lease that ended would live
 * again. Freezing at the highest time seen won't do either: after a step back of an hour no lease
 * would end for an hour. And a purely monotonic clock does not notice corrections, or that the
 * machine slept. So:
 *
 *     the system's clock                        this clock
 *     is corrected forwards, by up to 60 s      follows at once
 *     is corrected backwards, by up to 60 s     goes on at half pace until it is level again
 *     was set further than that                 keeps the pace of the monotonic clock
 *     the machine slept (uptime shows it)       follows at once
 *
 * A correction back by d is thus forgotten after 2d, and meanwhile a lease may last up to twice as
 * long as it says, but never ends early and never comes back. A clock that was set by days is
 * usually an error of an operator or of a time server. Following it would end all leases and books,
 * and the decisions made meanwhile would stay.
 *
 * One thread, the keeper, looks at the system's clock ten times a second. It publishes a straight
 * line of time over the monotonic clock, which all threads of a process share, and every thread
 * reads that line. So no thread ever sees a jump by itself, and reading costs less than
 * `Date.now()`.
 *
 *     keeper   wall clock, monotonic clock, uptime ─▶ line: shown = shownMs + (monotonic - monotonicMs) * pace
 *     others   monotonic clock ─▶ line ─▶ time
 */
import { uptime } from 'node:os';
import { ProcessEnd } from '../platform/exit-codes.js';

export interface Clock {
  /** Unix milliseconds, a whole number, never less than the last one returned. */
  now(): number;
  /**
   * From now on the clock shows at least `ms`. For a shard that recovers: time must not run
   * backwards over a restart either, so it begins no earlier than the latest time in its journal.
   * Throws `ProcessEnd` when the clock is more than an hour behind that, unless times up to that
   * one were accepted.
   */
  notBefore(ms: number): void;
}

/** State of the clock for operators. */
export interface ClockReport {
  /** How often the system's clock was set so far that it was not followed. */
  readonly jumps: number;
  /** How far the system's clock is ahead of this one while it is not followed; else 0. */
  readonly notFollowedMs: number;
}

export interface ClockKeeper extends Clock {
  /** For `openClock` in the other threads. */
  readonly shared: SharedArrayBuffer;
  /** Looks at the system's clock. */
  look(): void;
  report(): ClockReport;
  /**
   * Times in the journal up to this one count as those of a wrong clock; the clock is not held back
   * for them.
   */
  accept(throughMs: number): void;
  /**
   * The latest time in the journal that was more than an hour ahead and accepted; 0: there was
   * none.
   */
  acceptedMs(): number;
  /** Stops looking at the system's clock. */
  close(): void;
}

/** The system's clocks; tests put in their own. */
export interface SystemClocks {
  readonly wallMs: () => number;
  /** The same in all threads. */
  readonly monotonicMs: () => number;
  /** Goes on while the machine sleeps. */
  readonly uptimeMs: () => number;
}

const CATCH_UP_PACE = 0.5;
const CORRECTION_MS_MAX = 60_000;
/**
 * Uptime and the wall clock are read one after the other, and uptime has hundredths of a second.
 */
const SLEEP_TOLERANCE_MS = 5_000;
/** The wall clock has whole milliseconds. */
const JITTER_MS = 2;
const BEHIND_MS_MAX = 3_600_000;
const LOOK_EVERY_MS = 100;

/**
 * A reader that is between two fields of a line would have to sleep through as many new lines to
 * read a mixed one.
 */
const LINES = 16;
const LINE_FIELDS = 3;
const LINES_BYTES = LINES * LINE_FIELDS * 8;
/** After the lines: times in whole milliseconds, and then the number of the newest line. */
const FLOOR_MS = 0;
const ACCEPT_THROUGH_MS = 1;
const ACCEPTED_MS = 2;
const TIMES = 3;
const SHARED_BYTES = LINES_BYTES + TIMES * 8 + 4;

interface Views {
  readonly lines: Float64Array;
  readonly times: BigInt64Array;
  readonly newest: Int32Array;
}

function viewsOf(shared: SharedArrayBuffer): Views {
  return {
    lines: new Float64Array(shared, 0, LINES * LINE_FIELDS),
    times: new BigInt64Array(shared, LINES_BYTES, TIMES),
    newest: new Int32Array(shared, LINES_BYTES + TIMES * 8, 1),
  };
}

/** The clock of a thread that is not the keeper's. */
export function openClock(shared: SharedArrayBuffer, monotonicMs: () => number = systemMonotonicMs()): Clock {
  const { lines, times, newest } = viewsOf(shared);
  let lastMs = 0;

  function shown(): number {
    const at = Atomics.load(newest, 0) * LINE_FIELDS;
    const [fromMs, shownMs, pace] = [lines[at] as number, lines[at + 1] as number, lines[at + 2] as number];
    return shownMs + (monotonicMs() - fromMs) * pace;
  }

  return {
    now() {
      const nowMs = shown();
      if (nowMs > lastMs) lastMs = nowMs;
      return Math.floor(lastMs);
    },
    notBefore(ms) {
      if (ms <= lastMs) return;
      const nowMs = shown();
      if (ms > nowMs + BEHIND_MS_MAX) {
        if (ms > Number(Atomics.load(times, ACCEPT_THROUGH_MS))) throw clockBehind(nowMs, ms);
        raise(times, ACCEPTED_MS, ms);
        return;
      }
      lastMs = Math.max(lastMs, ms);
      raise(times, FLOOR_MS, ms);
    },
  };
}

/**
 * The clock of the main thread. `onJump` hears of each time that the system's clock was set too
 * far.
 */
export function createClockKeeper(
  { wallMs, monotonicMs, uptimeMs }: SystemClocks,
  onJump: (aheadMs: number) => void,
): ClockKeeper {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const { lines, times, newest } = viewsOf(shared);
  let line = { fromMs: monotonicMs(), shownMs: wallMs(), pace: 1 };
  /**
   * What the wall clock is ahead of the monotonic one, and uptime: as of the last look that was
   * followed.
   */
  let followed = { aheadMs: line.shownMs - line.fromMs, sleptMs: uptimeMs() - line.fromMs };
  let notFollowedMs = 0;
  let jumps = 0;
  publish(line);
  const clock = openClock(shared, monotonicMs);

  function publish(next: typeof line): void {
    line = next;
    const number = (Atomics.load(newest, 0) + 1) % LINES;
    lines.set([line.fromMs, line.shownMs, line.pace], number * LINE_FIELDS);
    Atomics.store(newest, 0, number);
  }

  function look(): void {
    const fromMs = monotonicMs();
    const target = fromMs + aheadAt(fromMs);
    const onLine = line.shownMs + (fromMs - line.fromMs) * line.pace;
    const shownMs = Math.max(onLine, Number(Atomics.load(times, FLOOR_MS)));
    if (target >= shownMs) {
      if (target >= shownMs + 1 || line.pace !== 1) publish({ fromMs, shownMs: target, pace: 1 });
    } else if (shownMs - target >= JITTER_MS && (line.pace === 1 || shownMs > onLine))
      publish({ fromMs, shownMs, pace: CATCH_UP_PACE });
  }

  /** How far the time to show is ahead of the monotonic clock. */
  function aheadAt(fromMs: number): number {
    const aheadMs = wallMs() - fromMs;
    const changedMs = aheadMs - followed.aheadMs;
    if (Math.abs(changedMs) > CORRECTION_MS_MAX) {
      const sleptMs = uptimeMs() - fromMs;
      if (Math.abs(changedMs - (sleptMs - followed.sleptMs)) > SLEEP_TOLERANCE_MS) {
        if (Math.abs(changedMs - notFollowedMs) > CORRECTION_MS_MAX) {
          jumps++;
          onJump(changedMs);
        }
        notFollowedMs = changedMs;
        return followed.aheadMs;
      }
      followed = { aheadMs, sleptMs };
    }
    notFollowedMs = 0;
    followed.aheadMs = aheadMs;
    return aheadMs;
  }

  return {
    ...clock,
    shared,
    look,
    report: () => ({ jumps, notFollowedMs }),
    accept: (throughMs) => void Atomics.store(times, ACCEPT_THROUGH_MS, BigInt(Math.min(throughMs, 2 ** 53))),
    acceptedMs: () => Number(Atomics.load(times, ACCEPTED_MS)),
    close: () => undefined,
  };
}

/** The keeper over the real clocks, which looks by itself until it is closed. */
export function startClock(onJump: (aheadMs: number) => void): ClockKeeper {
  const system = { wallMs: () => Date.now(), monotonicMs: systemMonotonicMs(), uptimeMs: () => uptime() * 1000 };
  const keeper = createClockKeeper(system, onJump);
  const timer = setInterval(keeper.look, LOOK_EVERY_MS).unref();
  return { ...keeper, close: () => clearInterval(timer) };
}

/** A clock of one thread alone, which looks whenever it is read. */
export function createClock(
  wallMs: () => number = Date.now,
  monotonicMs: () => number = () => performance.now(),
): Clock {
  const keeper = createClockKeeper({ wallMs, monotonicMs, uptimeMs: monotonicMs }, () => undefined);
  return {
    now() {
      keeper.look();
      return keeper.now();
    },
    notBefore: keeper.notBefore,
  };
}

/**
 * `performance.now()` counts from the start of its thread; this counts from the same moment in all
 * of them.
 */
function systemMonotonicMs(): () => number {
  const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return () => originMs + performance.now();
}

function raise(times: BigInt64Array, place: number, ms: number): void {
  const wanted = BigInt(Math.ceil(ms));
  for (let known = Atomics.load(times, place); known < wanted; known = Atomics.load(times, place))
    if (Atomics.compareExchange(times, place, known, wanted) === known) return;
}

function clockBehind(nowMs: number, journalMs: number): ProcessEnd {
  const [shown, last] = [nowMs, journalMs].map((ms) => new Date(ms).toISOString());
  return new ProcessEnd(
    'clock',
    `the clock shows ${shown}, but the last change in the journal was made at ${last}: set the clock, or accept it with "clipbook serve --accept-clock"; see docs/production.md#clocks`,
  );
}

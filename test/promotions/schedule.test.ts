import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkSchedule,
  type Period,
  periodStarts,
  type ScheduleEntry,
  type Window,
  windowsOf,
} from '../../src/promotions/schedule.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

describe('a schedule', () => {
  const open = { days: ['mon'], from: '09:00', to: '17:00' };
  const refused: [name: string, schedule: ScheduleEntry[], path: string, message: RegExp][] = [
    ['without entries', [], '', /At least 1 entry/],
    ['with too many entries', Array.from({ length: 43 }, () => open), '', /At most 42 entries/],
    ['without days', [open, { ...open, days: [] }], '1.days', /At least 1 entry/],
    ['with more days than a week has', [{ ...open, days: [...DAYS, 'mon'] }], '0.days', /At most 7/],
    ['with an unknown day', [{ ...open, days: ['mon', 'Tue'] }], '0.days.1', /Not one of mon, tue/],
    ['with a day of the prototype', [{ ...open, days: ['constructor'] }], '0.days.0', /Not one of/],
    ['with a day twice', [{ ...open, days: ['mon', 'mon'] }], '0.days.1', /named twice/],
    ['from 24:00', [{ ...open, from: '24:00' }], '0.from', /00:00 to 23:59/],
    ['from 9:00', [{ ...open, from: '9:00' }], '0.from', /00:00 to 23:59/],
    ['to 24:01', [{ ...open, to: '24:01' }], '0.to', /00:00 to 24:00/],
    ['to 12:60', [{ ...open, to: '12:60' }], '0.to', /00:00 to 24:00/],
    ['of no length', [{ ...open, to: '09:00' }], '0.to', /whole day is 00:00 to 24:00/],
    [
      'with more than 42 windows a week',
      Array.from({ length: 7 }, (_, hour) => ({ days: DAYS, from: `0${hour}:00`, to: `0${hour}:30` })),
      '',
      /At most 42 separate windows a week, here 49/,
    ],
  ];
  for (const [name, schedule, path, message] of refused) {
    it(`${name} is refused`, () => {
      const errors = checkSchedule(schedule);
      assert.equal(errors.length, 1, JSON.stringify(errors));
      assert.equal(errors[0]?.path, path);
      assert.match(errors[0]?.message ?? '', message);
      assert.throws(() => windowsOf(schedule, 'UTC', 0, 1), RangeError);
    });
  }

  it('reports each wrong field', () => {
    const errors = checkSchedule([{ days: ['x'], from: 'y', to: 'z' }]);
    assert.deepEqual(
      errors.map(({ path }) => path),
      ['0.days.0', '0.from', '0.to'],
    );
  });

  it('counts entries that overlap or touch as one window', () => {
    const schedule = Array.from({ length: 7 }, (_, hour) => ({
      days: DAYS,
      from: `0${hour}:00`,
      to: `0${hour + 1}:00`,
    }));
    assert.deepEqual(checkSchedule(schedule), []);
  });
});

describe('the windows of a schedule', () => {
  it('have at most six windows a day over 400 days', () => {
    const schedule = Array.from({ length: 6 }, (_, hour) => ({ days: DAYS, from: `0${hour}:00`, to: `0${hour}:30` }));
    const windows = windowsOf(schedule, 'America/New_York', Date.UTC(2026, 0, 1), 400);
    assert.ok(windows.length >= 400 * 6 - 1 && windows.length <= 403 * 6, `${windows.length} windows`);
  });

  it('are refused for a range that is too long', () => {
    assert.throws(() => windowsOf([{ days: ['mon'], from: '09:00', to: '17:00' }], 'UTC', 0, 1_001), RangeError);
    assert.throws(() => periodStarts('day', 'UTC', 0, Number.NaN), RangeError);
  });

  it('join a window that ends at midnight with the next that begins there', () => {
    const schedule = [
      { days: ['mon'], from: '22:00', to: '24:00' },
      { days: ['tue'], from: '00:00', to: '02:00' },
      { days: ['sun'], from: '20:00', to: '00:00' },
    ];
    assert.deepEqual(windowsOf(schedule, 'UTC', Date.UTC(2026, 5, 8), 7), [
      [Date.UTC(2026, 5, 8, 22), Date.UTC(2026, 5, 9, 2)],
      [Date.UTC(2026, 5, 14, 20), Date.UTC(2026, 5, 15)],
    ]);
  });

  it('include the one that is open at the first moment', () => {
    const windows = windowsOf([{ days: ['sun'], from: '22:00', to: '02:00' }], 'UTC', Date.UTC(2026, 5, 8, 1), 1);
    assert.deepEqual(windows, [[Date.UTC(2026, 5, 7, 22), Date.UTC(2026, 5, 8, 2)]]);
  });

  it('are open exactly when a clock in the zone shows a time of the schedule', () => {
    fc.assert(
      fc.property(anyZone, anySchedule, anyStart, (timeZone, schedule, fromMs) => {
        const days = 12;
        const windows = windowsOf(schedule, timeZone, fromMs, days);
        assertAscending(windows);
        const shows = clockOf(timeZone);
        for (let ms = fromMs; ms < fromMs + days * DAY_MS; ms += 10 * MINUTE_MS) {
          const isOpen = windows.some(([startMs, endMs]) => startMs <= ms && ms < endMs);
          const isShown = showsWindow(schedule, timeZone, shows(ms));
          if (isShown) assert.ok(isOpen, `closed at ${new Date(ms).toISOString()}`);
          else if (isOpen) assert.ok(isNearRepeat(shows, ms), `open at ${new Date(ms).toISOString()}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are the same, as far as both reach, wherever the computation begins', () => {
    fc.assert(
      fc.property(
        anyZone,
        anySchedule,
        anyStart,
        fc.integer({ min: 1, max: 30 }),
        (timeZone, schedule, fromMs, later) => {
          const laterMs = fromMs + later * 7 * HOUR_MS;
          const untilMs = fromMs + 12 * DAY_MS;
          const cut = (windows: Window[]) =>
            windows
              .map(([startMs, endMs]) => [Math.max(startMs, laterMs), Math.min(endMs, untilMs)])
              .filter(([startMs = 0, endMs = 0]) => startMs < endMs);
          assert.deepEqual(
            cut(windowsOf(schedule, timeZone, laterMs, 12)),
            cut(windowsOf(schedule, timeZone, fromMs, 12)),
          );
        },
      ),
    );
  });
});

describe('the starts of periods', () => {
  it('lie where the date of a clock in the zone changes', () => {
    fc.assert(
      fc.property(anyZone, anyPeriod, anyStart, (timeZone, period, fromMs) => {
        const starts = periodStarts(period, timeZone, fromMs, 40);
        const shows = clockOf(timeZone);
        assert.ok((starts[0] ?? Infinity) <= fromMs && (starts[1] ?? -Infinity) > fromMs, 'the first two');
        assert.ok((starts.at(-1) ?? 0) >= fromMs + 40 * DAY_MS, 'the last');
        for (const [index, startMs] of starts.entries()) {
          if (index > 0) assert.ok(startMs > (starts[index - 1] ?? Infinity), 'ascending');
          const before = shows(startMs - 1);
          const after = shows(startMs);
          assert.notEqual(before.date, after.date, `no new day at ${new Date(startMs).toISOString()}`);
          if (period === 'week' && timeZone !== 'Pacific/Apia') assert.equal(after.weekday, 'mon');
          if (period === 'month') assert.equal(after.date.slice(-2), '01');
        }
        const next: Record<Period, number> = { day: 49, week: 7 * 24 + 2, month: 31 * 24 + 2 };
        for (let i = 1; i < starts.length; i++) {
          assert.ok((starts[i] ?? 0) - (starts[i - 1] ?? 0) <= next[period] * HOUR_MS, 'a period is missing');
        }
      }),
    );
  });

  it('begin with the day that clocks show, or, where midnight occurs twice, with the one that began last', () => {
    // At 00:01 of 7 November clocks went back to 23:01 of the 6th.
    const secondEvening = Date.UTC(2010, 10, 7, 3, 0);
    const [first, second] = periodStarts('day', 'America/St_Johns', secondEvening, 1);
    assert.equal(first, Date.UTC(2010, 10, 7, 2, 30));
    assert.equal(second, Date.UTC(2010, 10, 8, 3, 30));
  });
});

const anyZone = fc.constantFrom(
  'America/New_York',
  'America/Sao_Paulo',
  'America/St_Johns',
  'America/Havana',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Europe/London',
  'Pacific/Apia',
  'UTC',
);
const anyPeriod = fc.constantFrom<Period>('day', 'week', 'month');
/** Ten-minute steps from 2009 to 2030; half of them within days of a change of the clocks. */
const anyStart = fc.oneof(
  fc
    .integer({ min: Date.UTC(2009) / (10 * MINUTE_MS), max: Date.UTC(2030) / (10 * MINUTE_MS) })
    .map((n) => n * 10 * MINUTE_MS),
  fc
    .record({
      day: fc.constantFrom(
        Date.UTC(2010, 10, 2),
        Date.UTC(2011, 11, 24),
        Date.UTC(2018, 1, 12),
        Date.UTC(2018, 9, 30),
        Date.UTC(2021, 10, 2),
        Date.UTC(2022, 2, 22),
        Date.UTC(2026, 1, 10),
        Date.UTC(2026, 3, 1),
        Date.UTC(2026, 2, 24),
        Date.UTC(2026, 2, 3),
        Date.UTC(2026, 9, 27),
      ),
      steps: fc.integer({ min: 0, max: 5 * 144 }),
    })
    .map(({ day, steps }) => day + steps * 10 * MINUTE_MS),
);
const anyTime = fc
  .integer({ min: 0, max: 143 })
  .map((step) => `${String(Math.floor(step / 6)).padStart(2, '0')}:${step % 6}0`);
const anySchedule = fc.array(
  fc
    .record({ days: fc.subarray(DAYS, { minLength: 1 }), from: anyTime, to: fc.oneof(anyTime, fc.constant('24:00')) })
    .filter(({ from, to }) => from !== to),
  { minLength: 1, maxLength: 4 },
);

interface Shown {
  readonly date: string;
  readonly weekday: string;
  readonly minutes: number;
}

/** The model: Intl alone says what a clock in the zone shows. */
function clockOf(timeZone: string): (ms: number) => Shown {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return {
      date: `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`,
      weekday: (parts.get('weekday') ?? '').toLowerCase(),
      minutes: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
    };
  };
}

function showsWindow(schedule: readonly ScheduleEntry[], timeZone: string, { date, weekday, minutes }: Shown): boolean {
  const dayBefore = DAYS[(DAYS.indexOf(weekday) + 6) % 7] ?? '';
  // The day that Samoa skipped has no window, and none goes on from it.
  const hadDayBefore = timeZone !== 'Pacific/Apia' || date !== '2011-12-31';
  return schedule.some(({ days, from, to }) => {
    const start = minutesOf(from);
    const end = minutesOf(to);
    if (end > start) return days.includes(weekday) && start <= minutes && minutes < end;
    return (days.includes(weekday) && minutes >= start) || (days.includes(dayBefore) && hadDayBefore && minutes < end);
  });
}

/** Within two hours of a moment at which clocks went back, a window may bridge repeated time. */
function isNearRepeat(shows: (ms: number) => Shown, ms: number): boolean {
  for (let at = ms - 2 * HOUR_MS; at <= ms + 2 * HOUR_MS; at += MINUTE_MS) {
    const [before, after] = [shows(at - MINUTE_MS), shows(at)];
    if (after.date < before.date || (after.date === before.date && after.minutes < before.minutes)) return true;
  }
  return false;
}

function assertAscending(windows: readonly Window[]): void {
  let lastEnd = -Infinity;
  for (const [startMs, endMs] of windows) {
    assert.ok(startMs > lastEnd && endMs > startMs, JSON.stringify(windows));
    lastEnd = endMs;
  }
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

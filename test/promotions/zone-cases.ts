/**
 * The nine kinds of report about dates of promotions, as facts that hold on every server. The
 * expected values follow from the published rules of each zone. `in-another-zone.ts` prints the
 * answers of a process with another TZ.
 */
import { localText, readInstant } from '../../src/promotions/dates.js';
import { type Period, periodStarts, type ScheduleEntry, windowsOf } from '../../src/promotions/schedule.js';

const EVERY_DAY = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

export type ZoneCase = {
  readonly name: string;
  readonly timeZone: string;
} & (
  | { readonly date: string; readonly role: 'start' | 'end'; readonly utc: string }
  | { readonly schedule: ScheduleEntry; readonly from: string; readonly days: number; readonly windows: string[] }
  | { readonly period: Period; readonly from: string; readonly days: number; readonly starts: string[] }
);

export const ZONE_CASES: readonly ZoneCase[] = [
  {
    name: 'end of day: the last day lasts until midnight of the shop, not of UTC',
    timeZone: 'America/Los_Angeles',
    date: '2026-06-30',
    role: 'end',
    utc: '2026-07-01T07:00:00.000Z',
  },
  {
    name: 'end of day: a shop east of UTC ends before midnight of UTC',
    timeZone: 'Asia/Tokyo',
    date: '2026-06-30',
    role: 'end',
    utc: '2026-06-30T15:00:00.000Z',
  },
  {
    name: 'DST forward: the day of the change has 23 hours',
    timeZone: 'Europe/Berlin',
    date: '2026-03-29',
    role: 'end',
    utc: '2026-03-29T22:00:00.000Z',
  },
  {
    name: 'DST forward: a window that begins in the gap begins at the change',
    timeZone: 'America/New_York',
    schedule: { days: ['sun'], from: '02:30', to: '04:00' },
    from: '2026-03-08T00:00:00Z',
    days: 1,
    windows: ['2026-03-08T07:00:00.000Z 2026-03-08T08:00:00.000Z'],
  },
  {
    name: 'DST forward: a window that ends in the gap ends at the change',
    timeZone: 'America/New_York',
    schedule: { days: ['sun'], from: '01:00', to: '02:30' },
    from: '2026-03-08T00:00:00Z',
    days: 1,
    windows: ['2026-03-08T06:00:00.000Z 2026-03-08T07:00:00.000Z'],
  },
  {
    name: 'DST forward: a window that lies in the gap does not open on that day',
    timeZone: 'America/New_York',
    schedule: { days: ['sun'], from: '02:10', to: '02:50' },
    from: '2026-03-08T00:00:00Z',
    days: 8,
    windows: ['2026-03-15T06:10:00.000Z 2026-03-15T06:50:00.000Z'],
  },
  {
    name: 'DST forward at midnight: the day begins at 01:00',
    timeZone: 'America/Sao_Paulo',
    date: '2018-11-04',
    role: 'start',
    utc: '2018-11-04T03:00:00.000Z',
  },
  {
    name: 'DST forward at midnight: the day before ends at the change',
    timeZone: 'Asia/Beirut',
    date: '2022-03-26',
    role: 'end',
    utc: '2022-03-26T22:00:00.000Z',
  },
  {
    name: 'DST back: the day of the change has 25 hours',
    timeZone: 'Europe/Berlin',
    date: '2026-10-25',
    role: 'end',
    utc: '2026-10-25T23:00:00.000Z',
  },
  {
    name: 'DST back: a window in the repeated hour begins at its first and ends at its last occurrence',
    timeZone: 'America/New_York',
    schedule: { days: ['sun'], from: '01:00', to: '01:30' },
    from: '2026-11-01T00:00:00Z',
    days: 1,
    windows: ['2026-11-01T05:00:00.000Z 2026-11-01T06:30:00.000Z'],
  },
  {
    name: 'DST back at midnight: the day before is an hour longer',
    timeZone: 'America/Sao_Paulo',
    schedule: { days: ['sat'], from: '22:00', to: '24:00' },
    from: '2018-02-17T00:00:00Z',
    days: 2,
    windows: ['2018-02-18T00:00:00.000Z 2018-02-18T03:00:00.000Z'],
  },
  {
    name: 'midnight that occurs twice: the day begins with the first',
    timeZone: 'America/Havana',
    date: '2021-11-07',
    role: 'start',
    utc: '2021-11-07T04:00:00.000Z',
  },
  {
    name: 'server in another zone: a window at night ends on the next day of the shop',
    timeZone: 'Pacific/Auckland',
    schedule: { days: ['fri'], from: '22:00', to: '02:00' },
    from: '2026-06-10T00:00:00Z',
    days: 7,
    windows: ['2026-06-12T10:00:00.000Z 2026-06-12T14:00:00.000Z'],
  },
  {
    name: 'server in another zone: weeks begin on Monday of the shop',
    timeZone: 'America/Los_Angeles',
    period: 'week',
    from: '2026-06-08T03:00:00Z',
    days: 7,
    starts: ['2026-06-01T07:00:00.000Z', '2026-06-08T07:00:00.000Z', '2026-06-15T07:00:00.000Z'],
  },
  {
    name: 'a date alone: it starts with its first moment',
    timeZone: 'Europe/Berlin',
    date: '2026-06-30',
    role: 'start',
    utc: '2026-06-29T22:00:00.000Z',
  },
  {
    name: 'year end: the last day of the year ends in the next year',
    timeZone: 'Europe/London',
    date: '2026-12-31',
    role: 'end',
    utc: '2027-01-01T00:00:00.000Z',
  },
  {
    name: 'year end: the month after December is January',
    timeZone: 'Asia/Tokyo',
    period: 'month',
    from: '2026-12-31T16:00:00Z',
    days: 31,
    starts: ['2026-12-31T15:00:00.000Z', '2027-01-31T15:00:00.000Z', '2027-02-28T15:00:00.000Z'],
  },
  {
    name: 'year end: a window on New Year’s Eve ends on New Year’s Day',
    timeZone: 'Europe/Berlin',
    schedule: { days: ['thu'], from: '20:00', to: '04:00' },
    from: '2026-12-31T00:00:00Z',
    days: 2,
    windows: ['2026-12-31T19:00:00.000Z 2027-01-01T03:00:00.000Z'],
  },
  {
    name: 'leap day: 28 February of a leap year ends before the 29th',
    timeZone: 'Europe/Berlin',
    date: '2028-02-28',
    role: 'end',
    utc: '2028-02-28T23:00:00.000Z',
  },
  {
    name: 'leap day: 29 February ends with March',
    timeZone: 'Europe/Berlin',
    date: '2028-02-29',
    role: 'end',
    utc: '2028-02-29T23:00:00.000Z',
  },
  {
    name: 'skipped day: it begins with the next day',
    timeZone: 'Pacific/Apia',
    date: '2011-12-30',
    role: 'start',
    utc: '2011-12-30T10:00:00.000Z',
  },
  {
    name: 'skipped day: it is over when the next day begins',
    timeZone: 'Pacific/Apia',
    date: '2011-12-30',
    role: 'end',
    utc: '2011-12-30T10:00:00.000Z',
  },
  {
    name: 'skipped day: the day before ends at the change',
    timeZone: 'Pacific/Apia',
    date: '2011-12-29',
    role: 'end',
    utc: '2011-12-30T10:00:00.000Z',
  },
  {
    name: 'skipped day: it has no window, and the one of the night before ends at the change',
    timeZone: 'Pacific/Apia',
    schedule: { days: ['thu', 'fri'], from: '22:00', to: '02:00' },
    from: '2011-12-29T12:00:00Z',
    days: 3,
    windows: ['2011-12-30T08:00:00.000Z 2011-12-30T10:00:00.000Z'],
  },
  {
    name: 'skipped day: it begins no period',
    timeZone: 'Pacific/Apia',
    period: 'day',
    from: '2011-12-29T12:00:00Z',
    days: 2,
    starts: [
      '2011-12-29T10:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-31T10:00:00.000Z',
      '2012-01-01T10:00:00.000Z',
    ],
  },
  {
    name: 'half-hour zone: the day ends at 18:30 of UTC',
    timeZone: 'Asia/Kolkata',
    date: '2026-06-30',
    role: 'end',
    utc: '2026-06-30T18:30:00.000Z',
  },
  {
    name: 'quarter-hour zone: days begin at 18:15 of UTC',
    timeZone: 'Asia/Kathmandu',
    period: 'day',
    from: '2026-06-30T00:00:00Z',
    days: 1,
    starts: ['2026-06-29T18:15:00.000Z', '2026-06-30T18:15:00.000Z', '2026-07-01T18:15:00.000Z'],
  },
  {
    name: 'DST of half an hour: the repeated half hour counts once',
    timeZone: 'Australia/Lord_Howe',
    schedule: { days: ['sun'], from: '01:30', to: '02:00' },
    from: '2026-04-04T00:00:00Z',
    days: 2,
    windows: ['2026-04-04T14:30:00.000Z 2026-04-04T15:30:00.000Z'],
  },
  {
    name: 'every day, all day: one window without a break across both changes',
    timeZone: 'Europe/Berlin',
    schedule: { days: EVERY_DAY, from: '00:00', to: '24:00' },
    from: '2026-01-03T23:00:00Z',
    days: 365,
    windows: ['2026-01-01T23:00:00.000Z 2027-01-03T23:00:00.000Z'],
  },
];

/** What the code under test answers to a case, in the form of its expected value. */
export function answerTo(zoneCase: ZoneCase): string | string[] {
  const { timeZone } = zoneCase;
  if ('date' in zoneCase) {
    const read = readInstant(zoneCase.date, timeZone, zoneCase.role);
    return 'error' in read ? read.error : utc(read.ms);
  }
  const fromMs = Date.parse(zoneCase.from);
  if ('schedule' in zoneCase) {
    const windows = windowsOf([zoneCase.schedule], timeZone, fromMs, zoneCase.days);
    return windows.map(([startMs, endMs]) => `${utc(startMs)} ${utc(endMs)}`);
  }
  return periodStarts(zoneCase.period, timeZone, fromMs, zoneCase.days).map(utc);
}

export function expectedOf(zoneCase: ZoneCase): string | string[] {
  if ('date' in zoneCase) return zoneCase.utc;
  return 'schedule' in zoneCase ? zoneCase.windows : zoneCase.starts;
}

/** Local texts too: they must not show the zone of the server. */
export const localTexts = (): string[] =>
  ZONE_CASES.map(({ timeZone }, index) => localText(Date.UTC(2026, index % 12, 15, 12), timeZone));

const utc = (ms: number): string => new Date(ms).toISOString();

/**
 * The dates of a coupon book as they are sent: an instant, or a date alone in the time zone that
 * the same request names. The book keeps the instant.
 */
import { z } from 'zod';
import { readInstant, readTimeZone } from '../../promotions/dates.js';
import { isYearShown, time } from './schemas.js';

const DATE_ALONE = /^\d{4}-\d\d-\d\d$/;

const NOT_A_TIME = 'Not an ISO 8601 time such as 2026-11-20T08:00:00.000Z';

export const bookDate = z
  .string(NOT_A_TIME)
  .superRefine((text, context) => {
    if (DATE_ALONE.test(text)) return;
    for (const { message } of time.safeParse(text).error?.issues ?? []) context.addIssue({ code: 'custom', message });
  })
  .meta({
    description:
      'ISO 8601 with an offset or Z, within the years 0000 to 9999 in UTC; or a date alone, which needs `timeZone`. As the end it means the end of that day',
    pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:[0-5]\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:?\\d\\d))?$',
  });

export const bookTimeZone = z
  .string()
  .max(64)
  .describe('IANA, such as Europe/Berlin. It says what dates alone of this request mean, and is not kept');

interface Dates {
  readonly startDate?: string | null | undefined;
  readonly endDate?: string | null | undefined;
  readonly timeZone?: string | undefined;
}

interface ReadDates {
  /** Undefined: not given. Null: none. */
  readonly startMs: number | null | undefined;
  readonly endMs: number | null | undefined;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

export function readBookDates({ startDate, endDate, timeZone }: Dates): ReadDates {
  const errors: { path: string; message: string }[] = [];
  const zone = timeZone === undefined ? null : readTimeZone(timeZone);
  if (zone !== null && 'error' in zone) errors.push({ path: 'timeZone', message: zone.error });
  const read = (path: string, text: string | null | undefined, role: 'start' | 'end'): number | null | undefined => {
    if (text == null) return text;
    if (!DATE_ALONE.test(text)) return Date.parse(text);
    const found = readInstant(text, zone !== null && 'timeZone' in zone ? zone.timeZone : null, role);
    if ('ms' in found && isYearShown(found.ms)) return found.ms;
    const message = 'error' in found ? found.error : 'Not between the years 0000 and 9999 in UTC';
    if (timeZone === undefined || (zone !== null && 'timeZone' in zone)) errors.push({ path, message });
    return undefined;
  };
  return { startMs: read('startDate', startDate, 'start'), endMs: read('endDate', endDate, 'end'), errors };
}

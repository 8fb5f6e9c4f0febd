/**
 * Dates of promotions and books: what a caller writes becomes an instant, once, before the command
 * is decided. A replay therefore does not depend on the zone data of the machine.
 *
 *   2026-06-30T23:59:59+02:00   an instant; the offset is required
 *   2026-06-30                  a day in a time zone: its first moment as a start, the first moment
 *                               of the next day as an end
 *
 * Ends are exclusive. The first moment of a day is 00:00, or the first moment after it where clocks
 * skip midnight. A day that a zone skipped wholly (Pacific/Apia, 2011-12-30) is empty: it begins
 * and ends with the first moment of the next day. Where midnight occurs twice, the first counts.
 *
 * The polyfill is always used, even if Node has a `Temporal` of its own: all Node versions give the
 * same answers. Zone data comes from Node's ICU.
 */
import { Temporal } from 'temporal-polyfill/implementation';

/** The longest name of the IANA data has 32 characters. */
const TIME_ZONE_LENGTH_MAX = 64;

const DATE = /^\d{4}-\d\d-\d\d$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
/** Without it, the constructor of ZonedDateTime also takes offsets such as +05:30. */
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]*$/;

/** A moment, and how it reads in the time zone: in UTC where none was given. */
export interface ReadInstant {
  readonly ms: number;
  readonly local: string;
}

/** Why a text is refused, for the caller who wrote it. */
export interface ReadError {
  readonly error: string;
}

/**
 * Reads one end of a period. `timeZone` must come from `readTimeZone`; null means that the caller
 * gave none. Digits below a millisecond are cut off.
 */
export function readInstant(text: string, timeZone: string | null, role: 'start' | 'end'): ReadInstant | ReadError {
  if (INSTANT.test(text)) {
    const ms = valueOrNull(() => Temporal.Instant.from(text).epochMilliseconds);
    if (ms === null) return { error: `${text} does not exist: one of its numbers is out of range` };
    return { ms, local: localText(ms, timeZone ?? 'UTC') };
  }
  if (!DATE.test(text)) {
    return { error: 'Not an ISO 8601 time with an offset such as 2026-06-30T18:00:00+02:00, nor a date' };
  }
  const date = valueOrNull(() => Temporal.PlainDate.from(text));
  if (date === null) return { error: `There is no day ${text}` };
  if (timeZone === null) return { error: 'A date without a time needs a timeZone' };
  const day = role === 'start' ? date : date.add({ days: 1 });
  const ms = day.toZonedDateTime(timeZone).epochMilliseconds;
  return { ms, local: localText(ms, timeZone) };
}

/** The name of an IANA time zone as the zone data spells it: `europe/berlin` is Europe/Berlin. */
export function readTimeZone(text: string): { readonly timeZone: string } | ReadError {
  const isName = text.length <= TIME_ZONE_LENGTH_MAX && ZONE_NAME.test(text);
  const timeZone = isName ? valueOrNull(() => new Temporal.ZonedDateTime(0n, text).timeZoneId) : null;
  return timeZone === null ? { error: 'Not an IANA time zone such as Europe/Berlin' } : { timeZone };
}

/** A moment as clocks of the zone show it (RFC 9557): `2026-07-01T00:00:00+09:00[Asia/Tokyo]`. */
export function localText(ms: number, timeZone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toString();
}

/** Temporal reports a number out of range, or an unknown zone, by throwing a RangeError. */
function valueOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

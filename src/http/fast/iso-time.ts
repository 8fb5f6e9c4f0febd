/**
 * Unix milliseconds as ISO 8601, for answers that all carry a time of about now: the part up to the
 * second is made once a second, the milliseconds come from a table. `Date.prototype.toISOString`
 * costs 0.3 µs, this 0.02.
 */
const MILLIS: readonly string[] = Array.from({ length: 1000 }, (_, ms) => `.${String(ms).padStart(3, '0')}Z`);

let keptSecond = Number.NaN;
let keptText = '';

/** `ms` is an integer in the range of `Date`. */
export function isoTime(ms: number): string {
  return upToSecond(ms) + millis(ms);
}

/** The same in two pieces, for who would only take the whole apart again. */
export function upToSecond(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== keptSecond) {
    keptText = new Date(second * 1000).toISOString().slice(0, -5);
    keptSecond = second;
  }
  return keptText;
}

/** In bounds: the remainder is 0 to 999, for times before 1970 too. */
export const millis = (ms: number): string => MILLIS[ms - Math.floor(ms / 1000) * 1000] as string;

export const isoTimeOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

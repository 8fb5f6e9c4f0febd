/**
 * Money between the decimal numbers of JSON and whole minor units, without errors of binary
 * fractions. A number is read through its shortest decimal text, which is what the caller wrote as
 * long as that had at most 15 digits: 1.005 is one, zero, zero, five, though no binary fraction
 * equals it. Multiplying by 100 and rounding instead would make 1.00 of it, and would accept a
 * third fraction digit without notice.
 */
import type { CartLine } from './types.js';

/** Every amount below has at most 15 digits, so that its decimal number is unambiguous. */
const UNAMBIGUOUS_MAX = 999_999_999_999_999;

const ZERO = 0x30;

/** 1 % in ten-thousandths: 12.3456 % is the finest. */
const PERCENT_DIGITS = 4;

/** As `String` writes a number that is not negative: `1005`, `10.05`, `1e+21`, `1.5e-7`. */
const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/**
 * A decimal amount in minor units. Null if it is negative or not finite, has more than `exponent`
 * fraction digits, exceeds 2^53 - 1 minor units, or is so large that a JSON number can't tell it
 * from the next minor unit.
 */
export function toMinorUnits(value: number, exponent: number): number | null {
  const scaled = value * 10 ** exponent;
  // Most amounts are whole. The sum makes 0 of -0.
  if (Number.isInteger(value) && scaled >= 0 && scaled <= UNAMBIGUOUS_MAX) return scaled + 0;
  // Most others have a few fraction digits. A decimal number of at most 15 digits is the shortest
  // text of the binary one next to it. So if the quotient is the value, it is what the text says.
  const rounded = Math.round(scaled);
  if (rounded >= 0 && rounded <= UNAMBIGUOUS_MAX && rounded / 10 ** exponent === value) return rounded;
  const match = DECIMAL.exec(String(value));
  if (match === null) return null;
  const [, whole = '', fraction = '', power = '0'] = match;
  const shift = Number(power) + exponent - fraction.length;
  let digits = whole + fraction;
  if (shift < 0) {
    const surplus = digits.slice(shift);
    if (/[^0]/.test(surplus)) return null;
    digits = digits.slice(0, shift);
  }
  const minor = Number(shift > 0 ? `${digits}e${shift}` : digits);
  if (!Number.isSafeInteger(minor)) return null;
  if (minor <= UNAMBIGUOUS_MAX) return minor;
  const isAmbiguous = [minor - 1, minor + 1].some((other) => fromMinorUnits(other, exponent) === value);
  return isAmbiguous ? null : minor;
}

/** The number for JSON. The quotient is rounded correctly, so it prints as the decimal text. */
export function fromMinorUnits(minor: number, exponent: number): number {
  return minor / 10 ** exponent;
}

/** The same number as JSON writes it. */
export function moneyText(minor: number, exponent: number): string {
  // Above, the shortest decimal number that means the same may have fewer digits.
  if (minor > UNAMBIGUOUS_MAX) return String(fromMinorUnits(minor, exponent));
  const unit = 10 ** exponent;
  const fraction = minor % unit;
  const whole = (minor - fraction) / unit;
  if (fraction === 0) return String(whole);
  const digits = String(unit + fraction);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === ZERO) end--;
  return `${whole}.${digits.slice(1, end)}`;
}

/** A percentage in ten-thousandths of a percent; null as in `toMinorUnits`. */
export function toTenThousandths(percent: number): number | null {
  return toMinorUnits(percent, PERCENT_DIGITS);
}

export function fromTenThousandths(tenThousandths: number): number {
  return fromMinorUnits(tenThousandths, PERCENT_DIGITS);
}

export function tenThousandthsText(tenThousandths: number): string {
  return moneyText(tenThousandths, PERCENT_DIGITS);
}

/**
 * The sum of the lines in minor units. Null if that, or that and the shipping, exceeds 2^53 - 1.
 */
export function goodsTotal(lines: readonly CartLine[], shipping: number | null): number | null {
  // A sum that has left the exact range never comes back into it, since nothing is subtracted.
  const total = lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
  return total + (shipping ?? 0) > Number.MAX_SAFE_INTEGER ? null : total;
}

/** Amounts as they stand in messages and explanations. */
import { exponentOf } from './currencies.js';
import { fromTenThousandths } from './money.js';

const symbols = new Map<string, string>();

/** `units / 10^digits` as a decimal number with all its digits and no zeros at its end: `6.598`. */
export function decimalText(units: number | bigint, digits: number): string {
  const text = units.toString().padStart(digits + 1, '0');
  const fraction = text.slice(text.length - digits).replace(/0+$/, '');
  const whole = digits === 0 ? text : text.slice(0, -digits);
  return digits === 0 || fraction === '' ? whole : `${whole}.${fraction}`;
}

/**
 * An amount in minor units with the currency's symbol: `₹500`, `$12.50`, `CHF 12.50`; without a
 * symbol the number alone. Whole amounts show no fraction digits. Digits are not grouped.
 */
export function amountText(minor: number, currency: string, symbol: string): string {
  const exponent = exponentOf(currency) ?? 0;
  const number = decimalText(minor, exponent);
  const isWhole = !number.includes('.');
  const text = isWhole ? number : number.padEnd(number.indexOf('.') + 1 + exponent, '0');
  return /\p{L}$/u.test(symbol) ? `${symbol} ${text}` : `${symbol}${text}`;
}

/** `20 %`, `12.5 %` */
export function percentText(tenThousandths: number): string {
  return `${fromTenThousandths(tenThousandths)} %`;
}

/** `₹` for INR, `$` for USD and CAD, the code itself where there is no symbol. */
export function narrowSymbol(currency: string): string {
  const known = symbols.get(currency);
  if (known !== undefined) return known;
  // Also bounds the map. Intl takes any three letters.
  if (exponentOf(currency) === null) return currency;
  const parts = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
  }).formatToParts(0);
  const symbol = parts.find(({ type }) => type === 'currency')?.value ?? currency;
  symbols.set(currency, symbol);
  return symbol;
}

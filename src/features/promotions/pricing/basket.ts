/**
 * A cart while offers take from it: what each line costs, and what earlier offers left of it. A
 * cart without lines is one line with the whole total.
 */
import type { Cart } from './types.js';

export interface Basket {
  /** The sum of `totals`. */
  readonly goods: number;
  readonly totals: readonly number[];
  readonly left: number[];
  readonly shipping: number;
  shippingLeft: number;
}

/** Throws if the total is not the sum of the lines, or if an amount is not below 2^53. */
export function basketOf({ lines, total, shipping }: Cart): Basket {
  const totals = lines === null ? [total] : lines.map(({ quantity, unitPrice }) => quantity * unitPrice);
  const sum = totals.reduce((before, amount) => before + amount, 0);
  if (sum !== total) throw new Error(`the lines cost ${sum}, the total is ${total}`);
  for (const amount of [...totals, shipping ?? 0, total + (shipping ?? 0)])
    if (!Number.isSafeInteger(amount) || amount < 0) throw new Error(`${amount} is no amount in minor units`);
  return { goods: total, totals, left: [...totals], shipping: shipping ?? 0, shippingLeft: shipping ?? 0 };
}

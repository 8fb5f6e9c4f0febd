/**
 * Products of whole numbers over a whole number, exactly. Most products are below 2^53 and take the
 * way of plain numbers; larger ones take that of BigInt, which is some twenty times slower.
 */

export interface Quotient {
  readonly whole: number;
  /** Below the divisor. */
  readonly remainder: number;
}

/** `a * b / divisor`. The result must be below 2^53. */
export function quotientOf(a: number, b: number, divisor: number): Quotient {
  const product = a * b;
  // Where the exact product is above the maximum, the rounded one is above it too.
  if (product <= Number.MAX_SAFE_INTEGER) {
    const remainder = product % divisor;
    return { whole: (product - remainder) / divisor, remainder };
  }
  const exact = BigInt(a) * BigInt(b);
  const by = BigInt(divisor);
  return { whole: Number(exact / by), remainder: Number(exact % by) };
}

/** `a * b / divisor`, rounded half up. */
export function halfUp(a: number, b: number, divisor: number): number {
  const { whole, remainder } = quotientOf(a, b, divisor);
  return remainder >= divisor - remainder ? whole + 1 : whole;
}

/** `a * b`, whatever its size. */
export function productOf(a: number, b: number): number | bigint {
  const product = a * b;
  return product <= Number.MAX_SAFE_INTEGER ? product : BigInt(a) * BigInt(b);
}

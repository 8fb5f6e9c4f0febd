/**
 * The arithmetic behind `{CHECK}`: one character that catches every typo of one character and every
 * swap of neighbours.
 *
 * A code's symbols, the check character among them, are folded from left to right with the
 * operation `*` of a quasigroup (a Latin square), starting from 0. The check character is the one
 * that makes the result 0:
 *
 *     ((((0 * x1) * x2) * x3) … * xn) = 0
 *
 * - Every row and column of the square holds every symbol once. So one changed symbol changes the
 *   fold there, and nothing after it can bring it back: every typo is caught.
 * - The squares are chosen so that (c * x) * y ≠ (c * y) * x whenever x ≠ y. So a swap of
 *   neighbours changes the fold as well, wherever in the code it happens, and also where the check
 *   character is one of the two.
 *
 * That is the method of H. Michael Damm ("Total anti-symmetrische Quasigruppen", Marburg 2004); it
 * needs these two properties only, and test/codes/check-system.test.ts proves them for every entry
 * of the three squares:
 *
 * - order 10: Damm's published square. Linear arithmetic can't do it: x * y = a·x + y needs a and a
 *   - 1 invertible, and one of them is even.
 * - order 32: x * y = 2·x + y in the field GF(32) = GF(2)[t]/(t^5 + t^2 + 1), where 2 stands for t.
 * - order 36: x * y = a·x + y in the ring GF(4) × Z/9 with a = (t, 2): a and a - 1 = (t + 1, 1) are
 *   invertible in both.
 *
 * What lost: a weighted sum modulo 37 needs a 37th check symbol; ISO 7064 MOD 37,36 lets some swaps
 * through.
 */

export interface CheckSystem {
  /** The symbol with value i is `symbols[i]`; the check character is one of them. */
  readonly symbols: string;
  /** `product[left * order + right]` is `left * right`. */
  readonly product: Uint8Array;
  /** `leftOf[result * order + right]` is the `left` with `left * right = result`. */
  readonly leftOf: Uint8Array;
  /** `rightOf[left * order + result]` is the `right` with `left * right = result`. */
  readonly rightOf: Uint8Array;
}

/** Digits alone, so that a code of digits stays one. */
export const CHECK_DIGITS: CheckSystem = system('0123456789', dammProduct);

/** The letters and digits of `{RANDOM:n}`, so that a code without look-alikes stays one. */
export const CHECK_CLEAR: CheckSystem = system('ABCDEFGHJKLMNPQRSTUVWXYZ23456789', field32Product);

/** All letters and digits. */
export const CHECK_ALL: CheckSystem = system('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', ring36Product);

/** The value of a symbol by its ASCII code; 255 where the system has no such symbol. */
export function symbolValues(symbols: string): Uint8Array {
  const values = new Uint8Array(128).fill(255);
  for (let i = 0; i < symbols.length; i++) values[symbols.charCodeAt(i)] = i;
  return values;
}

/**
 * The value of the check symbol that belongs between the symbols before and after it, all given as
 * values: forwards over what stands before it, backwards from 0 over what stands after it, and one
 * division joins the two.
 */
export function checkValue(system: CheckSystem, before: Iterable<number>, after: readonly number[]): number {
  const order = system.symbols.length;
  const fold = foldValues(system, before);
  let wanted = 0;
  for (let i = after.length - 1; i >= 0; i--) wanted = system.leftOf[wanted * order + (after[i] as number)] as number;
  return system.rightOf[fold * order + wanted] as number;
}

/** The fold over all values, 0 for a code whose check character is right. */
export function foldValues(system: CheckSystem, values: Iterable<number>): number {
  const order = system.symbols.length;
  let fold = 0;
  for (const value of values) fold = system.product[fold * order + value] as number;
  return fold;
}

function system(symbols: string, multiply: (left: number, right: number) => number): CheckSystem {
  const order = symbols.length;
  const product = new Uint8Array(order * order);
  const leftOf = new Uint8Array(order * order);
  const rightOf = new Uint8Array(order * order);
  for (let left = 0; left < order; left++) {
    for (let right = 0; right < order; right++) {
      const result = multiply(left, right);
      product[left * order + right] = result;
      leftOf[result * order + right] = left;
      rightOf[left * order + result] = right;
    }
  }
  return { symbols, product, leftOf, rightOf };
}

function dammProduct(left: number, right: number): number {
  const rows = [
    '0317598642',
    '7092154863',
    '4206871359',
    '1750983426',
    '6123045978',
    '3674209581',
    '5869720134',
    '8945362017',
    '9438617205',
    '2581436790',
  ];
  return Number(rows[left]?.[right]);
}

function field32Product(left: number, right: number): number {
  const doubled = left << 1;
  const reduced = doubled & 0x20 ? doubled ^ 0x25 : doubled;
  return reduced ^ right;
}

/**
 * A symbol is 9·g + z with g in GF(4), as the bits of a polynomial in t modulo t^2 + t + 1, and z
 * in Z/9.
 */
function ring36Product(left: number, right: number): number {
  const leftG = Math.floor(left / 9);
  const doubled = leftG << 1;
  const timesT = doubled & 4 ? doubled ^ 7 : doubled;
  const g = timesT ^ Math.floor(right / 9);
  const z = (2 * (left % 9) + (right % 9)) % 9;
  return 9 * g + z;
}

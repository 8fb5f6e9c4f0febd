/** The values of a condition, and what its operators make of them. */

/**
 * An int of CEL is a bigint, a double a number. Objects that callers send as attributes are Maps,
 * so that no name reaches a prototype.
 */
export type Value = bigint | number | string | boolean | null | readonly Value[] | ReadonlyMap<string, Value> | View;

/** The cart, a line or the user. Fields are read by name; nothing else can be done with it. */
export interface View {
  readonly viewOf: 'cart' | 'line' | 'user';
}

/**
 * Why there is no value: data is missing or of the wrong type. It is a value and not an exception,
 * because a condition may meet one for each of 500 lines, and an exception costs 15 µs.
 */
export class Fault {
  readonly #reason: string | (() => string);
  /** The caller did not send it: for `has`, which is false then. */
  readonly isMissing: boolean;

  /** A function where the text is put together, which only the first fault of a condition needs. */
  constructor(reason: string | (() => string), isMissing = false) {
    this.#reason = reason;
    this.isMissing = isMissing;
  }

  get reason(): string {
    return typeof this.#reason === 'string' ? this.#reason : this.#reason();
  }
}

export type Arithmetic = '+' | '-' | '*' | '/' | '%';
export type Relation = '<' | '<=' | '>' | '>=';

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

export const isInt64 = (value: bigint): boolean => value >= INT_MIN && value <= INT_MAX;

/** The name of a value's type in CEL. */
export function typeOf(value: Value): string {
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : 'map';
}

/**
 * Int with int is an int, and `/` cuts off; a double makes both doubles. Undefined: no such rule.
 */
export function calculate(op: Arithmetic, left: Value, right: Value): number | bigint | Fault | undefined {
  if (typeof left === 'bigint' && typeof right === 'bigint') return calculateInts(op, left, right);
  if (!isNumber(left) || !isNumber(right)) return undefined;
  const a = Number(left);
  const b = Number(right);
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return undefined;
  }
}

function calculateInts(op: Arithmetic, left: bigint, right: bigint): bigint | Fault {
  if ((op === '/' || op === '%') && right === 0n) return new Fault('division by zero');
  const result = exactly(op, left, right);
  return isInt64(result) ? result : new Fault('integer overflow');
}

function exactly(op: Arithmetic, left: bigint, right: bigint): bigint {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
  }
}

/**
 * Numbers of both kinds compare by their exact value, strings by UTF-16. Undefined: no such rule.
 */
export function compare(op: Relation, left: Value, right: Value): boolean | undefined {
  const isComparable =
    (isNumber(left) && isNumber(right)) ||
    (typeof left === 'string' && typeof right === 'string') ||
    (typeof left === 'boolean' && typeof right === 'boolean');
  if (!isComparable) return undefined;
  switch (op) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

/** Equal in value; of different types: false. Compile time refuses to compare lines. */
export function isEqual(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (typeof left === 'string' || typeof right === 'string') return false;
  // JavaScript compares an int and a double by their exact value.
  // biome-ignore lint/suspicious/noDoubleEquals: 1n === 1 is false
  if (isNumber(left) && isNumber(right)) return left == right;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item: Value, index) => isEqual(item, right[index] as Value));
  }
  if (left instanceof Map && right instanceof Map) {
    if (left.size !== right.size) return false;
    for (const [key, value] of left) if (!right.has(key) || !isEqual(value, right.get(key) as Value)) return false;
    return true;
  }
  return false;
}

/** Undefined: `right` is neither a list nor a map with `left` as a possible key. */
export function isIn(left: Value, right: Value): boolean | undefined {
  if (Array.isArray(right)) {
    for (const item of right as readonly Value[]) if (isEqual(left, item)) return true;
    return false;
  }
  return right instanceof Map ? right.has(left) : undefined;
}

/** Characters (code points) of a text, entries of a list or map. */
export function sizeOf(value: Value): bigint | undefined {
  if (typeof value === 'string') {
    return BigInt(codePointsIn(value));
  }
  if (Array.isArray(value)) return BigInt(value.length);
  return value instanceof Map ? BigInt(value.size) : undefined;
}

/** A loop over the text itself takes 90 ns a character, and this one 1. */
function codePointsIn(text: string): number {
  let count = text.length;
  for (let at = 1; at < text.length; at++) {
    const isLow = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
    if (isLow && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800) count--;
  }
  return count;
}

/** What a comprehension goes through: the entries of a list, the keys of a map. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Map ? [...value.keys()] : undefined;
}

export function toInt(value: Value): bigint | Fault | undefined {
  if (typeof value === 'bigint') return value;
  const isReadable = typeof value === 'number' ? Number.isFinite(value) : typeof value === 'string';
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  if (!isReadable || (typeof value === 'string' && !/^[+-]?\d{1,19}$/.test(value))) return new Fault('not an int');
  const int = BigInt(typeof value === 'number' ? Math.trunc(value) : value.replace('+', ''));
  return isInt64(int) ? int : new Fault('integer overflow');
}

export function toDouble(value: Value): number | Fault | undefined {
  if (isNumber(value)) return Number(value);
  if (typeof value !== 'string') return undefined;
  return /^[+-]?\d{1,100}(?:\.\d{1,100})?$/.test(value) ? Number(value) : new Fault('not a number');
}

const isNumber = (value: Value): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

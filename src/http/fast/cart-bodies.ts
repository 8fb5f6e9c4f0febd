/**
 * The fast path for bodies that hold a cart. zod takes 10 to 20 µs for one, this takes 2 µs, most
 * of it JSON.parse.
 *
 * Nothing is decided here. A reader takes a part of what the schema takes, and returns what the
 * schema would return, with the fields in the schema's order. It returns null for all other bodies,
 * right or wrong, and they go to the schema. So do bodies with `campaignId` or `attributes`, which
 * are rare. A test compares both on generated bodies.
 *
 * A reader that scans the text itself, as in fast-bodies.ts, would only pay for one order and one
 * spelling of the fields. Carts come in many.
 */
import {
  AMOUNT_MAX,
  type ApplyInput,
  CATEGORIES_MAX,
  type CartInput,
  CODES_MAX,
  LINES_MAX,
  QUANTITY_MAX,
  RESERVE_SECONDS_MAX,
  SEGMENTS_MAX,
  type ValidateInput,
} from '../api/promotions/schemas.js';
import { lineOf, USER_ID_LENGTH_MAX } from '../api/text-rule.js';
import type { FastReader } from './fast-bodies.js';
import { isPlain } from './plain-text.js';

type Fields = Readonly<Record<string, unknown>>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Line = NonNullable<CartInput['lines']>[number];

export const readApply: FastReader<ApplyInput> = (text) => {
  const given = fieldsOf(text);
  if (given === null) return null;
  const { code, codes, mode = 'all', reserve = false, reserveSeconds } = given;
  if ((code === undefined) === (codes === undefined)) return null;
  const named = code === undefined ? listOf(codes, CODES_MAX, codeOf) : codeOf(code);
  if (named === null) return null;
  if (mode !== 'all' && mode !== 'best') return null;
  if (reserve !== true && (reserve !== false || reserveSeconds !== undefined)) return null;
  if (reserveSeconds !== undefined && !isWhole(reserveSeconds, RESERVE_SECONDS_MAX)) return null;
  const body: Writable<ApplyInput> =
    typeof named === 'string' ? { code: named, mode, reserve } : { codes: named, mode, reserve };
  if (reserveSeconds !== undefined) body.reserveSeconds = reserveSeconds;
  const count = 1 + presentOf(given['mode']) + presentOf(given['reserve']) + presentOf(reserveSeconds);
  return takeCart(given, body, count) ? body : null;
};

export const readValidate: FastReader<ValidateInput> = (text) => {
  const given = fieldsOf(text);
  if (given === null) return null;
  const code = codeOf(given['code']);
  if (code === null) return null;
  const body: Writable<ValidateInput> = { code };
  return takeCart(given, body, 1) ? body : null;
};

function fieldsOf(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : null;
  } catch {
    return null;
  }
}

/**
 * Adds the fields of the cart to the body. `others`: how many fields the body has beside those.
 * False: there is a field that is unknown or wrong, or that is left to the schema.
 */
function takeCart(given: Fields, body: Writable<CartInput>, others: number): boolean {
  const { cartTotal, productIds, lines, shipping, currency, userId, segments, cartId } = given;
  let count = others;
  if ((lines === undefined) === (cartTotal === undefined)) return false;
  if (lines === undefined) {
    if (!isAmount(cartTotal)) return false;
    body.cartTotal = cartTotal;
    count++;
    if (productIds !== undefined) {
      const read = listOf(productIds, LINES_MAX, idOf);
      if (read === null) return false;
      body.productIds = read;
      count++;
    }
  } else {
    const read = listOf(lines, LINES_MAX, lineFrom);
    if (read === null) return false;
    body.lines = read;
    count++;
  }
  if (shipping !== undefined) {
    if (shipping !== null && !isAmount(shipping)) return false;
    body.shipping = shipping;
    count++;
  }
  if (currency !== undefined) {
    if (typeof currency !== 'string' || !CURRENCY.test(currency)) return false;
    body.currency = currency.toUpperCase();
    count++;
  }
  if (userId !== undefined) {
    const read = idOf(userId);
    if (read === null) return false;
    body.userId = read;
    count++;
  }
  if (segments !== undefined) {
    const read = listOf(segments, SEGMENTS_MAX, idOf);
    if (read === null) return false;
    body.segments = read;
    count++;
  }
  if (cartId !== undefined) {
    const read = idOf(cartId);
    if (read === null) return false;
    body.cartId = read;
    count++;
  }
  return Object.keys(given).length === count;
}

function lineFrom(value: unknown): Line | null {
  if (typeof value !== 'object' || value === null) return null;
  const { productId, categoryIds, quantity, unitPrice } = value as Fields;
  const product = idOf(productId);
  if (product === null || !isWhole(quantity, QUANTITY_MAX) || !isAmount(unitPrice)) return null;
  const categories = categoryIds === undefined ? [] : listOf(categoryIds, CATEGORIES_MAX, idOf);
  if (categories === null) return null;
  if (Object.keys(value).length !== 3 + presentOf(categoryIds)) return null;
  return { productId: product, categoryIds: categories, quantity, unitPrice };
}

/** Null: it is no list, is too long, or has an entry that `read` does not take. */
function listOf<Entry>(value: unknown, lengthMax: number, read: (entry: unknown) => Entry | null): Entry[] | null {
  if (!Array.isArray(value) || value.length > lengthMax) return null;
  const list: Entry[] = [];
  for (const entry of value) {
    const taken = read(entry);
    if (taken === null) return null;
    list.push(taken);
  }
  return list;
}

const CODE = /^[A-Za-z0-9\-_.]{3,64}$/;
const CURRENCY = /^[A-Za-z]{3}$/;
/** Ids of products, users and carts have one rule; it is that of `lineOf`. */
const ID_LENGTH_MAX = USER_ID_LENGTH_MAX;
const ID = lineOf(1, ID_LENGTH_MAX);

/** One with blanks around it goes to the schema. */
const codeOf = (value: unknown): string | null =>
  typeof value === 'string' && CODE.test(value) ? value.toUpperCase() : null;

function idOf(value: unknown): string | null {
  if (typeof value !== 'string' || value === '') return null;
  return (value.length <= ID_LENGTH_MAX && isPlain(value)) || ID.test(value) ? value : null;
}

const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= AMOUNT_MAX;

const isWhole = (value: unknown, max: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max;

const presentOf = (value: unknown): number => (value === undefined ? 0 : 1);

/**
 * What a condition sees of a request: `cart` and `user`. One table per object says how a field is
 * called, its type in CEL, how large it can be at most, and where its value comes from.
 */
import { type Field, type ObjectShape, SCALAR, type Shape } from './condition-shapes.js';
import { Fault, type Value, type View } from './condition-values.js';

/** Money is in major units, as callers send it. */
export interface ConditionCart {
  readonly total: number;
  /** Null: the caller sent a total alone. */
  readonly lines: readonly ConditionLine[] | null;
  readonly shipping: number | null;
  readonly currency: string | null;
}

export interface ConditionLine {
  readonly productId: string;
  readonly categoryIds: readonly string[];
  readonly quantity: number;
  readonly unitPrice: number;
}

/** Null: the caller did not send it. */
export interface ConditionUser {
  readonly id: string | null;
  readonly segments: readonly string[] | null;
  /** A JSON object. */
  readonly attributes: Readonly<Record<string, unknown>> | null;
}

/**
 * The cost of a condition is bounded for data within these limits. Data beyond them does not meet a
 * condition that reads it.
 */
export const CONDITION_DATA_LIMITS = {
  lines: 500,
  categoriesPerLine: 20,
  segments: 100,
  /** Characters of an id, a category or a segment. */
  idLength: 128,
  /** Values and keys within `attributes`, nested ones included. */
  attributeValues: 100,
  /** Characters of all of them together. */
  attributeText: 4_096,
  attributeDepth: 4,
} as const;

const LIMITS = CONDITION_DATA_LIMITS;
const ID: Shape = { kind: 'text', length: LIMITS.idLength };
const ANY: Shape = { kind: 'any', count: LIMITS.attributeValues, length: LIMITS.attributeText };
const IDS = (count: number): Shape => ({ kind: 'list', count, element: ID });

const LINE = objectOf<LineView>('Line', {
  productId: { type: 'string', shape: ID, read: (line) => line.productId },
  categoryIds: { type: 'list<string>', shape: IDS(LIMITS.categoriesPerLine), read: (line) => line.categoryIds },
  quantity: { type: 'int', shape: SCALAR, read: (line) => line.quantity },
  unitPrice: { type: 'double', shape: SCALAR, read: (line) => line.unitPrice },
});
const LINES: Shape = { kind: 'list', count: LIMITS.lines, element: LINE };

const CART = objectOf<CartView>('Cart', {
  total: { type: 'double', shape: SCALAR, read: (view) => view.cart.total },
  lines: { type: 'list<Line>', shape: LINES, read: (view) => view.lines },
  shipping: { type: 'double', shape: SCALAR, read: (view) => view.cart.shipping ?? undefined },
  currency: { type: 'string', shape: { kind: 'text', length: 3 }, read: (view) => view.cart.currency ?? undefined },
});

const USER = objectOf<UserView>('User', {
  id: { type: 'string', shape: ID, read: (view) => view.id },
  segments: { type: 'list<string>', shape: IDS(LIMITS.segments), read: (view) => view.segments },
  attributes: { type: 'map<string, dyn>', shape: ANY, read: (view) => view.attributes },
});

/** In the order in which their types have to be declared. */
export const CONDITION_OBJECTS = [LINE, CART, USER];
export const CONDITION_VARIABLES: ReadonlyMap<string, ObjectShape> = new Map([
  ['cart', CART],
  ['user', USER],
]);

interface LineView extends View {
  readonly productId: string;
  readonly categoryIds: readonly string[];
  readonly quantity: bigint;
  readonly unitPrice: number;
}

/** Checked and converted at the first read of each part, and then kept. */
export class CartView implements View {
  readonly viewOf = 'cart';
  readonly cart: ConditionCart;
  #lines: readonly LineView[] | Fault | undefined;

  constructor(cart: ConditionCart) {
    this.cart = cart;
  }

  get lines(): readonly LineView[] | Fault | undefined {
    if (this.cart.lines !== null) this.#lines ??= viewLines(this.cart.lines);
    return this.#lines;
  }
}

export class UserView implements View {
  readonly viewOf = 'user';
  readonly user: ConditionUser;
  #segments: readonly string[] | Fault | undefined;
  #attributes: ReadonlyMap<string, Value> | Fault | undefined;

  constructor(user: ConditionUser) {
    this.user = user;
  }

  get id(): string | Fault | undefined {
    const { id } = this.user;
    if (id === null) return undefined;
    return idProblem(id) === null ? id : new Fault(`user has ${TOO_LONG}`);
  }

  get segments(): readonly string[] | Fault | undefined {
    if (this.user.segments !== null) this.#segments ??= viewSegments(this.user.segments);
    return this.#segments;
  }

  get attributes(): ReadonlyMap<string, Value> | Fault | undefined {
    if (this.user.attributes !== null) this.#attributes ??= viewAttributes(this.user.attributes);
    return this.#attributes;
  }
}

/**
 * The shape of an object says which views it stands for, so `read` gets the view that it expects.
 */
function objectOf<T extends View>(
  name: string,
  fields: Readonly<Record<string, Omit<Field, 'read'> & { read(owner: T): ReturnType<Field['read']> }>>,
): ObjectShape {
  return { kind: 'object', name, fields: new Map<string, Field>(Object.entries(fields)) };
}

function viewLines(lines: readonly ConditionLine[]): readonly LineView[] | Fault {
  if (lines.length > LIMITS.lines) return new Fault(`cart.lines has more than ${LIMITS.lines} entries`);
  const views: LineView[] = [];
  for (const line of lines) {
    const { productId, categoryIds, quantity, unitPrice } = line;
    const problem =
      idProblem(productId) ??
      idsProblem(categoryIds, LIMITS.categoriesPerLine) ??
      (Number.isSafeInteger(quantity) ? null : 'a quantity that is not a whole number');
    if (problem !== null) return new Fault(`cart.lines[${lines.indexOf(line)}] has ${problem}`);
    views.push({ viewOf: 'line', productId, categoryIds, quantity: BigInt(quantity), unitPrice });
  }
  return views;
}

function viewSegments(segments: readonly string[]): readonly string[] | Fault {
  const problem = idsProblem(segments, LIMITS.segments);
  return problem === null ? segments : new Fault(`user.segments has ${problem}`);
}

function idsProblem(ids: readonly string[], countMax: number): string | null {
  if (ids.length > countMax) return `more than ${countMax} entries in a list`;
  for (const id of ids) if (id.length > LIMITS.idLength) return TOO_LONG;
  return null;
}

const idProblem = (id: string): string | null => (id.length > LIMITS.idLength ? TOO_LONG : null);
const TOO_LONG = `an id of more than ${LIMITS.idLength} characters`;

function viewAttributes(attributes: Readonly<Record<string, unknown>>): ReadonlyMap<string, Value> | Fault {
  let valuesLeft: number = LIMITS.attributeValues;
  let textLeft: number = LIMITS.attributeText;

  const view = (value: unknown, depth: number): Value | Fault => {
    if (--valuesLeft < 0) return new Fault(`user.attributes has more than ${LIMITS.attributeValues} values`);
    if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
    if (typeof value === 'string') return viewText(value);
    if (typeof value !== 'object') return new Fault('user.attributes is not JSON');
    if (depth >= LIMITS.attributeDepth) {
      return new Fault(`user.attributes is nested deeper than ${LIMITS.attributeDepth} levels`);
    }
    return Array.isArray(value) ? viewList(value, depth) : viewMap(value, depth);
  };
  const viewText = (text: string): string | Fault => {
    textLeft -= text.length;
    if (textLeft >= 0) return text;
    return new Fault(`user.attributes has more than ${LIMITS.attributeText} characters`);
  };
  const viewList = (list: readonly unknown[], depth: number): readonly Value[] | Fault => {
    const values: Value[] = [];
    for (const item of list) {
      const value = view(item, depth + 1);
      if (value instanceof Fault) return value;
      values.push(value);
    }
    return values;
  };
  const viewMap = (object: object, depth: number): ReadonlyMap<string, Value> | Fault => {
    const values = new Map<string, Value>();
    for (const [key, item] of Object.entries(object)) {
      const name = viewText(key);
      const value = name instanceof Fault ? name : view(item, depth + 1);
      if (value instanceof Fault) return value;
      values.set(key, value);
    }
    return values;
  };
  return viewMap(attributes, 0);
}

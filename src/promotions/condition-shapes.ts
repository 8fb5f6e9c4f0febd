/** How large the values of an expression can be, which bounds the steps to work on them. */
import type { Fault, Value, View } from './condition-values.js';

/** The largest value that an expression can have, by which its cost is bounded. */
export type Shape =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'text'; readonly length: number }
  | { readonly kind: 'list'; readonly count: number; readonly element: Shape }
  /** A part of the attributes: its type is known only when it is read. */
  | { readonly kind: 'any'; readonly count: number; readonly length: number }
  | ObjectShape;

export interface ObjectShape {
  readonly kind: 'object';
  /** Its type in CEL. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
}

export interface Field {
  readonly type: string;
  readonly shape: Shape;
  /** Undefined: the caller did not send it. */
  read(owner: View): Value | Fault | undefined;
}

const CHARACTERS_PER_STEP = 32;

export const SCALAR: Shape = { kind: 'scalar' };

/** Why a condition is refused although its types are right. Only `compileCondition` catches it. */
export class Refused extends Error {}

export function countOf(shape: Shape): number {
  return shape.kind === 'list' || shape.kind === 'any' ? shape.count : 0;
}

export function elementOf(shape: Shape): Shape {
  return shape.kind === 'list' ? shape.element : shape;
}

export function lengthOf(shape: Shape): number {
  return shape.kind === 'text' || shape.kind === 'any' ? shape.length : 0;
}

/** The steps to look at each character once. */
export const scanOf = (shape: Shape): number => Math.ceil(lengthOf(shape) / CHARACTERS_PER_STEP);

/** The steps to compare with a value of this shape, of whatever depth. */
export function entriesIn(shape: Shape): number {
  switch (shape.kind) {
    case 'scalar':
    case 'text':
      return 0;
    case 'any':
      return shape.count;
    case 'list':
      return shape.count * (1 + entriesIn(shape.element));
    case 'object':
      throw new Refused('Lines, cart and user cannot be compared as a whole; compare their fields');
  }
}

/** A shape that covers either of two values. Only attributes escape the check of their types. */
export function larger(a: Shape, b: Shape): Shape {
  if (a.kind === 'list' && b.kind === 'list') {
    return { kind: 'list', count: Math.max(a.count, b.count), element: larger(a.element, b.element) };
  }
  if (a.kind === 'text' && b.kind === 'text') return a.length > b.length ? a : b;
  const [less, more] = a.kind === 'any' || b.kind === 'scalar' ? [b, a] : [a, b];
  const isCovered = less.kind === 'scalar' || less.kind === more.kind || (less.kind === 'text' && more.kind === 'any');
  if (!isCovered) throw new Refused('A part of the attributes stands beside a list or lines');
  return more;
}

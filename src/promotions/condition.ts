/**
 * Conditions of promotions: a CEL expression over `cart` and `user`, compiled once.
 *
 *   cart   total and shipping (double), currency (string), lines
 *   line   productId (string), categoryIds (list of strings), quantity (int), unitPrice (double)
 *   user   id (string), segments (list of strings), attributes (whatever the caller sends)
 *
 * Amounts are decimal numbers in major units, as callers send them, and doubles in CEL. `quantity`,
 * `size()` and numbers without a point are ints; all numbers within attributes are doubles. An int
 * and a double compare by their exact value. In `+ - * /` an int becomes a double where it meets
 * one, which goes beyond standard CEL. `/` of two ints cuts off. A list has ints or doubles, not
 * both.
 *
 * Beside operators a condition has `has`, `all`, `exists`, `exists_one`, `filter`, `map`, `size`,
 * `startsWith`, `endsWith`, `contains`, `lowerAscii`, `int` and `double`. It has no clock, no
 * regular expressions, and nothing that makes longer texts or lists out of others, so that the
 * text alone bounds the cost. condition-program.ts says how.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { CartView, CONDITION_OBJECTS, type ConditionCart, type ConditionUser, UserView } from './condition-data.js';
import { type Program, programOf, type Run } from './condition-program.js';
import { Refused } from './condition-shapes.js';
import { textOf } from './condition-text.js';
import { Fault, typeOf } from './condition-values.js';

export const CONDITION_LENGTH_MAX = 1_000;
const NODES_MAX = 200;
const DEPTH_MAX = 16;
/** See docs/decisions/conditions.md for what the most expensive conditions take. */
const STEPS_MAX = 60_000;
const REASON_LENGTH_MAX = 240;
/** Compiled conditions that are kept, those used last. One takes about 10 KB. */
const KEPT_MAX = 1_000;

export interface Condition {
  /** Never throws. `cart` and `user` must not be changed afterwards: what was read is kept. */
  judge(cart: ConditionCart, user: ConditionUser): Judgement;
}

export type Judgement =
  | { readonly isMet: true }
  /** The first part of the outermost `&&` that is not true, or what it lacks. */
  | { readonly isMet: false; readonly reason: string };

interface Part {
  readonly text: string;
  readonly run: Run;
}

const MET: Judgement = { isMet: true };
const kept = new Map<string, Condition>();
const cartViews = new WeakMap<ConditionCart, CartView>();
const userViews = new WeakMap<ConditionUser, UserView>();

/** The condition of a text, or why the text is refused. */
export function compileCondition(text: string): Condition | { readonly error: string } {
  const known = kept.get(text);
  if (known !== undefined) {
    kept.delete(text);
    kept.set(text, known);
    return known;
  }
  const compiled = compile(text);
  if ('error' in compiled) return compiled;
  kept.set(text, compiled);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
  return compiled;
}

function compile(text: string): Condition | { readonly error: string } {
  if (text.length > CONDITION_LENGTH_MAX) return { error: `At most ${CONDITION_LENGTH_MAX} characters` };
  try {
    const parsed = environment.parse(text);
    const checked = parsed.check();
    if (checked.error !== undefined) return { error: explain(checked.error) };
    if (checked.type !== 'bool' && checked.type !== 'dyn') {
      return { error: `A condition is true or false; this one is ${checked.type}` };
    }
    const whole = programOf(parsed.ast);
    if (whole.steps > STEPS_MAX) return { error: tooExpensive(whole) };
    return conditionOf(partsOf(parsed.ast).map((node) => ({ text: textOf(node), run: programOf(node).run })));
  } catch (error) {
    if (error instanceof Refused) return { error: error.message };
    if (isOfLibrary(error)) return { error: explain(error) };
    throw error;
  }
}

function conditionOf(parts: readonly Part[]): Condition {
  return {
    judge(cart, user) {
      const scope = { cart: viewOfCart(cart), user: viewOfUser(user), locals: [] };
      for (const { text, run } of parts) {
        const value = run(scope);
        if (value === true) continue;
        return { isMet: false, reason: clipped(reasonOf(value, text)) };
      }
      return MET;
    },
  };
}

function reasonOf(value: ReturnType<Run>, text: string): string {
  if (value instanceof Fault) return value.reason;
  return value === false ? `${text} is false` : `${text} is ${typeOf(value)}, not bool`;
}

/** The operands of the outermost `&&`, however they are grouped. */
function partsOf(node: ASTNode): ASTNode[] {
  return node.op === '&&' ? [...partsOf(node.args[0]), ...partsOf(node.args[1])] : [node];
}

/** Many promotions are judged over the same cart: it is checked and converted once. */
function viewOfCart(cart: ConditionCart): CartView {
  const known = cartViews.get(cart);
  if (known !== undefined) return known;
  const view = new CartView(cart);
  cartViews.set(cart, view);
  return view;
}

function viewOfUser(user: ConditionUser): UserView {
  const known = userViews.get(user);
  if (known !== undefined) return known;
  const view = new UserView(user);
  userViews.set(user, view);
  return view;
}

const environment = createEnvironment();

function createEnvironment(): Environment {
  const limits = { maxAstNodes: NODES_MAX, maxDepth: DEPTH_MAX };
  const created = new Environment({ limits });
  for (const { name, fields } of CONDITION_OBJECTS) {
    const types = Object.fromEntries([...fields].map(([field, { type }]) => [field, type]));
    created.registerType(name, { fields: types });
  }
  created.registerVariable('cart', 'Cart').registerVariable('user', 'User');
  // cel-js only checks types with these; condition-values.ts computes.
  for (const op of ['+', '-', '*', '/']) {
    created.registerOperator(`int ${op} double: double`, () => 0);
    created.registerOperator(`double ${op} int: double`, () => 0);
  }
  return created.registerOperator('int == double', () => false);
}

interface LibraryError {
  readonly code: string;
  readonly summary: string;
  readonly range?: { readonly start: number };
}

/** cel-js exports its error classes as types of one name each; the code tells them from others. */
function isOfLibrary(error: unknown): error is LibraryError {
  return error instanceof Error && 'summary' in error && 'code' in error;
}

function explain({ code, summary, range }: LibraryError): string {
  if (code === 'limit_exceeded')
    return `The condition is too large: at most ${NODES_MAX} parts, nested ${DEPTH_MAX} deep`;
  return range === undefined ? summary : `${summary} (at character ${range.start + 1})`;
}

function tooExpensive({ steps }: Program): string {
  return `The condition could take ${steps} steps, and at most ${STEPS_MAX} are allowed; avoid lists within lists`;
}

const clipped = (text: string): string =>
  text.length <= REASON_LENGTH_MAX ? text : `${text.slice(0, REASON_LENGTH_MAX - 1)}…`;

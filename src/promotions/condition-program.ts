/**
 * Turns the checked syntax tree of a condition into closures, and bounds what running them costs.
 *
 * cel-js parses and checks types; its own evaluator lost. It throws for each missing attribute,
 * and `exists` and `||` swallow what was thrown: one missing attribute, read for each of 500
 * lines, took 8 ms, and ten of them 94 ms. Here it is a `Fault`, a value, and costs what any
 * other value costs.
 *
 * Each expression has a `Shape`, the largest value that it can have, and a number of steps, the
 * most that it can take. Both follow from the text alone and from the limits of the data: a
 * condition that could take too long is refused when it is written, never when a customer pays. A
 * step is what a field read takes. Text of 32 characters to look through, or one more entry to
 * compare, is a step too.
 *
 * A fault follows the rules of CEL: `false && fault` and `fault && false` are false, `true ||
 * fault` is true, and `exists` and `all` are decided by any other entry that decides them.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { type CartView, CONDITION_VARIABLES, type UserView } from './condition-data.js';
import {
  countOf,
  elementOf,
  entriesIn,
  larger,
  lengthOf,
  Refused,
  SCALAR,
  type Shape,
  scanOf,
} from './condition-shapes.js';
import { textOf } from './condition-text.js';
import {
  type Arithmetic,
  calculate,
  compare,
  Fault,
  isEqual,
  isIn,
  isInt64,
  itemsOf,
  type Relation,
  sizeOf,
  toDouble,
  toInt,
  typeOf,
  type Value,
  type View,
} from './condition-values.js';

/**
 * What a run works on; `locals` are the variables of the comprehensions around it, outermost
 * first.
 */
export interface Scope {
  readonly cart: CartView;
  readonly user: UserView;
  readonly locals: Value[];
}

export type Run = (scope: Scope) => Value | Fault;

export interface Program {
  readonly run: Run;
  readonly shape: Shape;
  readonly steps: number;
}

interface Local {
  readonly name: string;
  readonly shape: Shape;
}

/** A search compares at most this much of what it looks for at each place of a text. */
const NEEDLE_MAX = 250;
const NEEDLE_PER_STEP = 4;
/** Equal texts are compared many characters at once. */
const EQUAL_PER_STEP = 512;

/** Builds the program of `node`, in which `locals` may be read. */
export function programOf(node: ASTNode, locals: readonly Local[] = []): Program {
  switch (node.op) {
    case 'value':
      return literal(node.args);
    case 'id':
      return variable(node.args, locals);
    case '.':
      return field(programOf(node.args[0], locals), node.args[1], textOf(node));
    case '[]':
      return entry(programOf(node.args[0], locals), programOf(node.args[1], locals), textOf(node));
    case 'list':
      return list(node.args.map((item) => programOf(item, locals)));
    case '?:':
      return choice(node.args, locals);
    case '&&':
    case '||':
      return logical(node.op === '||', node.args, locals);
    case '!_':
      return not(programOf(node.args, locals), textOf(node.args));
    case '-_':
      return negation(programOf(node.args, locals), textOf(node));
    case '==':
    case '!=':
      return equality(node.op === '!=', programOf(node.args[0], locals), programOf(node.args[1], locals));
    case 'in':
      return membership(programOf(node.args[0], locals), programOf(node.args[1], locals), textOf(node));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return relation(node.op, programOf(node.args[0], locals), programOf(node.args[1], locals), textOf(node));
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmetic(node.op, programOf(node.args[0], locals), programOf(node.args[1], locals), textOf(node));
    case 'call':
      return call(node.args[0], node.args[1], textOf(node), locals);
    case 'rcall':
      return method(node.args[0], node.args[1], node.args[2], textOf(node), locals);
    case 'map':
      throw new Refused('A condition has no maps {…}');
    case '.?':
    case '[?]':
      throw new Refused(`A condition has no ${node.op}`);
  }
}

function literal(value: unknown): Program {
  if (typeof value === 'bigint' && !isInt64(value))
    throw new Refused(`The number ${value} is beyond the range of an int`);
  if (typeof value === 'string') return { run: () => value, shape: { kind: 'text', length: value.length }, steps: 1 };
  if (value === null || typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') {
    return { run: () => value, shape: SCALAR, steps: 1 };
  }
  throw new Refused('A condition has no bytes and no unsigned numbers');
}

function variable(name: string, locals: readonly Local[]): Program {
  const slot = locals.findIndex((local) => local.name === name);
  const local = locals[slot];
  if (local !== undefined) return { run: ({ locals: values }) => values[slot] as Value, shape: local.shape, steps: 1 };
  const shape = CONDITION_VARIABLES.get(name);
  if (shape === undefined) throw new Refused(`A condition knows cart and user, not ${name}`);
  return { run: name === 'cart' ? ({ cart }) => cart : ({ user }) => user, shape, steps: 1 };
}

function field({ run, shape, steps }: Program, name: string, text: string): Program {
  const missing = new Fault(`${text} is missing`, true);
  const known = shape.kind === 'object' ? shape.fields.get(name) : undefined;
  if (shape.kind === 'object' && known === undefined) throw new Refused(`There is no ${text}`);
  return {
    run: (scope) => {
      const owner = run(scope);
      if (owner instanceof Fault) return owner;
      const value = known === undefined ? keyed(owner, name) : known.read(owner as View);
      return value === undefined ? missing : value;
    },
    shape: known?.shape ?? shape,
    steps: steps + 1,
  };
}

function entry(of: Program, key: Program, text: string): Program {
  const missing = new Fault(`${text} is missing`, true);
  if (of.shape.kind === 'object') throw new Refused(`Write ${text} with a dot`);
  return {
    run: (scope) => {
      const owner = of.run(scope);
      if (owner instanceof Fault) return owner;
      const at = key.run(scope);
      if (at instanceof Fault) return at;
      const value = Array.isArray(owner) && isNumeric(at) ? (owner[Number(at)] as Value | undefined) : keyed(owner, at);
      return value === undefined ? missing : value;
    },
    shape: elementOf(of.shape),
    steps: of.steps + key.steps + 1,
  };
}

const keyed = (owner: Value, key: Value): Value | undefined => (owner instanceof Map ? owner.get(key) : undefined);
const isNumeric = (value: Value): boolean => typeof value === 'bigint' || typeof value === 'number';

function list(items: readonly Program[]): Program {
  const runs = items.map(({ run }) => run);
  return {
    run: (scope) => {
      const values: Value[] = [];
      for (const run of runs) {
        const value = run(scope);
        if (value instanceof Fault) return value;
        values.push(value);
      }
      return values;
    },
    shape: { kind: 'list', count: items.length, element: items.map(({ shape }) => shape).reduce(larger, SCALAR) },
    steps: 1 + total(items),
  };
}

function choice([ifNode, thenNode, elseNode]: readonly [ASTNode, ASTNode, ASTNode], locals: readonly Local[]): Program {
  const [condition, yes, no] = [programOf(ifNode, locals), programOf(thenNode, locals), programOf(elseNode, locals)];
  const text = textOf(ifNode);
  return {
    run: (scope) => {
      const value = condition.run(scope);
      if (typeof value === 'boolean') return value ? yes.run(scope) : no.run(scope);
      return notBoolean(value, text);
    },
    shape: larger(yes.shape, no.shape),
    steps: total([condition, yes, no]) + 1,
  };
}

/** `decides` is the value of one side that settles the whole: true for `||`, false for `&&`. */
function logical(decides: boolean, nodes: readonly [ASTNode, ASTNode], locals: readonly Local[]): Program {
  const [left, right] = [programOf(nodes[0], locals), programOf(nodes[1], locals)];
  const [leftText, rightText] = [textOf(nodes[0]), textOf(nodes[1])];
  return {
    run: (scope) => {
      const first = left.run(scope);
      if (first === decides) return decides;
      const second = right.run(scope);
      if (second === decides) return decides;
      if (typeof first !== 'boolean') return notBoolean(first, leftText);
      return typeof second === 'boolean' ? second : notBoolean(second, rightText);
    },
    shape: SCALAR,
    steps: total([left, right]) + 1,
  };
}

function not({ run, steps }: Program, text: string): Program {
  return {
    run: (scope) => {
      const value = run(scope);
      return typeof value === 'boolean' ? !value : notBoolean(value, text);
    },
    shape: SCALAR,
    steps: steps + 1,
  };
}

function negation({ run, steps }: Program, text: string): Program {
  return {
    run: (scope) => {
      const value = run(scope);
      if (value instanceof Fault) return value;
      const result = isNumeric(value) ? calculate('-', typeof value === 'bigint' ? 0n : 0, value) : undefined;
      return result ?? noRule(text, value);
    },
    shape: SCALAR,
    steps: steps + 1,
  };
}

/** An operator of two values. A fault of the left one goes first. */
function binary(
  left: Program,
  right: Program,
  text: string,
  steps: number,
  combine: (left: Value, right: Value) => Value | Fault | undefined,
): Program {
  return {
    run: (scope) => {
      const first = left.run(scope);
      if (first instanceof Fault) return first;
      const second = right.run(scope);
      if (second instanceof Fault) return second;
      return combine(first, second) ?? noRule(text, first, second);
    },
    shape: SCALAR,
    steps: left.steps + right.steps + steps,
  };
}

function equality(isNegated: boolean, left: Program, right: Program): Program {
  const characters = Math.min(lengthOf(left.shape), lengthOf(right.shape));
  const steps = 1 + Math.min(entriesIn(left.shape), entriesIn(right.shape)) + Math.floor(characters / EQUAL_PER_STEP);
  return binary(left, right, '', steps, (first, second) => isEqual(first, second) !== isNegated);
}

function membership(left: Program, right: Program, text: string): Program {
  return binary(left, right, text, 1 + entriesIn(left.shape) + entriesIn(right.shape), isIn);
}

function relation(op: Relation, left: Program, right: Program, text: string): Program {
  return binary(left, right, text, 1, (first, second) => compare(op, first, second));
}

function arithmetic(op: Arithmetic, left: Program, right: Program, text: string): Program {
  for (const { kind } of [left.shape, right.shape]) {
    if (kind !== 'scalar' && kind !== 'any') throw new Refused(`Operator ${op} takes numbers alone: ${text}`);
  }
  return binary(left, right, text, 1, (first, second) => calculate(op, first, second));
}

function call(name: string, args: readonly ASTNode[], text: string, locals: readonly Local[]): Program {
  const [arg] = args;
  if (arg === undefined || args.length > 1) throw new Refused(`A condition has no ${name}() like this: ${text}`);
  switch (name) {
    case 'has':
      return presence(arg, locals);
    case 'size':
      return conversion(programOf(arg, locals), text, sizeOf);
    case 'int':
      return conversion(programOf(arg, locals), text, toInt);
    case 'double':
      return conversion(programOf(arg, locals), text, toDouble);
    default:
      throw new Refused(`A condition has no function ${name}()`);
  }
}

function presence(node: ASTNode, locals: readonly Local[]): Program {
  if (node.op !== '.') throw new Refused('A field goes into has(), as in has(user.attributes.x)');
  const of = programOf(node.args[0], locals);
  const whole = field(of, node.args[1], textOf(node));
  return {
    run: (scope) => {
      const owner = of.run(scope);
      if (owner instanceof Fault) return owner;
      const value = whole.run(scope);
      return value instanceof Fault && !value.isMissing ? value : !(value instanceof Fault);
    },
    shape: SCALAR,
    steps: of.steps + whole.steps + 1,
  };
}

function conversion(of: Program, text: string, convert: (value: Value) => Value | Fault | undefined): Program {
  return {
    run: (scope) => {
      const value = of.run(scope);
      if (value instanceof Fault) return value;
      const result = convert(value);
      return result instanceof Fault ? new Fault(() => `${text}: ${result.reason}`) : (result ?? noRule(text, value));
    },
    shape: SCALAR,
    steps: of.steps + 1 + 2 * scanOf(of.shape),
  };
}

function method(
  name: string,
  receiver: ASTNode,
  args: readonly ASTNode[],
  text: string,
  locals: readonly Local[],
): Program {
  const of = programOf(receiver, locals);
  const [first, second] = args;
  switch (name) {
    case 'size':
      if (first === undefined) return conversion(of, text, sizeOf);
      break;
    case 'lowerAscii':
      if (first === undefined) return { ...conversion(of, text, lowerAscii), shape: of.shape };
      break;
    case 'startsWith':
    case 'endsWith':
    case 'contains':
      if (first !== undefined) return search(name, of, programOf(first, locals), text);
      break;
    case 'all':
    case 'exists':
    case 'exists_one':
    case 'filter':
    case 'map':
      if (first !== undefined && second !== undefined && args.length === 2) {
        return comprehension(name, of, first, second, textOf(receiver), locals);
      }
      break;
    default:
      throw new Refused(`A condition has no function ${name}()`);
  }
  throw new Refused(`The arguments of ${name}() are others: ${text}`);
}

function lowerAscii(value: Value): string | undefined {
  return typeof value === 'string' ? value.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()) : undefined;
}

function search(name: 'startsWith' | 'endsWith' | 'contains', of: Program, needle: Program, text: string): Program {
  const compared = Math.ceil(Math.min(lengthOf(needle.shape), NEEDLE_MAX) / NEEDLE_PER_STEP);
  const scanned = name === 'contains' ? scanOf(of.shape) * compared : 0;
  return binary(of, needle, text, 1 + scanned + scanOf(needle.shape), (value, part) => {
    if (typeof value !== 'string' || typeof part !== 'string') return undefined;
    if (name === 'contains') return value.includes(part);
    return name === 'startsWith' ? value.startsWith(part) : value.endsWith(part);
  });
}

type Comprehension = 'all' | 'exists' | 'exists_one' | 'filter' | 'map';

function comprehension(
  name: Comprehension,
  of: Program,
  variableNode: ASTNode,
  bodyNode: ASTNode,
  ofText: string,
  locals: readonly Local[],
): Program {
  const local = variableNode.op === 'id' ? variableNode.args : '';
  if (local === '') throw new Refused(`A name goes first, as in ${name}(line, …)`);
  if (CONDITION_VARIABLES.has(local) || locals.some((outer) => outer.name === local)) {
    throw new Refused(`The name ${local} has a meaning already; give the variable of ${name}() another`);
  }
  const element = elementOf(of.shape);
  const body = programOf(bodyNode, [...locals, { name: local, shape: element }]);
  const collect = collectors[name](textOf(bodyNode));
  const slot = locals.length;
  const each = (item: Value, scope: Scope): Value | Fault => {
    scope.locals[slot] = item;
    return body.run(scope);
  };
  return {
    run: (scope) => {
      const value = of.run(scope);
      if (value instanceof Fault) return value;
      const items = itemsOf(value);
      return items === undefined
        ? new Fault(() => `${ofText} is ${typeOf(value)}, not list`)
        : collect(items, each, scope);
    },
    shape: shapeAfter(name, of.shape, body.shape),
    steps: of.steps + 1 + countOf(of.shape) * (body.steps + 1),
  };
}

type Collect = (
  items: readonly Value[],
  each: (item: Value, scope: Scope) => Value | Fault,
  scope: Scope,
) => Value | Fault;

/** By name, made with the text of the body. */
const collectors: Readonly<Record<Comprehension, (text: string) => Collect>> = {
  all: (text) => untilOne(false, text),
  exists: (text) => untilOne(true, text),
  exists_one: (text) => (items, each, scope) => {
    let count = 0;
    for (const item of items) {
      const result = each(item, scope);
      if (typeof result !== 'boolean') return notBoolean(result, text);
      if (result) count++;
    }
    return count === 1;
  },
  filter: (text) => (items, each, scope) => {
    const kept: Value[] = [];
    for (const item of items) {
      const result = each(item, scope);
      if (typeof result !== 'boolean') return notBoolean(result, text);
      if (result) kept.push(item);
    }
    return kept;
  },
  map: () => (items, each, scope) => {
    const made: Value[] = [];
    for (const item of items) {
      const result = each(item, scope);
      if (result instanceof Fault) return result;
      made.push(result);
    }
    return made;
  },
};

function untilOne(decides: boolean, text: string): Collect {
  return (items, each, scope) => {
    let fault: Fault | null = null;
    for (const item of items) {
      const result = each(item, scope);
      if (result === decides) return decides;
      if (typeof result !== 'boolean') fault ??= notBoolean(result, text);
    }
    return fault ?? !decides;
  };
}

function shapeAfter(name: Comprehension, of: Shape, body: Shape): Shape {
  switch (name) {
    case 'all':
    case 'exists':
    case 'exists_one':
      return SCALAR;
    case 'filter':
      return { kind: 'list', count: countOf(of), element: elementOf(of) };
    case 'map':
      return { kind: 'list', count: countOf(of), element: body };
  }
}

/** A fault stays what it is. */
function notBoolean(value: Value | Fault, text: string): Fault {
  return value instanceof Fault ? value : new Fault(() => `${text} is ${typeOf(value)}, not bool`);
}

function noRule(text: string, ...values: readonly Value[]): Fault {
  return new Fault(() => `${text} has no meaning for ${values.map(typeOf).join(' and ')}`);
}

const total = (programs: readonly Program[]): number => programs.reduce((sum, { steps }) => sum + steps, 0);

/**
 * The model: cel-js evaluates the same text over the same data. Clipbook's own closures must agree
 * on whether it is true. What is no value to the one (an exception) is none to the other (a fault).
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { compileCondition } from '../../src/promotions/condition.js';
import type { ConditionCart, ConditionUser } from '../../src/promotions/condition-data.js';

class Line {}
class Cart {}
class User {}

it('a condition is met exactly when cel-js says true', () => {
  let judged = 0;
  let met = 0;
  fc.assert(
    fc.property(expression, anyCart, anyUser, (text, cart, user) => {
      const condition = compileCondition(text);
      // Some texts compare what has no order, or cost too much. The counts below see to the rest.
      if ('error' in condition) return;
      const expected = valueInModel(text, cart, user) === true;
      const judgement = condition.judge(cart, user);
      assert.equal(judgement.isMet, expected, JSON.stringify(judgement));
      judged++;
      if (expected) met++;
    }),
    { numRuns: 5_000 },
  );
  assert.ok(judged > 2_500 && met > 500 && met < judged - 500, `${judged} judged, ${met} met`);
});

it('any text is compiled or refused, and any JSON is judged, without an exception', () => {
  const anyText = fc.oneof(
    fc.string({ maxLength: 60, unit: 'binary' }),
    fc
      .array(
        fc.constantFrom(
          ...'()[]{}.,?:!&|<>=+-*/%"\'\\ 01lxu'.split(''),
          'cart',
          'user',
          'lines',
          'in',
          'has',
          '&&',
          '||',
        ),
        {
          maxLength: 40,
        },
      )
      .map((tokens) => tokens.join('')),
    expression,
  );
  fc.assert(
    fc.property(anyText, anyCart, fc.dictionary(fc.string(), fc.jsonValue()), (text, cart, attributes) => {
      const condition = compileCondition(text);
      if ('error' in condition) assert.notEqual(condition.error, '');
      else condition.judge(cart, { id: null, segments: [], attributes });
    }),
    { numRuns: 3_000 },
  );
});

const model = createModel();

function createModel(): Environment {
  const environment = new Environment()
    .registerType('Line', {
      ctor: Line,
      fields: { productId: 'string', categoryIds: 'list<string>', quantity: 'int', unitPrice: 'double' },
    })
    .registerType('Cart', {
      ctor: Cart,
      fields: { total: 'double', lines: 'list<Line>', shipping: 'double', currency: 'string' },
    })
    .registerType('User', {
      ctor: User,
      fields: { id: 'string', segments: 'list<string>', attributes: 'map<string, dyn>' },
    })
    .registerVariable('cart', 'Cart')
    .registerVariable('user', 'User')
    .registerOperator('int == double', (a, b) => Number(a) === Number(b));
  const doubles = {
    '+': (a: number, b: number) => a + b,
    '-': (a: number, b: number) => a - b,
    '*': (a: number, b: number) => a * b,
    '/': (a: number, b: number) => a / b,
  };
  for (const [op, of] of Object.entries(doubles)) {
    environment.registerOperator(`int ${op} double: double`, (a, b) => of(Number(a), Number(b)));
    environment.registerOperator(`double ${op} int: double`, (a, b) => of(Number(a), Number(b)));
  }
  return environment;
}

function valueInModel(text: string, cart: ConditionCart, user: ConditionUser): unknown {
  const sent = (of: object, fields: object) =>
    Object.assign(of, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)));
  const lines = cart.lines?.map((line) => sent(new Line(), { ...line, quantity: BigInt(line.quantity) })) ?? null;
  try {
    return model.evaluate(text, { cart: sent(new Cart(), { ...cart, lines }), user: sent(new User(), user) });
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    return undefined;
  }
}

const word = fc.constantFrom('a', 'b', 'ab', '');
const anyCart: fc.Arbitrary<ConditionCart> = fc.record({
  total: fc.constantFrom(0, 1, 1.5, 2, 100),
  lines: fc.option(
    fc.array(
      fc.record({
        productId: word,
        categoryIds: fc.array(word, { maxLength: 3 }),
        quantity: fc.integer({ min: 0, max: 3 }),
        unitPrice: fc.constantFrom(0, 1, 1.5, 2),
      }),
      { maxLength: 4 },
    ),
  ),
  shipping: fc.option(fc.constantFrom(0, 1.5)),
  currency: fc.option(fc.constantFrom('a', 'USD')),
});
const attribute = fc.oneof(
  word,
  fc.constantFrom(0, 1, 1.5),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.oneof(word, fc.constantFrom(1, 2)), { maxLength: 3 }),
  fc.dictionary(word, fc.constantFrom(1, 2), { maxKeys: 2 }),
);
const anyUser: fc.Arbitrary<ConditionUser> = fc.record({
  id: fc.option(word),
  segments: fc.option(fc.array(word, { maxLength: 3 })),
  attributes: fc.option(fc.record({ x: attribute, y: attribute, z: attribute }, { requiredKeys: [] })),
});

const { expression } = fc.letrec<
  Record<'expression' | 'bool' | 'int' | 'double' | 'text' | 'any' | 'texts' | 'line', string>
>((tie) => {
  const bin = (left: string, ops: string[], right: string) =>
    fc
      .tuple(tie(left as 'bool'), fc.constantFrom(...ops), tie(right as 'bool'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`);
  const relations = ['<', '<=', '>', '>=', '==', '!='];
  return {
    expression: fc.oneof(
      { weight: 3, arbitrary: tie('bool') },
      fc.array(tie('bool'), { minLength: 2, maxLength: 4 }).map((parts) => parts.join(' && ')),
    ),
    bool: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom(
        'true',
        'false',
        'user.attributes.x',
        'has(user.attributes.x)',
        'has(user.id)',
        'has(cart.lines)',
        'has(user.attributes.x.a)',
      ),
      bin('bool', ['&&', '||', '==', '!='], 'bool'),
      bin('int', relations, 'int'),
      bin('double', relations, 'double'),
      bin('int', relations, 'double'),
      bin('double', relations, 'int'),
      bin('text', relations, 'text'),
      bin('any', relations, 'any'),
      bin('any', relations, 'int'),
      bin('text', relations, 'any'),
      bin('text', ['in'], 'texts'),
      bin('text', ['in'], 'any'),
      bin('any', ['in'], 'texts'),
      bin('texts', ['==', '!='], 'texts'),
      tie('bool').map((a) => `!${a}`),
      fc.tuple(tie('bool'), tie('bool'), tie('bool')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc
        .tuple(tie('text'), fc.constantFrom('startsWith', 'endsWith', 'contains'), tie('text'))
        .map(([a, name, b]) => `${a}.${name}(${b})`),
      fc
        .tuple(fc.constantFrom('all', 'exists', 'exists_one'), tie('line'))
        .map(([name, body]) => `cart.lines.${name}(l, ${body})`),
      fc
        .tuple(tie('texts'), fc.constantFrom('all', 'exists', 'exists_one'), word)
        .map(([a, name, b]) => `${a}.${name}(t, t == "${b}" || user.attributes.y == t)`),
      fc
        .tuple(tie('any'), fc.constantFrom('all', 'exists', 'exists_one'))
        .map(([a, name]) => `${a}.${name}(t, t == 1)`),
    ),
    line: fc.oneof(
      tie('bool'),
      fc
        .tuple(
          fc.constantFrom('l.quantity', 'l.unitPrice', 'l.quantity * l.unitPrice'),
          fc.constantFrom(...relations),
          tie('double'),
        )
        .map((parts) => parts.join(' ')),
      fc.tuple(tie('text'), tie('bool')).map(([a, b]) => `${a} in l.categoryIds || ${b}`),
      tie('any').map((a) => `l.productId == ${a}`),
    ),
    int: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom('0', '1', '2', 'cart.lines[0].quantity', 'size(cart.lines)'),
      bin('int', ['+', '-', '*', '/', '%'], 'int'),
      tie('texts').map((a) => `${a}.size()`),
      tie('text').map((a) => `size(${a})`),
      tie('double').map((a) => `int(${a})`),
      tie('line').map((a) => `cart.lines.filter(l, ${a}).size()`),
      tie('int').map((a) => `-${a}`),
    ),
    double: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom('0.0', '1.5', '2.0', 'cart.total', 'cart.shipping', 'cart.lines[1].unitPrice'),
      bin('double', ['+', '-', '*', '/'], 'double'),
      bin('double', ['+', '-', '*', '/'], 'int'),
      bin('int', ['+', '-', '*', '/'], 'double'),
      tie('int').map((a) => `double(${a})`),
    ),
    text: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.constantFrom('"a"', '"ab"', "''", 'user.id', 'cart.currency', 'cart.lines[0].productId'),
      tie('texts').map((a) => `${a}[0]`),
      tie('text').map((a) => `${a}.lowerAscii()`),
    ),
    texts: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.constantFrom(
        'user.segments',
        '["a", "b"]',
        '["a"]',
        'cart.lines[0].categoryIds',
        'cart.lines.map(l, l.productId)',
      ),
      tie('texts').map((a) => `${a}.filter(t, t != "b")`),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `[${a}, ${b}]`),
    ),
    any: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.constantFrom(
        'user.attributes.x',
        'user.attributes.y',
        'user.attributes["z"]',
        'user.attributes.x.a',
        'user.attributes.y[0]',
        'null',
      ),
      tie('any').map((a) => `-${a}`),
      bin('any', ['+', '-', '*'], 'int'),
    ),
  };
});

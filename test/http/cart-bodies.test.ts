/**
 * The fast path for carts reads what the schema would have read, byte for byte, and takes the carts
 * that clients usually send. Bodies are generated field by field, right and wrong ones.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { z } from 'zod';
import { applyInput, validateInput } from '../../src/http/api/promotions/schemas.js';
import { parseJsonBody } from '../../src/http/exchange/json-body.js';
import { readApply, readValidate } from '../../src/http/fast/cart-bodies.js';
import type { FastReader } from '../../src/http/fast/fast-bodies.js';
import { seeded } from '../features/shard.js';

const READERS: readonly (readonly [string, FastReader<unknown>, z.ZodType])[] = [
  ['apply', readApply, applyInput],
  ['validate', readValidate, validateInput],
];

/** Undefined where the schema refuses it. */
function bySchema(schema: z.ZodType, text: string): unknown {
  const parsed = parseJsonBody(schema, text, 'application/json', false);
  return parsed.kind === 'value' ? parsed.value : undefined;
}

const TURNS = 4_000;
const TEXTS = [
  'a',
  'shirt',
  'x'.repeat(128),
  'x'.repeat(129),
  '',
  'Zoë',
  '👕'.repeat(65),
  '👕'.repeat(129),
  'a"b',
  'a\\b',
];
const ODD_TEXTS = ['tab\t', '\u0000', '\ud800', '\u007f', '\u0085', '\u2028', ' ', '__proto__'];
const CODES = [
  'SAVE10',
  'save-10',
  'A.b_c',
  'AB',
  'ABC',
  'X'.repeat(64),
  'X'.repeat(65),
  ' SAVE10 ',
  'SAVE 10',
  'ſave',
  '',
];
const NUMBERS = [0, -0, 1, 2, 19.99, 0.1, 1e15, 1.1e15, -1, 0.5, 1_000_000, 1_000_001, 86_400, 86_401, 5e-324];
const OTHERS = [null, true, false, {}, [], '1', [[]], { length: 1 }];
const NAMES = [
  ...['code', 'codes', 'campaignId', 'mode', 'reserve', 'reserveSeconds', 'cartTotal', 'productIds', 'lines'],
  ...['shipping', 'currency', 'userId', 'segments', 'attributes', 'cartId', 'more', '__proto__', 'constructor'],
];

function generator(seed: number) {
  const random = seeded(seed);
  const below = (count: number): number => random.uint32() % count;
  const pick = <Value>(list: readonly Value[]): Value => list[below(list.length)] as Value;
  const isOdd = (oneIn: number): boolean => below(oneIn) === 0;
  const text = (): unknown =>
    isOdd(40) ? pick<unknown>([...ODD_TEXTS, ...OTHERS]) : pick(TEXTS.slice(0, isOdd(9) ? 10 : 3));
  const number = (): unknown => (isOdd(40) ? pick<unknown>([...OTHERS, ...NUMBERS]) : pick(NUMBERS.slice(2, 6)));
  const whole = (): unknown => (isOdd(30) ? pick<unknown>([...OTHERS, ...NUMBERS]) : 1 + below(9));
  const code = (): unknown => (isOdd(9) ? pick<unknown>([...CODES, ...OTHERS]) : pick(CODES.slice(0, 3)));
  const list = (entry: () => unknown, max: number): unknown =>
    isOdd(60) ? pick(OTHERS) : Array.from({ length: isOdd(60) ? max + below(2) : below(4) }, entry);
  const line = (): unknown => {
    const made: Record<string, unknown> = { productId: text(), quantity: whole(), unitPrice: number() };
    if (isOdd(3)) made['categoryIds'] = list(text, 20);
    if (isOdd(60)) delete made[pick(Object.keys(made))];
    if (isOdd(60)) made[pick(['more', 'constructor'])] = 1;
    return isOdd(90) ? pick(OTHERS) : made;
  };
  const valueFor = (name: string): unknown => {
    if (isOdd(60)) return pick(OTHERS);
    switch (name) {
      case 'code':
        return code();
      case 'codes':
        return list(code, 30);
      case 'campaignId':
        return '01A1FB62-1776-776A-92C9-AF2D6BDC1F50';
      case 'mode':
        return pick(['all', 'best', 'all', 'best', 'none']);
      case 'reserve':
        return !isOdd(4);
      case 'reserveSeconds':
        return whole();
      case 'cartTotal':
      case 'shipping':
        return number();
      case 'productIds':
        return list(text, 500);
      case 'segments':
        return list(text, 100);
      case 'lines':
        return list(line, 500);
      case 'currency':
        return pick(['USD', 'jpy', 'EURO', 'U1D']);
      case 'attributes':
        return { age: 7 };
      default:
        return text();
    }
  };
  const body = (isApply: boolean): unknown => {
    const names = [isApply && isOdd(3) ? 'codes' : 'code', isOdd(4) ? 'cartTotal' : 'lines'];
    if (isApply) for (const name of ['mode', 'reserve']) if (isOdd(3)) names.push(name);
    if (names.includes('reserve') && isOdd(2)) names.push('reserveSeconds');
    for (const name of ['shipping', 'userId', 'cartId']) if (isOdd(2)) names.push(name);
    for (const name of ['currency', 'segments']) if (isOdd(6)) names.push(name);
    if (names.includes('cartTotal') && isOdd(2)) names.push('productIds');
    if (isOdd(12)) names.push(pick(NAMES));
    if (isOdd(12)) names.splice(below(names.length), 1);
    const fields = names.map((name) => [name, valueFor(name)] as const);
    // Not in one order, and with fields that come twice.
    const order = fields.map((field) => [random.uint32(), field] as const).sort(([a], [b]) => a - b);
    return `{${order.map(([, [name, value]]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join()}}`;
  };
  return { body };
}

/** JSON.stringify makes 0 of -0. */
const jsonOf = (value: unknown): string => (Object.is(value, -0) ? '-0' : JSON.stringify(value));

describe('carts of the fast path', () => {
  for (const [name, read, schema] of READERS) {
    test(`${name}: generated bodies are read as the schema reads them, or left to it`, () => {
      const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
      const { body } = generator(seed);
      let taken = 0;
      let valid = 0;
      for (let turn = 0; turn < TURNS; turn++) {
        const text = String(body(name === 'apply'));
        const expected = bySchema(schema, text);
        const value = read(text);
        if (expected !== undefined) valid++;
        if (value === null) continue;
        taken++;
        assert.deepEqual(value, expected, `SEED=${seed}: ${text}`);
        assert.equal(JSON.stringify(value), JSON.stringify(expected), `SEED=${seed}: ${text}`);
      }
      assert.ok(valid > 0.25 * TURNS && valid < 0.95 * TURNS, `SEED=${seed}: ${valid} of ${TURNS} are right`);
      assert.ok(taken > 0.8 * valid, `SEED=${seed}: ${taken} of ${valid} right ones are taken`);
    });

    test(`${name}: the shapes that clients send are all taken`, () => {
      const line = { productId: 'shirt', quantity: 2, unitPrice: 19.99 };
      const carts = [
        { lines: [line] },
        { lines: [line, { ...line, categoryIds: ['tops', 'summer'] }], shipping: 4.5, userId: 'user-00000001' },
        { lines: [], shipping: null, currency: 'eur', segments: ['new'], cartId: 'cart 7' },
        { cartTotal: 59.97 },
        { cartTotal: 1000, productIds: ['shirt', 'Größe 7'], userId: 'Zoë' },
      ];
      const asked = [{ code: 'SAVE10' }, { code: 'save10' }, { codes: [] }, { codes: ['A-1', 'b_2'], mode: 'best' }];
      const held = [{}, { reserve: false }, { reserve: true }, { reserve: true, reserveSeconds: 900 }];
      for (const cart of carts)
        for (const named of name === 'apply' ? asked : asked.slice(0, 2))
          for (const hold of name === 'apply' ? held : [{}])
            for (const body of [
              { ...named, ...cart, ...hold },
              { ...hold, ...cart, ...named },
            ])
              for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2)]) {
                const value = read(text);
                assert.notEqual(value, null, text);
                assert.equal(JSON.stringify(value), JSON.stringify(bySchema(schema, text)), text);
              }
    });
  }

  test('what is not JSON is left to the schema', () => {
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '7',
      '"a"',
      '{"code":"SAVE10","cartTotal":1}}',
      '\ufeff{"code":"SAVE10"}',
    ])
      for (const [, read] of READERS) assert.equal(read(text), null, text);
  });
});

/**
 * The fast path for bodies reads what the schema would have read, and it takes the bodies that
 * nearly all clients send.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { z } from 'zod';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { parseJsonBody } from '../../src/http/exchange/json-body.js';
import { readApply, readValidate } from '../../src/http/fast/cart-bodies.js';
import { type FastReader, readBookAndUser, readOrder, readUser } from '../../src/http/fast/fast-bodies.js';

const BOOK = '01a1fb62-1776-776a-92c9-af2d6bdc1f50';
const BODIES = new Map<FastReader<unknown>, object>([
  [readUser, { userId: 'ann' }],
  [readBookAndUser, { couponBookId: BOOK, userId: 'ann' }],
  [readOrder, { productId: 'iphone-15', userId: 'ann' }],
  [readApply, { code: 'SAVE10', cartTotal: 5, userId: 'ann', reserve: true }],
  [readValidate, { code: 'SAVE10', lines: [{ productId: 'a', quantity: 1, unitPrice: 2 }], userId: 'ann' }],
]);

/** Each with the schemas of all routes that use it. */
const readers = [...BODIES].map(([read, body]) => ({
  read,
  body,
  schemas: ROUTES.flatMap((route) => (route.fastBody === read && route.body !== null ? [route.body] : [])),
}));

/** Null where the schema refuses it. */
function bySchema(schema: z.ZodType, text: string): unknown {
  const parsed = parseJsonBody(schema, text, 'application/json', false);
  return parsed.kind === 'value' ? parsed.value : null;
}

/** Whatever is read is what every schema that uses the reader says. True when it was read. */
function check(text: string, { read, schemas }: (typeof readers)[number]): boolean {
  const value = read(text);
  if (value === null) return false;
  for (const schema of schemas) assert.deepEqual(value, bySchema(schema, text), text);
  return true;
}

/** As JSON.stringify, Python's json.dumps and hand-written templates have it. */
const spellings = (body: object): string[] => {
  const compact = JSON.stringify(body);
  const spaced = compact.replaceAll('":"', '": "').replaceAll('","', '", "');
  return [compact, spaced, `{ ${spaced.slice(1, -1)} }`];
};

describe('bodies of the fast path', () => {
  test('are those of routes', () => {
    for (const { fastBody } of ROUTES) assert.ok(fastBody === null || BODIES.has(fastBody));
    assert.deepEqual(
      readers.map(({ schemas }) => schemas.length),
      // The older paths are the same routes again.
      [8, 2, 2, 1, 1],
    );
  });

  test('are read without the schema, as the schema reads them', () => {
    for (const reader of readers) {
      for (const userId of [
        'ann',
        'a',
        'u'.repeat(128),
        'ann@example.org',
        "it's",
        'a b',
        '[]{}~!,:',
        'user-a01-00000001',
      ]) {
        for (const text of spellings({ ...reader.body, userId })) assert.ok(check(text, reader), text);
      }
    }
  });

  test('are left to the schema in all other cases', () => {
    const others = [
      '',
      '{}',
      'null',
      '[]',
      '{"userId":""}',
      `{"userId":"${'u'.repeat(129)}"}`,
      '{"userId":"a\\u0041"}',
      '{"userId":"a\\"b"}',
      '{"userId":"Zoë"}',
      '{"userId":"tab\there"}',
      '{"userId":"del\u007f"}',
      '{"userId":7}',
      '{"userId":"a"}}',
      '{"userId":"a"} x',
      '\ufeff{"userId":"a"}',
      '{"userId":"a"}\n{"userId":"b"}',
      '{"userId":"a","userId":"b"}',
      '{"userId":"a","lockId":1}',
      '{"userId":"a","more":1}',
      `{"couponBookId":"${BOOK}"}`,
      `{"couponBookId":"${BOOK.toUpperCase()}","userId":"a"}`,
      `{"couponBookId":"${BOOK.replace('-776a', '-076a')}","userId":"a"}`,
      `{"couponBookId":"${BOOK}","userId":"a","x":"y"}`,
      `{"userId":"a","couponBookId":"${BOOK}"}`,
      '{"couponBookId":"00000000-0000-0000-0000-000000000000","userId":"a"}',
    ];
    for (const reader of readers) for (const text of others) assert.equal(check(text, reader), false, text);
  });

  test('changed anywhere are read as the schema does, or not at all', () => {
    const characters = ['"', '\\', '{', '}', ':', ',', ' ', '\n', 'a', 'G', '0', '9', '-', '\u0000', 'é', '\u2028', ''];
    let read = 0;
    for (const reader of readers) {
      for (const text of spellings(reader.body)) {
        for (let at = 0; at <= text.length; at++) {
          for (const character of characters) {
            for (const rest of [at, at + 1])
              if (check(text.slice(0, at) + character + text.slice(rest), reader)) read++;
          }
        }
      }
    }
    assert.ok(read > 300, `${read} were read`);
  });
});

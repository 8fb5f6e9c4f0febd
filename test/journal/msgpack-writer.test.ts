import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { MsgpackWriter } from '../../src/journal/msgpack-writer.js';

const msgpack = new Packr({ useRecords: false, moreTypes: false });
const writer = new MsgpackWriter();

function write(values: readonly (string | number | boolean | null)[]): Buffer {
  writer.begin(2);
  for (const value of values) {
    if (typeof value === 'string') writer.textOrNull(value);
    else if (typeof value === 'number') writer.numberOrNull(value);
    else if (typeof value === 'boolean') writer.boolean(value);
    else writer.null();
  }
  return writer.end();
}

const texts = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ minLength: 200, maxLength: 600 }));
const numbers = fc.oneof(
  fc.integer({ min: -40, max: 300 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  fc.constantFrom(-0, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -32, -33),
);

test('msgpackr reads what was written', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(texts, numbers, fc.boolean(), fc.constant(null))), (values) => {
      assert.deepStrictEqual(msgpack.unpack(write(values).subarray(2)), values);
    }),
    { numRuns: 1000 },
  );
});

test('an array outgrows its buffer, and a small one after it is right again', () => {
  const many = Array.from(
    { length: 100_000 },
    (_, i) => `text number ${i}, which is as long as a text may be in one byte`,
  );
  assert.deepStrictEqual(msgpack.unpack(write(many).subarray(2)), many);
  assert.deepStrictEqual(msgpack.unpack(write(['a', 1]).subarray(2)), ['a', 1]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../src/domain/canonical.js';

test('canonical JSON has the keys of every object in order', () => {
  assert.equal(
    canonicalJson({ b: [{ y: 1, x: null }, 'a"b\n'], a: { 10: true, 9: -0.5 }, none: undefined, '"': [undefined] }),
    '{"\\"":[null],"a":{"10":true,"9":-0.5},"b":[{"x":null,"y":1},"a\\"b\\n"]}',
  );
});

test('canonical JSON is JSON of the same value, whatever the order of its keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalJson(turned(value)), text);
    }),
  );
});

function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([key, field]) => [key, turned(field)] as const);
  return Object.fromEntries(fields.reverse());
}

/** A fingerprint is stored with its idempotency key, so it must stay what it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHasher, fingerprintOf } from '../../src/http/exchange/fingerprint.js';

/** JSON with sorted keys, as text. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join()}}`;
}

function expected(routeId: string, params: readonly string[], body: unknown): number {
  const hasher = createHasher();
  hasher.text([routeId, ...params, canonical(body)].join('\0'));
  return hasher.digest();
}

test('a fingerprint is the hash of route, parameters and canonical JSON', () => {
  const line = { unitPrice: 19.99, productId: 'shirt', quantity: 2, categoryIds: [] };
  const body = { code: 'SAVE10', userId: undefined, lines: [line], mode: 'all' };
  assert.equal(fingerprintOf('applyCoupons', [], body), 6_755_993_672_379_658);
  fc.assert(
    fc.property(
      fc.string(),
      fc.array(fc.string(), { maxLength: 2 }),
      fc.jsonValue({ maxDepth: 4 }),
      (id, params, value) => assert.equal(fingerprintOf(id, params, value), expected(id, params, value)),
    ),
    { numRuns: 2_000 },
  );
  for (const odd of [undefined, {}, [], [[]], { a: {} }, { a: undefined }, { b: 'ü', a: '"\\' }, null, '', -0])
    assert.equal(fingerprintOf('id', [], odd), expected('id', [], odd));
});

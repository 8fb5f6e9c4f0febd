/**
 * The fast path for codes takes those that the schema leaves unchanged, and only those.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { code } from '../../src/http/api/schemas.js';
import { isCanonicalCode } from '../../src/http/fast/canonical-code.js';

describe('canonical codes', () => {
  test('are the fast path of every route with a code in its path, and of no other', () => {
    for (const { paramNames, fastParams } of ROUTES) {
      assert.deepEqual(
        fastParams.map((isFast) => isFast === isCanonicalCode),
        paramNames.map((name) => name === 'code'),
      );
    }
  });

  test('need no schema', () => {
    for (const text of ['ABC', 'A01-0000000', 'Z'.repeat(64), 'SUMMER_26.X', '0-9', '...'])
      assert.ok(isCanonicalCode(text), text);
  });

  test('are left unchanged by the schema', () => {
    const character = fc.constantFrom(...'ABYZ019-_.azm%/ \u0000"ÄſK', '@', '[', '`', '{', ':', ',', '^');
    const text = fc.oneof(fc.string({ unit: character, maxLength: 70 }), fc.string({ maxLength: 70 }));
    fc.assert(
      fc.property(text, (raw) => {
        if (isCanonicalCode(raw)) assert.equal(code.parse(raw), raw);
      }),
      { numRuns: 5000 },
    );
    for (let unit = 0; unit < 0x300; unit++) {
      const raw = `AB${String.fromCharCode(unit)}`;
      const isSame = code.safeParse(raw).data === raw;
      assert.equal(isCanonicalCode(raw), isSame, JSON.stringify(raw));
    }
  });

  test('have the lengths that the schema takes', () => {
    for (const length of [0, 1, 2, 3, 4, 63, 64, 65, 128]) {
      const raw = 'A'.repeat(length);
      assert.equal(isCanonicalCode(raw), code.safeParse(raw).success, `${length}`);
    }
  });
});

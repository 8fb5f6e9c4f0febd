import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { explainInvalidCode, normalizeBytes, normalizeCode } from '../../src/codes/normalize.js';

describe('a code', () => {
  const table: [text: string, code: string | null, reason: RegExp | null][] = [
    ['abc', 'ABC', null],
    ['  a-1_b.c\r\n', 'A-1_B.C', null],
    ['\u00a0abc\ufeff', 'ABC', null],
    ['...', '...', null],
    ['a'.repeat(64), 'A'.repeat(64), null],
    ['a'.repeat(65), null, /65 characters, and needs at most 64/],
    ['ab', null, /2 characters, and needs at least 3/],
    ['', null, /empty/],
    ['   ', null, /empty/],
    ['a b', null, /" " is not one of/],
    ['abc\u0000', null, /is not one of/],
    ['ıſK', null, /"ı" is not one of/],
    ['ＡＢＣ', null, /is not one of/],
    ['abc😀', null, /"😀" is not one of/],
    ['a\tb\\N', null, /"\\t" is not one of/],
  ];
  for (const [text, code, reason] of table) {
    it(`${JSON.stringify(text.slice(0, 20))} of ${text.length} is ${code === null ? 'none' : 'normalized'}`, () => {
      assert.equal(normalizeCode(text), code);
      if (reason !== null) assert.match(explainInvalidCode(text), reason);
    });
  }

  it('is the same from bytes as from text', () => {
    const unit = fc.constantFrom(...'aZ09-_.', ' ', '\t', '\r', '\n', '!', 'ı', '\u00a0', '\0');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 70 }), (text) => {
        const bytes = Buffer.from(`<<${text}>>`);
        const target = new Uint8Array(80);
        const length = normalizeBytes(bytes, 2, bytes.length - 2, target, 5);
        const fromBytes = Buffer.from(target.subarray(5, 5 + length)).toString();
        if (length === 0 && /[^\0-\x7f]/.test(text)) return;
        assert.equal(length === 0 ? null : fromBytes, normalizeCode(text));
      }),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchRows, codeLines, createRowOrder, RUN_ROWS_MAX } from '../../src/codes/copy-rows.js';
import { createCodeGenerator } from '../../src/codes/generate.js';
import { DEFAULT_PATTERN_TEXT, type Pattern, parsePattern } from '../../src/codes/pattern.js';

const KEY = new Uint8Array(32).fill(3);

describe('generated codes for COPY', () => {
  it('are a code a line', () => {
    const { bytes, codes, pattern } = sample(DEFAULT_PATTERN_TEXT, 5000);
    assert.equal(textOf(codeLines(bytes, pattern.length)), codes.map((code) => `${code}\n`).join(''));
    assert.equal(codeLines(new Uint8Array(0), pattern.length).length, 0);
  });

  it('are rows with their batch and an ordinal, in the order asked for', () => {
    const { bytes, codes, pattern } = sample('A-{NUMERIC:12}', 3);
    const rows = batchRows(bytes, pattern.length, Uint32Array.of(2, 0, 1), 17, 9999);
    assert.equal(textOf(rows), `${codes[2]}\t17\t9999\n${codes[0]}\t17\t10000\n${codes[1]}\t17\t10001\n`);
  });

  // Literals in front, a check character in front, letters before digits in an alphabet though not
  // in ASCII, few characters in all.
  for (const text of [DEFAULT_PATTERN_TEXT, 'SALE-{CHECK}{RANDOM:14}', '######-{UUID}', '{ALPHA:40}', '#'.repeat(3)]) {
    it(`of ${text} are ordered as PostgreSQL orders them, as far as the first characters tell`, () => {
      const { bytes, codes, pattern } = sample(text, 20_000);
      const order = createRowOrder(pattern)(bytes);
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        codes.map((_, row) => row),
      );
      const { alphabet } = pattern.positions[0] as Pattern['positions'][number];
      const perPlace = Math.floor(35 / Math.log2(alphabet.length));
      const offsets = pattern.positions.slice(0, perPlace).map(({ offset }) => offset);
      const prefixes = Array.from(order, (row) => offsets.map((offset) => codes[row]?.charAt(offset)).join(''));
      assert.deepEqual(prefixes, [...prefixes].sort());
    });
  }

  it('are sorted in steps, with the same result', () => {
    const { bytes, pattern } = sample(DEFAULT_PATTERN_TEXT, 20_000);
    let steps = 0;
    const order = createRowOrder(pattern)(bytes, () => void steps++);
    assert.ok(steps > 32, `gave way ${steps} times`);
    assert.deepEqual(order, createRowOrder(pattern)(bytes));
    assert.deepEqual(
      batchRows(bytes, pattern.length, order, 1, 0, () => void steps++),
      batchRows(bytes, pattern.length, order, 1, 0),
    );
  });

  it('are ordered in runs of a bounded length', () => {
    const { pattern } = sample(DEFAULT_PATTERN_TEXT, 0);
    assert.throws(() => createRowOrder(pattern)(new Uint8Array((RUN_ROWS_MAX + 1) * pattern.length)), /too many/);
  });
});

function sample(text: string, count: number): { pattern: Pattern; bytes: Uint8Array; codes: string[] } {
  const pattern = parsePattern(text);
  if (pattern.kind === 'patternError') throw new Error(pattern.message);
  const bytes = createCodeGenerator(KEY, pattern).generate(0, count);
  const all = textOf(bytes);
  const codes = Array.from({ length: count }, (_, i) => all.slice(i * pattern.length, (i + 1) * pattern.length));
  return { pattern, bytes, codes };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

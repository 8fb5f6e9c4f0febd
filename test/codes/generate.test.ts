import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCodeGenerator, guessOdds } from '../../src/codes/generate.js';
import { DEFAULT_PATTERN_TEXT, type Pattern, parsePattern, verifyCheck } from '../../src/codes/pattern.js';

const KEY = new Uint8Array(32).fill(3);

describe('generated codes', () => {
  for (const text of [DEFAULT_PATTERN_TEXT, '#####-{ALPHA:3}{NUMERIC:4}{CHECK}', '{UUID}', '{RANDOM:24}']) {
    it(`of ${text} are all different, of the pattern's shape, and every place is uniform and independent of the next`, () => {
      const pattern = parsed(text);
      const count = 200_000;
      const codes = generate(pattern, 0, count);
      assert.equal(new Set(codes).size, count);
      for (let i = 0; i < count; i += 97) assert.ok(verifyCheck(pattern, codes[i] as string), codes[i]);
      pattern.positions.forEach((position, i) => {
        assertUniform(
          codes.map((code) => position.alphabet.indexOf(code.charAt(position.offset))),
          position.alphabet.length,
        );
        const next = pattern.positions[i + 1];
        if (next === undefined) return;
        assertUniform(
          codes.map(
            (code) =>
              position.alphabet.indexOf(code.charAt(position.offset)) * next.alphabet.length +
              next.alphabet.indexOf(code.charAt(next.offset)),
          ),
          position.alphabet.length * next.alphabet.length,
        );
      });
      if (pattern.check !== null) {
        const { offset, system } = pattern.check;
        assertUniform(
          codes.map((code) => system.symbols.indexOf(code.charAt(offset))),
          system.symbols.length,
        );
      }
    });
  }

  it('of a small keyspace are the whole keyspace, once each', () => {
    const codes = generate(parsed('X{NUMERIC:3}-A'), 0, 1000);
    const all = Array.from({ length: 1000 }, (_, i) => `X${String(i).padStart(3, '0')}-A`);
    assert.notDeepEqual(codes, all);
    assert.deepEqual(codes.sort(), all);
  });

  it('contain no look-alike characters in {RANDOM:n}', () => {
    for (const code of generate(parsed(DEFAULT_PATTERN_TEXT), 0, 5000)) assert.match(code, /^[A-HJ-NP-Z2-9-]{19}$/);
  });

  it('are version 4 UUIDs for {UUID}', () => {
    for (const code of generate(parsed('{UUID}'), 0, 1000)) {
      assert.match(code, /^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
    }
  });
});

describe('reserved words', () => {
  const KEYS = Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i + 1));

  it('are never made, and every other code of the keyspace is, once', () => {
    // Nearly all that the pattern could make is reserved, so they come up early, late, and among
    // those kept back.
    for (const reserved of [['X0-A'], ['X3-A', 'X9-A'], ['X0-A', 'X1-A', 'X2-A', 'X3-A', 'X4-A', 'X5-A', 'X6-A']]) {
      const pattern = parsePattern('X{NUMERIC:1}-A', [...reserved, 'LOCK']);
      if (pattern.kind === 'patternError') throw new Error(pattern.message);
      const all = Array.from({ length: 10 }, (_, i) => `X${i}-A`).filter((code) => !reserved.includes(code));
      for (const key of KEYS) {
        const generator = createCodeGenerator(key, pattern);
        assert.equal(generator.counters, all.length);
        assert.equal(generator.counters, Number(pattern.keyspace));
        assert.deepEqual(generate(pattern, 0, all.length, key).sort(), all);
        assert.throws(() => generator.generate(0, all.length + 1), /not within/);
      }
    }
  });

  it('are replaced by the same codes, however a range is split', () => {
    const reserved = Array.from({ length: 300 }, (_, i) => `${String(i * 31).padStart(4, '0')}`);
    const pattern = parsePattern('{NUMERIC:4}', reserved);
    if (pattern.kind === 'patternError') throw new Error(pattern.message);
    const whole = generate(pattern, 0, 9700);
    const cut = [0, 1, 2048, 2049, 5000, 9699, 9700];
    const pieces = cut.slice(1).flatMap((to, i) => generate(pattern, cut[i] ?? 0, to));
    assert.deepEqual(pieces, whole);
    assert.equal(new Set(whole).size, 9700);
    assert.deepEqual(
      whole.filter((code) => reserved.includes(code)),
      [],
    );
  });

  it('leave the codes of all other counters as they are', () => {
    const pattern = parsePattern('{NUMERIC:4}', ['1234']);
    if (pattern.kind === 'patternError') throw new Error(pattern.message);
    const [plain, avoiding] = [generate(parsed('{NUMERIC:4}'), 0, 9999), generate(pattern, 0, 9999)];
    const changed = plain.filter((code, i) => code !== avoiding[i]);
    assert.deepEqual(changed, plain.includes('1234') ? ['1234'] : []);
  });
});

describe('the odds of a guess', () => {
  it('are what the arithmetic says', () => {
    const odds = guessOdds(parsed(DEFAULT_PATTERN_TEXT), 100_000_000);
    assert.equal(odds.oneIn, 2 ** 80 / 1e8);
    assert.ok(Math.abs(odds.yearsToFirstHit - 3831) < 1);
    assert.match(odds.text, /about 3,831 years/);
    assert.equal(odds.warning, null);
  });

  it('come with a warning below 80 bits', () => {
    const odds = guessOdds(parsed('SALE-{NUMERIC:6}'), 1000);
    assert.equal(odds.oneIn, 1000);
    assert.match(odds.warning ?? '', /19\.9 random bits/);
    assert.match(odds.text, /1 guess in 1,000 .*less than a second/);
  });

  it('are zero without live codes, and certain if all codes are live', () => {
    assert.equal(guessOdds(parsed('####'), 0).oneIn, Number.POSITIVE_INFINITY);
    assert.equal(guessOdds(parsed('SALE'), 1).oneIn, 1);
  });
});

/**
 * Chi-squared, six standard deviations above its mean: the key is fixed, so this never fails by
 * chance.
 */
function assertUniform(values: readonly number[], cells: number): void {
  const counts = new Array<number>(cells).fill(0);
  for (const value of values) counts[value] = (counts[value] ?? Number.NaN) + 1;
  const expected = values.length / cells;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = cells - 1;
  const bound = freedom + 6 * Math.sqrt(2 * freedom);
  assert.ok(statistic < bound, `chi-squared is ${statistic} of at most ${bound} for ${freedom} degrees of freedom`);
}

function generate(pattern: Pattern, from: number, to: number, key = KEY): string[] {
  const text = Buffer.from(createCodeGenerator(key, pattern).generate(from, to)).toString('latin1');
  return Array.from({ length: to - from }, (_, i) => text.slice(i * pattern.length, (i + 1) * pattern.length));
}

function parsed(text: string): Pattern {
  const result = parsePattern(text);
  if (result.kind === 'patternError') throw new Error(result.message);
  return result;
}

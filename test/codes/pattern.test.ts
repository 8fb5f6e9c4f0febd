import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createCodeGenerator } from '../../src/codes/generate.js';
import {
  checkCharacter,
  DEFAULT_PATTERN_TEXT,
  type Pattern,
  parsePattern,
  verifyCheck,
} from '../../src/codes/pattern.js';

describe('a pattern', () => {
  it('has 80 bits when none is given', () => {
    const pattern = parsed(DEFAULT_PATTERN_TEXT);
    assert.equal(pattern.keyspace, 2n ** 80n);
    assert.equal(pattern.keyspaceBits, 80);
    assert.equal(pattern.length, 19);
  });

  const readable: [text: string, canonical: string, length: number, keyspace: bigint][] = [
    ['SALE', 'SALE', 4, 1n],
    ['sale-##', 'SALE-##', 7, 36n ** 2n],
    ['{RANDOM:2}{random:3}', '{RANDOM:5}', 5, 32n ** 5n],
    ['{ALPHA:2}.{NUMERIC:1}', '{ALPHA:2}.{NUMERIC:1}', 4, 26n ** 2n * 10n],
    ['{UUID}', '{UUID}', 36, 2n ** 122n],
    ['{NUMERIC:2}{CHECK}', '{NUMERIC:2}{CHECK}', 3, 100n],
    ['{RANDOM:64}', '{RANDOM:64}', 64, 2n ** 320n],
  ];
  for (const [text, canonical, length, keyspace] of readable) {
    it(`${text} makes ${length} characters in ${keyspace} ways`, () => {
      const pattern = parsed(text);
      assert.equal(pattern.canonical, canonical);
      assert.equal(pattern.length, length);
      assert.equal(pattern.keyspace, keyspace);
      assert.deepEqual(parsed(canonical), pattern);
    });
  }

  const refused: [text: string, reason: RegExp][] = [
    ['', /empty/],
    ['#'.repeat(513), /longer than 512/],
    ['AB C', /Character 3 .*" "/],
    ['ÄBC', /Character 1/],
    ['AB}C', /Character 3/],
    ['ABC{RANDOM:4', /brace at character 4 .*never closed/],
    ['{RANDOM}', /count from 1 to 64/],
    ['{RANDOM:0}', /count from 1 to 64/],
    ['{RANDOM:65}', /count from 1 to 64/],
    ['{ALPHA:-1}', /count from 1 to 64/],
    ['{ALPHA:1e1}', /count from 1 to 64/],
    ['{NUMERIC:4:4}', /count from 1 to 64/],
    ['{HEX:4}', /\{HEX:4\} is not known/],
    ['AB-{FOO}', /^At character 4, \{FOO\} is not known in a pattern; known are \{RANDOM:n\}/],
    ['AB-{ALPHA}', /^At character 4, \{ALPHA\} needs a count/],
    ['{UUID:4}', /not known/],
    ['{__proto__:4}', /not known/],
    ['##', /2 characters; a code has 3 to 64/],
    ['{UUID}-{UUID}', /73 characters/],
    ['{CHECK}##{CHECK}', /only once/],
    ['ABC{CHECK}', /something random/],
  ];
  for (const [text, reason] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))} and says why`, () => {
      const result = parsePattern(text);
      assert.equal(result.kind, 'patternError');
      if (result.kind === 'patternError') assert.match(result.message, reason);
    });
  }
});

describe('reserved words', () => {
  const WORDS = ['LOCK', 'CODE', 'RANDOM-CODES', 'UNLOCK', 'A12'];

  const avoiding: [text: string, avoided: string[], keyspace: bigint][] = [
    ['{ALPHA:4}', ['CODE', 'LOCK'], 26n ** 4n - 2n],
    ['{RANDOM:4}', [], 32n ** 4n],
    ['lo{ALPHA:2}', ['LOCK'], 26n ** 2n - 1n],
    ['{ALPHA:6}-{ALPHA:5}', ['RANDOM-CODES'], 26n ** 11n - 1n],
    ['{ALPHA:1}{NUMERIC:2}', ['A12'], 2600n - 1n],
    [DEFAULT_PATTERN_TEXT, [], 2n ** 80n],
  ];
  for (const [text, avoided, keyspace] of avoiding) {
    it(`that ${text} could make, ${avoided.join(', ') || 'none'}, take from its keyspace`, () => {
      const pattern = parsePattern(text, WORDS);
      if (pattern.kind === 'patternError') throw new Error(pattern.message);
      assert.deepEqual(pattern.avoided, avoided);
      assert.equal(pattern.keyspace, keyspace);
      assert.ok(Math.abs(pattern.keyspaceBits - Math.log2(Number(keyspace))) < 1e-9);
      assert.equal(pattern.canonical, parsed(text).canonical);
    });
  }

  it('that are all that a pattern makes refuse it', () => {
    const result = parsePattern('lock', WORDS);
    assert.equal(result.kind, 'patternError');
    assert.match(result.kind === 'patternError' ? result.message : '', /makes LOCK only/);
  });
});

describe('{CHECK}', () => {
  const systems: [text: string, order: number][] = [
    ['{NUMERIC:9}{CHECK}', 10],
    ['{RANDOM:4}-{RANDOM:4}-{CHECK}', 32],
    ['AB-{ALPHA:3}{CHECK}{NUMERIC:3}.X', 36],
    ['{CHECK}########', 36],
    ['{UUID}{CHECK}', 36],
  ];
  for (const [text, order] of systems) {
    it(`of ${text} has ${order} symbols and catches every typo and every swap of neighbours`, () => {
      const pattern = parsed(text);
      assert.equal(pattern.check?.system.symbols.length, order);
      for (const code of sampleCodes(pattern, 40)) {
        assert.ok(verifyCheck(pattern, code), code);
        for (const wrong of typos(code)) assert.ok(!verifyCheck(pattern, wrong), `${code} → ${wrong}`);
        for (const wrong of swaps(code, (i) => i + 1)) assert.ok(!verifyCheck(pattern, wrong), `${code} → ${wrong}`);
      }
    });
  }

  it('also catches a swap of random characters that only a separator keeps apart', () => {
    const pattern = parsed('{RANDOM:1}-{RANDOM:1}-{RANDOM:1}-{CHECK}');
    for (const code of sampleCodes(pattern, 200)) {
      for (const wrong of swaps(code, (i) => i + 2)) assert.ok(!verifyCheck(pattern, wrong), `${code} → ${wrong}`);
    }
  });

  it('is the character that checkCharacter computes', () => {
    const pattern = parsed('##{CHECK}##');
    for (const code of sampleCodes(pattern, 50)) assert.equal(checkCharacter(pattern, code), code[2]);
  });

  it('is no part of the keyspace, and without it only the shape is verified', () => {
    const pattern = parsed('AB-{NUMERIC:3}');
    assert.ok(verifyCheck(pattern, 'AB-123'));
    for (const wrong of ['AB-12', 'AB-1234', 'AC-123', 'AB-12A', 'AB_123']) assert.ok(!verifyCheck(pattern, wrong));
  });
});

const CODE_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.';

function* typos(code: string): Generator<string> {
  for (let i = 0; i < code.length; i++) {
    for (const wrong of CODE_CHARACTERS) {
      if (wrong !== code[i]) yield code.slice(0, i) + wrong + code.slice(i + 1);
    }
  }
}

function* swaps(code: string, partner: (i: number) => number): Generator<string> {
  for (let i = 0; partner(i) < code.length; i++) {
    const characters = [...code];
    const [a, b] = [characters[i] as string, characters[partner(i)] as string];
    characters[i] = b;
    characters[partner(i)] = a;
    if (a !== b) yield characters.join('');
  }
}

function sampleCodes(pattern: Pattern, count: number): string[] {
  const text = Buffer.from(createCodeGenerator(randomBytes(32), pattern).generate(0, count)).toString('latin1');
  return Array.from({ length: count }, (_, i) => text.slice(i * pattern.length, (i + 1) * pattern.length));
}

function parsed(text: string): Pattern {
  const result = parsePattern(text);
  if (result.kind === 'patternError') throw new Error(result.message);
  return result;
}

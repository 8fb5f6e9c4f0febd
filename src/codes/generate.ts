/**
 * Codes by the million, as bytes; and how hard they are to guess.
 *
 * Reserved words are never made, and each counter still has one code of its own. The last counters,
 * as many as the pattern has reserved words, give no codes by themselves. Those of their codes that
 * are no reserved words stand in for the reserved words that come up before. There are as many of
 * the one as of the other:
 *
 *     counter   0   1    2   3    4  |  5     6        with the reserved words LOCK and CODE
 *     drawn     A   LOCK B   C    D  |  CODE  E        5 and 6 are kept back
 *     given     A   E    B   C    D
 *
 * Which code stands in for which word depends on nothing but the key, the pattern and the list of
 * reserved words.
 */

import type { YieldCpu } from '../platform/yield-cpu.js';
import { symbolValues } from './check-system.js';
import type { Pattern } from './pattern.js';
import { createPermutation, PERMUTATION_ROWS_MAX } from './permutation.js';
import { createReservedWords } from './reserved-words.js';

export interface CodeGenerator {
  /** How many counters there are, at most 2^53 - 1: a job must not ask for more. */
  readonly counters: number;
  /**
   * The codes of the counters `from .. to - 1` back to back, `pattern.length` bytes each. The same
   * counter gives the same code for ever, as long as the reserved words stay the same.
   */
  generate(from: number, to: number, yieldCpu?: YieldCpu): Uint8Array<ArrayBuffer>;
}

/**
 * `key` is from `deriveKey`. Making one costs up to 50 ms for small keyspaces; keep it for the
 * length of a job.
 */
export function createCodeGenerator(key: Uint8Array, pattern: Pattern): CodeGenerator {
  const { length, positions } = pattern;
  const permutation = createPermutation(
    key,
    positions.map(({ alphabet }) => alphabet.length),
  );
  const template = Buffer.from(pattern.template, 'latin1');
  const alphabets = positions.map(({ alphabet }) => Buffer.from(alphabet, 'latin1'));
  const offsets = positions.map(({ offset }) => offset);
  const writeCheck = checkWriter(pattern);

  /** Rows of `codes` are whole codes; made column by column, as the digits are. */
  const codes = new Uint8Array(PERMUTATION_ROWS_MAX * length);
  for (let row = 0; row < PERMUTATION_ROWS_MAX; row++) codes.set(template, row * length);
  function fillCodes(from: number, count: number): void {
    const digits = permutation.digits(from, count);
    const width = offsets.length;
    for (let place = 0; place < width; place++) {
      const alphabet = alphabets[place] as Uint8Array;
      let to = offsets[place] as number;
      for (let row = 0, digit = place; row < count; row++, digit += width, to += length) {
        codes[to] = alphabet[digits[digit] as number] as number;
      }
    }
    if (writeCheck !== null) for (let row = 0; row < count; row++) writeCheck(codes, row * length);
  }

  const counters = permutation.counters - pattern.avoided.length;
  const replaceReserved = reservedReplacer(pattern, (count) => {
    fillCodes(counters, count);
    return codes;
  });

  return {
    counters,
    generate(from, to, yieldCpu) {
      if (to > counters) throw new Error(`the counters ${from} to ${to} are not within ${counters}`);
      const made = new Uint8Array((to - from) * length);
      for (let next = from, end = 0; next < to; next += PERMUTATION_ROWS_MAX) {
        const count = Math.min(PERMUTATION_ROWS_MAX, to - next);
        fillCodes(next, count);
        replaceReserved?.(codes, count);
        made.set(codes.subarray(0, count * length), end);
        end += count * length;
        yieldCpu?.();
      }
      return made;
    },
  };
}

export interface GuessOdds {
  /** One guess in this many hits a live code. Infinity when there is none. */
  readonly oneIn: number;
  readonly keyspaceBits: number;
  /**
   * How long the first hit takes on average at 100,000 guesses a second that nothing slows down.
   */
  readonly yearsToFirstHit: number;
  /** All of it in a sentence. */
  readonly text: string;
  /** Not null when the keyspace has less than 80 bits. */
  readonly warning: string | null;
}

const GUESSES_PER_SECOND = 100_000;
const KEYSPACE_BITS_GOOD = 80;

/** How hard it is to hit one of `liveCodes` codes in a pattern's keyspace by guessing. */
export function guessOdds(pattern: Pick<Pattern, 'keyspace' | 'keyspaceBits'>, liveCodes: number): GuessOdds {
  // Not through the logarithm where it fits: a keyspace of 1,000 is to read as 1,000.
  const keyspace = Number(pattern.keyspace);
  const oneIn = liveCodes === 0 ? Number.POSITIVE_INFINITY : Math.max(1, keyspace / liveCodes);
  const seconds = oneIn / GUESSES_PER_SECOND;
  const bits = Math.round(pattern.keyspaceBits * 10) / 10;
  return {
    oneIn,
    keyspaceBits: pattern.keyspaceBits,
    yearsToFirstHit: seconds / SECONDS_PER_YEAR,
    text:
      liveCodes === 0
        ? 'no live code to guess'
        : `1 guess in ${spellCount(oneIn)} hits a live code; at 100,000 guesses a second the first hit takes about ${spellTime(seconds)}`,
    warning:
      bits >= KEYSPACE_BITS_GOOD
        ? null
        : `the pattern has ${bits} random bits; ${KEYSPACE_BITS_GOOD} or more keep codes from being guessed`,
  };
}

const SECONDS_PER_YEAR = 31_557_600;

function spellCount(count: number): string {
  return count < 1e15 ? Math.round(count).toLocaleString('en-US') : count.toExponential(1);
}

function spellTime(seconds: number): string {
  if (seconds < 1) return 'less than a second';
  const units: readonly (readonly [number, string])[] = [
    [SECONDS_PER_YEAR, 'year'],
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ];
  const [size, unit] = units.find(([length]) => seconds >= length) ?? [1, 'second'];
  const count = Math.round(seconds / size);
  return `${spellCount(count)} ${unit}${count === 1 ? '' : 's'}`;
}

/**
 * Puts other codes in the place of reserved words, among the first `count` rows of `codes`; null
 * where none can come up. `last` gives the codes of the counters that are kept back.
 */
function reservedReplacer(
  { avoided, length }: Pattern,
  last: (count: number) => Uint8Array,
): ((codes: Uint8Array, count: number) => void) | null {
  if (avoided.length === 0) return null;
  const text = Buffer.from(last(avoided.length)).toString('latin1', 0, avoided.length * length);
  const kept = avoided.map((_, i) => text.slice(i * length, (i + 1) * length));
  const standIns = kept.filter((code) => !avoided.includes(code));
  const drawn = avoided.filter((word) => !kept.includes(word));
  const replacements = new Map(drawn.map((word, i) => [word, Buffer.from(standIns[i] as string, 'latin1')]));
  const reserved = createReservedWords(drawn);
  return (codes, count) => {
    for (let at = 0, end = count * length; at < end; at += length) {
      const word = reserved.at(codes, at, length);
      if (word !== null) codes.set(replacements.get(word) as Uint8Array, at);
    }
  };
}

/**
 * Writes the check character of the code at `start` (check-system.ts says how), or null where there
 * is none.
 */
function checkWriter(pattern: Pattern): ((codes: Uint8Array, start: number) => void) | null {
  if (pattern.check === null) return null;
  const { offset: checkOffset, system } = pattern.check;
  const { product, leftOf, rightOf } = system;
  const order = system.symbols.length;
  const values = symbolValues(system.symbols);
  const symbols = Buffer.from(system.symbols, 'latin1');
  const before = pattern.positions.filter(({ offset }) => offset < checkOffset).map(({ offset }) => offset);
  const after = pattern.positions.filter(({ offset }) => offset > checkOffset).map(({ offset }) => offset);
  after.reverse();
  return (codes, start) => {
    const valueAt = (offset: number) => values[codes[start + offset] as number] as number;
    let fold = 0;
    for (const offset of before) fold = product[fold * order + valueAt(offset)] as number;
    let wanted = 0;
    for (const offset of after) wanted = leftOf[wanted * order + valueAt(offset)] as number;
    codes[start + checkOffset] = symbols[rightOf[fold * order + wanted] as number] as number;
  };
}

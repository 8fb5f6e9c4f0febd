/**
 * Codes that both sides can name without handing lists around: the bench, which puts them in, and
 * wrk's script, which redeems them (load/wrk/redeem.lua has the same three numbers). Code number i
 * of a prefix is `PREFIX-` and seven hexadecimal digits of i * FACTOR mod SPACE. FACTOR is odd, so
 * no two are the same, and neighbours look nothing alike.
 */
const SPACE = 2 ** 28;
const FACTOR = 165_901_211;
const LINES_PER_PIECE = 4_000;
/** Of one prefix: i * FACTOR has to stay a whole number in a double, here and in Lua. */
export const CODES_MAX = 2 ** 25;

export interface CodeRange {
  readonly prefix: string;
  readonly first: number;
  readonly count: number;
}

function codeAt(prefix: string, index: number): string {
  if (index < 0 || index >= CODES_MAX) throw new RangeError(`code number ${index}`);
  return `${prefix}-${((index * FACTOR) % SPACE).toString(16).toUpperCase().padStart(7, '0')}`;
}

/** The codes in order, in pieces of some thousand. */
export function* codesIn({ prefix, first, count }: CodeRange): Generator<string[]> {
  for (let from = first; from < first + count; from += LINES_PER_PIECE) {
    const length = Math.min(LINES_PER_PIECE, first + count - from);
    yield Array.from({ length }, (_, i) => codeAt(prefix, from + i));
  }
}

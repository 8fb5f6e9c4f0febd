/**
 * The shape of a book's codes.
 *
 *   literal      a character of A-Z 0-9 - _ . for itself (small letters become capitals)
 *   #            one random letter or digit, of 36
 *   {RANDOM:n}   n random letters and digits, of 32: without I, O, 0 and 1, which look alike
 *   {ALPHA:n}    n random letters, of 26
 *   {NUMERIC:n}  n random digits
 *   {UUID}       a version 4 UUID in capitals: 122 random bits in 36 characters
 *   {CHECK}      one check character, at most once, anywhere (check-system.ts says what it catches)
 *
 * A pattern is a row of fixed length: literals, and positions that each draw from an alphabet of
 * their own. So two different draws never spell the same code, and the keyspace is the product of
 * the alphabets' sizes.
 *
 * The check character is computed over the random characters. Literals and separators take no part:
 * their place is known, so `verifyCheck` compares them one by one, which catches a typo there, and
 * a swap with a neighbour, for certain and not only through the sum. It is drawn from the narrowest
 * alphabet that fits the pattern: digits when all that is random is digits, the 32 clear symbols
 * when all is `{RANDOM:n}`, else all 36.
 */
import {
  CHECK_ALL,
  CHECK_CLEAR,
  CHECK_DIGITS,
  type CheckSystem,
  checkValue,
  foldValues,
  symbolValues,
} from './check-system.js';

export const CODE_LENGTH_MIN = 3;
export const CODE_LENGTH_MAX = 64;
const PATTERN_LENGTH_MAX = 512;

/** Four groups of four: 80 bits. */
export const DEFAULT_PATTERN_TEXT = '{RANDOM:4}-{RANDOM:4}-{RANDOM:4}-{RANDOM:4}';

/** One random character of a code: its place and what it is drawn from. */
export interface Position {
  readonly offset: number;
  readonly alphabet: string;
}

export interface Pattern {
  readonly kind: 'pattern';
  /**
   * The pattern written in one way: capitals, neighbours of a kind merged. Patterns with equal
   * canonical text make the same codes: keys and counters belong to this, not to what was typed.
   */
  readonly canonical: string;
  /** Characters in a code. */
  readonly length: number;
  /**
   * A code with its literals in place; what stands where a position or the check is has no meaning.
   */
  readonly template: string;
  readonly positions: readonly Position[];
  readonly check: { readonly offset: number; readonly system: CheckSystem } | null;
  /** Reserved words that the shape could spell, sorted. generate.ts makes other codes for them. */
  readonly avoided: readonly string[];
  /** How many different codes there are; avoided words do not count. */
  readonly keyspace: bigint;
  /** Its logarithm to the base of 2. */
  readonly keyspaceBits: number;
}

/** Why a text is no pattern, for the one who wrote it. */
export interface PatternError {
  readonly kind: 'patternError';
  readonly message: string;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const DIGITS = CHECK_DIGITS.symbols;
const CLEAR = CHECK_CLEAR.symbols;
const ALPHANUMERIC = CHECK_ALL.symbols;
const COUNTED = new Map([
  ['RANDOM', CLEAR],
  ['ALPHA', LETTERS],
  ['NUMERIC', DIGITS],
]);
const KNOWN = '{RANDOM:n}, {ALPHA:n}, {NUMERIC:n}, {UUID}, {CHECK} and #';

type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'random'; readonly name: string; readonly alphabet: string; readonly count: number }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'check' };

/**
 * Reads a pattern. Checked in this order: its pieces from left to right, the check character, the
 * code's length, and that it makes anything but `reserved` words. Those are in upper case.
 */
export function parsePattern(text: string, reserved: readonly string[] = []): Pattern | PatternError {
  if (text.length === 0) return refuse('The pattern is empty');
  if (text.length > PATTERN_LENGTH_MAX) return refuse(`The pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
  const pieces: Piece[] = [];
  for (let at = 0; at < text.length; ) {
    const end = pieceEnd(text, at);
    const piece = parsePiece(text.slice(at, end), at);
    if (piece.kind === 'patternError') return piece;
    pushMerged(pieces, piece);
    at = end;
  }
  const pattern = assemble(pieces);
  return pattern.kind === 'patternError' || reserved.length === 0 ? pattern : avoid(pattern, reserved);
}

/**
 * True when the code, in upper case, has the pattern's shape and its check character is right. For
 * a pattern without `{CHECK}` that is the shape alone.
 */
export function verifyCheck(pattern: Pattern, code: string): boolean {
  if (code.length !== pattern.length) return false;
  const random = new Set(pattern.positions.map((position) => position.offset));
  for (const { offset, alphabet } of pattern.positions) {
    if (!alphabet.includes(code.charAt(offset))) return false;
  }
  for (let i = 0; i < code.length; i++) {
    if (random.has(i) || i === pattern.check?.offset) continue;
    if (code[i] !== pattern.template[i]) return false;
  }
  if (pattern.check === null) return true;
  const { system, offset: checkOffset } = pattern.check;
  const values = symbolValues(system.symbols);
  const offsets = [...random, checkOffset].sort((a, b) => a - b);
  const folded = offsets.map((offset) => values[code.charCodeAt(offset)] ?? 255);
  return !folded.includes(255) && foldValues(system, folded) === 0;
}

/** The check character of a code that has everything else in place; the pattern must have one. */
export function checkCharacter(pattern: Pattern, code: string): string {
  if (pattern.check === null) throw new Error('the pattern has no check character');
  const { system, offset: checkOffset } = pattern.check;
  const values = symbolValues(system.symbols);
  const before: number[] = [];
  const after: number[] = [];
  for (const { offset } of pattern.positions) {
    (offset < checkOffset ? before : after).push(values[code.charCodeAt(offset)] as number);
  }
  return system.symbols.charAt(checkValue(system, before, after));
}

function pieceEnd(text: string, at: number): number {
  if (text[at] !== '{') return at + 1;
  const close = text.indexOf('}', at);
  return close === -1 ? text.length : close + 1;
}

function parsePiece(text: string, at: number): Piece | PatternError {
  if (text === '#') return { kind: 'random', name: '#', alphabet: ALPHANUMERIC, count: 1 };
  if (!text.startsWith('{')) {
    if (/^[A-Za-z0-9._-]$/.test(text)) return { kind: 'literal', text: text.toUpperCase() };
    return refuse(`Character ${at + 1} of the pattern, ${JSON.stringify(text)}, is not one of A-Z 0-9 - _ . or #`);
  }
  if (!text.endsWith('}')) return refuse(`The brace at character ${at + 1} of the pattern is never closed`);
  const token = text.slice(1, -1).toUpperCase();
  if (token === 'UUID') return { kind: 'uuid' };
  if (token === 'CHECK') return { kind: 'check' };
  const [name = '', count] = token.split(/:(.*)/s);
  const alphabet = COUNTED.get(name);
  if (alphabet === undefined) {
    return refuse(`At character ${at + 1}, ${text} is not known in a pattern; known are ${KNOWN}`);
  }
  if (count === undefined || !/^[0-9]{1,3}$/.test(count) || Number(count) < 1 || Number(count) > CODE_LENGTH_MAX) {
    return refuse(`At character ${at + 1}, ${text} needs a count from 1 to ${CODE_LENGTH_MAX}, as in {${name}:4}`);
  }
  return { kind: 'random', name, alphabet, count: Number(count) };
}

function pushMerged(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  if (piece.kind === 'random' && last?.kind === 'random' && last.name === piece.name) {
    pieces[pieces.length - 1] = { ...last, count: last.count + piece.count };
  } else {
    pieces.push(piece);
  }
}

function assemble(pieces: readonly Piece[]): Pattern | PatternError {
  const positions: Position[] = [];
  let template = '';
  let checkOffset = -1;
  const draw = (alphabet: string) => {
    positions.push({ offset: template.length, alphabet });
    template += '?';
  };
  for (const piece of pieces) {
    switch (piece.kind) {
      case 'literal':
        template += piece.text;
        break;
      case 'random':
        for (let i = 0; i < piece.count; i++) draw(piece.alphabet);
        break;
      case 'uuid':
        for (const symbol of 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx') {
          if (symbol === 'x') draw('0123456789ABCDEF');
          else if (symbol === 'y') draw('89AB');
          else template += symbol;
        }
        break;
      case 'check':
        if (checkOffset !== -1) return refuse('A pattern may have {CHECK} only once');
        checkOffset = template.length;
        template += '?';
        break;
    }
  }
  if (checkOffset !== -1 && positions.length === 0) return refuse('{CHECK} needs something random to check');
  const length = template.length;
  if (length < CODE_LENGTH_MIN || length > CODE_LENGTH_MAX) {
    return refuse(
      `The pattern makes codes of ${length} characters; a code has ${CODE_LENGTH_MIN} to ${CODE_LENGTH_MAX}`,
    );
  }
  return {
    kind: 'pattern',
    canonical: pieces.map(spell).join(''),
    length,
    template,
    positions,
    avoided: [],
    check: checkOffset === -1 ? null : { offset: checkOffset, system: narrowestSystem(positions) },
    keyspace: positions.reduce((product, { alphabet }) => product * BigInt(alphabet.length), 1n),
    keyspaceBits: positions.reduce((bits, { alphabet }) => bits + Math.log2(alphabet.length), 0),
  };
}

function avoid(pattern: Pattern, reserved: readonly string[]): Pattern | PatternError {
  const avoided = [...new Set(reserved)].filter((word) => verifyCheck(pattern, word)).sort();
  if (avoided.length === 0) return pattern;
  const keyspace = pattern.keyspace - BigInt(avoided.length);
  if (keyspace > 0n) return { ...pattern, avoided, keyspace, keyspaceBits: bitsOf(keyspace) };
  return refuse(`The pattern makes ${avoided.join(', ')} only, and words of the API's paths are no codes`);
}

/** A keyspace of more than 2^1024 is infinite as a number. */
function bitsOf(keyspace: bigint): number {
  const shift = Math.max(0, keyspace.toString(2).length - 53);
  return Math.log2(Number(keyspace >> BigInt(shift))) + shift;
}

function spell(piece: Piece): string {
  switch (piece.kind) {
    case 'literal':
      return piece.text;
    case 'random':
      return piece.name === '#' ? '#'.repeat(piece.count) : `{${piece.name}:${piece.count}}`;
    case 'uuid':
      return '{UUID}';
    case 'check':
      return '{CHECK}';
  }
}

function narrowestSystem(positions: readonly Position[]): CheckSystem {
  const systems = [CHECK_DIGITS, CHECK_CLEAR];
  return systems.find((system) => positions.every(({ alphabet }) => alphabet === system.symbols)) ?? CHECK_ALL;
}

function refuse(message: string): PatternError {
  return { kind: 'patternError', message };
}

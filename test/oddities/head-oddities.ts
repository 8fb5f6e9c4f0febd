/**
 * Heads that parsers read in different ways or not at all, and heads and bodies that are too large.
 */
import {
  CHUNKED,
  chunked,
  type Names,
  type Oddity,
  odd,
  REFUSED_BY_PARSER,
  redeem,
  redeemOther,
  script,
  type Told,
  USER,
} from './oddity.js';

/** Heads that two parsers read in two ways. What follows in the segment must not be executed. */
const AMBIGUOUS: readonly (readonly [what: string, headers: readonly string[]])[] = [
  ['Content-Length 0 and then 14', ['Content-Length: 0', 'Content-Length: 14']],
  ['Content-Length 14 and then 0', ['Content-Length: 14', 'Content-Length: 0']],
  ['a length with a sign', ['Content-Length: +14']],
  ['a length in hexadecimal', ['Content-Length: 0xe']],
  ['an empty length', ['Content-Length:']],
  ['a length beyond any number', ['Content-Length: 18446744073709551630']],
  ['Content-Length with Transfer-Encoding', ['Content-Length: 14', CHUNKED]],
  ['Transfer-Encoding with Content-Length', [CHUNKED, 'Content-Length: 14']],
  ['an empty Transfer-Encoding with Content-Length', ['Transfer-Encoding:', 'Content-Length: 14']],
  ['an empty Transfer-Encoding', ['Transfer-Encoding:']],
  ['a Transfer-Encoding that is not chunked', ['Transfer-Encoding: gzip']],
  ['chunked behind gzip', ['Transfer-Encoding: gzip, chunked']],
  ['chunked before identity', ['Transfer-Encoding: chunked, identity']],
  ['chunked twice', [CHUNKED, CHUNKED]],
];

/**
 * Heads that Clipbook refuses, though all parsers agree on where the next request begins. A front
 * may mend them.
 */
const REFUSED: readonly (readonly [what: string, headers: readonly string[]])[] = [
  ['a list of equal lengths', ['Content-Length: 14, 14']],
  ['two different tokens', ['Content-Length: 14', 'Authorization: Bearer x']],
];

const refusedHead = ([what, headers]: readonly [what: string, headers: readonly string[]], other: Told): Oddity => ({
  what: `${what}, and a redemption behind it`,
  script: (n) => script([odd(n, headers, USER + redeemOther(n))], 2),
  answers: [[400]],
  end: 'ends',
  code: 0,
  other,
});

export const FRAMING_ODDITIES: readonly Oddity[] = [
  ...AMBIGUOUS.map((row) => refusedHead(row, 'hidden')),
  ...REFUSED.map((row) => refusedHead(row, 1)),
];

/** Heads that the library refuses, or never takes for complete, without asking anybody. */
const HEADS: readonly (readonly [what: string, of: (names: Names) => string])[] = [
  ['no Host', (n) => redeem(n).replace('Host: h\r\n', '')],
  ['a blank before a colon', (n) => redeem(n).replace('Host:', 'X-A : 1\r\nHost:')],
  ['a folded header', (n) => redeem(n).replace('Host:', 'X-A: 1\r\n 2\r\nHost:')],
  ['a NUL in a header', (n) => redeem(n).replace('Host:', 'X-A: \0\r\nHost:')],
  ['a bare CR in a header', (n) => redeem(n).replace('Host:', 'X-A: 1\rX-B: 2\r\nHost:')],
  ['a bare LF in a header', (n) => redeem(n).replace('Host:', 'X-A: 1\nX-B: 2\r\nHost:')],
  ['an empty line before the request', (n) => `\r\n${redeem(n)}`],
  ['a bare LF before the request', (n) => `\n${redeem(n)}`],
  ['HTTP/1.0', (n) => redeem(n).replace('HTTP/1.1', 'HTTP/1.0')],
  ['HTTP/2 by prior knowledge', (n) => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${redeem(n)}`],
  ['an absolute address', (n) => redeem(n).replace('POST /', 'POST http://h/')],
  ['CONNECT', (n) => `CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n${redeem(n)}`],
  ['OPTIONS *', (n) => `OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n${redeem(n)}`],
  ['more than 100 headers', (n) => redeem(n).replace('Host:', `${'X-A: 1\r\n'.repeat(110)}Host:`)],
];

/**
 * The library reads no header behind an empty name, so it takes the body for the next request. It
 * can't be seen that there was more. Fronts refuse such a head.
 */
const hiddenLength: Oddity = {
  what: 'an empty header name before the length, and a redemption behind it',
  script: (n) =>
    script([`GET /livez HTTP/1.1\r\nHost: h\r\n: x\r\nContent-Length: ${redeem(n).length}\r\n\r\n${redeem(n)}`], 2),
  answers: [[200, 200], ...REFUSED_BY_PARSER],
  end: 'either',
  code: 1,
};

export const HEAD_ODDITIES: readonly Oddity[] = [
  ...HEADS.map(
    ([what, of]): Oddity => ({
      what,
      script: (n) => script([of(n)], 1),
      answers: [[431], ...REFUSED_BY_PARSER],
      end: 'ends',
      code: 0,
    }),
  ),
  hiddenLength,
];

export const LARGE_ODDITIES: readonly Oddity[] = [
  {
    what: 'a body that says it is too large, with a redemption in it',
    script: (n) => script([odd(n, ['Content-Length: 65537'], redeemOther(n).padEnd(65_537))], 1),
    answers: [[413]],
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a body that says it is too large, and a redemption behind it',
    script: (n) => script([odd(n, ['Content-Length: 65537'], ' '.repeat(65_537)), redeemOther(n)], 2),
    answers: [[413]],
    end: 'ends',
    code: 0,
    other: 1,
  },
  {
    what: 'chunks that become too large, and a redemption behind them',
    script: (n) =>
      script(
        [
          chunked(n, `e\r\n${USER}\r\n`),
          `8000\r\n${' '.repeat(0x8000)}\r\n`,
          `8000\r\n${' '.repeat(0x8000)}\r\n`,
          `0\r\n\r\n${redeemOther(n)}`,
        ],
        2,
      ),
    answers: [[413]],
    end: 'ends',
    code: 0,
    other: 1,
  },
  {
    what: 'headers of 15 KiB',
    script: (n) => script([odd(n, [`Cookie: ${'c'.repeat(15_000)}`, 'Content-Length: 14'], USER)], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'headers of 20 KiB, and a redemption behind them',
    script: (n) => script([odd(n, [`Cookie: ${'c'.repeat(20_000)}`, 'Content-Length: 14'], USER), redeemOther(n)], 2),
    answers: [[431]],
    end: 'ends',
    code: 0,
    other: 1,
  },
  {
    what: 'headers of 70 KiB',
    script: (n) => script([odd(n, [`Cookie: ${'c'.repeat(70_000)}`, 'Content-Length: 14'], USER)], 1),
    answers: [[431], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
  },
];

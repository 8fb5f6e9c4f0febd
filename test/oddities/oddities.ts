/**
 * Unusual, broken and hostile HTTP, each with a real redemption inside. A row says what is sent,
 * what Clipbook answers, and which answer belongs to which redemption, so that any server or front
 * can be judged by one rule: see judge.ts.
 */
import type { Script } from './raw-client.js';

/** Of one run of one row: its codes are used by nothing else. */
export interface Names {
  readonly token: string;
  /** Redeemed by the request that the row is about. */
  readonly code: string;
  /** Redeemed by a request that is hidden, or that follows. */
  readonly other: string;
}

/**
 * Which answer tells about a redemption: its place, or `hidden` for bytes that are no request and
 * must never be executed.
 */
export type Told = number | 'hidden';

export interface Oddity {
  readonly what: string;
  readonly script: (names: Names) => Script;
  /**
   * What Clipbook itself answers, one list for each allowed outcome. Empty: the connection ends
   * without an answer.
   */
  readonly answers: readonly (readonly number[])[];
  readonly end: 'open' | 'ends';
  readonly code: Told;
  readonly other?: Told;
}

const USER = '{"userId":"u"}';

const authorized = (names: Names, headers: readonly string[]): string =>
  ['Host: h', `Authorization: Bearer ${names.token}`, 'Content-Type: application/json', ...headers]
    .map((line) => `${line}\r\n`)
    .join('');

const redeemLine = (code: string): string => `POST /api/v1/coupons/${code}/redeem HTTP/1.1\r\n`;

/** A redemption with these headers, and with this after its head. */
const odd = (names: Names, headers: readonly string[], body: string, code = names.code): string =>
  `${redeemLine(code)}${authorized(names, headers)}\r\n${body}`;

const redeem = (names: Names, code = names.code): string => odd(names, [`Content-Length: ${USER.length}`], USER, code);
const redeemOther = (names: Names): string => redeem(names, names.other);
const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: h\r\n\r\n';
const CHUNKED = 'Transfer-Encoding: chunked';
const CHUNKS = `e\r\n${USER}\r\n0\r\n`;
const chunked = (names: Names, body: string, code = names.code): string => odd(names, [CHUNKED], body, code);

const script = (segments: readonly string[], answers: number, more: Partial<Script> = {}): Script => ({
  segments,
  answers,
  ...more,
});

const NOTHING = [[]] as const;
/** The library's own page, written before it closes; or only the close. */
const REFUSED_BY_PARSER = [[400], [505], []] as const;

const ordinary: readonly Oddity[] = [
  {
    what: 'a redemption',
    script: (n) => script([redeem(n)], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'two redemptions, one after the other',
    script: (n) => script([redeem(n), redeemOther(n)], 2, { after: [0, 1] }),
    answers: [[200, 200]],
    end: 'open',
    code: 0,
    other: 1,
  },
  {
    what: 'a head and a body in two segments',
    script: (n) => script([odd(n, ['Content-Length: 14'], ''), USER], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'a body in single bytes',
    script: (n) => script([odd(n, ['Content-Length: 14'], ''), ...USER], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'Expect: 100-continue, and the body later',
    script: (n) => script([odd(n, ['Expect: 100-continue', 'Content-Length: 14'], ''), USER], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'an expectation that nobody knows',
    script: (n) => script([odd(n, ['Expect: a-miracle', 'Content-Length: 14'], USER)], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'an upgrade to WebSocket on a changing path',
    script: (n) => script([odd(n, ['Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 14'], USER)], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'an upgrade to HTTP/2',
    script: (n) =>
      script([odd(n, ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'Content-Length: 14'], USER)], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
];

const chunks: readonly Oddity[] = [
  {
    what: 'a chunked redemption',
    script: (n) => script([chunked(n, `${CHUNKS}\r\n`)], 1),
    answers: [[200]],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a chunked redemption in many segments',
    script: (n) => script([chunked(n, ''), '5\r\n{"use\r\n', '9\r\nrId":"u"}\r\n', '0\r\n', '\r\n'], 1),
    answers: [[200]],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a chunked redemption with a trailer in the same segment',
    script: (n) => script([chunked(n, `${CHUNKS}X-T: 1\r\n\r\n`)], 1),
    answers: REFUSED_BY_PARSER,
    end: 'ends',
    code: 0,
  },
  {
    what: 'a chunked redemption with a trailer in a later segment',
    script: (n) => script([chunked(n, CHUNKS), 'X-T: 1\r\n\r\n'], 1),
    answers: [[200]],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a chunked redemption with a request as its trailer',
    script: (n) => script([chunked(n, `${CHUNKS}X:${redeemOther(n)}`)], 1),
    answers: NOTHING,
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a chunked redemption with a request as its trailer, in a later segment',
    script: (n) => script([chunked(n, CHUNKS), `X:${redeemOther(n)}`], 1),
    answers: [[200]],
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a chunked redemption whose trailer begins in the same segment',
    script: (n) => script([chunked(n, `${CHUNKS}X:POST /`), redeemOther(n).slice('POST /'.length)], 1),
    answers: [[200]],
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a chunked request to an unknown path with a request as its trailer',
    script: (n) =>
      script([`POST /nope HTTP/1.1\r\n${authorized(n, [CHUNKED])}\r\n2\r\n{}\r\n0\r\nX:${redeemOther(n)}`], 1),
    answers: [[404]],
    end: 'ends',
    code: 'hidden',
    other: 'hidden',
  },
  {
    what: 'a chunked GET with a request as its trailer',
    script: (n) => script([`GET /livez HTTP/1.1\r\nHost: h\r\n${CHUNKED}\r\n\r\n0\r\nX:${redeemOther(n)}`], 1),
    answers: [[400]],
    end: 'ends',
    code: 'hidden',
    other: 'hidden',
  },
  {
    what: 'a chunked redemption without a user, with a request as its trailer',
    script: (n) => script([chunked(n, `2\r\n{}\r\n0\r\nX:${redeemOther(n)}`)], 1),
    answers: NOTHING,
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a chunked redemption of an unknown code, with a request as its trailer',
    script: (n) => script([chunked(n, `${CHUNKS}X:${redeemOther(n)}`, 'NO-SUCH-CODE')], 1),
    answers: NOTHING,
    end: 'ends',
    code: 'hidden',
    other: 'hidden',
  },
  {
    what: 'a chunked redemption, and a redemption behind it in the same segment',
    script: (n) => script([chunked(n, `${CHUNKS}\r\n`) + redeemOther(n)], 2),
    answers: NOTHING,
    end: 'ends',
    code: 0,
    other: 1,
  },
  {
    what: 'a chunk extension',
    script: (n) => script([chunked(n, `e;a=b\r\n${USER}\r\n0\r\n\r\n`)], 1),
    answers: [[408], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
  },
  {
    what: 'chunk lines that end with a bare LF, and a redemption behind them',
    script: (n) => script([chunked(n, `e\n${USER}\n0\n\n${redeemOther(n)}`)], 2),
    answers: [[408], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
    other: 1,
  },
  {
    what: 'a chunk that ends with the wrong two bytes',
    script: (n) => script([chunked(n, `e\r\n${USER}XX0\r\n\r\n`)], 1),
    answers: [[200], [408], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a chunk without a size',
    script: (n) => script([chunked(n, `\r\n${USER}\r\n0\r\n\r\n`)], 1),
    answers: [[400], [408], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a chunk size that overflows',
    script: (n) => script([chunked(n, `fffffffffffffffff\r\n${USER}\r\n0\r\n\r\n`)], 1),
    answers: [[408], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a negative chunk size',
    script: (n) => script([chunked(n, `-1\r\n${USER}\r\n0\r\n\r\n`)], 1),
    answers: [[408], ...REFUSED_BY_PARSER],
    end: 'ends',
    code: 0,
  },
];

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

const framing: readonly Oddity[] = [
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

const heads: readonly Oddity[] = HEADS.map(([what, of]) => ({
  what,
  script: (n) => script([of(n)], 1),
  answers: [[431], ...REFUSED_BY_PARSER],
  end: 'ends',
  code: 0,
}));

const pipelined: readonly Oddity[] = [
  {
    what: 'a redemption and a GET in one segment',
    script: (n) => script([redeem(n) + LIVEZ], 2),
    answers: NOTHING,
    end: 'ends',
    code: 0,
  },
  {
    what: 'two redemptions in one segment',
    script: (n) => script([redeem(n) + redeemOther(n)], 2),
    answers: NOTHING,
    end: 'ends',
    code: 0,
    other: 1,
  },
  {
    what: 'a GET and a redemption in one segment',
    script: (n) => script([LIVEZ + redeem(n)], 2),
    answers: [[200, 200]],
    end: 'open',
    code: 1,
  },
  {
    what: 'a redemption with Connection: close, and another behind it',
    script: (n) => script([odd(n, ['Connection: close', 'Content-Length: 14'], USER) + redeemOther(n)], 1),
    answers: NOTHING,
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a redemption with close in a list of Connection options',
    script: (n) => script([odd(n, ['Connection: keep-alive, Close', 'Content-Length: 14'], USER)], 1),
    answers: [[200]],
    end: 'ends',
    code: 0,
  },
  {
    what: 'a GET with Connection: close, and a redemption behind it',
    script: (n) => script([LIVEZ.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') + redeem(n)], 1),
    answers: NOTHING,
    end: 'ends',
    code: 'hidden',
  },
  {
    what: 'an invalid redemption with Connection: close, and a valid one behind it',
    script: (n) => script([odd(n, ['Connection: close', 'Content-Length: 2'], '{}') + redeemOther(n)], 1),
    answers: NOTHING,
    end: 'ends',
    code: 0,
    other: 'hidden',
  },
  {
    what: 'a body longer than its Content-Length',
    script: (n) => script([odd(n, ['Content-Length: 14'], `${USER}, and more\r\n\r\n`)], 1),
    answers: REFUSED_BY_PARSER,
    end: 'ends',
    code: 0,
  },
  {
    what: 'an unfinished request behind a redemption',
    script: (n) => script([`${redeem(n)}GET /li`], 1),
    answers: [[200]],
    end: 'open',
    code: 0,
  },
  {
    what: 'a body shorter than its Content-Length',
    script: (n) => script([odd(n, ['Content-Length: 15'], USER)], 1),
    answers: [[408]],
    end: 'ends',
    code: 0,
  },
];

const methods: readonly Oddity[] = [
  {
    what: 'HEAD, and then a redemption',
    script: (n) => script(['HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n', redeem(n)], 2, { heads: [0], after: [0, 1] }),
    answers: [[200, 200]],
    end: 'open',
    code: 1,
  },
  {
    what: 'HEAD and a redemption in one segment',
    script: (n) => script([`HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n${redeem(n)}`], 2, { heads: [0] }),
    answers: [[200, 200]],
    end: 'open',
    code: 1,
  },
  {
    what: 'HEAD of a path that needs a token, and then a redemption',
    script: (n) =>
      script(['HEAD /api/v1/auth/me HTTP/1.1\r\nHost: h\r\n\r\n', redeem(n)], 2, { heads: [0], after: [0, 1] }),
    answers: [[401, 200]],
    end: 'open',
    code: 1,
  },
  {
    what: 'HEAD of a changing path, with its body',
    script: (n) => script([redeem(n).replace('POST', 'HEAD')], 1, { heads: [0] }),
    answers: [[405]],
    end: 'open',
    code: 0,
  },
  {
    what: 'HEAD with Connection: close, and a redemption behind it',
    script: (n) =>
      script([`HEAD /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n${redeem(n)}`], 1, { heads: [0] }),
    answers: NOTHING,
    end: 'ends',
    code: 'hidden',
  },
  {
    what: 'a chunked HEAD with a request as its trailer',
    script: (n) =>
      script([`HEAD /livez HTTP/1.1\r\nHost: h\r\n${CHUNKED}\r\n\r\n0\r\nX:${redeemOther(n)}`], 1, { heads: [0] }),
    answers: NOTHING,
    end: 'ends',
    code: 'hidden',
    other: 'hidden',
  },
  {
    what: 'a method in lower case',
    script: (n) => script([redeem(n).replace('POST', 'post')], 1),
    answers: [[405], ...REFUSED_BY_PARSER],
    end: 'open',
    code: 0,
  },
  {
    what: 'a GET whose body is a redemption',
    script: (n) => {
      const inner = redeemOther(n);
      return script(
        [`GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: ${inner.length}\r\n\r\n${inner}${redeem(n)}`],
        2,
      );
    },
    answers: [[200, 200]],
    end: 'open',
    code: 1,
    other: 'hidden',
  },
  {
    what: 'a request to an unknown path whose body is a redemption',
    script: (n) => {
      const inner = redeemOther(n);
      const first = `POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: ${inner.length}\r\n\r\n`;
      return script([first, inner, redeem(n)], 2);
    },
    answers: [[404, 200]],
    end: 'open',
    code: 1,
    other: 'hidden',
  },
];

const large: readonly Oddity[] = [
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

export const ODDITIES: readonly Oddity[] = [
  ...ordinary,
  ...chunks,
  ...framing,
  ...heads,
  ...pipelined,
  ...methods,
  ...large,
];

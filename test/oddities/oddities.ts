/**
 * Unusual, broken and hostile HTTP, each with a real redemption inside. A row says what is sent,
 * what Clipbook answers, and which answer belongs to which redemption, so that any server or front
 * can be judged by one rule: see judge.ts.
 */
import { CHUNK_ODDITIES } from './chunk-oddities.js';
import { FRAMING_ODDITIES, HEAD_ODDITIES, LARGE_ODDITIES } from './head-oddities.js';
import {
  CHUNKED,
  LIVEZ,
  NOTHING,
  type Oddity,
  odd,
  REFUSED_BY_PARSER,
  redeem,
  redeemOther,
  script,
  USER,
} from './oddity.js';

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

export const ODDITIES: readonly Oddity[] = [
  ...ordinary,
  ...CHUNK_ODDITIES,
  ...FRAMING_ODDITIES,
  ...HEAD_ODDITIES,
  ...pipelined,
  ...methods,
  ...LARGE_ODDITIES,
];

/** What a row of oddities.ts is, and the pieces that its requests are made of. */
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
  /** `either`: it depends on the release of the library. */
  readonly end: 'open' | 'ends' | 'either';
  readonly code: Told;
  readonly other?: Told;
}

export const USER = '{"userId":"u"}';

export const authorized = (names: Names, headers: readonly string[]): string =>
  ['Host: h', `Authorization: Bearer ${names.token}`, 'Content-Type: application/json', ...headers]
    .map((line) => `${line}\r\n`)
    .join('');

const redeemLine = (code: string): string => `POST /api/v1/coupons/${code}/redeem HTTP/1.1\r\n`;

/** A redemption with these headers, and with this after its head. */
export const odd = (names: Names, headers: readonly string[], body: string, code = names.code): string =>
  `${redeemLine(code)}${authorized(names, headers)}\r\n${body}`;

export const redeem = (names: Names, code = names.code): string =>
  odd(names, [`Content-Length: ${USER.length}`], USER, code);
export const redeemOther = (names: Names): string => redeem(names, names.other);
export const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: h\r\n\r\n';
export const CHUNKED = 'Transfer-Encoding: chunked';
export const CHUNKS = `e\r\n${USER}\r\n0\r\n`;
export const chunked = (names: Names, body: string, code = names.code): string => odd(names, [CHUNKED], body, code);

export const script = (segments: readonly string[], answers: number, more: Partial<Script> = {}): Script => ({
  segments,
  answers,
  ...more,
});

export const NOTHING = [[]] as const;
/** The library's own page, written before it closes; or only the close. */
export const REFUSED_BY_PARSER = [[400], [505], []] as const;

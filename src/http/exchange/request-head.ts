/**
 * The headers of a request, read in one pass: `HttpRequest` is dead once the handler returns, and
 * one `forEach` is cheaper than a `getHeader` for each. The pass also counts what must not come
 * twice: this release of uWebSockets.js accepts two different Content-Length headers and takes the
 * first, which is how requests are smuggled past a proxy that takes the last.
 *
 * There is one `head` per thread, filled anew for each request: nothing may keep a reference to it.
 */
import type { HttpRequest } from '../../platform/uws.js';

export interface Head {
  /** '' where a header was not given. */
  authorization: string;
  contentType: string;
  /** Of `Content-Encoding`, what is not `identity`; nothing else is read. */
  contentEncoding: string;
  idempotencyKey: string;
  otherIdempotencyKey: string;
  requestId: string;
  ifMatch: string;
  forwarded: string;
  forwardedFor: string;
  /** -1: not given. */
  contentLength: number;
  hasTransferEncoding: boolean;
  /** The client says that this is its last request on the connection. */
  closes: boolean;
  /** Of names and values, with their separators. */
  bytes: number;
  /**
   * What makes it unsafe to read on, as a sentence; '' if nothing. The connection is to be closed
   * then.
   */
  refusal: string;
}

export const head: Head = {
  authorization: '',
  contentType: '',
  contentEncoding: '',
  idempotencyKey: '',
  otherIdempotencyKey: '',
  requestId: '',
  ifMatch: '',
  forwarded: '',
  forwardedFor: '',
  contentLength: -1,
  hasTransferEncoding: false,
  closes: false,
  bytes: 0,
  refusal: '',
};

/** Fills `head`. */
export function readHead(req: HttpRequest): void {
  head.authorization = '';
  head.contentType = '';
  head.contentEncoding = '';
  head.idempotencyKey = '';
  head.otherIdempotencyKey = '';
  head.requestId = '';
  head.ifMatch = '';
  head.forwarded = '';
  head.forwardedFor = '';
  head.contentLength = -1;
  head.hasTransferEncoding = false;
  head.closes = false;
  head.bytes = 0;
  head.refusal = '';
  req.forEach(readHeader);
  if (head.hasTransferEncoding && head.contentLength >= 0) {
    head.refusal = 'Content-Length and Transfer-Encoding exclude each other.';
  }
}

/** Of a header line: colon, blank, carriage return and line feed. */
const SEPARATORS_BYTES = 4;

/** `name` is in lower case. Compared by length first: most headers are none of ours. */
function readHeader(name: string, value: string): void {
  head.bytes += name.length + value.length + SEPARATORS_BYTES;
  switch (name.length) {
    case 8:
      if (name === 'if-match') head.ifMatch = joined(head.ifMatch, value);
      break;
    case 9:
      if (name === 'forwarded') head.forwarded = joined(head.forwarded, value);
      break;
    case 10:
      if (name === 'connection' && value !== 'keep-alive') head.closes ||= CLOSE_OPTION.test(value);
      break;
    case 12:
      if (name === 'content-type') head.contentType = value;
      else if (name === 'x-request-id') head.requestId = value;
      break;
    case 13:
      if (name === 'authorization') {
        if (head.authorization !== '' && head.authorization !== value) {
          head.refusal = 'There are two different Authorization headers.';
        }
        head.authorization = value;
      }
      break;
    case 14:
      if (name === 'content-length') readContentLength(value);
      break;
    case 15:
      if (name === 'idempotency-key') head.idempotencyKey = theOnly(head.idempotencyKey, value);
      else if (name === 'x-forwarded-for') head.forwardedFor = joined(head.forwardedFor, value);
      break;
    case 16:
      if (name === 'content-encoding' && value.toLowerCase() !== 'identity') head.contentEncoding = value;
      break;
    case 17:
      if (name === 'x-idempotency-key') head.otherIdempotencyKey = theOnly(head.otherIdempotencyKey, value);
      else if (name === 'transfer-encoding') {
        if (head.hasTransferEncoding || value.toLowerCase() !== 'chunked') {
          head.refusal = 'The only Transfer-Encoding that is taken is chunked, once.';
        }
        head.hasTransferEncoding = true;
      }
      break;
  }
}

/** uWebSockets.js closes for the plain value alone; `Connection` is a list. */
const CLOSE_OPTION = /(?:^|,)\s*close\s*(?:,|$)/i;

/**
 * A list may come in several headers (RFC 9110, section 5.3). An empty one is not the same as none.
 */
const joined = (before: string, value: string): string => (before === '' ? value || ' ' : `${before}, ${value}`);

/** A key that is not allowed where it was given empty, or twice with two values. */
const theOnly = (before: string, value: string): string =>
  value === '' || (before !== '' && before !== value) ? ' ' : value;

function readContentLength(value: string): void {
  const length = wholeNumber(value);
  if (length < 0) head.refusal = 'Content-Length is not a whole number.';
  else if (head.contentLength >= 0 && head.contentLength !== length) {
    head.refusal = 'There are two different Content-Length headers.';
  }
  head.contentLength = length;
}

const DIGITS_MAX = 15;

/** -2 for anything but 1 to 15 digits. */
function wholeNumber(text: string): number {
  if (text.length === 0 || text.length > DIGITS_MAX) return -2;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -2;
    value = value * 10 + digit;
  }
  return value;
}

/** Of a header that is shown to its sender. */
const SHOWN_LENGTH_MAX = 40;

export const contentEncodingDetail = ({ contentEncoding }: Head): string =>
  `The Content-Encoding ${contentEncoding.slice(0, SHOWN_LENGTH_MAX)} is not read; send the body uncompressed.`;

/**
 * Visible ASCII without quotes, brackets and separators: it goes back as a header, into logs and
 * into JSON as it is.
 */
const SANE_REQUEST_ID = /^[A-Za-z0-9._~:/+=@-]{1,128}$/;

export const isSaneRequestId = (text: string): boolean => SANE_REQUEST_ID.test(text);

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** The key of `head`, '' for none, null for one that is not allowed. */
export function idempotencyKeyOf({ idempotencyKey, otherIdempotencyKey }: Head): string | null {
  if (idempotencyKey === '' && otherIdempotencyKey === '') return '';
  if (idempotencyKey !== '' && otherIdempotencyKey !== '' && idempotencyKey !== otherIdempotencyKey) return null;
  const key = idempotencyKey === '' ? otherIdempotencyKey : idempotencyKey;
  return IDEMPOTENCY_KEY.test(key) ? key : null;
}

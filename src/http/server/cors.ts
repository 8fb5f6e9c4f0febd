/**
 * CORS: which web pages of other origins may read answers.
 *
 * The headers of each origin are put together once, at the start. A request costs one look at its
 * header `Origin` and one at a map, and nothing where `CORS_ORIGINS` is not set: `createCors`
 * returns null then. Tokens travel in the header `Authorization` and never in cookies, so there is
 * no `Access-Control-Allow-Credentials`, and `*` gives a page nothing that its token does not.
 */

export interface Cors {
  /**
   * The headers of every answer to a request with this `Origin` ('': it has none), each with a
   * leading CRLF; '' if the origin is not allowed.
   */
  headersFor(origin: string): string;
}

/**
 * `origins` are of `parseWebOrigin`; without one it returns null. `exposed` names the headers of
 * answers that a page may read; it could read none of them otherwise.
 */
export function createCors(origins: readonly string[], exposed: readonly string[]): Cors | null {
  if (origins.length === 0) return null;
  const exposing = `\r\nAccess-Control-Expose-Headers: ${exposed.join(', ')}`;
  if (origins.includes('*')) {
    const ofAny = `\r\nAccess-Control-Allow-Origin: *${exposing}`;
    return { headersFor: (origin) => (origin === '' ? '' : ofAny) };
  }
  const byOrigin = new Map(
    origins.map((origin) => [origin, `\r\nAccess-Control-Allow-Origin: ${origin}\r\nVary: Origin${exposing}`]),
  );
  return { headersFor: (origin) => byOrigin.get(origin) ?? '' };
}

const REQUEST_HEADERS = 'Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id, Last-Event-ID';
const DAY_SECONDS = 86_400;

/** What the answer to a preflight has besides `headersFor`. */
export const preflightHeaders = (methods: readonly string[]): string =>
  `\r\nAccess-Control-Allow-Methods: ${methods.join(', ')}\r\nAccess-Control-Allow-Headers: ${REQUEST_HEADERS}\r\nAccess-Control-Max-Age: ${DAY_SECONDS}`;

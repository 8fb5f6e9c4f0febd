/** Origins of web pages (RFC 6454), as `CORS_ORIGINS` names them. */

/** `https://`, a host name of 253 characters, and a port. */
const LENGTH_MAX = 267;

/** No path, user, query, fragment or placeholder: none of them is part of an origin. */
const FORM = /^https?:\/\/[^\s/\\?#@*]+\/?$/i;

/**
 * The origin as browsers send it: in lower case, without the usual port and without a slash at the
 * end. `*` stays as it is. Null for anything else, such as `null`, the origin of sandboxed pages.
 */
export function parseWebOrigin(text: string): string | null {
  if (text === '*') return text;
  if (!FORM.test(text) || !URL.canParse(text)) return null;
  const { origin } = new URL(text);
  return origin.length <= LENGTH_MAX ? origin : null;
}

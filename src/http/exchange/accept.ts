/**
 * The two questions that routes with `negotiates` ask of a request's headers. RFC 9110, sections
 * 12.4.2 and 12.5.
 */

/**
 * Whether `Accept` prefers JSON to HTML: a browser gets a page, and so does a client that accepts
 * everything.
 */
export const prefersJson = (accept: string): boolean =>
  quality(accept, 'application/json') > quality(accept, 'text/html');

/** Whether `Accept-Encoding` allows gzip. */
export function takesGzip(acceptEncoding: string): boolean {
  return (
    Math.max(quality(acceptEncoding, 'gzip'), isNamed(acceptEncoding, 'gzip') ? 0 : quality(acceptEncoding, '*')) > 0
  );
}

/** The weight of `name` in the list, 0 where it is not named or is refused. */
function quality(list: string, name: string): number {
  for (const item of list.toLowerCase().split(',')) {
    const [value = '', ...parameters] = item.split(';').map((part) => part.trim());
    if (value !== name) continue;
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const number = weight === undefined ? 1 : Number(weight.slice(2));
    return Number.isFinite(number) ? number : 0;
  }
  return 0;
}

const isNamed = (list: string, name: string): boolean =>
  list
    .toLowerCase()
    .split(',')
    .some((item) => item.split(';')[0]?.trim() === name);

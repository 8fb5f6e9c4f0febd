/**
 * Cursors: where the next page begins, opaque to the caller. `base64url(JSON([1, list,
 * …position]))`: the version lets a later release refuse what it can't continue, the list
 * (`listOf`) keeps a cursor from being used on another one. Nothing in it is secret and nothing is
 * believed: every part is checked again as if it came from the query.
 */
const VERSION = 1;
const CURSOR_LENGTH_MAX = 256;

export type CursorPart = string | number;

export function encodeCursor(list: string, ...position: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify([VERSION, list, ...position])).toString('base64url');
}

/**
 * The position, or null when this cursor was not made for this list; `kinds` are the types of its
 * parts.
 */
export function decodeCursor(
  cursor: string,
  list: string,
  kinds: readonly ('string' | 'index')[],
): readonly CursorPart[] | null {
  if (cursor.length > CURSOR_LENGTH_MAX || !/^[A-Za-z0-9_-]+$/.test(cursor)) return null;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return null;
  }
  if (!Array.isArray(parts) || parts.length !== kinds.length + 2) return null;
  const [version, name, ...position] = parts as unknown[];
  if (version !== VERSION || name !== list) return null;
  const fits = position.every((part, i) =>
    kinds[i] === 'string' ? typeof part === 'string' : Number.isSafeInteger(part) && (part as number) >= 0,
  );
  return fits ? (position as CursorPart[]) : null;
}

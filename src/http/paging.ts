/** Pages: from `limit` and `cursor` of a query to `{items, nextCursor}`. */
import { type CursorPart, decodeCursor, encodeCursor } from './cursor.js';
import type { Exchange } from './exchange.js';

/** Where the page begins: null at the start. Undefined when the cursor was bad, which is answered then. */
export function readCursor(
  x: Exchange,
  cursor: string | undefined,
  list: string,
  kinds: readonly ('string' | 'index')[],
): readonly CursorPart[] | null | undefined {
  if (cursor === undefined) return null;
  const position = decodeCursor(cursor, list, kinds);
  if (position !== null) return position;
  x.problem('bad-cursor', 'This cursor does not belong to this list.');
  return undefined;
}

/** `position` is where the next page begins, null when there is none. */
export function sendPage(
  x: Exchange,
  items: readonly object[],
  list: string,
  position: readonly CursorPart[] | null,
): void {
  x.json(200, JSON.stringify({ items, nextCursor: position === null ? null : encodeCursor(list, ...position) }));
}

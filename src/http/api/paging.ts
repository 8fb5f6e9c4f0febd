/** Pages: from `limit` and `cursor` of a query to `{items, nextCursor}`. */
import { createHash } from 'node:crypto';
import type { AnswerWriter } from '../exchange/answer-writer.js';
import { type CursorPart, decodeCursor, encodeCursor } from './cursor.js';

const SCOPE_BYTES = 9;

/**
 * The list to which a cursor belongs: its kind, and of what, with which filters. Under another
 * book, user, code or filter the same position means other items, so a cursor is refused there.
 */
export function listOf(kind: string, ...scope: readonly (string | boolean | null)[]): string {
  const digest = createHash('sha256').update(JSON.stringify(scope)).digest();
  return `${kind}:${digest.toString('base64url', 0, SCOPE_BYTES)}`;
}

/**
 * Where the page begins: null at the start. Undefined when the cursor was bad, which is answered
 * then.
 */
export function readCursor(
  answer: AnswerWriter,
  cursor: string | undefined,
  list: string,
  kinds: readonly ('string' | 'index')[],
): readonly CursorPart[] | null | undefined {
  if (cursor === undefined) return null;
  const position = decodeCursor(cursor, list, kinds);
  if (position !== null) return position;
  answer.problem(
    'bad-cursor',
    'This cursor does not belong to this list with these filters; send it with the same path and query, or begin without one.',
  );
  return undefined;
}

/** `position` is where the next page begins, null when there is none. */
export function sendPage(
  answer: AnswerWriter,
  items: readonly object[],
  list: string,
  position: readonly CursorPart[] | null,
): void {
  answer.json(200, JSON.stringify({ items, nextCursor: position === null ? null : encodeCursor(list, ...position) }));
}

/**
 * Hot bodies as nearly every client writes them, read without JSON.parse and zod, which take 0.5 µs
 * and 700 bytes of garbage more.
 *
 * Nothing is decided here. What is read is a part of what the schema admits (the fields in the
 * order of the documentation, no escapes, ASCII, at most a space where JSON may have some), read as
 * the schema would; whatever is anything else, right or wrong, goes to the schema. A test holds
 * both beside each other.
 *
 * Without spaces, as JSON.stringify writes it, a body begins with a text that is known beforehand:
 * callers come in runs for one book. Then only the user's id is looked at; else one expression
 * reads all of it.
 */
import { isPlain } from './plain-text.js';

/** The value that the schema would make of the text; null: ask the schema. */
export type ReadUsual<Body> = (text: string) => Body | null;

const USER_ID_LENGTH_MAX = 128;
/** Plain text. */
const USER_ID = `"userId": ?"([ !#-\\[\\]-~]{1,${USER_ID_LENGTH_MAX}})"`;
const BOOK_ID = '"couponBookId": ?"([0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"';

const OF_USER = new RegExp(`^\\{ ?${USER_ID} ?\\}$`);
const OF_BOOK_AND_USER = new RegExp(`^\\{ ?${BOOK_ID}, ?${USER_ID} ?\\}$`);

const USER_BEGINS = '{"userId":"';

export const readUser: ReadUsual<{ userId: string }> = (text) => {
  if (text.startsWith(USER_BEGINS)) {
    const userId = restAsUserId(text, USER_BEGINS.length);
    if (userId !== null) return { userId };
  }
  const match = OF_USER.exec(text);
  return match === null ? null : { userId: match[1] as string };
};

let hotBookId = '';
/** Never the beginning of a body until a book was read. */
let hotBegins = 'none';

export const readBookAndUser: ReadUsual<{ couponBookId: string; userId: string }> = (text) => {
  if (text.startsWith(hotBegins)) {
    const userId = restAsUserId(text, hotBegins.length);
    if (userId !== null) return { couponBookId: hotBookId, userId };
  }
  const match = OF_BOOK_AND_USER.exec(text);
  if (match === null) return null;
  hotBookId = match[1] as string;
  hotBegins = `{"couponBookId":"${hotBookId}","userId":"`;
  return { couponBookId: hotBookId, userId: match[2] as string };
};

const ENDS = '"}';

/**
 * What stands between `from` and the end, if that can be a user's id, is plain, and the end is
 * `"}`.
 */
function restAsUserId(text: string, from: number): string | null {
  const to = text.length - ENDS.length;
  if (to <= from || to - from > USER_ID_LENGTH_MAX || !text.endsWith(ENDS) || !isPlain(text, from, to)) return null;
  return text.slice(from, to);
}

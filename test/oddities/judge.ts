/**
 * The one rule: an answer never denies a change that was made. A 2xx means done. Any other answer
 * but `outcome-unknown` means not done, and so does a connection that ends without an answer. What
 * is no request is never executed.
 */
import type { Api } from '../support/api.js';
import type { Told } from './oddity.js';
import type { RawAnswer } from './raw-client.js';

/**
 * Null: the answer and the effect agree. `isUnsure`: the client has cut the connection, or has sent
 * more before this answer came, so that the library has ended the connection. Then the outcome is
 * not known.
 */
export function contradiction(
  told: Told,
  answers: readonly RawAnswer[],
  isDone: boolean,
  isUnsure = false,
): string | null {
  if (told === 'hidden') return isDone ? 'bytes that are no request were executed' : null;
  const answer = answers[told];
  if (answer === undefined || (isUnsure && isLibraryPage(answer)))
    return isDone && !isUnsure ? 'it was done, and the caller got no answer' : null;
  if (answer.status >= 200 && answer.status < 300) return isDone ? null : `it got ${answer.status} and was not done`;
  if (!isDone || answer.body.includes('/problems/outcome-unknown')) return null;
  return `it was done, and the answer was ${answer.status}`;
}

/** Written by the library's parser, which knows nothing of the request before. */
const isLibraryPage = ({ head }: RawAnswer): boolean => !/^x-request-id:/im.test(head);

export async function isRedeemed(api: Pick<Api, 'call'>, code: string): Promise<boolean> {
  const { status, body } = await api.call('GET', `/coupons/code/${code}`);
  if (status !== 200) throw new Error(`the state of ${code} got ${status}: ${JSON.stringify(body)}`);
  return body.redemptionCount > 0;
}

/**
 * What `detail` says in the example of a problem. Where nothing is given here, it is the first
 * sentence of `about`.
 */
import { type FieldError, PROBLEMS, type ProblemSlug } from '../problem.js';
import { problemJson } from '../problem-json.js';
import type { Example } from './example.js';

const REQUEST_ID = 'checkout-4711';

const DETAILS: Partial<Record<ProblemSlug, string>> = {
  'malformed-request': 'The body is not JSON.',
  validation: 'userId: A user id is 1 to 128 characters, none of them a control character.',
  unauthenticated: 'This needs an access token.',
  forbidden: 'This needs the role admin or service.',
  'lock-not-held': 'This book needs a lock, and this user does not hold one.',
  'version-mismatch': 'The book is in version 2.',
};

const ERRORS: Partial<Record<ProblemSlug, readonly FieldError[]>> = {
  validation: [
    { path: 'userId', message: 'A user id is 1 to 128 characters, none of them a control character' },
    { path: 'ttlSecond', message: 'Unknown field' },
  ],
};

export function problemExample(slug: ProblemSlug): Example {
  const { title, about } = PROBLEMS[slug];
  const detail = DETAILS[slug] ?? (/^.*?\.(?= |$)/.exec(about)?.[0] ?? about).replaceAll('`', '');
  return { summary: title, value: JSON.parse(problemJson(slug, detail, REQUEST_ID, ERRORS[slug] ?? [])) };
}

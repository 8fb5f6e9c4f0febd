/** The headers that requests and answers may have, and which answer has which. */
import type { Json } from './openapi-schemas.js';
import { PROBLEMS, type ProblemSlug } from './problem.js';
import type { AnswerHeader, Route } from './route.js';

/** Those that a test of every answer knows; others are of HTTP itself. */
export const ANSWER_HEADERS = {
  'X-Request-Id': {
    description: 'The id of the request: yours, if you sent a sane one, else a new one. Logs and the history name it.',
    schema: { type: 'string' },
    example: 'checkout-4711',
  },
  'Commit-Seq': {
    description:
      'The place of the change in the order of its shard, `<shard>-<seq>`. An answer that has changed nothing has none, such as that of a dry run.',
    schema: { type: 'string', pattern: '^\\d+-\\d+$' },
    example: '3-1041',
  },
  'Idempotency-Replayed': {
    description:
      'Present when this request came before with the same `Idempotency-Key`: this is the answer of that time, and nothing was done again.',
    schema: { type: 'string', const: 'true' },
    example: 'true',
  },
  ETag: {
    description: 'The version of the book or the promotion, for `If-Match`.',
    schema: { type: 'string', pattern: '^"\\d+"$' },
    example: '"2"',
  },
  Location: {
    description: 'The path of what was made: a book, a promotion or a job.',
    schema: { type: 'string', format: 'uri-reference' },
  },
  'Retry-After': {
    description: 'Seconds after which another try makes sense.',
    schema: { type: 'integer', minimum: 1 },
    example: 1,
  },
  'WWW-Authenticate': {
    description: 'How to authenticate: with a token of the scheme `Bearer`.',
    schema: { type: 'string' },
    example: 'Bearer realm="clipbook"',
  },
} as const satisfies Readonly<Record<string, Json>>;

type HeaderName = keyof typeof ANSWER_HEADERS;

/** Whether an answer has a header always or sometimes. */
type When = 'always' | 'sometimes';
type Declared = Partial<Record<HeaderName, When>>;

const componentOf = (name: HeaderName, when: When): string => `${when === 'always' ? '' : 'Maybe-'}${name}`;
const refOf = (name: HeaderName, when: When): string => `#/components/headers/${componentOf(name, when)}`;

/** Those that `paths` refers to. */
export function headerComponents(paths: Json): Record<string, Json> {
  const text = JSON.stringify(paths);
  const components: Record<string, Json> = {};
  for (const name of Object.keys(ANSWER_HEADERS) as HeaderName[]) {
    for (const when of ['always', 'sometimes'] as const) {
      if (!text.includes(`"${refOf(name, when)}"`)) continue;
      components[componentOf(name, when)] = { ...ANSWER_HEADERS[name], required: when === 'always' };
    }
  }
  return components;
}

export function headersOfAnswer(route: Route, status: number, own: readonly AnswerHeader[]): Json {
  const declared: Declared = { 'X-Request-Id': 'always' };
  for (const name of own) declared[name] = 'always';
  // Refusals of older paths are among the answers.
  if (status >= 400 && route.olderBodies) {
    if (status === 401) declared['WWW-Authenticate'] = 'always';
    return refs({ ...declared, 'Retry-After': 'sometimes' });
  }
  if (route.change) {
    // What was only accepted has no position in the order yet.
    if (status !== 202) declared['Commit-Seq'] = route.dryRun ? 'sometimes' : 'always';
    declared['Idempotency-Replayed'] = 'sometimes';
  }
  return refs(declared);
}

/**
 * Problems that say when another try makes sense if that is known: when a lock or a hold of another
 * cart ends, or when a book or a promotion begins.
 */
const ENDS_BY_ITSELF: ReadonlySet<ProblemSlug> = new Set([
  'locked-by-another',
  'code-locked',
  'book-not-begun',
  'coupon-not-applicable',
  'campaign-incomplete',
]);

/**
 * Of the problems of one status; `when` is `sometimes` where an answer that is no problem has the
 * same status.
 */
export function headersOfProblems(slugs: readonly ProblemSlug[], when: When = 'always'): Json {
  const declared: Declared = { 'X-Request-Id': 'always' };
  for (const slug of slugs) {
    const { status } = PROBLEMS[slug];
    if (status === 401) declared['WWW-Authenticate'] = when;
    if (status === 429 || status === 503) declared['Retry-After'] = when;
    if (ENDS_BY_ITSELF.has(slug)) declared['Retry-After'] = 'sometimes';
  }
  return refs(declared);
}

const refs = (declared: Declared): Json =>
  Object.fromEntries(
    (Object.entries(declared) as [HeaderName, When][]).map(([name, when]) => [name, { $ref: refOf(name, when) }]),
  );

/**
 * Of a request. They have no examples: Scalar would send those with every request that is tried.
 */
export const REQUEST_HEADERS = {
  idempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'A text of your choice that stands for this one request, such as a UUID. When the request comes again with the same key, the first answer is given again and nothing is done again. `X-Idempotency-Key` is read as well.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
  },
  ifMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description: 'The ETag of the version that you read. If there is a newer version, the answer is 412.',
    schema: { type: 'string' },
  },
  requestId: {
    name: 'X-Request-Id',
    in: 'header',
    required: false,
    description:
      'Your id for this request: 1 to 128 letters, digits and `._~:/+=@-`, such as `checkout-4711`. It comes back in the answer; anything else is replaced by a new id.',
    schema: { type: 'string' },
  },
} as const satisfies Readonly<Record<string, Json>>;

/**
 * Everything that the API can answer besides a success, in one table: status, title and the paragraph that
 * `/problems/<slug>` shows. Refusals of the engine and its `Unavailable`s map onto it by name, so a new reason that nobody
 * gave an answer does not compile.
 */
import type { Unavailable } from '../actor/engine.js';
import type { RefusalReason } from '../domain/outcome.js';

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** For people: what it means and what to do. Plain text, one paragraph. */
  readonly about: string;
}

export const PROBLEMS = {
  'malformed-request': {
    status: 400,
    title: 'Malformed request',
    about:
      'The request itself could not be understood: broken JSON, a body that is not UTF-8, contradicting headers, a header or a part of the path that is not what it has to be. The detail says which. Mend the request; sending it again as it is will not help.',
  },
  validation: {
    status: 400,
    title: 'Validation failed',
    about:
      'The request was understood, but some of its fields are missing, unknown, of the wrong type or out of range. `errors` lists each of them with its path and what is wrong with it. Nothing was changed.',
  },
  'bad-cursor': {
    status: 400,
    title: 'Bad cursor',
    about:
      'A cursor is opaque: send `nextCursor` of the page before exactly as it came, to the list that it came from, or none to begin at the start.',
  },
  'bad-idempotency-key': {
    status: 400,
    title: 'Bad idempotency key',
    about:
      'An Idempotency-Key is 1 to 255 visible ASCII characters. A UUID does well. When both Idempotency-Key and X-Idempotency-Key are sent, they must be equal.',
  },
  'book-not-active': {
    status: 400,
    title: 'Coupon book not active',
    about: 'The book is switched off (`isActive` is false). It may be switched on again.',
  },
  'book-not-begun': {
    status: 400,
    title: 'Coupon book not begun',
    about: "The book's `startDate` is still to come.",
  },
  unauthenticated: {
    status: 401,
    title: 'Not authenticated',
    about:
      'The request needs an access token in the header `Authorization: Bearer …`, and it has none, or one that is not valid (any more). Get one from POST /api/v1/auth/token.',
  },
  'wrong-credentials': {
    status: 401,
    title: 'Wrong credentials',
    about: 'Wrong email or password. Whether the email is known is not told.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    about:
      'The token is good, but its role may not do this. A token of the role `user` acts for its own `userId` only, which is the `id` that GET /api/v1/auth/me answers.',
  },
  'not-found': { status: 404, title: 'Not found', about: 'There is nothing at this path.' },
  'book-not-found': { status: 404, title: 'Coupon book not found', about: 'No coupon book has this id.' },
  'code-not-found': {
    status: 404,
    title: 'Code not found',
    about:
      "No such code is known, or it is not this user's. Which of the two is not told, so that codes can't be found by trying.",
  },
  'none-available': {
    status: 404,
    title: 'No code available',
    about: 'Every code of this book is assigned or redeemed. More can be added, or one given back.',
  },
  'redemption-not-found': {
    status: 404,
    title: 'Redemption not found',
    about: 'This code has no redemption with this id.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    about: 'This path is served, but not with this method. The header `Allow` lists those that it has.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    about: 'The body of the request did not arrive in time. Nothing was changed.',
  },
  'assigned-to-another': {
    status: 409,
    title: 'Assigned to another user',
    about: 'This code belongs to another user.',
  },
  'not-locked': { status: 409, title: 'Not locked', about: 'The code has no living lock, so there is none to end.' },
  'lock-not-held': {
    status: 409,
    title: 'Lock not held',
    about:
      'The lock that this needs is not held: it was never taken, it has run out, it is another one than `lockId` names, or it is another user’s. Lock the code (again) first.',
  },
  'code-locked': {
    status: 409,
    title: 'Code is locked',
    about: 'While a lock lives, the code can not go back to the pool.',
  },
  'code-redeemed': {
    status: 409,
    title: 'Code is redeemed',
    about: 'A redeemed code can not go back to the pool; roll the redemption back first.',
  },
  'not-assigned': {
    status: 409,
    title: 'Not assigned',
    about: 'The code has no user, so there is nothing to take back.',
  },
  'already-rolled-back': {
    status: 409,
    title: 'Already rolled back',
    about: 'A redemption is given back once only, and this one was.',
  },
  'already-exists': {
    status: 409,
    title: 'Already exists',
    about: 'Something with this id, or an account with this email, exists already.',
  },
  'book-archived': {
    status: 410,
    title: 'Coupon book archived',
    about: 'The book was archived: its history stays, nothing about it changes any more.',
  },
  'book-over': { status: 410, title: 'Coupon book over', about: "The book's `endDate` has passed." },
  'version-mismatch': {
    status: 412,
    title: 'Changed in the meantime',
    about: 'The book is not in the version that `If-Match` names. Read it again, and decide again.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    about:
      'The body is larger than this path takes. Codes by the million go in as text/csv or application/x-ndjson, of any size.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    about: 'The body is of a type that this path does not take. JSON is `application/json`.',
  },
  'book-invalid': {
    status: 422,
    title: 'Coupon book not valid',
    about: 'With this change the settings of the book would contradict each other. The detail says how.',
  },
  'not-possible': {
    status: 422,
    title: 'Not possible',
    about: 'The request is well formed, but it asks for something that can not be done. The detail says why.',
  },
  'job-over': {
    status: 409,
    title: 'Job is over',
    about: 'The job has ended, with its work done or failed, and can not be cancelled any more.',
  },
  'user-codes-limit': {
    status: 422,
    title: 'User has enough codes',
    about: 'The user has as many codes of this book as `maxCodesPerUser` allows.',
  },
  'user-redemptions-limit': {
    status: 422,
    title: 'User has redeemed enough',
    about: 'The user has redeemed as often in this book as `maxRedemptionsPerUser` allows.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency key used for another request',
    about: 'This key came before with a different request. One key, one request: take a new key.',
  },
  'locked-by-another': {
    status: 423,
    title: 'Locked by another user',
    about:
      'Another user holds the lock of this code. `Retry-After` says when it ends at the latest, unless it is renewed.',
  },
  'used-up': { status: 423, title: 'Used up', about: 'The code has been redeemed as often as its book allows.' },
  'too-many-misses': {
    status: 429,
    title: 'Too many unknown codes',
    about:
      "Too many codes were tried, by this user or from this address, that are not there or not the user's. The user's own codes are served all the same. Wait as long as `Retry-After` says.",
  },
  'too-many-sign-ins': {
    status: 429,
    title: 'Too many sign-ins',
    about:
      'Too many wrong passwords were tried for this email or from this address, or too many sign-ins wait for their turn. The right password is accepted all the same. Wait as long as `Retry-After` says.',
  },
  'too-many-uploads': {
    status: 429,
    title: 'Too many at once',
    about: 'Too many uploads or generations are under way. Wait as long as `Retry-After` says.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    about: 'Something broke that should not. The server has logged it under the request id that `instance` shows.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    about:
      'More is asked than can be done in good time, and this request was refused before anything was changed. Try again after `Retry-After`.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    about:
      'What this needs can not be reached right now: the part of the engine that owns the book is recovering, or the database is away. Nothing was changed. Try again after `Retry-After`.',
  },
  'no-room': {
    status: 503,
    title: 'No room',
    about:
      'The change could not be made durable: the journal has no room. Nothing was changed. Try again after `Retry-After`.',
  },
  draining: {
    status: 503,
    title: 'Shutting down',
    about:
      'This server is shutting down. Nothing was changed. Try again; another one, or this one after its start, will answer.',
  },
  'outcome-unknown': {
    status: 503,
    title: 'Outcome unknown',
    about:
      'The request was accepted, but its outcome did not come back in time: it may have happened, wholly, or not at all. Send the same request again with the same Idempotency-Key: then it happens once. Without a key, read the state first.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemSlug = keyof typeof PROBLEMS;

const OF_REFUSAL = {
  bookNotFound: 'book-not-found',
  bookArchived: 'book-archived',
  bookNotActive: 'book-not-active',
  bookNotBegun: 'book-not-begun',
  bookOver: 'book-over',
  bookVersionMismatch: 'version-mismatch',
  bookExists: 'already-exists',
  bookInvalid: 'book-invalid',
  noneAvailable: 'none-available',
  codeNotFound: 'code-not-found',
  assignedToAnother: 'assigned-to-another',
  lockedByAnother: 'locked-by-another',
  usedUp: 'used-up',
  notLocked: 'not-locked',
  lockNotHeld: 'lock-not-held',
  codeLocked: 'code-locked',
  codeRedeemed: 'code-redeemed',
  notAssigned: 'not-assigned',
  userCodesLimit: 'user-codes-limit',
  userRedemptionsLimit: 'user-redemptions-limit',
  redemptionNotFound: 'redemption-not-found',
  alreadyRolledBack: 'already-rolled-back',
  idempotencyKeyReused: 'idempotency-key-reused',
  idempotencyMemoryFull: 'overloaded',
  // The batch was swept before its command came: staging took too long. Nothing was changed; trying again helps.
  batchUnknown: 'unavailable',
} as const satisfies Record<RefusalReason, ProblemSlug>;

const OF_UNAVAILABLE = {
  overloaded: 'overloaded',
  recovering: 'unavailable',
  noRoom: 'no-room',
  draining: 'draining',
  outcomeUnknown: 'outcome-unknown',
} as const satisfies Record<Unavailable['reason'], ProblemSlug>;

/** `type` of this reason's problem is `/problems/<slug>`. */
export const slugOfRefusal = (reason: RefusalReason): ProblemSlug => OF_REFUSAL[reason];
export const slugOfUnavailable = (reason: Unavailable['reason']): ProblemSlug => OF_UNAVAILABLE[reason];

/** What a caller is told of an `Unavailable`: one full sentence. */
export const UNAVAILABLE_DETAIL = {
  overloaded: 'More is asked than can be done in good time; nothing was changed.',
  recovering: 'This part of the engine is recovering; nothing was changed.',
  noRoom: 'The change could not be made durable, for want of room; nothing was changed.',
  draining: 'The server is shutting down; nothing was changed.',
  outcomeUnknown:
    'It is not known whether this happened. Send it again with the same Idempotency-Key; without one, read the state first.',
} as const satisfies Record<Unavailable['reason'], string>;

/** One thing that is wrong with a request; `path` is dotted, '' is the whole. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** RFC 9457, with `code` and `message` for clients of the older API. */
export function problemJson(
  slug: ProblemSlug,
  detail: string,
  requestId: string,
  errors: readonly FieldError[],
): string {
  const { status, title } = PROBLEMS[slug];
  const told = JSON.stringify(detail);
  const listed = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
  // The request id is made of characters that need no escape.
  return `{"type":"/problems/${slug}","title":"${title}","status":${status},"detail":${told},"instance":"${requestId}","code":${status},"message":${told}${listed}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');

/** The page that `type` leads to. */
export function problemPage(slug: ProblemSlug): string {
  const { status, title, about } = PROBLEMS[slug];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="/api-docs/style.css"></head>
<body><main><h1>${escapeHtml(title)}</h1><p><code>/problems/${slug}</code>, status ${status}</p>
<p>${escapeHtml(about).replace(/`([^`]+)`/g, '<code>$1</code>')}</p>
<p><a href="/api-docs">The API</a></p></main></body>
</html>
`;
}

export const isProblemSlug = (text: string): text is ProblemSlug => Object.hasOwn(PROBLEMS, text);

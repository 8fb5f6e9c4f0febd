/**
 * Everything that the API can answer besides a success, in one table: status, title and the
 * paragraphs that `/problems/<slug>` shows. refusal-problem.ts maps refusals of the engine onto it.
 */

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /**
   * For people: what it means. One paragraph, in which `code` and [links](/path) are the only
   * marks.
   */
  readonly about: string;
  /** What the reader can do, in the same form. */
  readonly remedy: string;
}

export const PROBLEMS = {
  'malformed-request': {
    status: 400,
    title: 'Malformed request',
    about:
      'The request itself could not be understood: broken JSON, a body that is not UTF-8, contradicting headers, or a bad header or part of the path. `detail` says which.',
    remedy: 'Correct the request. Sending the same request again gives the same answer.',
  },
  validation: {
    status: 400,
    title: 'Validation failed',
    about:
      'The request was understood, but fields are missing, unknown, of the wrong type or out of range. `errors` lists each field with its path and what is wrong with it. Nothing was changed.',
    remedy: 'Correct the fields that `errors` names. [The API](/api-docs) shows what each operation takes.',
  },
  'dry-run-not-possible': {
    status: 400,
    title: 'Dry run not possible',
    about:
      'A dry run tells what a change would be answered with, where one part of the engine decides it from memory. This change needs more: codes are generated, uploaded or claimed in the database first.',
    remedy: 'Send the request without `dryRun`.',
  },
  'bad-cursor': {
    status: 400,
    title: 'Bad cursor',
    about: 'The cursor was not made by this server for this list, or for other filters.',
    remedy:
      'Send `nextCursor` of the previous page exactly as it came, to the list that it came from and with the same filters. Leave the cursor out to begin at the start.',
  },
  'bad-idempotency-key': {
    status: 400,
    title: 'Bad idempotency key',
    about:
      'An `Idempotency-Key` is 1 to 255 visible ASCII characters. A request has only one: where the header comes several times, or `X-Idempotency-Key` comes as well, all must be equal.',
    remedy: 'Send one key for each change. A UUID does well.',
  },
  'book-not-active': {
    status: 400,
    title: 'Coupon book not active',
    about:
      "The book is switched off: its `isActive` is false. Its codes can't be assigned, locked or redeemed meanwhile.",
    remedy:
      'Switch the book on again with `PATCH /api/v1/coupon-books/{id}` and `{"isActive": true}`, or tell the customer that the offer is paused.',
  },
  'book-not-begun': {
    status: 400,
    title: 'Coupon book not begun',
    about: "The book's `startDate` is still to come.",
    remedy: 'Try again after that date; `Retry-After` says how many seconds that is.',
  },
  'coupon-not-applicable': {
    status: 400,
    title: 'Coupon not applicable',
    about:
      'The coupon exists, and does not apply to this cart and user now. `detail` is the reason: the coupon is switched off, not begun or over, its uses or its budget are taken, or the cart does not meet its conditions.',
    remedy:
      'Tell the customer the reason. Where `Retry-After` is set, the coupon may apply after that time. Where `heldUntil` is set, other carts hold what is missing, and the first of them may give it back then.',
  },
  'coupon-code-taken': {
    status: 400,
    title: 'Coupon code taken',
    about: 'A promotion or a unique code has this code already. All codes share one namespace.',
    remedy: 'Choose another code, or leave `code` out: then one is generated.',
  },
  'use-incomplete': {
    status: 400,
    title: 'Use incomplete',
    about: 'A coupon with a limit per user or with a budget can only count a use that names the user and the amount.',
    remedy: 'Send the fields that `detail` names.',
  },
  unauthenticated: {
    status: 401,
    title: 'Not authenticated',
    about: 'The request needs an access token, and it has none, or one that is not valid or has ended.',
    remedy: 'Get a token from `POST /api/v1/auth/token` and send it in the header `Authorization: Bearer …`.',
  },
  'wrong-credentials': {
    status: 401,
    title: 'Wrong credentials',
    about: 'The email or the password is wrong. The answer is the same for an email that has no account.',
    remedy: 'Check both. An administrator can make an account or set a new password.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    about:
      'The token is good, but its role may not do this. A token of the role `user` acts for its own `userId` only, which is the `id` that `GET /api/v1/auth/me` answers.',
    remedy: 'Use a token of a role that the operation names.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    about: 'There is nothing at this path, or nothing with this id.',
    remedy: 'Check the path and the id. [The API](/api-docs) lists all paths.',
  },
  'book-not-found': {
    status: 404,
    title: 'Coupon book not found',
    about: 'No coupon book has this id.',
    remedy: 'Check the id. `GET /api/v1/coupon-books` lists the books.',
  },
  'code-not-found': {
    status: 404,
    title: 'Code not found',
    about:
      'There is no such code, or it belongs to another user. The answer does not say which, so that nobody can find codes by guessing.',
    remedy: 'Ask the customer to check the code. Upper and lower case make no difference.',
  },
  'coupon-not-found': {
    status: 404,
    title: 'Coupon not found',
    about: 'No promotion has this id or this code.',
    remedy: 'Check it. Upper and lower case make no difference.',
  },
  'campaign-not-found': {
    status: 404,
    title: 'Campaign not found',
    about: 'Nothing has been made with this `campaignId`.',
    remedy: 'Check the id. `GET /api/v1/campaigns` lists the campaigns.',
  },
  'reservation-not-found': {
    status: 404,
    title: 'Reservation not found',
    about: 'No reservation has this id, or none is held for this cart.',
    remedy: 'Check the id. A cart is found by the caller, the user and the `cartId` that it was reserved with.',
  },
  'product-not-found': {
    status: 404,
    title: 'Product not found',
    about: 'There is no stock of this product.',
    remedy: 'Check the id. `POST /api/v1/flash/init` makes the stock of a product.',
  },
  'order-not-found': {
    status: 404,
    title: 'Order not found',
    about: "There is no order with this id, or a token of the role `user` asked for another user's order.",
    remedy: 'Check the id.',
  },
  'none-available': {
    status: 404,
    title: 'No code available',
    about: 'Every code of this book is assigned or redeemed.',
    remedy: 'Add codes to the book, or give codes back with `unassign`.',
  },
  'redemption-not-found': {
    status: 404,
    title: 'Redemption not found',
    about: 'This code has no redemption with this id.',
    remedy: 'Send the `redemptionId` that the redemption was answered with. The history of the code lists them all.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    about: 'This path exists, but it does not take this method.',
    remedy: 'Use a method that the header `Allow` lists.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    about: 'The body of the request did not arrive in time. Nothing was changed.',
    remedy: 'Send the request again. Check the connection if it happens often.',
  },
  'assigned-to-another': {
    status: 409,
    title: 'Assigned to another user',
    about: 'This code belongs to another user.',
    remedy: 'Assign another code, or take this one back with `unassign` first.',
  },
  'not-locked': {
    status: 409,
    title: 'Not locked',
    about: 'The code has no lock, so there is none to end. Locks end by themselves at `lockedUntil`.',
    remedy: 'Nothing needs to be done if the aim was to free the code.',
  },
  'lock-not-held': {
    status: 409,
    title: 'Lock not held',
    about:
      'The lock that this needs is not held: it was never taken, it has ended, it is not the one that `lockId` names, or it belongs to another user.',
    remedy: 'Lock the code again, then repeat the request with the new `lockId`.',
  },
  'code-locked': {
    status: 409,
    title: 'Code is locked',
    about: "The code has a lock, and a locked code can't go back to the pool.",
    remedy: 'Wait until the lock ends, as `Retry-After` says, or unlock the code.',
  },
  'code-redeemed': {
    status: 409,
    title: 'Code is redeemed',
    about: "A redeemed code can't go back to the pool.",
    remedy: 'Roll the redemption back first.',
  },
  'not-assigned': {
    status: 409,
    title: 'Not assigned',
    about: 'The code has no user, so there is nothing to take back.',
    remedy: 'Nothing needs to be done if the aim was to free the code.',
  },
  'already-rolled-back': {
    status: 409,
    title: 'Already rolled back',
    about: 'A redemption can be rolled back only once, and this one was.',
    remedy: 'Nothing needs to be done. The history of the code shows when it happened.',
  },
  'redemption-of-reservation': {
    status: 409,
    title: 'Redemption of a reservation',
    about: 'A reservation was committed and made this redemption, so the money of its cart belongs to it, too.',
    remedy: 'Roll the reservation back: `detail` names it.',
  },
  'campaign-incomplete': {
    status: 409,
    title: 'Campaign incomplete',
    about:
      'Something that was to be reserved is not available, so nothing was reserved. `missing` and `detail` name each, and why.',
    remedy:
      'Reserve without what is missing. Where `Retry-After` is set, all of it may be there after that time; where `heldUntil` is set, other carts hold some of it until then.',
  },
  'reservation-settled': {
    status: 409,
    title: 'Reservation settled',
    about: 'The reservation was committed, released or rolled back, so this can not be done with it any more.',
    remedy: 'Read the reservation with `GET /api/v1/reservations/{id}`: `status` says what became of it.',
  },
  'rollback-too-late': {
    status: 409,
    title: 'Rollback too late',
    about: 'The use was committed more than 400 days ago. From then on it counts for good.',
    remedy: 'Pay the customer back outside of Clipbook. To allow another use, raise the limit of the promotion.',
  },
  'lines-not-reserved': {
    status: 409,
    title: 'Lines not reserved',
    about: 'A rollback names a product, or more pieces of it, than the reservation has left.',
    remedy: 'Read the reservation, and roll back what is left of it.',
  },
  'sold-out': {
    status: 409,
    title: 'Sold out',
    about: 'No unit of the product is left, its sale has ended, or there is no stock of it.',
    remedy: 'Tell the customer. A unit may come back when an order is cancelled or not confirmed in time.',
  },
  'product-in-another-campaign': {
    status: 409,
    title: 'Product in another campaign',
    about: 'The product belongs to another campaign than the request says. That is set when its stock is first made.',
    remedy: 'Leave `campaignId` out, or use another product id.',
  },
  'round-has-orders': {
    status: 409,
    title: 'Round has orders',
    about: 'The running round of this product has orders, and a new round would begin without them.',
    remedy: 'Send `"reset": true` if a new round is wanted. To change the stock of the running round, use `adjust`.',
  },
  'stock-too-small': {
    status: 409,
    title: 'Stock too small',
    about: 'The stock would have fewer units than are sold or reserved, or more than a stock can have.',
    remedy: 'Read the inventory, and change the stock by less.',
  },
  'order-cancelled': {
    status: 409,
    title: 'Order cancelled',
    about: 'The order was cancelled, or it was not confirmed in time, and its unit went back.',
    remedy: 'Order again.',
  },
  'order-fulfilled': {
    status: 409,
    title: 'Order fulfilled',
    about: 'The order was fulfilled, so it can not be cancelled any more.',
    remedy: 'Handle the return outside of Clipbook, and add the unit with `adjust` if it can be sold again.',
  },
  'already-exists': {
    status: 409,
    title: 'Already exists',
    about: 'Something with this id, or an account with this email, exists already.',
    remedy: 'Use what exists, or choose another id or email.',
  },
  'book-archived': {
    status: 410,
    title: 'Coupon book archived',
    about: 'The book was archived. Its history stays, and nothing about it changes any more.',
    remedy: "Use another book. An archived book can't be opened again.",
  },
  'book-over': {
    status: 410,
    title: 'Coupon book over',
    about: "The book's `endDate` has passed.",
    remedy: 'Tell the customer that the offer has ended, or set a later `endDate`.',
  },
  'reservation-over': {
    status: 410,
    title: 'Reservation over',
    about: 'The time of the reservation has passed. What it held can be used by others, even if there is room left.',
    remedy: 'Reserve again, before the customer pays.',
  },
  'version-mismatch': {
    status: 412,
    title: 'Changed in the meantime',
    about:
      'The book or the coupon is not in the version that `If-Match` names: somebody changed it after you read it. Nothing was changed by this request.',
    remedy: 'Read the book again, decide again, and send the new `ETag` in `If-Match`.',
  },
  'upgrade-required': {
    status: 426,
    title: 'Upgrade required',
    about: 'This path serves WebSockets, and the request was an ordinary one.',
    remedy:
      'Open a WebSocket, or use [Server-Sent Events](/api-docs): `GET /api/v1/events/sse`. Behind a proxy, let it pass `Upgrade` and `Connection` on.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    about: 'The body is larger than this path takes.',
    remedy:
      'Send fewer codes in one request. Uploads as `text/csv` or `application/x-ndjson` to `POST /api/v1/coupon-books/{id}/codes` may have any size.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    about: 'The body is of a type that this path does not take.',
    remedy:
      'Send `Content-Type: application/json`, or one of the types that [the API](/api-docs) lists for the operation.',
  },
  'order-limit': {
    status: 422,
    title: 'Order limit reached',
    about: 'The user has as many orders in this round as one user may have.',
    remedy: 'Tell the customer. A cancelled order does not count.',
  },
  'book-invalid': {
    status: 422,
    title: 'Coupon book not valid',
    about:
      'With this change the settings of the book would contradict each other. `detail` says how. Nothing was changed.',
    remedy: 'Change the settings that contradict each other in one request.',
  },
  'not-in-one-campaign': {
    status: 422,
    title: 'Not in one campaign',
    about: 'A request names coupons of different campaigns. Those of one campaign are decided together, and no others.',
    remedy: 'Send one request for each campaign, or give the coupons that belong together the same `campaignId`.',
  },
  'not-possible': {
    status: 422,
    title: 'Not possible',
    about:
      "The request is well formed, but it asks for something that can't be done. `detail` says why. Nothing was changed.",
    remedy: 'Change the request as `detail` suggests.',
  },
  'job-over': {
    status: 409,
    title: 'Job is over',
    about: "The job has ended, completed or failed, so it can't be cancelled any more.",
    remedy: 'Read its result with `GET /api/v1/jobs/{id}`.',
  },
  'user-codes-limit': {
    status: 422,
    title: 'User has enough codes',
    about: 'The user has as many codes of this book as its `maxCodesPerUser` allows.',
    remedy: 'Tell the customer, take a code back with `unassign`, or raise the limit.',
  },
  'user-redemptions-limit': {
    status: 422,
    title: 'User has redeemed enough',
    about: 'The user has redeemed as often in this book as its `maxRedemptionsPerUser` allows.',
    remedy: 'Tell the customer, roll a redemption back, or raise the limit.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency key used for another request',
    about: 'This key came before with a different request. One key stands for one request. Nothing was changed.',
    remedy: 'Send a new key for a new request. To repeat a request, repeat it unchanged.',
  },
  'locked-by-another': {
    status: 423,
    title: 'Locked by another user',
    about: 'Another user holds the lock of this code.',
    remedy: 'Try again when the lock ends: `Retry-After` says when that is, unless the lock is renewed.',
  },
  'used-up': {
    status: 423,
    title: 'Used up',
    about: 'The code has been redeemed as often as its book allows.',
    remedy: 'Tell the customer. A redemption that should not count can be rolled back.',
  },
  'too-many-misses': {
    status: 429,
    title: 'Too many unknown codes',
    about:
      "This user, or this address, tried too many codes that do not exist or are not the user's. This limit keeps codes from being found by guessing. The user's own codes are still served.",
    remedy: 'Wait as long as `Retry-After` says.',
  },
  'sale-not-open': {
    status: 429,
    title: 'Sale not open',
    about: 'The sale of this product is paused, has not begun, or takes no more orders in this moment.',
    remedy: 'Repeat the order with the same key. If the answer has `Retry-After`, wait as long as it says.',
  },
  'too-many-sign-ins': {
    status: 429,
    title: 'Too many sign-ins',
    about:
      'Too many wrong passwords were tried for this email or from this address, or too many sign-ins wait for their turn. The right password is still accepted.',
    remedy: 'Wait as long as `Retry-After` says. Keep a token until it expires instead of signing in for each request.',
  },
  'too-many-uploads': {
    status: 429,
    title: 'Too many at once',
    about: 'Too many uploads or generations are under way. Nothing was changed.',
    remedy: 'Wait as long as `Retry-After` says, and run fewer of them at once.',
  },
  'head-too-large': {
    status: 431,
    title: 'Headers too large',
    about:
      'The headers of the request are larger than 16 KiB. Large ones are mostly cookies of a shared domain, which this server does not need.',
    remedy: 'Send fewer or smaller headers. Serve the API from a host for which no cookies are set.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    about:
      'The server failed in an unexpected way, and has logged the error under the request id that `instance` shows.',
    remedy:
      'Report it with the request id. Before you repeat a change, read the state, or repeat it with its `Idempotency-Key`.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    about:
      'The server gets more requests than it can answer in good time. It refused this one before anything was changed.',
    remedy: 'Try again after `Retry-After`, and wait longer after each further refusal.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    about:
      "A part that this request needs can't be reached: the part of the engine that owns the book is recovering, or the database is not available. Nothing was changed.",
    remedy: 'Try again after `Retry-After`. [`/readyz`](/readyz) shows the state of each part.',
  },
  'no-room': {
    status: 503,
    title: 'No room',
    about: 'The change could not be made durable, because the journal has no room. Nothing was changed.',
    remedy: 'Free space on the disk of the journal, or give Redis more memory. Try again after `Retry-After`.',
  },
  draining: {
    status: 503,
    title: 'Shutting down',
    about: 'This server is shutting down. Nothing was changed.',
    remedy: 'Try again after `Retry-After`: another server, or this one after its start, will answer.',
  },
  'outcome-unknown': {
    status: 503,
    title: 'Outcome unknown',
    about:
      "The request was accepted, but its outcome did not come back in time. The change was made as a whole, or not at all; the server can't say which.",
    remedy:
      'Send the same request again with the same `Idempotency-Key`: then it is done once. Without a key, read the state first, or look for the request id in the history.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemSlug = keyof typeof PROBLEMS;

/** One thing that is wrong with a request; `path` is dotted, '' is the whole. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export const isProblemSlug = (text: string): text is ProblemSlug => Object.hasOwn(PROBLEMS, text);

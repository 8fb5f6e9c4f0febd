/**
 * The problems that refusals of the engine and its `Unavailable`s are answered with, by name: a new
 * reason that nobody gave an answer does not compile.
 */
import type { RefusalReason } from '../../domain/outcome.js';
import type { Unavailable } from '../../engine/engine.js';
import type { ProblemSlug } from './problem.js';

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
  redemptionReserved: 'redemption-of-reservation',
  idempotencyKeyReused: 'idempotency-key-reused',
  idempotencyMemoryFull: 'overloaded',
  // The batch was given up before its command came. Nothing was changed; trying again helps.
  batchUnknown: 'unavailable',
  batchesFull: 'overloaded',
  promotionNotFound: 'coupon-not-found',
  promotionVersionMismatch: 'version-mismatch',
  promotionsFull: 'not-possible',
  promotionNotApplicable: 'coupon-not-applicable',
  notInOneCampaign: 'not-in-one-campaign',
  campaignNotFound: 'campaign-not-found',
  campaignIncomplete: 'campaign-incomplete',
  // Its condition was changed again and again while it was judged. Nothing was changed by this
  // request.
  conditionsUnjudged: 'unavailable',
  useIncomplete: 'use-incomplete',
  reservationNotFound: 'reservation-not-found',
  reservationOver: 'reservation-over',
  reservationSettled: 'reservation-settled',
  reservationsFull: 'overloaded',
  rollbackTooLate: 'rollback-too-late',
  linesNotReserved: 'lines-not-reserved',
  productNotFound: 'product-not-found',
  productsFull: 'not-possible',
  productElsewhere: 'product-in-another-campaign',
  roundHasOrders: 'round-has-orders',
  stockTooSmall: 'stock-too-small',
  ordersFull: 'not-possible',
  saleNotOpen: 'sale-not-open',
  soldOut: 'sold-out',
  orderLimit: 'order-limit',
  orderKeyReused: 'idempotency-key-reused',
  orderNotFound: 'order-not-found',
  orderCancelled: 'order-cancelled',
  orderFulfilled: 'order-fulfilled',
} as const satisfies Record<RefusalReason, ProblemSlug>;

const OF_UNAVAILABLE = {
  overloaded: 'overloaded',
  recovering: 'unavailable',
  noRoom: 'no-room',
  draining: 'draining',
  outcomeUnknown: 'outcome-unknown',
} as const satisfies Record<Unavailable['reason'], ProblemSlug>;

/** The problems that a command can be answered with, by the refusals that it declares. */
export const problemsOf = (reasons: readonly RefusalReason[]): ProblemSlug[] => reasons.map(slugOfRefusal);

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

/**
 * The result of a command or a query: an outcome (2xx) or a refusal. Refusals are values; the order
 * in which a command checks for them is the order in which `decide` names them, and it is
 * documented there.
 */
import type { Outcome } from '../records/outcomes.generated.js';
import type { RefusalReason } from '../records/refusals.js';

export type { Outcome, RefusalReason };

/** As the journal of its shard tells it. An id that was never opened counts as given up. */
export type BatchFate = 'open' | 'live' | 'givenUp';

export interface Missing {
  /** As the caller named it: a code or an id. */
  readonly name: string;
  readonly reason: string;
}

/** `detail` is a full sentence for the caller; it never names another user. */
export interface Refusal<Reason extends RefusalReason = RefusalReason> {
  readonly kind: 'refused';
  readonly reason: Reason;
  readonly detail: string;
  /**
   * Unix ms after which the same request may succeed, if that is known (a lease that ends).
   */
  readonly retryAtMs?: number;
  /** Unix ms: when the holds of other carts, which are the cause, may end. */
  readonly heldUntilMs?: number;
  /** What a request for all or none lacks. */
  readonly missing?: readonly Missing[];
  /**
   * The code that the command names is not this user's. To a caller of the role `user` it does not
   * exist
   */
  readonly isOthersCode?: true;
}

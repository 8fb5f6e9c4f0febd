/**
 * What a command or a query comes to: an outcome (2xx) or a refusal. Refusals are values; the order in
 * which a command checks for them is the order in which `decide` names them, and it is documented there.
 */

import type { OpenBatch } from './batch.js';
import type { Book, BookCounts } from './book.js';
import type { BookId } from './ids.js';

export type Outcome =
  | { readonly kind: 'book'; readonly book: Book; readonly counts: BookCounts }
  | { readonly kind: 'archived' }
  /** `report` is what the caller is told of the batch, already in the contract's words. */
  | { readonly kind: 'codesAdded'; readonly total: number; readonly report: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'assigned';
      readonly bookId: BookId;
      readonly code: string;
      readonly userId: string;
      readonly assignedMs: number;
    }
  | {
      readonly kind: 'locked';
      readonly code: string;
      readonly userId: string;
      readonly lockId: number;
      readonly untilMs: number;
    }
  | { readonly kind: 'unlocked'; readonly code: string; readonly userId: string }
  | {
      readonly kind: 'redeemed';
      readonly code: string;
      readonly userId: string;
      readonly redemptionId: string;
      readonly redeemedMs: number;
      readonly redemptionCount: number;
      /** How often this code can still be redeemed; `null` is without end. */
      readonly remaining: number | null;
    }
  | {
      readonly kind: 'rolledBack';
      readonly code: string;
      readonly redemptionId: string;
      readonly redemptionCount: number;
      readonly remaining: number | null;
    }
  | { readonly kind: 'unassigned'; readonly bookId: BookId; readonly code: string }
  /** `isNew`: this command opened it; otherwise it was open already, for the same caller and key. */
  | { readonly kind: 'batchOpened'; readonly batch: OpenBatch; readonly isNew: boolean }
  | { readonly kind: 'batchSettled'; readonly fate: Exclude<BatchFate, 'open'> };

/** As the journal of its shard tells it. An id that was never opened counts as given up. */
export type BatchFate = 'open' | 'live' | 'givenUp';

export type RefusalReason =
  | 'bookNotFound'
  | 'bookArchived'
  | 'bookNotActive'
  | 'bookNotBegun'
  | 'bookOver'
  | 'bookVersionMismatch'
  | 'bookExists'
  | 'bookInvalid'
  | 'noneAvailable'
  | 'codeNotFound'
  | 'assignedToAnother'
  | 'lockedByAnother'
  | 'usedUp'
  | 'notLocked'
  | 'lockNotHeld'
  | 'codeLocked'
  | 'codeRedeemed'
  | 'notAssigned'
  | 'userCodesLimit'
  | 'userRedemptionsLimit'
  | 'redemptionNotFound'
  | 'alreadyRolledBack'
  | 'idempotencyKeyReused'
  | 'idempotencyMemoryFull'
  /** It is given up; or it is open, and its codes are not loaded into memory. */
  | 'batchUnknown'
  | 'batchesFull';

/** `detail` is a full sentence for the caller; it never names another user. */
export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly detail: string;
  /** Unix ms after which the same request may fare better, where that is known (a lease that ends). */
  readonly retryAtMs?: number;
  /** The code that the command names is not this user's. To a caller of the role `user` it does not exist */
  readonly isOthersCode?: true;
}

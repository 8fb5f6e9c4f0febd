/**
 * Outcomes: what an accepted command came to.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */

import type { OrderView, StockView } from './flash.js';
import type { BookId } from './ids.js';
import type { BookOffer, PromotionView, ReservationView } from './promotions.js';
import type { Book, BookCounts, OpenBatch } from './values.generated.js';

export type Outcome =
  | AssignedOutcome
  | LockedOutcome
  | UnlockedOutcome
  | RedeemedOutcome
  | RolledBackOutcome
  | UnassignedOutcome
  | BookOutcome
  | ArchivedOutcome
  | CodesAddedOutcome
  | BatchOpenedOutcome
  | BatchSettledOutcome
  | PromotionOutcome
  | PromotionEndedOutcome
  | ReservedOutcome
  | ReservationOutcome
  | CampaignStoppedOutcome
  | BookShownOutcome
  | StockOutcome
  | OrderedOutcome
  | OrderOutcome;

/** Declared in src/features/coupons/assign.ts. */
export interface AssignedOutcome {
  readonly kind: 'assigned';
  readonly bookId: BookId;
  readonly code: string;
  readonly userId: string;
  readonly assignedMs: number;
}

/** Declared in src/features/coupons/lock.ts. */
export interface LockedOutcome {
  readonly kind: 'locked';
  readonly code: string;
  readonly userId: string;
  readonly lockId: number;
  readonly untilMs: number;
}

/** Declared in src/features/coupons/lock.ts. */
export interface UnlockedOutcome {
  readonly kind: 'unlocked';
  readonly code: string;
  readonly userId: string;
}

/** Declared in src/features/coupons/redeem.ts. */
export interface RedeemedOutcome {
  readonly kind: 'redeemed';
  readonly code: string;
  readonly userId: string;
  readonly redemptionId: string;
  readonly redeemedMs: number;
  readonly redemptionCount: number;
  readonly remaining: number | null;
}

/** Declared in src/features/coupons/rollback.ts. */
export interface RolledBackOutcome {
  readonly kind: 'rolledBack';
  readonly code: string;
  readonly redemptionId: string;
  readonly redemptionCount: number;
  readonly remaining: number | null;
}

/** Declared in src/features/coupons/unassign.ts. */
export interface UnassignedOutcome {
  readonly kind: 'unassigned';
  readonly bookId: BookId;
  readonly code: string;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookOutcome {
  readonly kind: 'book';
  readonly book: Book;
  readonly counts: BookCounts;
}

/** Declared in src/features/coupons/books.ts. */
export interface ArchivedOutcome {
  readonly kind: 'archived';
}

/** Declared in src/features/coupons/batches.ts. */
export interface CodesAddedOutcome {
  readonly kind: 'codesAdded';
  readonly total: number;
  readonly report: Readonly<Record<string, unknown>>;
}

/** Declared in src/features/coupons/batches.ts. */
export interface BatchOpenedOutcome {
  readonly kind: 'batchOpened';
  readonly isNew: boolean;
  readonly batch: OpenBatch;
}

/** Declared in src/features/coupons/batches.ts. */
export interface BatchSettledOutcome {
  readonly kind: 'batchSettled';
  readonly fate: 'givenUp' | 'live';
}

/** Declared in src/features/promotions/manage.ts. */
export interface PromotionOutcome {
  readonly kind: 'promotion';
  readonly promotion: PromotionView;
}

/** Declared in src/features/promotions/manage.ts. */
export interface PromotionEndedOutcome {
  readonly kind: 'promotionEnded';
}

/** Declared in src/features/promotions/reserve.ts. */
export interface ReservedOutcome {
  readonly kind: 'reserved';
  readonly reservationId: string;
  readonly untilMs: number;
  readonly quote: string;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservationOutcome {
  readonly kind: 'reservation';
  readonly reservation: ReservationView;
}

/** Declared in src/features/promotions/manage.ts. */
export interface CampaignStoppedOutcome {
  readonly kind: 'campaignStopped';
  readonly stopped: number;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookShownOutcome {
  readonly kind: 'bookShown';
  readonly book: Book;
  readonly counts: BookCounts;
  readonly offer: BookOffer;
}

/** Declared in src/features/flash/stock.ts. */
export interface StockOutcome {
  readonly kind: 'stock';
  readonly stock: StockView;
}

/** Declared in src/features/flash/order.ts. */
export interface OrderedOutcome {
  readonly kind: 'ordered';
  readonly orderId: string;
  readonly isDuplicate: boolean;
}

/** Declared in src/features/flash/orders.ts. */
export interface OrderOutcome {
  readonly kind: 'order';
  readonly order: OrderView;
}

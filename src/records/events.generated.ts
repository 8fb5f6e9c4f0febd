/**
 * Events: what was decided, complete.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { BatchContent } from './batch-content.js';
import type { Stock } from './flash.js';
import type { BookId, CampaignId, ScopeId, Seq } from './ids.js';
import type { GivenBack, Promotion, PromotionAmounts, RedemptionIds, ReservedCart } from './promotions.js';
import type { Book } from './values.generated.js';

export type DomainEvent =
  | CodeAssigned
  | CodeUnassigned
  | CodeLocked
  | CodeUnlocked
  | LeaseExpired
  | CodeRedeemed
  | RedemptionRolledBack
  | BookCreated
  | BookUpdated
  | BookArchived
  | CodesAdded
  | Noted
  | BatchOpened
  | BatchGivenUp
  | PromotionCreated
  | PromotionUpdated
  | PromotionArchived
  | CodeClaimed
  | CodeFreed
  | ReservationMade
  | ReservationRenewed
  | ReservationCommitted
  | ReservationReleased
  | ReservationExpired
  | ReservationRolledBack
  | BookJoinedCampaign
  | ReservedCodesRedeemed
  | StockInitialized
  | StockChanged
  | OrderPlaced
  | OrderConfirmed
  | OrderFulfilled
  | OrderCancelled;

/** Declared in src/features/coupons/assign.ts. */
export interface CodeAssigned {
  readonly kind: 'codeAssigned';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly atMs: number;
}

/** Declared in src/features/coupons/unassign.ts. */
export interface CodeUnassigned {
  readonly kind: 'codeUnassigned';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly reason: string | null;
}

/** Declared in src/features/coupons/lock.ts. */
export interface CodeLocked {
  readonly kind: 'codeLocked';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly lockId: number;
  readonly untilMs: number;
}

/** Declared in src/features/coupons/lock.ts. */
export interface CodeUnlocked {
  readonly kind: 'codeUnlocked';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly lockId: number;
}

/** Declared in src/features/coupons/lock.ts. */
export interface LeaseExpired {
  readonly kind: 'leaseExpired';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly lockId: number;
}

/** Declared in src/features/coupons/redeem.ts. */
export interface CodeRedeemed {
  readonly kind: 'codeRedeemed';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly redemptionId: string;
  readonly atMs: number;
  readonly redemptionCount: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** Declared in src/features/coupons/rollback.ts. */
export interface RedemptionRolledBack {
  readonly kind: 'redemptionRolledBack';
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
  readonly redemptionId: string;
  readonly redemptionCount: number;
  readonly reason: string | null;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookCreated {
  readonly kind: 'bookCreated';
  readonly book: Book;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookUpdated {
  readonly kind: 'bookUpdated';
  readonly book: Book;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookArchived {
  readonly kind: 'bookArchived';
  readonly book: Book;
}

/** Declared in src/features/coupons/batches.ts. */
export interface CodesAdded {
  readonly kind: 'codesAdded';
  readonly bookId: BookId;
  readonly batchId: number;
  readonly firstIndex: number;
  readonly size: number;
  readonly count: number;
}

/** Declared in src/domain/decide.ts. */
export interface Noted {
  readonly kind: 'noted';
  readonly scopeId: ScopeId;
}

/** Declared in src/features/coupons/batches.ts. */
export interface BatchOpened {
  readonly kind: 'batchOpened';
  readonly batchId: number;
  readonly bookId: BookId;
  readonly caller: string;
  readonly key: string | null;
  readonly fingerprint: number | null;
  readonly openedMs: number;
  readonly content: BatchContent;
}

/** Declared in src/features/coupons/batches.ts. */
export interface BatchGivenUp {
  readonly kind: 'batchGivenUp';
  readonly bookId: BookId;
  readonly batchId: number;
}

/** Declared in src/features/promotions/manage.ts. */
export interface PromotionCreated {
  readonly kind: 'promotionCreated';
  readonly promotion: Promotion;
}

/** Declared in src/features/promotions/manage.ts. */
export interface PromotionUpdated {
  readonly kind: 'promotionUpdated';
  readonly promotion: Promotion;
}

/** Declared in src/features/promotions/manage.ts. */
export interface PromotionArchived {
  readonly kind: 'promotionArchived';
  readonly promotion: Promotion;
}

/** Declared in src/features/coupons/claims.ts. */
export interface CodeClaimed {
  readonly kind: 'codeClaimed';
  readonly bookId: BookId;
  readonly batchId: number;
  readonly claimedCode: string;
}

/** Declared in src/features/coupons/claims.ts. */
export interface CodeFreed {
  readonly kind: 'codeFreed';
  readonly bookId: BookId;
  readonly batchId: number;
}

/** Declared in src/features/promotions/reserve.ts. */
export interface ReservationMade {
  readonly kind: 'reservationMade';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly caller: string;
  readonly userId: string | null;
  readonly cartId: string | null;
  readonly orderId: string | null;
  readonly cart: ReservedCart;
  readonly replaced: PromotionAmounts | null;
  readonly madeMs: number;
  readonly untilMs: number | null;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservationRenewed {
  readonly kind: 'reservationRenewed';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly untilMs: number;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservationCommitted {
  readonly kind: 'reservationCommitted';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly userId: string | null;
  readonly amounts: PromotionAmounts;
  readonly orderId: string | null;
  readonly committedMs: number;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservationReleased {
  readonly kind: 'reservationReleased';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly userId: string | null;
  readonly amounts: PromotionAmounts;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservationExpired {
  readonly kind: 'reservationExpired';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly userId: string | null;
  readonly amounts: PromotionAmounts;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservationRolledBack {
  readonly kind: 'reservationRolledBack';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly userId: string | null;
  readonly amounts: PromotionAmounts;
  readonly givenBack: GivenBack;
  readonly isWhole: boolean;
  readonly reason: string | null;
}

/** Declared in src/features/promotions/book-discounts.ts. */
export interface BookJoinedCampaign {
  readonly kind: 'bookJoinedCampaign';
  readonly bookId: BookId;
  readonly campaignId: CampaignId;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReservedCodesRedeemed {
  readonly kind: 'reservedCodesRedeemed';
  readonly campaignId: CampaignId;
  readonly reservationId: string;
  readonly redemptionIds: RedemptionIds;
}

/** Declared in src/features/flash/stock.ts. */
export interface StockInitialized {
  readonly kind: 'stockInitialized';
  readonly stock: Stock;
}

/** Declared in src/features/flash/stock.ts. */
export interface StockChanged {
  readonly kind: 'stockChanged';
  readonly stock: Stock;
}

/** Declared in src/features/flash/order.ts. */
export interface OrderPlaced {
  readonly kind: 'orderPlaced';
  readonly campaignId: CampaignId;
  readonly productId: string;
  readonly orderId: string;
  readonly userId: string;
  readonly key: string;
  readonly round: number;
  readonly untilMs: number | null;
}

/** Declared in src/features/flash/orders.ts. */
export interface OrderConfirmed {
  readonly kind: 'orderConfirmed';
  readonly campaignId: CampaignId;
  readonly productId: string;
  readonly orderId: string;
  readonly userId: string;
}

/** Declared in src/features/flash/orders.ts. */
export interface OrderFulfilled {
  readonly kind: 'orderFulfilled';
  readonly campaignId: CampaignId;
  readonly productId: string;
  readonly orderId: string;
  readonly userId: string;
}

/** Declared in src/features/flash/orders.ts. */
export interface OrderCancelled {
  readonly kind: 'orderCancelled';
  readonly campaignId: CampaignId;
  readonly productId: string;
  readonly orderId: string;
  readonly userId: string;
  readonly isExpired: boolean;
}

/** The number of each event in `changes.kind`. The table `change_kinds` holds the same. */
export const eventNumbers: Readonly<Record<DomainEvent['kind'], number>> = {
  codeAssigned: 6,
  codeUnassigned: 7,
  codeLocked: 8,
  codeUnlocked: 9,
  leaseExpired: 10,
  codeRedeemed: 11,
  redemptionRolledBack: 12,
  bookCreated: 1,
  bookUpdated: 2,
  bookArchived: 3,
  codesAdded: 4,
  noted: 5,
  batchOpened: 13,
  batchGivenUp: 14,
  promotionCreated: 15,
  promotionUpdated: 16,
  promotionArchived: 17,
  codeClaimed: 18,
  codeFreed: 19,
  reservationMade: 20,
  reservationRenewed: 21,
  reservationCommitted: 22,
  reservationReleased: 23,
  reservationExpired: 24,
  reservationRolledBack: 25,
  bookJoinedCampaign: 26,
  reservedCodesRedeemed: 27,
  stockInitialized: 28,
  stockChanged: 29,
  orderPlaced: 30,
  orderConfirmed: 31,
  orderFulfilled: 32,
  orderCancelled: 33,
};

/** The names of events in histories and live updates; null: callers do not see the event. */
export const shownNames: ReadonlyMap<string, string | null> = new Map([
  ['codeAssigned', 'coupon.assigned'],
  ['codeUnassigned', 'coupon.unassigned'],
  ['codeLocked', 'coupon.locked'],
  ['codeUnlocked', 'coupon.unlocked'],
  ['leaseExpired', 'coupon.lock_expired'],
  ['codeRedeemed', 'coupon.redeemed'],
  ['redemptionRolledBack', 'coupon.rolled_back'],
  ['bookCreated', 'book.created'],
  ['bookUpdated', 'book.updated'],
  ['bookArchived', 'book.archived'],
  ['codesAdded', 'codes.added'],
  ['noted', null],
  ['batchOpened', null],
  ['batchGivenUp', null],
  ['promotionCreated', 'promotion.created'],
  ['promotionUpdated', 'promotion.updated'],
  ['promotionArchived', 'promotion.archived'],
  ['codeClaimed', null],
  ['codeFreed', null],
  ['reservationMade', 'promotion.reserved'],
  ['reservationRenewed', 'promotion.renewed'],
  ['reservationCommitted', 'promotion.used'],
  ['reservationReleased', 'promotion.released'],
  ['reservationExpired', 'promotion.released'],
  ['reservationRolledBack', 'promotion.rolled_back'],
  ['bookJoinedCampaign', null],
  ['reservedCodesRedeemed', null],
  ['stockInitialized', 'stock.initialized'],
  ['stockChanged', 'stock.changed'],
  ['orderPlaced', 'stock.ordered'],
  ['orderConfirmed', 'stock.confirmed'],
  ['orderFulfilled', 'stock.fulfilled'],
  ['orderCancelled', 'stock.cancelled'],
]);

/**
 * Commands to a shard.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { BatchContent } from './batch-content.js';
import type { BookId, CampaignId } from './ids.js';
import type { DiscountChange, DiscountDraft, IfVersion, PriceRequest, RolledBackLine, StagedBatch } from './objects.js';
import type { PromotionPlan, PromotionSettings } from './promotions.js';
import type { BookSettings } from './values.generated.js';

export type Command =
  | AssignRandom
  | AssignCode
  | LockCode
  | UnlockCode
  | RedeemCode
  | UnassignCode
  | PlaceOrder
  | Reserve
  | OpenBatch
  | GiveUpBatch
  | AddCodes
  | CreateBook
  | UpdateBook
  | ArchiveBook
  | RollbackRedemption
  | ConfirmOrder
  | FulfilOrder
  | CancelOrder
  | InitStock
  | AdjustStock
  | PauseStock
  | CreatePromotion
  | UpdatePromotion
  | ArchivePromotion
  | StopCampaign
  | CommitReservation
  | ReleaseReservation
  | RenewReservation
  | RollbackReservation
  | UsePromotion;

/** Declared in src/features/coupons/assign.ts. */
export interface AssignRandom {
  readonly kind: 'assignRandom';
  readonly bookId: BookId;
  readonly userId: string;
}

/** Declared in src/features/coupons/assign.ts. */
export interface AssignCode {
  readonly kind: 'assignCode';
  readonly code: string;
  readonly userId: string;
}

/** Declared in src/features/coupons/lock.ts. */
export interface LockCode {
  readonly kind: 'lockCode';
  readonly code: string;
  readonly userId: string;
  readonly ttlMs: number | null;
}

/** Declared in src/features/coupons/lock.ts. */
export interface UnlockCode {
  readonly kind: 'unlockCode';
  readonly code: string;
  readonly userId: string;
  readonly lockId: number | null;
}

/** Declared in src/features/coupons/redeem.ts. */
export interface RedeemCode {
  readonly kind: 'redeemCode';
  readonly code: string;
  readonly userId: string;
  readonly lockId: number | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** Declared in src/features/coupons/unassign.ts. */
export interface UnassignCode {
  readonly kind: 'unassignCode';
  readonly code: string;
  readonly reason: string | null;
}

/** Declared in src/features/flash/order.ts. */
export interface PlaceOrder {
  readonly kind: 'placeOrder';
  readonly productId: string;
  readonly userId: string;
  readonly key: string;
  readonly isAdmitted: boolean;
}

/** Declared in src/features/promotions/reserve.ts. */
export interface Reserve {
  readonly kind: 'reserve';
  readonly request: PriceRequest;
  readonly caller: string;
  readonly cartId: string | null;
  readonly ttlMs: number;
}

/** Declared in src/features/coupons/batches.ts. */
export interface OpenBatch {
  readonly kind: 'openBatch';
  readonly bookId: BookId;
  readonly caller: string;
  readonly key: string | null;
  readonly fingerprint: number | null;
  readonly content: BatchContent;
}

/** Declared in src/features/coupons/batches.ts. */
export interface GiveUpBatch {
  readonly kind: 'giveUpBatch';
  readonly bookId: BookId;
  readonly batchId: number;
}

/** Declared in src/features/coupons/batches.ts. */
export interface AddCodes {
  readonly kind: 'addCodes';
  readonly bookId: BookId;
  readonly codes: StagedBatch;
}

/** Declared in src/features/coupons/books.ts. */
export interface CreateBook {
  readonly kind: 'createBook';
  readonly bookId: BookId;
  readonly settings: BookSettings;
  readonly campaignId: CampaignId | null;
  readonly discount: DiscountDraft | null;
  readonly codes: StagedBatch | null;
}

/** Declared in src/features/coupons/books.ts. */
export interface UpdateBook {
  readonly kind: 'updateBook';
  readonly bookId: BookId;
  readonly patch: Partial<BookSettings>;
  readonly discount: DiscountChange | null;
  readonly ifVersion: IfVersion;
}

/** Declared in src/features/coupons/books.ts. */
export interface ArchiveBook {
  readonly kind: 'archiveBook';
  readonly bookId: BookId;
  readonly ifVersion: IfVersion;
}

/** Declared in src/features/coupons/rollback.ts. */
export interface RollbackRedemption {
  readonly kind: 'rollbackRedemption';
  readonly code: string;
  readonly redemptionId: string;
  readonly reason: string | null;
}

/** Declared in src/features/flash/orders.ts. */
export interface ConfirmOrder {
  readonly kind: 'confirmOrder';
  readonly id: string;
  readonly owner: string | null;
}

/** Declared in src/features/flash/orders.ts. */
export interface FulfilOrder {
  readonly kind: 'fulfilOrder';
  readonly id: string;
}

/** Declared in src/features/flash/orders.ts. */
export interface CancelOrder {
  readonly kind: 'cancelOrder';
  readonly id: string;
  readonly owner: string | null;
}

/** Declared in src/features/flash/stock.ts. */
export interface InitStock {
  readonly kind: 'initStock';
  readonly home: number;
  readonly productId: string;
  readonly inCampaign: string | null;
  readonly quantity: number;
  readonly startsMs: number | null;
  readonly endsMs: number | null;
  readonly perUserLimit: number | null;
  readonly holdMs: number | null;
  readonly mayReset: boolean;
}

/** Declared in src/features/flash/stock.ts. */
export interface AdjustStock {
  readonly kind: 'adjustStock';
  readonly productId: string;
  readonly add: number;
  readonly remove: number;
}

/** Declared in src/features/flash/stock.ts. */
export interface PauseStock {
  readonly kind: 'pauseStock';
  readonly productId: string;
  readonly isPaused: boolean;
}

/** Declared in src/features/promotions/manage.ts. */
export interface CreatePromotion {
  readonly kind: 'createPromotion';
  readonly id: string;
  readonly campaignId: CampaignId;
  readonly settings: PromotionSettings;
  readonly plan: PromotionPlan;
  readonly codes: StagedBatch | null;
}

/** Declared in src/features/promotions/manage.ts. */
export interface UpdatePromotion {
  readonly kind: 'updatePromotion';
  readonly id: string;
  readonly settings: PromotionSettings;
  readonly plan: PromotionPlan;
  readonly version: number;
}

/** Declared in src/features/promotions/manage.ts. */
export interface ArchivePromotion {
  readonly kind: 'archivePromotion';
  readonly id: string;
  readonly ifVersion: IfVersion;
}

/** Declared in src/features/promotions/manage.ts. */
export interface StopCampaign {
  readonly kind: 'stopCampaign';
  readonly campaign: CampaignId;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface CommitReservation {
  readonly kind: 'commitReservation';
  readonly id: string;
  readonly orderId: string | null;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface ReleaseReservation {
  readonly kind: 'releaseReservation';
  readonly id: string;
  readonly owner: string | null;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface RenewReservation {
  readonly kind: 'renewReservation';
  readonly id: string;
  readonly owner: string | null;
  readonly ttlMs: number;
}

/** Declared in src/features/promotions/reservations.ts. */
export interface RollbackReservation {
  readonly kind: 'rollbackReservation';
  readonly id: string;
  readonly lines: readonly RolledBackLine[] | null;
  readonly reason: string | null;
}

/** Declared in src/features/promotions/use.ts. */
export interface UsePromotion {
  readonly kind: 'usePromotion';
  readonly promotionCode: string;
  readonly caller: string;
  readonly userId: string | null;
  readonly amount: number | null;
  readonly orderId: string | null;
}

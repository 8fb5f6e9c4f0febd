/**
 * What promotions ask of coupon books: the namespace of all codes, and the unique codes that a cart
 * can hold. Coupon books implement it, so that neither feature imports the other.
 */
import type { DomainEvent } from './event.js';
import type { BookId } from './ids.js';
import type { Random } from './random.js';

export interface UniqueCodes {
  /** The row that takes the code is in the store, and its batch is open. */
  canClaim(batchId: number): boolean;
  /** The place of a code that is in a book; null: there is none. */
  find(code: string): CodeInBook | null;
  /** Redemptions of the book that stand. */
  redemptions(bookId: BookId): number;
  redemptionsBy(bookId: BookId, userId: string): number;
  /** Those that stand, made at or after this time. `heldBy`: the reservation that made it. */
  eachRedemption(bookId: BookId, sinceMs: number, visit: (atMs: number, heldBy: string | null) => void): void;
  /** From now on carts can hold codes of the book, and its redemptions are told to its discount. */
  markDiscount(bookId: BookId): void;
  /** Why a cart of this user can't hold the code; null: it can. */
  objectTo(code: CodeInBook, use: CodeUse, nowMs: number): CodeObjection | null;
  /** The code is held by a reservation, and nothing else may use it. */
  hold(code: string, reservationId: string): void;
  letGo(code: string): void;
  /** These redemptions were made by committing the reservation. */
  noteRedemptions(codes: readonly (string | undefined)[], ids: readonly (string | null)[], reservationId: string): void;

  /**
   * The events that lock a code for a cart, or renew its lock. `firstSeq`: the sequence of the
   * first of them.
   */
  lockEvents(code: string, userId: string, untilMs: number, nowMs: number, firstSeq: number): DomainEvent[];
  /** Of a code that a cart holds. */
  renewEvent(code: string, untilMs: number): DomainEvent;
  unlockEvent(code: string): DomainEvent;
  expireEvent(code: string): DomainEvent;
  /** `ordinal`: how many redemptions come before it in the same change. */
  redeemEvent(
    code: string,
    made: { readonly nowMs: number; readonly ordinal: number; readonly metadata: Readonly<Record<string, unknown>> },
    random: Random,
  ): DomainEvent & { readonly redemptionId: string };
  rollbackEvent(code: string, redemptionId: string, reason: string | null): DomainEvent;
}

export interface CodeInBook {
  readonly index: number;
  readonly bookId: BookId;
}

export interface CodeUse {
  readonly userId: string | null;
  /** The reservation that the cart has already; null: none. */
  readonly reservationId: string | null;
  /** Codes of the book that other carts of this user hold. */
  readonly heldByUser: number;
}

/**
 * `unknown`: the user may not know of the code. `isOthers`: only admins and services may be told.
 * `isOwnCart`: another cart of the same user holds the code, which is free when that cart ends.
 * `refused` has a message of docs/contract.md, section 6.
 */
export type CodeObjection =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'locked';
      readonly detail: string;
      readonly untilMs: number;
      readonly isOthers: boolean;
      readonly isOwnCart: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly refusal: string;
      readonly explanation: string;
      readonly retryAtMs: number | null;
      readonly isOthers: boolean;
    };

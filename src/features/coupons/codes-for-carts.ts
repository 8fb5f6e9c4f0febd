/** Unique codes as carts hold them: the part of coupon books that promotions ask for. */
import type { DomainEvent } from '../../domain/event.js';
import { asSeq, type BookId } from '../../domain/ids.js';
import type { Random } from '../../domain/random.js';
import type { CodeInBook, CodeObjection, CodeUse, UniqueCodes } from '../../domain/unique-codes.js';
import {
  aboutCode,
  codeAssignedEvent,
  leaseOf,
  redemptionsOf,
  refuseClosed,
  refuseMoreCodes,
  refuseStranger,
  refuseUsedUp,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { BookState, Coupons } from './state.js';

/** How the reasons of coupon books read in the words of promotions. */
const WORDS = {
  bookArchived: 'Coupon is not active',
  bookNotActive: 'Coupon is not active',
  bookNotBegun: 'Coupon is not yet valid',
  bookOver: 'Coupon has expired',
  usedUp: 'Coupon usage limit exceeded',
  userCodesLimit: 'Coupon usage limit per user exceeded',
  userRedemptionsLimit: 'Coupon usage limit per user exceeded',
} as const;

export class CodesForCarts implements UniqueCodes {
  readonly #coupons: Coupons;

  constructor(coupons: Coupons) {
    this.#coupons = coupons;
  }

  canClaim(batchId: number): boolean {
    return this.#coupons.canClaim(batchId);
  }

  find(code: string): CodeInBook | null {
    const index = this.#coupons.codes.find(code);
    return index === -1 ? null : { index, bookId: this.#coupons.bookOfCode(index).current.id };
  }

  redemptions(bookId: BookId): number {
    return this.#coupons.bookOf(bookId).redemptions;
  }

  redemptionsBy(bookId: BookId, userId: string): number {
    const { users } = this.#coupons;
    const user = users.find(userId);
    return user === -1 ? 0 : users.redemptionsIn(this.#coupons.bookOf(bookId).number, user);
  }

  /** They have numbers in the order of their times, so the newest ones are looked at first. */
  eachRedemption(bookId: BookId, sinceMs: number, visit: (atMs: number, heldBy: string | null) => void): void {
    const { redemptions, codes, heldRedemptions } = this.#coupons;
    const { number: book } = this.#coupons.bookOf(bookId);
    for (let number = redemptions.next - 1; number >= 0; number--) {
      if (!redemptions.exists(number)) continue;
      const atMs = redemptions.atMs(number);
      if (atMs < sinceMs) return;
      if (redemptions.isRolledBack(number) || codes.book(redemptions.code(number)) !== book) continue;
      visit(atMs, heldRedemptions.get(number) ?? null);
    }
  }

  markDiscount(bookId: BookId): void {
    this.#coupons.bookOf(bookId).hadDiscount = true;
  }

  objectTo({ index }: CodeInBook, { userId, reservationId, heldByUser }: CodeUse, nowMs: number): CodeObjection | null {
    const coupons = this.#coupons;
    const book = coupons.bookOfCode(index);
    const isNew = coupons.codes.phase(index) === AVAILABLE;
    const isForBearers = book.current.settings.redeemableBy === 'bearer';
    if (userId === null)
      return {
        kind: 'refused',
        refusal: 'Coupon conditions not met',
        explanation: 'A unique code belongs to a user, and the request names no userId',
        retryAtMs: null,
        isOthers: !(isNew && isForBearers),
      };
    const stranger = refuseStranger(coupons, index, userId, nowMs);
    if (stranger?.reason === 'codeNotFound') return { kind: 'unknown' };
    if (stranger !== null)
      return {
        kind: 'locked',
        detail: stranger.detail,
        untilMs: stranger.retryAtMs ?? nowMs,
        isOthers: !(isForBearers && redemptionsOf(coupons, index) === 0),
        isOwnCart: false,
      };
    const heldBy = coupons.heldCodes.get(index);
    if (heldBy !== undefined && heldBy !== reservationId)
      return {
        kind: 'locked',
        detail: 'This code is held by another cart.',
        untilMs: coupons.leases.untilMs(coupons.codes.record(index)),
        isOthers: false,
        isOwnCart: true,
      };
    const refusal =
      refuseClosed(book, nowMs) ??
      refuseUsedUp(coupons, book, index) ??
      (isNew ? refuseMoreCodes(coupons, book, userId) : null);
    if (refusal !== null) {
      const { reason, detail, retryAtMs = null } = refusal;
      return { kind: 'refused', refusal: WORDS[reason], explanation: detail, retryAtMs, isOthers: false };
    }
    return this.#hasRoom(book, userId, heldByUser)
      ? null
      : {
          kind: 'refused',
          refusal: WORDS.userRedemptionsLimit,
          explanation: 'The user has made, or holds, all redemptions in this book that one user may make',
          retryAtMs: null,
          isOthers: false,
        };
  }

  #hasRoom({ current }: BookState, userId: string, heldByUser: number): boolean {
    const max = current.settings.maxRedemptionsPerUser;
    return max === null || this.redemptionsBy(current.id, userId) + heldByUser < max;
  }

  hold(code: string, reservationId: string): void {
    this.#coupons.heldCodes.set(this.#indexOf(code), reservationId);
  }

  letGo(code: string): void {
    this.#coupons.heldCodes.delete(this.#indexOf(code));
  }

  noteRedemptions(
    codes: readonly (string | undefined)[],
    ids: readonly (string | null)[],
    reservationId: string,
  ): void {
    for (const [at, id] of ids.entries()) {
      const code = codes[at];
      if (id === null || code === undefined) continue;
      const number = this.#coupons.redemptions.find(id, this.#indexOf(code));
      if (number === -1) throw new Error(`reservation ${reservationId} made redemption ${id}, which is not there`);
      this.#coupons.heldRedemptions.set(number, reservationId);
    }
  }

  /** As `decideLockCode` makes them, of a code to which there is no objection. */
  lockEvents(code: string, userId: string, untilMs: number, nowMs: number, firstSeq: number): DomainEvent[] {
    const coupons = this.#coupons;
    const index = this.#indexOf(code);
    const about = aboutCode(coupons, index, code, userId);
    if (coupons.codes.phase(index) !== AVAILABLE) {
      const renewed = leaseOf(coupons, index, nowMs);
      return [{ kind: 'codeLocked', lockId: renewed === 0 ? firstSeq : renewed, untilMs, ...about }];
    }
    const lock = { ...about, prevSeq: asSeq(firstSeq) };
    return [codeAssignedEvent(about, nowMs), { kind: 'codeLocked', lockId: firstSeq + 1, untilMs, ...lock }];
  }

  renewEvent(code: string, untilMs: number): DomainEvent {
    return { kind: 'codeLocked', untilMs, ...this.#leased(code) };
  }

  unlockEvent(code: string): DomainEvent {
    return { kind: 'codeUnlocked', ...this.#leased(code) };
  }

  expireEvent(code: string): DomainEvent {
    return { kind: 'leaseExpired', ...this.#leased(code) };
  }

  redeemEvent(
    code: string,
    {
      nowMs,
      ordinal,
      metadata,
    }: { readonly nowMs: number; readonly ordinal: number; readonly metadata: Readonly<Record<string, unknown>> },
    random: Random,
  ) {
    const coupons = this.#coupons;
    const index = this.#indexOf(code);
    return {
      kind: 'codeRedeemed',
      redemptionId: coupons.redemptions.newId(nowMs, coupons.redemptions.next + ordinal, random),
      atMs: nowMs,
      redemptionCount: redemptionsOf(coupons, index) + 1,
      metadata,
      ...this.#about(index, code),
    } as const;
  }

  rollbackEvent(code: string, redemptionId: string, reason: string | null): DomainEvent {
    const coupons = this.#coupons;
    const index = this.#indexOf(code);
    const number = coupons.redemptions.find(redemptionId, index);
    const about = aboutCode(coupons, index, code, coupons.users.name(coupons.redemptions.user(number)));
    const redemptionCount = redemptionsOf(coupons, index) - 1;
    return { kind: 'redemptionRolledBack', redemptionId, redemptionCount, reason, ...about };
  }

  #leased(code: string) {
    const index = this.#indexOf(code);
    const lockId = this.#coupons.leases.lockId(this.#coupons.codes.record(index));
    return { lockId, ...this.#about(index, code) };
  }

  /** Of a code in use: for its own user. */
  #about(index: number, code: string) {
    const { users, codes } = this.#coupons;
    return aboutCode(this.#coupons, index, code, users.name(this.#coupons.userOf(codes.record(index))));
  }

  #indexOf(code: string): number {
    const index = this.#coupons.codes.find(code);
    if (index === -1) throw new Error(`a reservation names code ${code}, which this shard doesn't have`);
    return index;
  }
}

/**
 * Uses of a discount that a coupon book carries. Each redemption of a code of the book is one,
 * whether a cart's reservation made it or not, and the book counts its redemptions anyway.
 */
import type { BookId } from '../../domain/ids.js';
import type { UniqueCodes } from '../../domain/unique-codes.js';
import type { PromotionPlan } from '../../records/promotions.js';
import { periodAt } from './periods.js';

export interface BookUses {
  /** All that stand. */
  count(): number;
  by(userId: string): number;
  /** Those that count in the period that began then. */
  in(periodMs: number): number;
  noteRedeemed(atMs: number): void;
  /** The last of them was held by a reservation, and counts in the period of that. */
  noteHeld(periodMs: number | null): void;
  /** The counts by period are made anew when they are asked for. */
  forgetPeriods(): void;
}

/** Of a promotion that is not of a book. */
export const NO_BOOK: BookUses = {
  count: () => 0,
  by: () => 0,
  in: () => 0,
  noteRedeemed() {},
  noteHeld() {},
  forgetPeriods() {},
};

interface PeriodCounts {
  readonly sinceMs: number;
  readonly counts: Map<number, number>;
}

interface Around {
  /** As it is now. */
  plan(): PromotionPlan;
  /** The period in which the hold counted that the reservation had. */
  periodOf(reservationId: string): number | null;
}

export function bookUses(bookId: BookId, codes: UniqueCodes, { plan, periodOf }: Around): BookUses {
  /** By the begin of the period, from `sinceMs` on; null: not counted yet. */
  let byPeriod: PeriodCounts | null = null;
  /** In which the last redemption counted. */
  let lastPeriodMs: number | null = null;

  function countSince(sinceMs: number): PeriodCounts {
    const counted = { sinceMs, counts: new Map<number, number>() };
    codes.eachRedemption(bookId, sinceMs, (atMs, heldBy) => {
      addTo(counted.counts, heldBy === null ? periodAt(plan(), atMs) : periodOf(heldBy));
    });
    return counted;
  }

  return {
    count: () => codes.redemptions(bookId),
    by: (userId) => codes.redemptionsBy(bookId, userId),
    in(periodMs) {
      if (byPeriod === null || periodMs < byPeriod.sinceMs) byPeriod = countSince(periodMs);
      return byPeriod.counts.get(periodMs) ?? 0;
    },
    noteRedeemed(atMs) {
      lastPeriodMs = periodAt(plan(), atMs);
      if (byPeriod !== null) addTo(byPeriod.counts, lastPeriodMs);
    },
    noteHeld(periodMs) {
      if (periodMs !== lastPeriodMs) byPeriod = null;
    },
    forgetPeriods() {
      byPeriod = null;
    },
  };
}

function addTo(counts: Map<number, number>, periodMs: number | null): void {
  if (periodMs !== null) counts.set(periodMs, (counts.get(periodMs) ?? 0) + 1);
}

/** The periods of a limit, as instants that were computed before: commands only compare them. */
import type { PromotionPlan, ReservedCart } from '../../records/promotions.js';

/**
 * The begin of the period in which a use counts now; null: it has no such limit, or none is known.
 */
export function periodAt({ periods, untilMs }: PromotionPlan, nowMs: number): number | null {
  if (periods === null || (untilMs !== null && nowMs >= untilMs)) return null;
  return periods[firstAfter(periods.length, (at) => (periods[at] as number) > nowMs) - 1] ?? null;
}

export function nextPeriodMs({ periods }: PromotionPlan, nowMs: number): number | null {
  return periods?.[firstAfter(periods.length, (at) => (periods[at] as number) > nowMs)] ?? null;
}

/** The period in which the cart's use of the promotion counts; null: in none. */
export function periodOfHold({ holds }: ReservedCart, promotionId: string): number | null {
  return holds.find((hold) => hold.promotionId === promotionId)?.periodMs ?? null;
}

/** The first place from 0 at which `isAfter` holds; it must hold from there on. */
export function firstAfter(length: number, isAfter: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAfter(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

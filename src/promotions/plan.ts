/**
 * The coming windows and periods of a promotion, as instants. Commands only compare instants, so
 * neither a decision nor a replay needs zone data.
 */
import type { PromotionPlan, PromotionSettings } from '../records/promotions.js';
import { periodStarts, windowsOf } from './schedule.js';

const DAY_MS = 86_400_000;
/** A plan is renewed when it reaches less than 400 days ahead, so each month at most. */
const PLAN_DAYS = 430;
export const PLAN_AHEAD_MS = 400 * DAY_MS;

/** The settings must have passed `checkSchedule` and `readTimeZone`. */
export function planOf({ schedule, maxUsagePerPeriod, timeZone }: PromotionSettings, nowMs: number): PromotionPlan {
  if (timeZone === null || (schedule === null && maxUsagePerPeriod === null))
    return { windows: null, periods: null, untilMs: null };
  return {
    windows: schedule === null ? null : windowsOf(schedule, timeZone, nowMs, PLAN_DAYS),
    periods: maxUsagePerPeriod === null ? null : periodStarts(maxUsagePerPeriod.period, timeZone, nowMs, PLAN_DAYS),
    untilMs: nowMs + PLAN_DAYS * DAY_MS,
  };
}

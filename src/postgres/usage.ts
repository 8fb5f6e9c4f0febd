/** How promotions were used, over time: what is asked of PostgreSQL, and what it answers. */
import type { Seq, ShardId } from '../domain/ids.js';
import type { GivenBack, ReservationStatus, ReservedCart } from '../records/promotions.js';

/** From `fromMs` on and before `toMs`, Unix ms. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Of one promotion in one minute. */
export interface UsageCount {
  readonly promotionId: string;
  readonly minuteMs: number;
  readonly validations: number;
  readonly applications: number;
}

/** Money in minor units of one currency. */
export interface UsageMoney {
  readonly discount: number;
  readonly revenue: number;
}

export interface UsageSums {
  readonly validations: number;
  readonly applications: number;
  readonly uses: number;
}

/** What began at `startMs` and lasted for the width of its series. */
export interface UsageBucket extends UsageSums, UsageMoney {
  readonly startMs: number;
}

export interface MoneyIn extends UsageMoney {
  readonly currency: string;
}

/** Buckets of one width, the oldest first, without those in which nothing happened. */
export interface UsageSeries extends TimeRange {
  readonly widthMs: number;
}

export interface PromotionUsageStats {
  /** Of the promotion's shard: all up to this change is counted, and perhaps nothing after it. */
  readonly asOf: Seq;
  readonly sums: UsageSums & UsageMoney;
  /** For each series that was asked for. */
  readonly series: readonly (readonly UsageBucket[])[];
}

export interface UsageStatsAsked extends TimeRange {
  readonly shard: ShardId;
  readonly promotionId: string;
  readonly series: readonly UsageSeries[];
}

export const USAGE_GROUPINGS = ['type', 'couponFor', 'state'] as const;
export type UsageGrouping = (typeof USAGE_GROUPINGS)[number];

export interface UsageGroup extends UsageSums {
  readonly group: string;
  readonly promotions: number;
  readonly money: readonly MoneyIn[];
}

export interface UsageGroups {
  /** By shard. */
  readonly asOf: readonly Seq[];
  readonly groups: readonly UsageGroup[];
}

export interface UsageGroupsAsked extends TimeRange {
  readonly groupBy: UsageGrouping;
  /** The state of a promotion is that at this time. */
  readonly nowMs: number;
}

/** A reservation that was committed. */
export interface PromotionUse {
  readonly reservationId: string;
  readonly committedMs: number;
  readonly status: ReservationStatus;
  readonly userId: string | null;
  readonly orderId: string | null;
  readonly cart: ReservedCart;
  readonly givenBack: GivenBack | null;
}

export interface UsePlace {
  readonly committedMs: number;
  readonly reservationId: string;
}

export interface PromotionUsesAsked extends TimeRange {
  readonly promotionId: string;
  /** The page begins after this use; null: at the newest. */
  readonly after: UsePlace | null;
  readonly limit: number;
}

export interface UsageStore {
  usageStats(asked: UsageStatsAsked): Promise<PromotionUsageStats>;
  usageGroups(asked: UsageGroupsAsked): Promise<UsageGroups>;
  /** The newest first. */
  promotionUses(asked: PromotionUsesAsked): Promise<readonly PromotionUse[]>;
  /** Adds to what is counted already. */
  addUsageCounts(counts: readonly UsageCount[]): Promise<void>;
}

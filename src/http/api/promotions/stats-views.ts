/** Statistics of promotions in the words of the API. */
import type {
  PromotionUsageStats,
  PromotionUse,
  TimeRange,
  UsageBucket,
  UsageGroups,
  UsageSums,
} from '../../../engine/engine.js';
import type { Promotion } from '../../../records/promotions.js';
import { isoTime } from '../../fast/iso-time.js';
import { moneyOf } from './views.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** As those of coupon books. */
const WIDTHS = [
  { widthMs: MINUTE_MS, buckets: 60 },
  { widthMs: HOUR_MS, buckets: 48 },
  { widthMs: DAY_MS, buckets: 30 },
] as const;

/** The last minute that the dates of answers can say. */
const LAST_MINUTE_MS = Date.UTC(9999, 11, 31, 23, 59);

/** What is counted by minute is asked for in whole minutes. */
export const wholeMinutes = ({ fromMs, toMs }: TimeRange): TimeRange => ({
  fromMs: Math.floor(fromMs / MINUTE_MS) * MINUTE_MS,
  toMs: Math.min(Math.ceil(toMs / MINUTE_MS) * MINUTE_MS, LAST_MINUTE_MS),
});

/** The last buckets before the end of the range, and only what is in the range. */
export function seriesOf({ fromMs, toMs }: TimeRange) {
  return WIDTHS.map(({ widthMs, buckets }) => {
    const first = Math.floor((toMs - 1) / widthMs) * widthMs - (buckets - 1) * widthMs;
    return { widthMs, fromMs: Math.max(fromMs, first), toMs };
  });
}

/** `isOpen`: the range has no begin. */
const spanJson = ({ fromMs, toMs }: TimeRange, isOpen: boolean): object => ({
  from: isOpen ? null : isoTime(fromMs),
  to: isoTime(toMs),
});

const countsJson = ({ validations, applications, uses }: UsageSums): object => ({ validations, applications, uses });

const rateOf = ({ uses, applications }: UsageSums): number | null =>
  applications === 0 ? null : Math.round((uses / applications) * 10_000) / 10_000;

function amountsJson(currency: string, { discount, revenue }: { discount: number; revenue: number }): object {
  const money = moneyOf(currency);
  return { discountGiven: money(discount), revenueTouched: money(revenue) };
}

export function statsJson(
  { id, settings: { code, currency } }: Promotion,
  shard: number,
  range: TimeRange,
  isOpen: boolean,
  { asOf, sums, series }: PromotionUsageStats,
): object {
  const [perMinute, perHour, perDay] = seriesOf(range).map(({ widthMs, fromMs, toMs }, at) =>
    bucketsJson(currency, widthMs, { fromMs, toMs }, series[at] ?? []),
  );
  return {
    couponId: id,
    code,
    currency,
    ...spanJson(range, isOpen),
    asOf: `${shard}-${asOf}`,
    ...countsJson(sums),
    conversionRate: rateOf(sums),
    ...amountsJson(currency, sums),
    perMinute,
    perHour,
    perDay,
  };
}

/** With those in which nothing happened. */
function bucketsJson(
  currency: string,
  widthMs: number,
  { fromMs, toMs }: TimeRange,
  filled: readonly UsageBucket[],
): object[] {
  const byStart = new Map(filled.map((bucket) => [bucket.startMs, bucket]));
  const shown: object[] = [];
  for (let startMs = Math.floor(fromMs / widthMs) * widthMs; startMs < toMs; startMs += widthMs) {
    const bucket = byStart.get(startMs) ?? NOTHING;
    shown.push({ start: isoTime(startMs), ...countsJson(bucket), ...amountsJson(currency, bucket) });
  }
  return shown;
}

const NOTHING = { validations: 0, applications: 0, uses: 0, discount: 0, revenue: 0 };

export function groupStatsJson(
  groupBy: string,
  range: TimeRange,
  isOpen: boolean,
  { asOf, groups }: UsageGroups,
): object {
  return {
    groupBy,
    ...spanJson(range, isOpen),
    asOf: asOf.map((seq, shard) => `${shard}-${seq}`),
    groups: groups.map(({ group, promotions, money, ...sums }) => ({
      group,
      promotions,
      ...countsJson(sums),
      conversionRate: rateOf(sums),
      money: money.map((of) => ({ currency: of.currency, ...amountsJson(of.currency, of) })),
    })),
  };
}

export function useJson(
  { id, settings: { referrerUserId } }: Promotion,
  { reservationId, status, committedMs, userId, orderId, cart, givenBack }: PromotionUse,
): object {
  const money = moneyOf(cart.currency);
  const at = cart.holds.findIndex(({ promotionId }) => promotionId === id);
  const hold = cart.holds[at];
  if (hold === undefined) throw new Error(`reservation ${reservationId} holds nothing of promotion ${id}`);
  return {
    reservationId,
    status,
    usedAt: isoTime(committedMs),
    userId,
    orderId,
    currency: cart.currency,
    discountAmount: money(hold.amount),
    rolledBackAmount: money(givenBack?.amounts[at] ?? 0),
    originalAmount: money(cart.originalAmount),
    finalAmount: money(cart.finalAmount),
    referrerUserId: hold.isReferral ? referrerUserId : null,
  };
}

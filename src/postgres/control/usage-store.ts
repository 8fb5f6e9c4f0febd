/**
 * Statistics of promotions. Uses and money are rows that the projector writes
 * (projection/promotion-uses.ts), so they are exact, as of the checkpoint that stands beside them.
 * Validations and applications are counters by minute.
 *
 * Sums are made when they are asked for. Sums by minute that the projector keeps would be read
 * faster, but each rollback would have to find its minute again.
 */
import type pg from 'pg';
import { asSeq } from '../../domain/ids.js';
import type { GivenBack, ReservationStatus, ReservedCart } from '../../records/promotions.js';
import { transaction } from '../connection.js';
import type {
  MoneyIn,
  PromotionUse,
  PromotionUsesAsked,
  UsageBucket,
  UsageCount,
  UsageGroup,
  UsageGrouping,
  UsageGroupsAsked,
  UsageStatsAsked,
  UsageStore,
} from '../usage.js';

type Use = <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;

export function createUsageStore(use: Use): UsageStore {
  return {
    usageStats: (asked) => use((client) => atOneMoment(client, () => readStats(client, asked))),
    usageGroups: (asked) => use((client) => atOneMoment(client, () => readGroups(client, asked))),
    promotionUses: (asked) => use((client) => readUses(client, asked)),
    addUsageCounts: (counts) => use((client) => transaction(client, 'BEGIN', () => addCounts(client, counts))),
  };
}

/** All that one answer says is of one moment. It only reads, so it needs no fence. */
async function atOneMoment<T>(client: pg.Client, read: () => Promise<T>): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  const result = await read();
  await client.query('COMMIT');
  return result;
}

/** What promotion `$1` was used from `$2` on and before `$3`, in buckets of `$4` ms. */
const SERIES = `
  SELECT bucket * $4::bigint AS start_ms, sum(uses)::bigint AS uses, sum(discount)::bigint AS discount,
    sum(revenue)::bigint AS revenue, sum(validations)::bigint AS validations, sum(applications)::bigint AS applications
  FROM (
    SELECT committed_ms / $4::bigint AS bucket, is_counted::int AS uses, discount, revenue, 0 AS validations,
      0 AS applications
    FROM promotion_uses WHERE promotion_id = $1::uuid AND committed_ms >= $2::bigint AND committed_ms < $3::bigint
    UNION ALL
    SELECT minute_ms / $4::bigint, 0, 0, 0, validations, applications
    FROM promotion_counts WHERE promotion_id = $1::uuid AND minute_ms >= $2::bigint AND minute_ms < $3::bigint
  ) AS counted
  GROUP BY bucket ORDER BY bucket`;

/** The same in one. */
const SUMS = `
  SELECT used.*, counted.*
  FROM (
    SELECT count(*) FILTER (WHERE is_counted) AS uses, coalesce(sum(discount), 0)::bigint AS discount,
      coalesce(sum(revenue), 0)::bigint AS revenue
    FROM promotion_uses WHERE promotion_id = $1::uuid AND committed_ms >= $2::bigint AND committed_ms < $3::bigint
  ) AS used CROSS JOIN (
    SELECT coalesce(sum(validations), 0)::bigint AS validations, coalesce(sum(applications), 0)::bigint AS applications
    FROM promotion_counts WHERE promotion_id = $1::uuid AND minute_ms >= $2::bigint AND minute_ms < $3::bigint
  ) AS counted`;

interface BucketRow {
  readonly start_ms: string;
  readonly uses: string;
  readonly discount: string;
  readonly revenue: string;
  readonly validations: string;
  readonly applications: string;
}

async function readStats(client: pg.Client, asked: UsageStatsAsked) {
  const { shard, promotionId, fromMs, toMs } = asked;
  const { rows: checkpoints } = await client.query<{ seq: string }>('SELECT seq FROM checkpoints WHERE shard = $1', [
    shard,
  ]);
  const { rows: sums } = await client.query<Omit<BucketRow, 'start_ms'>>({
    name: 'usage-sums',
    text: SUMS,
    values: [promotionId, fromMs, toMs],
  });
  const series: UsageBucket[][] = [];
  for (const { widthMs, ...range } of asked.series) {
    const { rows } = await client.query<BucketRow>({
      name: 'usage-series',
      text: SERIES,
      values: [promotionId, range.fromMs, range.toMs, widthMs],
    });
    series.push(rows.map(bucketOf));
  }
  const [sum] = sums;
  if (sum === undefined) throw new Error('sums without a GROUP BY are one row');
  return { asOf: asSeq(Number(checkpoints[0]?.seq ?? 0)), sums: numbersOf(sum), series };
}

const bucketOf = (row: BucketRow): UsageBucket => ({ startMs: Number(row.start_ms), ...numbersOf(row) });

const numbersOf = ({ uses, discount, revenue, validations, applications }: Omit<BucketRow, 'start_ms'>) => ({
  uses: Number(uses),
  discount: Number(discount),
  revenue: Number(revenue),
  validations: Number(validations),
  applications: Number(applications),
});

interface MoneyRow {
  readonly currency: string;
  readonly discount: string;
  readonly revenue: string;
}

const moneyOf = ({ currency, discount, revenue }: MoneyRow): MoneyIn => ({
  currency,
  discount: Number(discount),
  revenue: Number(revenue),
});

const USED = 'SELECT count(*) FILTER (WHERE is_counted) FROM promotion_uses WHERE promotion_id = p.id';
const SPENT = 'SELECT coalesce(sum(discount), 0) FROM promotion_uses WHERE promotion_id = p.id';

/** `$3`: now. The first that holds is the state; holds of open reservations do not count here. */
const GROUP: Readonly<Record<UsageGrouping, string>> = {
  type: `s ->> 'type'`,
  couponFor: `s ->> 'couponFor'`,
  state: `
    CASE
      WHEN p.archived_ms IS NOT NULL THEN 'archived'
      WHEN NOT (s ->> 'isActive')::boolean THEN 'inactive'
      WHEN (s -> 'end' ->> 'ms')::bigint <= $3::bigint THEN 'expired'
      WHEN (s -> 'start' ->> 'ms')::bigint > $3::bigint THEN 'scheduled'
      WHEN s ->> 'maxUsage' IS NOT NULL AND (s ->> 'maxUsage')::bigint <= (${USED}) THEN 'exhausted'
      WHEN s ->> 'budget' IS NOT NULL AND (s ->> 'budget')::bigint <= (${SPENT}) THEN 'exhausted'
      ELSE 'active'
    END`,
};

/** Its id is that of a book, and it has no code: it is the discount of the book's codes. */
const IS_OF_BOOK = `s ->> 'code' IS NULL AND NOT (s ->> 'automatic')::boolean`;

/** A row for each group and currency, and one for each group with its counts. */
const GROUPS = (groupBy: UsageGrouping): string => `
  WITH groups AS MATERIALIZED (
    SELECT p.id, ${GROUP[groupBy]} AS name
    FROM promotions AS p CROSS JOIN LATERAL (SELECT p.settings::jsonb AS s) AS parsed
    WHERE $3::bigint IS NOT NULL AND NOT (${IS_OF_BOOK})
  ), used AS (
    SELECT promotion_id, currency, count(*) FILTER (WHERE is_counted) AS uses, sum(discount) AS discount,
      sum(revenue) AS revenue
    FROM promotion_uses WHERE committed_ms >= $1::bigint AND committed_ms < $2::bigint GROUP BY promotion_id, currency
  ), counted AS (
    SELECT promotion_id, sum(validations) AS validations, sum(applications) AS applications
    FROM promotion_counts WHERE minute_ms >= $1::bigint AND minute_ms < $2::bigint GROUP BY promotion_id
  )
  SELECT name, currency, sum(uses)::bigint AS uses, sum(discount)::bigint AS discount, sum(revenue)::bigint AS revenue,
    0::bigint AS promotions, 0::bigint AS validations, 0::bigint AS applications
  FROM used JOIN groups ON groups.id = used.promotion_id GROUP BY name, currency
  UNION ALL
  SELECT name, NULL, 0, 0, 0, count(*), coalesce(sum(validations), 0)::bigint, coalesce(sum(applications), 0)::bigint
  FROM groups LEFT JOIN counted ON counted.promotion_id = groups.id GROUP BY name
  ORDER BY name, currency`;

interface GroupRow extends Omit<BucketRow, 'start_ms'> {
  readonly name: string;
  readonly currency: string | null;
  readonly promotions: string;
}

async function readGroups(client: pg.Client, { groupBy, fromMs, toMs, nowMs }: UsageGroupsAsked) {
  const { rows: checkpoints } = await client.query<{ seq: string }>('SELECT seq FROM checkpoints ORDER BY shard');
  const { rows } = await client.query<GroupRow>({
    name: `usage-by-${groupBy}`,
    text: GROUPS(groupBy),
    values: [fromMs, toMs, nowMs],
  });
  return { asOf: checkpoints.map(({ seq }) => asSeq(Number(seq))), groups: groupsOf(rows) };
}

function groupsOf(rows: readonly GroupRow[]): UsageGroup[] {
  return [...new Set(rows.map(({ name }) => name))].map((group) => {
    const of = rows.filter(({ name }) => name === group);
    const sum = (field: 'promotions' | 'validations' | 'applications' | 'uses'): number =>
      of.reduce((total, row) => total + Number(row[field]), 0);
    return {
      group,
      promotions: sum('promotions'),
      validations: sum('validations'),
      applications: sum('applications'),
      uses: sum('uses'),
      money: of.flatMap((row) => (row.currency === null ? [] : [moneyOf({ ...row, currency: row.currency })])),
    };
  });
}

interface UseRow {
  readonly reservation_id: string;
  readonly committed_ms: string;
  readonly status: ReservationStatus;
  readonly user_id: string | null;
  readonly order_id: string | null;
  readonly cart: string;
  readonly given_back: string | null;
}

async function readUses(client: pg.Client, { promotionId, fromMs, toMs, after, limit }: PromotionUsesAsked) {
  const { rows } = await client.query<UseRow>({
    name: 'promotion-uses',
    text: `
      SELECT u.reservation_id, u.committed_ms, r.status, r.user_id, r.order_id, r.cart, r.given_back
      FROM (
        SELECT reservation_id, committed_ms FROM promotion_uses
        WHERE promotion_id = $1::uuid AND committed_ms >= $2::bigint AND committed_ms < $3::bigint
          AND ($4::bigint IS NULL OR (committed_ms, reservation_id) < ($4::bigint, $5::uuid))
        ORDER BY committed_ms DESC, reservation_id DESC LIMIT $6::int
      ) AS u JOIN reservations AS r ON r.id = u.reservation_id
      ORDER BY u.committed_ms DESC, u.reservation_id DESC`,
    values: [promotionId, fromMs, toMs, after?.committedMs ?? null, after?.reservationId ?? null, limit],
  });
  return rows.map(
    (row): PromotionUse => ({
      reservationId: row.reservation_id,
      committedMs: Number(row.committed_ms),
      status: row.status,
      userId: row.user_id,
      orderId: row.order_id,
      cart: JSON.parse(row.cart) as ReservedCart,
      givenBack: row.given_back === null ? null : (JSON.parse(row.given_back) as GivenBack),
    }),
  );
}

async function addCounts(client: pg.Client, counts: readonly UsageCount[]): Promise<void> {
  await client.query({
    name: 'add-usage-counts',
    text: `
      INSERT INTO promotion_counts AS c (promotion_id, minute_ms, validations, applications)
      SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])
      ON CONFLICT (promotion_id, minute_ms) DO UPDATE SET
        validations = c.validations + excluded.validations, applications = c.applications + excluded.applications`,
    values: [
      counts.map(({ promotionId }) => promotionId),
      counts.map(({ minuteMs }) => minuteMs),
      counts.map(({ validations }) => validations),
      counts.map(({ applications }) => applications),
    ],
  });
}

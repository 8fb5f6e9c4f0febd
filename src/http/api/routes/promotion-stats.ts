/** Statistics of promotions: docs/contract.md, section 6. */
import type { Seq, ShardId } from '../../../domain/ids.js';
import type { TimeRange } from '../../../engine/engine.js';
import type { Promotion } from '../../../records/promotions.js';
import type { Exchange } from '../../exchange/exchange.js';
import { listOf, readCursor, sendPage } from '../paging.js';
import { couponId } from '../promotions/schemas.js';
import * as schemas from '../promotions/stats-schemas.js';
import { groupStatsJson, seriesOf, statsJson, useJson, wholeMinutes } from '../promotions/stats-views.js';
import { ADMIN_OR_SERVICE, type RouteSpec, route } from '../route.js';

const TAG = 'Promotions';

interface Range {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Undefined: it is empty, which is answered. */
function rangeOf({ answer, services }: Exchange, { from, to }: Range): TimeRange | undefined {
  const fromMs = from === undefined ? 0 : Date.parse(from);
  const range = { fromMs, toMs: to === undefined ? services.nowMs() + LATE_MS : Date.parse(to) };
  if (range.fromMs < range.toMs) return range;
  answer.invalid([to === undefined ? FROM_IN_FUTURE : { path: 'to', message: 'Must be after `from`' }]);
  return undefined;
}

/** How late the clock of the HTTP threads may be; what was answered before is in the range. */
const LATE_MS = 500;
const FROM_IN_FUTURE = { path: 'from', message: 'Must be before now, unless `to` is given' };

interface Found {
  readonly promotion: Promotion;
  readonly shard: ShardId;
  /** What was read of the promotion was decided before this. */
  readonly dependsOn: Seq;
}

/** The promotion of the path; null: there is none, which is answered. */
async function findPromotion({ answer, request, work }: Exchange): Promise<Found | null> {
  const reply = await work.askQuery({ kind: 'getPromotion', id: request.param(0) }, null);
  if (reply.kind !== 'result') {
    answer.refuse(reply);
    return null;
  }
  if (reply.result.kind !== 'promotion') throw new Error(`a ${reply.result.kind} for a promotion`);
  return { promotion: reply.result.view.promotion, shard: reply.shard, dependsOn: reply.durableSeq };
}

const getStats = route({
  id: 'getPromotionStats',
  method: 'GET',
  path: '/api/v1/coupons/{couponId}/stats',
  tag: TAG,
  summary: 'How a promotion was validated, applied and used, and its money',
  description:
    'Uses and money are exact and read your own writes. A use counts in the minute of its commit until it is rolled back. Validations and applications are counters that are written each second. `from` and `to` are widened to whole minutes.',
  access: ADMIN_OR_SERVICE,
  params: { couponId },
  query: schemas.statsQuery,
  answers: { 200: { description: 'The statistics', schema: schemas.statsOut } },
  problems: ['coupon-not-found'],
  handle(exchange, _body, asked) {
    const given = rangeOf(exchange, asked);
    if (given === undefined) return;
    const { answer, services, work } = exchange;
    const range = wholeMinutes(given);
    work.run(async () => {
      const found = await findPromotion(exchange);
      if (found === null) return;
      const { promotion, shard, dependsOn } = found;
      const series = seriesOf(range);
      const usage = { shard, promotionId: promotion.id, ...range, series };
      const stats = await services.control.usageStats(usage, dependsOn);
      answer.json(200, JSON.stringify(statsJson(promotion, shard, range, asked.from === undefined, stats)));
    });
  },
});

const getGroupStats = route({
  id: 'getPromotionGroupStats',
  method: 'GET',
  path: '/api/v1/coupons/stats',
  tag: TAG,
  summary: 'Statistics of all promotions, by type, purpose or state',
  description:
    'With archived promotions. A state is `archived`, `inactive` (switched off), `expired`, `scheduled` (not begun), `exhausted` (its uses have reached `maxUsage` or its `budget`) or `active`; the first that holds counts.',
  access: ADMIN_OR_SERVICE,
  query: schemas.groupStatsQuery,
  answers: { 200: { description: 'The groups that have promotions', schema: schemas.groupStatsOut } },
  problems: [],
  handle(exchange, _body, { groupBy, ...asked }) {
    const given = rangeOf(exchange, asked);
    if (given === undefined) return;
    const { answer, services, work } = exchange;
    const range = wholeMinutes(given);
    work.run(async () => {
      const groups = await services.control.usageGroups({ ...range, groupBy, nowMs: services.nowMs() });
      answer.json(200, JSON.stringify(groupStatsJson(groupBy, range, asked.from === undefined, groups)));
    });
  },
});

const listUses = route({
  id: 'listPromotionUses',
  method: 'GET',
  path: '/api/v1/coupons/{couponId}/uses',
  tag: TAG,
  summary: 'Each use of a promotion: when, by whom, for which order',
  description: 'The newest first, with those that were rolled back. Reads your own writes.',
  access: ADMIN_OR_SERVICE,
  params: { couponId },
  query: schemas.usesQuery,
  answers: { 200: { description: 'A page of uses', schema: schemas.usesOut } },
  problems: ['coupon-not-found', 'bad-cursor'],
  handle(exchange, _body, { limit, cursor, from, to }) {
    const { answer, request, services, work } = exchange;
    const range = rangeOf(exchange, { from, to });
    if (range === undefined) return;
    const list = listOf('uses', request.param(0), from ?? null, to ?? null);
    const position = readCursor(answer, cursor, list, ['index', 'string']);
    if (position === undefined) return;
    const after = position === null ? null : { committedMs: Number(position[0]), reservationId: String(position[1]) };
    if (after !== null && !UUID.test(after.reservationId)) {
      answer.problem('bad-cursor', 'This cursor was not made by this server.');
      return;
    }
    work.run(async () => {
      const found = await findPromotion(exchange);
      if (found === null) return;
      const { promotion, shard, dependsOn } = found;
      const asked = { promotionId: promotion.id, ...range, after, limit: limit + 1 };
      const uses = await services.control.promotionUses(asked, shard, dependsOn);
      const shown = uses.slice(0, limit);
      // One more than asked for tells whether there is a next page.
      const last = uses.length > limit ? shown.at(-1) : undefined;
      const next = last === undefined ? null : [last.committedMs, last.reservationId];
      sendPage(
        answer,
        shown.map((use) => useJson(promotion, use)),
        list,
        next,
      );
    });
  },
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const promotionStatsRoutes: readonly RouteSpec<unknown, unknown>[] = [getStats, getGroupStats, listUses];

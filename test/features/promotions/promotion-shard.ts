/**
 * Promotions of a test's shard: their commands in a word, and what is known of them afterwards.
 * Their codes are claimed as in production, by a batch that an event opens.
 */
import assert from 'node:assert/strict';
import type { Command } from '../../../src/domain/command.js';
import type { Verdict } from '../../../src/domain/decide.js';
import type { DomainEvent } from '../../../src/domain/event.js';
import { asBookId, type CampaignId, DEFAULT_CAMPAIGN } from '../../../src/domain/ids.js';
import type { Refusal } from '../../../src/domain/outcome.js';
import type { PromotionFilter, PromotionsResult, Qualified } from '../../../src/domain/promotion-views.js';
import type { QueryResult } from '../../../src/domain/view.js';
import { exponentOf } from '../../../src/features/promotions/pricing/currencies.js';
import { toMinorUnits } from '../../../src/features/promotions/pricing/money.js';
import { query } from '../../../src/features/query.js';
import type { PriceRequest, RolledBackLine } from '../../../src/records/objects.js';
import type {
  GivenTime,
  LineAmount,
  PromotionPlan,
  PromotionSettings,
  PromotionUsage,
  PromotionView,
  ReservationView,
} from '../../../src/records/promotions.js';
import { BOOK, outcomeOf, START, type TestShard, UPLOADED } from '../shard.js';
import { totalOf } from './offers.js';

export type Given = Partial<Omit<PromotionSettings, 'stacking'>> & {
  readonly stacking?: Partial<PromotionSettings['stacking']>;
};

/** Ten percent for everybody, without any limit. */
export function settingsOf({ stacking, ...given }: Given = {}): PromotionSettings {
  return {
    code: 'SAVE',
    automatic: false,
    name: null,
    discount: 100_000,
    type: 'percentage',
    couponFor: 'product',
    products: [],
    categories: [],
    excludeProducts: [],
    minPurchaseAmount: null,
    maxDiscountAmount: null,
    currency: 'USD',
    isCurrencyGiven: true,
    isActive: true,
    start: null,
    end: null,
    timeZone: null,
    schedule: null,
    maxUsage: null,
    maxUsagePerUser: null,
    maxUsagePerPeriod: null,
    budget: null,
    audience: null,
    condition: null,
    stacking: { group: null, priority: 0, exclusive: false, base: 'running', ...stacking },
    referrerUserId: null,
    metadata: null,
    ...given,
  };
}

export const NO_PLAN: PromotionPlan = { windows: null, periods: null, untilMs: null };
export const HOUR = 3_600_000;

/** Periods of an hour, from `START` on. */
export const HOURLY: PromotionPlan = {
  windows: null,
  periods: Array.from({ length: 100 }, (_, at) => START + at * HOUR),
  untilMs: START + 100 * HOUR,
};

/** A moment in milliseconds after `START`. */
export const at = (ms: number): GivenTime => ({
  given: new Date(START + ms).toISOString(),
  ms: START + ms,
  local: new Date(START + ms).toISOString(),
});

/** The book carries this discount from now on; null: none. */
export const discount = (given: Given | null, plan: PromotionPlan = NO_PLAN): Command => ({
  kind: 'updateBook',
  bookId: BOOK,
  patch: {},
  discount: { to: given === null ? null : { settings: settingsOf({ ...given, code: null }), plan } },
  ifVersion: null,
});

export const lastReservationId = ({ state }: TestShard): string => state.promotions.reservations.at(-1)?.id ?? '';

const idOf = (number: number): string => `01890000-0000-7000-8000-1${String(number).padStart(11, '0')}`;

/** The id of the new promotion. Its code is claimed first, if it has one. */
export function addPromotion(
  shard: TestShard,
  given: Given = {},
  plan: PromotionPlan = NO_PLAN,
  campaignId: CampaignId = DEFAULT_CAMPAIGN,
): string {
  const settings = settingsOf(given);
  const codes = settings.code === null ? null : claimCode(shard, campaignId);
  const id = idOf(shard.state.promotions.all.length);
  const verdict = shard.run({ kind: 'createPromotion', id, campaignId, settings, plan, codes });
  assert.equal(verdict.kind, 'change', JSON.stringify(verdict));
  return id;
}

/** Opens a batch for a code, whose row is then in the store. */
export function claimCode(shard: TestShard, campaignId: CampaignId = DEFAULT_CAMPAIGN) {
  const bookId = asBookId(campaignId);
  const content = { ...UPLOADED, count: 1 };
  const opened = outcomeOf(
    shard.run({ kind: 'openBatch', bookId, caller: 'service', key: null, fingerprint: null, content }),
  );
  assert(opened.kind === 'batchOpened');
  const { batchId } = opened.batch;
  shard.state.coupons.stageClaim(batchId);
  return { batchId, size: 1, count: 1, report: {} };
}

/** A change of some settings, made from the present version. */
export function patch(shard: TestShard, id: string, given: Given, plan?: PromotionPlan): Verdict {
  const { current } = shard.state.promotions.promotionOf(id);
  const { stacking, ...others } = given;
  const settings = {
    ...current.settings,
    ...others,
    stacking: { ...current.settings.stacking, ...stacking },
  };
  return shard.run({ kind: 'updatePromotion', id, settings, plan: plan ?? current.plan, version: current.version });
}

export const archivePromotion = (id: string, ifVersion: readonly number[] | null = null): Command => ({
  kind: 'archivePromotion',
  id,
  ifVersion,
});

/** SAVE for a cart of 100 USD without lines. */
export const cartFor = (given: Partial<PriceRequest> = {}): PriceRequest => ({
  campaignId: null,
  codes: ['SAVE'],
  promotionIds: [],
  isWhole: false,
  cart: totalOf(10_000),
  userId: null,
  segments: [],
  mode: 'all',
  verdicts: [],
  ...given,
});

interface Reserving extends Partial<PriceRequest> {
  readonly cartId?: string;
  readonly caller?: string;
  readonly ttlMs?: number;
}

export const reserve = ({ cartId, caller = 'shop', ttlMs = 1000, ...request }: Reserving = {}): Command => ({
  kind: 'reserve',
  request: cartFor(request),
  caller,
  cartId: cartId ?? null,
  ttlMs,
});

export const commit = (id: string, orderId: string | null = null): Command => ({
  kind: 'commitReservation',
  id,
  orderId,
});
export const release = (id: string, owner: string | null = null): Command => ({
  kind: 'releaseReservation',
  id,
  owner,
});
export const renew = (id: string, ttlMs = 1000, owner: string | null = null): Command => ({
  kind: 'renewReservation',
  id,
  owner,
  ttlMs,
});
export const giveBack = (
  id: string,
  lines: readonly RolledBackLine[] | null = null,
  reason: string | null = null,
): Command => ({ kind: 'rollbackReservation', id, lines, reason });

interface Using {
  readonly code?: string;
  readonly userId?: string;
  readonly amount?: number;
  readonly orderId?: string;
}

/** A use that is counted after the order. */
export const use = ({ code = 'SAVE', userId, amount, orderId }: Using = {}): Command => ({
  kind: 'usePromotion',
  promotionCode: code,
  caller: 'shop',
  userId: userId ?? null,
  amount: amount ?? null,
  orderId: orderId ?? null,
});

// ─── What came of it ────────────────────────────────────────────────────────────────────────────────────────────

export interface Reserved {
  readonly id: string;
  readonly quote: ReturnType<typeof pricedIn>;
  readonly untilMs: number;
}

/** Reserves, which must succeed. */
export function reserved(shard: TestShard, reserving: Reserving = {}): Reserved {
  const outcome = outcomeOf(shard.run(reserve(reserving)));
  assert(outcome.kind === 'reserved');
  return { id: outcome.reservationId, quote: pricedIn(outcome.quote), untilMs: outcome.untilMs };
}

/** One that succeeds, and answers what a read then shows. */
export function settles(shard: TestShard, command: Command): ReservationView {
  const outcome = outcomeOf(shard.run(command));
  assert(outcome.kind === 'reservation');
  assert.deepEqual(reservation(shard, outcome.reservation.id), outcome.reservation, 'it is what a read shows');
  return outcome.reservation;
}

interface Priced {
  readonly currency: string;
  readonly originalAmount: number;
  readonly discountAmount: number;
  readonly finalAmount: number;
  readonly applied: readonly {
    readonly couponId: string;
    readonly code: string | null;
    readonly amount: number;
    readonly lines: readonly LineAmount[];
  }[];
  readonly steps: readonly ({ readonly couponId: string | null; readonly code: string | null } & (
    | { readonly result: 'applied'; readonly base: number; readonly amount: number; readonly totalAfter: number }
    | { readonly result: 'skipped'; readonly reason: string; readonly explanation?: string }
  ))[];
}

/** What the JSON of a priced cart says, in minor units. */
export function pricedIn(text: string) {
  const { currency, applied, steps, ...amounts } = JSON.parse(text) as Priced;
  const exponent = exponentOf(currency) ?? assert.fail(currency);
  const minor = (amount: number): number => toMinorUnits(amount, exponent) ?? assert.fail(String(amount));
  return {
    originalAmount: minor(amounts.originalAmount),
    discountAmount: minor(amounts.discountAmount),
    finalAmount: minor(amounts.finalAmount),
    applied: applied.map(({ couponId, code, amount, lines }) => ({
      promotionId: couponId,
      code,
      amount: minor(amount),
      lines: lines.map(({ line, amount: ofLine }) => ({ line, amount: minor(ofLine) })),
    })),
    steps: steps.map((step) => {
      const about = { id: step.couponId ?? '', code: step.code };
      if (step.result === 'skipped')
        return { kind: step.result, ...about, reason: step.reason, explanation: step.explanation ?? null };
      const { result: kind, base, amount, totalAfter } = step;
      return { kind, ...about, base: minor(base), amount: minor(amount), totalAfter: minor(totalAfter) };
    }),
  };
}

/** Reserves and commits. */
export function used(shard: TestShard, reserving: Reserving = {}): string {
  const { id } = reserved(shard, reserving);
  assert.equal(shard.run(commit(id)).kind, 'change');
  return id;
}

/** The message of a refusal; null: it succeeded. */
export const messageOf = (verdict: Verdict | QueryResult | Refusal): string | null =>
  verdict.kind === 'refused' ? verdict.detail : null;

/** When a refusal may be over, in milliseconds after `START`; null: it does not say. */
export function retryAt(verdict: Verdict): number | null {
  assert(verdict.kind === 'refused', 'it was not refused');
  return verdict.retryAtMs === undefined ? null : verdict.retryAtMs - START;
}

/** When holds of other carts may end, in ms after `START`; null: they are not the cause. */
export function heldUntil(verdict: Verdict): number | null {
  assert(verdict.kind === 'refused', 'it was not refused');
  return verdict.heldUntilMs === undefined ? null : verdict.heldUntilMs - START;
}

export function ask<Kind extends PromotionsResult['kind']>(
  shard: TestShard,
  asked: Parameters<typeof query>[1],
  kind: Kind,
): Extract<PromotionsResult, { kind: Kind }> {
  const result = query(shard.state, asked, shard.nowMs);
  assert.equal(result.kind, kind, JSON.stringify(result));
  return result as Extract<PromotionsResult, { kind: Kind }>;
}

export const viewOf = (shard: TestShard, id: string): PromotionView =>
  ask(shard, { kind: 'getPromotion', id }, 'promotion').view;

/** Also of a promotion that is archived, which no query shows. */
export function usageOf(shard: TestShard, id: string): PromotionUsage {
  const { uses, held, spent, heldAmount } = shard.state.promotions.promotionOf(id);
  return { usageCount: uses, heldCount: held, budgetUsed: spent, budgetHeld: heldAmount };
}

export const usage = (
  usageCount: number,
  heldCount: number,
  budgetUsed: number,
  budgetHeld: number,
): PromotionUsage => ({ usageCount, heldCount, budgetUsed, budgetHeld });

export const reservation = (shard: TestShard, id: string): ReservationView =>
  ask(shard, { kind: 'getReservation', id }, 'reservation').reservation;

export const qualified = (shard: TestShard, request: Partial<PriceRequest> = {}): readonly Qualified[] =>
  ask(shard, { kind: 'qualify', request: cartFor({ codes: [], ...request }) }, 'qualified').items;

/** All of them, the newest last. */
export const ANY_PROMOTION: PromotionFilter = {
  code: null,
  type: null,
  couponFor: null,
  isActive: null,
  campaignId: null,
  sortBy: 'createdAt',
  descending: false,
  count: 1_000,
};

export const listed = (shard: TestShard, filter: Partial<PromotionFilter> = {}) =>
  ask(shard, { kind: 'listPromotions', filter: { ...ANY_PROMOTION, count: 10, ...filter } }, 'promotions').found;

/** All events so far of one kind. */
export const eventsOf = <Kind extends DomainEvent['kind']>(shard: TestShard, kind: Kind) =>
  shard.changes.flatMap(({ events }) =>
    events.filter((event): event is Extract<DomainEvent, { kind: Kind }> => event.kind === kind),
  );

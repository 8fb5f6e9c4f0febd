/**
 * What callers were told about promotions, held against the fold: prices, refusals and reads. It
 * knows fixed discounts that take all goods, which is all that the callers of the simulator make.
 */

import assert from 'node:assert/strict';
import type { Command, Query } from '../../src/domain/command.js';
import { type BookId, DEFAULT_CAMPAIGN } from '../../src/domain/ids.js';
import type { Outcome, Refusal, RefusalReason } from '../../src/domain/outcome.js';
import type { QueryResult } from '../../src/domain/view.js';
import { isFlashCommand } from '../../src/features/flash/rules.js';
import type { PromotionCommand } from '../../src/features/promotions/rules.js';
import type { PriceRequest, RolledBackLine } from '../../src/records/objects.js';
import type { Promotion, PromotionUsage, PromotionView } from '../../src/records/promotions.js';
import { pricedIn } from '../features/promotions/promotion-shard.js';
import {
  type CartName,
  type Counts,
  countsOf,
  discountOf,
  type FoldedPromotions,
  type FoldedReservation,
  heldFor,
  isOfBook,
  periodAt,
  standing,
} from './promotion-fold.js';
import { type AgainstCode, objectToUniqueCode } from './unique-code-judge.js';

type Expected =
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly detail?: string }
  | { readonly kind: 'taken'; readonly amounts: readonly (readonly [promotionId: string, amount: number])[] };

const USED_UP = 'Coupon usage limit exceeded';
const SPENT = 'Coupon budget exhausted';

const refusal = (reason: RefusalReason, detail?: string): Expected =>
  detail === undefined ? { kind: 'refused', reason } : { kind: 'refused', reason, detail };

/** What a cart gets, or why it gets nothing. `cart`: whose hold is free for it. */
function priceOf(
  folded: FoldedPromotions,
  request: PriceRequest,
  cart: Omit<CartName, 'campaignId'>,
  nowMs: number,
): Expected {
  const { codes, promotionIds, isWhole, userId } = request;
  const isSingle = codes.length === 1 && !isWhole;
  /** What the user must not know of is not there. */
  const secretOf = (code: string): AgainstCode | null => {
    if (byUniqueCode(folded, code) === undefined) return null;
    const against = objectToUniqueCode(folded, code, userId, undefined, nowMs);
    return against?.isSecret === true ? against : null;
  };
  const isSecret = (code: string): boolean => secretOf(code) !== null;
  const [secret] = codes.flatMap((code) => secretOf(code) ?? []);
  if (isSingle && secret !== undefined) return refusalOfCode(secret);
  const found = [
    ...codes.map(
      (code) => [code, isSecret(code) ? undefined : (byCode(folded, code) ?? byUniqueCode(folded, code))] as const,
    ),
    ...promotionIds.map((id) => [id, standing(folded).find((one) => one.id === id)] as const),
  ];
  const named = new Set(found.flatMap(([, promotion]) => promotion ?? []));
  /** Those of unique codes. Callers name one code of a book at most. */
  const uniqueCodes = new Map(
    found.flatMap(([code, promotion]) =>
      promotion !== undefined && isOfBook(folded, promotion.id) ? [[promotion, code] as const] : [],
    ),
  );
  const unknown = found.filter(([, promotion]) => promotion === undefined).map(([name]) => name);
  if (isWhole && unknown.length > 0) return incomplete(unknown.map((name) => `${name}: Coupon not found`));
  if (named.size === 0 && unknown.length > 0) return refusal('promotionNotFound');
  const campaigns = new Set([...named].map(({ campaignId }) => campaignId));
  if (request.campaignId !== null) campaigns.add(request.campaignId);
  if (campaigns.size > 1) return refusal('notInOneCampaign');
  const [campaignId = DEFAULT_CAMPAIGN] = campaigns;
  const instead = heldFor(folded, { ...cart, campaignId });

  const automatic = standing(folded).filter((one) => one.settings.automatic && one.campaignId === campaignId);
  const amounts: (readonly [string, number])[] = [];
  const reasons = new Map<Promotion, string>();
  let left = request.cart.total;
  for (const promotion of new Set([...named, ...automatic])) {
    const code = uniqueCodes.get(promotion);
    const against = code === undefined ? null : objectToUniqueCode(folded, code, userId, instead, nowMs);
    if (isSingle && against?.kind === 'locked') return refusalOfCode(against);
    const amount = Math.min(promotion.settings.discount, left);
    const reason =
      against?.reason ?? objectionTo(promotion, countsOf(folded, promotion.id, instead), userId, amount, nowMs);
    if (reason === null) {
      amounts.push([promotion.id, amount]);
      left -= amount;
    } else reasons.set(promotion, reason);
  }
  const missing = [...named].flatMap((one) => {
    const reason = reasons.get(one);
    return reason === undefined ? [] : [`${uniqueCodes.get(one) ?? one.settings.code ?? one.id}: ${reason}`];
  });
  if (isWhole) return missing.length > 0 ? incomplete(missing) : { kind: 'taken', amounts };
  const [first] = named;
  if (codes.length === 0 || first === undefined || missing.length < named.size) return { kind: 'taken', amounts };
  return refusal('promotionNotApplicable', reasons.get(first));
}

function refusalOfCode({ kind, reason }: AgainstCode): Expected {
  if (kind === 'unknown') return refusal('promotionNotFound');
  return kind === 'locked' ? refusal('lockedByAnother') : refusal('promotionNotApplicable', reason);
}

const incomplete = (missing: readonly string[]): Expected => refusal('campaignIncomplete', missing.join('; '));

function objectionTo(
  { settings, plan }: Promotion,
  counts: Counts,
  userId: string | null,
  amount: number,
  nowMs: number,
): string | null {
  const { isActive, start, end, budget } = settings;
  if (!isActive) return 'Coupon is not active';
  if (start !== null && nowMs < start.ms) return 'Coupon is not yet valid';
  if (end !== null && nowMs >= end.ms) return 'Coupon has expired';
  const limit = limitReached({ settings, plan }, counts, userId, nowMs);
  if (limit !== null || budget === null) return limit;
  const left = budget - counts.spent - counts.heldAmount;
  return left <= 0 || amount > left ? SPENT : null;
}

export function limitReached(
  { settings, plan }: Pick<Promotion, 'settings' | 'plan'>,
  { uses, held, byUser, byPeriod }: Counts,
  userId: string | null,
  nowMs: number,
): string | null {
  const { maxUsage, maxUsagePerPeriod, maxUsagePerUser } = settings;
  if (maxUsage !== null && uses + held >= maxUsage) return USED_UP;
  if (maxUsagePerPeriod !== null) {
    const periodMs = periodAt(plan, nowMs);
    if (periodMs === null || (byPeriod.get(periodMs) ?? 0) >= maxUsagePerPeriod.count) return USED_UP;
  }
  if (maxUsagePerUser === null) return null;
  if (userId === null) return 'Coupon conditions not met';
  return (byUser.get(userId) ?? 0) >= maxUsagePerUser ? 'Coupon usage limit per user exceeded' : null;
}

// ─── Refusals ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Whether a refusal of a command of promotions is true of the state. */
export function isRightOfPromotions(
  folded: FoldedPromotions,
  command: Command,
  atMs: number,
  { reason, detail }: Refusal,
): boolean {
  if ('code' in command || 'bookId' in command || isFlashCommand(command)) return false;
  const expected = expectedOf(folded, command, atMs);
  if (expected?.kind !== 'refused' || expected.reason !== reason) return false;
  return expected.detail === undefined || expected.detail === detail;
}

/** Null: nothing speaks against it. */
function expectedOf(folded: FoldedPromotions, command: PromotionCommand, nowMs: number): Expected | null {
  switch (command.kind) {
    case 'reserve': {
      const { request, caller, cartId } = command;
      return priceOf(folded, request, { caller, userId: request.userId, cartId }, nowMs);
    }
    case 'usePromotion': {
      const { promotionCode, userId, amount } = command;
      const promotion = byCode(folded, promotionCode);
      if (promotion === undefined) return refusal('promotionNotFound');
      const { maxUsagePerUser, budget } = promotion.settings;
      if ((maxUsagePerUser !== null && userId === null) || (budget !== null && amount === null))
        return refusal('useIncomplete');
      const counts = countsOf(folded, promotion.id);
      const limit = limitReached(promotion, counts, userId, nowMs);
      if (limit !== null) return refusal('promotionNotApplicable', limit);
      const left = budget === null ? null : Math.max(0, budget - counts.spent - counts.heldAmount);
      return left !== null && (amount ?? 0) > left ? refusal('promotionNotApplicable', SPENT) : null;
    }
    case 'commitReservation':
    case 'releaseReservation':
    case 'renewReservation':
    case 'rollbackReservation':
      return expectedOfReservation(folded.reservations.get(command.id), command);
    case 'updatePromotion':
    case 'archivePromotion': {
      const found = standing(folded).find(({ id }) => id === command.id);
      if (found === undefined) return refusal('promotionNotFound');
      const versions = command.kind === 'updatePromotion' ? [command.version] : command.ifVersion;
      return versions?.includes(found.version) === false ? refusal('promotionVersionMismatch') : null;
    }
    case 'stopCampaign':
      return [...folded.all.values(), ...[...folded.campaigns.values()].map((campaignId) => ({ campaignId }))].some(
        ({ campaignId }) => campaignId === command.campaign,
      )
        ? null
        : refusal('campaignNotFound');
    case 'createPromotion':
      return null;
  }
}

type ReservationCommand = Extract<PromotionCommand, { readonly kind: `${string}Reservation` }>;

function expectedOfReservation(found: FoldedReservation | undefined, command: ReservationCommand): Expected | null {
  const isOwn = !('owner' in command) || command.owner === null || command.owner === found?.userId;
  if (found === undefined || !isOwn) return refusal('reservationNotFound');
  const { status, orderId } = found;
  if (command.kind === 'rollbackReservation') {
    if (status !== 'committed') return refusal('reservationSettled');
    return canGoBack(found, command.lines) ? null : refusal('linesNotReserved');
  }
  if (status === 'held' || (command.kind === 'releaseReservation' && status === 'released')) return null;
  const isAgain = command.kind === 'commitReservation' && [null, orderId].includes(command.orderId);
  if (isAgain && status === 'committed') return null;
  return refusal(status === 'expired' ? 'reservationOver' : 'reservationSettled');
}

function canGoBack({ cart, givenBack }: FoldedReservation, lines: readonly RolledBackLine[] | null): boolean {
  if (lines === null) return true;
  const asked = new Map<string, number>();
  for (const { productId, quantity } of lines) asked.set(productId, (asked.get(productId) ?? 0) + quantity);
  return [...asked].every(([productId, quantity]) => {
    const left = cart.lines?.map((line, at) =>
      line.productId === productId ? line.quantity - (givenBack?.quantities?.[at] ?? 0) : 0,
    );
    return left !== undefined && quantity <= left.reduce((sum, one) => sum + one, 0);
  });
}

// ─── Answers and reads ──────────────────────────────────────────────────────────────────────────────────────────

/**
 * What was answered with yes is there, whatever became of it since. `command` null: the answer is
 * that to an earlier request with this key, which may be another command here.
 */
export function checkPromotionsDone(
  { all, reservations }: FoldedPromotions,
  command: Command | null,
  outcome: Outcome,
): void {
  if (outcome.kind === 'promotion') assert.ok(all.has(outcome.promotion.promotion.id), 'a promotion is there (I2)');
  else if (outcome.kind === 'reserved') assert.ok(reservations.has(outcome.reservationId), 'a hold is there (I2)');
  else if (outcome.kind === 'reservation') {
    const status = reservations.get(outcome.reservation.id)?.status;
    assert.ok(status !== undefined, 'a reservation is there (I2)');
    if (command?.kind === 'commitReservation')
      assert.ok(status === 'committed' || status === 'rolledBack', 'a use is there (I2)');
    else if (command?.kind === 'releaseReservation') assert.equal(status, 'released', 'a release stays (I2)');
  }
}

/** False: it is no read of promotions. */
export function checkPromotionsRead(
  folded: FoldedPromotions,
  query: Query,
  atMs: number,
  result: QueryResult,
): boolean {
  if (result.kind === 'promotion' && query.kind === 'getPromotion') checkView(folded, query.id, result.view);
  else if (result.kind === 'promotion' && query.kind === 'getCode')
    checkView(folded, byCode(folded, query.code)?.id, result.view);
  else if (result.kind === 'promotions' && query.kind === 'listPromotions') {
    const { items, total } = result.found;
    const ids = standing(folded).map(({ id }) => id);
    assert.deepEqual(items.map(({ promotion }) => promotion.id).sort(), ids.sort(), 'promotions are complete');
    assert.equal(total, ids.length);
    for (const view of items) checkView(folded, view.promotion.id, view);
  } else if (result.kind === 'reservation' && query.kind === 'getReservation')
    checkReservation(folded.reservations.get(query.id), result.reservation, atMs);
  else if (result.kind === 'reservation' && query.kind === 'findReservation') {
    const { id, campaignId } = result.reservation;
    assert.equal(heldFor(folded, { ...query, campaignId })?.id, id, 'a cart finds its own hold');
    checkReservation(folded.reservations.get(id), result.reservation, atMs);
    assert.equal(result.reservation.status, 'held', 'a cart finds no hold that is over');
  } else if (result.kind === 'quote' && query.kind === 'quote') {
    const { request, cart } = query;
    const name = { caller: cart?.caller ?? '', userId: request.userId, cartId: cart?.cartId ?? null };
    const amounts = pricedIn(result.text).applied.map(({ promotionId, amount }) => [promotionId, amount] as const);
    assert.deepEqual({ kind: 'taken', amounts }, priceOf(folded, request, name, atMs), 'a quote is what it would get');
  } else return false;
  return true;
}

function checkView(folded: FoldedPromotions, id: string | undefined, { promotion, usage }: PromotionView): void {
  assert.ok(id !== undefined, 'a promotion that is shown exists');
  const current = standing(folded).find((one) => one.id === id);
  assert.deepEqual(
    { promotion, usage },
    { promotion: current, usage: usageIn(folded, id) },
    'as the journal has it (I5)',
  );
}

/** As its book shows it. */
export function discountShownOf(folded: FoldedPromotions, bookId: BookId): PromotionView | null {
  const promotion = discountOf(folded, bookId);
  return promotion === undefined ? null : { promotion, usage: usageIn(folded, promotion.id) };
}

function usageIn(folded: FoldedPromotions, id: string): PromotionUsage {
  const { uses, held, spent, heldAmount } = countsOf(folded, id);
  return { usageCount: uses, heldCount: held, budgetUsed: spent, budgetHeld: heldAmount };
}

function checkReservation(found: FoldedReservation | undefined, shown: object, atMs: number): void {
  assert.ok(found !== undefined, 'a reservation that is shown exists');
  const { caller: _caller, redemptionIds: _ids, ...facts } = found;
  const isOver = found.status === 'held' && found.untilMs !== null && found.untilMs <= atMs;
  const expected = { ...facts, status: isOver ? 'expired' : found.status };
  const { codes: _codes, referrers: _referrers, ...seen } = shown as typeof expected & Record<string, unknown>;
  assert.deepEqual(seen, expected, 'a reservation is shown as the journal has it (I5)');
}

const byCode = (folded: FoldedPromotions, code: string): Promotion | undefined =>
  standing(folded).find(({ settings }) => settings.code === code);

/** The discount under which a unique code stands in a cart. */
function byUniqueCode(folded: FoldedPromotions, text: string): Promotion | undefined {
  const code = folded.inBooks.codes.get(text);
  return code === undefined ? undefined : discountOf(folded, code.bookId);
}

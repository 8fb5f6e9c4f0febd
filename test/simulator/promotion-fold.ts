/**
 * Promotions and reservations, folded naively: a list of what was reserved and used, from which
 * each count is made anew whenever it is needed. The limits are asserted at every event that adds a
 * use or a hold.
 */
import assert from 'node:assert/strict';
import { asBookId, type BookId, type CampaignId } from '../../src/domain/ids.js';
import type { ReservationRow } from '../../src/postgres/store.js';
import type { Hold, Promotion, PromotionPlan, ReservedCart } from '../../src/records/promotions.js';
import type { KnownEvent } from '../records/known.js';
import { type FoldedCodes, standingIn } from './folded-codes.js';

export type FoldedReservation = { -readonly [Key in keyof ReservationRow]: ReservationRow[Key] };

export interface FoldedPromotions {
  /** By id, in the order in which they were made; so are reservations. */
  readonly all: Map<string, Promotion>;
  readonly reservations: Map<string, FoldedReservation>;
  /** The codes that batches claim, until they are freed. */
  readonly claims: Map<number, string>;
  /** Books that belong to a campaign. */
  readonly campaigns: Map<BookId, CampaignId>;
  /** Redemptions are the uses of a discount that a book carries. */
  readonly inBooks: FoldedCodes;
}

export type PromotionEvent = Extract<
  KnownEvent,
  {
    readonly kind:
      | `promotion${string}`
      | `reservation${string}`
      | 'bookJoinedCampaign'
      | 'reservedCodesRedeemed'
      | 'codeClaimed'
      | 'codeFreed';
  }
>;

export const newFoldedPromotions = (inBooks: FoldedCodes): FoldedPromotions => ({
  all: new Map(),
  reservations: new Map(),
  claims: new Map(),
  campaigns: new Map(),
  inBooks,
});

export function foldPromotionEvent(folded: FoldedPromotions, event: PromotionEvent, nowMs: number): void {
  switch (event.kind) {
    case 'codeClaimed':
      assert.ok(![...folded.claims.values()].includes(event.claimedCode), `code ${event.claimedCode} is claimed once`);
      folded.claims.set(event.batchId, event.claimedCode);
      return;
    case 'codeFreed':
      assert.ok(folded.claims.delete(event.batchId), 'only a code that is claimed is freed');
      return;
    case 'promotionCreated':
      assert.ok(!folded.all.has(event.promotion.id), 'a promotion is made once');
      folded.all.set(event.promotion.id, event.promotion);
      return;
    case 'promotionUpdated':
    case 'promotionArchived': {
      const { version, archivedMs, settings } = promotionOf(folded, event.promotion.id);
      // A book that lost its discount may get another one.
      if (!isOfBook(folded, event.promotion.id)) assert.equal(archivedMs, null, 'an archived promotion is not changed');
      assert.equal(event.promotion.version, version + 1);
      assert.equal(event.promotion.settings.code, settings.code, 'a promotion keeps its code');
      folded.all.set(event.promotion.id, event.promotion);
      return;
    }
    case 'reservationMade':
      foldMade(folded, event, nowMs);
      return;
    case 'bookJoinedCampaign':
      assert.ok(!folded.campaigns.has(event.bookId), 'a book joins a campaign once');
      folded.campaigns.set(event.bookId, event.campaignId);
      return;
    case 'reservationRenewed':
    case 'reservationCommitted':
    case 'reservationReleased':
    case 'reservationExpired':
    case 'reservationRolledBack':
    case 'reservedCodesRedeemed':
      foldReservationEvent(reservationOf(folded, event.reservationId), event, nowMs);
  }
}

function foldMade(
  folded: FoldedPromotions,
  event: Extract<PromotionEvent, { readonly kind: 'reservationMade' }>,
  nowMs: number,
): void {
  const { kind: _, reservationId: id, replaced: _replaced, ...made } = event;
  const { campaignId, caller, userId, cartId, cart, untilMs } = made;
  const before = folded.reservations.get(id);
  const ofCart = heldFor(folded, { campaignId, caller, userId, cartId });
  assert.equal(before, ofCart, 'a cart takes the place of its own hold, and of no other');
  if (before === undefined) {
    const status = untilMs === null ? 'committed' : 'held';
    const committedMs = untilMs === null ? made.madeMs : null;
    folded.reservations.set(id, { id, ...made, status, committedMs, givenBack: null, redemptionIds: null });
  } else {
    assertHeld(before, nowMs);
    before.cart = cart;
    before.untilMs = untilMs;
  }
  assert.ok(untilMs === null || untilMs > nowMs, 'a hold ends in the future');
  assertSums(cart);
  for (const hold of cart.holds) {
    const promotion = promotionOf(folded, hold.promotionId);
    assert.equal(promotion.campaignId, campaignId, 'a reservation is of one campaign');
    assert.equal(promotion.archivedMs, null, 'an archived promotion is not used any more');
    assert.equal(hold.uniqueCode !== undefined, isOfBook(folded, promotion.id), 'a code stands for its book');
    assert.equal(hold.periodMs, periodAt(promotion.plan, nowMs), 'a use counts in the period of its time');
    if (untilMs !== null) assertOpen(promotion, nowMs);
    assertWithinLimits(folded, promotion, hold, userId);
  }
}

function foldReservationEvent(
  found: FoldedReservation,
  event: Exclude<Extract<PromotionEvent, { readonly reservationId: string }>, { readonly kind: 'reservationMade' }>,
  nowMs: number,
): void {
  switch (event.kind) {
    case 'reservationRenewed':
      assertHeld(found, nowMs);
      assert.ok(event.untilMs >= (found.untilMs ?? 0), 'a renewal ends no hold earlier');
      found.untilMs = event.untilMs;
      return;
    case 'reservedCodesRedeemed':
      assertHeld(found, nowMs);
      found.redemptionIds = event.redemptionIds;
      return;
    case 'reservationCommitted':
      assertHeld(found, nowMs);
      Object.assign(found, { status: 'committed', orderId: event.orderId, committedMs: event.committedMs });
      return;
    case 'reservationReleased':
      assertHeld(found, nowMs);
      found.status = 'released';
      return;
    case 'reservationExpired':
      assert.equal(found.status, 'held', 'only a hold expires');
      assert.ok((found.untilMs ?? Number.POSITIVE_INFINITY) <= nowMs, 'a hold does not end before its time');
      found.status = 'expired';
      return;
    case 'reservationRolledBack': {
      const { cart, givenBack: before, status } = found;
      const { givenBack, isWhole } = event;
      assert.equal(status, 'committed', 'only a committed use is given back, and once');
      for (const [line, quantity] of givenBack.quantities?.entries() ?? []) {
        assert.ok(quantity >= (before?.quantities?.[line] ?? 0), 'what is back stays back');
        assert.ok(quantity <= (cart.lines?.[line]?.quantity ?? 0), 'no more goes back than was bought');
      }
      const { quantities } = givenBack;
      const isAll = quantities === null || quantities.every((back, line) => back === cart.lines?.[line]?.quantity);
      assert.equal(isWhole, isAll, 'the use goes back with the last piece');
      const amounts = cart.holds.map((hold) => (isWhole ? hold.amount : shareOf(cart, hold, quantities ?? [])));
      assert.deepEqual(givenBack.amounts, amounts, 'a line gives back the share of its pieces');
      found.givenBack = givenBack;
      if (isWhole) found.status = 'rolledBack';
    }
  }
}

function shareOf({ lines }: ReservedCart, hold: Hold, quantities: readonly number[]): number {
  return hold.lines.reduce((sum, { line, amount }) => {
    const { quantity = 1 } = lines?.[line] ?? {};
    return sum + Math.floor((amount * (quantities[line] ?? 0)) / quantity + 0.5);
  }, 0);
}

/** Whatever was changed: a code is freed with the last hold of a promotion that is archived. */
export function assertCodesFreed(folded: FoldedPromotions): void {
  for (const { id, batchId, archivedMs } of folded.all.values()) {
    if (batchId === null) continue;
    const isOver = archivedMs !== null && countsOf(folded, id).held === 0;
    assert.equal(folded.claims.has(batchId), !isOver, `the code of promotion ${id} is claimed as long as it is needed`);
  }
}

// ─── Counts ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Counts {
  readonly uses: number;
  readonly held: number;
  /** Minor units. */
  readonly spent: number;
  readonly heldAmount: number;
  /** Uses and holds. */
  readonly byUser: Map<string, number>;
  readonly byPeriod: Map<number, number>;
}

/** Without the hold of `instead`. */
export function countsOf(folded: FoldedPromotions, promotionId: string, instead?: FoldedReservation): Counts {
  const counts = { uses: 0, held: 0, spent: 0, heldAmount: 0 };
  const byUser = new Map<string, number>();
  const byPeriod = new Map<number, number>();
  const isInBook = isOfBook(folded, promotionId);
  for (const found of folded.reservations.values()) {
    const { status, userId, cart, givenBack } = found;
    if (found === instead || (status !== 'held' && status !== 'committed')) continue;
    for (const [at, hold] of cart.holds.entries()) {
      if (hold.promotionId !== promotionId) continue;
      const { amount, periodMs } = hold;
      const isUse = status === 'committed';
      counts[isUse ? 'spent' : 'heldAmount'] += amount - (givenBack?.amounts[at] ?? 0);
      // Counted below.
      if (isUse && isInBook) continue;
      counts[isUse ? 'uses' : 'held']++;
      if (userId !== null) byUser.set(userId, (byUser.get(userId) ?? 0) + 1);
      if (periodMs !== null) byPeriod.set(periodMs, (byPeriod.get(periodMs) ?? 0) + 1);
    }
  }
  if (isInBook)
    for (const { userId } of standingIn(folded.inBooks, promotionId)) {
      counts.uses++;
      byUser.set(userId, (byUser.get(userId) ?? 0) + 1);
    }
  return { ...counts, byUser, byPeriod };
}

/** Before a redemption without a cart: what carts hold of the book counts, too. */
export function assertUseAllowed(folded: FoldedPromotions, bookId: BookId, userId: string): void {
  const { byUser, uses, held } = countsOf(folded, bookId);
  const max = folded.inBooks.books.get(bookId)?.settings.maxRedemptionsPerUser ?? null;
  assert.ok(max === null || (byUser.get(userId) ?? 0) < max, 'maxRedemptionsPerUser, with what carts hold (I3)');
  const discount = discountOf(folded, bookId);
  if (discount === undefined) return;
  const { maxUsage, maxUsagePerUser } = discount.settings;
  assert.ok(maxUsage === null || uses + held < maxUsage, 'maxUsage of a book (I3)');
  assert.ok(maxUsagePerUser === null || (byUser.get(userId) ?? 0) < maxUsagePerUser, 'per user of a book (I3)');
}

/** A change of a promotion may set a limit below what is there. So it is asserted of additions. */
function assertWithinLimits(
  folded: FoldedPromotions,
  { id, settings }: Promotion,
  { amount, periodMs }: Hold,
  userId: string | null,
): void {
  const { maxUsage, maxUsagePerUser, maxUsagePerPeriod, budget } = settings;
  const { uses, held, spent, heldAmount, byUser, byPeriod } = countsOf(folded, id);
  assert.ok(maxUsage === null || uses + held <= maxUsage, 'maxUsage (I3)');
  assert.ok(maxUsagePerUser === null || userId !== null, 'a limit per user needs a user');
  assert.ok(maxUsagePerUser === null || (byUser.get(userId ?? '') ?? 0) <= maxUsagePerUser, 'maxUsagePerUser (I3)');
  if (maxUsagePerPeriod !== null) {
    assert.ok(periodMs !== null, 'a limit per period needs a period');
    assert.ok((byPeriod.get(periodMs) ?? 0) <= maxUsagePerPeriod.count, 'maxUsagePerPeriod (I3)');
  }
  assert.ok(budget === null || amount === 0 || spent + heldAmount <= budget, 'budget (I3)');
}

function assertSums({ originalAmount, discountAmount, finalAmount, lines, holds }: ReservedCart): void {
  const sum = (amounts: readonly { readonly amount: number }[]): number =>
    amounts.reduce((total, { amount }) => total + amount, 0);
  assert.equal(sum(holds), discountAmount, 'the holds are the discount');
  assert.equal(originalAmount - discountAmount, finalAmount);
  assert.ok(finalAmount >= 0, 'nobody is paid for buying');
  if (lines !== null) for (const hold of holds) assert.equal(sum(hold.lines), hold.amount, 'the lines are the hold');
}

function assertOpen({ settings: { isActive, start, end } }: Promotion, nowMs: number): void {
  assert.ok(isActive, 'what is switched off is not reserved');
  assert.ok((start === null || start.ms <= nowMs) && (end === null || nowMs < end.ms), 'a promotion has its dates');
}

function assertHeld({ status, untilMs }: FoldedReservation, nowMs: number): void {
  assert.equal(status, 'held');
  assert.ok(untilMs !== null && untilMs > nowMs, 'a hold that has ended does not come back');
}

// ─── What is there ──────────────────────────────────────────────────────────────────────────────────────────────

export const isOfBook = ({ inBooks }: FoldedPromotions, promotionId: string): boolean =>
  inBooks.books.has(asBookId(promotionId));

/** The promotions that callers find, in the order in which they were made. */
export const standing = (folded: FoldedPromotions): Promotion[] =>
  [...folded.all.values()].filter(({ id, archivedMs }) => archivedMs === null && !isOfBook(folded, id));

/** The discount that the book carries now. */
export function discountOf({ all }: FoldedPromotions, bookId: BookId): Promotion | undefined {
  const found = all.get(bookId);
  return found === undefined || found.archivedMs !== null ? undefined : found;
}

export interface CartName {
  readonly campaignId: CampaignId;
  readonly caller: string;
  readonly userId: string | null;
  readonly cartId: string | null;
}

/** The reservation that is held for this cart. */
export function heldFor({ reservations }: FoldedPromotions, name: CartName): FoldedReservation | undefined {
  if (name.cartId === null) return undefined;
  return [...reservations.values()].find(
    ({ status, campaignId, caller, userId, cartId }) =>
      status === 'held' &&
      campaignId === name.campaignId &&
      caller === name.caller &&
      userId === name.userId &&
      cartId === name.cartId,
  );
}

/** The begin of the period of a moment; null: none is known. */
export function periodAt({ periods, untilMs }: PromotionPlan, nowMs: number): number | null {
  if (untilMs !== null && nowMs >= untilMs) return null;
  return periods?.filter((startMs) => startMs <= nowMs).at(-1) ?? null;
}

function promotionOf({ all }: FoldedPromotions, id: string): Promotion {
  const promotion = all.get(id);
  assert.ok(promotion !== undefined, `promotion ${id} is there`);
  return promotion;
}

function reservationOf({ reservations }: FoldedPromotions, id: string): FoldedReservation {
  const reservation = reservations.get(id);
  assert.ok(reservation !== undefined, `reservation ${id} is there`);
  return reservation;
}

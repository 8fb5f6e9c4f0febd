/**
 * The naive model of promotions: a list of what was reserved and used, from which each count is
 * made anew each time it is needed. It knows fixed discounts, and carts of one shape.
 */
import assert from 'node:assert/strict';
import type { RolledBackLine } from '../../../src/records/objects.js';
import type { Hold, PromotionPlan, PromotionSettings, ReservationStatus } from '../../../src/records/promotions.js';

export interface ModelPromotion {
  readonly id: string;
  readonly code: string | null;
  settings: PromotionSettings;
  plan: PromotionPlan;
  version: number;
  isArchived: boolean;
}

/** What was taken of one promotion. */
export interface Entry {
  readonly reservationId: string;
  readonly userId: string | null;
  readonly caller: string;
  readonly cartId: string | null;
  readonly untilMs: number | null;
  readonly orderId: string | null;
  readonly status: ReservationStatus;
  readonly holds: readonly Hold[];
  /** Pieces by line of the cart, and how many of them are back; null: it has no lines. */
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[] | null;
  readonly back: readonly number[] | null;
}

export interface Wanted {
  readonly codes: readonly string[];
  readonly total: number;
  readonly userId: string | null;
  readonly caller: string;
  readonly cartId: string | null;
}

interface Counts {
  readonly uses: number;
  readonly held: number;
  readonly spent: number;
  readonly heldAmount: number;
  readonly byUser: Readonly<Record<string, number>>;
  readonly byPeriod: Readonly<Record<string, number>>;
}

export type Expected =
  | { readonly refusal: string }
  | { readonly message: string }
  | { readonly taken: readonly { readonly promotionId: string; readonly amount: number }[] };

export class PromotionModel {
  readonly promotions: ModelPromotion[] = [];
  entries: Entry[] = [];

  byCode(code: string): ModelPromotion | undefined {
    return this.promotions.find((one) => one.code === code && !one.isArchived);
  }

  heldFor({ caller, userId, cartId }: Pick<Wanted, 'caller' | 'userId' | 'cartId'>): Entry | undefined {
    if (cartId === null) return undefined;
    return this.entries.find(
      (one) => one.status === 'held' && one.caller === caller && one.userId === userId && one.cartId === cartId,
    );
  }

  /** Without the hold of `instead`. */
  counts({ id }: Pick<ModelPromotion, 'id'>, instead?: Entry): Counts {
    const byUser: Record<string, number> = {};
    const byPeriod: Record<string, number> = {};
    const counts = { uses: 0, held: 0, spent: 0, heldAmount: 0 };
    for (const entry of this.entries) {
      const hold = entry.holds.find(({ promotionId }) => promotionId === id);
      if (hold === undefined || entry === instead || !['held', 'committed'].includes(entry.status)) continue;
      if (entry.status === 'held') {
        counts.held++;
        counts.heldAmount += hold.amount;
      } else {
        counts.uses++;
        counts.spent += hold.amount - backAmount(entry, hold);
      }
      if (entry.userId !== null) byUser[entry.userId] = (byUser[entry.userId] ?? 0) + 1;
      if (hold.periodMs !== null) byPeriod[hold.periodMs] = (byPeriod[hold.periodMs] ?? 0) + 1;
    }
    return { ...counts, byUser, byPeriod };
  }

  /** What a cart gets that reserves. */
  price(wanted: Wanted, nowMs: number): Expected {
    const named = [...new Set(wanted.codes.flatMap((code) => this.byCode(code) ?? []))];
    const [first] = named;
    if (first === undefined && wanted.codes.length > 0) return { refusal: 'promotionNotFound' };
    const automatic = this.promotions.filter((one) => one.settings.automatic && !one.isArchived);
    const instead = this.heldFor(wanted);
    const taken: { promotionId: string; amount: number }[] = [];
    const reasons = new Map<string, string>();
    let left = wanted.total;
    for (const promotion of new Set([...named, ...automatic])) {
      const amount = Math.min(promotion.settings.discount, left);
      const reason = this.#reason(promotion, wanted.userId, amount, nowMs, instead);
      if (reason !== null) {
        reasons.set(promotion.id, reason);
        continue;
      }
      taken.push({ promotionId: promotion.id, amount });
      left -= amount;
    }
    const message = first === undefined ? undefined : reasons.get(first.id);
    const isAnyNamed = named.some(({ id }) => !reasons.has(id));
    return isAnyNamed || message === undefined ? { taken } : { message };
  }

  /** Whether a use after the order is refused: its reason or its message. */
  refusalOfUse(code: string, userId: string | null, amount: number | null, nowMs: number): string | null {
    const promotion = this.byCode(code);
    if (promotion === undefined) return 'promotionNotFound';
    const { maxUsagePerUser, budget } = promotion.settings;
    if ((maxUsagePerUser !== null && userId === null) || (budget !== null && amount === null)) return 'useIncomplete';
    const counts = this.counts(promotion);
    const objection = limitReached(promotion, counts, userId, nowMs);
    if (objection !== null) return objection;
    const isTooMuch = budget !== null && counts.spent + counts.heldAmount + (amount ?? 0) > budget;
    return isTooMuch && (amount ?? 0) > 0 ? 'Coupon budget exhausted' : null;
  }

  #reason(
    promotion: ModelPromotion,
    userId: string | null,
    amount: number,
    nowMs: number,
    instead: Entry | undefined,
  ): string | null {
    const { isActive, budget } = promotion.settings;
    if (!isActive) return 'Coupon is not active';
    const counts = this.counts(promotion, instead);
    const objection = limitReached(promotion, counts, userId, nowMs);
    if (objection !== null) return objection;
    if (budget === null) return null;
    const left = budget - counts.spent - counts.heldAmount;
    return left <= 0 || amount > left ? 'Coupon budget exhausted' : null;
  }

  replace(before: Entry, change: Partial<Entry>): void {
    this.entries = this.entries.map((one) => (one === before ? { ...one, ...change } : one));
  }

  /** The pieces that are back after this rollback; null: it asks for too many. */
  backAfter({ lines, back }: Entry, asked: readonly RolledBackLine[]): number[] | null {
    if (lines === null) return null;
    const after = [...(back ?? lines.map(() => 0))];
    for (const { productId, quantity } of asked) {
      // Piece by piece, from the first line that has one.
      for (let piece = 0; piece < quantity; piece++) {
        const line = lines.findIndex((one, at) => one.productId === productId && (after[at] ?? 0) < one.quantity);
        if (line === -1) return null;
        after[line] = (after[line] ?? 0) + 1;
      }
    }
    return after;
  }

  expire(nowMs: number): string[] {
    const over = this.entries.filter(
      ({ status, untilMs }) => status === 'held' && untilMs !== null && untilMs <= nowMs,
    );
    for (const entry of over) this.replace(entry, { status: 'expired' });
    return over.map(({ reservationId }) => reservationId);
  }

  /** How often the code of a promotion must have been freed by now. */
  timesFreed(promotion: ModelPromotion): number {
    return promotion.code !== null && promotion.isArchived && this.counts(promotion).held === 0 ? 1 : 0;
  }
}

function limitReached(
  { settings, plan }: ModelPromotion,
  { uses, held, byUser, byPeriod }: Counts,
  userId: string | null,
  nowMs: number,
): string | null {
  const { maxUsage, maxUsagePerPeriod, maxUsagePerUser } = settings;
  if (maxUsage !== null && uses + held >= maxUsage) return 'Coupon usage limit exceeded';
  if (maxUsagePerPeriod !== null) {
    const periodMs = periodOf(plan, nowMs);
    assert(periodMs !== null, 'the periods of the test reach far enough');
    if ((byPeriod[periodMs] ?? 0) >= maxUsagePerPeriod.count) return 'Coupon usage limit exceeded';
  }
  if (maxUsagePerUser === null) return null;
  if (userId === null) return 'Coupon conditions not met';
  return (byUser[userId] ?? 0) >= maxUsagePerUser ? 'Coupon usage limit per user exceeded' : null;
}

/** The begin of the period of a moment; null: there are none. */
export function periodOf({ periods }: PromotionPlan, nowMs: number): number | null {
  return periods?.filter((startMs) => startMs <= nowMs).at(-1) ?? null;
}

/** Of each line the share of the pieces that are back, rounded half up. */
function backAmount({ back, lines }: Entry, { lines: amounts }: Hold): number {
  return amounts.reduce((sum, { line, amount }) => {
    const { quantity = 1 } = lines?.[line] ?? {};
    return sum + Math.floor((amount * (back?.[line] ?? 0)) / quantity + 0.5);
  }, 0);
}

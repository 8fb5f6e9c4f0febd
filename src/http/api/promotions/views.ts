/** Promotions, quotes and reservations in the words of the API. */
import { campaignShown } from '../../../domain/ids.js';
import type { CampaignSummary } from '../../../domain/promotion-views.js';
import { exponentOf } from '../../../features/promotions/pricing/currencies.js';
import { fromMinorUnits, fromTenThousandths } from '../../../features/promotions/pricing/money.js';
import type { GivenTime, PromotionSettings, PromotionView, ReservationView } from '../../../records/promotions.js';
import type { Book } from '../../../records/values.generated.js';
import { isoTime, isoTimeOrNull } from '../../fast/iso-time.js';
import { shownLocal } from './input.js';

type Money = (minor: number) => number;

export function moneyOf(currency: string): Money {
  const exponent = exponentOf(currency) ?? 2;
  return (minor) => fromMinorUnits(minor, exponent);
}

const orNull = (money: Money, minor: number | null): number | null => (minor === null ? null : money(minor));

/** The discount as it was given: a percentage, or an amount. */
function discountOf({ type, discount }: Pick<PromotionSettings, 'type' | 'discount'>, money: Money): number {
  return type === 'fixed' ? money(discount) : fromTenThousandths(discount);
}

/** A promotion; `code`: the unique code under which it was asked for. */
export function promotionJson(
  view: PromotionView,
  code: string | null = view.promotion.settings.code,
): Record<string, unknown> {
  const { promotion } = view;
  const { settings } = promotion;
  return {
    kind: 'promotion',
    id: promotion.id,
    code,
    automatic: settings.automatic,
    name: settings.name,
    ...discountJson(view),
    startDate: isoTimeOrNull(settings.start?.ms ?? null),
    startDateLocal: shownLocal(settings.start, settings.timeZone),
    endDate: isoTimeOrNull(settings.end?.ms ?? null),
    endDateLocal: shownLocal(settings.end, settings.timeZone),
    campaignId: campaignShown(promotion.campaignId, [promotion.id]),
    metadata: settings.metadata,
    version: promotion.version,
    createdAt: isoTime(promotion.createdMs),
    updatedAt: isoTime(promotion.updatedMs),
  };
}

/** The discount of a book as a promotion: what it leaves to the book is as the book has it. */
export function discountOfBook({ promotion, usage }: PromotionView, { settings: book }: Book): PromotionView {
  const { settings } = promotion;
  const ofBook = {
    name: book.name,
    isActive: settings.isActive && book.isActive,
    start: timeAt(book.startMs),
    end: timeAt(book.endMs),
    metadata: book.metadata,
  };
  return { promotion: { ...promotion, settings: { ...settings, ...ofBook } }, usage };
}

const timeAt = (ms: number | null): GivenTime | null =>
  ms === null ? null : { given: isoTime(ms), ms, local: isoTime(ms) };

/** What the discount of a book shows, too. */
export function discountJson({ promotion: { settings }, usage }: PromotionView): Record<string, unknown> {
  const money = moneyOf(settings.currency);
  return {
    discount: discountOf(settings, money),
    type: settings.type,
    couponFor: settings.couponFor,
    products: settings.products,
    categories: settings.categories,
    excludeProducts: settings.excludeProducts,
    minPurchaseAmount: orNull(money, settings.minPurchaseAmount),
    maxDiscountAmount: orNull(money, settings.maxDiscountAmount),
    currency: settings.currency,
    isActive: settings.isActive,
    timeZone: settings.timeZone,
    schedule: settings.schedule,
    maxUsage: settings.maxUsage,
    maxUsagePerUser: settings.maxUsagePerUser,
    maxUsagePerPeriod: settings.maxUsagePerPeriod,
    budget: orNull(money, settings.budget),
    audience: settings.audience,
    condition: settings.condition,
    stacking: settings.stacking,
    referrerUserId: settings.referrerUserId,
    usageCount: usage.usageCount,
    heldCount: usage.heldCount,
    budgetUsed: money(usage.budgetUsed),
    budgetHeld: money(usage.budgetHeld),
  };
}

/** A campaign without its promotions and books. */
export function campaignHead({ id, promotions, active, books }: CampaignSummary): Record<string, unknown> {
  return { id, isDefault: campaignShown(id) === null, counts: { promotions, active, books } };
}

const ID_LENGTH = 36;
const COUPON_ID = '"couponId":"';

/** The ids of the promotions that a priced cart applies, from its JSON (quote-text.ts). */
export function appliedIdsOf(quote: string): string[] {
  const ids: string[] = [];
  const end = quote.indexOf('],"steps":[');
  for (let at = quote.indexOf(COUPON_ID); at !== -1 && at < end; at = quote.indexOf(COUPON_ID, at + ID_LENGTH)) {
    ids.push(quote.slice(at + COUPON_ID.length, at + COUPON_ID.length + ID_LENGTH));
  }
  return ids;
}

/** What was priced, with its reservation. A dry run draws no id. */
export function reservedText(quote: string, reservationId: string, untilMs: number): string {
  const id = reservationId === '' ? 'null' : `"${reservationId}"`;
  return `${quote.slice(0, -1)},"reservationId":${id},"reservedUntil":"${isoTime(untilMs)}"}`;
}

export function reservationJson({
  cart,
  givenBack,
  codes,
  referrers,
  ...view
}: ReservationView): Record<string, unknown> {
  const money = moneyOf(cart.currency);
  return {
    id: view.id,
    status: view.status,
    campaignId: campaignShown(
      view.campaignId,
      cart.holds.map(({ promotionId }) => promotionId),
    ),
    userId: view.userId,
    cartId: view.cartId,
    orderId: view.orderId,
    currency: cart.currency,
    originalAmount: money(cart.originalAmount),
    discountAmount: money(cart.discountAmount),
    finalAmount: money(cart.finalAmount),
    holds: cart.holds.map((hold, at) => ({
      couponId: hold.promotionId,
      code: codes[at] ?? null,
      amount: money(hold.amount),
      lines: hold.lines.map(({ line, amount }) => ({ line, amount: money(amount) })),
      rolledBackAmount: money(givenBack?.amounts[at] ?? 0),
      referrerUserId: referrers[at] ?? null,
    })),
    lines:
      cart.lines?.map(({ productId, quantity }, line) => ({
        productId,
        quantity,
        rolledBack: givenBack?.quantities?.[line] ?? 0,
      })) ?? null,
    createdAt: isoTime(view.madeMs),
    reservedUntil: isoTimeOrNull(view.untilMs),
    committedAt: isoTimeOrNull(view.committedMs),
  };
}

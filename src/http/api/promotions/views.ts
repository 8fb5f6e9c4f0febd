/** Promotions, quotes and reservations in the words of the API. */
import type { CampaignSummary } from '../../../domain/promotion-views.js';
import { exponentOf } from '../../../features/promotions/pricing/currencies.js';
import { fromMinorUnits, fromTenThousandths } from '../../../features/promotions/pricing/money.js';
import type {
  AppliedDiscount,
  PromotionSettings,
  PromotionView,
  Quote,
  ReservationView,
  Step,
} from '../../../records/promotions.js';
import { isoTime, isoTimeOrNull } from '../../fast/iso-time.js';
import { campaignShown, shownLocal } from './input.js';

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

export function promotionJson({ promotion, usage }: PromotionView): Record<string, unknown> {
  const { settings } = promotion;
  const money = moneyOf(settings.currency);
  return {
    kind: 'promotion',
    id: promotion.id,
    code: settings.code,
    automatic: settings.automatic,
    name: settings.name,
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
    startDate: isoTimeOrNull(settings.start?.ms ?? null),
    startDateLocal: shownLocal(settings.start, settings.timeZone),
    endDate: isoTimeOrNull(settings.end?.ms ?? null),
    endDateLocal: shownLocal(settings.end, settings.timeZone),
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
    campaignId: campaignShown(promotion.campaignId),
    metadata: settings.metadata,
    usageCount: usage.usageCount,
    heldCount: usage.heldCount,
    budgetUsed: money(usage.budgetUsed),
    budgetHeld: money(usage.budgetHeld),
    version: promotion.version,
    createdAt: isoTime(promotion.createdMs),
    updatedAt: isoTime(promotion.updatedMs),
  };
}

/** A campaign without its promotions. */
export function campaignHead({ id, promotions, active }: CampaignSummary): Record<string, unknown> {
  return { id, isDefault: campaignShown(id) === null, counts: { promotions, active } };
}

export function quoteJson(
  quote: Quote,
  reserved: { readonly reservationId: string; readonly untilMs: number } | null,
): Record<string, unknown> {
  const money = moneyOf(quote.currency);
  const [first] = quote.applied;
  return {
    couponCode: first?.code ?? null,
    discountType: first?.type ?? null,
    discountValue: first === undefined ? null : discountOf(first, money),
    discountAmount: money(quote.discountAmount),
    originalAmount: money(quote.originalAmount),
    finalAmount: money(quote.finalAmount),
    savings: money(quote.discountAmount),
    currency: quote.currency,
    applied: quote.applied.map((applied) => appliedJson(applied, money)),
    steps: quote.steps.map((step) => stepJson(step, money)),
    ...(reserved === null ? {} : reservedJson(reserved)),
  };
}

/** A dry run draws no id. */
function reservedJson({
  reservationId,
  untilMs,
}: {
  readonly reservationId: string;
  readonly untilMs: number;
}): object {
  return { reservationId: reservationId === '' ? null : reservationId, reservedUntil: isoTime(untilMs) };
}

function appliedJson(applied: AppliedDiscount, money: Money): object {
  return {
    couponId: applied.promotionId,
    code: applied.code,
    type: applied.type,
    value: discountOf(applied, money),
    amount: money(applied.amount),
    lines: applied.lines.map(({ line, amount }) => ({ line, amount: money(amount) })),
  };
}

function stepJson(step: Step, money: Money): object {
  const about = { couponId: step.id === '' ? null : step.id, code: step.code };
  if (step.kind === 'skipped') {
    const { reason, explanation } = step;
    return { ...about, result: 'skipped', reason, ...(explanation === null ? {} : { explanation }) };
  }
  return {
    ...about,
    result: 'applied',
    base: money(step.base),
    rule: step.rule,
    exact: step.exact,
    rounded: money(step.rounded),
    ...(step.cap === null ? {} : { cappedBy: step.cap.by }),
    amount: money(step.amount),
    totalAfter: money(step.totalAfter),
  };
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
    campaignId: campaignShown(view.campaignId),
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
  };
}

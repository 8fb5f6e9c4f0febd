/**
 * What callers send, as the engine takes it: amounts in whole minor units, dates as instants, and
 * the coming windows and periods. What is wrong is told by field.
 */
import { parsePattern } from '../../../codes/pattern.js';
import { exponentOf } from '../../../features/promotions/pricing/currencies.js';
import {
  fromMinorUnits,
  fromTenThousandths,
  goodsTotal,
  toMinorUnits,
  toTenThousandths,
} from '../../../features/promotions/pricing/money.js';
import { compileCondition } from '../../../promotions/condition.js';
import { localText, readInstant, readTimeZone } from '../../../promotions/dates.js';
import type { Cart, GivenTime, PromotionSettings } from '../../../records/promotions.js';
import type { Currency } from '../../server/currency.js';
import type { FieldError } from '../problem.js';
import type { DiscountInput } from './discount-schemas.js';
import type { CartInput, PromotionInput, PromotionPatch } from './schemas.js';

type Read<Value> = { readonly value: Value } | { readonly errors: readonly FieldError[] };

const PERCENT_MAX = 1_000_000;
const MORE_DIGITS = 'Has more fraction digits than its currency, or is too large';

/** The settings of a new promotion. `code`: as it was given or generated; null: automatic. */
export function settingsOf(input: PromotionInput, code: string | null, currency: Currency): Read<PromotionSettings> {
  const { stacking, audience } = input;
  return readSettings(
    {
      ...withoutFixed(input),
      stacking: stacking ?? {},
      audience: audience ?? null,
    },
    { code, automatic: input.automatic, referrerUserId: input.referrerUserId ?? null },
    currency,
  );
}

/** The settings of the discount of a book. */
export function discountSettingsOf(input: DiscountInput, currency: Currency): Read<PromotionSettings> {
  const { stacking, audience, referrerUserId = null, ...others } = input;
  return readSettings(
    { ...others, stacking: stacking ?? {}, audience: audience ?? null },
    { code: null, automatic: false, referrerUserId },
    currency,
  );
}

function withoutFixed({
  code: _code,
  automatic: _automatic,
  codePattern: _pattern,
  campaignId: _campaign,
  ...rest
}: PromotionInput) {
  const { referrerUserId: _referrer, ...settings } = rest;
  return settings;
}

type Given = Omit<ReturnType<typeof withoutFixed>, 'stacking'> & {
  readonly stacking: NonNullable<PromotionInput['stacking']>;
};
type Fixed = Pick<PromotionSettings, 'code' | 'automatic' | 'referrerUserId'>;

/** The settings with a patch: what it leaves out stays, as the caller gave it then. */
export function patched(before: PromotionSettings, patch: PromotionPatch, currency: Currency): Read<PromotionSettings> {
  const exponent = exponentOf(before.currency) ?? 2;
  const amount = (minor: number | null): number | null => (minor === null ? null : fromMinorUnits(minor, exponent));
  const { stacking, ...others } = patch;
  const given: Given = {
    name: before.name,
    discount: before.type === 'fixed' ? fromMinorUnits(before.discount, exponent) : fromTenThousandths(before.discount),
    type: before.type,
    couponFor: before.couponFor,
    products: [...before.products],
    categories: [...before.categories],
    excludeProducts: [...before.excludeProducts],
    minPurchaseAmount: amount(before.minPurchaseAmount),
    maxDiscountAmount: amount(before.maxDiscountAmount),
    currency: before.currency,
    isActive: before.isActive,
    startDate: before.start?.given ?? null,
    endDate: before.end?.given ?? null,
    timeZone: before.timeZone,
    schedule: before.schedule?.map(({ days, ...times }) => ({ ...times, days: [...days] })) ?? null,
    maxUsage: before.maxUsage,
    maxUsagePerUser: before.maxUsagePerUser,
    maxUsagePerPeriod: before.maxUsagePerPeriod,
    budget: amount(before.budget),
    audience:
      before.audience === null
        ? null
        : { userIds: copyOf(before.audience.userIds), segments: copyOf(before.audience.segments) },
    condition: before.condition,
    metadata: before.metadata,
    ...(Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined)) as Partial<Given>),
    stacking: { ...before.stacking, ...stacking },
  };
  const { code, automatic, referrerUserId } = before;
  const read = readSettings(given, { code, automatic, referrerUserId }, currency);
  return 'errors' in read ? read : { value: { ...read.value, isCurrencyGiven: before.isCurrencyGiven } };
}

const copyOf = (list: readonly string[] | null): string[] | null => (list === null ? null : [...list]);

function readSettings(given: Given, fixed: Fixed, byDefault: Currency): Read<PromotionSettings> {
  const errors: FieldError[] = [];
  const wrong = (path: string, message: string): null => {
    errors.push({ path, message });
    return null;
  };
  const currency = given.currency ?? byDefault.code;
  const exponent = exponentOf(currency);
  if (exponent === null) return { errors: [{ path: 'currency', message: 'Not a currency of ISO 4217' }] };
  const money = (path: string, value: number | null | undefined): number | null =>
    value == null ? null : (toMinorUnits(value, exponent) ?? wrong(path, MORE_DIGITS));
  const { type, couponFor } = given;
  const discount =
    type === 'fixed'
      ? money('discount', given.discount)
      : (toTenThousandths(given.discount) ?? wrong('discount', 'A percentage has at most 4 fraction digits'));
  if (type !== 'fixed' && discount !== null && discount > PERCENT_MAX) wrong('discount', 'A percentage is at most 100');
  const minPurchaseAmount = money('minPurchaseAmount', given.minPurchaseAmount);
  if (couponFor === 'minPurchase' && given.minPurchaseAmount == null)
    wrong('minPurchaseAmount', 'Required if couponFor is minPurchase');

  const zone = given.timeZone == null ? null : readTimeZone(given.timeZone);
  if (zone !== null && 'error' in zone) return { errors: [{ path: 'timeZone', message: zone.error }] };
  const timeZone = zone?.timeZone ?? null;
  const time = (path: string, text: string | null | undefined, role: 'start' | 'end'): GivenTime | null => {
    if (text == null) return null;
    const read = readInstant(text, timeZone, role);
    return 'error' in read ? wrong(path, read.error) : { given: text, ...read };
  };
  const start = time('startDate', given.startDate, 'start');
  const end = time('endDate', given.endDate, 'end');
  if (start !== null && end !== null && end.ms <= start.ms) wrong('endDate', 'endDate has to come after startDate');
  const needsZone = given.schedule != null ? 'schedule' : given.maxUsagePerPeriod != null ? 'maxUsagePerPeriod' : null;
  if (needsZone !== null && timeZone === null) wrong('timeZone', `${needsZone} needs a timeZone`);
  const compiled = given.condition == null ? null : compileCondition(given.condition);
  if (compiled !== null && 'error' in compiled) wrong('condition', compiled.error);
  const settings: PromotionSettings = {
    ...fixed,
    name: given.name ?? null,
    discount: discount ?? 0,
    type,
    couponFor,
    products: given.products,
    categories: given.categories,
    excludeProducts: given.excludeProducts,
    minPurchaseAmount,
    maxDiscountAmount: money('maxDiscountAmount', given.maxDiscountAmount),
    currency,
    isCurrencyGiven: given.currency != null || byDefault.isGiven,
    isActive: given.isActive,
    start,
    end,
    timeZone,
    schedule: given.schedule ?? null,
    maxUsage: given.maxUsage ?? null,
    maxUsagePerUser: given.maxUsagePerUser ?? null,
    maxUsagePerPeriod: given.maxUsagePerPeriod ?? null,
    budget: money('budget', given.budget),
    audience: audienceOf(given.audience),
    condition: given.condition ?? null,
    stacking: stackingOf(given.stacking),
    metadata: given.metadata ?? null,
  };
  return errors.length > 0 ? { errors } : { value: settings };
}

function stackingOf({ group, priority, exclusive, base }: Given['stacking']): PromotionSettings['stacking'] {
  return { group: group ?? null, priority: priority ?? 0, exclusive: exclusive ?? false, base: base ?? 'running' };
}

function audienceOf(audience: Given['audience']): PromotionSettings['audience'] {
  return audience == null ? null : { userIds: audience.userIds ?? null, segments: audience.segments ?? null };
}

export const shownLocal = (time: GivenTime | null, timeZone: string | null): string | null =>
  time === null ? null : localText(time.ms, timeZone ?? 'UTC');

/** A cart in minor units. */
export function cartOf(input: CartInput, byDefault: Currency): Read<Cart> {
  const currency = input.currency ?? byDefault.code;
  const exponent = exponentOf(currency);
  if (exponent === null) return { errors: [{ path: 'currency', message: 'Not a currency of ISO 4217' }] };
  const errors: FieldError[] = [];
  const money = (path: string, value: number, line?: number): number => {
    const minor = toMinorUnits(value, exponent);
    if (minor === null)
      errors.push({ path: line === undefined ? path : `lines.${line}.${path}`, message: MORE_DIGITS });
    return minor ?? 0;
  };
  const shipping = input.shipping == null ? null : money('shipping', input.shipping);
  if (input.lines === undefined) {
    const total = money('cartTotal', input.cartTotal ?? 0);
    const cart = { lines: null, total, productIds: input.productIds ?? [], shipping, currency };
    return errors.length > 0 ? { errors } : { value: cart };
  }
  const lines = input.lines.map(({ productId, categoryIds, quantity, unitPrice }, at) => ({
    productId,
    categoryIds,
    quantity,
    unitPrice: money('unitPrice', unitPrice, at),
  }));
  const total = goodsTotal(lines, shipping);
  if (total === null) errors.push({ path: 'lines', message: 'The sum of the cart is too large' });
  if (errors.length > 0 || total === null) return { errors };
  return { value: { lines, total, productIds: lines.map(({ productId }) => productId), shipping, currency } };
}

const PATTERN_DEFAULT = '{RANDOM:8}';
const CODE_LENGTH_MAX = 20;

/** The pattern of a promotion's code, or what is wrong with it. */
export function codePatternOf(text: string | undefined, reserved: readonly string[]) {
  const parsed = parsePattern(text ?? PATTERN_DEFAULT, reserved);
  if (parsed.kind === 'patternError') return { error: parsed.message };
  if (parsed.length > CODE_LENGTH_MAX)
    return { error: `The code of a promotion has at most ${CODE_LENGTH_MAX} characters` };
  return { pattern: parsed };
}

/**
 * Bodies, queries and answers of promotions, carts and reservations: docs/contract.md, section 6.
 */
import { z } from 'zod';
import { parsePattern } from '../../../codes/pattern.js';
import { checkSchedule } from '../../../promotions/schedule.js';
import { codeOut, metadata, name, timeOut, userId } from '../schemas.js';
import { lineOf, mayHoldLines } from '../text-rule.js';

const IDS_MAX = 10_000;
export const LINES_MAX = 500;
export const CATEGORIES_MAX = 20;
export const SEGMENTS_MAX = 100;
export const QUANTITY_MAX = 1_000_000;
export const AMOUNT_MAX = 1e15;
export const CODES_MAX = 30;
const COUNT_MAX = 1_000_000_000;
export const RESERVE_SECONDS_DEFAULT = 600;
export const RESERVE_SECONDS_MAX = 86_400;
const CONDITION_LENGTH_MAX = 1_000;

// -- pieces ---------------------------------------------------------------------------------------

/** Trimmed and in upper case from here on, as all codes are. */
export const promotionCode = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9\-_.]{3,20}$/, 'A code is 3 to 20 letters (A to Z), digits, hyphens, underscores or dots')
  .toUpperCase()
  .meta({
    description: '3 to 20 characters of A-Z 0-9 - _ . in any case; blanks around it are taken away',
    pattern: '^[\\t-\\r ]*[A-Za-z0-9._-]{3,20}[\\t-\\r ]*$',
  });

/** A code that is asked for may be a unique one, which is longer. */
const askedCode = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9\-_.]{3,64}$/, 'A code is 3 to 64 letters (A to Z), digits, hyphens, underscores or dots')
  .toUpperCase()
  .meta({ description: 'In any case', pattern: '^[\\t-\\r ]*[A-Za-z0-9._-]{3,64}[\\t-\\r ]*$' });

const id = z.string().regex(lineOf(1, 128), '1 to 128 characters, none of them a control character');
const ids = z.array(id).max(IDS_MAX);
export const productId = id.describe('Your id of the product');
export const couponId = z.uuid('Not a UUID').toLowerCase().describe('Id of a promotion (UUIDv7)');
export const campaignId = z
  .uuid('Not a UUID')
  .toLowerCase()
  .describe('Any UUID; the first thing made with it founds the campaign');
export const reservationId = z.uuid('Not a UUID').toLowerCase().describe('Id of a reservation');
const amount = z.number().min(0).max(AMOUNT_MAX);
const currency = z
  .string()
  .regex(/^[A-Za-z]{3}$/, 'Not a currency of ISO 4217 such as EUR')
  .toUpperCase()
  .describe('ISO 4217');
const count = z.int().min(1).max(COUNT_MAX);
const moment = z.string().max(64).meta({
  description: 'An ISO 8601 time with an offset, or a date alone, which then needs `timeZone`',
  pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:[0-5]\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
});
const pattern = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const parsed = parsePattern(text);
    if (parsed.kind === 'patternError') context.addIssue({ code: 'custom', message: parsed.message });
  });

const scheduleEntry = z.strictObject({
  days: z
    .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
    .min(1)
    .max(7),
  from: z.string().max(5).meta({ description: 'HH:mm', pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' }),
  to: z.string().max(5).meta({
    description: 'HH:mm; before `from`, it is on the next day; 24:00 is midnight',
    pattern: '^(([01]\\d|2[0-3]):[0-5]\\d|24:00)$',
  }),
});

const schedule = z
  .array(scheduleEntry)
  .min(1)
  .superRefine((entries, context) => {
    for (const { path, message } of checkSchedule(entries))
      context.addIssue({ code: 'custom', path: path === '' ? [] : path.split('.'), message });
  });

// -- promotions -----------------------------------------------------------------------------------

const stackingFields = {
  group: z.string().regex(lineOf(1, 64), '1 to 64 characters').nullable(),
  priority: z.int().min(-1000).max(1000),
  exclusive: z.boolean(),
  base: z.enum(['running', 'original']),
};

const settings = {
  name: z.string().regex(lineOf(1, 200), 'A name is 1 to 200 characters, none of them a control character').nullable(),
  discount: amount.describe('Percentage and shipping: percent, at most 100. Fixed: an amount of money'),
  type: z.enum(['percentage', 'fixed', 'shipping']),
  couponFor: z.enum(['product', 'minPurchase']),
  products: ids,
  categories: ids,
  excludeProducts: ids,
  minPurchaseAmount: amount.nullable().describe('Required if couponFor is minPurchase'),
  maxDiscountAmount: amount.nullable(),
  currency: currency.nullable().describe('ISO 4217; null: that of the configuration'),
  isActive: z.boolean(),
  startDate: moment.nullable(),
  endDate: moment.nullable().describe('Exclusive. A date alone means the end of that day'),
  timeZone: z.string().max(64).nullable().describe('IANA, such as Europe/Berlin'),
  schedule: schedule.nullable(),
  maxUsage: count.nullable().describe('null: without limit'),
  maxUsagePerUser: count.nullable(),
  maxUsagePerPeriod: z.strictObject({ count, period: z.enum(['day', 'week', 'month']) }).nullable(),
  budget: amount.nullable().describe('The most money that all uses may take'),
  audience: z
    .strictObject({ userIds: z.array(userId).max(IDS_MAX).nullable().optional(), segments: ids.nullable().optional() })
    .nullable(),
  condition: z
    .string()
    .min(1)
    .max(CONDITION_LENGTH_MAX)
    .refine(mayHoldLines, 'Has a control character or half a surrogate pair')
    .nullable()
    .describe('A CEL expression over `cart` and `user`'),
  stacking: z.strictObject(stackingFields).partial(),
  metadata,
};

/** What is fixed when a promotion is made. */
const fixed = {
  code: promotionCode.nullable().optional(),
  automatic: z.boolean().default(false).describe('No code is needed'),
  codePattern: pattern.optional().describe('Of the code that is generated; {RANDOM:8} unless told'),
  referrerUserId: userId.nullable().optional(),
  campaignId: campaignId.optional(),
};

export const promotionInput = name(
  'PromotionInput',
  z.strictObject({
    ...fixed,
    name: settings.name.optional(),
    discount: settings.discount,
    type: settings.type,
    couponFor: settings.couponFor,
    products: settings.products.default([]),
    categories: settings.categories.default([]),
    excludeProducts: settings.excludeProducts.default([]),
    minPurchaseAmount: settings.minPurchaseAmount.optional(),
    maxDiscountAmount: settings.maxDiscountAmount.optional(),
    currency: settings.currency.optional(),
    isActive: settings.isActive.default(true),
    startDate: settings.startDate.optional(),
    endDate: settings.endDate.optional(),
    timeZone: settings.timeZone.optional(),
    schedule: settings.schedule.optional(),
    maxUsage: settings.maxUsage.optional(),
    maxUsagePerUser: settings.maxUsagePerUser.optional(),
    maxUsagePerPeriod: settings.maxUsagePerPeriod.optional(),
    budget: settings.budget.optional(),
    audience: settings.audience.optional(),
    condition: settings.condition.optional(),
    stacking: settings.stacking.optional(),
    metadata: settings.metadata.optional(),
  }),
);
export type PromotionInput = z.output<typeof promotionInput>;

/** What was counted is in this currency. */
const { currency: _fixed, ...changeable } = settings;

export const promotionPatch = name(
  'PromotionPatch',
  z
    .strictObject(changeable)
    .partial()
    .meta({ minProperties: 1 })
    .refine((patch) => Object.keys(patch).length > 0, 'At least one field is needed'),
);
export type PromotionPatch = z.output<typeof promotionPatch>;

const SORT_FIELDS = ['createdAt', 'updatedAt', 'code', 'discount', 'usageCount', 'endDate'] as const;
export const promotionsQuery = z.strictObject({
  page: z.int().min(1).max(10_000).default(1),
  limit: z.int().min(1).max(100).default(10),
  code: promotionCode.optional(),
  type: settings.type.optional(),
  couponFor: settings.couponFor.optional(),
  isActive: z.boolean().optional(),
  campaignId: campaignId.optional(),
  sortBy: z
    .enum(SORT_FIELDS.flatMap((field) => [field, `${field}:asc`, `${field}:desc`] as const))
    .default('createdAt:desc'),
});

// -- carts ----------------------------------------------------------------------------------------

const cartLine = z.strictObject({
  productId: id,
  categoryIds: z.array(id).max(CATEGORIES_MAX).default([]),
  quantity: z.int().min(1).max(QUANTITY_MAX),
  unitPrice: amount,
});

const cart = {
  cartTotal: amount.optional().describe('Goods without shipping; instead of `lines`'),
  productIds: z.array(id).max(LINES_MAX).optional(),
  lines: z.array(cartLine).max(LINES_MAX).optional(),
  shipping: amount.nullable().optional(),
  currency: currency.optional(),
  userId: userId.optional(),
  segments: z.array(id).max(SEGMENTS_MAX).optional(),
  attributes: metadata.optional().describe('What conditions read as `user.attributes`'),
  cartId: z.string().regex(lineOf(1, 128), '1 to 128 characters').optional(),
};

interface Totals {
  readonly cartTotal?: number | undefined;
  readonly productIds?: readonly string[] | undefined;
  readonly lines?: readonly unknown[] | undefined;
}

function needGoods({ cartTotal, productIds, lines }: Totals, context: z.RefinementCtx): void {
  if (lines === undefined && cartTotal === undefined)
    context.addIssue({ code: 'custom', path: ['lines'], message: 'A cart has lines, or a cartTotal' });
  if (lines !== undefined && cartTotal !== undefined)
    context.addIssue({ code: 'custom', path: ['cartTotal'], message: 'Not together with lines, which give the total' });
  if (lines !== undefined && productIds !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['productIds'],
      message: 'Not together with lines, which name the products',
    });
}

export const validateInput = name('ValidateInput', z.strictObject({ code: askedCode, ...cart }).superRefine(needGoods));
export const qualifyInput = name(
  'QualifyInput',
  z.strictObject({ ...cart, campaignId: campaignId.optional() }).superRefine(needGoods),
);
const applyFields = {
  code: askedCode.optional(),
  codes: z.array(askedCode).max(CODES_MAX).optional(),
  campaignId: campaignId.optional(),
  mode: z.enum(['all', 'best']).default('all'),
  reserve: z.boolean().default(false),
  reserveSeconds: z.int().min(1).max(RESERVE_SECONDS_MAX).optional(),
  ...cart,
};
export const applyInput = name(
  'ApplyInput',
  z
    .strictObject(applyFields)
    .superRefine(needGoods)
    .superRefine(({ code, codes, reserve, reserveSeconds }, context) => {
      if (code !== undefined && codes !== undefined)
        context.addIssue({ code: 'custom', path: ['codes'], message: 'Not together with code' });
      if (code === undefined && codes === undefined)
        context.addIssue({ code: 'custom', path: ['code'], message: 'A code, or codes, which may be empty' });
      if (reserveSeconds !== undefined && !reserve)
        context.addIssue({ code: 'custom', path: ['reserveSeconds'], message: 'Only with reserve' });
    }),
);
export const reserveCampaignInput = name(
  'ReserveCampaignInput',
  z
    .strictObject({
      codes: z.array(askedCode).max(CODES_MAX).optional(),
      promotions: z.array(couponId).max(CODES_MAX).optional().describe('Ids, for promotions without a code'),
      stock: z.never('Stock is not available in this version').optional().describe('Not available in this version'),
      reserveSeconds: z.int().min(1).max(RESERVE_SECONDS_MAX).default(RESERVE_SECONDS_DEFAULT),
      ...cart,
    })
    .superRefine(needGoods)
    .superRefine(({ codes = [], promotions = [] }, context) => {
      if (codes.length + promotions.length === 0)
        context.addIssue({ code: 'custom', path: ['codes'], message: 'Codes or promotions to reserve' });
    }),
);
export type CartInput = Omit<z.output<typeof qualifyInput>, 'campaignId'>;
export type ApplyInput = z.output<typeof applyInput>;
export type ValidateInput = z.output<typeof validateInput>;

export const useInput = name(
  'UseInput',
  z.strictObject({
    code: askedCode,
    userId: userId.optional(),
    discountAmount: amount.optional(),
    orderId: z.string().regex(lineOf(1, 128), '1 to 128 characters').optional(),
    reservationId: reservationId.optional(),
  }),
);

const orderId = z.string().regex(lineOf(1, 128), '1 to 128 characters').optional();
export const commitInput = name('CommitInput', z.strictObject({ orderId }));
export const emptyInput = name('EmptyInput', z.strictObject({}));
export const renewInput = name(
  'RenewInput',
  z.strictObject({ reserveSeconds: z.int().min(1).max(RESERVE_SECONDS_MAX).default(RESERVE_SECONDS_DEFAULT) }),
);
export const rollbackReservationInput = name(
  'RollbackReservationInput',
  z.strictObject({
    lines: z
      .array(z.strictObject({ productId: id, quantity: z.int().min(1).max(QUANTITY_MAX) }))
      .min(1)
      .max(LINES_MAX)
      .optional()
      .describe('So many pieces of these products; without it, all that is left'),
    reason: z.string().regex(lineOf(1, 500), '1 to 500 characters').optional(),
  }),
);
export const reservationsQuery = z.strictObject({ cartId: z.string().min(1).max(128), userId: userId.optional() });

// -- answers --------------------------------------------------------------------------------------

const money = z.number();

export const promotionOut = name(
  'Promotion',
  z.strictObject({
    kind: z.literal('promotion'),
    id: z.string(),
    code: z.string().nullable(),
    automatic: z.boolean(),
    name: z.string().nullable(),
    discount: z.number(),
    type: settings.type,
    couponFor: settings.couponFor,
    products: z.array(z.string()),
    categories: z.array(z.string()),
    excludeProducts: z.array(z.string()),
    minPurchaseAmount: money.nullable(),
    maxDiscountAmount: money.nullable(),
    currency: z.string(),
    isActive: z.boolean(),
    startDate: timeOut.nullable(),
    startDateLocal: z.string().nullable().describe('The same moment as clocks in the time zone show it (RFC 9557)'),
    endDate: timeOut.nullable().describe('Exclusive'),
    endDateLocal: z.string().nullable(),
    timeZone: z.string().nullable(),
    schedule: z.array(z.strictObject({ days: z.array(z.string()), from: z.string(), to: z.string() })).nullable(),
    maxUsage: z.int().nullable(),
    maxUsagePerUser: z.int().nullable(),
    maxUsagePerPeriod: z.strictObject({ count: z.int(), period: z.string() }).nullable(),
    budget: money.nullable(),
    audience: z
      .strictObject({ userIds: z.array(z.string()).nullable(), segments: z.array(z.string()).nullable() })
      .nullable(),
    condition: z.string().nullable(),
    stacking: z.strictObject({
      group: z.string().nullable(),
      priority: z.int(),
      exclusive: z.boolean(),
      base: stackingFields.base,
    }),
    referrerUserId: z.string().nullable(),
    campaignId: z.string().nullable().describe('null: the default campaign'),
    metadata: metadata.nullable(),
    usageCount: z.int().describe('Uses that were committed and not rolled back'),
    heldCount: z.int().describe('Uses that open reservations hold; they count as uses for every limit'),
    budgetUsed: money,
    budgetHeld: money,
    version: z.int(),
    createdAt: timeOut,
    updatedAt: timeOut,
  }),
);

/** What a code can be: a unique one, or that of a promotion. */
export const foundOut = name(
  'UniqueCodeOrPromotion',
  z.discriminatedUnion('kind', [codeOut.extend({ kind: z.literal('code') }), promotionOut]),
);

export const promotionsOut = name(
  'Promotions',
  z.strictObject({
    results: z.array(promotionOut),
    page: z.int(),
    limit: z.int(),
    totalPages: z.int(),
    totalResults: z.int(),
  }),
);

export const validateOut = name(
  'Validation',
  z.strictObject({ valid: z.literal(true), coupon: promotionOut, message: z.string() }),
);

const lineAmount = z.strictObject({ line: z.int().describe('The number of the line, from 0'), amount: money });
const stepOut = z.strictObject({
  couponId: z.string().nullable(),
  code: z.string().nullable(),
  result: z.enum(['applied', 'skipped']),
  base: money.optional(),
  rule: z.string().optional(),
  exact: z.string().optional().describe('The amount before rounding'),
  rounded: money.optional(),
  cappedBy: z.enum(['maxDiscountAmount', 'remaining']).optional(),
  amount: money.optional(),
  totalAfter: money.optional(),
  reason: z.string().optional(),
  explanation: z.string().optional(),
});
export const applyOut = name(
  'AppliedDiscounts',
  z.strictObject({
    couponCode: z.string().nullable(),
    discountType: z.string().nullable(),
    discountValue: z.number().nullable(),
    discountAmount: money,
    originalAmount: money.describe('Goods and shipping'),
    finalAmount: money,
    savings: money,
    currency: z.string(),
    applied: z.array(
      z.strictObject({
        couponId: z.string(),
        code: z.string().nullable(),
        type: z.string(),
        value: z.number(),
        amount: money,
        lines: z.array(lineAmount),
      }),
    ),
    steps: z.array(stepOut).describe('How each amount came about'),
    reservationId: z.string().nullable().optional().describe('null: a dry run drew no id'),
    reservedUntil: timeOut.optional(),
  }),
);

export const qualifyOut = name(
  'Qualification',
  z.array(
    z.strictObject({
      coupon: promotionOut,
      qualifies: z.boolean(),
      discountAmount: money.nullable(),
      reason: z.string().nullable(),
    }),
  ),
);

export const reservationOut = name(
  'Reservation',
  z.strictObject({
    id: z.string(),
    status: z.enum(['held', 'committed', 'released', 'expired', 'rolledBack']),
    campaignId: z.string().nullable(),
    userId: z.string().nullable(),
    cartId: z.string().nullable(),
    orderId: z.string().nullable(),
    currency: z.string(),
    originalAmount: money,
    discountAmount: money,
    finalAmount: money,
    holds: z.array(
      z.strictObject({
        couponId: z.string(),
        code: z.string().nullable(),
        amount: money,
        lines: z.array(lineAmount),
        rolledBackAmount: money,
        referrerUserId: z.string().nullable().describe('Whose referral the use counts as'),
      }),
    ),
    lines: z.array(z.strictObject({ productId: z.string(), quantity: z.int(), rolledBack: z.int() })).nullable(),
    createdAt: timeOut,
    reservedUntil: timeOut.nullable(),
    committedAt: timeOut.nullable(),
  }),
);
export const promotionListOut = name('PromotionList', z.array(promotionOut));

const campaign = { id: z.string(), isDefault: z.boolean().describe('The campaign of all that names none') };
export const campaignsOut = name(
  'Campaigns',
  z.strictObject({
    results: z.array(z.strictObject({ ...campaign, promotions: z.int(), active: z.int(), books: z.int() })),
  }),
);
export const campaignOut = name(
  'Campaign',
  z.strictObject({
    ...campaign,
    counts: z.strictObject({ promotions: z.int(), active: z.int(), books: z.int() }),
    books: z.array(z.string()).describe('Ids of its coupon books'),
    promotions: z.array(promotionOut),
  }),
);
export const stoppedOut = name('CampaignStopped', z.strictObject({ stopped: z.int() }));

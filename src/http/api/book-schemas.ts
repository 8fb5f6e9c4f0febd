/** Bodies and answers of coupon books: docs/contract.md, section 3. */
import { z } from 'zod';
import { type Contradiction, contradictionIn, LOCK_TTL_SECONDS_MAX } from '../../features/coupons/book.js';
import { bookDate, bookTimeZone, readBookDates } from './book-dates.js';
import { discountInput, discountOut } from './promotions/discount-schemas.js';
import { campaignId } from './promotions/schemas.js';
import { code, codePattern, count, metadata, name, nextCursor, timeOut } from './schemas.js';
import { lineOf, mayHoldLines } from './text-rule.js';

const INITIAL_CODES_MAX = 1000;

const settings = {
  name: z.string().regex(lineOf(1, 200), 'A name is 1 to 200 characters, none of them a control character'),
  description: z.string().max(4000).refine(mayHoldLines, 'Has a control character or half a surrogate pair').nullable(),
  startDate: bookDate.nullable(),
  endDate: bookDate.nullable(),
  isActive: z.boolean(),
  maxCodesPerUser: count.nullable(),
  maxRedemptionsPerUser: count.nullable(),
  allowMultipleRedemptions: z.boolean(),
  maxRedemptionsPerCode: count.nullable().describe('Only with allowMultipleRedemptions; null is without end'),
  codePattern: codePattern.nullable(),
  redeemableBy: z.enum(['assignee', 'bearer']),
  requireLock: z.boolean(),
  lockTtlSeconds: z.int().min(1).max(LOCK_TTL_SECONDS_MAX).nullable(),
  metadata,
  timeZone: bookTimeZone,
  discount: discountInput
    .nullable()
    .describe('What a code of the book takes of a cart; it replaces the discount that the book has'),
};

const bookFields = {
  name: settings.name,
  description: settings.description.optional(),
  startDate: settings.startDate.optional(),
  endDate: settings.endDate.optional(),
  isActive: settings.isActive.default(true),
  maxCodesPerUser: settings.maxCodesPerUser.optional(),
  maxRedemptionsPerUser: settings.maxRedemptionsPerUser.optional(),
  allowMultipleRedemptions: settings.allowMultipleRedemptions.default(false),
  maxRedemptionsPerCode: settings.maxRedemptionsPerCode.optional(),
  codePattern: settings.codePattern.optional(),
  redeemableBy: settings.redeemableBy.default('assignee'),
  requireLock: settings.requireLock.default(false),
  lockTtlSeconds: settings.lockTtlSeconds.optional(),
  metadata: settings.metadata.optional(),
  timeZone: settings.timeZone.optional(),
  discount: settings.discount.optional(),
  campaignId: campaignId.optional().describe('Any UUID; it can not be changed'),
};

interface MaybeContradicting {
  readonly startDate?: string | null | undefined;
  readonly endDate?: string | null | undefined;
  readonly timeZone?: string | undefined;
  readonly allowMultipleRedemptions?: boolean | undefined;
  readonly maxRedemptionsPerCode?: number | null | undefined;
}

const CONTRADICTIONS: Readonly<Record<Contradiction, { readonly path: string[]; readonly message: string }>> = {
  endsBeforeItBegins: { path: ['endDate'], message: 'endDate has to come after startDate' },
  countWithoutMultiple: {
    path: ['maxRedemptionsPerCode'],
    message: 'maxRedemptionsPerCode needs allowMultipleRedemptions',
  },
};

/**
 * The rule of the domain, as far as the body alone can break it: what a PATCH leaves out, the book
 * may have.
 */
function refuseContradiction(
  { allowMultipleRedemptions = true, maxRedemptionsPerCode = null, ...dates }: MaybeContradicting,
  context: z.RefinementCtx,
): void {
  const { startMs = null, endMs = null, errors } = readBookDates(dates);
  for (const { path, message } of errors) context.addIssue({ code: 'custom', path: [path], message });
  const found = contradictionIn({ startMs, endMs, allowMultipleRedemptions, maxRedemptionsPerCode });
  if (found !== null) context.addIssue({ code: 'custom', ...CONTRADICTIONS[found] });
}

export const bookInput = name(
  'BookInput',
  z
    .strictObject({
      ...bookFields,
      initialCodes: z
        .array(code)
        .min(1)
        .max(INITIAL_CODES_MAX)
        .optional()
        .describe('Those that any book has already are left out; `counts.total` tells how many came in'),
    })
    .superRefine(refuseContradiction),
);
export type BookInput = z.output<typeof bookInput>;

export const bookPatch = name(
  'BookPatch',
  z
    .strictObject(settings)
    .partial()
    .meta({ minProperties: 1 })
    // A time zone alone only says what days mean that are not there.
    .refine((patch) => Object.keys(patch).some((field) => field !== 'timeZone'), 'At least one field is needed')
    .superRefine(refuseContradiction),
);
export type BookPatch = z.output<typeof bookPatch>;

export const bookOut = name(
  'Book',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    startDate: timeOut.nullable(),
    endDate: timeOut.nullable(),
    isActive: z.boolean(),
    maxCodesPerUser: z.int().nullable(),
    maxRedemptionsPerUser: z.int().nullable(),
    allowMultipleRedemptions: z.boolean(),
    maxRedemptionsPerCode: z.int().nullable(),
    codePattern: z.string().nullable(),
    redeemableBy: z.enum(['assignee', 'bearer']),
    requireLock: z.boolean(),
    lockTtlSeconds: z.int().nullable().describe("null: the server's default"),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    discount: discountOut.nullable(),
    campaignId: z.string().nullable(),
    counts: z.strictObject({
      total: z.int(),
      available: z.int(),
      assigned: z.int(),
      locked: z.int().describe('Living locks; they overlap assigned and redeemed'),
      redeemed: z.int(),
      redemptions: z.int(),
    }),
    version: z.int().describe('Grows with each change; the ETag'),
    createdAt: timeOut,
    updatedAt: timeOut,
    archivedAt: timeOut.nullable(),
  }),
);
export const booksOut = name('Books', z.strictObject({ items: z.array(bookOut), nextCursor }));

const bucket = z.strictObject({ start: timeOut, redemptions: z.int() });
export const statsOut = name(
  'BookStats',
  z.strictObject({
    couponBookId: z.string(),
    counts: bookOut.shape.counts,
    perMinute: z.array(bucket).describe('Oldest first; the last one is still running'),
    perHour: z.array(bucket),
    perDay: z.array(bucket),
  }),
);

/** Queries and answers of the statistics of promotions: docs/contract.md, section 6. */
import { z } from 'zod';
import { USAGE_GROUPINGS } from '../../../engine/engine.js';
import { name, nextCursor, pageQuery, timeOut } from '../schemas.js';

const moment = z.iso.datetime({
  offset: true,
  error: 'Not an ISO 8601 time with an offset (in a query, write + as %2B)',
});
const range = {
  from: moment.optional().describe('From this time on; without it, from the beginning'),
  to: moment.optional().describe('Before this time; without it, up to now'),
};
export const statsQuery = z.strictObject(range);
export const groupStatsQuery = z.strictObject({ ...range, groupBy: z.enum(USAGE_GROUPINGS) });
export const usesQuery = z.strictObject({ ...pageQuery.shape, ...range });

const money = z.number();
const amounts = {
  discountGiven: money.describe('Discounts of the uses, without what was rolled back'),
  revenueTouched: money.describe('What customers paid for the carts of the uses, without what was rolled back'),
};
const counts = {
  validations: z.int().describe('Validations of its code, whatever the answer was'),
  applications: z.int().describe('Carts that it was applied to, reserved or not'),
  uses: z.int().describe('Committed and not rolled back'),
};
const conversionRate = z.number().nullable().describe('uses / applications, to four digits; null: no applications');
const span = {
  from: timeOut.nullable().describe('At the begin of a minute; null: from the beginning'),
  to: timeOut.describe('At the end of a minute'),
};
const buckets = z.array(z.strictObject({ start: timeOut, ...counts, ...amounts }));

export const statsOut = name(
  'PromotionStats',
  z.strictObject({
    couponId: z.string(),
    code: z.string().nullable(),
    currency: z.string(),
    ...span,
    asOf: z.string().describe('`<shard>-<seq>`: uses and money are exact as of this change'),
    ...counts,
    conversionRate,
    ...amounts,
    perMinute: buckets.describe('The last 60 minutes before `to`, the oldest first'),
    perHour: buckets.describe('The last 48 hours'),
    perDay: buckets.describe('The last 30 days (UTC)'),
  }),
);

export const groupStatsOut = name(
  'PromotionGroupStats',
  z.strictObject({
    groupBy: z.enum(USAGE_GROUPINGS),
    ...span,
    asOf: z.array(z.string()).describe('`<shard>-<seq>` for each shard'),
    groups: z.array(
      z.strictObject({
        group: z.string().describe('A type, a couponFor or a state'),
        promotions: z.int().describe('With those that are archived'),
        ...counts,
        conversionRate,
        money: z.array(z.strictObject({ currency: z.string(), ...amounts })),
      }),
    ),
  }),
);

export const usesOut = name(
  'PromotionUses',
  z.strictObject({
    items: z.array(
      z.strictObject({
        reservationId: z.string(),
        status: z.enum(['committed', 'rolledBack']),
        usedAt: timeOut.describe('When it was committed'),
        userId: z.string().nullable(),
        orderId: z.string().nullable(),
        currency: z.string(),
        discountAmount: money.describe('Of this promotion'),
        rolledBackAmount: money.describe('Of `discountAmount`'),
        originalAmount: money.describe('Of the whole cart'),
        finalAmount: money.describe('Of the whole cart'),
        referrerUserId: z.string().nullable().describe('Whose referral the use counts as'),
      }),
    ),
    nextCursor,
  }),
);

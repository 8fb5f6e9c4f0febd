/** The discount that a coupon book carries, as it is sent and shown. */
import { z } from 'zod';
import { name } from '../schemas.js';
import { fixed, promotionOut, settings } from './schemas.js';

/** Dates, state and the code itself are those of the book. */
export const discountInput = name(
  'BookDiscountInput',
  z.strictObject({
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
    timeZone: settings.timeZone.optional(),
    schedule: settings.schedule.optional(),
    maxUsage: settings.maxUsage.optional(),
    maxUsagePerUser: settings.maxUsagePerUser.optional(),
    maxUsagePerPeriod: settings.maxUsagePerPeriod.optional(),
    budget: settings.budget.optional(),
    audience: settings.audience.optional(),
    condition: settings.condition.optional(),
    stacking: settings.stacking.optional(),
    referrerUserId: fixed.referrerUserId,
  }),
);
export type DiscountInput = z.output<typeof discountInput>;

/** The discount of a book. Its uses are the redemptions of the book. */
export const discountOut = name(
  'BookDiscount',
  promotionOut.omit({
    kind: true,
    id: true,
    code: true,
    automatic: true,
    name: true,
    startDate: true,
    startDateLocal: true,
    endDate: true,
    endDateLocal: true,
    campaignId: true,
    metadata: true,
    version: true,
    createdAt: true,
    updatedAt: true,
  }),
);

/** The discount that a coupon book carries, as it is sent and shown. */
import type { z } from 'zod';
import { name } from '../schemas.js';
import { promotionInput, promotionOut } from './schemas.js';

/** Name, dates, metadata and codes are those of the book. */
export const discountInput = name(
  'BookDiscountInput',
  promotionInput.omit({
    code: true,
    codePattern: true,
    automatic: true,
    campaignId: true,
    name: true,
    startDate: true,
    endDate: true,
    metadata: true,
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

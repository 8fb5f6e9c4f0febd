/** Live events of promotions, as schemas. The live thread makes the events. */
import { z } from 'zod';

const time = z.string().describe('ISO 8601 UTC with milliseconds');
const discounts = z
  .array(z.strictObject({ couponId: z.string(), amount: z.number() }))
  .describe('Each promotion, and the amount of its discount that is held, used or given back, as a decimal number');
const currency = z.string().describe('ISO 4217');
const campaignId = z.string().nullable().describe('Null: the default campaign');
const userId = z.string().nullable();

const ofReservation = { campaignId, reservationId: z.string(), userId, currency, discounts };
const promotion = z.strictObject({
  couponId: z.string(),
  campaignId,
  code: z.string().nullable(),
  name: z.string().nullable(),
  isActive: z.boolean(),
  version: z.int(),
});

const STAFF = 'Topics: promotion, campaign. For admins and services. GET shows all of the promotion.';
const BUYER = 'Topics: promotion, campaign, user. For admins and services, and for the user who buys.';

interface PromotionEvent {
  readonly name: string;
  readonly about: string;
  readonly data: z.ZodType;
}

export const promotionEvents: readonly PromotionEvent[] = [
  { name: 'promotion.created', about: STAFF, data: promotion },
  { name: 'promotion.updated', about: STAFF, data: promotion },
  { name: 'promotion.archived', about: STAFF, data: promotion },
  {
    name: 'promotion.reserved',
    about: `${BUYER} A cart holds a use and money of each promotion.`,
    data: z.strictObject({
      ...ofReservation,
      cartId: z.string().nullable(),
      reservedUntil: time,
      replaced: z
        .strictObject({ currency, discounts })
        .nullable()
        .describe('What the reservation held before, and holds no more. Null: it is new'),
    }),
  },
  {
    name: 'promotion.used',
    about: `${BUYER} A reservation was committed, or a use was counted without one.`,
    data: z.strictObject({ ...ofReservation, orderId: z.string().nullable() }),
  },
  {
    name: 'promotion.released',
    about: `${BUYER} A reservation was released, or its time is over.`,
    data: z.strictObject({ ...ofReservation, reason: z.enum(['released', 'expired']) }),
  },
  {
    name: 'promotion.rolled_back',
    about: `${BUYER} A committed use was given back, whole or in part.`,
    data: z.strictObject({
      ...ofReservation,
      isWhole: z.boolean().describe('Nothing of the use is left; until then only money goes back'),
      reason: z.string().nullable(),
    }),
  },
];

/** Live events of stock and orders, as schemas. The live thread makes the events. */
import { z } from 'zod';

const time = z.string().describe('ISO 8601 UTC with milliseconds');
const campaignId = z.string().nullable().describe('Null: the product belongs to none');
const stock = z.strictObject({
  productId: z.string(),
  campaignId,
  round: z.int(),
  quantity: z.int(),
  startsAt: time.nullable(),
  endsAt: time.nullable(),
  perUserLimit: z.int().nullable(),
  holdSeconds: z.number().nullable(),
  isPaused: z.boolean(),
  version: z.int(),
});
const order = { productId: z.string(), campaignId, orderId: z.string(), userId: z.string() };

const STAFF = 'Topics: product, campaign. For admins and services.';
const BUYER = 'Topics: product, campaign, user. For admins and services, and for the user who ordered.';

interface StockEvent {
  readonly name: string;
  readonly about: string;
  readonly data: z.ZodType;
}

export const stockEvents: readonly StockEvent[] = [
  { name: 'stock.initialized', about: `${STAFF} A round began.`, data: stock },
  { name: 'stock.changed', about: `${STAFF} It was adjusted, paused or resumed.`, data: stock },
  {
    name: 'stock.ordered',
    about: `${BUYER} An order was accepted.`,
    data: z.strictObject({
      ...order,
      round: z.int(),
      confirmBy: time.nullable().describe('Until when it has to be confirmed; null: it does not have to'),
    }),
  },
  { name: 'stock.confirmed', about: `${BUYER} An order was confirmed.`, data: z.strictObject(order) },
  { name: 'stock.fulfilled', about: `${BUYER} An order was fulfilled.`, data: z.strictObject(order) },
  {
    name: 'stock.cancelled',
    about: `${BUYER} An order was cancelled, or not confirmed in time. Its unit is free if its round still runs.`,
    data: z.strictObject({ ...order, reason: z.enum(['cancelled', 'expired']) }),
  },
];

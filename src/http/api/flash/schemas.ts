/** Bodies and answers of flash sales: docs/contract.md, section 11. */
import { z } from 'zod';
import { campaignId, productId } from '../promotions/schemas.js';
import { COUNT_MAX, exportQuery, name, nextCursor, pageQuery, time, timeOut, userId } from '../schemas.js';

const HOLD_SECONDS_MAX = 86_400;

export { productId };

const round = z.int().min(1).max(COUNT_MAX).optional().describe('1, 2, 3, …; the running one without it');
export const ordersQuery = pageQuery.extend({ round });
export const ordersFileQuery = z.strictObject({ round, for: exportQuery.shape.for });
export const orderId = z.uuid('Not a UUID').toLowerCase().describe('Id of an order');
const units = z.int().min(0).max(COUNT_MAX);

/** They stand in paths where a product's id may stand. */
const WORDS_OF_PATHS: ReadonlySet<string> = new Set(['cancel', 'init', 'inventory', 'order', 'orders', 'status']);

export const initInput = name(
  'InitStockInput',
  z
    .strictObject({
      productId: productId.refine((id) => !WORDS_OF_PATHS.has(id), 'This word is reserved'),
      quantity: units.describe('Units of this round'),
      startsAt: time.optional().describe('No order is accepted before it. ISO 8601 with an offset or Z'),
      endsAt: time.optional().describe('No order is accepted from it on. ISO 8601 with an offset or Z'),
      perUserLimit: z.int().min(1).max(COUNT_MAX).optional().describe('Orders that one user may have in the round'),
      holdSeconds: z
        .int()
        .min(1)
        .max(HOLD_SECONDS_MAX)
        .optional()
        .describe('An order has to be confirmed within this time, or its unit goes back'),
      campaignId: campaignId.optional().describe('Set when the stock of the product is first made'),
      reset: z.boolean().optional().describe('Begin another round although the running one has orders'),
    })
    .refine(
      ({ startsAt, endsAt }) =>
        startsAt === undefined || endsAt === undefined || Date.parse(startsAt) < Date.parse(endsAt),
      { path: ['endsAt'], message: 'endsAt has to come after startsAt' },
    ),
);
export type InitInput = z.output<typeof initInput>;

export const orderInput = name('OrderInput', z.strictObject({ productId, userId }));
export type OrderInput = z.output<typeof orderInput>;
export const adjustInput = name(
  'AdjustStockInput',
  z.strictObject({
    by: z
      .int()
      .min(-COUNT_MAX)
      .max(COUNT_MAX)
      .refine((by) => by !== 0, 'Not 0')
      .describe('Units to add; to take away, below 0'),
  }),
);
export const emptyInput = name('FlashNothing', z.strictObject({}));

const said = <Status extends string>(status: Status) => z.strictObject({ status: z.literal(status), msg: z.string() });

export const initOut = name('StockInitialized', said('ok'));
export const orderOut = name(
  'OrderAccepted',
  z.strictObject({
    status: z.enum(['success', 'ignored']).describe('ignored: the key was known, and this is its order'),
    msg: z.string(),
    orderId: z.string(),
  }),
);
export const soldOutOut = name('SoldOut', said('sold_out'));
export const olderErrorOut = name('OlderError', z.strictObject({ error: z.string() }));
export const limitOut = name('OrderLimit', z.union([said('limit'), olderErrorOut]));
export const failedOut = name('OrderFailed', said('error'));

export const statusOut = name(
  'Order',
  z.strictObject({
    orderId: z.string(),
    productId: z.string(),
    userId: z.string(),
    status: z.enum(['accepted', 'fulfilled', 'cancelled']),
    orderedAt: timeOut,
    confirmBy: timeOut.optional().describe('Until when it has to be confirmed; absent: it does not have to'),
  }),
);
export const ordersOut = name('Orders', z.strictObject({ items: z.array(statusOut), nextCursor }));

export const inventoryOut = name(
  'Inventory',
  z.strictObject({
    productId: z.string(),
    quantity: z.int(),
    sold: z.int(),
    reserved: z.int().describe('Orders that wait for their confirmation'),
    remaining: z.int(),
  }),
);
export const stockOut = name(
  'Stock',
  z.strictObject({
    productId: z.string(),
    campaignId: z.string().nullable(),
    round: z.int(),
    quantity: z.int(),
    sold: z.int(),
    reserved: z.int(),
    remaining: z.int(),
    startsAt: timeOut.nullable(),
    endsAt: timeOut.nullable(),
    perUserLimit: z.int().nullable(),
    holdSeconds: z.int().nullable(),
    isPaused: z.boolean(),
    version: z.int(),
    updatedAt: timeOut,
  }),
);

/** Examples of flash sales: a hundred pairs of shoes, and Ada orders one. */
import { AT, CURSOR, ORDER_ID, PRODUCT, USER } from '../../../records/story.js';
import type { Examples, ExampleTable, OperationExamples } from './example.js';
import { json } from './example.js';

const order = { orderId: ORDER_ID, productId: PRODUCT, userId: USER, status: 'accepted', orderedAt: AT };
const stock = {
  productId: PRODUCT,
  campaignId: null,
  round: 1,
  quantity: 100,
  sold: 1,
  reserved: 0,
  remaining: 99,
  startsAt: null,
  endsAt: null,
  perUserLimit: 1,
  holdSeconds: null,
  isPaused: false,
  version: 1,
  updatedAt: AT,
};

const ofProduct = { parameters: { productId: PRODUCT } } as const;
const answer = (value: unknown, summary = 'As it is now'): Readonly<Record<number, Examples>> => ({
  200: { answer: { summary, value } },
});
const moved = (value: object): OperationExamples => ({
  parameters: { id: ORDER_ID },
  bodies: json({ nothing: { summary: 'Nothing', value: {} } }),
  answers: answer(value),
});

const told = (error: string): Examples => ({ refusal: { summary: error, value: { error } } });
/** Of the older paths. */
const refusals: Readonly<Record<number, Examples>> = {
  400: told('Missing Idempotency Key'),
  401: told('This needs an access token.'),
  403: told('This needs the role admin or service.'),
  404: told('There is no such order.'),
  408: told('The body of the request did not arrive in time.'),
  409: told('This order is fulfilled and can not be cancelled.'),
  413: told('The body may have 65536 bytes at most.'),
  415: told('The body has to be application/json.'),
  422: told('This idempotency key was used for another request.'),
  429: told('More orders come than are admitted now.'),
  431: told('The headers may have 16384 bytes at most.'),
  500: { fault: { summary: 'A fault', value: { status: 'error', msg: 'Order processing failed' } } },
};

const inventory = answer({ productId: PRODUCT, quantity: 100, sold: 1, reserved: 0, remaining: 99 });
const begun = answer({ status: 'ok', msg: `Stock initialized for ${PRODUCT} to 100` }, 'The round has begun');

export const flashExamples: ExampleTable = {
  initStock: {
    bodies: json({
      simple: { summary: 'A hundred units', value: { productId: PRODUCT, quantity: 100 } },
      drop: {
        summary: 'One for each user, from ten o’clock on',
        value: { productId: PRODUCT, quantity: 100, startsAt: '2026-06-08T08:00:00.000Z', perUserLimit: 1 },
      },
    }),
    answers: begun,
  },
  placeOrder: {
    bodies: json({ one: { summary: 'One unit', value: { productId: PRODUCT, userId: USER } } }),
    answers: {
      200: {
        accepted: {
          summary: 'Accepted',
          value: { status: 'success', msg: 'Order accepted', orderId: ORDER_ID },
        },
        duplicate: {
          summary: 'The same key again',
          value: { status: 'ignored', msg: 'Duplicate request', orderId: ORDER_ID },
        },
      },
    },
  },
  olderOrder: {
    bodies: json({ one: { summary: 'One unit', value: { productId: PRODUCT, userId: USER } } }),
    answers: {
      ...refusals,
      200: {
        accepted: { summary: 'Accepted', value: { status: 'success', msg: 'Order accepted', orderId: ORDER_ID } },
      },
      409: { soldOut: { summary: 'Sold out', value: { status: 'sold_out', msg: 'Inventory empty' } } },
      422: { limit: { summary: 'The limit of the user', value: { status: 'limit', msg: 'Order limit reached' } } },
    },
  },
  getOrder: { parameters: { id: ORDER_ID }, answers: answer(order) },
  getInventory: { ...ofProduct, answers: inventory },
  olderInitStock: { answers: { ...refusals, ...begun } },
  olderInventory: { answers: { ...refusals, ...inventory } },
  olderOrderStatus: { answers: { ...refusals, ...answer(order) } },
  olderCancelOrder: { answers: { ...refusals, ...answer({ ...order, status: 'cancelled' }) } },
  cancelOrder: moved({ ...order, status: 'cancelled' }),
  confirmOrder: moved(order),
  fulfilOrder: moved({ ...order, status: 'fulfilled' }),
  pauseSale: {
    ...ofProduct,
    bodies: json({ nothing: { summary: 'Nothing', value: {} } }),
    answers: answer({ ...stock, isPaused: true, version: 2 }),
  },
  resumeSale: {
    ...ofProduct,
    bodies: json({ nothing: { summary: 'Nothing', value: {} } }),
    answers: answer({ ...stock, version: 3 }),
  },
  adjustStock: {
    ...ofProduct,
    bodies: json({ more: { summary: 'Ten units more', value: { by: 10 } } }),
    answers: answer({ ...stock, quantity: 110, remaining: 109, version: 2 }),
  },
  listOrders: {
    parameters: { productId: PRODUCT, limit: 100, cursor: CURSOR },
    answers: answer({ items: [order], nextCursor: null }, 'The last page'),
  },
  exportOrders: {
    ...ofProduct,
    answers: answer(
      `orderId,productId,userId,status,orderedAt\r\n${ORDER_ID},${PRODUCT},${USER},accepted,${AT}\r\n`,
      'One order',
    ),
  },
};

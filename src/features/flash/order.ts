/** Ordering one unit of a product. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { Random } from '../../domain/random.js';
import type { PlaceOrder } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { OrderPlaced } from '../../records/events.generated.js';
import { boolean, campaignId, count, instantOrNull, redemptionId, subject, text } from '../../records/fields.js';
import type { Flash, StockState } from './state.js';
import { productNotFound } from './stock.js';

/** Who sees what becomes of an order. */
export const seenByBuyer = { topics: ['product', 'campaign', 'user'], seenBy: 'owner' } as const;

/** `untilMs` null: it needs no confirmation. Its time is in its id. */
export const orderPlaced = event(
  'orderPlaced',
  30,
  {
    campaignId: campaignId(),
    productId: text(),
    orderId: redemptionId(),
    userId: subject(),
    key: text(),
    round: count(),
    untilMs: instantOrNull(),
  },
  {
    shownAs: 'stock.ordered',
    live: seenByBuyer,
    detail: ['productId', 'orderId', 'round'],
    appends: {
      table: 'orders',
      values: ['orderId', 'shard', 'seq', 'productId', 'round', 'userId', 'key', 'untilMs'],
    },
  },
);

/** `isDuplicate`: the key was known, and this is its order. */
export const ordered = outcome(
  'ordered',
  19,
  { orderId: text(), isDuplicate: boolean() },
  { memory: 'json', answer: 'byRoute' },
);

/**
 * `key` is kept with the order. A request that repeats it gets that order until the round is over,
 * whoever sends it. `isAdmitted` false: too many orders come now, so only such a repetition is
 * answered with an order.
 */
export const placeOrder = command(
  'placeOrder',
  { productId: text(), userId: subject(), key: text(), isAdmitted: boolean() },
  {
    gives: ordered,
    refusals: ['productNotFound', 'orderKeyReused', 'saleNotOpen', 'soldOut', 'orderLimit', 'ordersFull'],
    message: { request: 9, reply: 8 },
  },
);

export function decidePlaceOrder(
  flash: Flash,
  { productId, userId, key, isAdmitted }: PlaceOrder,
  nowMs: number,
  random: Random,
): Decided<typeof placeOrder> {
  const stock = flash.stock(productId);
  if (stock === undefined) return productNotFound();
  const { campaignId, holdMs } = stock.current;
  const { orders } = flash;
  const known = flash.orderOfKey(stock, key, nowMs);
  if (known !== -1) {
    if (orders.userId(known) !== userId)
      return refuse('orderKeyReused', 'This idempotency key was used for the order of another user.');
    return decided(campaignId, [], orders.id(known), true);
  }
  const refusal = refuseOrder(flash, stock, userId, nowMs) ?? (isAdmitted ? null : tooMany(nowMs));
  if (refusal !== null) return refusal;
  const { shard, shardCount } = flash.shard.options;
  const orderId = orders.newId(nowMs, random, shard, shardCount);
  const untilMs = holdMs === null ? null : nowMs + holdMs;
  const { round } = stock.current;
  return decided(
    campaignId,
    [{ kind: 'orderPlaced', campaignId, productId, orderId, userId, key, round, untilMs }],
    orderId,
    false,
  );
}

/** Clients that wait for years come to the end of their timers. */
const WAIT_MS_MAX = 3_600_000;

function refuseOrder(flash: Flash, stock: StockState, userId: string, nowMs: number) {
  const { startsMs, endsMs, isPaused, quantity, perUserLimit } = stock.current;
  if (isPaused) return refuse('saleNotOpen', 'The sale is paused.');
  if (startsMs !== null && nowMs < startsMs)
    return refuse('saleNotOpen', 'The sale has not begun.', Math.min(startsMs, nowMs + WAIT_MS_MAX));
  if ((endsMs !== null && nowMs >= endsMs) || stock.sold + stock.reserved >= quantity) return soldOut();
  if (perUserLimit !== null && flash.ordersOf(stock, userId) >= perUserLimit)
    return refuse('orderLimit', 'Order limit reached');
  if (flash.orders.isFull) return refuse('ordersFull', 'This part of the engine has no room for more orders.');
  return null;
}

/** The bucket of admissions holds a tenth of a second, so this is enough. */
const tooMany = (nowMs: number) => refuse('saleNotOpen', 'More orders come than are admitted now.', nowMs + 500);

const soldOut = () => refuse('soldOut', 'Inventory empty');

const decided = <Id extends string>(
  scopeId: OrderPlaced['campaignId'],
  events: readonly OrderPlaced[],
  orderId: Id,
  isDuplicate: boolean,
) => ({ kind: 'decision', scopeId, events, outcome: { kind: 'ordered', orderId, isDuplicate } }) as const;

export function applyOrderPlaced(flash: Flash, { productId, orderId: id, userId, key, untilMs }: OrderPlaced): void {
  flash.place({ productId, id, userId, key, untilMs });
}

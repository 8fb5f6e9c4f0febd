/** What becomes of an order: confirmed, fulfilled, or cancelled, also because its time is over. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { Change, DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { CancelOrder, ConfirmOrder, FulfilOrder } from '../../records/commands.generated.js';
import { command, event, MADE_BY_ROUTE, outcome } from '../../records/declare.js';
import type { OrderCancelled, OrderConfirmed, OrderFulfilled } from '../../records/events.generated.js';
import { boolean, campaignId, jsonOf, redemptionId, subject, subjectOrNull, text } from '../../records/fields.js';
import type { OrderStatus } from '../../records/flash.js';
import { seenByBuyer } from './order.js';
import { CANCELLED, FULFILLED, HELD } from './order-table.js';
import { type Flash, viewOfOrder } from './state.js';

const ofOrder = { campaignId: campaignId(), productId: text(), orderId: redemptionId(), userId: subject() };
const moves = { live: seenByBuyer, detail: ['productId', 'orderId'], snapshot: 'orderMoved' } as const;

export const orderConfirmed = event('orderConfirmed', 31, ofOrder, { shownAs: 'stock.confirmed', ...moves });
export const orderFulfilled = event('orderFulfilled', 32, ofOrder, { shownAs: 'stock.fulfilled', ...moves });
/** `isExpired`: it was not confirmed in time. */
export const orderCancelled = event(
  'orderCancelled',
  33,
  { ...ofOrder, isExpired: boolean() },
  { shownAs: 'stock.cancelled', ...moves, detail: ['productId', 'orderId', 'isExpired'] },
);

export const orderOutcome = outcome('order', 20, { order: jsonOf('OrderView') }, MADE_BY_ROUTE);

/** `owner` null: whoever ordered. */
export const confirmOrder = command(
  'confirmOrder',
  { id: text(), owner: subjectOrNull() },
  { gives: orderOutcome, refusals: ['orderNotFound', 'orderCancelled'], message: 'object' },
);

/** Confirming again changes nothing: the first answer may have been lost. */
export function decideConfirmOrder(flash: Flash, { id, owner }: ConfirmOrder): Decided<typeof confirmOrder> {
  const order = findOrder(flash, id, owner);
  if (order === -1) return orderNotFound();
  const status = flash.orders.status(order);
  if (status === CANCELLED) return refuse('orderCancelled', 'This order is cancelled.');
  return decided(flash, order, 'accepted', status === HELD ? [{ kind: 'orderConfirmed', ...named(flash, order) }] : []);
}

export const fulfilOrder = command(
  'fulfilOrder',
  { id: text() },
  { gives: orderOutcome, refusals: ['orderNotFound', 'orderCancelled'], message: 'object' },
);

/** An order that was not confirmed yet is then. */
export function decideFulfilOrder(flash: Flash, { id }: FulfilOrder): Decided<typeof fulfilOrder> {
  const order = findOrder(flash, id, null);
  if (order === -1) return orderNotFound();
  const status = flash.orders.status(order);
  if (status === CANCELLED) return refuse('orderCancelled', 'This order is cancelled.');
  const events: DomainEvent[] = status === FULFILLED ? [] : [{ kind: 'orderFulfilled', ...named(flash, order) }];
  return decided(flash, order, 'fulfilled', events);
}

export const cancelOrder = command(
  'cancelOrder',
  { id: text(), owner: subjectOrNull() },
  { gives: orderOutcome, refusals: ['orderNotFound', 'orderFulfilled'], message: 'object' },
);

/** The unit goes back, once, if its round still runs. */
export function decideCancelOrder(flash: Flash, { id, owner }: CancelOrder): Decided<typeof cancelOrder> {
  const order = findOrder(flash, id, owner);
  if (order === -1) return orderNotFound();
  const status = flash.orders.status(order);
  if (status === FULFILLED) return refuse('orderFulfilled', 'This order is fulfilled and can not be cancelled.');
  const events: DomainEvent[] =
    status === CANCELLED ? [] : [{ kind: 'orderCancelled', ...named(flash, order), isExpired: false }];
  return decided(flash, order, 'cancelled', events);
}

/** To another user than its own, an order does not exist. */
export function findOrder(flash: Flash, id: string, owner: string | null): number {
  const order = flash.orders.find(id);
  return order === -1 || (owner !== null && flash.orders.userId(order) !== owner) ? -1 : order;
}

export const orderNotFound = () => refuse('orderNotFound', 'There is no such order.');

function named(flash: Flash, order: number) {
  const { productId, campaignId } = flash.roundOf(order).stock.current;
  return { campaignId, productId, orderId: flash.orders.id(order), userId: flash.orders.userId(order) };
}

function decided(flash: Flash, order: number, status: OrderStatus, events: readonly DomainEvent[]) {
  const view = viewOfOrder(flash, order);
  const moved = events.length === 0 ? view : { ...view, status, heldUntilMs: null };
  return { kind: 'decision', scopeId: view.campaignId, events, outcome: { kind: 'order', order: moved } } as const;
}

/** The change for the earliest order that was not confirmed in time, if any. */
export function expireOrders(flash: Flash, nowMs: number): Change | null {
  const first = flash.deadlines.first();
  if (first === undefined || first.untilMs > nowMs) return null;
  const event = { kind: 'orderCancelled', ...named(flash, first.order), isExpired: true } as const;
  return {
    firstSeq: asSeq(flash.shard.seq + 1),
    atMs: nowMs,
    scopeId: event.campaignId,
    caller: 'system',
    requestId: '',
    events: [event],
    remembered: null,
  };
}

/** When the next of them ends, Unix ms; null: none is held. */
export const nextOrderEndMs = (flash: Flash): number | null => flash.deadlines.first()?.untilMs ?? null;

export function applyOrderConfirmed(flash: Flash, { orderId }: OrderConfirmed): void {
  flash.confirm(flash.orderOf(orderId));
}

export function applyOrderFulfilled(flash: Flash, { orderId }: OrderFulfilled): void {
  flash.fulfil(flash.orderOf(orderId));
}

export function applyOrderCancelled(flash: Flash, { orderId }: OrderCancelled): void {
  flash.cancel(flash.orderOf(orderId));
}

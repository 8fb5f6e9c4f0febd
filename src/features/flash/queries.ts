/** Reads of stock and orders, from memory. */
import { refuse } from '../../domain/decision.js';
import type { FlashQuery, FlashResult } from '../../domain/flash-views.js';
import type { Refusal } from '../../domain/outcome.js';
import type { OrderView } from '../../records/flash.js';
import { findOrder, orderNotFound } from './orders.js';
import { type Flash, runningRound, type StockState, viewOfOrder, viewOfStock } from './state.js';
import { productNotFound } from './stock.js';

/** How many orders of other products a page looks at, at most. */
const LOOKED_AT_MAX = 20_000;

export function queryFlash(flash: Flash, asked: FlashQuery): FlashResult | Refusal {
  switch (asked.kind) {
    case 'getStock': {
      const found = flash.stock(asked.productId);
      return found === undefined ? productNotFound() : { kind: 'stock', view: viewOfStock(found) };
    }
    case 'getOrder': {
      const order = findOrder(flash, asked.id, asked.owner);
      return order === -1 ? orderNotFound() : { kind: 'order', view: viewOfOrder(flash, order) };
    }
    case 'listOrders':
      return listOrders(flash, asked);
  }
}

function listOrders(
  flash: Flash,
  { productId, round, afterNumber, limit }: Extract<FlashQuery, { kind: 'listOrders' }>,
) {
  const stock = flash.stock(productId);
  if (stock === undefined) return productNotFound();
  const asked = round === null ? runningRound(stock) : stock.rounds[round - 1];
  if (asked === undefined) return roundNotFound(stock);
  const { orders } = flash;
  const items: OrderView[] = [];
  const end = Math.min(orders.next, afterNumber + 1 + LOOKED_AT_MAX);
  let number = afterNumber + 1;
  for (; number < end && items.length < limit; number++)
    if (orders.exists(number) && orders.round(number) === asked.number) items.push(viewOfOrder(flash, number));
  return {
    kind: 'orders',
    page: { round: asked.round, items, lastNumber: number < orders.next ? number - 1 : null },
  } as const;
}

const roundNotFound = ({ current }: StockState) =>
  refuse('productNotFound', `The stock of this product has ${current.round} rounds.`);

/** Fills the stock from a snapshot: first the products, then their orders. */
import type { Stock } from '../../records/flash.js';
import type { Flash, LoadedOrder } from './state.js';

export function loadStock(flash: Flash, stock: Stock): void {
  flash.loadStock(stock);
}

export function loadOrder(flash: Flash, order: LoadedOrder): void {
  flash.loadOrder(order);
}

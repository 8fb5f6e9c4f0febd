/** What is asked of flash sales, and what is answered. */
import type { OrderView, StockView } from '../records/flash.js';

export type FlashQuery =
  | { readonly kind: 'getStock'; readonly productId: string }
  /** `owner` null: whoever ordered. */
  | { readonly kind: 'getOrder'; readonly id: string; readonly owner: string | null }
  /** Orders of a round, in the order of their numbers after this one (-1: the first). */
  | {
      readonly kind: 'listOrders';
      readonly productId: string;
      /** Null: the running one. */
      readonly round: number | null;
      readonly afterNumber: number;
      readonly limit: number;
    };

export type FlashResult =
  | { readonly kind: 'stock'; readonly view: StockView }
  | { readonly kind: 'order'; readonly view: OrderView }
  | { readonly kind: 'orders'; readonly page: OrderPage };

export interface OrderPage {
  readonly round: number;
  readonly items: readonly OrderView[];
  /** The number of the last one that was looked at; null: there are no more. */
  readonly lastNumber: number | null;
}

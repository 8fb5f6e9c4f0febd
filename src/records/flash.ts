/** The shapes of flash sales in records. They are stored as JSON. */
import type { CampaignId } from './ids.js';

/** The stock of a product in its running round. */
export interface Stock {
  readonly productId: string;
  /** A product that belongs to no campaign has one of its own. */
  readonly campaignId: CampaignId;
  /** 1, 2, 3, …: each `/init` begins another. */
  readonly round: number;
  /** Units in all. */
  readonly quantity: number;
  /** Unix ms; null: from the beginning on. */
  readonly startsMs: number | null;
  /** Unix ms, exclusive; null: it does not end. */
  readonly endsMs: number | null;
  /** How many orders of one user are accepted in a round; null: any number. */
  readonly perUserLimit: number | null;
  /** How long an order has to be confirmed; null: it needs no confirmation. */
  readonly holdMs: number | null;
  /** No orders are taken for now. */
  readonly isPaused: boolean;
  readonly version: number;
  /** When the round began. */
  readonly openedMs: number;
  readonly updatedMs: number;
}

/** Of the running round: `sold`, `reserved` and what remains are its quantity. */
export interface StockCounts {
  readonly sold: number;
  /** Orders that wait for their confirmation. */
  readonly reserved: number;
}

export interface StockView {
  readonly stock: Stock;
  readonly counts: StockCounts;
}

export type OrderStatus = 'accepted' | 'fulfilled' | 'cancelled';

export interface OrderView {
  readonly id: string;
  readonly productId: string;
  readonly campaignId: CampaignId;
  readonly round: number;
  readonly userId: string;
  readonly status: OrderStatus;
  /** Unix ms. */
  readonly orderedMs: number;
  /** Until when it has to be confirmed, Unix ms; null: it does not. */
  readonly heldUntilMs: number | null;
}

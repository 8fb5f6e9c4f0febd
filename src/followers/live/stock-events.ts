/** What live clients are told of stock and orders, by an event or by `detail` of its audit row. */
import { campaignOfProduct } from '../../domain/ids.js';
import type { Stock } from '../../records/flash.js';
import type { LiveDeclaration } from '../../records/live.generated.js';

/** The fields of events of stock. They have the same names in `detail`. */
export interface StockFields {
  readonly stock?: Stock;
  readonly productId?: string;
  readonly orderId?: string;
  readonly round?: number;
  readonly isExpired?: boolean;
}

interface StockFacts {
  readonly campaignId: string;
  readonly userId: string | null;
  readonly untilMs: number | null;
  readonly fields: StockFields;
}

type Data = Readonly<Record<string, unknown>>;

/** Null: the event is not of a product. */
export const productIdOf = ({ stock, productId }: StockFields): string | null => productId ?? stock?.productId ?? null;

/** What `data` holds of an event of this kind; null: it is not about stock. */
export function stockTeller({ kind }: LiveDeclaration): ((facts: StockFacts) => Data) | null {
  switch (kind) {
    case 'stockInitialized':
    case 'stockChanged':
      return stockData;
    case 'orderPlaced':
      return (facts) => ({ ...orderData(facts), round: facts.fields.round, confirmBy: isoOrNull(facts.untilMs) });
    case 'orderConfirmed':
    case 'orderFulfilled':
      return orderData;
    case 'orderCancelled':
      return (facts) => ({
        ...orderData(facts),
        reason: facts.fields.isExpired === true ? 'expired' : 'cancelled',
      });
    default:
      return null;
  }
}

function stockData({ campaignId, fields: { stock } }: StockFacts): Data {
  if (stock === undefined) throw new Error('an event of a stock has none');
  const { productId, round, quantity, isPaused, version } = stock;
  const { startsMs, endsMs, perUserLimit, holdMs } = stock;
  return {
    productId,
    campaignId: shown(campaignId, productId),
    round,
    quantity,
    startsAt: isoOrNull(startsMs),
    endsAt: isoOrNull(endsMs),
    perUserLimit,
    holdSeconds: holdMs === null ? null : holdMs / 1000,
    isPaused,
    version,
  };
}

function orderData({ campaignId, userId, fields: { productId = '', orderId } }: StockFacts): Data {
  return { productId, campaignId: shown(campaignId, productId), orderId, userId };
}

/** Null: the product belongs to none. */
const shown = (campaignId: string, productId: string): string | null =>
  campaignId === campaignOfProduct(productId) ? null : campaignId;

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Stock and orders in the words of the API. */
import { campaignOfProduct } from '../../../domain/ids.js';
import type { OrderView, StockView } from '../../../records/flash.js';
import { isoTime, isoTimeOrNull } from '../../fast/iso-time.js';

export function orderJson({ id, productId, userId, status, orderedMs, heldUntilMs }: OrderView): object {
  const order = { orderId: id, productId, userId, status, orderedAt: isoTime(orderedMs) };
  return heldUntilMs === null ? order : { ...order, confirmBy: isoTime(heldUntilMs) };
}

export function inventoryJson({ stock: { productId, quantity }, counts: { sold, reserved } }: StockView): object {
  return { productId, quantity, sold, reserved, remaining: quantity - sold - reserved };
}

export function stockJson({ stock, counts: { sold, reserved } }: StockView): object {
  const { productId, campaignId, round, quantity, startsMs, endsMs, perUserLimit, holdMs, isPaused, version } = stock;
  return {
    productId,
    campaignId: campaignId === campaignOfProduct(productId) ? null : campaignId,
    round,
    quantity,
    sold,
    reserved,
    remaining: quantity - sold - reserved,
    startsAt: isoTimeOrNull(startsMs),
    endsAt: isoTimeOrNull(endsMs),
    perUserLimit,
    holdSeconds: holdMs === null ? null : holdMs / 1000,
    isPaused,
    version,
    updatedAt: isoTime(stock.updatedMs),
  };
}

/** Stock of a product: begun in rounds, adjusted, paused. */
import { type Decided, type Decision, refuse } from '../../domain/decision.js';
import { asCampaignId, campaignOfProduct, shardOfId } from '../../domain/ids.js';
import type { AdjustStock, InitStock, PauseStock } from '../../records/commands.generated.js';
import { command, event, MADE_BY_ROUTE, outcome } from '../../records/declare.js';
import type { StockChanged, StockInitialized } from '../../records/events.generated.js';
import { boolean, count, instantOrNull, integerOrNull, jsonOf, text, textOrNull } from '../../records/fields.js';
import type { Stock } from '../../records/flash.js';
import { type Flash, PRODUCTS_MAX, ROUNDS_MAX, type StockState, viewOfStock } from './state.js';

const ofStock = {
  live: { topics: ['product', 'campaign'], seenBy: 'staff' },
  detail: ['stock'],
  snapshot: 'stockChanged',
} as const;

/** A round began: the first of its product, or another one. */
export const stockInitialized = event(
  'stockInitialized',
  28,
  { stock: jsonOf('Stock') },
  { shownAs: 'stock.initialized', ...ofStock },
);
export const stockChanged = event(
  'stockChanged',
  29,
  { stock: jsonOf('Stock') },
  { shownAs: 'stock.changed', ...ofStock },
);

export const stockOutcome = outcome('stock', 18, { stock: jsonOf('StockView') }, MADE_BY_ROUTE);

/**
 * `home`: the shard where the product is or will be. `inCampaign` null: where the product is, or by
 * itself. `mayReset`: the running round may have orders.
 */
export const initStock = command(
  'initStock',
  {
    home: count(),
    productId: text(),
    inCampaign: textOrNull(),
    quantity: count(),
    startsMs: instantOrNull(),
    endsMs: instantOrNull(),
    perUserLimit: integerOrNull(),
    holdMs: integerOrNull(),
    mayReset: boolean(),
  },
  {
    gives: stockOutcome,
    refusals: ['productElsewhere', 'productsFull', 'roundHasOrders'],
    message: 'object',
  },
);

export function decideInitStock(
  flash: Flash,
  { productId, inCampaign, quantity, startsMs, endsMs, perUserLimit, holdMs, mayReset }: InitStock,
  nowMs: number,
): Decided<typeof initStock> {
  const found = flash.stock(productId);
  const campaignId = found?.current.campaignId ?? asCampaignId(inCampaign ?? campaignOfProduct(productId));
  const { shard, shardCount } = flash.shard.options;
  if ((inCampaign !== null && inCampaign !== campaignId) || shardOfId(campaignId, shardCount) !== shard)
    return refuse('productElsewhere', 'This product belongs to another campaign, and it stays there.');
  if ((found === undefined && flash.all.length >= PRODUCTS_MAX) || flash.rounds.length >= ROUNDS_MAX)
    return refuse('productsFull', `This part of the engine has ${PRODUCTS_MAX} products or ${ROUNDS_MAX} rounds.`);
  if (found !== undefined && found.ordered > 0 && !mayReset)
    return refuse('roundHasOrders', 'The running round has orders. Send "reset": true to begin another round.');
  const stock: Stock = {
    productId,
    campaignId,
    round: (found?.current.round ?? 0) + 1,
    quantity,
    startsMs,
    endsMs,
    perUserLimit,
    holdMs,
    isPaused: false,
    version: (found?.current.version ?? 0) + 1,
    openedMs: nowMs,
    updatedMs: nowMs,
  };
  return {
    kind: 'decision',
    scopeId: campaignId,
    events: [{ kind: 'stockInitialized', stock }],
    outcome: { kind: 'stock', stock: { stock, counts: { sold: 0, reserved: 0 } } },
  };
}

/** Changes the quantity of the running round. One of the two is 0. */
export const adjustStock = command(
  'adjustStock',
  { productId: text(), add: count(), remove: count() },
  { gives: stockOutcome, refusals: ['productNotFound', 'stockTooSmall'], message: 'object' },
);

export function decideAdjustStock(
  flash: Flash,
  { productId, add, remove }: AdjustStock,
  nowMs: number,
): Decided<typeof adjustStock> {
  const found = flash.stock(productId);
  if (found === undefined) return productNotFound();
  const quantity = found.current.quantity + add - remove;
  const taken = found.sold + found.reserved;
  if (quantity < taken) return refuse('stockTooSmall', `${taken} units are sold or reserved already.`);
  if (quantity > QUANTITY_MAX) return refuse('stockTooSmall', `The stock has ${QUANTITY_MAX} units at most.`);
  return changed(found, { quantity }, nowMs);
}

const QUANTITY_MAX = 1_000_000_000;

/** While it is paused, the sale takes no orders. What was ordered stays. */
export const pauseStock = command(
  'pauseStock',
  { productId: text(), isPaused: boolean() },
  { gives: stockOutcome, refusals: ['productNotFound'], message: 'object' },
);

export function decidePauseStock(
  flash: Flash,
  { productId, isPaused }: PauseStock,
  nowMs: number,
): Decided<typeof pauseStock> {
  const found = flash.stock(productId);
  if (found === undefined) return productNotFound();
  return changed(found, { isPaused }, nowMs);
}

export const productNotFound = () => refuse('productNotFound', 'There is no stock of this product.');

/** No event where nothing is different. */
function changed(found: StockState, changes: Partial<Stock>, nowMs: number): Decision<'stock'> {
  const { current } = found;
  const isSame = Object.entries(changes).every(([name, value]) => current[name as keyof Stock] === value);
  const stock = isSame ? current : { ...current, ...changes, version: current.version + 1, updatedMs: nowMs };
  return {
    kind: 'decision',
    scopeId: current.campaignId,
    events: isSame ? [] : [{ kind: 'stockChanged', stock }],
    outcome: { kind: 'stock', stock: { ...viewOfStock(found), stock } },
  };
}

export function applyStockInitialized(flash: Flash, { stock }: StockInitialized): void {
  flash.begin(stock);
}

export function applyStockChanged(flash: Flash, { stock }: StockChanged): void {
  flash.change(stock);
}

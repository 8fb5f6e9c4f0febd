/** The rows of stock, and the orders that one projection changes. New orders are appended. */
import type pg from 'pg';
import type { Seq, ShardId } from '../../domain/ids.js';
import type {
  OrderCancelled,
  OrderConfirmed,
  OrderFulfilled,
  StockChanged,
  StockInitialized,
} from '../../records/events.generated.js';
import type { OrderStatus, Stock } from '../../records/flash.js';

const STATUS: Readonly<Record<OrderMoved['kind'], OrderStatus>> = {
  orderConfirmed: 'accepted',
  orderFulfilled: 'fulfilled',
  orderCancelled: 'cancelled',
};

type OrderMoved = OrderConfirmed | OrderFulfilled | OrderCancelled;

export class FlashRows {
  readonly #stocks = new Map<string, { shard: ShardId; seq: Seq; stock: Stock }>();
  /** The last status of each order. */
  readonly #moved = new Map<string, OrderStatus>();

  clear(): void {
    this.#stocks.clear();
    this.#moved.clear();
  }

  stockChanged(shard: ShardId, seq: Seq, { stock }: StockInitialized | StockChanged): void {
    const first = this.#stocks.get(stock.productId)?.seq ?? seq;
    this.#stocks.set(stock.productId, { shard, seq: first, stock });
  }

  orderMoved(_shard: ShardId, _seq: Seq, { kind, orderId }: OrderMoved): void {
    this.#moved.set(orderId, STATUS[kind]);
  }

  /** The new orders are written before. */
  async write(client: pg.Client): Promise<void> {
    if (this.#stocks.size > 0) await this.#writeStocks(client);
    if (this.#moved.size > 0) await this.#writeMoved(client);
  }

  async #writeStocks(client: pg.Client): Promise<void> {
    const list = [...this.#stocks.values()];
    const { rowCount } = await client.query({
      name: 'write-stocks',
      text: `
        INSERT INTO stocks (product_id, shard, seq, campaign_id, stock)
        SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::uuid[], $5::text[])
        ON CONFLICT (product_id) DO UPDATE SET stock = excluded.stock
        WHERE stocks.shard = excluded.shard AND stocks.campaign_id = excluded.campaign_id`,
      values: [
        list.map(({ stock }) => stock.productId),
        list.map(({ shard }) => shard),
        list.map(({ seq }) => seq),
        list.map(({ stock }) => stock.campaignId),
        list.map(({ stock }) => JSON.stringify(stock)),
      ],
    });
    if (rowCount !== list.length) throw new Error('a product is in two shards, or in two campaigns');
  }

  async #writeMoved(client: pg.Client): Promise<void> {
    const list = [...this.#moved];
    const { rowCount } = await client.query({
      name: 'update-orders',
      text: `
        UPDATE orders AS o SET status = m.status, held_until_ms = NULL
        FROM unnest($1::uuid[], $2::text[]) AS m (order_id, status) WHERE o.order_id = m.order_id`,
      values: [list.map(([id]) => id), list.map(([, status]) => status)],
    });
    if (rowCount !== list.length)
      throw new Error(`${list.length} orders changed, but PostgreSQL has ${rowCount} of them`);
  }
}

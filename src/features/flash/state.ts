/**
 * The stock of one shard and its orders, all of it in memory. The rules read it, `applyEvent`
 * changes it, nothing else does; a restart fills it by load.ts from a snapshot and then applies the
 * journal.
 */
import type { ShardKernel } from '../../domain/kernel.js';
import type { OrderStatus, OrderView, Stock, StockView } from '../../records/flash.js';
import { DeadlineHeap } from '../../tables/deadline-heap.js';
import { ACCEPTED, CANCELLED, FULFILLED, HELD, OrderTable } from './order-table.js';

/** Together with their rounds, so that the sum of a shard's products can be held and listed. */
export const PRODUCTS_MAX = 100_000;
export const ROUNDS_MAX = 1_000_000;
/** How long a key of the round before is known. */
const OLD_KEY_MS = 60_000;

export interface RoundState {
  readonly number: number;
  readonly stock: StockState;
  /** 1, 2, 3, … of the product. */
  readonly round: number;
  /** Standing orders of each user who has any; empty where the round has no limit per user. */
  readonly byUser: Map<number, number>;
}

export interface StockState {
  readonly number: number;
  /** As it is now. */
  current: Stock;
  sold: number;
  reserved: number;
  /** Orders of the running round, with those that were cancelled. */
  ordered: number;
  /** The first one first, the running one last. */
  readonly rounds: RoundState[];
}

/** An order that has to be confirmed. */
interface Held {
  readonly order: number;
  untilMs: number;
  place: number;
}

/** Reads a row before it is changed; used by a running digest. */
export interface FlashObserver {
  beforeStock(number: number): void;
  beforeOrder(number: number): void;
}

export class Flash {
  readonly shard: ShardKernel;
  /** In the order in which they were made; so are rounds. */
  readonly all: StockState[] = [];
  readonly rounds: RoundState[] = [];
  readonly orders: OrderTable;
  readonly deadlines = new DeadlineHeap<Held>();
  readonly #held = new Map<number, Held>();
  readonly #byProduct = new Map<string, StockState>();
  observer: FlashObserver | null = null;

  constructor(shard: ShardKernel) {
    this.shard = shard;
    this.orders = new OrderTable(shard.options.hashKey);
  }

  stock(productId: string): StockState | undefined {
    return this.#byProduct.get(productId);
  }

  /** The stock that an event names. */
  stockOf(productId: string): StockState {
    const found = this.#byProduct.get(productId);
    if (found === undefined) throw new Error(`an event names product ${productId}, which this shard doesn't have`);
    return found;
  }

  /** The number of the order that an event names. */
  orderOf(id: string): number {
    const order = this.orders.find(id);
    if (order === -1) throw new Error(`an event names order ${id}, which this shard doesn't have`);
    return order;
  }

  roundOf(order: number): RoundState {
    // Every order was added with a round that is there.
    return this.rounds[this.orders.round(order)] as RoundState;
  }

  /** The order that was made under this key: in the running round, or lately in the one before. */
  orderOfKey(stock: StockState, key: string, nowMs: number): number {
    const order = this.orders.findKey(runningRound(stock).number, key);
    if (order !== -1 || nowMs >= stock.current.openedMs + OLD_KEY_MS) return order;
    const before = stock.rounds[stock.rounds.length - 2];
    return before === undefined ? -1 : this.orders.findKey(before.number, key);
  }

  /** Until when the order has to be confirmed, Unix ms; null: it does not. */
  heldUntilMs(order: number): number | null {
    return this.#held.get(order)?.untilMs ?? null;
  }

  /** A user's orders in the running round that stand. */
  ordersOf(stock: StockState, userId: string): number {
    const user = this.orders.users.find(userId);
    return user === -1 ? 0 : (runningRound(stock).byUser.get(user) ?? 0);
  }

  /** The first round of a product, or another one. */
  begin(stock: Stock): void {
    const known = this.#byProduct.get(stock.productId);
    if (known === undefined) {
      this.#add(stock);
      return;
    }
    this.observer?.beforeStock(known.number);
    runningRound(known).byUser.clear();
    this.#addRound(known);
    known.current = stock;
    known.sold = 0;
    known.reserved = 0;
    known.ordered = 0;
  }

  #add(stock: Stock): StockState {
    const state = { number: this.all.length, current: stock, sold: 0, reserved: 0, ordered: 0, rounds: [] };
    this.#addRound(state);
    this.all.push(state);
    this.#byProduct.set(stock.productId, state);
    return state;
  }

  #addRound(stock: StockState): void {
    const added = { number: this.rounds.length, stock, round: stock.rounds.length + 1, byUser: new Map() };
    this.rounds.push(added);
    stock.rounds.push(added);
  }

  change(stock: Stock): void {
    const state = this.stockOf(stock.productId);
    this.observer?.beforeStock(state.number);
    state.current = stock;
  }

  place({ productId, id, userId, key, untilMs }: PlacedOrder): void {
    const stock = this.stockOf(productId);
    this.observer?.beforeStock(stock.number);
    const order = this.orders.add(id, runningRound(stock).number, userId, key, untilMs === null ? ACCEPTED : HELD);
    stock.ordered++;
    this.#count(stock, order, 1);
    if (untilMs !== null) this.#hold(order, untilMs);
  }

  #hold(order: number, untilMs: number): void {
    const held = { order, untilMs, place: -1 };
    this.#held.set(order, held);
    this.deadlines.put(held);
  }

  confirm(order: number): void {
    this.#move(order, ACCEPTED);
  }

  fulfil(order: number): void {
    this.#move(order, FULFILLED);
  }

  cancel(order: number): void {
    this.#move(order, CANCELLED);
  }

  #move(order: number, status: number): void {
    const { stock } = this.roundOf(order);
    this.observer?.beforeStock(stock.number);
    this.observer?.beforeOrder(order);
    this.#count(stock, order, -1);
    this.orders.setStatus(order, status);
    const held = this.#held.get(order);
    if (held !== undefined) {
      this.deadlines.remove(held);
      this.#held.delete(order);
    }
    this.#count(stock, order, 1);
  }

  /** What the order takes of the running round. */
  #count(stock: StockState, order: number, by: 1 | -1): void {
    const round = this.roundOf(order);
    const status = this.orders.status(order);
    if (round !== runningRound(stock) || status === CANCELLED) return;
    if (status === HELD) stock.reserved += by;
    else stock.sold += by;
    if (stock.current.perUserLimit === null) return;
    const user = this.orders.user(order);
    const count = (round.byUser.get(user) ?? 0) + by;
    if (count === 0) round.byUser.delete(user);
    else round.byUser.set(user, count);
  }

  // -- from a snapshot ----------------------------------------------------------------------------

  /** A product with its running round, and the number of rounds before it. */
  loadStock(stock: Stock): void {
    const state = this.#add(stock);
    while (state.rounds.length < stock.round) this.#addRound(state);
  }

  loadOrder({ productId, round, ...order }: LoadedOrder): void {
    const stock = this.stockOf(productId);
    const status = order.untilMs === null ? STATUS[order.status] : HELD;
    const number = this.orders.add(order.id, numberOfRound(stock, round), order.userId, order.key, status);
    if (round === stock.current.round) stock.ordered++;
    this.#count(stock, number, 1);
    if (order.untilMs !== null) this.#hold(number, order.untilMs);
  }

  bytes(): number {
    return this.all.length * STOCK_BYTES + this.rounds.length * ROUND_BYTES + this.orders.bytes();
  }
}

export interface PlacedOrder {
  readonly productId: string;
  readonly id: string;
  readonly userId: string;
  readonly key: string;
  /** Null: it needs no confirmation. */
  readonly untilMs: number | null;
}

export interface LoadedOrder extends PlacedOrder {
  readonly round: number;
  readonly status: OrderStatus;
}

const STATUS: Readonly<Record<OrderStatus, number>> = {
  accepted: ACCEPTED,
  fulfilled: FULFILLED,
  cancelled: CANCELLED,
};

export function runningRound({ rounds }: StockState): RoundState {
  // Each stock began with a round.
  return rounds[rounds.length - 1] as RoundState;
}

function numberOfRound({ rounds, current }: StockState, round: number): number {
  const found = rounds[round - 1];
  if (found === undefined) throw new Error(`product ${current.productId} has no round ${round}`);
  return found.number;
}

/** Estimates: they are objects, whose size V8 does not tell. */
const STOCK_BYTES = 1_000;
const ROUND_BYTES = 300;

export const viewOfStock = ({ current, sold, reserved }: StockState): StockView => ({
  stock: current,
  counts: { sold, reserved },
});

const STATUS_WORDS: readonly OrderStatus[] = ['accepted', 'accepted', 'accepted', 'fulfilled', 'cancelled'];

export function viewOfOrder(flash: Flash, order: number): OrderView {
  const { orders } = flash;
  const { stock, round } = flash.roundOf(order);
  return {
    id: orders.id(order),
    productId: stock.current.productId,
    campaignId: stock.current.campaignId,
    round,
    userId: orders.userId(order),
    status: STATUS_WORDS[orders.status(order)] ?? 'accepted',
    orderedMs: orders.orderedMs(order),
    heldUntilMs: flash.heldUntilMs(order),
  };
}

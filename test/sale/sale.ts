/**
 * Many orders on few units, with kills in between, by clients as they were written for the older
 * API: at the root, without a token, one key for each order. A broken connection or a 500 is
 * repeated with the same key until there is an answer. Meanwhile the inventory is sampled, and has
 * to add up at every moment.
 */
import { Agent } from 'node:http';
import pg from 'pg';
import { type Reply, rawClient } from '../support/api.js';
import { postgresUrl } from '../support/postgres.js';
import { untilProjected } from '../support/projected.js';
import { type Environment, type Server, startServer } from '../support/server.js';

export interface SaleOptions {
  readonly dataDir: string;
  readonly env?: Environment;
  readonly orders: number;
  readonly units: number;
  readonly kills: number;
  /** Connections at once. */
  readonly callers: number;
  readonly say: (line: string) => void;
}

export interface SaleReport {
  readonly accepted: number;
  readonly soldOut: number;
  /** Requests that had to be repeated. */
  readonly repeated: number;
  readonly samples: number;
  readonly faults: readonly string[];
}

interface Buyer {
  readonly userId: string;
  readonly key: string;
  orderId: string | null;
  isSoldOut: boolean;
}

const PRODUCT = 'drop-2026';
const SAMPLE_MS = 10;
/** As the older client waits; the last one again and again. */
const WAITS_MS = [100, 200, 500, 1000, 2000];
const TRIES_MAX = 60;

export async function sale(options: SaleOptions): Promise<SaleReport> {
  const { dataDir, env = {}, units, kills, callers, say } = options;
  const faults: string[] = [];
  const buyers = Array.from(
    { length: options.orders },
    (_, n): Buyer => ({ userId: `user-${n}`, key: `key-${n}`, orderId: null, isSoldOut: false }),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: callers + 2 });
  const begin = (): Promise<Server> => startServer(dataDir, { FLASH_RATE_LIMIT: '1000000', ...env });
  let server = await begin();
  const call = (method: string, path: string, body?: unknown, key?: string): Promise<Reply> =>
    rawClient(server.url, agent)(method, path, body, key === undefined ? {} : { 'x-idempotency-key': key });
  const order = ({ userId, key }: Buyer): Promise<Reply> => call('POST', '/order', { productId: PRODUCT, userId }, key);

  let accepted = 0;
  let repeated = 0;

  /** Until there is an answer. */
  async function insist(buyer: Buyer): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (tries > 0) {
        repeated++;
        await pause(WAITS_MS[Math.min(tries - 1, WAITS_MS.length - 1)] ?? 0);
      }
      const reply = await order(buyer).catch(() => null);
      if (reply === null || reply.status === 500) continue;
      take(buyer, reply, tries > 0);
      return;
    }
    faults.push(`${buyer.key} got no answer`);
  }

  function take(buyer: Buyer, { status, body }: Reply, isRepeated: boolean): void {
    if (status === 200 && (body.status === 'success' || (body.status === 'ignored' && isRepeated))) {
      buyer.orderId = body.orderId;
      accepted++;
    } else if (status === 409 && body.status === 'sold_out') buyer.isSoldOut = true;
    else faults.push(`${buyer.key} got ${status} ${JSON.stringify(body)}`);
  }

  let samples = 0;
  let isOver = false;
  async function sample(): Promise<void> {
    while (!isOver) {
      const reply = await call('GET', `/inventory/${PRODUCT}`).catch(() => null);
      if (reply?.status === 200) {
        samples++;
        const { quantity, sold, reserved, remaining } = reply.body;
        if (quantity !== units || sold + reserved + remaining !== units || sold > units || remaining < 0)
          faults.push(`the inventory was ${JSON.stringify(reply.body)}`);
      }
      await pause(SAMPLE_MS);
    }
  }

  async function killWhile(): Promise<void> {
    for (let life = 1; life <= kills; life++) {
      while (accepted < (units * life) / (kills + 1)) await pause(1);
      await server.kill();
      const began = performance.now();
      server = await begin();
      say(`kill ${life}: serving again after ${Math.round(performance.now() - began)} ms; ${accepted} accepted`);
    }
  }

  const { status } = await call('POST', '/init', { productId: PRODUCT, quantity: units });
  if (status !== 200) throw new Error(`init got ${status}`);
  const waiting = buyers.values();
  const worker = async (): Promise<void> => {
    for (const buyer of waiting) await insist(buyer);
  };
  const sampling = sample();
  await Promise.all([killWhile(), ...Array.from({ length: callers }, worker)]);
  isOver = true;
  await sampling;
  await check();
  agent.destroy();
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
  return { accepted, soldOut: buyers.filter(({ isSoldOut }) => isSoldOut).length, repeated, samples, faults };

  /** What everybody was told is true, and PostgreSQL has it, too. */
  async function check(): Promise<void> {
    const ids = new Set(buyers.flatMap(({ orderId }) => orderId ?? []));
    if (accepted !== Math.min(units, buyers.length) || ids.size !== accepted)
      faults.push(`${accepted} orders with ${ids.size} ids for ${units} units`);
    for (const buyer of buyers.filter(({ orderId }) => orderId !== null)) {
      const shown = await call('GET', `/status/${buyer.orderId}`);
      if (shown.body.userId !== buyer.userId || shown.body.status !== 'accepted')
        faults.push(`order ${buyer.orderId} is ${JSON.stringify(shown.body)}`);
      const again = await order(buyer);
      if (again.body.status !== 'ignored' || again.body.orderId !== buyer.orderId)
        faults.push(`${buyer.key} again got ${JSON.stringify(again.body)}`);
    }
    await untilProjected(server.url);
    const client = new pg.Client({ connectionString: postgresUrl(dataDir) });
    await client.connect();
    try {
      const { rows } = await client.query<{ id: string; userId: string }>(
        'SELECT order_id AS id, user_id AS "userId" FROM orders WHERE product_id = $1',
        [PRODUCT],
      );
      const owners = new Map(rows.map(({ id, userId }) => [id, userId]));
      if (rows.length !== accepted) faults.push(`PostgreSQL has ${rows.length} orders of ${accepted}`);
      for (const { orderId, userId } of buyers)
        if (orderId !== null && owners.get(orderId) !== userId) faults.push(`PostgreSQL lacks order ${orderId}`);
    } finally {
      await client.end();
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

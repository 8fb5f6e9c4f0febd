/**
 * A real server with books and codes in every state that a refusal can name, and all that a later
 * caller can observe of it.
 */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type RedisServer, startRedis } from '../journal/redis-server.js';
import { ADMIN, type Api, connect, type Reply, rawClient } from './api.js';
import { postgresUrl } from './postgres.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory } from './server.js';

const USER = { email: 'user@user.com', password: 'Password1' };
export const ADA = 'ada';
const DAY_SECONDS = 86_400;
/** Small, so that it is soon full. */
const MAILBOX_MAX = 16;

const CODES = ['FREE-1', 'TAKEN-1', 'LOCKED-1', 'USED-1', 'BACK-1', 'LIMIT-1', 'LIMIT-2', 'MINE-1'] as const;

export interface World {
  readonly dataDir: string;
  readonly server: Server;
  readonly redis: RedisServer;
  readonly api: Api;
  /** Signed in with the role user. */
  readonly user: Api;
  readonly userId: string;
  readonly token: string;
  readonly sql: pg.Pool;
  /** While this file is there, a handler breaks. */
  readonly failHandler: string;
  readonly books: Readonly<Record<BookName, string>>;
  /** Of BACK-1, and rolled back. */
  readonly redemptionId: string;
  readonly checkout: Checkout;
  readonly sale: Sale;
  /** Of a job that is completed. */
  readonly jobId: string;
  /**
   * Sends a request without its body, and resolves with the status and the problem that is
   * answered.
   */
  half(head: string, part: string): Promise<Pick<Reply, 'status' | 'body'>>;
  /** The same, and leaves it at that. */
  open(head: string, part: string): Promise<Socket>;
  observe(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Promotions and reservations, by their ids. */
export interface Checkout {
  /** The campaign of the promotion TOGETHER. */
  readonly campaign: string;
  /** It was released. */
  readonly released: string;
  /** It was committed. */
  readonly committed: string;
  /** Its time has passed. */
  readonly expired: string;
  /** Of CART-1, a code of a book with a discount, by a commit. */
  readonly redemption: string;
}

/** Orders of the product KEPT, of which one user may have one, by their ids. */
export interface Sale {
  readonly fulfilled: string;
  readonly cancelled: string;
}

export type BookName = 'main' | 'inactive' | 'early' | 'over' | 'archived' | 'empty' | 'limited' | 'many' | 'small';

const SETTINGS: Readonly<Record<BookName, object>> = {
  main: { initialCodes: ['FREE-1', 'TAKEN-1', 'LOCKED-1', 'USED-1', 'BACK-1'] },
  inactive: { isActive: false, initialCodes: ['INACTIVE-1'] },
  early: { startDate: '2099-01-01T00:00:00Z', initialCodes: ['EARLY-1'] },
  over: { endDate: '2020-01-01T00:00:00Z', initialCodes: ['OVER-1'] },
  archived: { initialCodes: ['ARCHIVED-1'] },
  empty: {},
  limited: {
    maxCodesPerUser: 1,
    maxRedemptionsPerUser: 1,
    allowMultipleRedemptions: true,
    initialCodes: ['LIMIT-1', 'LIMIT-2'],
  },
  many: { initialCodes: ['MINE-1'] },
  small: { codePattern: 'SM-{NUMERIC:1}' },
};

/** One shard: all changes are in one order, so that none can hide in another. */
export async function startWorld(): Promise<World> {
  const directory = await temporaryDirectory();
  const redis = await startRedis();
  const dataDir = join(directory.path, 'data');
  const failHandler = join(directory.path, 'fail-the-handler');
  const preload = fileURLToPath(new URL('failing-handler.cjs', import.meta.url));
  const env = {
    REDIS_URL: redis.url,
    SHARDS: '1',
    SHARD_THREADS: '1',
    MAILBOX_MAX: String(MAILBOX_MAX),
    TEST_FAIL_HANDLER: failHandler,
    NODE_OPTIONS: `--require ${preload}`,
  };
  const server = await startServer(dataDir, env, PROBED_MAIN);
  const api = await connect(server.url);
  const agent = new Agent({ keepAlive: true });
  const raw = rawClient(server.url, agent);
  const tokenOf = async (login: object): Promise<string> =>
    (await raw('POST', '/api/v1/auth/token', login, {})).body.accessToken;
  const [token, userToken] = [await tokenOf(ADMIN), await tokenOf(USER)];
  const authorization = `Bearer ${userToken}`;
  const user: Api = {
    call: (method, path, body, headers = {}) => raw(method, `/api/v1${path}`, body, { authorization, ...headers }),
    close: () => agent.destroy(),
  };
  const userId = (await user.call('GET', '/auth/me')).body.id;
  const sql = new pg.Pool({ connectionString: postgresUrl(dataDir), max: 2 });
  // PostgreSQL is killed by a case.
  sql.on('error', () => undefined);

  const ok = async (method: string, path: string, body?: unknown, key?: string): Promise<Reply> => {
    const reply = await api.call(method, path, body, key === undefined ? {} : { 'idempotency-key': key });
    assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
    return reply;
  };
  const books = {} as Record<BookName, string>;
  for (const [name, settings] of Object.entries(SETTINGS)) {
    books[name as BookName] = (await ok('POST', '/coupon-books', { name, ...settings })).body.id;
  }
  await ok('DELETE', `/coupon-books/${books.archived}`);
  for (const code of ['TAKEN-1', 'LOCKED-1', 'USED-1', 'BACK-1', 'LIMIT-1']) {
    await ok('POST', `/coupons/assign/${code}`, { userId: ADA });
  }
  await ok('POST', '/coupons/assign/MINE-1', { userId });
  await ok('POST', '/coupons/LOCKED-1/lock', { userId: ADA, ttlSeconds: DAY_SECONDS });
  await ok('POST', '/coupons/USED-1/redeem', { userId: ADA });
  await ok('POST', '/coupons/LIMIT-1/redeem', { userId: ADA });
  const { redemptionId } = (await ok('POST', '/coupons/BACK-1/redeem', { userId: ADA })).body;
  await ok('POST', '/coupons/BACK-1/rollback', { redemptionId });
  await ok('POST', `/coupon-books/${books.small}/generate`, { quantity: 8 });
  const { jobId } = (await ok('POST', `/coupon-books/${books.many}/generate`, { quantity: 10_001 })).body;
  while ((await ok('GET', `/jobs/${jobId}`)).body.status === 'processing') await pause();

  const checkout = await makeCheckout(ok);
  const sale = await makeSale(ok);

  function open(head: string, part: string): Promise<Socket> {
    const { port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const socket = connectSocket(Number(port), '127.0.0.1', () => {
        socket.write(`${head}\r\nHost: h\r\nAuthorization: Bearer ${token}\r\n\r\n${part}`, 'latin1');
        resolve(socket);
      });
      socket.once('error', reject);
    });
  }

  async function half(head: string, part: string): Promise<Pick<Reply, 'status' | 'body'>> {
    const socket = await open(head, part);
    // The server ends idle connections, and the next request must not meet that.
    const keptAlive = setInterval(() => void api.call('GET', '/auth/me').catch(() => undefined), 1000);
    let got = '';
    for await (const chunk of socket) got += String(chunk);
    clearInterval(keptAlive);
    const [, body = ''] = got.split('\r\n\r\n');
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(got)?.[1]), body: JSON.parse(body) };
  }

  /** The same at two moments, if nothing happened in between. */
  async function observe(): Promise<unknown> {
    const seen: Record<string, unknown> = {};
    const see = async (path: string): Promise<void> => {
      const { headers, body } = await ok('GET', path);
      seen[path] = { body, etag: headers['etag'] };
    };
    await see('/coupon-books?limit=1000');
    for (const id of Object.values(books)) {
      await see(`/coupon-books/${id}`);
      if (id !== books.many) await see(`/coupon-books/${id}/codes?limit=1000`);
    }
    for (const code of CODES) {
      await see(`/coupons/code/${code}`);
      await see(`/coupons/${code}/history`);
    }
    for (const id of [ADA, 'bob', userId]) await see(`/users/${id}/coupons?limit=1000`);
    await see('/coupons?limit=100');
    for (const id of [checkout.released, checkout.committed, checkout.expired]) await see(`/reservations/${id}`);
    for (const id of [sale.fulfilled, sale.cancelled]) await see(`/flash/status/${id}`);
    for (const product of PRODUCTS) await see(`/flash/inventory/${product}`);
    await see(`/jobs/${jobId}`);
    seen['in PostgreSQL'] = await observePostgres(sql);
    return seen;
  }

  return {
    dataDir,
    server,
    redis,
    api,
    user,
    userId,
    token,
    sql,
    failHandler,
    books,
    redemptionId,
    checkout,
    sale,
    jobId,
    half,
    open,
    observe,
    async stop() {
      api.close();
      user.close();
      await sql.end();
      await server.kill();
      await redis.destroy();
      await directory.remove();
    },
  };
}

const CAMPAIGN = '01900000-0000-4000-8000-00000000cafe';

async function makeCheckout(ok: (method: string, path: string, body?: unknown) => Promise<Reply>): Promise<Checkout> {
  const ten = { discount: 10, type: 'percentage', couponFor: 'product' };
  await ok('POST', '/coupons', { ...ten, code: 'OFFER' });
  await ok('POST', '/coupons', { ...ten, code: 'PAUSED', isActive: false });
  await ok('POST', '/coupons', { ...ten, code: 'BUDGET', budget: 100 });
  await ok('POST', '/coupons', { ...ten, code: 'TOGETHER', campaignId: CAMPAIGN });
  const held = async (reserveSeconds: number): Promise<string> => {
    const cart = { code: 'OFFER', lines: [{ productId: 'shirt', quantity: 2, unitPrice: 10 }] };
    return (await ok('POST', '/coupons/apply', { ...cart, reserve: true, reserveSeconds })).body.reservationId;
  };
  const [released, committed, expired] = [await held(600), await held(600), await held(1)];
  await ok('POST', `/reservations/${released}/release`);
  await ok('POST', `/reservations/${committed}/commit`);
  while ((await ok('GET', `/reservations/${expired}`)).body.status === 'held') await pause();
  await ok('POST', '/coupon-books', {
    name: 'discounted',
    redeemableBy: 'bearer',
    discount: ten,
    initialCodes: ['CART-1'],
  });
  const unique = { code: 'CART-1', cartTotal: 10, userId: ADA, reserve: true };
  const { reservationId } = (await ok('POST', '/coupons/apply', unique)).body;
  await ok('POST', `/reservations/${reservationId}/commit`);
  const { items } = (await ok('GET', '/coupons/CART-1/history')).body;
  const redemption = items.find(({ event }: { event: string }) => event === 'coupon.redeemed').redemptionId;
  return { campaign: CAMPAIGN, released, committed, expired, redemption };
}

const PRODUCTS = ['KEPT', 'GONE', 'SHUT'] as const;

async function makeSale(
  ok: (method: string, path: string, body?: unknown, key?: string) => Promise<Reply>,
): Promise<Sale> {
  await ok('POST', '/flash/init', { productId: 'KEPT', quantity: 9, perUserLimit: 1 });
  await ok('POST', '/flash/init', { productId: 'GONE', quantity: 0 });
  await ok('POST', '/flash/init', { productId: 'SHUT', quantity: 9 });
  await ok('POST', '/flash/SHUT/pause');
  const order = async (userId: string): Promise<string> =>
    (await ok('POST', '/flash/order', { productId: 'KEPT', userId }, `order of ${userId}`.replaceAll(' ', '-'))).body
      .orderId;
  const [fulfilled, cancelled] = [await order(ADA), await order('bob')];
  await ok('POST', `/flash/orders/${fulfilled}/fulfil`);
  await ok('POST', `/flash/cancel/${cancelled}`);
  return { fulfilled, cancelled };
}

/**
 * What shows by what can be made or brought in later: batches, their codes, counters, jobs,
 * accounts.
 */
async function observePostgres(sql: pg.Pool): Promise<unknown> {
  const { rows } = await sql.query(`
    SELECT
      (SELECT count(*)::int FROM batches) AS batches,
      (SELECT count(*)::int FROM codes) AS codes,
      (SELECT json_agg(json_build_array(id, status) ORDER BY id) FROM jobs) AS jobs,
      (SELECT count(*)::int FROM users) AS users,
      (SELECT count(*)::int FROM reserved_counters) AS reserved,
      (SELECT json_agg(json_build_array(book_id, pattern, next, free::text) ORDER BY book_id, pattern)
       FROM generated WHERE next > 0) AS counters`);
  return rows[0];
}

export const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

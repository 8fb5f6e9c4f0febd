/** Promotions after a kill: from the rows in PostgreSQL, from the journal, and from both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RedisServer, startRedis } from '../journal/redis-server.js';
import { type Connection, connect } from '../support/api.js';
import { until } from '../support/probe.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const LINES = [
  { productId: 'shirt', quantity: 3, unitPrice: 19.99 },
  { productId: 'hat', quantity: 1, unitPrice: 7.5 },
];
const CAMPAIGN = '01900000-0000-4000-8000-0000000000c1';

for (const journal of ['files', 'redis'] as const) {
  test(`promotions, holds and uses are the same after kills, and all stores agree (${journal})`, async () => {
    const directory = await temporaryDirectory();
    const redis = journal === 'redis' ? await startRedis() : null;
    const env = redis === null ? {} : { REDIS_URL: redis.url };
    let server = await startServer(directory.path, env);
    let api = await connect(server.url);
    const ids = await makeAll(api);
    for (let kills = 0; kills < 2; kills++) {
      const before = await observe(api, ids);
      api.close();
      await server.kill();
      server = await startServer(directory.path, env);
      api = await connect(server.url);
      assert.deepEqual(await observe(api, ids), before);
      // Behind the checkpoint of the first start, so that the second one reads rows and journal.
      await changeSome(api, ids, kills);
      assert.deepEqual(await disagreements(api), []);
    }
    await refuseOverCaps(api);
    api.close();
    await server.kill();
    await stop(redis);
    await directory.remove();
  });
}

interface Ids {
  readonly promotions: string[];
  readonly reservations: string[];
  readonly books: string[];
}

async function ok(api: Connection, method: string, path: string, body?: unknown, key?: string) {
  const reply = await api.call(method, path, body, key === undefined ? {} : { 'idempotency-key': key });
  assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function hold(api: Connection, cart: object, key?: string): Promise<string> {
  const body = { lines: LINES, reserve: true, reserveSeconds: 3600, ...cart };
  return (await ok(api, 'POST', '/coupons/apply', body, key)).reservationId;
}

async function makeAll(api: Connection): Promise<Ids> {
  const ten = { discount: 10, type: 'percentage', couponFor: 'product' };
  const promotions = [
    await ok(api, 'POST', '/coupons', { ...ten, code: 'CAPPED', maxUsage: 4, maxUsagePerUser: 2 }),
    await ok(api, 'POST', '/coupons', { ...ten, code: 'BUDGET', budget: 20 }),
    await ok(api, 'POST', '/coupons', { discount: 1, type: 'fixed', couponFor: 'product', automatic: true }),
    await ok(api, 'POST', '/coupons', { ...ten, code: 'THERE', campaignId: CAMPAIGN, referrerUserId: 'eve' }),
    await ok(api, 'POST', '/coupons', { ...ten, code: 'GONE' }),
  ];
  const held = await hold(api, { code: 'CAPPED', userId: 'ada', cartId: 'cart-1' });
  const again = await hold(api, { codes: ['CAPPED', 'BUDGET'], userId: 'ada', cartId: 'cart-1' });
  assert.equal(again, held, 'a cart keeps its reservation');
  const used = await hold(api, { code: 'CAPPED', userId: 'bob' }, 'reserve-once');
  await ok(api, 'POST', `/reservations/${used}/commit`, { orderId: 'o-1' });
  await ok(api, 'POST', `/reservations/${used}/rollback`, { lines: [{ productId: 'shirt', quantity: 1 }] });
  const released = await hold(api, { code: 'BUDGET', userId: 'bob' });
  await ok(api, 'POST', `/reservations/${released}/release`);
  const there = await hold(api, { code: 'THERE', userId: 'ada' });
  await ok(api, 'POST', `/reservations/${there}/commit`);
  await ok(api, 'POST', `/reservations/${there}/rollback`);
  const gone = await hold(api, { code: 'GONE' });
  await ok(api, 'DELETE', `/coupons/${promotions[4].id}`);
  await ok(api, 'POST', '/coupons/increment-usage', { code: 'BUDGET', discountAmount: 0.5, userId: 'cleo' });
  await ok(api, 'PATCH', `/coupons/${promotions[1].id}`, { name: 'with a budget' });
  const books = await makeBooks(api);
  const unique = [
    await hold(api, { codes: ['THERE', 'UNIQUE-1'], userId: 'ada' }),
    await hold(api, { code: 'UNIQUE-2', userId: 'bob' }),
    await hold(api, { code: 'ALONE-1', userId: 'bob' }),
  ];
  for (const id of unique.slice(1)) await ok(api, 'POST', `/reservations/${id}/commit`, { orderId: 'o-2' });
  await ok(api, 'POST', `/reservations/${unique[1]}/rollback`);
  await ok(api, 'POST', '/coupons/ALONE-2/redeem', { userId: 'cleo' });
  return {
    promotions: promotions.map(({ id }) => id),
    reservations: [held, used, released, there, gone, ...unique],
    books,
  };
}

/** One in the campaign, and one that belongs to none. */
async function makeBooks(api: Connection): Promise<string[]> {
  const discount = { discount: 20, type: 'percentage', couponFor: 'product', maxUsage: 3 };
  const book = { redeemableBy: 'bearer', discount };
  const there = { ...book, name: 'There', campaignId: CAMPAIGN, initialCodes: ['UNIQUE-1', 'UNIQUE-2'] };
  const alone = { ...book, name: 'Alone', initialCodes: ['ALONE-1', 'ALONE-2', 'ALONE-3', 'ALONE-4'] };
  const made = [await ok(api, 'POST', '/coupon-books', there), await ok(api, 'POST', '/coupon-books', alone)];
  return made.map(({ id }) => id);
}

async function observe(api: Connection, { promotions, reservations, books }: Ids) {
  const seen: unknown[] = [await ok(api, 'GET', '/coupons?limit=100&sortBy=createdAt:asc')];
  for (const id of promotions) seen.push((await api.call('GET', `/coupons/${id}`)).body.version ?? null);
  for (const id of reservations) seen.push(await ok(api, 'GET', `/reservations/${id}`));
  for (const id of books) seen.push(await ok(api, 'GET', `/coupon-books/${id}`));
  for (const code of ['UNIQUE-1', 'UNIQUE-2', 'ALONE-1', 'ALONE-2'])
    seen.push(await ok(api, 'GET', `/coupons/code/${code}`));
  seen.push(
    await ok(api, 'GET', '/reservations?cartId=cart-1&userId=ada'),
    await ok(api, 'GET', `/campaigns/${CAMPAIGN}`),
  );
  // The key of a reservation is remembered, with its answer.
  seen.push(await hold(api, { code: 'CAPPED', userId: 'bob' }, 'reserve-once'));
  return seen;
}

async function changeSome(api: Connection, { reservations: [held = ''] }: Ids, round: number): Promise<void> {
  await ok(api, 'POST', '/coupons', { discount: 5, type: 'fixed', couponFor: 'product', code: `ROUND-${round}` });
  await ok(api, 'POST', `/reservations/${held}/renew`, { reserveSeconds: 7200 + round });
  const extra = await hold(api, { code: `ROUND-${round}`, userId: 'ada' });
  await ok(api, 'POST', `/reservations/${extra}/${round === 0 ? 'commit' : 'release'}`);
}

async function disagreements(api: Connection): Promise<unknown[]> {
  const { id } = await ok(api, 'POST', '/verifications');
  let verification = await ok(api, 'GET', `/verifications/${id}`);
  await until(async () => {
    verification = await ok(api, 'GET', `/verifications/${id}`);
    return verification.status !== 'processing';
  }, 'the verification is over');
  assert.deepEqual([verification.status, verification.error], ['completed', null]);
  return verification.shards.filter(({ difference }: { difference: string | null }) => difference !== null);
}

/** One hold of ada and one use of bob are there: two more fit, and no third. */
async function refuseOverCaps(api: Connection): Promise<void> {
  for (const userId of ['cleo', 'dora']) await hold(api, { code: 'CAPPED', userId });
  const { status, body } = await api.call('POST', '/coupons/apply', { code: 'CAPPED', lines: LINES, userId: 'fay' });
  assert.deepEqual([status, body.detail], [400, 'Coupon usage limit exceeded']);
  // Of the book, one code was redeemed and one is in a committed cart: a third fits, and no fourth.
  await hold(api, { code: 'ALONE-3', userId: 'dora' });
  const plain = await api.call('POST', '/coupons/ALONE-4/redeem', { userId: 'dora' });
  assert.deepEqual([plain.status, plain.body.type], [423, '/problems/used-up']);
  const held = await api.call('POST', '/coupons/UNIQUE-1/redeem', { userId: 'ada' });
  assert.deepEqual([held.status, held.body.type], [423, '/problems/locked-by-another']);
}

const stop = async (redis: RedisServer | null): Promise<void> => void (await redis?.destroy());

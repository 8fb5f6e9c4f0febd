/** Promotions and reservations over kills of the server, and while PostgreSQL is away. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { type Api, connect, type Reply } from '../support/api.js';
import { digestsInPostgres, digestsOf, postgresUrl, signalPostgres } from '../support/postgres.js';
import { until } from '../support/probe.js';
import { untilProjected } from '../support/projected.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';
import { verifyStores } from '../support/verification.js';

interface Running {
  readonly dataDir: string;
  server: Server;
  api: Api;
  /** SIGKILL, and up again. */
  killAndStart(): Promise<void>;
}

async function run(t: TestContext): Promise<Running> {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const start = async () => {
    const server = await startServer(directory.path, {}, PROBED_MAIN);
    return { server, api: await connect(server.url) };
  };
  const running: Running = {
    dataDir: directory.path,
    ...(await start()),
    async killAndStart() {
      running.api.close();
      await running.server.kill();
      Object.assign(running, await start());
    },
  };
  undo(async () => {
    signalPostgres(directory.path, 'SIGCONT');
    running.api.close();
    await running.server.stop();
  });
  return running;
}

async function post(api: Api, path: string, body: object, key?: string): Promise<Reply> {
  const reply = await api.call('POST', path, body, key === undefined ? {} : { 'idempotency-key': key });
  assert.ok(reply.status < 300, `${path} got ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply;
}

const CAMPAIGN = '0b0c5a34-8e1b-4a3e-9d55-6cf3e7a1d001';
const CART = {
  lines: [
    { productId: 'shoe', quantity: 3, unitPrice: 19.99 },
    { productId: 'sock', quantity: 2, unitPrice: 3.5 },
  ],
  shipping: 4.9,
  userId: 'ada',
};

interface Made {
  readonly promotions: readonly string[];
  readonly reservations: readonly string[];
  /** Requests with a key, and what they were answered. */
  readonly keyed: readonly {
    readonly request: readonly [path: string, body: object, key: string];
    readonly reply: Reply;
  }[];
}

/** Promotions and reservations in every state that they can have. */
async function populate(api: Api): Promise<Made> {
  const keyed: { request: readonly [string, object, string]; reply: Reply }[] = [];
  const once = async (path: string, body: object, key: string): Promise<Reply> => {
    const reply = await post(api, path, body, key);
    keyed.push({ request: [path, body, key], reply });
    return reply;
  };
  const made: Reply[] = [];
  const create = async (settings: object, key: string) => made.push(await once('/coupons', settings, key));
  await create({ code: 'TENTH', discount: 10, type: 'percentage', couponFor: 'product', maxUsage: 50 }, 'tenth');
  await create(
    {
      code: 'MONEY',
      discount: 7.77,
      type: 'fixed',
      couponFor: 'product',
      budget: 100,
      maxUsagePerUser: 20,
      maxUsagePerPeriod: { count: 30, period: 'day' },
      timeZone: 'Asia/Dhaka',
    },
    'money',
  );
  await create({ discount: 5, type: 'percentage', couponFor: 'product', condition: 'cart.total > 20.0' }, 'generated');
  await create(
    { automatic: true, discount: 50, type: 'shipping', couponFor: 'product', campaignId: CAMPAIGN },
    'automatic',
  );
  await create({ code: 'GONE', discount: 1, type: 'fixed', couponFor: 'product' }, 'gone');
  const [, , , , gone] = made;

  const reserve = async (codes: readonly string[], key: string, fields: object = {}): Promise<string> =>
    (await once('/coupons/apply', { codes, ...CART, reserve: true, reserveSeconds: 3600, ...fields }, key)).body
      .reservationId;
  const held = await reserve(['TENTH', 'MONEY'], 'held', { cartId: 'basket' });
  assert.equal(await reserve(['MONEY'], 'replaced', { cartId: 'basket' }), held);
  const committed = await reserve(['TENTH', 'MONEY'], 'committed');
  await once(`/reservations/${committed}/commit`, { orderId: 'order-1' }, 'commit');
  const partly = await reserve(['TENTH'], 'partly');
  await post(api, `/reservations/${partly}/commit`, {});
  await once(`/reservations/${partly}/rollback`, { lines: [{ productId: 'shoe', quantity: 2 }] }, 'rollback');
  const whole = await reserve(['TENTH', 'MONEY'], 'whole');
  await post(api, `/reservations/${whole}/commit`, {});
  await post(api, `/reservations/${whole}/rollback`, { reason: 'returned' });
  const released = await reserve(['TENTH'], 'released');
  await post(api, `/reservations/${released}/release`, {});
  const renewed = await reserve([], 'renewed', { campaignId: CAMPAIGN });
  await post(api, `/reservations/${renewed}/renew`, { reserveSeconds: 7200 });
  // Without a key: under a code that is not there any more, no key is found.
  const ofGone = (await post(api, '/coupons/apply', { code: 'GONE', ...CART, reserve: true })).body.reservationId;
  assert.equal((await api.call('DELETE', `/coupons/${gone?.body.id}`)).status, 204);
  const expired = await reserve(['TENTH'], 'expired', { reserveSeconds: 1 });
  const isExpired = async () => (await api.call('GET', `/reservations/${expired}`)).body.status === 'expired';
  await until(isExpired, 'a reservation ends by itself');
  await once('/coupons/increment-usage', { code: 'MONEY', userId: 'bob', discountAmount: 1.23 }, 'use');
  await api.call('PATCH', `/coupons/${made[0]?.body.id}`, { discount: 12, name: 'changed' });
  return {
    promotions: made.map(({ body }) => body.id as string),
    reservations: [held, committed, partly, whole, released, renewed, ofGone, expired],
    keyed,
  };
}

/** Everything that callers can read of it. */
async function facts(api: Api, { promotions, reservations }: Made): Promise<unknown> {
  const read = async (path: string) => {
    const { status, body } = await api.call('GET', path);
    return status === 200 ? body : status;
  };
  const apply = (body: object) => api.call('POST', '/coupons/apply', body);
  return {
    promotions: await Promise.all(promotions.map((id) => read(`/coupons/${id}`))),
    reservations: await Promise.all(reservations.map((id) => read(`/reservations/${id}`))),
    listed: await read('/coupons?sortBy=createdAt:asc&limit=100'),
    byCode: await Promise.all(['tenth', 'Money', 'GONE'].map((code) => read(`/coupons/code/${code}`))),
    byCart: await read('/reservations?cartId=basket&userId=ada'),
    quote: (await apply({ codes: ['TENTH', 'MONEY'], ...CART })).body,
  };
}

async function assertSame(api: Api, made: Made, before: unknown, when: string): Promise<void> {
  assert.deepEqual(await facts(api, made), before, when);
  for (const { request, reply } of made.keyed) {
    const again = await post(api, ...request);
    assert.deepEqual(
      [again.status, again.body, again.headers['idempotency-replayed']],
      [reply.status, reply.body, 'true'],
      `${request[2]}, ${when}`,
    );
  }
  assert.deepEqual(await facts(api, made), before, `${when}, and after the same requests again`);
}

test('promotions, reservations and remembered keys survive SIGKILL, from the journal and from PostgreSQL', async (t) => {
  const running = await run(t);
  // Nothing is projected until this connection ends, which the first kill does.
  const holder = new pg.Client(postgresUrl(running.dataDir));
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('BEGIN; SELECT FROM checkpoints FOR UPDATE');
  const made = await populate(running.api);
  const before = await facts(running.api, made);
  const watcher = new pg.Client(postgresUrl(running.dataDir));
  watcher.on('error', () => undefined);
  await watcher.connect();
  const { rows } = await watcher.query('SELECT FROM promotions UNION ALL SELECT FROM reservations');
  assert.equal(rows.length, 0, 'only the journal has them');
  await Promise.allSettled([watcher.end(), running.killAndStart()]);
  await holder.end().catch(() => undefined);
  await assertSame(running.api, made, before, 'from the journal alone');
  await verifyStores(running.api);

  await untilProjected(running.server.url);
  const shards = await running.server.ask({ ask: 'inspect' });
  assert.deepEqual(await digestsInPostgres(running.dataDir, shards), digestsOf(shards), 'the rows are all of it');
  await running.killAndStart();
  await assertSame(running.api, made, before, 'from PostgreSQL');
  await verifyStores(running.api);
});

test('what is left of a cap and of a budget is the same after SIGKILL, and the rest can be used', async (t) => {
  const running = await run(t);
  const apply = (code: string) =>
    running.api.call('POST', '/coupons/apply', { code, cartTotal: 100, reserve: true, userId: 'ada' });
  await post(running.api, '/coupons', { code: 'CAP', discount: 1, type: 'fixed', couponFor: 'product', maxUsage: 4 });
  await post(running.api, '/coupons', { code: 'BUDGET', discount: 4, type: 'fixed', couponFor: 'product', budget: 10 });
  const held = [await apply('CAP'), await apply('CAP'), await apply('BUDGET')];
  await post(running.api, `/reservations/${held[0]?.body.reservationId}/commit`, {});
  await running.killAndStart();
  assert.deepEqual([(await apply('CAP')).status, (await apply('CAP')).status], [200, 200]);
  const full = await apply('CAP');
  assert.deepEqual([full.status, full.body.message], [400, 'Coupon usage limit exceeded']);
  assert.ok(Number(full.headers['retry-after']) >= 1, 'other carts hold it');
  // A discount is given whole or not at all: 2 are left.
  assert.equal((await apply('BUDGET')).body.discountAmount, 4);
  assert.equal((await apply('BUDGET')).body.message, 'Coupon budget exhausted');
  await post(running.api, `/reservations/${held[2]?.body.reservationId}/release`, {});
  await running.killAndStart();
  const { body } = await running.api.call('GET', '/coupons/code/budget');
  assert.deepEqual([body.budgetHeld, body.heldCount], [4, 1]);
  assert.equal((await apply('BUDGET')).body.discountAmount, 4);
  await verifyStores(running.api);
});

test('a reservation that ended while the server was away is over: 410, and what it held is free', async (t) => {
  const running = await run(t);
  await post(running.api, '/coupons', { code: 'ONE', discount: 1, type: 'fixed', couponFor: 'product', maxUsage: 1 });
  const cart = { code: 'ONE', cartTotal: 10, reserve: true };
  const { body } = await post(running.api, '/coupons/apply', { ...cart, reserveSeconds: 1 });
  running.api.close();
  await running.server.kill();
  await until(() => Date.now() > Date.parse(body.reservedUntil), 'it has ended');
  await running.killAndStart();
  const late = await running.api.call('POST', `/reservations/${body.reservationId}/commit`, {});
  assert.deepEqual([late.status, late.body.type], [410, '/problems/reservation-over']);
  await post(running.api, '/coupons/apply', cart);
});

test('while PostgreSQL does not answer, making a promotion answers 503, and using one goes on', async (t) => {
  const running = await run(t);
  const { api, dataDir } = running;
  const settings = { discount: 10, type: 'percentage', couponFor: 'product' };
  const { body: promotion } = await post(api, '/coupons', { code: 'STAYS', ...settings });
  signalPostgres(dataDir, 'SIGSTOP');
  const creation = { code: 'LATER', ...settings };
  const refused = await api.call('POST', '/coupons', creation, { 'idempotency-key': 'later' });
  assert.equal(refused.status, 503, JSON.stringify(refused.body));
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  const cart = { code: 'stays', cartTotal: 100 };
  await post(api, '/coupons/validate', cart);
  await post(api, '/coupons/apply', cart);
  const reserve = async () => (await post(api, '/coupons/apply', { ...cart, reserve: true })).body.reservationId;
  await post(api, `/reservations/${await reserve()}/release`, {});
  const id = await reserve();
  await post(api, `/reservations/${id}/renew`, {});
  await post(api, `/reservations/${id}/commit`, {});
  await post(api, `/reservations/${id}/rollback`, {});
  await post(api, '/coupons/increment-usage', { code: 'STAYS' });
  assert.equal((await api.call('PATCH', `/coupons/${promotion.id}`, { name: 'changed' })).status, 200);
  assert.equal((await api.call('GET', `/coupons/${promotion.id}`)).body.usageCount, 1);
  await post(api, '/coupons', { automatic: true, ...settings });
  signalPostgres(dataDir, 'SIGCONT');
  const insist = async () => (await api.call('POST', '/coupons', creation, { 'idempotency-key': 'later' })).status;
  await until(async () => (await insist()) === 201, 'the same request makes it when PostgreSQL is back');
  assert.equal((await api.call('GET', '/coupons?code=LATER')).body.totalResults, 1);
  await verifyStores(api);
});

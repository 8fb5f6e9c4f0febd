/** Flash sales after kills: from the rows in PostgreSQL, from the journal, and from both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '../journal/redis-server.js';
import { type Connection, connect } from '../support/api.js';
import { succeeded } from '../support/served.js';
import { startServer, temporaryDirectory } from '../support/server.js';
import { verifyStores } from '../support/verification.js';

/** Names are hashed by themselves and as bytes, and both have to be the same. */
const ODD = 'Schuh 日本 🔥 \u{10ffff}';

const order = (productId: string, userId: string) => ({ productId, userId });

for (const journal of ['files', 'redis'] as const) {
  test(`stock and orders are the same after kills, and all stores agree (${journal})`, async (t) => {
    const directory = await temporaryDirectory();
    const redis = journal === 'redis' ? await startRedis() : null;
    const env = redis === null ? {} : { REDIS_URL: redis.url };
    let server = await startServer(directory.path, env);
    let api = await connect(server.url);
    t.after(async () => {
      api.close();
      await server.kill();
      await redis?.destroy();
      await directory.remove();
    });
    const campaignId = '01900000-0000-4000-8000-0000000000f1';
    await succeeded(api, 'POST', '/flash/init', { productId: 'a', quantity: 10, perUserLimit: 2 });
    await succeeded(api, 'POST', '/flash/init', { productId: 'b', quantity: 10, holdSeconds: 3600, campaignId });
    await succeeded(api, 'POST', '/flash/init', { productId: ODD, quantity: 10 });
    for (let kills = 0; kills < 3; kills++) {
      await orderSome(api, kills);
      const before = await observe(api);
      api.close();
      await server.kill();
      server = await startServer(directory.path, env);
      api = await connect(server.url);
      assert.deepEqual(await observe(api), before);
      await verifyStores(api);
    }
    const elsewhere = await api.call('POST', '/flash/init', {
      productId: 'a',
      quantity: 1,
      campaignId,
      reset: true,
    });
    assert.deepEqual([elsewhere.status, elsewhere.body.type], [409, '/problems/product-in-another-campaign']);
  });
}

async function orderSome(api: Connection, round: number): Promise<void> {
  const place = (productId: string, userId: string, key: string) =>
    succeeded(api, 'POST', '/flash/order', order(productId, userId), { 'idempotency-key': key });
  const { orderId } = await place('a', `ada-${round}`, `a-${round}`);
  await place('a', `bob-${round}`, `b-${round}`);
  const held = await place('b', 'ada', `c-${round}`);
  const gone = await place('b', 'bob', `d-${round}`);
  if (round !== 1) await succeeded(api, 'POST', `/flash/orders/${held.orderId}/confirm`);
  await succeeded(api, 'POST', `/flash/cancel/${gone.orderId}`);
  if (round === 0) await succeeded(api, 'POST', `/flash/orders/${orderId}/fulfil`);
  if (round === 1) await succeeded(api, 'POST', '/flash/init', { productId: 'a', quantity: 20, reset: true });
  await succeeded(api, 'POST', '/flash/b/adjust', { by: 1 });
  await place(ODD, 'ada', `e-${round}`);
}

async function observe(api: Connection): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const product of ['a', 'b', encodeURIComponent(ODD)]) {
    seen.push(await succeeded(api, 'GET', `/flash/inventory/${product}`));
    const { items } = await succeeded(api, 'GET', `/flash/${product}/orders`);
    seen.push(items);
    for (const { orderId } of items) seen.push(await succeeded(api, 'GET', `/flash/status/${orderId}`));
  }
  const headers = { 'idempotency-key': 'a-0' };
  seen.push(await succeeded(api, 'POST', '/flash/order', order('a', 'ada-0'), headers));
  return seen;
}

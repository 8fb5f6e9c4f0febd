/** Flash sales over the real server: the older bodies, and what operators do. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, describe, test } from 'node:test';
import { rawClient } from '../support/api.js';
import { until } from '../support/probe.js';
import { served, succeeded } from '../support/served.js';

const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());

/** As an older client sends it: at the root, without a token. */
function older(url: string, token?: string) {
  const call = rawClient(url, agent);
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return async (method: string, path: string, body?: unknown, key?: string) => {
    const headers = key === undefined ? authorization : { ...authorization, 'x-idempotency-key': key };
    const reply = await call(method, path, body, headers);
    return { status: reply.status, body: reply.body, headers: reply.headers };
  };
}

const order = (productId: string, userId = 'user-12345') => ({ productId, userId });

describe('outside production, at the root', () => {
  const shop = served();
  const call = (method: string, path: string, body?: unknown, key?: string) =>
    older(shop.server.url)(method, path, body, key);

  test('the answers are those that older clients read', async () => {
    const init = await call('POST', '/init', { productId: 'iphone-15', quantity: 2 });
    assert.deepEqual([init.status, init.body], [200, { status: 'ok', msg: 'Stock initialized for iphone-15 to 2' }]);
    const first = await call('POST', '/order', order('iphone-15'), 'key-1');
    assert.equal(first.status, 200);
    const { orderId, ...said } = first.body;
    assert.deepEqual(said, { status: 'success', msg: 'Order accepted' });
    const again = await call('POST', '/order', order('iphone-15'), 'key-1');
    assert.deepEqual([again.status, again.body], [200, { status: 'ignored', msg: 'Duplicate request', orderId }]);
    const without = await call('POST', '/order', order('iphone-15'));
    assert.deepEqual([without.status, without.body], [400, { error: 'Missing Idempotency Key' }]);
    await call('POST', '/order', order('iphone-15', 'bob'), 'key-2');
    const none = await call('POST', '/order', order('iphone-15', 'eve'), 'key-3');
    assert.deepEqual([none.status, none.body], [409, { status: 'sold_out', msg: 'Inventory empty' }]);
    const unknown = await call('POST', '/order', order('no-such'), 'key-4');
    assert.deepEqual([unknown.status, unknown.body], [none.status, none.body]);
    const others = await call('POST', '/order', order('iphone-15', 'eve'), 'key-1');
    assert.equal(others.status, 422);
    assert.equal(typeof others.body.error, 'string');
    assert.equal(JSON.stringify(others.body).includes(orderId), false);
    const inventory = await call('GET', '/inventory/iphone-15');
    const counts = { quantity: 2, sold: 2, reserved: 0, remaining: 0 };
    assert.deepEqual([inventory.status, inventory.body], [200, { productId: 'iphone-15', ...counts }]);
    const status = await call('GET', `/status/${orderId}`);
    const { orderedAt, ...shown } = status.body;
    assert.deepEqual(shown, { orderId, productId: 'iphone-15', userId: 'user-12345', status: 'accepted' });
    assert.ok(Math.abs(Date.parse(orderedAt) - Date.now()) < 60_000);
    for (let times = 0; times < 2; times++) {
      const cancelled = await call('POST', `/cancel/${orderId}`);
      assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled']);
      assert.equal((await call('GET', '/inventory/iphone-15')).body.remaining, 1);
    }
  });

  test('bad input is told in a line, and changes nothing', async () => {
    await call('POST', '/init', { productId: 'tv', quantity: 1 });
    for (const [path, body] of [
      ['/order', { productId: 'tv' }],
      ['/order', { productId: '', userId: 'ada' }],
      ['/order', { ...order('tv'), more: 1 }],
      ['/order', '{"productId":'],
      ['/init', { productId: 'tv', quantity: -1 }],
      ['/init', { productId: 'tv', quantity: 1.5 }],
      ['/init', { productId: 'orders', quantity: 1 }],
      ['/init', { productId: 'tv', quantity: 1, startsAt: '2026-01-02T00:00:00Z', endsAt: '2026-01-01T00:00:00Z' }],
    ] as const) {
      const { status, body: said } = await call('POST', path, body, 'bad-input');
      assert.deepEqual([status, Object.keys(said)], [400, ['error']], JSON.stringify(body));
    }
    assert.deepEqual((await call('GET', '/status/none')).status, 400);
    const missing = await call('GET', '/status/01900000-0000-7000-8000-000000000000');
    assert.deepEqual([missing.status, missing.body], [404, { error: 'There is no such order.' }]);
    assert.equal((await call('GET', '/inventory/none')).status, 404);
    assert.equal((await call('GET', '/inventory/tv')).body.remaining, 1);
  });

  test('each user has a limit, and another round begins anew', async () => {
    await call('POST', '/init', { productId: 'limited', quantity: 9, perUserLimit: 1 });
    await call('POST', '/order', order('limited'), 'first');
    const second = await call('POST', '/order', order('limited'), 'second');
    assert.deepEqual([second.status, second.body], [422, { status: 'limit', msg: 'Order limit reached' }]);
    const { status } = await call('POST', '/init', { productId: 'limited', quantity: 9 });
    assert.equal(status, 200, 'outside production it may end a round with orders');
    const inventory = await call('GET', '/inventory/limited');
    assert.deepEqual([inventory.body.sold, inventory.body.remaining], [0, 9]);
    const known = await call('POST', '/order', order('limited'), 'first');
    assert.equal(known.body.status, 'ignored');
  });

  test('a refused init leaves the product without a home', async () => {
    const { api } = shop;
    const campaignId = '01900000-0000-4000-8000-0000000000f2';
    const key = { 'idempotency-key': 'init-once' };
    await succeeded(api, 'POST', '/flash/init', { productId: 'made', quantity: 1, campaignId }, key);
    for (let n = 0; n < 20; n++) {
      const productId = `refused-${n}`;
      const refused = await api.call('POST', '/flash/init', { productId, quantity: 1, campaignId }, key);
      assert.equal(refused.status, 422);
      await succeeded(api, 'POST', '/flash/init', { productId, quantity: 1 });
      assert.equal((await succeeded(api, 'GET', `/flash/inventory/${productId}`)).remaining, 1);
    }
  });

  test('an older round is listed and exported by its number', async () => {
    const { api } = shop;
    await succeeded(api, 'POST', '/flash/init', { productId: 'rounds', quantity: 3 });
    const { orderId } = await succeeded(api, 'POST', '/flash/order', order('rounds', '=1+1'), {
      'idempotency-key': 'rounds-1',
    });
    await succeeded(api, 'POST', '/flash/init', { productId: 'rounds', quantity: 3 });
    assert.deepEqual((await succeeded(api, 'GET', '/flash/rounds/orders')).items, []);
    const { items } = await succeeded(api, 'GET', '/flash/rounds/orders?round=1');
    assert.deepEqual(
      items.map((one: { orderId: string }) => one.orderId),
      [orderId],
    );
    assert.equal((await api.call('GET', '/flash/rounds/orders?round=3')).status, 404);
    const headers = { authorization: `Bearer ${api.token}` };
    for (const [more, cell] of [
      ['', '=1+1'],
      ['&for=spreadsheet', "'=1+1"],
    ] as const) {
      const url = `${shop.server.url}/api/v1/flash/rounds/orders.csv?round=1${more}`;
      const [, row = ''] = (await (await fetch(url, { headers })).text()).split('\r\n');
      assert.equal(row.split(',')[2], cell);
    }
  });

  test('the newer paths answer with problems', async () => {
    const { api } = shop;
    await succeeded(api, 'POST', '/flash/init', { productId: 'new', quantity: 1, holdSeconds: 1 });
    const key = { 'x-idempotency-key': 'new-1' };
    const { orderId } = await succeeded(api, 'POST', '/flash/order', order('new'), key);
    const held = await succeeded(api, 'GET', `/flash/status/${orderId}`);
    assert.equal(Date.parse(held.confirmBy) - Date.parse(held.orderedAt), 1000);
    const none = await api.call('POST', '/flash/order', order('new'), { 'idempotency-key': 'new-2' });
    assert.deepEqual([none.status, none.body.type], [409, '/problems/sold-out']);
    const without = await api.call('POST', '/flash/order', order('new'));
    assert.deepEqual([without.status, without.body.type], [400, '/problems/bad-idempotency-key']);
    await until(
      async () => (await succeeded(api, 'GET', '/flash/inventory/new')).remaining === 1,
      'an order that nobody confirms ends',
    );
    const late = await api.call('POST', `/flash/orders/${orderId}/confirm`);
    assert.deepEqual([late.status, late.body.type], [409, '/problems/order-cancelled']);
  });

  test('operators pause, adjust, list, export and fulfil', async () => {
    const { api } = shop;
    await succeeded(api, 'POST', '/flash/init', { productId: 'op', quantity: 3 });
    const ids: string[] = [];
    for (const user of ['ada', 'bob', 'Zoë, "the"'])
      ids.push(
        (await succeeded(api, 'POST', '/flash/order', order('op', user), { 'idempotency-key': `${user.slice(0, 2)}k` }))
          .orderId,
      );
    const paused = await succeeded(api, 'POST', '/flash/op/pause');
    assert.deepEqual([paused.isPaused, paused.sold, paused.campaignId], [true, 3, null]);
    const refused = await api.call('POST', '/flash/order', order('op'), { 'idempotency-key': 'paused' });
    assert.deepEqual([refused.status, refused.body.type], [429, '/problems/sale-not-open']);
    assert.equal((await succeeded(api, 'POST', '/flash/op/resume')).isPaused, false);
    assert.equal((await succeeded(api, 'POST', '/flash/op/adjust', { by: 2 })).remaining, 2);
    const less = await api.call('POST', '/flash/op/adjust', { by: -3 });
    assert.deepEqual([less.status, less.body.type], [409, '/problems/stock-too-small']);
    assert.equal((await succeeded(api, 'POST', `/flash/orders/${ids[0]}/fulfil`)).status, 'fulfilled');
    const cancelled = await api.call('POST', `/flash/cancel/${ids[0]}`);
    assert.deepEqual([cancelled.status, cancelled.body.type], [409, '/problems/order-fulfilled']);
    const page = await succeeded(api, 'GET', '/flash/op/orders?limit=2');
    const rest = await succeeded(api, 'GET', `/flash/op/orders?limit=2&cursor=${page.nextCursor}`);
    assert.deepEqual(
      [...page.items, ...rest.items].map(({ orderId }: { orderId: string }) => orderId),
      ids,
    );
    const csv = await fetch(`${shop.server.url}/api/v1/flash/op/orders.csv`, {
      headers: { authorization: `Bearer ${api.token}` },
    });
    const [header, first, , third] = (await csv.text()).split('\r\n');
    assert.equal(header, 'orderId,productId,userId,status,orderedAt');
    assert.match(first ?? '', new RegExp(`^${ids[0]},op,ada,fulfilled,2`));
    assert.match(third ?? '', new RegExp(`^${ids[2]},op,"Zoë, ""the""",accepted,`));
  });
});

describe('above the rate', () => {
  const shop = served({ FLASH_RATE_LIMIT: '10' });

  test('orders wait, but for those that were accepted before', async () => {
    const call = older(shop.server.url);
    await call('POST', '/init', { productId: 'rush', quantity: 1000 });
    const replies = [];
    for (let n = 0; n < 30; n++) replies.push(await call('POST', '/order', order('rush', `u-${n}`), `k-${n}`));
    const accepted = replies.filter(({ status }) => status === 200);
    const waiting = replies.filter(({ status }) => status === 429);
    assert.equal(accepted.length + waiting.length, 30);
    assert.ok(accepted.length >= 1 && waiting.length >= 10, `${accepted.length} accepted`);
    for (const { headers } of waiting) assert.equal(headers['retry-after'], '1');
    const at = replies.findIndex(({ status }) => status === 200);
    for (let times = 0; times < 20; times++) {
      const again = await call('POST', '/order', order('rush', `u-${at}`), `k-${at}`);
      assert.deepEqual([again.status, again.body.status], [200, 'ignored']);
    }
    assert.equal((await call('GET', '/inventory/rush')).body.sold, accepted.length);
  });
});

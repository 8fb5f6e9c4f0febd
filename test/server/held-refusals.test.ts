/** What a refusal says about holds of other carts, over the real server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Connection, connect, type Reply } from '../support/api.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const CAMPAIGN = '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90';
const CART = { cartTotal: 100, productIds: [] };

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Connection;

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(directory.path);
  api = await connect(server.url);
});

after(async () => {
  api?.close();
  await server?.stop();
  await directory?.remove();
});

async function promotion(settings: object): Promise<void> {
  const discount = { type: 'percentage', discount: 10, couponFor: 'product', campaignId: CAMPAIGN };
  const { status, body } = await api.call('POST', '/coupons', { ...discount, ...settings });
  assert.equal(status, 201, JSON.stringify(body));
}

async function reserve(code: string, reserveSeconds: number): Promise<Reply['body']> {
  const { status, body } = await api.call('POST', '/coupons/apply', { code, ...CART, reserve: true, reserveSeconds });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

/** The seconds from now to `heldUntil` are those of `Retry-After`. */
function assertSameTime({ headers, body }: Reply, expected: string): void {
  assert.equal(body.heldUntil, expected);
  const seconds = (Date.parse(body.heldUntil) - Date.now()) / 1000;
  assert.ok(
    Math.abs(Number(headers['retry-after']) - seconds) < 5,
    `${String(headers['retry-after'])} for ${seconds} s`,
  );
}

test('a refusal because of holds of other carts names the time in heldUntil and in Retry-After', async () => {
  await promotion({ code: 'LAST-USE', maxUsage: 1 });
  const { reservedUntil } = await reserve('LAST-USE', 600);
  for (const [path, body] of [
    ['/coupons/apply', { code: 'LAST-USE', ...CART, reserve: true }],
    ['/coupons/apply', { code: 'LAST-USE', ...CART }],
    ['/coupons/validate', { code: 'LAST-USE', ...CART }],
    ['/coupons/increment-usage', { code: 'LAST-USE' }],
  ] as const) {
    const refused = await api.call('POST', path, body);
    assert.deepEqual([refused.status, refused.body.message], [400, 'Coupon usage limit exceeded'], path);
    assertSameTime(refused, reservedUntil);
  }
});

test('a refusal for another reason has no heldUntil', async () => {
  await promotion({ code: 'NOT-YET', startDate: '2999-01-01T00:00:00Z' });
  const { status, headers, body } = await api.call('POST', '/coupons/validate', { code: 'NOT-YET', ...CART });
  assert.equal(status, 400);
  assert.ok(Number(headers['retry-after']) > 0);
  assert.ok(!('heldUntil' in body) && !('missing' in body), JSON.stringify(body));
});

test('a campaign that other carts hold in part names each part, and the latest of their times', async () => {
  await promotion({ code: 'PART-1', maxUsage: 1 });
  await promotion({ code: 'PART-2', budget: 10 });
  const first = await reserve('PART-1', 600);
  await reserve('PART-2', 60);
  const path = `/campaigns/${CAMPAIGN}/reserve`;
  const refused = await api.call('POST', path, { codes: ['PART-1', 'PART-2'], ...CART });
  assert.equal(refused.status, 409, JSON.stringify(refused.body));
  assertSameTime(refused, first.reservedUntil);
  assert.deepEqual(refused.body.missing, [
    { name: 'PART-1', reason: 'Coupon usage limit exceeded' },
    { name: 'PART-2', reason: 'Coupon budget exhausted' },
  ]);
  const unknown = await api.call('POST', path, { codes: ['PART-1', 'NO-SUCH-CODE'], ...CART });
  assert.deepEqual(unknown.body.missing, [{ name: 'NO-SUCH-CODE', reason: 'Coupon not found' }]);
  assert.equal(unknown.headers['retry-after'], undefined);
});

test('stock in a reservation of a campaign is refused as not available in this version', async () => {
  await promotion({ code: 'NO-STOCK' });
  for (const stock of [[{ productId: 'shoe', quantity: 1 }], [], null]) {
    const path = `/campaigns/${CAMPAIGN}/reserve`;
    const { status, body } = await api.call('POST', path, { codes: ['NO-STOCK'], ...CART, stock });
    assert.deepEqual([status, body.detail], [400, 'stock: Stock is not available in this version.']);
    assert.deepEqual(body.errors, [{ path: 'stock', message: 'Stock is not available in this version' }]);
  }
});

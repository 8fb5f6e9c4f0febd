/** What a refusal says about holds of other carts, over the real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../support/api.js';
import { served } from '../support/served.js';

const CAMPAIGN = '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90';
const CART = { cartTotal: 100, productIds: [] };

const shop = served();

async function promotion(settings: object): Promise<void> {
  const discount = { type: 'percentage', discount: 10, couponFor: 'product', campaignId: CAMPAIGN };
  await shop.ok('POST', '/coupons', { ...discount, ...settings });
}

const reserve = (code: string, reserveSeconds: number): Promise<Reply['body']> =>
  shop.ok('POST', '/coupons/apply', { code, ...CART, reserve: true, reserveSeconds });

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
    const refused = await shop.api.call('POST', path, body);
    assert.deepEqual([refused.status, refused.body.message], [400, 'Coupon usage limit exceeded'], path);
    assertSameTime(refused, reservedUntil);
  }
});

test('a refusal for another reason has no heldUntil', async () => {
  await promotion({ code: 'NOT-YET', startDate: '2999-01-01T00:00:00Z' });
  const { status, headers, body } = await shop.api.call('POST', '/coupons/validate', { code: 'NOT-YET', ...CART });
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
  const refused = await shop.api.call('POST', path, { codes: ['PART-1', 'PART-2'], ...CART });
  assert.equal(refused.status, 409, JSON.stringify(refused.body));
  assertSameTime(refused, first.reservedUntil);
  assert.deepEqual(refused.body.missing, [
    { name: 'PART-1', reason: 'Coupon usage limit exceeded' },
    { name: 'PART-2', reason: 'Coupon budget exhausted' },
  ]);
  const unknown = await shop.api.call('POST', path, { codes: ['PART-1', 'NO-SUCH-CODE'], ...CART });
  assert.deepEqual(unknown.body.missing, [{ name: 'NO-SUCH-CODE', reason: 'Coupon not found' }]);
  assert.equal(unknown.headers['retry-after'], undefined);
});

test('stock in a reservation of a campaign is refused as not available in this version', async () => {
  await promotion({ code: 'NO-STOCK' });
  for (const stock of [[{ productId: 'shoe', quantity: 1 }], [], null]) {
    const path = `/campaigns/${CAMPAIGN}/reserve`;
    const { status, body } = await shop.api.call('POST', path, { codes: ['NO-STOCK'], ...CART, stock });
    assert.deepEqual([status, body.detail], [400, 'stock: Stock is not available in this version.']);
    assert.deepEqual(body.errors, [{ path: 'stock', message: 'Stock is not available in this version' }]);
  }
});

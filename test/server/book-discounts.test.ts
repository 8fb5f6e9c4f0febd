/** Coupon books with a discount over the real server: carts, rights, and what the pages promise. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, test } from 'node:test';
import { type Reply, rawClient } from '../support/api.js';
import { served } from '../support/served.js';

const CAMPAIGN = '01900000-0000-4000-8000-0000000000c7';
const TEN = { discount: 10, type: 'percentage', couponFor: 'product' };
const LINES = [{ productId: 'mug', quantity: 2, unitPrice: 10 }];

const shop = served({ TRUSTED_PROXIES: '127.0.0.1' });
const ok = (method: string, path: string, body?: unknown) => shop.ok(method, path, body);
const agent = new Agent({ keepAlive: true });

after(() => agent.destroy());

const refusal = ({ status, body }: Reply): unknown => [status, body.message];

/** A token of the role user, from an address of its own. */
async function newUser(name: string) {
  const from = { 'x-forwarded-for': `192.0.2.${name.length}` };
  const credentials = { email: `${name}@shop.example`, password: 'a password' };
  const { id } = await ok('POST', '/users', credentials);
  const call = rawClient(shop.server.url, agent);
  const { body } = await call('POST', '/api/v1/auth/token', credentials, {});
  const headers = { authorization: `Bearer ${body.accessToken}`, ...from };
  return {
    id: String(id),
    apply: (sent: object) => call('POST', '/api/v1/coupons/apply', { lines: LINES, ...sent }, headers),
  };
}

test('a book shows its discount, its campaign and what was used', async () => {
  const book = { name: 'Ten', redeemableBy: 'bearer', discount: TEN, campaignId: CAMPAIGN, initialCodes: ['TEN-1'] };
  const more = { endDate: '2099-12-31T00:00:00Z', metadata: { shop: 7 } };
  const made = await ok('POST', '/coupon-books', { ...book, ...more });
  assert.equal(made.campaignId, CAMPAIGN);
  assert.deepEqual([made.discount.discount, made.discount.usageCount, made.discount.currency], [10, 0, 'USD']);
  const valid = await ok('POST', '/coupons/validate', { code: 'ten-1', lines: LINES, userId: 'ada' });
  assert.deepEqual([valid.valid, valid.coupon.code, valid.coupon.id], [true, 'TEN-1', made.id]);
  const { name, startDate, endDate, metadata, isActive } = valid.coupon;
  assert.deepEqual(
    [name, startDate, endDate, metadata, isActive],
    ['Ten', null, '2099-12-31T00:00:00.000Z', { shop: 7 }, true],
  );
  const held = await ok('POST', '/coupons/apply', { code: 'TEN-1', lines: LINES, userId: 'ada', reserve: true });
  assert.deepEqual([held.couponCode, held.discountAmount, held.finalAmount], ['TEN-1', 2, 18]);
  const committed = await ok('POST', '/coupons/increment-usage', { code: 'TEN-1', reservationId: held.reservationId });
  assert.deepEqual([committed.code, committed.usageCount, committed.budgetUsed], ['TEN-1', 1, 2]);
  const history = await ok('GET', '/coupons/TEN-1/history');
  assert.deepEqual(
    history.items.map(({ event }: { event: string }) => event).filter((event: string) => event.startsWith('coupon.')),
    ['coupon.redeemed', 'coupon.locked', 'coupon.assigned'],
  );
  const campaign = await ok('GET', `/campaigns/${CAMPAIGN}`);
  assert.deepEqual([campaign.counts, campaign.books], [{ promotions: 0, active: 0, books: 1 }, [made.id]]);
  assert.deepEqual((await ok('GET', '/coupons')).results, []);
});

test('PATCH gives a book a discount, replaces it and takes it away', async () => {
  const { id } = await ok('POST', '/coupon-books', {
    name: 'Later',
    redeemableBy: 'bearer',
    initialCodes: ['LATER-1'],
  });
  const cart = { code: 'LATER-1', lines: LINES, userId: 'ada' };
  assert.deepEqual(refusal(await shop.api.call('POST', '/coupons/validate', cart)), [404, 'Coupon not found']);
  await ok('PATCH', `/coupon-books/${id}`, { discount: TEN });
  assert.equal((await ok('POST', '/coupons/apply', cart)).discountAmount, 2);
  const replaced = await ok('PATCH', `/coupon-books/${id}`, { discount: { ...TEN, type: 'fixed', discount: 3 } });
  assert.deepEqual([replaced.discount.type, replaced.discount.discount, replaced.version], ['fixed', 3, 3]);
  assert.equal((await ok('POST', '/coupons/apply', cart)).discountAmount, 3);
  assert.equal((await ok('PATCH', `/coupon-books/${id}`, { discount: null })).discount, null);
  assert.deepEqual(refusal(await shop.api.call('POST', '/coupons/apply', cart)), [404, 'Coupon not found']);
});

test('a discount that is no good is refused by field, and nothing is made', async () => {
  const bad = await shop.api.call('POST', '/coupon-books', { name: 'Bad', discount: { ...TEN, discount: 101 } });
  assert.deepEqual(
    [bad.status, bad.body.errors],
    [400, [{ path: 'discount.discount', message: 'A percentage is at most 100' }]],
  );
  const dates = await shop.api.call('POST', '/coupon-books', {
    name: 'Bad',
    discount: { ...TEN, startDate: '2026-01-01' },
  });
  assert.equal(dates.status, 400);
  const found = await ok('GET', '/coupon-books?name=Bad');
  assert.deepEqual(found.items, []);
});

test('the dates of a book may be days in a time zone: the end is the end of the day there', async () => {
  const days = { startDate: '2026-03-29', endDate: '2026-03-29', timeZone: 'Europe/Berlin' };
  const made = await ok('POST', '/coupon-books', { name: 'Day', ...days });
  assert.deepEqual([made.startDate, made.endDate], ['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z']);
  const patched = await ok('PATCH', `/coupon-books/${made.id}`, { endDate: '2026-12-31', timeZone: 'Asia/Tokyo' });
  assert.deepEqual([patched.startDate, patched.endDate], [made.startDate, '2026-12-31T15:00:00.000Z']);
  for (const [sent, path, message] of [
    [{ endDate: '2026-12-31' }, 'endDate', 'A date without a time needs a timeZone'],
    [{ endDate: '2026-12-31', timeZone: 'Mars/Base' }, 'timeZone', 'Not an IANA time zone such as Europe/Berlin'],
    [{ endDate: '2026-02-30', timeZone: 'UTC' }, 'endDate', 'There is no day 2026-02-30'],
    [{ endDate: '31.12.2026', timeZone: 'UTC' }, 'endDate', 'Not an ISO 8601 time such as 2026-11-20T08:00:00.000Z'],
    [
      { startDate: '2026-03-02', endDate: '2026-03-01', timeZone: 'UTC' },
      'endDate',
      'endDate has to come after startDate',
    ],
  ] as const) {
    const { status, body } = await shop.api.call('POST', '/coupon-books', { name: 'Day', ...sent });
    assert.deepEqual([status, body.errors], [400, [{ path, message }]], JSON.stringify(sent));
  }
});

test('a creation that is repeated with its key gives the same book', async () => {
  const book = { name: 'Once', discount: TEN, campaignId: CAMPAIGN };
  const first = await shop.api.call('POST', '/coupon-books', book, { 'idempotency-key': 'once' });
  const second = await shop.api.call('POST', '/coupon-books', book, { 'idempotency-key': 'once' });
  assert.deepEqual([second.status, second.body], [201, first.body]);
  const found = await ok('GET', '/coupon-books?name=Once');
  assert.equal(found.items.length, 1);
});

test("to a user, another's code is one that is not there, held or not", async () => {
  const [ada, robert] = [await newUser('ada'), await newUser('robert')];
  const book = { name: 'Own', discount: TEN, initialCodes: ['OWN-1', 'OWN-2', 'OWN-3'] };
  await ok('POST', '/coupon-books', book);
  for (const code of ['OWN-1', 'OWN-2']) await ok('POST', `/coupons/assign/${code}`, { userId: ada.id });
  const own = await ada.apply({ code: 'OWN-1', userId: ada.id, reserve: true });
  assert.equal(own.status, 200);
  const unknown = await robert.apply({ code: 'NOT-THERE', userId: robert.id });
  const { instance: _, ...shown } = unknown.body;
  assert.equal(unknown.status, 404);
  for (const code of ['OWN-1', 'OWN-2', 'OWN-3']) {
    for (const sent of [{ userId: robert.id }, { userId: robert.id, reserve: true }, {}]) {
      const { status, body } = await robert.apply({ code, ...sent });
      assert.deepEqual({ status, ...body, instance: '' }, { status: 404, ...shown, instance: '' }, `${code} ${status}`);
    }
  }
  const locked = await shop.api.call('POST', '/coupons/apply', { code: 'OWN-1', lines: LINES, userId: 'eve' });
  assert.equal(locked.status, 423);
  assert.ok(Number(locked.headers['retry-after']) > 0);
});

test('a unique code is not used without its reservation', async () => {
  const reply = await shop.api.call('POST', '/coupons/increment-usage', { code: 'OWN-3', userId: 'ada' });
  assert.deepEqual([reply.status, reply.body.type], [400, '/problems/use-incomplete']);
});

test('a code, a promotion and a budget of one campaign are reserved together, or not at all', async () => {
  const campaignId = '01900000-0000-4000-8000-0000000000c8';
  await ok('POST', '/coupon-books', {
    name: 'All',
    redeemableBy: 'bearer',
    campaignId,
    discount: TEN,
    initialCodes: ['ALL-1', 'ALL-2', 'ALL-3'],
  });
  await ok('POST', '/coupons', { ...TEN, code: 'ALL-BUDGET', campaignId, budget: 3 });
  const reserve = (code: string) =>
    shop.api.call('POST', `/campaigns/${campaignId}/reserve`, {
      codes: [code, 'ALL-BUDGET'],
      lines: LINES,
      userId: 'ada',
    });
  const first = await reserve('ALL-1');
  assert.deepEqual([first.status, first.body.discountAmount], [200, 3.8]);
  const second = await reserve('ALL-2');
  assert.equal(second.status, 409);
  assert.match(second.body.detail, /^ALL-BUDGET: Coupon budget exhausted/);
  assert.equal((await ok('GET', '/coupons/code/ALL-2')).status, 'available');
});

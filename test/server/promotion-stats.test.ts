/** Statistics of promotions over the real server, with a kill and with PostgreSQL's rows. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Connection, connect } from '../support/api.js';
import { until } from '../support/probe.js';
import { succeeded } from '../support/served.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

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

const ok = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) =>
  succeeded(api, method, path, body, headers);

const promotion = async (settings: object): Promise<string> =>
  (await ok('POST', '/coupons', { discount: 10, type: 'percentage', couponFor: 'product', ...settings })).id;

const LINES = [
  { productId: 'shirt', quantity: 3, unitPrice: 20 },
  { productId: 'hat', quantity: 1, unitPrice: 9.99 },
];

async function hold(cart: object): Promise<string> {
  return (await ok('POST', '/coupons/apply', { lines: LINES, reserve: true, ...cart })).reservationId;
}

async function use(cart: object, orderId?: string): Promise<string> {
  const id = await hold(cart);
  await ok('POST', `/reservations/${id}/commit`, { orderId });
  return id;
}

/** Totals, and that each series adds up to them: all of it has just happened. */
async function totals(id: string) {
  const stats = await ok('GET', `/coupons/${id}/stats`);
  for (const series of [stats.perMinute, stats.perHour, stats.perDay])
    for (const field of ['validations', 'applications', 'uses', 'discountGiven', 'revenueTouched'])
      assert.equal(
        series.reduce((sum: number, bucket: Record<string, number>) => sum + Math.round((bucket[field] ?? 0) * 100), 0),
        Math.round(stats[field] * 100),
        field,
      );
  assert.deepEqual([stats.perMinute.length, stats.perHour.length, stats.perDay.length], [60, 48, 30]);
  return stats;
}

const money = ({ uses, discountGiven, revenueTouched }: Record<string, unknown>) => [
  uses,
  discountGiven,
  revenueTouched,
];

test('uses and money are exact at once, also of parts and wholes that were rolled back', async () => {
  const id = await promotion({ code: 'EXACT' });
  assert.deepEqual(money(await totals(id)), [0, 0, 0]);
  await hold({ code: 'EXACT' });
  assert.deepEqual(money(await totals(id)), [0, 0, 0], 'a hold is no use');
  const first = await use({ code: 'EXACT', userId: 'ada', shipping: 5 }, 'o-1');
  // 10 % of 69.99 is 7.00, so that 62.99 and the shipping are paid.
  assert.deepEqual(money(await totals(id)), [1, 7, 67.99]);
  await ok('POST', `/reservations/${first}/rollback`, { lines: [{ productId: 'shirt', quantity: 2 }] });
  // Two of three shirts: 4.00 of the discount, and 40 less 4 of what was paid.
  assert.deepEqual(money(await totals(id)), [1, 3, 31.99]);
  const second = await use({ code: 'EXACT' });
  assert.deepEqual(money(await totals(id)), [2, 10, 94.98]);
  await ok('POST', `/reservations/${second}/rollback`);
  assert.deepEqual(money(await totals(id)), [1, 3, 31.99]);
  await ok('POST', '/coupons/increment-usage', { code: 'EXACT', discountAmount: 1.5 });
  assert.deepEqual(money(await totals(id)), [2, 4.5, 31.99], 'nothing is known of the cart of that use');
  const { budgetUsed, usageCount } = await ok('GET', `/coupons/${id}`);
  assert.deepEqual([usageCount, budgetUsed], [2, 4.5], 'the promotion says the same');
});

test('a use is counted for each promotion of its cart, with its own discount', async () => {
  const one = await promotion({ code: 'BOTH-1', stacking: { priority: 1 } });
  const two = await promotion({ code: 'BOTH-2', type: 'fixed', discount: 5 });
  await use({ codes: ['BOTH-1', 'BOTH-2'] });
  assert.deepEqual(money(await totals(one)), [1, 7, 57.99]);
  assert.deepEqual(money(await totals(two)), [1, 5, 57.99]);
});

test('from and to bound the uses, in whole minutes', async () => {
  const id = await promotion({ code: 'RANGE' });
  await use({ code: 'RANGE' });
  const [{ usedAt }] = (await ok('GET', `/coupons/${id}/uses`)).items;
  const minute = (ahead: number) => new Date((Math.floor(Date.parse(usedAt) / 60_000) + ahead) * 60_000).toISOString();
  const uses = async (query: string) => (await ok('GET', `/coupons/${id}/stats?${query}`)).uses;
  assert.equal(await uses(`from=${minute(0)}&to=${minute(1)}`), 1);
  assert.equal(await uses(`from=${minute(1)}&to=${minute(2)}`), 0);
  assert.equal(await uses(`to=${minute(0)}`), 0);
  const { from, to, perMinute, perHour } = await ok('GET', `/coupons/${id}/stats?from=${usedAt}&to=${minute(1)}`);
  assert.deepEqual([from, to], [minute(0), minute(1)]);
  assert.deepEqual([perMinute.length, perHour.length, perMinute[0].start, perMinute[0].uses], [1, 1, minute(0), 1]);
  const listed = async (query: string) => (await ok('GET', `/coupons/${id}/uses?${query}`)).items.length;
  const next = new Date(Date.parse(usedAt) + 1).toISOString();
  assert.deepEqual([await listed(`from=${usedAt}&to=${next}`), await listed(`from=${next}`)], [1, 0], 'to the ms');
  const shifted = `${new Date(Date.parse(usedAt) + 2 * 3_600_000).toISOString().slice(0, -1)}%2B02:00`;
  assert.equal(await listed(`from=${shifted}`), 1, 'an offset counts');
});

interface Shown {
  readonly reservationId?: string;
  readonly status?: string;
  readonly usedAt?: string;
  readonly userId?: string | null;
  readonly orderId?: string | null;
  readonly rolledBackAmount?: number;
  readonly referrerUserId?: string | null;
}

test('the uses are listed page by page, the newest first, with what became of them', async () => {
  const id = await promotion({ code: 'LISTED', referrerUserId: 'eve' });
  const ids: string[] = [];
  for (const userId of ['ada', 'eve', 'cleo']) ids.unshift(await use({ code: 'LISTED', userId }, `order-${userId}`));
  await ok('POST', `/reservations/${ids[1]}/rollback`);
  await ok('POST', `/reservations/${ids[2]}/rollback`, { lines: [{ productId: 'shirt', quantity: 1 }] });
  const items: Shown[] = [];
  let cursor = '';
  do {
    const page = await ok('GET', `/coupons/${id}/uses?limit=1${cursor}`);
    items.push(...page.items);
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  const shown = items.map((item) => [
    item.reservationId,
    item.status,
    item.userId,
    item.orderId,
    item.rolledBackAmount,
  ]);
  assert.deepEqual(shown, [
    [ids[0], 'committed', 'cleo', 'order-cleo', 0],
    [ids[1], 'rolledBack', 'eve', 'order-eve', 7],
    [ids[2], 'committed', 'ada', 'order-ada', 2],
  ]);
  const { usedAt, reservationId: _id, userId: _user, orderId: _order, status: _status, ...amounts } = items[0] ?? {};
  assert.deepEqual(amounts, {
    currency: 'USD',
    discountAmount: 7,
    rolledBackAmount: 0,
    originalAmount: 69.99,
    finalAmount: 62.99,
    referrerUserId: 'eve',
  });
  assert.equal(items[1]?.referrerUserId, null, "a user's own referral does not count");
  assert.equal((await ok('GET', `/reservations/${ids[0]}`)).committedAt, usedAt);
  const other = await promotion({ code: 'OTHER' });
  const { nextCursor } = await ok('GET', `/coupons/${id}/uses?limit=1`);
  assert.equal((await api.call('GET', `/coupons/${other}/uses?limit=1&cursor=${nextCursor}`)).status, 400);
});

test('validations and applications of known codes are counted, and become a rate', async () => {
  const id = await promotion({ code: 'COUNTED', minPurchaseAmount: 50, couponFor: 'minPurchase' });
  const before = await totals(id);
  assert.equal(before.conversionRate, null);
  const cart = { lines: LINES };
  const small = { lines: [{ productId: 'hat', quantity: 1, unitPrice: 9.99 }] };
  for (const status of [200, 200, 400, 400, 400])
    assert.equal(
      (await api.call('POST', '/coupons/validate', { code: 'COUNTED', ...(status === 200 ? cart : small) })).status,
      status,
    );
  assert.equal((await api.call('POST', '/coupons/validate', { code: 'NOWHERE', ...cart })).status, 404);
  await ok('POST', '/coupons/apply', { code: 'COUNTED', ...cart });
  await ok('POST', '/coupons/apply?dryRun=true', { code: 'COUNTED', ...cart, reserve: true });
  assert.equal((await api.call('POST', '/coupons/apply', { code: 'COUNTED', ...small })).status, 400);
  const key = { 'idempotency-key': 'counted-once' };
  for (let tries = 0; tries < 2; tries++)
    await ok('POST', '/coupons/apply', { code: 'COUNTED', ...cart, reserve: true }, key);
  await use({ code: 'COUNTED' });
  let stats = await totals(id);
  await until(async () => {
    stats = await totals(id);
    return stats.validations + stats.applications === 8;
  }, 'all are counted');
  assert.deepEqual(
    [stats.validations, stats.applications, stats.uses, stats.conversionRate],
    [5, 3, 1, 0.3333],
    JSON.stringify(stats),
  );
});

test('groups sum up all promotions, by type, purpose and state', async () => {
  const code = async (name: string, settings: object) => promotion({ code: name, ...settings });
  const group = async (by: string, name: string) => {
    const { groups, asOf } = await ok('GET', `/coupons/stats?groupBy=${by}`);
    assert.equal(asOf.length, 16);
    const found = groups.find((each: { group: string }) => each.group === name);
    const [{ discountGiven = 0, revenueTouched = 0 } = {}] = (found?.money ?? []) as Record<string, number>[];
    return [found?.promotions ?? 0, found?.uses ?? 0, discountGiven, revenueTouched];
  };
  assert.deepEqual(await group('type', 'shipping'), [0, 0, 0, 0]);
  await code('SHIP', { type: 'shipping', discount: 100 });
  await use({ code: 'SHIP', shipping: 4 });
  assert.deepEqual(await group('type', 'shipping'), [1, 1, 4, 69.99]);
  const states = ['active', 'archived', 'inactive', 'expired', 'scheduled', 'exhausted'];
  const before = await Promise.all(states.map((state) => group('state', state)));
  await code('S-ACTIVE', {});
  const archived = await code('S-ARCHIVED', {});
  await use({ code: 'S-ARCHIVED' });
  await ok('DELETE', `/coupons/${archived}`);
  await code('S-INACTIVE', { isActive: false });
  await code('S-EXPIRED', { endDate: '2020-01-01T00:00:00Z' });
  await code('S-SCHEDULED', { startDate: '2099-01-01T00:00:00Z' });
  await code('S-CAPPED', { maxUsage: 1 });
  await use({ code: 'S-CAPPED' });
  await code('S-SPENT', { budget: 7 });
  await use({ code: 'S-SPENT' });
  const grown = (await Promise.all(states.map((state) => group('state', state)))).map(([promotions, uses], at) => [
    states[at],
    Number(promotions) - Number(before[at]?.[0]),
    Number(uses) - Number(before[at]?.[1]),
  ]);
  assert.deepEqual(grown, [
    ['active', 1, 0],
    ['archived', 1, 1],
    ['inactive', 1, 0],
    ['expired', 1, 0],
    ['scheduled', 1, 0],
    ['exhausted', 2, 2],
  ]);
  assert.equal((await api.call('GET', `/coupons/${archived}/stats`)).status, 404);
});

test('groups leave out the discounts of books', async () => {
  const discount = { type: 'shipping', discount: 100, couponFor: 'product' };
  // Counters appear a second after what they count, so they are left out here.
  const exact = async () => {
    const { groups } = await ok('GET', '/coupons/stats?groupBy=type');
    return groups.map(({ group, promotions, uses, money: sums }: Record<string, unknown>) => [
      group,
      promotions,
      uses,
      sums,
    ]);
  };
  const before = await exact();
  await ok('POST', '/coupon-books', { name: 'Unique', redeemableBy: 'bearer', discount, initialCodes: ['UNIQUE-1'] });
  await use({ code: 'UNIQUE-1', shipping: 4, userId: 'ada' });
  assert.deepEqual(await exact(), before);
});

test('a range may end with the last year that dates can say', async () => {
  const id = await promotion({ code: 'FOREVER' });
  const { to } = await ok('GET', `/coupons/${id}/stats?to=9999-12-31T23:59:59Z`);
  assert.equal(to, '9999-12-31T23:59:00.000Z');
});

test('a group sums up the money of each currency apart', async () => {
  const id = await promotion({ code: 'ABROAD', currency: 'JPY' });
  const yen = [{ productId: 'shirt', quantity: 1, unitPrice: 1000 }];
  await use({ code: 'ABROAD', currency: 'JPY', lines: yen });
  const stats = await totals(id);
  assert.deepEqual([stats.currency, ...money(stats)], ['JPY', 1, 100, 900]);
  const { groups } = await ok('GET', '/coupons/stats?groupBy=couponFor');
  const { money: sums } = groups.find(({ group }: { group: string }) => group === 'product');
  assert.deepEqual(
    sums.map(({ currency }: { currency: string }) => currency),
    ['JPY', 'USD'],
  );
  assert.deepEqual(sums[0], { currency: 'JPY', discountGiven: 100, revenueTouched: 900 });
});

test('a user sees no statistics', async () => {
  const id = await promotion({ code: 'RIGHTS' });
  const credentials = { email: 'user@user.com', password: 'Password1' };
  const { accessToken } = await ok('POST', '/auth/token', credentials);
  for (const path of [`/coupons/${id}/stats`, `/coupons/${id}/uses`, '/coupons/stats?groupBy=type'])
    assert.equal(
      (await api.call('GET', path, undefined, { authorization: `Bearer ${accessToken}` })).status,
      403,
      path,
    );
});

test('ranges, groups and ids that are none are refused', async () => {
  const id = await promotion({ code: 'REFUSED' });
  const status = async (path: string) => (await api.call('GET', path)).status;
  for (const query of ['from=2026-01-01', 'from=2026-02-30T00:00:00Z', 'to=x', 'groupBy=type', 'limit=1'])
    assert.equal(await status(`/coupons/${id}/stats?${query}`), 400, query);
  const swapped = 'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z';
  for (const path of [`/coupons/${id}/stats`, `/coupons/${id}/uses`]) {
    assert.equal(await status(`${path}?${swapped}`), 400);
    assert.equal(await status(`${path}?from=2999-01-01T00:00:00Z`), 400);
  }
  assert.equal(await status('/coupons/stats'), 400);
  assert.equal(await status('/coupons/stats?groupBy=code'), 400);
  for (const what of ['stats', 'uses']) {
    assert.equal(await status(`/coupons/01900000-0000-7000-8000-000000000000/${what}`), 404);
    assert.equal(await status(`/coupons/REFUSED/${what}`), 400);
  }
  const forged = Buffer.from(JSON.stringify([1, 'uses', 0, 'x'])).toString('base64url');
  assert.equal(await status(`/coupons/${id}/uses?cursor=${forged}`), 400);
});

test('a kill keeps uses and money, and counts that were written', async () => {
  const id = await promotion({ code: 'KILLED' });
  await ok('POST', '/coupons/validate', { code: 'KILLED', lines: LINES });
  await until(async () => (await totals(id)).validations === 1, 'the validation is written');
  const used = await use({ code: 'KILLED' });
  await use({ code: 'KILLED' });
  await ok('POST', `/reservations/${used}/rollback`, { lines: [{ productId: 'hat', quantity: 1 }] });
  api.close();
  await server.kill();
  server = await startServer(directory.path);
  api = await connect(server.url);
  const stats = await totals(id);
  assert.deepEqual([stats.validations, ...money(stats)], [1, 2, 13, 116.99]);
});

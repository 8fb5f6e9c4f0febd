/** `?dryRun=true`: what a change would be answered with, and that nothing is changed by it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connect } from '../support/api.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
const server = await startServer(directory.path);
const api = await connect(server.url);

after(async () => {
  api.close();
  await server.kill();
  await directory.remove();
});

const book = (await api.call('POST', '/coupon-books', { name: 'dry', initialCodes: ['DRY-1', 'DRY-2'] })).body;
const counts = async () => (await api.call('GET', `/coupon-books/${book.id}`)).body.counts;

test('a dry run of a random assign shows no code, has no Commit-Seq and takes none', async () => {
  const { status, body, headers } = await api.call('POST', '/coupons/assign?dryRun=true', {
    couponBookId: book.id,
    userId: 'ada',
  });
  assert.equal(status, 200);
  assert.equal(body.code, null);
  assert.equal(body.userId, 'ada');
  assert.equal(headers['commit-seq'], undefined);
  assert.equal((await counts()).available, 2);
});

test('a dry run shows the code that is named, and the same command does it afterwards', async () => {
  const dry = await api.call('POST', '/coupons/assign/DRY-1?dryRun=true', { userId: 'ada' });
  assert.deepEqual([dry.status, dry.body.code], [200, 'DRY-1']);
  const real = await api.call('POST', '/coupons/assign/DRY-1', { userId: 'ada' });
  assert.equal(real.status, 200);
  assert.notEqual(real.headers['commit-seq'], undefined);
  const redeem = await api.call('POST', '/coupons/DRY-1/redeem?dryRun=true', { userId: 'ada' });
  assert.deepEqual([redeem.status, redeem.body.redemptionId, redeem.body.redemptionCount], [200, null, 1]);
  assert.equal((await counts()).redeemed, 0);
});

test('a dry run is refused like the change itself', async () => {
  const missing = await api.call('POST', '/coupons/NOT-THERE/redeem?dryRun=true', { userId: 'ada' });
  assert.equal(missing.status, 404);
  const other = await api.call('POST', '/coupons/assign/DRY-1?dryRun=true', { userId: 'bob' });
  assert.equal(other.status, 409);
});

test('a dry run remembers no idempotency key', async () => {
  const key = { 'idempotency-key': 'dry-key' };
  const dry = await api.call('POST', '/coupons/assign/DRY-2?dryRun=true', { userId: 'ada' }, key);
  assert.equal(dry.status, 200);
  const real = await api.call('POST', '/coupons/assign/DRY-2', { userId: 'bob' }, key);
  assert.deepEqual([real.status, real.body.userId], [200, 'bob']);
});

test('a dry run that needs more than its shard, or says something else than true, is refused', async () => {
  const promotion = { discount: 10, type: 'percentage', couponFor: 'product' };
  const refused = [
    await api.call('POST', '/coupons?dryRun=true', { ...promotion, code: 'DRYCODE' }),
    await api.call('POST', '/coupon-books?dryRun=true', { name: 'x', initialCodes: ['DRY-9'] }),
    await api.call('POST', `/coupon-books/${book.id}/codes?dryRun=true`, { codes: ['DRY-9'] }),
  ];
  for (const { status, body } of refused)
    assert.deepEqual([status, body.type], [400, '/problems/dry-run-not-possible']);
  const unclear = await api.call('POST', '/coupons/assign/DRY-1?dryRun=yes', { userId: 'ada' });
  assert.deepEqual([unclear.status, unclear.body.type], [400, '/problems/validation']);
  assert.equal((await api.call('GET', '/coupons/code/DRY-9')).status, 404);
  assert.equal((await api.call('GET', '/coupons/code/DRYCODE')).status, 404);
});

test('a dry run of a promotion without a code, of its change and of its end changes nothing', async () => {
  const settings = { discount: 10, type: 'percentage', couponFor: 'product', automatic: true };
  const made = await api.call('POST', '/coupons?dryRun=true', settings);
  assert.equal(made.status, 201);
  assert.equal((await api.call('GET', `/coupons/${made.body.id}`)).status, 404);
  const { body } = await api.call('POST', '/coupons', settings);
  const changed = await api.call('PATCH', `/coupons/${body.id}?dryRun=true`, { discount: 20 });
  assert.deepEqual([changed.status, changed.body.discount, changed.body.version], [200, 20, 2]);
  assert.equal((await api.call('DELETE', `/coupons/${body.id}?dryRun=true`)).status, 204);
  const now = await api.call('GET', `/coupons/${body.id}`);
  assert.deepEqual([now.status, now.body.discount, now.body.version], [200, 10, 1]);
});

test('a dry run of a reservation prices the cart and holds nothing', async () => {
  const { body } = await api.call('POST', '/coupons', {
    code: 'DRYTEN',
    discount: 10,
    type: 'fixed',
    couponFor: 'product',
    maxUsage: 1,
  });
  const cart = { codes: ['DRYTEN'], cartTotal: 50, reserve: true, userId: 'ada' };
  const dry = await api.call('POST', '/coupons/apply?dryRun=true', cart);
  assert.deepEqual([dry.status, dry.body.reservationId], [200, null]);
  assert.equal((await api.call('GET', `/coupons/${body.id}`)).body.heldCount, 0);
  const real = await api.call('POST', '/coupons/apply', cart);
  assert.equal(real.status, 200);
  const commit = await api.call('POST', `/reservations/${real.body.reservationId}/commit?dryRun=true`, {});
  assert.deepEqual([commit.status, commit.body.status], [200, 'committed']);
  const now = await api.call('GET', `/reservations/${real.body.reservationId}`);
  assert.equal(now.body.status, 'held');
});

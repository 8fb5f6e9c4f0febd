import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Api, connect } from '../support/api.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Api;

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(directory.path);
  api = await connect(server.url, { sockets: 500 });
});

after(async () => {
  api?.close();
  await server?.stop();
  await directory?.remove();
});

async function bookOf(codes: readonly string[], settings: object = {}): Promise<string> {
  const { status, body } = await api.call('POST', '/coupon-books', { name: 'race', initialCodes: codes, ...settings });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.counts.total, codes.length);
  return body.id;
}

const times = <T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)));

const countOf = (replies: readonly { status: number }[], status: number): number =>
  replies.filter((reply) => reply.status === status).length;

test('of 500 users who redeem one code at once, exactly one succeeds (I1)', async () => {
  const book = await bookOf(['RACE-ONE'], { redeemableBy: 'bearer' });
  const replies = await times(500, (i) => api.call('POST', '/coupons/RACE-ONE/redeem', { userId: `u${i}` }));
  assert.equal(countOf(replies, 200), 1);
  const { body } = await api.call('GET', `/coupon-books/${book}`);
  assert.deepEqual(body.counts, { total: 1, available: 0, assigned: 0, locked: 0, redeemed: 1, redemptions: 1 });
});

test('a user who redeems a code 500 times at once redeems it once', async () => {
  await bookOf(['RACE-OWN']);
  await api.call('POST', '/coupons/assign/RACE-OWN', { userId: 'ada' });
  const replies = await times(500, () => api.call('POST', '/coupons/RACE-OWN/redeem', { userId: 'ada' }));
  assert.equal(countOf(replies, 200), 1);
  assert.equal(countOf(replies, 423), 499);
});

test('1,000 users who want 100 codes get 100 different codes, and 900 times 404', async () => {
  const codes = Array.from({ length: 100 }, (_, i) => `LAST-${i}`);
  const couponBookId = await bookOf(codes);
  const replies = await times(1000, (i) => api.call('POST', '/coupons/assign', { couponBookId, userId: `u${i}` }));
  const got = replies.filter(({ status }) => status === 200).map(({ body }) => body.code as string);
  assert.deepEqual([...new Set(got)].sort(), codes.sort());
  assert.equal(countOf(replies, 404), 900);
});

test('of 200 users who lock one code at once, exactly one gets the lease (I4)', async () => {
  await bookOf(['RACE-LOCK'], { redeemableBy: 'bearer' });
  const replies = await times(200, (i) => api.call('POST', '/coupons/RACE-LOCK/lock', { userId: `u${i}` }));
  assert.equal(countOf(replies, 200), 1);
  assert.equal(countOf(replies, 423), 199);
  const holder = replies.find(({ status }) => status === 200)?.body.userId;
  const other = holder === 'u0' ? 'u1' : 'u0';
  const stranger = await api.call('POST', '/coupons/RACE-LOCK/redeem', { userId: other });
  assert.equal(stranger.status, 423);
  assert.ok(Number(stranger.headers['retry-after']) >= 1);
});

test('50 idempotency keys sent 10 times each at once have 50 effects, and one answer each (I6)', async () => {
  const couponBookId = await bookOf(Array.from({ length: 200 }, (_, i) => `KEY-${i}`));
  const replies = await times(500, (i) => {
    const key = { 'idempotency-key': `key-${i % 50}` };
    return api.call('POST', '/coupons/assign', { couponBookId, userId: `u${i % 50}` }, key);
  });
  assert.equal(countOf(replies, 200), 500);
  for (let key = 0; key < 50; key++) {
    const same = replies.filter((_, i) => i % 50 === key);
    assert.equal(new Set(same.map(({ body }) => JSON.stringify(body))).size, 1);
    assert.equal(same.filter(({ headers }) => headers['idempotency-replayed'] === 'true').length, 9);
  }
  const { body } = await api.call('GET', `/coupon-books/${couponBookId}`);
  assert.equal(body.counts.assigned, 50);
  const other = await api.call(
    'POST',
    '/coupons/assign',
    { couponBookId, userId: 'x' },
    { 'idempotency-key': 'key-1' },
  );
  assert.equal(other.status, 422);
});

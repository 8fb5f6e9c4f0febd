import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Api, connect } from '../support/api.js';
import { type Environment, type Server, startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
let running: Server | null = null;

after(async () => {
  await running?.kill();
  await directory.remove();
});

async function start(env: Environment = {}): Promise<{ server: Server; api: Api }> {
  const server = await startServer(directory.path, env);
  running = server;
  return { server, api: await connect(server.url) };
}

async function facts(api: Api, bookId: string): Promise<unknown> {
  const read = async (path: string): Promise<unknown> => {
    for (;;) {
      const { status, body } = await api.call('GET', path);
      if (status !== 503) return body;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return {
    book: await read(`/coupon-books/${bookId}`),
    codes: await read(`/coupon-books/${bookId}/codes?limit=1000`),
    ada: await read('/users/ada/coupons'),
    history: await read('/coupons/KEEP-1/history'),
    stats: ((await read(`/coupon-books/${bookId}/stats`)) as { redemptions: unknown }).redemptions,
  };
}

test('leases, remembered keys, counts, lists and history survive SIGKILL, a clean stop, and another number of threads', async () => {
  let { server, api } = await start();
  const created = await api.call('POST', '/coupon-books', {
    name: 'keep',
    initialCodes: ['KEEP-1', 'KEEP-2', 'KEEP-3', 'KEEP-4'],
  });
  const bookId = created.body.id as string;
  const key = { 'idempotency-key': 'the-key' };
  await api.call('POST', '/coupons/assign/KEEP-1', { userId: 'ada' });
  await api.call('POST', '/coupons/assign/KEEP-2', { userId: 'ada' });
  const lease = await api.call('POST', '/coupons/KEEP-2/lock', { userId: 'ada', ttlSeconds: 3600 });
  const redeemed = await api.call('POST', '/coupons/KEEP-1/redeem', { userId: 'ada', metadata: { till: 7 } }, key);
  assert.equal(redeemed.status, 200);
  const before = await facts(api, bookId);
  api.close();

  await server.kill();
  ({ server, api } = await start());
  assert.deepEqual(await facts(api, bookId), before, 'after SIGKILL');
  const again = await api.call('POST', '/coupons/KEEP-1/redeem', { userId: 'ada', metadata: { till: 7 } }, key);
  assert.deepEqual([again.status, again.body, again.headers['idempotency-replayed']], [200, redeemed.body, 'true']);
  api.close();

  assert.equal(await server.stop(), 0);
  ({ server, api } = await start({ SHARD_THREADS: '3', HTTP_THREADS: '2' }));
  assert.deepEqual(await facts(api, bookId), before, 'after a clean stop, with other threads');
  const once = await api.call('POST', '/coupons/KEEP-1/redeem', { userId: 'ada', metadata: { till: 7 } }, key);
  assert.deepEqual(once.body, redeemed.body);
  const renewed = await api.call('POST', '/coupons/KEEP-2/lock', { userId: 'ada', ttlSeconds: 3600 });
  assert.equal(renewed.body.lockId, lease.body.lockId, 'the lease lives on');
  api.close();
  assert.equal(await server.stop(), 0);

  await assert.rejects(start({ SHARDS: '8' }), /SHARDS/);
  await assert.rejects(start({ PORT: 'x' }), /PORT is "x"; allowed is/);
});

test('a second Clipbook on the same data is refused with one line', async () => {
  const { server, api } = await start();
  await assert.rejects(start(), /clipbook can not start: .+/);
  running = server;
  assert.equal((await api.call('GET', '/coupon-books')).status, 200, 'the first one is not disturbed');
  api.close();
  assert.equal(await server.stop(), 0);
});

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Connection, connect } from '../support/api.js';
import { openSocket } from '../support/live.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
let server: Server = await startServer(directory.path);
let api: Connection = await connect(server.url);

after(async () => {
  api.close();
  await server.kill();
  await directory.remove();
});

async function makeBook(codes: readonly string[]): Promise<string> {
  const { body, status } = await api.call('POST', '/coupon-books', { name: 'live', initialCodes: codes });
  assert.equal(status, 201);
  return body.id as string;
}

test('a watcher of a book sees each change once, in order, with a cursor', async () => {
  const bookId = await makeBook(['LIVE-1', 'LIVE-2']);
  const socket = await openSocket(server.url, { token: api.token });
  socket.send({ type: 'subscribe', topics: [`book:${bookId}`] });
  const subscribed = await socket.until(({ type }) => type === 'subscribed');
  assert.deepEqual(subscribed.topics, [`book:${bookId}`]);
  await api.call('POST', '/coupons/assign/LIVE-1', { userId: 'ada' });
  await api.call('POST', '/coupons/LIVE-1/lock', { userId: 'ada', ttlSeconds: 60 });
  await api.call('POST', '/coupons/LIVE-1/redeem', { userId: 'ada', metadata: { till: 7 } });
  await socket.until(({ event }) => event === 'coupon.redeemed');
  assert.deepEqual(
    socket.events().map(({ event }) => event),
    ['coupon.assigned', 'coupon.locked', 'coupon.redeemed'],
  );
  const redeemed = socket.events().at(-1);
  assert.equal(redeemed?.data.code, 'LIVE-1');
  assert.equal(redeemed?.data.userId, 'ada');
  assert.deepEqual(redeemed?.data.metadata, { till: 7 });
  socket.end();
});

test('what was missed comes after a reconnect, also through a kill of the server', async () => {
  const bookId = await makeBook(['AWAY-1', 'AWAY-2', 'AWAY-3']);
  const first = await openSocket(server.url, { token: api.token });
  first.send({ type: 'subscribe', topics: [`book:${bookId}`], snapshot: true });
  const snapshot = await first.until(({ type }) => type === 'snapshot');
  assert.equal(snapshot.data.counts.total, 3);
  await api.call('POST', '/coupons/assign/AWAY-1', { userId: 'ada' });
  const seen = await first.until(({ event }) => event === 'coupon.assigned');
  first.end();
  await api.call('POST', '/coupons/assign/AWAY-2', { userId: 'ada' });
  const { token } = api;
  api.close();
  await server.kill();
  server = await startServer(directory.path);
  api = await connect(server.url);
  const second = await openSocket(server.url, { token });
  second.send({ type: 'subscribe', topics: [`book:${bookId}`], since: seen.cursor });
  await second.until(({ event }) => event === 'coupon.assigned');
  await api.call('POST', '/coupons/assign/AWAY-3', { userId: 'ada' });
  await second.until(({ data }) => data?.code === 'AWAY-3');
  assert.deepEqual(
    second.events().map(({ data }) => data.code),
    ['AWAY-2', 'AWAY-3'],
  );
  second.end();
});

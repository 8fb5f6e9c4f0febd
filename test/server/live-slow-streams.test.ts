/** Clients that catch up over a connection that is slower than the server. */
import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../support/api.js';
import { openStream } from '../support/live.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const MISSED = 4_000;
const READ_BYTES = 64 * 1024;

const directory = await temporaryDirectory();
const server = await startServer(directory.path);
const api = await connect(server.url);

after(async () => {
  api.close();
  await server.kill();
  await directory.remove();
});

test('a client that missed large events and reads them slowly, but steadily, gets all of them on one connection', async () => {
  const { body } = await api.call('POST', '/coupon-books', {
    name: 'large',
    initialCodes: ['LARGE-1'],
    allowMultipleRedemptions: true,
  });
  const topics = `book:${body.id}`;
  const authorization = `Bearer ${api.token}`;
  const first = await openStream(server.url, { topics }, { authorization });
  const subscribed = await first.until(({ type }) => type === 'subscribed');
  first.end();
  await api.call('POST', '/coupons/assign/LARGE-1', { userId: 'ada' });
  const metadata = { note: 'x'.repeat(3500) };
  for (let redeemed = 0; redeemed < MISSED; redeemed += 200) {
    const redeem = () => api.call('POST', '/coupons/LARGE-1/redeem', { userId: 'ada', metadata });
    const replies = await Promise.all(Array.from({ length: 200 }, redeem));
    assert.ok(replies.every(({ status }) => status === 200));
  }

  const { hostname, port } = new URL(server.url);
  const socket = connectSocket({ host: hostname, port: Number(port) });
  let hasEnded = false;
  socket.on('error', () => undefined);
  socket.on('end', () => {
    hasEnded = true;
  });
  // Node reads ahead for a listener of `readable` only as far as its buffer, so the pace is ours.
  socket.on('readable', () => undefined);
  socket.write(
    `GET /api/v1/events/sse?topics=${topics}&since=${subscribed.cursor} HTTP/1.1\r\n` +
      `Host: ${hostname}\r\nAuthorization: ${authorization}\r\n\r\n`,
  );
  let events = 0;
  let rest = '';
  while (events < MISSED && !hasEnded) {
    const bytes = (socket.read(Math.min(READ_BYTES, socket.readableLength)) ?? '') as Buffer | string;
    const text = rest + bytes.toString('latin1');
    const parts = text.split('"event":"coupon.redeemed"');
    events += parts.length - 1;
    rest = (parts.at(-1) ?? '').slice(-25);
    await sleep(3);
  }
  socket.destroy();
  assert.equal(events, MISSED, 'the server ended the connection');
});

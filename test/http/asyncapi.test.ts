/** `/asyncapi.json` is valid, and the messages of a real server are as it says. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, test } from 'node:test';
import { Parser } from '@asyncapi/parser';
import { z } from 'zod';
import { LAGGED } from '../../src/http/live/messages.js';
import { type Connection, connect, rawClient } from '../support/api.js';
import { type LiveMessage, type LiveSocket, openSocket } from '../support/live.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
const server: Server = await startServer(directory.path);
const api: Connection = await connect(server.url);

after(async () => {
  api.close();
  await server.kill();
  await directory.remove();
});

interface Described {
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly payload: z.core.JSONSchema.JSONSchema }>>;
  };
}

const text = await (await fetch(`${server.url}/asyncapi.json`)).text();
const { messages } = (JSON.parse(text) as Described).components;

test('the description is valid AsyncAPI 3.0', async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  const severe = diagnostics.filter(({ severity }) => severity <= 1);
  assert.deepEqual(severe, []);
  assert.equal(document?.version(), '3.0.0');
  assert.deepEqual(
    document
      ?.channels()
      .all()
      .map((channel) => channel.address()),
    ['/api/v1/events', '/api/v1/events/sse'],
  );
});

test('the messages of a real server fit their schemas, each kind of them', async () => {
  const seen = await everyMessage();
  seen.push(JSON.parse(LAGGED) as LiveMessage);
  const fits = new Map(Object.entries(messages).map(([id, { payload }]) => [id, z.fromJSONSchema(payload)]));
  const met = new Set<string>();
  for (const message of seen) {
    const id = message.type === 'event' ? (message.event ?? '').replace('.', '_') : message.type;
    const { success, error } = fits.get(id)?.safeParse(message) ?? {};
    assert.ok(success, `${JSON.stringify(message)} is no ${id}: ${error?.message}`);
    met.add(id);
  }
  const ofClients = ['auth', 'subscribe', 'unsubscribe'];
  assert.deepEqual([...met, ...ofClients].sort(), Object.keys(messages).sort());
});

test('a schema refuses a message with another field', () => {
  const payload = messages['coupon_unlocked']?.payload ?? {};
  const data = { couponBookId: 'b', code: 'c', userId: 'u', lockId: 1 };
  const message = { type: 'event', topics: ['code:c'], cursor: 'x', event: 'coupon.unlocked', at: 'now', data };
  assert.ok(z.fromJSONSchema(payload).safeParse(message).success);
  const wrong = { ...message, data: { ...data, lockedUntil: 'now' } };
  assert.ok(!z.fromJSONSchema(payload).safeParse(wrong).success);
});

/** Makes every kind of event and of answer. */
async function everyMessage(): Promise<LiveMessage[]> {
  const sockets: LiveSocket[] = [];
  const open = async (token: string, first: object, by: 'header' | 'message' = 'header'): Promise<LiveSocket> => {
    const socket = await openSocket(server.url, { token, by });
    sockets.push(socket);
    if (by === 'message') await socket.until(({ type }) => type === 'authenticated');
    socket.send(first);
    return socket;
  };
  // A cursor of all shards, so that a book is watched from before it was made.
  const everywhere = await open(api.token, { type: 'subscribe', topics: ['user:ada'], snapshot: true }, 'message');
  const { cursor = '' } = await everywhere.until(({ type }) => type === 'snapshot');
  const book = await call('POST', '/coupon-books', {
    name: 'described',
    endDate: '2099-01-01T00:00:00Z',
    metadata: { shop: 7 },
    initialCodes: Array.from({ length: 6 }, (_, n) => `DESC-${n}`),
  });
  const bookId = String(book['id']);
  const watcher = await open(api.token, { type: 'subscribe', topics: [`book:${bookId}`], since: cursor });
  await watcher.until(({ event }) => event === 'codes.added');

  const ada = { userId: 'ada' };
  await call('POST', '/coupons/assign/DESC-0', ada);
  await call('POST', '/coupons/DESC-0/lock', { ...ada, ttlSeconds: 60 });
  await call('POST', '/coupons/DESC-0/unlock', ada);
  await call('POST', '/coupons/DESC-0/lock', { ...ada, ttlSeconds: 1 });
  const redeemed = await call('POST', '/coupons/DESC-0/redeem', { ...ada, metadata: { till: 3 } });
  await call('POST', '/coupons/DESC-0/rollback', { redemptionId: redeemed['redemptionId'], reason: 'by mistake' });
  await call('POST', '/coupons/DESC-0/unassign', {});
  for (let n = 1; n < 6; n++) await call('POST', `/coupons/assign/DESC-${n}`, ada);
  await call('POST', '/coupons/DESC-1/lock', { ...ada, ttlSeconds: 1 });
  await call('POST', '/coupons/assign/DESC-0', ada);
  await watcher.until(({ event }) => event === 'pool.low');
  await watcher.until(({ event }) => event === 'coupon.lock_expired');
  await call('PATCH', `/coupon-books/${bookId}`, { name: 'described again' }, { 'if-match': '*' });

  await everyPromotionEvent(open);
  await everyStockEvent(open);

  const { jobId } = await call('POST', `/coupon-books/${bookId}/generate`, { quantity: 20_000 });
  const topics = [`job:${String(jobId)}`, 'code:DESC-1', `book:${bookId}`];
  const more = await open(api.token, { type: 'subscribe', topics, snapshot: true });
  await more.until(({ event }) => event === 'job.progress');
  await more.until(({ type, topic }) => type === 'snapshot' && topic === `book:${bookId}`);
  more.send({ type: 'unsubscribe', topics });
  await more.until(({ type }) => type === 'unsubscribed');
  more.send({ type: 'subscribe', topics: [7] });
  await more.until(({ type }) => type === 'error');

  const signedIn = { email: 'user@user.com', password: 'Password1' };
  const agent = new Agent();
  const user = await rawClient(server.url, agent)('POST', '/api/v1/auth/token', signedIn, {});
  agent.destroy();
  const shopper = await open(user.body.accessToken as string, {
    type: 'subscribe',
    topics: [`book:${bookId}`],
    snapshot: true,
  });
  await shopper.until(({ type }) => type === 'snapshot');

  // Version 1, another data set, no shards.
  const since = Buffer.from([1, 9, 9, 9, 9, 9, 9, 0]).toString('base64url');
  const late = await open(api.token, { type: 'subscribe', topics: ['user:ada'], since });
  await late.until(({ type }) => type === 'expired');

  await call('DELETE', `/coupon-books/${bookId}`);
  await watcher.until(({ event }) => event === 'book.archived');
  for (const socket of sockets) socket.end();
  return sockets.flatMap((socket) => socket.messages);
}

async function everyPromotionEvent(open: (token: string, first: object) => Promise<LiveSocket>): Promise<void> {
  const campaignId = '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90';
  const discount = { campaignId, type: 'percentage', discount: 10, couponFor: 'product' };
  const { id } = await call('POST', '/coupons', { ...discount, code: 'TOLD', maxUsage: 100 });
  const topics = [`promotion:${String(id)}`, `campaign:${campaignId}`];
  const watcher = await open(api.token, { type: 'subscribe', topics, snapshot: true });
  for (const topic of topics) await watcher.until((message) => message.type === 'snapshot' && message.topic === topic);
  await call('POST', '/coupons', { ...discount, automatic: true, couponFor: 'minPurchase', minPurchaseAmount: 5 });
  const cart = { codes: ['TOLD'], cartTotal: 20, productIds: [], reserve: true };
  const reserved = await call('POST', '/coupons/apply', { ...cart, userId: 'ada', cartId: 'told' });
  await call('POST', '/coupons/apply', { ...cart, userId: 'ada', cartId: 'told' });
  const path = `/reservations/${String(reserved['reservationId'])}`;
  await call('POST', `${path}/commit`, { orderId: 'order-1' });
  await call('POST', `${path}/rollback`, { reason: 'returned' });
  const { reservationId } = await call('POST', '/coupons/apply', cart);
  await call('POST', `/reservations/${String(reservationId)}/release`);
  await call('POST', '/coupons/apply', { ...cart, reserveSeconds: 1 });
  await call('POST', '/coupons/increment-usage', { code: 'TOLD' });
  await watcher.until(({ data }) => data?.reason === 'expired');
  await call('PATCH', `/coupons/${String(id)}`, { name: 'told' });
  await call('DELETE', `/coupons/${String(id)}`);
  await watcher.until(({ event }) => event === 'promotion.archived');
}

async function everyStockEvent(open: (token: string, first: object) => Promise<LiveSocket>): Promise<void> {
  const productId = 'told';
  const watcher = await open(api.token, { type: 'subscribe', topics: [`product:${productId}`] });
  await watcher.until(({ type }) => type === 'subscribed');
  await call('POST', '/flash/init', { productId, quantity: 3, holdSeconds: 60 });
  const order = { productId, userId: 'ada' };
  const [first, second] = [
    await call('POST', '/flash/order', order, { 'idempotency-key': 'told-1' }),
    await call('POST', '/flash/order', order, { 'idempotency-key': 'told-2' }),
  ];
  await call('POST', `/flash/orders/${String(first['orderId'])}/confirm`);
  await call('POST', `/flash/orders/${String(first['orderId'])}/fulfil`);
  await call('POST', `/flash/cancel/${String(second['orderId'])}`);
  await call('POST', `/flash/${productId}/pause`);
  await watcher.until(({ event }) => event === 'stock.changed');
}

async function call(method: string, path: string, body?: object, headers = {}): Promise<Record<string, unknown>> {
  const answered = await api.call(method, path, body, headers);
  assert.ok(answered.status < 300, `${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`);
  return answered.body as Record<string, unknown>;
}

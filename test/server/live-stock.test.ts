/** Live events of stock and orders: what they say, who sees them, and from where they are read. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Connection, connect } from '../support/api.js';
import { type LiveMessage, openSocket, openStream } from '../support/live.js';
import { untilProjected } from '../support/projected.js';
import { succeeded } from '../support/served.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const CAMPAIGN = '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90';
const PRODUCT = 'Schuh „42“';

const order = (api: Connection, key: string, userId: string) =>
  succeeded(api, 'POST', '/flash/order', { productId: PRODUCT, userId }, { 'idempotency-key': key });

/** Events of every kind. Returns the ids of the orders. */
async function changeEverything(api: Connection): Promise<readonly [string, string, string]> {
  const settings = { productId: PRODUCT, quantity: 5, perUserLimit: 2, campaignId: CAMPAIGN };
  await succeeded(api, 'POST', '/flash/init', { ...settings, holdSeconds: 2 });
  const first = await order(api, 'key-1', 'ada');
  await succeeded(api, 'POST', `/flash/orders/${first.orderId}/confirm`);
  await succeeded(api, 'POST', `/flash/orders/${first.orderId}/fulfil`);
  const second = await order(api, 'key-2', 'bob');
  await succeeded(api, 'POST', `/flash/cancel/${second.orderId}`);
  await succeeded(api, 'POST', `/flash/${encodeURIComponent(PRODUCT)}/adjust`, { by: 1 });
  const third = await order(api, 'key-3', 'ada');
  return [first.orderId, second.orderId, third.orderId];
}

const KINDS = [
  'initialized',
  'ordered',
  'confirmed',
  'fulfilled',
  'ordered',
  'cancelled',
  'changed',
  'ordered',
  'cancelled',
];
const isLast = ({ data }: LiveMessage): boolean => data?.reason === 'expired';
const said = (messages: readonly LiveMessage[]) => messages.map(({ event, at, data }) => ({ event, at, data }));

async function resumed(
  server: Server,
  token: string,
  topics: readonly string[],
  since: string,
): Promise<LiveMessage[]> {
  const socket = await openSocket(server.url, { token });
  socket.send({ type: 'subscribe', topics, since });
  await socket.until(isLast);
  socket.end();
  return socket.events();
}

async function auditResumes({ url }: Server): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^clipbook_live_resumes_total\{source="audit"\} (\d+)$/m.exec(text)?.[1]);
}

test('every kind of event of stock is the same live, from memory, from the journal and from the audit rows', async (t: TestContext) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const start = async () => {
    const env = { JOURNAL_RETENTION_HOURS: '0', JOURNAL_RETENTION_BYTES: '0', SHARDS: '4' };
    const server = await startServer(directory.path, env, PROBED_MAIN);
    undo(() => server.kill());
    const api = await connect(server.url);
    undo(async () => api.close());
    return { server, api };
  };
  const first = await start();
  const { token } = first.api;
  const live = await openSocket(first.server.url, { token });
  live.send({ type: 'subscribe', topics: [`product:${PRODUCT}`] });
  const { cursor: since = '' } = await live.until(({ type }) => type === 'subscribed');
  const [one, two, three] = await changeEverything(first.api);
  await live.until(isLast);
  const events = live.events();
  assert.deepEqual(
    events.map(({ event }) => event),
    KINDS.map((kind) => `stock.${kind}`),
  );
  const about = { productId: PRODUCT, campaignId: CAMPAIGN };
  const ofRound = { round: 1, startsAt: null, endsAt: null, perUserLimit: 2, holdSeconds: 2, isPaused: false };
  const { confirmBy, ...ordered } = events[1]?.data ?? {};
  assert.deepEqual(events[0]?.data, { ...about, ...ofRound, quantity: 5, version: 1 });
  assert.deepEqual(ordered, { ...about, orderId: one, userId: 'ada', round: 1 });
  assert.ok(Date.parse(String(confirmBy)) > Date.now() - 60_000);
  assert.deepEqual(events[2]?.data, { ...about, orderId: one, userId: 'ada' });
  assert.deepEqual(events[5]?.data, { ...about, orderId: two, userId: 'bob', reason: 'cancelled' });
  assert.deepEqual(events[6]?.data, { ...about, ...ofRound, quantity: 6, version: 2 });
  assert.deepEqual(events[8]?.data, { ...about, orderId: three, userId: 'ada', reason: 'expired' });

  const ofAda = said(events.filter(({ data }) => data.userId === 'ada'));
  const topicSets: readonly (readonly [readonly string[], typeof ofAda])[] = [
    [[`product:${PRODUCT}`], said(events)],
    [[`campaign:${CAMPAIGN}`], said(events)],
    [['user:ada'], ofAda],
  ];
  for (const [topics, expected] of topicSets)
    assert.deepEqual(
      said(await resumed(first.server, token, topics, since)),
      expected,
      `${topics.join()} from the ring`,
    );
  const stream = await openStream(
    first.server.url,
    { topics: `product:${PRODUCT}`, since },
    { authorization: `Bearer ${token}` },
  );
  await stream.until(isLast);
  stream.end();
  assert.deepEqual(said(stream.events()), said(events), 'over Server-Sent Events');
  assert.equal(await auditResumes(first.server), 0);

  await untilProjected(first.server.url);
  await first.server.kill();
  const second = await start();
  for (let tries = 1; (await auditResumes(second.server)) === 0; tries++) {
    for (const [topics, expected] of topicSets)
      assert.deepEqual(said(await resumed(second.server, token, topics, since)), expected, topics.join());
    assert.ok(tries <= 100, `after ${tries} tries`);
    await second.api.call('POST', '/coupon-books', { name: 'goes on' });
    // It has the old files open, and goes on reading what was deleted.
    await second.server.ask({ ask: 'killLiveThread' });
  }
  for (const [topics, expected] of topicSets)
    assert.deepEqual(said(await resumed(second.server, token, topics, since)), expected, 'from the audit rows');
  await assertRights(second.api, second.server);
});

/** The snapshot is what the API shows, and users see their own orders only. */
async function assertRights(api: Connection, server: Server): Promise<void> {
  const staff = await openSocket(server.url, { token: api.token });
  staff.send({ type: 'subscribe', topics: [`product:${PRODUCT}`], snapshot: true });
  const snapshot = await staff.until(({ type }) => type === 'snapshot');
  assert.deepEqual(
    [snapshot.data.productId, snapshot.data.quantity, snapshot.data.sold, snapshot.data.remaining],
    [PRODUCT, 6, 1, 5],
  );
  const credentials = { email: 'buyer@example.com', password: 'correct horse battery' };
  const { id } = await succeeded(api, 'POST', '/users', credentials);
  const { accessToken } = await succeeded(api, 'POST', '/auth/token', credentials);
  const user = await openSocket(server.url, { token: accessToken });
  user.send({ type: 'subscribe', topics: [`product:${PRODUCT}`, `user:${id}`], snapshot: true });
  await user.until(({ type }) => type === 'subscribed');
  await order(api, 'key-4', 'eve');
  const { orderId } = await order(api, 'key-5', id);
  await user.until(({ event }) => event === 'stock.ordered');
  assert.deepEqual(
    user.events().map(({ event, topics, data }) => [event, topics, data.orderId]),
    [['stock.ordered', [`user:${id}`], orderId]],
  );
  for (const socket of [staff, user]) socket.end();
}

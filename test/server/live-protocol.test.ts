import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createTokens } from '../../src/http/exchange/auth.js';
import { type Connection, connect } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { openSocket } from '../support/live.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const SECRET = 'a secret of the tests that is long enough';
const directory = await temporaryDirectory();
const server = await startServer(directory.path, {
  JWT_SECRET: SECRET,
  LIVE_TOPICS_MAX: '3',
  LIVE_CONNECTIONS_PER_CALLER_MAX: '5',
});
const api: Connection = await connect(server.url);
const { body: me } = await api.call('GET', '/auth/me');

after(async () => {
  api.close();
  await server.kill();
  await directory.remove();
});

/** A token of the admin that ends so soon. */
function tokenFor(seconds: number): Promise<string> {
  const options = {
    secret: SECRET,
    issuer: 'clipbook',
    audience: 'clipbook',
    ttlSeconds: seconds,
    refusesSeeded: false,
  };
  return createTokens(options).sign({ id: me.id, email: me.email, role: me.role }, Date.now());
}

const topic = 'user:ada';

describe('a WebSocket', () => {
  for (const by of ['header', 'subprotocol', 'message'] as const) {
    test(`takes the token by ${by}`, async () => {
      const socket = await openSocket(server.url, { token: api.token, by });
      socket.send({ type: 'subscribe', topics: [topic] });
      assert.deepEqual((await socket.until(({ type }) => type === 'subscribed')).topics, [topic]);
      assert.equal(socket.socket.protocol, by === 'subprotocol' ? 'bearer' : '');
      socket.end();
    });
  }

  test('is also served at /events', async () => {
    const socket = await openSocket(server.url, { token: api.token, path: '/events' });
    socket.send({ type: 'subscribe', topics: [topic] });
    await socket.until(({ type }) => type === 'subscribed');
    socket.end();
  });

  test('is refused with 401 for a wrong token in the header or the subprotocol', async () => {
    await assert.rejects(openSocket(server.url, { token: 'wrong', by: 'header' }), /status 401/);
    await assert.rejects(openSocket(server.url, { token: 'wrong', by: 'subprotocol' }), /status 401/);
  });

  test('is closed with 4401 for a wrong token in the first message, and for another first message', async () => {
    const wrong = await openSocket(server.url, { token: 'wrong', by: 'message' });
    assert.equal(await wrong.closed(), 4401);
    const none = await openSocket(server.url);
    none.send({ type: 'subscribe', topics: [topic] });
    assert.equal(await none.closed(), 4401);
  });

  test('is closed with 4401 when no token comes within five seconds', async () => {
    const beganMs = performance.now();
    const socket = await openSocket(server.url);
    assert.equal(await socket.closed(), 4401);
    assert.ok(performance.now() - beganMs > 4500);
  });

  test('ends with 4401 within a second of the end of its token, unless a newer one came before', async () => {
    const beganMs = performance.now();
    const socket = await openSocket(server.url, { token: await tokenFor(1) });
    const renewed = await openSocket(server.url, { token: await tokenFor(1) });
    renewed.send({ type: 'auth', token: api.token });
    await renewed.until(({ type }) => type === 'authenticated');
    // A token counts for five seconds after its end, for clocks that differ.
    assert.equal(await socket.closed(), 4401);
    assert.ok(performance.now() - beganMs < 8000, 'a second for the token, five for the clocks, one to notice');
    renewed.send({ type: 'subscribe', topics: [topic] });
    await renewed.until(({ type }) => type === 'subscribed');
    renewed.end();
  });

  test('ends with 4401 within a second of the repair of its account', async () => {
    const credentials = { email: 'till@example.com', password: 'correct horse battery' };
    assert.equal((await api.call('POST', '/users', { ...credentials, role: 'service' })).status, 201);
    const { body } = await api.call('POST', '/auth/token', credentials);
    const socket = await openSocket(server.url, { token: body.accessToken });
    socket.send({ type: 'subscribe', topics: [topic] });
    await socket.until(({ type }) => type === 'subscribed');
    const { code } = await ended(startCli(['user', 'disable', credentials.email], { DATA_DIR: directory.path }));
    const disabledMs = performance.now();
    assert.equal(code, 0);
    assert.equal(await socket.closed(), 4401);
    const tookMs = performance.now() - disabledMs;
    assert.ok(tookMs < 1000, `after ${tookMs} ms`);
  });

  test('tells what is wrong with a message, and stays open', async () => {
    const socket = await openSocket(server.url, { token: api.token });
    const refused: readonly (readonly [message: object | string, code: string])[] = [
      ['{', 'not-json'],
      [{ type: 'dance' }, 'invalid-message'],
      [{ type: 'subscribe' }, 'invalid-message'],
      [{ type: 'subscribe', topics: [] }, 'invalid-message'],
      [{ type: 'subscribe', topics: [topic], extra: 1 }, 'invalid-message'],
      [{ type: 'subscribe', topics: ['ada'] }, 'invalid-topic'],
      [{ type: 'subscribe', topics: ['book:1'] }, 'invalid-topic'],
      [{ type: 'subscribe', topics: [topic], since: 'abc' }, 'bad-cursor'],
      [{ type: 'subscribe', topics: ['user:a', 'user:b', 'user:c', 'user:d'] }, 'too-many-topics'],
    ];
    for (const [n, [message, code]] of refused.entries()) {
      socket.send(message);
      await socket.until(() => socket.messages.length > n);
      assert.equal(socket.messages[n]?.code, code, JSON.stringify(message));
    }
    socket.send({ type: 'subscribe', topics: [topic] });
    const { cursor } = await socket.until(({ type }) => type === 'subscribed');
    socket.send({ type: 'subscribe', topics: ['user:b'], since: cursor });
    await socket.until(({ code }) => code === 'since-too-late');
    socket.send({ type: 'subscribe', topics: ['user:b'], since: cursor, snapshot: true });
    await socket.until(({ code }) => code === 'since-and-snapshot');
    socket.end();
  });

  test('gives a snapshot of a topic that it has already, and of one that is named twice only once', async () => {
    const socket = await openSocket(server.url, { token: api.token });
    socket.send({ type: 'subscribe', topics: ['code:NONE-1', topic] });
    await socket.until(({ type }) => type === 'subscribed');
    socket.send({ type: 'subscribe', topics: ['code:none-1', 'code:NONE-1', topic], snapshot: true });
    await socket.until((message) => message.type === 'snapshot');
    socket.send({ type: 'unsubscribe', topics: [topic] });
    await socket.until(({ type }) => type === 'unsubscribed');
    assert.deepEqual(
      socket.messages.filter(({ type }) => type === 'snapshot').map((message) => message.topic),
      [topic],
    );
    socket.end();
  });

  test('tells of codes that are made after it began to watch them, in whatever shard, and resumes there', async () => {
    const codes = ['LATER-A', 'LATER-B', 'LATER-C'];
    const topics = codes.map((code) => `code:${code}`);
    const first = await openSocket(server.url, { token: api.token });
    first.send({ type: 'subscribe', topics });
    const { cursor } = await first.until(({ type }) => type === 'subscribed');
    for (const code of codes) {
      await api.call('POST', '/coupon-books', { name: 'later', initialCodes: [code] });
      await api.call('POST', `/coupons/assign/${code}`, { userId: 'ada' });
      await first.until(({ event, data }) => event === 'coupon.assigned' && data?.code === code);
    }
    first.end();
    const second = await openSocket(server.url, { token: api.token });
    second.send({ type: 'subscribe', topics, since: cursor });
    for (const code of codes) await second.until(({ data }) => data?.code === code);
    second.end();
  });

  test('tells no more of a topic after unsubscribe', async () => {
    const codes = ['OFF-1', 'OFF-2'];
    const { body } = await api.call('POST', '/coupon-books', { name: 'off', initialCodes: codes });
    const socket = await openSocket(server.url, { token: api.token });
    socket.send({ type: 'subscribe', topics: ['code:OFF-1', `book:${body.id}`] });
    await socket.until(({ type }) => type === 'subscribed');
    socket.send({ type: 'unsubscribe', topics: [`book:${body.id}`] });
    await socket.until(({ type }) => type === 'unsubscribed');
    await api.call('POST', '/coupons/assign/OFF-2', { userId: 'ada' });
    await api.call('POST', '/coupons/assign/OFF-1', { userId: 'ada' });
    await socket.until(({ data }) => data?.code === 'OFF-1');
    assert.deepEqual(
      socket.events().map(({ data, topics }) => [data.code, topics]),
      [['OFF-1', ['code:OFF-1']]],
    );
    socket.end();
  });

  test('is told that its cursor expired when it is of other data, or of what is still to come', async () => {
    const socket = await openSocket(server.url, { token: api.token });
    socket.send({ type: 'subscribe', topics: [topic] });
    const { cursor = '' } = await socket.until(({ type }) => type === 'subscribed');
    socket.end();
    const ofOtherData = Buffer.from(cursor, 'base64url');
    ofOtherData[2] = (ofOtherData[2] ?? 0) ^ 1;
    const ofTheFuture = Buffer.from(cursor, 'base64url');
    // The sequence of the last shard, which is a byte below 128 here.
    ofTheFuture[ofTheFuture.length - 1] = 127;
    for (const bytes of [ofOtherData, ofTheFuture]) {
      const other = await openSocket(server.url, { token: api.token });
      other.send({ type: 'subscribe', topics: [topic], since: bytes.toString('base64url') });
      await other.until(({ type }) => type === 'expired');
      other.send({ type: 'subscribe', topics: [topic], snapshot: true });
      await other.until(({ type }) => type === 'snapshot');
      other.end();
    }
  });

  test('is refused with 503 when its account has too many', async () => {
    const sockets = [];
    for (let n = 0; n < 5; n++) sockets.push(await openSocket(server.url, { token: api.token }));
    await assert.rejects(openSocket(server.url, { token: api.token }), /status 503/);
    for (const socket of sockets) socket.end();
    // The server hears of it a moment later.
    for (;;) {
      const last = await openSocket(server.url, { token: api.token }).catch(() => null);
      if (last === null) continue;
      last.end();
      return;
    }
  });

  test('is closed when a message is longer than any that is right', async () => {
    const socket = await openSocket(server.url, { token: api.token });
    socket.send(JSON.stringify({ type: 'subscribe', topics: ['x'.repeat(40_000)] }));
    await socket.closed();
  });

  test('an ordinary request to its path is told to upgrade', async () => {
    const answer = await fetch(`${server.url}/api/v1/events`);
    assert.equal(answer.status, 426);
    assert.match(answer.headers.get('upgrade') ?? '', /websocket/);
    assert.equal(((await answer.json()) as { type: string }).type, '/problems/upgrade-required');
  });
});

test('a job is told of while it runs', async () => {
  const { body: book } = await api.call('POST', '/coupon-books', { name: 'job', codePattern: 'JOB-########' });
  const { status, body: job } = await api.call('POST', `/coupon-books/${book.id}/generate`, { quantity: 20_000 });
  assert.equal(status, 202);
  const socket = await openSocket(server.url, { token: api.token });
  socket.send({ type: 'subscribe', topics: [`job:${job.jobId}`, `book:${book.id}`], snapshot: true });
  const snapshot = await socket.until((message) => message.type === 'snapshot' && message.topic === `job:${job.jobId}`);
  assert.equal(snapshot.data.jobId, job.jobId);
  const done = await socket.until(({ event, data }) => event === 'job.progress' && data.status === 'completed');
  assert.equal(done.cursor, undefined);
  assert.equal(done.data.result.generatedCodes, 20_000);
  socket.end();
});

test('the staff is told once when the pool of a book gets low', async () => {
  const codes = Array.from({ length: 20 }, (_, n) => `POOL-${n}`);
  const { body } = await api.call('POST', '/coupon-books', { name: 'pool', initialCodes: codes });
  const socket = await openSocket(server.url, { token: api.token });
  socket.send({ type: 'subscribe', topics: [`book:${body.id}`] });
  await socket.until(({ event }) => event === 'book.counts');
  for (const code of codes) await api.call('POST', `/coupons/assign/${code}`, { userId: 'ada' });
  await socket.until(({ event, data }) => event === 'book.counts' && data.counts.available === 0);
  const hints = socket.messages.filter(({ event }) => event === 'pool.low');
  assert.equal(hints.length, 1);
  assert.equal(hints[0]?.cursor, undefined);
  assert.equal(hints[0]?.data.total, 20);
  assert.ok(hints[0]?.data.available < 2);
  socket.end();
});

test('a client that stops reading is cut with 4008, the others get everything, and it resumes with its last cursor', async () => {
  const codes = Array.from({ length: 1000 }, (_, n) => `SLOW-${n}`);
  const { body } = await api.call('POST', '/coupon-books', {
    name: 'slow',
    initialCodes: codes,
    allowMultipleRedemptions: true,
  });
  const topics = [`book:${body.id}`];
  const slow = await openSocket(server.url, { token: api.token });
  const other = await openSocket(server.url, { token: api.token });
  for (const socket of [slow, other]) {
    socket.send({ type: 'subscribe', topics });
    await socket.until(({ type }) => type === 'subscribed');
  }
  slow.socket.pause();
  const metadata = { note: 'x'.repeat(3000) };
  const cut = async (): Promise<boolean> =>
    /clipbook_live_readers_cut_total [1-9]/.test(await (await fetch(`${server.url}/metrics`)).text());
  let redeemed = 0;
  await api.call('POST', '/coupons/assign/SLOW-0', { userId: 'ada' });
  while (!(await cut()) || redeemed % 100 !== 0) {
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => api.call('POST', '/coupons/SLOW-0/redeem', { userId: 'ada', metadata })),
    );
    redeemed += replies.filter(({ status }) => status === 200).length;
    assert.ok(redeemed < 20_000, 'it was not cut');
  }
  const ended = slow.closed();
  slow.socket.resume();
  assert.equal(await ended, 4008);
  await other.until(() => other.events().length >= redeemed + 1);
  const seen = slow.events();
  assert.ok(seen.length < redeemed);
  const resumed = await openSocket(server.url, { token: api.token });
  const since = slow.messages.findLast(({ cursor }) => cursor !== undefined)?.cursor;
  resumed.send({ type: 'subscribe', topics, since });
  await resumed.until(() => seen.length + resumed.events().length >= redeemed + 1);
  const all = [...seen, ...resumed.events()];
  assert.deepEqual(
    all.map(({ at, data }) => [at, data]),
    other.events().map(({ at, data }) => [at, data]),
  );
  resumed.end();
  other.end();
});

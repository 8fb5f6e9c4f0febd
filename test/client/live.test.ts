/** The live client against the real server, which loses its connections, is killed, and stalls. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WebSocket } from 'ws';
import {
  LiveClient,
  type LiveClientOptions,
  type LiveError,
  type LiveEvent,
  type LiveState,
} from '../../src/client/live.js';
import { createTokens } from '../../src/http/exchange/auth.js';
import { waitFor } from '../journal/wait-for.js';
import { type Connection, connect } from '../support/api.js';
import { chromium } from '../support/browser.js';
import { testBuild } from '../support/build.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const SECRET = 'a secret of the tests of the live client';
const ENV = { JWT_SECRET: SECRET };
const directory = await temporaryDirectory();
const built = testBuild();
let server: Server = await startServer(directory.path, ENV);
let api: Connection = await connect(server.url);
const port = new URL(server.url).port;

const clients: LiveClient[] = [];

after(async () => {
  for (const client of clients) client.close();
  api.close();
  await server.kill();
  await directory.remove();
});

/** All sockets of a client, so that a test can cut them. */
function sockets(): { readonly made: WebSocket[]; readonly Socket: new (url: string) => WebSocket } {
  const made: WebSocket[] = [];
  class Socket extends WebSocket {
    constructor(url: string) {
      super(url);
      made.push(this);
    }
  }
  return { made, Socket };
}

interface Watcher {
  readonly client: LiveClient;
  readonly sockets: readonly WebSocket[];
  readonly states: readonly LiveState[];
  readonly events: readonly LiveEvent[];
  readonly errors: readonly LiveError[];
  /** Topics of snapshots, and names of events that are not counts, in the order of arrival. */
  readonly story: readonly string[];
  codes(): string[];
  until(condition: () => boolean, what: string): Promise<void>;
}

function watch(options: Partial<LiveClientOptions> = {}): Watcher {
  const { made, Socket } = sockets();
  const client = new LiveClient({
    url: server.url,
    token: () => api.token,
    WebSocket: Socket,
    retryMsMin: 20,
    retryMsMax: 200,
    ...options,
  });
  clients.push(client);
  const states: LiveState[] = [];
  const events: LiveEvent[] = [];
  const errors: LiveError[] = [];
  const story: string[] = [];
  client.on('state', (state) => states.push(state));
  client.on('error', (error) => errors.push(error));
  client.on('expired', () => story.push('expired'));
  client.on('snapshot', ({ topic }) => story.push(`snapshot ${topic}`));
  client.on('event', (event) => {
    if (event.event === 'book.counts' || event.cursor === null) return;
    events.push(event);
    story.push(`${event.event} ${String(event.data['code'])}`);
  });
  return {
    client,
    sockets: made,
    states,
    events,
    errors,
    story,
    codes: () => events.map(({ data }) => String(data['code'])),
    async until(condition, what) {
      await waitFor(condition, what).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${JSON.stringify({ states, errors, story: story.slice(-20) })}`);
      });
    },
  };
}

async function makeBook(codes: readonly string[], settings: object = {}): Promise<string> {
  const book = { name: 'live', initialCodes: codes, ...settings };
  const { body, status } = await api.call('POST', '/coupon-books', book);
  assert.equal(status, 201);
  return body.id as string;
}

async function assign(code: string, userId = 'ada'): Promise<void> {
  const { status } = await api.call('POST', `/coupons/assign/${code}`, { userId });
  assert.equal(status, 200, code);
}

async function cutReaders(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^clipbook_live_readers_cut_total (\d+)$/m.exec(text)?.[1]);
}

const codesOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(4, '0')}`);

test('a client gets a snapshot first, then each event once and in order', async () => {
  const codes = codesOf('ONCE', 20);
  const bookId = await makeBook(codes);
  const watcher = watch({ topics: [`book:${bookId}`], snapshot: true });
  const redeemed: string[] = [];
  watcher.client.on('coupon.redeemed', ({ data }) => void redeemed.push(String(data['code'])));
  await watcher.until(() => watcher.story.length === 1, 'the snapshot');
  for (const code of codes) await assign(code);
  await api.call('POST', `/coupons/${codes[3]}/redeem`, { userId: 'ada' });
  await watcher.until(() => redeemed.length === 1, 'the redemption');
  assert.deepEqual(watcher.story, [
    `snapshot book:${bookId}`,
    ...codes.map((code) => `coupon.assigned ${code}`),
    `coupon.redeemed ${codes[3]}`,
  ]);
  assert.deepEqual(redeemed, [codes[3]]);
  assert.deepEqual(watcher.states, ['live']);
  watcher.client.close();
});

test('a client whose connections end at any time gets each event once and in order', async () => {
  const codes = codesOf('CUT', 300);
  const bookId = await makeBook(codes);
  const watcher = watch({ topics: [`book:${bookId}`, 'user:ada', 'user:bob'] });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  for (const [n, code] of codes.entries()) {
    await assign(code);
    if (n % 12 !== 5) continue;
    await watcher.until(() => watcher.client.state === 'live', 'live again');
    watcher.sockets.at(-1)?.terminate();
  }
  await watcher.until(() => watcher.events.length >= codes.length, 'all events');
  assert.deepEqual(watcher.codes(), codes);
  assert.deepEqual(watcher.events[0]?.topics, [`book:${bookId}`, 'user:ada']);
  assert.ok(watcher.sockets.length > 10);
  watcher.client.close();
});

test('a client resumes after a kill of the server', async () => {
  const codes = codesOf('KILL', 6);
  const bookId = await makeBook(codes);
  const watcher = watch({ topics: [`book:${bookId}`], snapshot: true });
  await watcher.until(() => watcher.story.length === 1, 'the snapshot');
  await assign(codes[0] ?? '');
  await watcher.until(() => watcher.events.length === 1, 'the first event');
  watcher.sockets.at(-1)?.pause();
  await assign(codes[1] ?? '');
  api.close();
  await server.kill();
  // A paused socket does not hear of it, and what it has not read is gone.
  watcher.sockets.at(-1)?.terminate();
  await watcher.until(() => watcher.client.state === 'reconnecting', 'reconnecting');
  server = await startServer(directory.path, { ...ENV, PORT: port });
  api = await connect(server.url);
  for (const code of codes.slice(2)) await assign(code);
  await watcher.until(() => watcher.events.length >= codes.length, 'all events');
  assert.deepEqual(watcher.story, [`snapshot book:${bookId}`, ...codes.map((code) => `coupon.assigned ${code}`)]);
  assert.equal(watcher.client.state, 'live');
  watcher.client.close();
});

test('topics come and go while a client runs, also while it is not connected', async () => {
  const [first, second, third] = [codesOf('COME', 4), codesOf('GO', 4), codesOf('LATE', 4)] as const;
  const [firstId, secondId, thirdId] = [await makeBook(first), await makeBook(second), await makeBook(third)];
  const watcher = watch({ topics: [`book:${firstId}`] });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  watcher.client.subscribe([`book:${secondId}`], { snapshot: true });
  await watcher.until(() => watcher.story.length === 1, 'the snapshot');
  await assign(first[0] ?? '');
  // The books can lie in different shards, and between shards there is no order.
  await watcher.until(() => watcher.events.length === 1, 'the first event');
  await assign(second[0] ?? '');
  await watcher.until(() => watcher.events.length === 2, 'both events');
  watcher.client.unsubscribe([`book:${firstId}`]);
  await assign(first[1] ?? '');
  await assign(second[1] ?? '');
  await watcher.until(() => watcher.events.length === 3, 'one more event');

  await assign(third[0] ?? '');
  const closed = new Promise((resolve) => watcher.sockets.at(-1)?.once('close', resolve));
  watcher.sockets.at(-1)?.terminate();
  await closed;
  assert.equal(watcher.client.state, 'reconnecting');
  watcher.client.subscribe([`book:${thirdId}`], { snapshot: true });
  await assign(second[2] ?? '');
  await watcher.until(() => watcher.story.at(-1) === `snapshot book:${thirdId}`, 'the snapshot');
  await assign(third[1] ?? '');
  await watcher.until(() => watcher.story.at(-1) === `coupon.assigned ${third[1]}`, 'the last event');
  assert.deepEqual(watcher.story, [
    `snapshot book:${secondId}`,
    `coupon.assigned ${first[0]}`,
    `coupon.assigned ${second[0]}`,
    `coupon.assigned ${second[1]}`,
    `coupon.assigned ${second[2]}`,
    `snapshot book:${thirdId}`,
    `coupon.assigned ${third[1]}`,
  ]);
  watcher.client.close();
});

test('many topics that are added one by one are asked for together', async () => {
  const codes = codesOf('EACH', 60);
  await makeBook(codes);
  const watcher = watch();
  await watcher.until(() => watcher.client.state === 'live', 'live');
  for (const code of codes) watcher.client.subscribe([`code:${code}`], { snapshot: true });
  await watcher.until(() => watcher.story.length === codes.length, 'all snapshots');
  for (const code of codes) await assign(code);
  await watcher.until(() => watcher.events.length >= codes.length, 'all events');
  assert.deepEqual(watcher.codes().sort(), codes);
  assert.deepEqual(watcher.errors, []);
  assert.equal(watcher.sockets.length, 1);
  watcher.client.close();
});

test('a topic that is named in two ways is watched until both are given up', async () => {
  const [code = ''] = codesOf('TWICE', 1);
  await makeBook([code]);
  const watcher = watch({ topics: [`code:${code}`, `code:${code.toLowerCase()}`] });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  await assign(code);
  await watcher.until(() => watcher.events.length === 1, 'the event');
  watcher.client.unsubscribe([`code:${code}`]);
  await api.call('POST', `/coupons/${code}/lock`, { userId: 'ada' });
  await watcher.until(() => watcher.events.length === 2, 'the second event');
  watcher.client.close();
});

test('a refused topic is reported, and the others go on', async () => {
  const [code = ''] = codesOf('GOOD', 1);
  await makeBook([code]);
  const watcher = watch({ topics: [`code:${code}`] });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  watcher.client.subscribe(['nothing']);
  await watcher.until(() => watcher.errors.length === 1, 'the refusal');
  assert.equal(watcher.errors[0]?.code, 'invalid-topic');
  assert.deepEqual(watcher.errors[0]?.topics, ['nothing']);
  await assign(code);
  await watcher.until(() => watcher.events.length === 1, 'the event');
  assert.equal(watcher.sockets.length, 1);
  watcher.client.close();
});

test('a server that does not answer is stale, and live again when it answers', async () => {
  const [code = ''] = codesOf('STALE', 1);
  await makeBook([code]);
  const watcher = watch({ topics: [`code:${code}`], silenceMsMax: 600 });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  process.kill(server.pid, 'SIGSTOP');
  try {
    await watcher.until(() => watcher.client.state === 'stale', 'stale');
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await watcher.until(() => watcher.client.state === 'live', 'live again');
  assert.deepEqual(watcher.states, ['live', 'stale', 'live']);
  assert.equal(watcher.sockets.length, 1);
  watcher.client.close();
});

test('a client that hears nothing for long gives the connection up, and resumes on another one', async () => {
  const codes = codesOf('MUTE', 2);
  const bookId = await makeBook(codes);
  const watcher = watch({ topics: [`book:${bookId}`], silenceMsMax: 300 });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  await assign(codes[0] ?? '');
  await watcher.until(() => watcher.events.length === 1, 'the first event');
  process.kill(server.pid, 'SIGSTOP');
  try {
    // The second one connects to the kernel, which does not answer the request.
    await watcher.until(() => watcher.sockets.length > 2, 'a second try');
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await assign(codes[1] ?? '');
  await watcher.until(() => watcher.events.length === 2, 'the second event');
  assert.deepEqual(watcher.codes(), codes);
  assert.deepEqual(watcher.states, ['live', 'stale', 'reconnecting', 'live']);
  watcher.client.close();
});

test('a quiet connection stays live', async () => {
  const watcher = watch({ topics: ['user:nobody'], silenceMsMax: 200 });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  const beganMs = performance.now();
  await watcher.until(() => performance.now() - beganMs > 1_000, 'five times the silence');
  assert.deepEqual(watcher.states, ['live']);
  assert.equal(watcher.sockets.length, 1);
  watcher.client.close();
});

/** A token of the admin that ends soon. */
async function shortToken(ttlSeconds: number): Promise<string> {
  const { sub } = JSON.parse(atob(api.token.split('.')[1] ?? '')) as { readonly sub: string };
  const tokens = createTokens({
    secret: SECRET,
    issuer: 'clipbook',
    audience: 'clipbook',
    ttlSeconds,
    refusesSeeded: false,
  });
  return tokens.sign({ id: sub, email: 'admin@admin.com', role: 'admin', generation: 0 }, Date.now());
}

test('a token is renewed on the same connection before it ends', async () => {
  const [code = ''] = codesOf('RENEW', 1);
  await makeBook([code]);
  const given: string[] = [];
  const watcher = watch({
    topics: [`code:${code}`],
    silenceMsMax: 600,
    token: async () => {
      given.push(await shortToken(2));
      return given.at(-1) ?? '';
    },
  });
  await watcher.until(() => given.length === 4, 'three renewals');
  await assign(code);
  await watcher.until(() => watcher.events.length === 1, 'the event');
  assert.deepEqual(watcher.states, ['live']);
  assert.equal(watcher.sockets.length, 1);
  watcher.client.close();
});

test('a client whose token is refused asks for another one', async () => {
  const [code = ''] = codesOf('AGAIN', 1);
  await makeBook([code]);
  const tokens = ['not a token', api.token];
  const watcher = watch({ topics: [`code:${code}`], token: () => tokens.shift() ?? '' });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  assert.equal(watcher.sockets.length, 2);
  assert.equal(watcher.errors[0]?.code, 'connection');
  assert.match(watcher.errors[0]?.message ?? '', /4401/);
  watcher.client.close();
});

test('a client tries again when no token can be had', async () => {
  let calls = 0;
  const watcher = watch({
    token: () => (++calls < 3 ? Promise.reject(new Error('the sign-in is down')) : api.token),
  });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  assert.deepEqual(
    watcher.errors.map(({ code, message }) => [code, message]),
    Array(2).fill(['token', 'the sign-in is down']),
  );
  watcher.client.close();
});

test('a client whose cursor expired says so, and goes on from snapshots', async () => {
  const codes = codesOf('PAST', 2);
  const bookId = await makeBook(codes);
  // Version 1, another data set, no shards.
  const since = Buffer.from([1, 9, 9, 9, 9, 9, 9, 0]).toString('base64url');
  const watcher = watch({ topics: [`book:${bookId}`], since });
  await watcher.until(() => watcher.client.state === 'live' && watcher.story.length === 2, 'the snapshot');
  await assign(codes[0] ?? '');
  await watcher.until(() => watcher.events.length === 1, 'the event');
  assert.deepEqual(watcher.story, ['expired', `snapshot book:${bookId}`, `coupon.assigned ${codes[0]}`]);
  watcher.client.close();
});

test('a client continues where an earlier one stopped', async () => {
  const codes = codesOf('NEXT', 3);
  const bookId = await makeBook(codes);
  const first = watch({ topics: [`book:${bookId}`] });
  await first.until(() => first.client.state === 'live', 'live');
  await assign(codes[0] ?? '');
  await first.until(() => first.events.length === 1, 'the event');
  first.client.close();
  assert.equal(first.client.state, 'closed');
  await assign(codes[1] ?? '');
  const second = watch({ topics: [`book:${bookId}`], since: first.client.cursor ?? '' });
  await second.until(() => second.events.length === 1, 'the missed event');
  await assign(codes[2] ?? '');
  await second.until(() => second.events.length === 2, 'the next event');
  assert.deepEqual(second.codes(), codes.slice(1));
  assert.equal(first.events.length, 1);
  second.client.close();
});

test('a client that reads too slowly is cut, and resumes with its last cursor', async () => {
  const codes = codesOf('SLOW', 500);
  const metadata = { note: 'x'.repeat(4_000) };
  const ROUNDS = 8;
  const bookId = await makeBook(codes, { allowMultipleRedemptions: true });
  const watcher = watch({ topics: [`book:${bookId}`] });
  await watcher.until(() => watcher.client.state === 'live', 'live');
  const socket = watcher.sockets.at(-1);
  let closeCode = 0;
  socket?.on('close', (code: number) => {
    closeCode = code;
  });
  socket?.pause();
  for (const code of codes) await assign(code);
  for (let round = 0; round < ROUNDS; round++) {
    const path = (code: string): string => `/coupons/${code}/redeem`;
    await Promise.all(codes.map((code) => api.call('POST', path(code), { userId: 'ada', metadata })));
    if (socket?.isPaused && (await cutReaders()) > 0) socket.resume();
  }
  const total = codes.length * (1 + ROUNDS);
  await watcher.until(() => watcher.events.length >= total, 'all events');
  assert.equal(closeCode, 4008);
  assert.equal(watcher.events.length, total);
  const seen = new Set(watcher.events.map(({ data }) => data['redemptionId'] ?? data['code']));
  assert.equal(seen.size, total);
  watcher.client.close();
});

test('a browser runs the compiled client as it is', async () => {
  const [code = ''] = codesOf('PAGE', 1);
  await makeBook([code]);
  const files = createServer((request, response) => {
    const name = (request.url ?? '').slice(1);
    const isScript = /^\w+\.js$/.test(name);
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
    response.end(isScript ? readFileSync(join(built().path, 'dist/src/client', name)) : '<!doctype html>');
  });
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  const browser = await chromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(files.address() as AddressInfo).port}/`);
    const options = JSON.stringify({ url: server.url, topics: [`code:${code}`], snapshot: true });
    await page.evaluate(`import('/live.js').then(({ LiveClient }) => {
      const client = new LiveClient({ ...${options}, token: () => ${JSON.stringify(api.token)} });
      window.story = [];
      client.on('state', (state) => story.push(state));
      client.on('snapshot', ({ topic }) => story.push(topic));
      client.on('coupon.assigned', ({ data }) => story.push(data.userId));
    })`);
    await waitFor(async () => (await page.evaluate<number>('story.length')) === 2, 'live, and the snapshot');
    await assign(code, 'grace');
    await waitFor(async () => (await page.evaluate<number>('story.length')) === 3, 'the event');
    assert.deepEqual((await page.evaluate<string[]>('story')).sort(), [`code:${code}`, 'grace', 'live']);
  } finally {
    await browser.close();
    files.close();
  }
});

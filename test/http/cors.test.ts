/** CORS_ORIGINS: pages of other origins that call the API, as raw requests and in a browser. */
import assert from 'node:assert/strict';
import { createServer, type Server as PageServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { ANSWER_HEADERS } from '../../src/http/api/openapi-headers.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { renderHttpMetrics } from '../../src/http/server/metrics.js';
import type { HttpLimits } from '../../src/http/server/server.js';
import { connect, ADMIN as SEEDED } from '../support/api.js';
import { chromium } from '../support/browser.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';
import { ADMIN, USER } from './memory-parts.js';
import { type CallOptions, eventually, type Served, serve } from './serve.js';

const SHOP = 'https://shop.example';
const OTHER_SHOP = 'https://other.example:8443';
const STRANGER = 'https://stranger.example';
const EXPOSED = 'X-Request-Id, Commit-Seq, Idempotency-Replayed, ETag, Location, Retry-After, WWW-Authenticate';
const ALLOWED = 'Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id, Last-Event-ID';

let served: Served;
let bookId = '';

before(async () => {
  served = await serve({}, [], [SHOP, OTHER_SHOP]);
  const options = { as: ADMIN, body: { name: 'Book', initialCodes: ['one', 'two'] } };
  bookId = String((await served.call('POST', '/api/v1/coupon-books', options)).json['id']);
});
after(() => served.stop());

async function serveFor(t: TestContext, limits: Partial<HttpLimits>, origins: readonly string[]): Promise<Served> {
  const own = await serve(limits, [], origins);
  t.after(() => own.stop());
  return own;
}

/** Header lines by their lower-case name; several of one name joined, as a client reads them. */
function headersOf(answer: string): ReadonlyMap<string, string> {
  const lines = answer.split('\r\n\r\n', 1)[0]?.split('\r\n').slice(1) ?? [];
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return headers;
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

interface HeadOptions {
  readonly origin?: string;
  readonly lines?: readonly string[];
  readonly body?: string;
}

function requestOf(method: string, path: string, { origin = SHOP, lines = [], body = '' }: HeadOptions = {}): string {
  const length = body === '' ? [] : [`Content-Length: ${body.length}`, 'Content-Type: application/json'];
  const head = [`${method} ${path} HTTP/1.1`, 'Host: h', `Origin: ${origin}`, ...length, ...lines];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

const preflightOf = (path: string, options: HeadOptions = {}, method = 'POST'): string =>
  requestOf('OPTIONS', path, {
    ...options,
    lines: [
      `Access-Control-Request-Method: ${method}`,
      'Access-Control-Request-Headers: authorization,content-type',
      'X-Request-Id: preflight-1',
      ...(options.lines ?? []),
    ],
  });

const corsHeadersOf = (headers: ReadonlyMap<string, string>): string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-')).sort();

function assertReadable(answer: string, what: string, origin = SHOP): void {
  const headers = headersOf(answer);
  assert.equal(headers.get('access-control-allow-origin'), origin, what);
  assert.match(headers.get('vary') ?? '', /(^|, )Origin(,|$)/, what);
  assert.equal(headers.get('access-control-expose-headers'), EXPOSED, what);
  assert.equal(headers.get('access-control-allow-credentials'), undefined, what);
}

describe('a preflight', () => {
  it('from an allowed origin is answered with what its path takes, without a token', async () => {
    const commands = served.engine.commands.length;
    for (const origin of [SHOP, OTHER_SHOP]) {
      const answer = await served.raw(preflightOf(`/api/v1/coupon-books/${bookId}`, { origin }), '\r\n\r\n');
      assert.equal(statusOf(answer), 204);
      assertReadable(answer, origin, origin);
      const headers = headersOf(answer);
      assert.equal(headers.get('access-control-allow-methods'), 'HEAD, GET, PATCH, DELETE');
      assert.equal(headers.get('access-control-allow-headers'), ALLOWED);
      assert.equal(headers.get('access-control-max-age'), '86400');
      assert.equal(headers.get('x-request-id'), 'preflight-1');
      assert.equal(headers.get('content-type'), undefined);
    }
    assert.equal(served.engine.commands.length, commands);
  });

  it('of every route allows the method of the route', async () => {
    for (const { method, path } of ROUTES) {
      const answer = await served.raw(preflightOf(path.replace(/\{\w+\}/g, 'x'), {}, method), '\r\n\r\n');
      assert.equal(statusOf(answer), 204, `${method} ${path}`);
      const methods = headersOf(answer).get('access-control-allow-methods')?.split(', ') ?? [];
      assert.ok(methods.includes(method), `${method} ${path}: ${methods.join()}`);
    }
  });

  it('is followed by its request on the same connection', async () => {
    const socket = await served.open();
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1');
    });
    socket.write(preflightOf('/livez', {}, 'GET'));
    await eventually(() => got.endsWith('\r\n\r\n'), 'the answer to the preflight');
    got = '';
    socket.write(requestOf('GET', '/livez'));
    await eventually(() => got.includes('alive'), 'the answer to the request');
    assertReadable(got, 'the request');
    socket.destroy();
  });

  it('that ends its connection is answered before', async () => {
    const answer = await served.raw(preflightOf('/livez', { lines: ['Connection: close'] }, 'GET'));
    assert.equal(statusOf(answer), 204);
    assert.equal(headersOf(answer).get('access-control-allow-methods'), 'HEAD, GET');
    assert.equal(headersOf(answer).get('connection'), 'close');
  });

  it('of an origin that is not allowed is answered as without CORS_ORIGINS', async (t) => {
    const off = await serveFor(t, {}, []);
    const paths = [`/api/v1/coupon-books/${bookId}`, '/api/v1/coupons/assign', '/nothing'];
    // Only the exact origin is allowed.
    const strangers = [STRANGER, `${SHOP}.evil.example`, 'http://shop.example', `${SHOP}:444`, 'null', '*', `${SHOP}/`];
    for (const path of paths) {
      for (const origin of strangers) {
        const request = preflightOf(path, { origin, lines: ['Connection: close'] });
        const [there, here] = [await off.raw(request), await served.raw(request)].map((answer) =>
          answer.replace(/Date: [^\r]*/, 'Date:'),
        );
        assert.equal(here, there, `${path} from ${origin}`);
        assert.equal(statusOf(here ?? ''), path === '/nothing' ? 404 : 405);
      }
    }
    const unset = await off.raw(preflightOf('/livez', { lines: ['Connection: close'] }));
    assert.equal(statusOf(unset), 405);
    assert.equal(headersOf(unset).get('allow'), 'HEAD, GET');
    assert.deepEqual(corsHeadersOf(headersOf(unset)), []);
  });

  it('of a path that does not exist is a problem that the page may read', async () => {
    const answer = await served.raw(preflightOf('/nothing', { lines: ['Connection: close'] }));
    assert.equal(statusOf(answer), 404);
    assert.match(answer, /\/problems\/not-found/);
    assertReadable(answer, 'unknown path');
  });

  it('without Access-Control-Request-Method is an ordinary OPTIONS, which no path has', async () => {
    const answer = await served.raw(requestOf('OPTIONS', '/livez', { lines: ['Connection: close'] }));
    assert.equal(statusOf(answer), 405);
    assert.equal(headersOf(answer).get('allow'), 'HEAD, GET');
    assert.equal(headersOf(answer).get('access-control-allow-methods'), undefined);
    assertReadable(answer, 'an ordinary OPTIONS');
  });

  it('is refused with 503 as other requests are when too many are under way', async (t) => {
    const busy = await serveFor(t, { inFlightMax: 0 }, [SHOP]);
    const answer = await busy.raw(preflightOf('/livez'));
    assert.equal(statusOf(answer), 503);
    assertReadable(answer, 'overloaded');
  });

  it('is counted as OPTIONS, apart from requests to unknown paths', async (t) => {
    const own = await serveFor(t, {}, [SHOP]);
    await own.raw(preflightOf('/livez'), '\r\n\r\n');
    await own.raw(requestOf('GET', '/nothing'), 'not-found');
    const metrics = renderHttpMetrics([own.counters]);
    assert.match(metrics, /requests_total\{method="OPTIONS",route="\/\*",status="2xx"\} 1\n/);
    assert.match(metrics, /requests_total\{method="GET",route="\/\*",status="4xx"\} 1\n/);
  });
});

describe('an answer to an allowed origin', () => {
  const userBody = JSON.stringify({ userId: 'u' });
  const lock = (headers: readonly string[], body = userBody): string =>
    requestOf('POST', '/api/v1/coupons/init-0/lock', { lines: headers, body });

  async function call(
    method: string,
    path: string,
    options: CallOptions = {},
    own = served,
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const answer = await own.call(method, path, { ...options, headers: { origin: SHOP, ...options.headers } });
    assert.equal(answer.headers.get('access-control-allow-origin'), SHOP, `${method} ${path}`);
    assert.match(answer.headers.get('vary') ?? '', /(^|, )Origin(,|$)/, `${method} ${path}`);
    assert.equal(answer.headers.get('access-control-expose-headers'), EXPOSED, `${method} ${path}`);
    return answer;
  }

  it('exposes every header that the API description declares', () => {
    assert.deepEqual(EXPOSED.split(', ').sort(), Object.keys(ANSWER_HEADERS).sort());
  });

  it('has the headers of CORS when it is a success', async () => {
    const body = { name: 'B', initialCodes: ['three', 'four'] };
    const keyed = { as: ADMIN, body, headers: { 'idempotency-key': 'cors-1' } };
    const made = await call('POST', '/api/v1/coupon-books', keyed);
    assert.equal(made.status, 201);
    for (const name of ['etag', 'location', 'commit-seq']) assert.notEqual(made.headers.get(name), null, name);
    assert.equal((await call('POST', '/api/v1/coupon-books', keyed)).headers.get('idempotency-replayed'), 'true');
    const assign = { as: ADMIN, body: { couponBookId: bookId, userId: 'u' } };
    const assigned = await call('POST', '/api/v1/coupons/assign', assign);
    assert.equal(assigned.status, 200);
    assert.match(assigned.headers.get('commit-seq') ?? '', /^3-\d+$/);
    const redeem = { as: ADMIN, body: { userId: 'u' }, headers: { 'idempotency-key': 'cors-2' } };
    for (const replayed of [null, 'true']) {
      const redeemed = await call('POST', '/api/v1/coupons/init-1/redeem', redeem);
      assert.equal(redeemed.status, 200);
      assert.equal(redeemed.headers.get('idempotency-replayed'), replayed);
    }
    assert.equal((await call('GET', `/api/v1/coupon-books/${bookId}`, { as: ADMIN })).headers.get('etag'), '"1"');
    assert.equal((await call('HEAD', `/api/v1/coupon-books/${bookId}`, { as: ADMIN })).status, 200);
    assert.equal((await call('GET', '/livez')).status, 200);
    const page = await call('GET', '/', { headers: { accept: 'text/html' } });
    assert.equal(page.headers.get('vary'), 'Origin, Accept');
    assert.equal((await call('GET', '/openapi.json')).status, 200);
  });

  it('has the headers of CORS when it is a problem', async (t) => {
    const inBook = `/api/v1/coupon-books/${bookId}`;
    const cases: readonly [status: number, method: string, path: string, options: CallOptions][] = [
      [400, 'POST', '/api/v1/coupons/init-0/lock', { as: ADMIN, body: {} }],
      [400, 'POST', '/api/v1/coupons/init-0/lock', { as: ADMIN, body: '{' }],
      [401, 'GET', inBook, {}],
      [401, 'GET', inBook, { headers: { authorization: 'Bearer nonsense' } }],
      [403, 'DELETE', inBook, { as: USER }],
      [404, 'GET', '/nothing', {}],
      [404, 'GET', '/api/v1/coupons/code/unknown', { as: ADMIN }],
      [405, 'DELETE', '/livez', {}],
      [412, 'PATCH', inBook, { as: ADMIN, body: { name: 'C' }, headers: { 'if-match': '"9"' } }],
      [415, 'POST', '/api/v1/coupons/init-0/lock', { as: ADMIN, body: 'x', headers: { 'content-type': 'text/plain' } }],
      [426, 'GET', '/api/v1/events', {}],
    ];
    for (const [status, method, path, options] of cases) {
      const answer = await call(method, path, options);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    }

    const own = await serveFor(t, { missesPerCallerMax: 0 }, [SHOP]);
    const missed = await call('GET', '/api/v1/coupons/code/unknown', { as: USER }, own);
    assert.equal(missed.status, 404);
    const limited = await call('GET', '/api/v1/coupons/code/unknown', { as: USER }, own);
    assert.equal(limited.status, 429);
    assert.notEqual(limited.headers.get('retry-after'), null);
    own.engine.full = true;
    const full = await call('POST', '/api/v1/coupons/x/lock', { as: ADMIN, body: { userId: 'u' } }, own);
    assert.equal(full.status, 503);
    assert.notEqual(full.headers.get('retry-after'), null);
    own.control.fail = new Error('broken');
    const broken = await call('GET', '/api/v1/auth/me', { as: ADMIN }, own);
    assert.equal(broken.status, 500);
  });

  it('has the headers of CORS when the request is refused by its head', async () => {
    const filler = `X-Filler: ${'a'.repeat(17_000)}`;
    const cases: readonly [status: number, what: string, bytes: string][] = [
      [431, 'a head that is too large', requestOf('GET', '/livez', { lines: [filler] })],
      [413, 'a body that is too large', lock(['Content-Length: 65537'], '')],
      [400, 'two lengths', lock(['Content-Length: 14', 'Content-Length: 3'], '')],
      [400, 'a GET with a chunked body', requestOf('GET', '/livez', { lines: ['Transfer-Encoding: chunked'] })],
    ];
    for (const [status, what, bytes] of cases) {
      const answer = await served.raw(bytes, '"message"');
      assert.equal(statusOf(answer), status, what);
      assert.match(answer, /\/problems\//, what);
      assertReadable(answer, what);
    }
  });

  it('has the headers of CORS when it is a stream', async () => {
    const csv = await call('GET', `/api/v1/coupon-books/${bookId}/codes.csv`, { as: ADMIN });
    assert.equal(csv.status, 200);
    const lines = [`Authorization: Bearer ${await served.tokenOf(ADMIN)}`];
    const events = await served.raw(
      requestOf('GET', `/api/v1/events/sse?topics=book:${bookId}`, { lines }),
      'retry: 1000',
    );
    assert.match(events, /Content-Type: text\/event-stream/);
    assertReadable(events, 'Server-Sent Events');
  });

  it('is not repeated to the next request, which has no origin or another one', async () => {
    for (const headers of [{}, { origin: STRANGER }, { origin: 'null' }, { origin: '' }]) {
      await call('GET', '/livez');
      const assign = { as: ADMIN, body: { userId: 'u' } };
      await call('POST', '/api/v1/coupons/init-0/redeem', assign);
      for (const [method, path, body] of [
        ['GET', '/livez', {}],
        ['POST', '/api/v1/coupons/init-0/redeem', assign],
      ] as const) {
        const answer = await served.call(method, path, { ...body, headers });
        assert.equal(answer.status, 200);
        assert.deepEqual(corsHeadersOf(new Map(answer.headers)), []);
        assert.equal(answer.headers.get('vary'), null);
      }
    }
  });
});

describe('CORS_ORIGINS=*', () => {
  it('lets the pages of every origin read answers, and other clients get no headers of CORS', async (t) => {
    const own = await serveFor(t, {}, ['*']);
    for (const origin of [SHOP, STRANGER, 'null']) {
      const answer = await own.call('GET', '/api/v1/auth/me', { headers: { origin } });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*');
      assert.equal(answer.headers.get('access-control-expose-headers'), EXPOSED);
      assert.equal(answer.headers.get('vary'), null);
      const preflight = await own.raw(preflightOf('/api/v1/auth/me', { origin }, 'GET'), '\r\n\r\n');
      assert.equal(statusOf(preflight), 204);
      assert.equal(headersOf(preflight).get('access-control-allow-origin'), '*');
      assert.equal(headersOf(preflight).get('access-control-allow-methods'), 'HEAD, GET');
    }
    const plain = await own.call('GET', '/livez');
    assert.deepEqual(corsHeadersOf(new Map(plain.headers)), []);
  });
});

describe('without CORS_ORIGINS', () => {
  it('no answer has a header of CORS', async (t) => {
    const off = await serveFor(t, {}, []);
    for (const [method, path] of [
      ['GET', '/livez'],
      ['GET', '/api/v1/users'],
      ['GET', '/nothing'],
    ] as const) {
      const answer = await off.call(method, path, { headers: { origin: SHOP } });
      assert.deepEqual(corsHeadersOf(new Map(answer.headers)), [], path);
      assert.equal(answer.headers.get('vary'), null, path);
    }
  });
});

/** What a page gets of an answer. */
interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

const SHOP_PAGE = `<!doctype html><title>Shop</title><script>
async function call(api, method, path, token, body, headers = {}) {
  const sent = { ...headers };
  if (token !== null) sent.authorization = 'Bearer ' + token;
  if (body !== null) sent['content-type'] = 'application/json';
  const answer = await fetch(api + path, { method, headers: sent, body: body === null ? null : JSON.stringify(body) });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.json() };
}
function firstEvent(url) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(url);
    source.onmessage = ({ data }) => { source.close(); resolve(JSON.parse(data)); };
    source.onerror = () => { source.close(); reject(new Error('the stream failed')); };
  });
}
function firstMessage(url, token) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', token }));
    socket.onmessage = ({ data }) => { socket.close(); resolve(JSON.parse(data)); };
    socket.onclose = ({ code }) => reject(new Error('closed with ' + code));
  });
}
</script>`;

describe('a page of another origin in Chromium', () => {
  let data: Awaited<ReturnType<typeof temporaryDirectory>>;
  let pages: PageServer;
  let pagesPort = 0;
  let server: Server;
  let browser: Browser;

  before(async () => {
    data = await temporaryDirectory();
    pages = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(SHOP_PAGE));
    await new Promise<void>((resolve) => pages.listen(0, resolve));
    pagesPort = (pages.address() as AddressInfo).port;
    // Upper case and a slash at the end, as operators write it.
    const env = { CORS_ORIGINS: `https://shop.example, HTTP://LOCALHOST:${pagesPort}/` };
    [server, browser] = await Promise.all([startServer(join(data.path, 'data'), env), chromium()]);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    pages?.close();
    await data.remove();
  });

  async function onPage(origin: string, look: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(origin);
      await look(page);
    } finally {
      await context.close();
    }
  }

  async function tokenOfAdmin(): Promise<string> {
    const connection = await connect(server.url);
    connection.close();
    return connection.token;
  }

  const run = <T>(page: Page, name: string, ...given: readonly unknown[]): Promise<T> =>
    page.evaluate(`${name}(...${JSON.stringify(given)})`);

  it('calls the API, and reads ETag, Commit-Seq and the body of a problem', async () => {
    await onPage(`http://localhost:${pagesPort}/`, async (page) => {
      const call = (...given: readonly unknown[]): Promise<Seen> => run(page, 'call', server.url, ...given);
      const signedIn = await call('POST', '/api/v1/auth/token', null, SEEDED);
      assert.equal(signedIn.status, 200);
      const token = signedIn.body['accessToken'];
      const book = { name: 'From a page', initialCodes: ['PAGE-1'] };
      const made = await call('POST', '/api/v1/coupon-books', token, book, { 'idempotency-key': 'page-1' });
      assert.equal(made.status, 201);
      assert.match(made.headers['commit-seq'] ?? '', /^\d+-\d+$/);
      assert.equal(made.headers['etag'], '"1"');
      const path = made.headers['location'] ?? '';
      const renamed = await call(
        'PATCH',
        path,
        token,
        { name: 'Renamed' },
        { 'if-match': '"1"', 'x-request-id': 'p-2' },
      );
      assert.equal(renamed.status, 200);
      assert.equal(renamed.headers['etag'], '"2"');
      assert.equal(renamed.headers['x-request-id'], 'p-2');
      const replayed = await call('POST', '/api/v1/coupon-books', token, book, { 'idempotency-key': 'page-1' });
      assert.equal(replayed.headers['idempotency-replayed'], 'true');

      const unknown = await call('POST', '/api/v1/coupons/NO-SUCH/redeem', token, { userId: 'ada' });
      assert.deepEqual([unknown.status, unknown.body['type']], [404, '/problems/code-not-found']);
      const anonymous = await call('GET', path, null, null);
      assert.deepEqual([anonymous.status, anonymous.body['type']], [401, '/problems/unauthenticated']);
      assert.equal(anonymous.headers['www-authenticate'], 'Bearer realm="clipbook"');
    });
  });

  it('reads live events over SSE and over a WebSocket', async () => {
    await onPage(`http://localhost:${pagesPort}/`, async (page) => {
      const call = (...given: readonly unknown[]): Promise<Seen> => run(page, 'call', server.url, ...given);
      const token = (await call('POST', '/api/v1/auth/token', null, SEEDED)).body['accessToken'];
      const made = await call('POST', '/api/v1/coupon-books', token, { name: 'Watched' });
      const topic = `book:${String(made.body['id'])}`;
      const { ticket } = (await call('POST', '/api/v1/events/tickets', token, { topics: [topic] })).body;
      const stream = `${server.url}/api/v1/events/sse?ticket=${encodeURIComponent(String(ticket))}&snapshot=true`;
      const event = await run<Seen['body']>(page, 'firstEvent', stream);
      assert.ok(['subscribed', 'snapshot'].includes(String(event['type'])), JSON.stringify(event));
      const socket = `${server.url.replace('http', 'ws')}/api/v1/events`;
      assert.deepEqual(await run(page, 'firstMessage', socket, token), { type: 'authenticated' });
    });
  });

  it('that is not allowed can neither read an answer nor make a change', async () => {
    const token = await tokenOfAdmin();
    await onPage(`http://127.0.0.1:${pagesPort}/`, async (page) => {
      const call = (...given: readonly unknown[]): Promise<Seen> => run(page, 'call', server.url, ...given);
      await assert.rejects(call('GET', '/livez', null, null), /Failed to fetch/);
      const book = { name: 'From a stranger' };
      await assert.rejects(call('POST', '/api/v1/coupon-books', token, book), /Failed to fetch/);
    });
    const list = await fetch(`${server.url}/api/v1/coupon-books`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(list.status, 200);
    assert.doesNotMatch(await list.text(), /From a stranger/);
  });

  it('that is not allowed still opens a WebSocket, for which it needs a token', async () => {
    const token = await tokenOfAdmin();
    await onPage(`http://127.0.0.1:${pagesPort}/`, async (page) => {
      const socket = `${server.url.replace('http', 'ws')}/api/v1/events`;
      assert.deepEqual(await run(page, 'firstMessage', socket, token), { type: 'authenticated' });
      await assert.rejects(run(page, 'firstMessage', socket, 'none'), /closed with 4401/);
    });
  });
});

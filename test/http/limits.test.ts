import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createConnectionLimit, createRateLimit } from '../../src/http/server/limits.js';
import { renderHttpMetrics } from '../../src/http/server/metrics.js';
import type { HttpLimits } from '../../src/http/server/server.js';
import { ADMIN, SERVICE, USER } from './memory-parts.js';
import { eventually, type Served, serve } from './serve.js';

async function serveFor(t: TestContext, limits: Partial<HttpLimits>): Promise<Served> {
  const served = await serve(limits);
  t.after(() => served.stop());
  return served;
}

describe('unknown codes', () => {
  it('of a user are refused after ten in a minute, until the minute is over', async (t) => {
    const served = await serveFor(t, {});
    await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'B', initialCodes: ['one'] } });
    const tryOne = (as: typeof USER, i: number) => served.call('GET', `/api/v1/coupons/code/guess-${i}`, { as });
    for (let i = 0; i < 10; i++) assert.equal((await tryOne(USER, i)).status, 404);
    const refused = await tryOne(USER, 10);
    assert.equal(refused.status, 429);
    assert.equal(refused.json['type'], '/problems/too-many-misses');
    const seconds = Number(refused.headers.get('retry-after'));
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60);
    const redeem = { as: USER, body: { userId: USER.id } };
    assert.equal((await served.call('POST', '/api/v1/coupons/init-0/redeem', redeem)).status, 429);
    for (const as of [ADMIN, SERVICE]) for (let i = 0; i < 12; i++) assert.equal((await tryOne(as, i)).status, 404);
    const metrics = renderHttpMetrics([served.counters]);
    assert.match(metrics, /clipbook_http_misses_total 10\n/);
    assert.match(metrics, /clipbook_http_misses_refused_total 2\n/);
  });

  it('count on every route that takes a code, and so do codes of others where a user asks for one', async (t) => {
    const served = await serveFor(t, { missesPerCallerMax: 6 });
    await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'B', initialCodes: ['one'] } });
    const body = { userId: USER.id };
    const post = (path: string) => served.call('POST', `/api/v1/coupons/${path}`, { as: USER, body });
    const statuses: number[] = [];
    for (const path of ['assign/guess-1', 'guess-2/lock', 'guess-3/unlock', 'guess-4/redeem']) {
      statuses.push((await post(path)).status);
    }
    statuses.push((await served.call('GET', '/api/v1/coupons/code/guess-5', { as: USER })).status);
    served.engine.next = { kind: 'refused', reason: 'assignedToAnother', detail: 'Another’s.', isOthersCode: true };
    const others = await post('assign/one');
    assert.deepEqual([others.status, others.json['type']], [404, '/problems/code-not-found']);
    assert.deepEqual(statuses, [404, 404, 404, 404, 404]);
    for (const path of ['assign/one', 'one/lock', 'one/unlock', 'one/redeem']) {
      assert.equal((await post(path)).status, 429, `${path}, after too many`);
    }
  });

  it('of a user whose misses are used up are refused, and the user’s own codes are served on every route', async (t) => {
    const served = await serveFor(t, { missesPerCallerMax: 2 });
    const book = { as: ADMIN, body: { name: 'B', initialCodes: ['one', 'two'] } };
    await served.call('POST', '/api/v1/coupon-books', book);
    const asUser = { as: USER, body: { userId: USER.id } };
    assert.equal((await served.call('POST', '/api/v1/coupons/assign/init-0', asUser)).status, 200);
    for (let i = 0; i < 2; i++) await served.call('GET', `/api/v1/coupons/code/guess-${i}`, { as: USER });
    const commands = ['assign/CODE', 'CODE/lock', 'CODE/unlock', 'CODE/redeem'];
    const tryAll = async (code: string) => {
      const answers = [await served.call('GET', `/api/v1/coupons/code/${code}`, { as: USER })];
      for (const path of commands) {
        answers.push(await served.call('POST', `/api/v1/coupons/${path.replace('CODE', code)}`, asUser));
      }
      return answers;
    };
    assert.deepEqual(
      (await tryAll('init-0')).map(({ status }) => status),
      [200, 200, 200, 200, 200],
    );
    const asked = served.engine.commands.length;
    const others = [...(await tryAll('init-1')), ...(await tryAll('unknown'))];
    const shown = others.map(({ status, json }) => [status, { ...json, instance: '' }]);
    assert.equal(shown[0]?.[0], 429);
    for (const one of shown) assert.deepEqual(one, shown[0]);
    assert.equal(served.engine.commands.length, asked, 'nothing is asked of the engine that could take a code');
  });

  it('of one address do not keep another caller from their own code', async (t) => {
    const served = await serveFor(t, { missesPerAddressMax: 3 });
    await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'B', initialCodes: ['one'] } });
    await served.call('POST', '/api/v1/coupons/assign/init-0', { as: ADMIN, body: { userId: USER.id } });
    for (let i = 0; i < 5; i++) {
      const as = { id: `u-${i}`, email: `u${i}@u.com`, role: 'user' as const };
      assert.equal((await served.call('GET', '/api/v1/coupons/code/guess', { as })).status, i < 3 ? 404 : 429);
    }
    const redeem = { as: USER, body: { userId: USER.id } };
    assert.equal((await served.call('POST', '/api/v1/coupons/init-0/redeem', redeem)).status, 200);
    assert.equal((await served.call('GET', '/api/v1/coupons/code/guess', { as: USER })).status, 429);
  });

  it('are counted under the address that a trusted proxy names', async (t) => {
    const served = await serve({ missesPerCallerMax: 100, missesPerAddressMax: 2 }, ['127.0.0.0/8', '10.0.0.0/8']);
    t.after(() => served.stop());
    const statuses = async (headers: Record<string, string>, count: number) => {
      const got: number[] = [];
      for (let i = 0; i < count; i++) {
        got.push((await served.call('GET', '/api/v1/coupons/code/guess', { as: USER, headers })).status);
      }
      return got;
    };
    assert.deepEqual(await statuses({ 'x-forwarded-for': '192.0.2.1' }, 3), [404, 404, 429]);
    assert.deepEqual(await statuses({ forwarded: 'for=192.0.2.1' }, 1), [429]);
    assert.deepEqual(await statuses({ 'x-forwarded-for': '192.0.2.2, 10.1.1.1' }, 3), [404, 404, 429]);
    assert.deepEqual(await statuses({ 'x-forwarded-for': '203.0.113.9, 192.0.2.2' }, 1), [429], 'what a client writes');
    assert.deepEqual(await statuses({}, 1), [404]);
  });

  it('are counted under the peer’s address where it is no trusted proxy', async (t) => {
    const served = await serve({ missesPerAddressMax: 2 }, ['10.0.0.0/8']);
    t.after(() => served.stop());
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const headers = { 'x-forwarded-for': `192.0.2.${i}`, forwarded: `for=192.0.2.${i}` };
      statuses.push((await served.call('GET', '/api/v1/coupons/code/guess', { as: USER, headers })).status);
    }
    assert.deepEqual(statuses, [404, 404, 429]);
  });

  it('of one address are counted together', async (t) => {
    const served = await serveFor(t, { missesPerCallerMax: 100, missesPerAddressMax: 3 });
    const users = [1, 2, 3, 4].map((i) => ({ id: `u-${i}`, email: `u${i}@u.com`, role: 'user' as const }));
    const statuses: number[] = [];
    for (const as of users) statuses.push((await served.call('GET', '/api/v1/coupons/code/guess', { as })).status);
    assert.deepEqual(statuses, [404, 404, 404, 429]);
  });
});

describe('sign-ins', () => {
  const wrong = { email: 'admin@admin.com', password: 'wrong' };
  const right = { email: 'admin@admin.com', password: 'Password1' };

  it('that fail are the same for an unknown email and a wrong password', async (t) => {
    const served = await serveFor(t, {});
    const answers = await Promise.all(
      [wrong, { email: 'nobody@nobody.com', password: 'Password1' }].map((body) =>
        served.call('POST', '/api/v1/auth/token', { body }),
      ),
    );
    for (const { status, json } of answers) {
      assert.equal(status, 401);
      assert.equal(json['type'], '/problems/wrong-credentials');
      assert.equal(json['detail'], answers[0]?.json['detail']);
    }
  });

  it('that fail too often are refused for their email, in any case, and the right password is accepted', async (t) => {
    const served = await serveFor(t, { signInsPerEmailMax: 3 });
    const signIn = (body: object) => served.call('POST', '/api/v1/auth/token', { body });
    for (let i = 0; i < 5; i++) assert.equal((await signIn(right)).status, 200);
    for (let i = 0; i < 3; i++) assert.equal((await signIn(wrong)).status, 401);
    for (const email of ['ADMIN@admin.com', 'admin@admin.com']) {
      const refused = await signIn({ ...wrong, email });
      assert.equal(refused.status, 429);
      assert.equal(refused.json['type'], '/problems/too-many-sign-ins');
      assert.ok(Number(refused.headers.get('retry-after')) >= 1);
      assert.equal((await signIn(right)).status, 200);
    }
    assert.equal((await signIn({ ...wrong, email: 'user@user.com' })).status, 401);
  });

  it('that fail too often for an unknown email are refused as those of a known one', async (t) => {
    const served = await serveFor(t, { signInsPerEmailMax: 2 });
    const tried = async (email: string) => {
      const statuses: number[] = [];
      for (let i = 0; i < 4; i++) {
        statuses.push((await served.call('POST', '/api/v1/auth/token', { body: { ...wrong, email } })).status);
      }
      return statuses;
    };
    assert.deepEqual(await tried('admin@admin.com'), [401, 401, 429, 429]);
    assert.deepEqual(await tried('nobody@nobody.com'), [401, 401, 429, 429]);
  });

  it('that fail too often are refused for their address', async (t) => {
    const served = await serveFor(t, { signInsPerAddressMax: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const body = { email: `nobody${i}@nobody.com`, password: 'x' };
      statuses.push((await served.call('POST', '/api/v1/auth/token', { body })).status);
    }
    assert.deepEqual(statuses, [401, 401, 401, 429]);
  });

  it('are refused when too many are under way and wait', async (t) => {
    const served = await serveFor(t, { signInsAtOnceMax: 2, signInsWaitingMax: 0 });
    let open = (): void => undefined;
    served.control.signInGate = new Promise((resolve) => {
      open = resolve;
    });
    const under = ['admin@admin.com', 'user@user.com'].map((email) =>
      served.call('POST', '/api/v1/auth/token', { body: { ...right, email } }),
    );
    await eventually(() => served.control.signIns.length === 2, 'the sign-ins');
    const third = await served.call('POST', '/api/v1/auth/token', { body: right });
    assert.equal(third.status, 429);
    open();
    for (const answer of await Promise.all(under)) assert.equal(answer.status, 200);
  });
});

describe('requests under way', () => {
  it('are refused at once when there are too many', async (t) => {
    const served = await serveFor(t, { inFlightMax: 2 });
    await served.call('GET', '/livez');
    served.engine.holding = true;
    const body = { userId: 'u' };
    const under = [1, 2].map(() => served.call('POST', '/api/v1/coupons/any/lock', { as: ADMIN, body }));
    await eventually(() => served.engine.commands.length === 2, 'the commands');
    const third = await served.call('POST', '/api/v1/coupons/any/lock', { as: ADMIN, body });
    assert.equal(third.status, 503);
    assert.equal(third.json['type'], '/problems/overloaded');
    assert.equal(third.headers.get('retry-after'), '1');
    served.engine.release();
    for (const answer of await Promise.all(under)) assert.equal(answer.status, 404);
  });
});

describe('connections', () => {
  it('are refused when there are too many, and taken again when some have gone', async (t) => {
    const served = await serveFor(t, { connectionsMax: 5 });
    const request = 'GET /livez HTTP/1.1\r\nHost: h\r\n\r\n';
    const sockets = await Promise.all(Array.from({ length: 5 }, () => served.open()));
    assert.equal(await served.raw(request), '');
    for (const socket of sockets) socket.destroy();
    await eventually(() => /clipbook_http_connections 0\n/.test(renderHttpMetrics([served.counters])), 'the closes');
    assert.match(await served.raw(request, 'alive'), /200 OK/);
  });

  it('of a trusted proxy are limited in all, and not by its address', () => {
    const limit = createConnectionLimit({ connectionsMax: 10, perAddressMax: 2 });
    for (let i = 0; i < 10; i++) assert.equal(limit.opened(null, 0), true);
    assert.equal(limit.opened(null, 0), false);
  });

  it('of one address are limited only when room gets short', () => {
    const limit = createConnectionLimit({ connectionsMax: 10, perAddressMax: 2 });
    for (let i = 0; i < 5; i++) assert.equal(limit.opened('greedy', 0), true);
    assert.equal(limit.opened('greedy', 0), false);
    assert.equal(limit.opened('modest', 0), true);
    assert.equal(limit.opened('greedy', 10_000), true);
    for (let i = 0; i < 3; i++) limit.closed();
    assert.equal(limit.count, 5);
  });
});

describe('a rate limit', () => {
  it('counts in windows that begin with the first', () => {
    const limit = createRateLimit({ countMax: 2, windowMs: 100, namesMax: 10 });
    assert.ok(limit.isEmpty());
    limit.add('a', 0);
    limit.add('a', 90);
    assert.equal(limit.blockedUntil('a', 99), 100);
    assert.equal(limit.blockedUntil('b', 99), 0);
    assert.equal(limit.blockedUntil('a', 100), 0);
    limit.add('a', 100);
    assert.equal(limit.blockedUntil('a', 101), 0);
  });

  it('takes one back', () => {
    const limit = createRateLimit({ countMax: 1, windowMs: 100, namesMax: 10 });
    limit.add('a', 0);
    limit.forgive('a');
    assert.equal(limit.blockedUntil('a', 1), 0);
  });

  it('forgets windows that are over first, and then the oldest onesest', () => {
    const limit = createRateLimit({ countMax: 1, windowMs: 100, namesMax: 3 });
    limit.add('over', 0);
    limit.add('b', 50);
    limit.add('c', 60);
    limit.add('d', 101);
    assert.equal(limit.blockedUntil('b', 102), 150);
    limit.add('e', 102);
    assert.equal(limit.blockedUntil('b', 103), 0);
    assert.equal(limit.blockedUntil('c', 103), 160);
  });
});

describe('a full engine', () => {
  it('refuses changes before their bodies are looked at, answers reads, and the connection goes on', async (t) => {
    const served = await serveFor(t, {});
    served.engine.full = true;
    const head = (length: number) =>
      `POST /api/v1/coupons/assign HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    const get = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n';
    // The second body comes in two pieces, and looks like a request.
    const pieces = [`${head(5)}no{js`, `${head(get.length)}${get.slice(0, 7)}`, get.slice(7), get];
    const answers = await served.raw(pieces, '"alive"');
    assert.equal(answers.split('HTTP/1.1 503').length, 3);
    assert.equal(answers.split('Retry-After: 1').length, 3);
    assert.equal(answers.split('HTTP/1.1 200').length, 2);
    assert.doesNotMatch(answers, /Connection: close/i);
    assert.equal(served.engine.commands.length, 0);
    served.engine.full = false;
    assert.equal((await served.call('POST', '/api/v1/coupons/assign', { as: ADMIN, body: {} })).status, 400);
  });
});

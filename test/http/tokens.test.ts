import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Account } from '../../src/engine/engine.js';
import { createTokens, type TokenCheck } from '../../src/http/exchange/auth.js';
import { ADMIN, SERVICE, USER } from './memory-parts.js';
import { type Answer, type Served, serve, TOKENS } from './serve.js';

let served: Served;
let bookId = '';

before(async () => {
  served = await serve({ missesPerCallerMax: 1000, missesPerAddressMax: 1000 });
  const options = { as: ADMIN, body: { name: 'Book', initialCodes: ['one', 'two', 'three', 'four'] } };
  const made = await served.call('POST', '/api/v1/coupon-books', options);
  bookId = String(made.json['id']);
});
after(() => served.stop());

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token made by hand, so that it can be wrong in any way. */
function forge(header: object, claims: object, secret = TOKENS.secret): string {
  const body = `${base64(header)}.${base64(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const HEADER = { alg: 'HS256', typ: 'at+jwt' };
const claims = (): Record<string, unknown> => ({
  iss: TOKENS.issuer,
  aud: TOKENS.audience,
  sub: ADMIN.id,
  role: 'admin',
  iat: nowSeconds(),
  exp: nowSeconds() + 60,
});

const withHeader = (authorization: string): Promise<Answer> =>
  served.call('GET', '/api/v1/coupon-books', { headers: { authorization } });

describe('a token', () => {
  it('that is right is taken, with the scheme in any case', async () => {
    const token = forge(HEADER, claims());
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      assert.equal((await withHeader(`${scheme} ${token}`)).status, 200);
    }
  });

  const wrong: readonly (readonly [string, () => string])[] = [
    ['is none', () => 'Bearer nonsense'],
    ['has another scheme', () => 'Basic YTpi'],
    ['is empty', () => 'Bearer '],
    ['was signed with another secret', () => `Bearer ${forge(HEADER, claims(), 'another secret of thirty-two bytes')}`],
    ['is not signed', () => `Bearer ${base64({ alg: 'none', typ: 'at+jwt' })}.${base64(claims())}.`],
    ['names another algorithm', () => `Bearer ${forge({ alg: 'HS512', typ: 'at+jwt' }, claims())}`],
    ['is of another type', () => `Bearer ${forge({ alg: 'HS256', typ: 'JWT' }, claims())}`],
    ['has no type', () => `Bearer ${forge({ alg: 'HS256' }, claims())}`],
    ['is of another issuer', () => `Bearer ${forge(HEADER, { ...claims(), iss: 'else' })}`],
    ['is for another audience', () => `Bearer ${forge(HEADER, { ...claims(), aud: 'else' })}`],
    ['has run out', () => `Bearer ${forge(HEADER, { ...claims(), exp: nowSeconds() - 6 })}`],
    ['is not valid yet', () => `Bearer ${forge(HEADER, { ...claims(), nbf: nowSeconds() + 60 })}`],
    ['never runs out', () => `Bearer ${forge(HEADER, { ...claims(), exp: undefined })}`],
    ['names nobody', () => `Bearer ${forge(HEADER, { ...claims(), sub: '' })}`],
    ['has no role', () => `Bearer ${forge(HEADER, { ...claims(), role: undefined })}`],
    ['has a role that is none', () => `Bearer ${forge(HEADER, { ...claims(), role: 'root' })}`],
    ['is very long', () => `Bearer ${'a'.repeat(2000)}.${'b'.repeat(500)}.${'c'.repeat(500)}`],
    [
      'brings its own key',
      () => `Bearer ${forge({ ...HEADER, jku: 'http://127.0.0.1/keys', jwk: {} }, claims(), 'x'.repeat(32))}`,
    ],
  ];
  for (const [how, make] of wrong) {
    it(`that ${how} is refused`, async () => {
      const answer = await withHeader(make());
      assert.equal(answer.status, 401);
      assert.equal(answer.json['type'], '/problems/unauthenticated');
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="clipbook", error="invalid_token"');
    });
  }

  it('is needed', async () => {
    const answer = await served.call('GET', '/api/v1/coupon-books');
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="clipbook"');
  });

  it('comes before anything else is looked at', async () => {
    const answer = await served.call('POST', '/api/v1/coupons/no!/redeem', { body: '{' });
    assert.equal(answer.status, 401);
  });
});

describe("a token's check", () => {
  const check = (tokens: ReturnType<typeof createTokens>, header: string, nowMs: number): Promise<TokenCheck | null> =>
    new Promise((resolve) => tokens.verify(header, nowMs, resolve));

  it('is remembered for a minute, and not beyond the end of its token', async () => {
    const tokens = createTokens({ ...TOKENS, ttlSeconds: 30 });
    const nowMs = Date.now();
    const header = `Bearer ${await tokens.sign(ADMIN, nowMs)}`;
    assert.equal(tokens.remembered(header, nowMs), null);
    const checked = await check(tokens, header, nowMs);
    assert.deepEqual(checked?.ok === true && [checked.caller, checked.role], [ADMIN.id, 'admin']);
    assert.equal(tokens.remembered(header, nowMs), checked);
    assert.equal(tokens.remembered(header, nowMs + 36_000), null);
    const longer = createTokens(TOKENS);
    const good = await check(longer, header, nowMs);
    assert.ok(good !== null && good.untilMs <= nowMs + 60_000);
  });

  it('is made anew for a token that expired while its check was remembered', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    const header = `Bearer ${await tokens.sign(ADMIN, nowMs)}`;
    assert.equal((await check(tokens, header, nowMs))?.ok, true);
    assert.equal((await check(tokens, header, nowMs + 3_700_000))?.ok, false);
    assert.equal(tokens.remembered(header, nowMs + 3_700_000)?.ok, false);
  });

  it('of a bad token does not push out that of a good one', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    const header = `Bearer ${await tokens.sign(ADMIN, nowMs)}`;
    await check(tokens, header, nowMs);
    await Promise.all(Array.from({ length: 2000 }, (_, i) => check(tokens, `Bearer a.b.${i}`, nowMs)));
    assert.equal(tokens.remembered(header, nowMs)?.ok, true);
    assert.equal(tokens.remembered('Bearer a.b.0', nowMs), null);
    assert.equal(tokens.remembered('Bearer a.b.1999', nowMs)?.ok, false);
  });

  it('is given to all waiting requests, and refused beyond the maximum', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    const header = `Bearer ${await tokens.sign(ADMIN, nowMs)}`;
    const checks = await Promise.all(Array.from({ length: 4100 }, () => check(tokens, header, nowMs)));
    assert.equal(checks.filter((checked) => checked?.ok === true).length, 4096);
    assert.equal(checks.filter((checked) => checked === null).length, 4);
  });
});

describe('a role', () => {
  const status = async (as: Account, method: string, path: string, body?: unknown): Promise<number> => {
    const answer = await served.call(method, path, body === undefined ? { as } : { as, body });
    return answer.status;
  };

  it('that is user may do nothing with books, histories, rollbacks and accounts', async () => {
    const forbidden: readonly (readonly [string, string, unknown?])[] = [
      ['POST', '/api/v1/coupon-books', { name: 'x' }],
      ['GET', '/api/v1/coupon-books'],
      ['GET', `/api/v1/coupon-books/${bookId}`],
      ['PATCH', `/api/v1/coupon-books/${bookId}`, { name: 'x' }],
      ['DELETE', `/api/v1/coupon-books/${bookId}`],
      ['GET', `/api/v1/coupon-books/${bookId}/stats`],
      ['POST', `/api/v1/coupon-books/${bookId}/generate`, { quantity: 1 }],
      ['POST', `/api/v1/coupon-books/${bookId}/codes`, { codes: ['abc'] }],
      ['GET', `/api/v1/coupon-books/${bookId}/codes`],
      ['GET', `/api/v1/coupon-books/${bookId}/codes.csv`],
      ['GET', '/api/v1/coupons/one/history'],
      ['GET', '/api/v1/coupons/stats?groupBy=type'],
      ['GET', `/api/v1/coupons/${bookId}/stats`],
      ['GET', `/api/v1/coupons/${bookId}/uses`],
      ['POST', '/api/v1/coupons/one/rollback', { redemptionId: 'r' }],
      ['POST', '/api/v1/coupons/one/unassign', {}],
      ['POST', '/api/v1/users', { email: 'a@b.cc', password: 'long enough' }],
    ];
    for (const [method, path, body] of forbidden)
      assert.equal(await status(USER, method, path, body), 403, `${method} ${path}`);
  });

  it('that is service may do all of them but make accounts', async () => {
    assert.equal(await status(SERVICE, 'POST', '/api/v1/users', { email: 'a@b.cc', password: 'long enough' }), 403);
    assert.equal(await status(SERVICE, 'GET', `/api/v1/coupon-books/${bookId}`), 200);
  });

  it('that is user acts for its own user id only', async () => {
    const acts: readonly (readonly [string, (userId: string) => object])[] = [
      ['/api/v1/coupons/assign', (userId) => ({ couponBookId: bookId, userId })],
      ['/api/v1/coupons/assign/init-0', (userId) => ({ userId })],
      ['/api/v1/coupons/init-0/lock', (userId) => ({ userId })],
      ['/api/v1/coupons/init-0/unlock', (userId) => ({ userId })],
      ['/api/v1/coupons/init-0/redeem', (userId) => ({ userId })],
      ['/coupons/redeem/init-0', (userId) => ({ userId })],
    ];
    for (const [path, bodyFor] of acts) {
      assert.equal(await status(USER, 'POST', path, bodyFor('somebody')), 403, path);
      assert.equal(await status(USER, 'POST', path, bodyFor(USER.id)), 200, path);
      assert.equal(await status(SERVICE, 'POST', path, bodyFor(USER.id)), 200, path);
    }
    assert.equal(await status(USER, 'GET', '/api/v1/users/somebody/coupons'), 403);
    assert.equal(await status(USER, 'GET', `/api/v1/users/${USER.id}/coupons`), 200);
  });

  it("that is user gets the same answer for another's code as for one that does not exist", async () => {
    const other = [...served.engine.codes.values()].find((code) => code.userId !== USER.id)?.code ?? '';
    assert.notEqual(other, '');
    const strip = ({ json }: Answer): unknown => ({ ...json, instance: '' });
    const theirs = await served.call('GET', `/api/v1/coupons/code/${other}`, { as: USER });
    const unknown = await served.call('GET', '/api/v1/coupons/code/unknown', { as: USER });
    assert.equal(theirs.status, 404);
    assert.deepEqual(strip(theirs), strip(unknown));
    served.engine.next = { kind: 'refused', reason: 'assignedToAnother', detail: 'Another’s.', isOthersCode: true };
    const claimed = await served.call('POST', `/api/v1/coupons/assign/${other}`, {
      as: USER,
      body: { userId: USER.id },
    });
    assert.deepEqual(strip(claimed), strip(unknown));
    const seen = await served.call('GET', `/api/v1/coupons/code/${other}`, { as: SERVICE });
    assert.equal(seen.status, 200);
  });
});

/**
 * Promotions over the real server: what older clients send, the namespace of all codes, and what a
 * token of the role user may do.
 */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, test } from 'node:test';
import { type Connection, connect, type Reply, rawClient } from '../support/api.js';
import { openSocket } from '../support/live.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Connection;
const agent = new Agent({ keepAlive: true });

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(directory.path, { CURRENCY: 'INR', TRUSTED_PROXIES: '127.0.0.1' });
  api = await connect(server.url);
});

after(async () => {
  api?.close();
  agent.destroy();
  await server?.stop();
  await directory?.remove();
});

/** As many at once as the server lets in; the others are told to try again, and do. */
async function create(body: object): Promise<Reply> {
  for (;;) {
    const reply = await api.call('POST', '/coupons', body);
    if (reply.status !== 429) return reply;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function promotion(settings: object): Promise<Reply['body']> {
  const { status, body } = await create({ discount: 10, type: 'percentage', couponFor: 'product', ...settings });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

async function book(codes: readonly string[] = []): Promise<string> {
  const initial = codes.length === 0 ? {} : { initialCodes: codes };
  const { status, body } = await api.call('POST', '/coupon-books', { name: 'B', ...initial });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
}

/** What an older client reads of a refusal. */
const refusal = ({ status, body }: Reply): unknown => [status, body.code, body.message];

function assertHas(body: object, fields: Readonly<Record<string, unknown>>): void {
  const shown = Object.fromEntries(Object.entries(body).filter(([name]) => name in fields));
  assert.deepEqual(shown, fields);
}

interface User {
  readonly id: string;
  call(method: string, path: string, body?: unknown): Promise<Reply>;
}

let users = 0;

/** From an address of its own, so that the misses of one user are not counted for another. */
async function newUser(): Promise<User> {
  const from = { 'x-forwarded-for': `192.0.2.${++users}` };
  const credentials = { email: `user-${users}@shop.example`, password: 'a password' };
  const { status, body } = await api.call('POST', '/users', credentials);
  assert.equal(status, 201, JSON.stringify(body));
  const call = rawClient(server.url, agent);
  const { body: signedIn } = await call('POST', '/api/v1/auth/token', credentials, {});
  const headers = { authorization: `Bearer ${signedIn.accessToken}`, ...from };
  return { id: body.id, call: (method, path, sent) => call(method, `/api/v1${path}`, sent, headers) };
}

// -- older clients --------------------------------------------------------------------------------

const [PRODUCT_B, PRODUCT_C] = ['60f1a0b2c9e77c001f2e4a5b', '60f1a0b2c9e77c001f2e4a5c'] as const;

/** As the clients of the older Coupon API send them. */
const OLDER = [
  {
    code: 'SAVE20',
    discount: 20,
    type: 'percentage',
    couponFor: 'minPurchase',
    minPurchaseAmount: 500,
    isActive: true,
    maxUsage: 100,
  },
  {
    code: 'PRODUCT10',
    discount: 100,
    type: 'fixed',
    couponFor: 'product',
    products: [PRODUCT_B, PRODUCT_C],
    isActive: true,
    maxUsage: 50,
  },
  { code: 'WELCOME20', discount: 20, type: 'percentage', couponFor: 'minPurchase', minPurchaseAmount: 500 },
  { code: 'FLAT100', discount: 100, type: 'fixed', couponFor: 'product', products: ['product1_id', 'product2_id'] },
  { code: 'LIMITED15', discount: 15, type: 'percentage', couponFor: 'product', products: [], maxUsage: 100 },
] as const;

test('an older client of promotions gets the status, the fields and the messages that it knows', async () => {
  for (const sent of OLDER) {
    const made = await create(sent);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assertHas(made.body, { ...sent, usageCount: 0, isActive: true });
  }
  const taken = await create(OLDER[0]);
  assert.deepEqual(refusal(taken), [400, 400, 'Coupon code already taken']);

  const listed = await api.call('GET', '/coupons?page=1&limit=10&isActive=true&type=percentage');
  assert.equal(listed.status, 200);
  assertHas(listed.body, { page: 1, limit: 10, totalPages: 1, totalResults: 3 });
  assert.deepEqual(listed.body.results.map(({ code }: { code: string }) => code).sort(), [
    'LIMITED15',
    'SAVE20',
    'WELCOME20',
  ]);
  const forProduct = await api.call('GET', `/coupons/product/${PRODUCT_B}`);
  assert.deepEqual(forProduct.body.map(({ code }: { code: string }) => code).sort(), [
    'LIMITED15',
    'PRODUCT10',
    'SAVE20',
    'WELCOME20',
  ]);

  const cart = { code: 'SAVE20', cartTotal: 1000, productIds: [PRODUCT_B] };
  const valid = await api.call('POST', '/coupons/validate', { ...cart, productIds: [PRODUCT_B, PRODUCT_C] });
  assert.equal(valid.status, 200);
  assertHas(valid.body, { valid: true, message: 'Coupon is valid' });
  assertHas(valid.body.coupon, { code: 'SAVE20', discount: 20, type: 'percentage', minPurchaseAmount: 500 });
  const applied = await api.call('POST', '/coupons/apply', cart);
  assert.equal(applied.status, 200);
  assertHas(applied.body, {
    couponCode: 'SAVE20',
    discountType: 'percentage',
    discountValue: 20,
    discountAmount: 200,
    originalAmount: 1000,
    finalAmount: 800,
    savings: 200,
  });
  const fixed = await api.call('POST', '/coupons/apply', { ...cart, code: 'product10', cartTotal: 40 });
  assertHas(fixed.body, { couponCode: 'PRODUCT10', discountAmount: 40, finalAmount: 0 });
  const used = await api.call('POST', '/coupons/increment-usage', { code: 'SAVE20' });
  assert.deepEqual([used.status, used.body.usageCount], [200, 1]);

  for (const path of ['/coupons/validate', '/coupons/apply']) {
    const refused = async (fields: object) => refusal(await api.call('POST', path, { ...cart, ...fields }));
    assert.deepEqual(await refused({ code: 'UNKNOWN' }), [404, 404, 'Coupon not found']);
    const belowMinimum = [400, 400, 'Minimum purchase amount of ₹500 required'];
    assert.deepEqual(await refused({ cartTotal: 499.99 }), belowMinimum);
    const noProduct = [400, 400, 'No eligible products in cart for this coupon'];
    assert.deepEqual(await refused({ code: 'FLAT100' }), noProduct);
  }
  for (const call of [
    api.call('POST', '/coupons/increment-usage', { code: 'UNKNOWN' }),
    api.call('GET', '/coupons/code/UNKNOWN'),
    api.call('GET', '/coupons/01a21df7-4bb4-78ac-a6c8-3a60d292d75e'),
  ])
    assert.deepEqual(refusal(await call), [404, 404, 'Coupon not found']);
});

test('a promotion is changed by its id, and one that is switched off is refused', async () => {
  const { id } = await promotion({ code: 'CHANGED' });
  const path = `/coupons/${id}`;
  const changed = await api.call('PATCH', path, { discount: 25, maxUsage: 150, isActive: false });
  assert.equal(changed.status, 200);
  assertHas(changed.body, { id, code: 'CHANGED', discount: 25, maxUsage: 150, isActive: false, version: 2 });
  const stale = await api.call('PATCH', path, { discount: 30 }, { 'if-match': '"1"' });
  assert.equal(stale.status, 412);
  const { headers, body } = await api.call('GET', path);
  assert.deepEqual([headers['etag'], body.discount], ['"2"', 25]);
  const refused = await api.call('POST', '/coupons/validate', { code: 'CHANGED', cartTotal: 10 });
  assert.deepEqual(refusal(refused), [400, 400, 'Coupon is not active']);
});

test('at its cap a promotion is refused to validate, to apply and to increment-usage', async () => {
  await promotion({ code: 'CAPPED', maxUsage: 2 });
  const count = () => api.call('POST', '/coupons/increment-usage', { code: 'CAPPED' });
  assert.deepEqual([(await count()).status, (await count()).status], [200, 200]);
  const exceeded = [400, 400, 'Coupon usage limit exceeded'];
  assert.deepEqual(refusal(await count()), exceeded);
  for (const path of ['/coupons/validate', '/coupons/apply'])
    assert.deepEqual(refusal(await api.call('POST', path, { code: 'CAPPED', cartTotal: 10 })), exceeded);
  const { body } = await api.call('GET', '/coupons/code/capped');
  assert.equal(body.usageCount, 2);
});

test('a percentage above 100 and a code of another length are refused', async () => {
  const settings = { discount: 10, type: 'percentage', couponFor: 'product' };
  for (const wrong of [{ discount: 101 }, { code: 'AB' }, { code: 'A'.repeat(21) }, { couponFor: 'minPurchase' }]) {
    const { status, body } = await create({ code: 'WRONG', ...settings, ...wrong });
    assert.deepEqual([status, body.type], [400, '/problems/validation'], JSON.stringify(wrong));
  }
  assert.equal((await create({ ...settings, code: 'a'.repeat(20) })).body.code, 'A'.repeat(20));
});

// -- the namespace of all codes -------------------------------------------------------------------

test('a promotion can not take a unique code, and an upload can not take the code of a promotion', async () => {
  const bookId = await book(['UNIQUE-1']);
  const refused = await create({ code: 'unique-1', discount: 10, type: 'percentage', couponFor: 'product' });
  assert.deepEqual(refusal(refused), [400, 400, 'Coupon code already taken']);
  assert.equal((await api.call('GET', '/coupons/code/UNIQUE-1')).body.kind, 'code');

  await promotion({ code: 'SHARED-1' });
  const uploaded = await api.call('POST', `/coupon-books/${bookId}/codes`, { codes: ['SHARED-1', 'UNIQUE-2'] });
  assert.deepEqual([uploaded.status, uploaded.body.added, uploaded.body.duplicates], [200, 1, 1]);
  assert.equal((await api.call('GET', '/coupons/code/SHARED-1')).body.kind, 'promotion');
});

test('the code of a deleted promotion is free for an upload and for another promotion', async () => {
  for (const [code, take] of [
    [
      'FREED-1',
      async () => (await api.call('POST', `/coupon-books/${await book()}/codes`, { codes: ['FREED-1'] })).body.added,
    ],
    ['FREED-2', async () => Number((await promotion({ code: 'freed-2' })).code === 'FREED-2')],
  ] as const) {
    const { id } = await promotion({ code });
    assert.equal((await api.call('DELETE', `/coupons/${id}`)).status, 204);
    for (const gone of [`/coupons/${id}`, `/coupons/code/${code}`])
      assert.deepEqual(refusal(await api.call('GET', gone)), [404, 404, 'Coupon not found']);
    assert.equal((await api.call('DELETE', `/coupons/${id}`)).status, 404);
    assert.equal(await take(), 1, code);
  }
});

test('the code of a deleted promotion is free once no reservation is open, and the reservation can be committed', async () => {
  const { id } = await promotion({ code: 'LAST-CART' });
  const cart = { code: 'LAST-CART', cartTotal: 100, reserve: true };
  const open = [await api.call('POST', '/coupons/apply', cart), await api.call('POST', '/coupons/apply', cart)];
  assert.equal((await api.call('DELETE', `/coupons/${id}`)).status, 204);
  const again = () => create({ code: 'LAST-CART', discount: 5, type: 'percentage', couponFor: 'product' });
  assert.equal((await again()).status, 400);
  const settle = (at: number, how: string) =>
    api.call('POST', `/reservations/${open[at]?.body.reservationId}/${how}`, {});
  assert.equal((await settle(0, 'release')).status, 200);
  assert.deepEqual(refusal(await again()), [400, 400, 'Coupon code already taken']);
  assert.equal((await settle(1, 'commit')).body.status, 'committed');
  assert.equal((await again()).status, 201);
  assert.equal((await settle(1, 'rollback')).body.status, 'rolledBack');
});

test('of 20 promotions with one code that are made at once, exactly one is made', async () => {
  const settings = { code: 'RACE', discount: 10, type: 'percentage', couponFor: 'product' };
  const replies = await Promise.all(Array.from({ length: 20 }, () => create(settings)));
  const made = replies.filter(({ status }) => status === 201);
  assert.equal(made.length, 1);
  for (const reply of replies)
    if (reply !== made[0]) assert.deepEqual(refusal(reply), [400, 400, 'Coupon code already taken']);
  const { body } = await api.call('GET', '/coupons/code/race');
  assert.equal(body.id, made[0]?.body.id);
  assert.equal((await api.call('GET', '/coupons?code=RACE')).body.totalResults, 1);
});

test('of promotions and uploads that want one code at once, exactly one gets it', async () => {
  const bookId = await book();
  const replies = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      if (n % 2 === 0)
        return (await create({ code: 'MIXED', discount: 1, type: 'fixed', couponFor: 'product' })).status === 201;
      return (await api.call('POST', `/coupon-books/${bookId}/codes`, { codes: ['MIXED'] })).body.added === 1;
    }),
  );
  assert.equal(replies.filter(Boolean).length, 1);
});

test('a promotion without a code gets one of its pattern', async () => {
  const made = [await promotion({}), await promotion({}), await promotion({ codePattern: 'EID-{RANDOM:6}' })];
  const codes = made.map(({ code }) => code as string);
  assert.match(String(codes[0]), /^[A-Z0-9]{8}$/);
  assert.match(String(codes[2]), /^EID-[A-Z0-9]{6}$/);
  assert.equal(new Set(codes).size, 3);
  for (const [at, code] of codes.entries())
    assert.equal((await api.call('GET', `/coupons/code/${code.toLowerCase()}`)).body.id, made[at].id);
});

test('when every code of a pattern is taken, the promotion is refused', async () => {
  const tens = { codePattern: 'TEN-{RANDOM:1}' };
  const statuses: number[] = [];
  while (statuses.at(-1) !== 400) {
    statuses.push((await create({ discount: 1, type: 'fixed', couponFor: 'product', ...tens })).status);
    assert.ok(statuses.length < 60, 'the pattern has one random character');
  }
  assert.equal(statuses.filter((status) => status === 201).length, statuses.length - 1);
});

test('an automatic promotion has no code', async () => {
  const campaignId = '0b0c5a34-8e1b-4a3e-9d55-6cf3e7a1d001';
  const made = await promotion({ automatic: true, campaignId });
  assert.deepEqual([made.code, made.automatic], [null, true]);
  const applied = await api.call('POST', '/coupons/apply', { codes: [], campaignId, cartTotal: 50 });
  assertHas(applied.body, { couponCode: null, discountAmount: 5, finalAmount: 45 });
});

test('the code of a promotion is read in any case, and is not a unique code to commands', async () => {
  const { id } = await promotion({ code: 'AnyCase-1' });
  for (const code of ['ANYCASE-1', 'anycase-1', 'AnYcAsE-1']) {
    const { status, body } = await api.call('GET', `/coupons/code/${code}`);
    assert.deepEqual([status, body.kind, body.id], [200, 'promotion', id]);
  }
  for (const command of ['assign/ANYCASE-1', 'ANYCASE-1/lock', 'ANYCASE-1/unlock', 'ANYCASE-1/redeem']) {
    const { status, body } = await api.call('POST', `/coupons/${command}`, { userId: 'ada' });
    assert.deepEqual([status, body.type], [404, '/problems/code-not-found'], command);
  }
  const { status, body } = await api.call('GET', '/coupons/ANYCASE-1/history');
  assert.deepEqual([status, body.type], [404, '/problems/code-not-found']);
  const topic = `book:${await book()}`;
  const socket = await openSocket(server.url, { token: api.token });
  socket.send({ type: 'subscribe', topics: ['code:ANYCASE-1', topic], snapshot: true });
  const snapshot = await socket.until(({ type }) => type !== 'subscribed');
  assert.deepEqual([snapshot.type, snapshot.topic], ['snapshot', topic]);
  socket.end();
});

// -- what a user may do ---------------------------------------------------------------------------

test('a user reads promotions and prices carts, and changes none', async () => {
  const user = await newUser();
  const { id } = await promotion({ code: 'READ-ONLY' });
  const cart = { code: 'READ-ONLY', cartTotal: 10 };
  for (const path of ['/coupons', `/coupons/${id}`, '/coupons/code/read-only', '/coupons/product/any'])
    assert.equal((await user.call('GET', path)).status, 200, path);
  for (const fields of [{}, { userId: user.id }])
    for (const path of ['/coupons/validate', '/coupons/apply'])
      assert.equal((await user.call('POST', path, { ...cart, ...fields })).status, 200, path);
  assert.equal((await user.call('POST', '/coupons/qualify', { cartTotal: 10 })).status, 200);
  for (const [path, asked] of [
    ['/coupons/validate', cart],
    ['/coupons/apply', cart],
    ['/coupons/qualify', { cartTotal: 10 }],
  ] as const)
    assert.equal((await user.call('POST', path, { ...asked, userId: 'another' })).status, 403, path);
  for (const [method, path, body] of [
    ['POST', '/coupons', { discount: 10, type: 'percentage', couponFor: 'product' }],
    ['PATCH', `/coupons/${id}`, { discount: 90 }],
    ['DELETE', `/coupons/${id}`, undefined],
    ['POST', '/coupons/increment-usage', { code: 'READ-ONLY' }],
  ] as const)
    assert.equal((await user.call(method, path, body)).status, 403, `${method} ${path}`);
  assertHas((await api.call('GET', `/coupons/${id}`)).body, { discount: 10, usageCount: 0, heldCount: 0 });
});

test('a user reserves for itself only, and sees, renews and releases its own reservations only', async () => {
  const [ada, bob] = [await newUser(), await newUser()];
  await promotion({ code: 'MINE' });
  const cart = { code: 'MINE', cartTotal: 10, reserve: true, cartId: 'basket' };
  assert.equal((await ada.call('POST', '/coupons/apply', { ...cart, userId: bob.id })).status, 403);
  assert.equal((await ada.call('POST', '/coupons/apply', cart)).status, 403, 'without a userId it is for nobody');
  const reserved = await ada.call('POST', '/coupons/apply', { ...cart, userId: ada.id });
  assert.equal(reserved.status, 200, JSON.stringify(reserved.body));
  const id = reserved.body.reservationId as string;

  const { status, body } = await ada.call('GET', `/reservations/${id}`);
  assert.deepEqual([status, body.userId, body.status], [200, ada.id, 'held']);
  assert.equal((await ada.call('GET', '/reservations?cartId=basket')).body.id, id);
  const notFound = (await bob.call('GET', '/reservations/0b0c5a34-8e1b-4a3e-9d55-6cf3e7a1d001')).body;
  for (const [method, path] of [
    ['GET', `/reservations/${id}`],
    ['GET', '/reservations?cartId=basket'],
    ['GET', `/reservations?cartId=basket&userId=${ada.id}`],
    ['POST', `/reservations/${id}/renew`],
    ['POST', `/reservations/${id}/release`],
  ] as const) {
    const refused = await bob.call(method, path);
    assert.deepEqual(
      [refused.status, refused.body.type, refused.body.detail],
      [404, notFound.type, notFound.detail],
      path,
    );
  }
  for (const path of ['commit', 'rollback'])
    assert.equal((await ada.call('POST', `/reservations/${id}/${path}`, {})).status, 403, path);
  assert.equal((await ada.call('POST', `/reservations/${id}/renew`, { reserveSeconds: 900 })).status, 200);
  assert.equal((await ada.call('POST', `/reservations/${id}/release`)).body.status, 'released');
  assert.equal((await api.call('GET', '/coupons/code/MINE')).body.heldCount, 0);
});

const MISSES_MAX = 10;

for (const [name, ask] of [
  ['reads a code', (user, code) => user.call('GET', `/coupons/code/${code}`)],
  ['validates a code', (user, code) => user.call('POST', '/coupons/validate', { code, cartTotal: 10 })],
  ['applies a code', (user, code) => user.call('POST', '/coupons/apply', { code, cartTotal: 10 })],
] as const satisfies readonly (readonly [string, (user: User, code: string) => Promise<Reply>])[])
  test(`a user who ${name} that is not there ten times is refused, also with one that is there`, async () => {
    const user = await newUser();
    const { code } = await promotion({});
    for (let n = 0; n < MISSES_MAX; n++)
      assert.deepEqual(refusal(await ask(user, `GUESS-${n}`)), [404, 404, 'Coupon not found']);
    for (const tried of ['GUESS', code]) {
      const { status, body } = await ask(user, tried);
      assert.deepEqual([status, body.type], [429, '/problems/too-many-misses'], tried);
    }
  });

test('of several codes, each that is not there is a miss, whatever becomes of the others', async () => {
  const { code } = await promotion({});
  const { code: refused } = await promotion({ isActive: false });
  for (const [first, status] of [
    [code, 200],
    [refused, 400],
    ['NOT-THERE', 404],
  ]) {
    const user = await newUser();
    const codes = [first, ...Array.from({ length: MISSES_MAX }, (_, n) => `BESIDE-${n}`)];
    assert.equal((await user.call('POST', '/coupons/apply', { codes, cartTotal: 10 })).status, status);
    assert.equal((await user.call('POST', '/coupons/validate', { code, cartTotal: 10 })).status, 429);
  }
});

test('an unknown code before a known one does not hide it', async () => {
  // In a campaign of its own, it is in another shard than most codes that are not known.
  const campaignId = '01900000-0000-4000-8000-0000000000f1';
  await promotion({ code: 'SECONDCODE', campaignId });
  for (const unknown of ['NOBODY-1', 'NOBODY-2', 'NOBODY-3', 'NOBODY-4']) {
    const { status, body } = await api.call('POST', '/coupons/apply', {
      codes: [unknown, 'SECONDCODE'],
      cartTotal: 100,
      reserve: unknown === 'NOBODY-4',
    });
    assert.deepEqual([status, body.couponCode], [200, 'SECONDCODE'], unknown);
  }
});

test('a campaign that is used up can be asked for again and again, and unknown codes of it can not', async () => {
  const campaignId = '01900000-0000-4000-8000-0000000000f2';
  await promotion({ code: 'USEDUPCODE', campaignId, maxUsage: 1 });
  await api.call('POST', `/campaigns/${campaignId}/reserve`, { codes: ['USEDUPCODE'], cartTotal: 100, userId: 'ada' });
  const user = await newUser();
  const reserve = async (code: string): Promise<number> => {
    const cart = { codes: [code], cartTotal: 100, userId: user.id };
    return (await user.call('POST', `/campaigns/${campaignId}/reserve`, cart)).status;
  };
  for (let n = 0; n <= MISSES_MAX; n++) assert.equal(await reserve('USEDUPCODE'), 409);
  for (let n = 0; n < MISSES_MAX; n++) assert.equal(await reserve(`NOWHERE-${n}`), 409);
  assert.equal(await reserve('NOWHERE'), 429);
});

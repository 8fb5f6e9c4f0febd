/**
 * A refused request leaves nothing that a later caller can observe: for every problem that the
 * server can answer, a real server is brought to answer it, and everything is compared before and
 * after. Then the same idempotency key does something else, and that is the next change of the
 * shard.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, it, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { asShardId } from '../../src/domain/ids.js';
import { PROBLEMS, type ProblemSlug } from '../../src/http/api/problem.js';
import { installationKey } from '../../src/journal/redis/entry.js';
import { openRedisJournal } from '../../src/journal/redis/redis-journal.js';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { type RedisServer, startRedis } from '../journal/redis-server.js';
import { SHARDS, testServer } from '../postgres/server.js';
import { type Api, type Connection, connect, type Reply } from '../support/api.js';
import { signalPostgres } from '../support/postgres.js';
import { until } from '../support/probe.js';
import { ADA, pause, startWorld, type World } from '../support/refusal-world.js';
import { type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

type Answer = Pick<Reply, 'status' | 'body'>;

interface Refusal {
  readonly what: string;
  /** Makes the request with this idempotency key, until it is refused with the problem. */
  make(key: string): Promise<Answer>;
  /** Makes what the refusal needs, before anything is compared. */
  arrange?(): Promise<unknown>;
  /**
   * Another valid request with that key, from the same caller; changing the main book when absent.
   */
  next?(key: string): Promise<Reply>;
  /** The refused caller is gone before everything is cleared up, so nobody was told that it is. */
  readonly leavesSoon?: true;
}

const postgres = testServer();
let world: World;
let changes = 0;
const UNKNOWN = '01900000-0000-7000-8000-0000000000ff';
const REUSED = 'a-key-that-was-used';

before(async () => {
  world = await startWorld();
});
after(() => world.stop());

const keyed = (key: string): Record<string, string> => ({ 'idempotency-key': key });
const post = (path: string, body: unknown, key: string, headers = {}): Promise<Reply> =>
  world.api.call('POST', path, body, { ...keyed(key), ...headers });
const bookPath = (name: keyof World['books']): string => `/coupon-books/${world.books[name]}`;
const coupon = (code: string, action: string, body: object, key: string): Promise<Reply> =>
  post(`/coupons/${code}/${action}`, body, key);
const CART = { cartTotal: 50, reserve: true };
const TEN = { discount: 10, type: 'percentage', couponFor: 'product' };
const csv = { 'content-type': 'text/csv' };
const newBook = (key: string): Promise<Reply> => post('/coupon-books', { name: `book of ${key}` }, key);
const userAssigns = (key: string): Promise<Reply> =>
  world.user.call('POST', '/coupons/assign', { couponBookId: world.books.many, userId: world.userId }, keyed(key));
const changeMain = (key: string): Promise<Reply> =>
  world.api.call('PATCH', bookPath('main'), { description: `change ${++changes}` }, keyed(key));

/** Sends it again, with a new key each time, until it is answered so. */
async function repeat(slug: ProblemSlug, send: (n: number) => Promise<Answer>): Promise<Answer> {
  for (let n = 0; n < 200; n++) {
    const reply = await send(n);
    if (reply.body.type === `/problems/${slug}`) return reply;
    assert.ok(reply.status >= 400, `${slug} was wanted, and something was done: ${reply.status}`);
  }
  throw new Error(`${slug} was never answered`);
}

/** Where the engine refused, it may take a moment until it serves again. */
async function whenServed(send: () => Promise<Reply>): Promise<Reply> {
  for (let tries = 0; ; tries++) {
    const reply = await send();
    if (reply.status !== 503 || tries === 1000) return reply;
    await pause();
  }
}

const one = (what: string, make: Refusal['make'], more: Partial<Refusal> = {}): Refusal[] => [{ what, make, ...more }];

const CASES: Readonly<Partial<Record<ProblemSlug, readonly Refusal[]>>> = {
  'malformed-request': one('a body that is not JSON', (key) => post('/coupons/FREE-1/lock', '{', key)),
  validation: one('a body without its field', (key) => coupon('FREE-1', 'lock', {}, key)),
  'bad-cursor': one('a cursor that is none', () => world.api.call('GET', `${bookPath('main')}/codes?cursor=x`)),
  'bad-idempotency-key': one('a key with a blank', () => coupon('FREE-1', 'lock', { userId: ADA }, 'a key')),
  'dry-run-not-possible': one('a book with codes', (key) =>
    post('/coupon-books?dryRun=true', { name: 'dry', initialCodes: ['DRY-1'] }, key),
  ),
  'coupon-not-applicable': [
    ...one('applying one that is off', (key) => post('/coupons/apply', { code: 'PAUSED', ...CART }, key)),
    ...one('counting a use above the budget', (key) =>
      post('/coupons/increment-usage', { code: 'BUDGET', discountAmount: 101 }, key),
    ),
  ],
  'coupon-code-taken': [
    ...one('by a promotion', (key) => post('/coupons', { ...TEN, code: 'OFFER' }, key)),
    ...one('by a unique code', (key) => post('/coupons', { ...TEN, code: 'FREE-1' }, key)),
  ],
  'use-incomplete': one('a use of a budget without its amount', (key) =>
    post('/coupons/increment-usage', { code: 'BUDGET' }, key),
  ),
  'coupon-not-found': [
    ...one('ending it', (key) => world.api.call('DELETE', `/coupons/${UNKNOWN}`, undefined, keyed(key))),
    ...one('applying it', (key) => post('/coupons/apply', { code: 'NOWHERE', ...CART }, key)),
  ],
  'campaign-not-found': one('stopping it', (key) => post(`/campaigns/${UNKNOWN}/stop`, {}, key)),
  'reservation-not-found': one('committing it', (key) => post(`/reservations/${UNKNOWN}/commit`, {}, key)),
  'campaign-incomplete': one('one of two codes is not there', (key) =>
    post(
      `/campaigns/${world.checkout.campaign}/reserve`,
      { codes: ['TOGETHER', 'NOWHERE'], cartTotal: 50, userId: ADA },
      key,
    ),
  ),
  'reservation-settled': one('committing one that was released', (key) =>
    post(`/reservations/${world.checkout.released}/commit`, {}, key),
  ),
  'lines-not-reserved': one('rolling back what was not in the cart', (key) =>
    post(`/reservations/${world.checkout.committed}/rollback`, { lines: [{ productId: 'hat', quantity: 1 }] }, key),
  ),
  'redemption-of-reservation': one('giving the redemption of a cart back alone', (key) =>
    coupon('CART-1', 'rollback', { redemptionId: world.checkout.redemption }, key),
  ),
  'reservation-over': one('committing it', (key) => post(`/reservations/${world.checkout.expired}/commit`, {}, key)),
  'product-not-found': one('adjusting it', (key) => post('/flash/NOWHERE/adjust', { by: 1 }, key)),
  'order-not-found': one('cancelling it', (key) => post(`/flash/cancel/${UNKNOWN}`, {}, key)),
  'sold-out': [
    ...one('ordering the last one', (key) => post('/flash/order', { productId: 'GONE', userId: ADA }, key)),
    ...one('ordering what has no stock', (key) => post('/flash/order', { productId: 'NOWHERE', userId: ADA }, key)),
  ],
  'sale-not-open': one('ordering while it is paused', (key) =>
    post('/flash/order', { productId: 'SHUT', userId: ADA }, key),
  ),
  'order-limit': one('ordering a second one', (key) => post('/flash/order', { productId: 'KEPT', userId: ADA }, key)),
  'product-in-another-campaign': one('another round in a campaign', (key) =>
    post('/flash/init', { productId: 'KEPT', quantity: 1, campaignId: world.checkout.campaign }, key),
  ),
  'stock-too-small': one('taking away what is sold', (key) => post('/flash/KEPT/adjust', { by: -9 }, key)),
  'order-cancelled': one('confirming it', (key) => post(`/flash/orders/${world.sale.cancelled}/confirm`, {}, key)),
  'order-fulfilled': one('cancelling it', (key) => post(`/flash/cancel/${world.sale.fulfilled}`, {}, key)),
  'not-in-one-campaign': one('codes of two campaigns', (key) =>
    post('/coupons/apply', { codes: ['OFFER', 'TOGETHER'], ...CART }, key),
  ),
  'book-not-active': one('assigning from it', (key) =>
    post('/coupons/assign', { couponBookId: world.books.inactive, userId: ADA }, key),
  ),
  'book-not-begun': one('assigning from it', (key) =>
    post('/coupons/assign', { couponBookId: world.books.early, userId: ADA }, key),
  ),
  'book-over': one('assigning one of its codes', (key) => post('/coupons/assign/OVER-1', { userId: ADA }, key)),
  unauthenticated: one('a token that is none', (key) =>
    world.api.call('POST', '/coupons/FREE-1/lock', { userId: ADA }, { ...keyed(key), authorization: 'Bearer x' }),
  ),
  'wrong-credentials': one('a wrong password', () =>
    world.api.call('POST', '/auth/token', { email: 'nobody@shop.com', password: 'Password2' }),
  ),
  forbidden: one(
    'a user who changes a book',
    (key) => world.user.call('PATCH', bookPath('main'), { name: 'mine' }, keyed(key)),
    { next: userAssigns },
  ),
  'not-found': one('cancelling a job that is not there', (key) =>
    world.api.call('DELETE', `/jobs/${UNKNOWN}`, undefined, keyed(key)),
  ),
  'book-not-found': [
    ...one('generating', (key) => post(`/coupon-books/${UNKNOWN}/generate`, { quantity: 5 }, key)),
    ...one('uploading', (key) => post(`/coupon-books/${UNKNOWN}/codes`, { codes: ['LOST-1'] }, key)),
  ],
  'code-not-found': one('locking', (key) => coupon('NOWHERE-1', 'lock', { userId: ADA }, key)),
  'none-available': one('assigning from a book without codes', (key) =>
    post('/coupons/assign', { couponBookId: world.books.empty, userId: ADA }, key),
  ),
  'redemption-not-found': one('rolling back', (key) => coupon('USED-1', 'rollback', { redemptionId: UNKNOWN }, key)),
  'method-not-allowed': one('PUT of a book', (key) =>
    world.api.call('PUT', bookPath('main'), { name: 'put' }, keyed(key)),
  ),
  'upgrade-required': one('an ordinary request for a WebSocket', () => world.api.call('GET', '/events')),
  'request-timeout': [
    ...one('a body that does not come', (key) =>
      world.half(`POST /api/v1/coupons/FREE-1/lock HTTP/1.1\r\nContent-Length: 20\r\nIdempotency-Key: ${key}`, '{"us'),
    ),
    ...one('an upload that stops', (key) =>
      world.half(`${uploadHead()}\r\nContent-Length: 1000000\r\nIdempotency-Key: ${key}`, 'code\nSTOPPED-1\n'),
    ),
  ],
  'assigned-to-another': one('assigning it to another', (key) =>
    post('/coupons/assign/TAKEN-1', { userId: 'bob' }, key),
  ),
  'not-locked': one('unlocking', (key) => coupon('TAKEN-1', 'unlock', { userId: ADA }, key)),
  'lock-not-held': one('redeeming with a lock that is gone', (key) =>
    coupon('TAKEN-1', 'redeem', { userId: ADA, lockId: 1 }, key),
  ),
  'code-locked': one('unassigning', (key) => coupon('LOCKED-1', 'unassign', {}, key)),
  'code-redeemed': one('unassigning', (key) => coupon('USED-1', 'unassign', {}, key)),
  'not-assigned': one('unassigning', (key) => coupon('FREE-1', 'unassign', {}, key)),
  'already-rolled-back': one('rolling back again', (key) =>
    coupon('BACK-1', 'rollback', { redemptionId: world.redemptionId }, key),
  ),
  'already-exists': one('an account with a known email', (key) =>
    post('/users', { email: 'user@user.com', password: 'Password3', role: 'user' }, key),
  ),
  'book-archived': [
    ...one('generating', (key) => post(`${bookPath('archived')}/generate`, { quantity: 5 }, key)),
    ...one('generating by a job', (key) => post(`${bookPath('archived')}/generate`, { quantity: 20_000 }, key)),
    ...one('uploading', (key) => post(`${bookPath('archived')}/codes`, 'code\nLATE-1\n', key, csv)),
    ...one('assigning one of its codes', (key) => post('/coupons/assign/ARCHIVED-1', { userId: ADA }, key)),
  ],
  'version-mismatch': one('If-Match of another version', (key) =>
    world.api.call('PATCH', bookPath('main'), { name: 'stale' }, { ...keyed(key), 'if-match': '"9999"' }),
  ),
  'body-too-large': one('a length above the limit', (key) =>
    world.half(`POST /api/v1/coupons/FREE-1/lock HTTP/1.1\r\nContent-Length: 100000\r\nIdempotency-Key: ${key}`, '{'),
  ),
  'unsupported-media-type': one('an upload that is a picture', (key) =>
    post(`${bookPath('main')}/codes`, 'PICTURE-1', key, { 'content-type': 'image/png' }),
  ),
  'head-too-large': one('a lock with large cookies', (key) =>
    world.half(
      `POST /api/v1/coupons/FREE-1/lock HTTP/1.1\r\nContent-Length: 16\r\nIdempotency-Key: ${key}\r\nCookie: ${'c'.repeat(17_000)}`,
      '{"userId":"ada"}',
    ),
  ),
  'book-invalid': one('an end before its start', (key) =>
    world.api.call('PATCH', bookPath('early'), { endDate: '2098-01-01T00:00:00Z' }, keyed(key)),
  ),
  'not-possible': [
    ...one('more codes than are free', (key) => post(`${bookPath('small')}/generate`, { quantity: 3 }, key)),
    ...one('more codes than a new pattern has', (key) =>
      post(`${bookPath('small')}/generate`, { quantity: 11, codePattern: 'NEW-{NUMERIC:1}' }, key),
    ),
    ...one('a job that wants more than a pattern has', (key) =>
      post(`${bookPath('small')}/generate`, { quantity: 20_000, codePattern: 'JOB-{NUMERIC:4}' }, key),
    ),
    ...one(
      'more than is free beside codes that came in by hand',
      (key) => post(`${bookPath('small')}/generate`, { quantity: 8, codePattern: 'HAND-{NUMERIC:1}' }, key),
      { arrange: () => post(`${bookPath('small')}/codes`, { codes: ['HAND-1', 'HAND-5', 'HAND-9'] }, 'by-hand') },
    ),
    ...one('an upload that ends within quotes', (key) =>
      post(`${bookPath('main')}/codes`, 'code\nWHOLE-1\n"QUOTED-1', key, csv),
    ),
  ],
  'job-over': one('cancelling it', (key) => world.api.call('DELETE', `/jobs/${world.jobId}`, undefined, keyed(key))),
  'user-codes-limit': one('assigning one more', (key) => post('/coupons/assign/LIMIT-2', { userId: ADA }, key)),
  'user-redemptions-limit': one('redeeming once more', (key) => coupon('LIMIT-1', 'redeem', { userId: ADA }, key)),
  'idempotency-key-reused': [
    ...one('generating', () => post(`${bookPath('main')}/generate`, { quantity: 3 }, REUSED), {
      arrange: () => changeMain(REUSED),
    }),
    ...one('a job', () => post(`${bookPath('main')}/generate`, { quantity: 20_000 }, REUSED)),
    ...one('a book with codes', () => post('/coupon-books', { name: 'again', initialCodes: ['AGAIN-0'] }, REUSED), {
      arrange: () => newBook(REUSED),
    }),
    ...one('uploading', () => post(`${bookPath('main')}/codes`, { codes: ['AGAIN-1'] }, REUSED)),
    ...one('uploading a stream', () => post(`${bookPath('main')}/codes`, 'code\nAGAIN-2\n', REUSED, csv)),
  ],
  'locked-by-another': one('locking', (key) => coupon('LOCKED-1', 'lock', { userId: 'bob' }, key)),
  'used-up': one('redeeming again', (key) => coupon('USED-1', 'redeem', { userId: ADA }, key)),
  'too-many-misses': one(
    'a user who guesses',
    (key) =>
      repeat('too-many-misses', (n) =>
        world.user.call('POST', `/coupons/GUESS-${n}/lock`, { userId: world.userId }, keyed(key)),
      ),
    { next: userAssigns },
  ),
  'too-many-sign-ins': one('wrong passwords', () =>
    repeat('too-many-sign-ins', () =>
      world.api.call('POST', '/auth/token', { email: 'guess@shop.com', password: 'Password2' }),
    ),
  ),
  'too-many-uploads': one('one beside as many as there may be', tooManyUploads, { leavesSoon: true }),
  internal: one('a handler of a read that breaks', (key) =>
    withBrokenHandler(() => world.api.call('GET', '/coupons/code/BACK-1', undefined, keyed(key))),
  ),
  'outcome-unknown': one(
    'a handler of a change that breaks between the codes and their command',
    (key) =>
      withBrokenHandler(() => post('/coupon-books', { name: 'broken', initialCodes: ['BROKEN-1', 'BROKEN-2'] }, key)),
    { next: newBook },
  ),
  overloaded: one('more at once than the mailbox holds', async (key) => {
    // Each of them would be refused in any case, so that those that got through change nothing.
    const replies = await Promise.all(
      Array.from({ length: 200 }, () => coupon('TAKEN-1', 'unlock', { userId: ADA }, key)),
    );
    return replies.find(({ status }) => status === 503) ?? (replies[0] as Reply);
  }),
  unavailable: [
    ...one('generating while PostgreSQL is away', (key) =>
      withoutPostgres(() => post(`${bookPath('small')}/generate`, { quantity: 2 }, key)),
    ),
    ...one('a job while PostgreSQL is away', (key) =>
      withoutPostgres(() => post(`${bookPath('main')}/generate`, { quantity: 20_000 }, key)),
    ),
    ...one('an upload while PostgreSQL is away', (key) =>
      withoutPostgres(() => post(`${bookPath('main')}/codes`, { codes: ['AWAY-1'] }, key)),
    ),
    ...one('a shard thread that is not there', (key) =>
      withoutShard(() => coupon('FREE-1', 'lock', { userId: ADA }, key)),
    ),
  ],
  'no-room': [
    ...one('generating while Redis is full', (key) =>
      withoutRoom(() => post(`${bookPath('small')}/generate`, { quantity: 2 }, key)),
    ),
    ...one('uploading while Redis is full', (key) =>
      withoutRoom(() => post(`${bookPath('main')}/codes`, 'code\nFULL-1\n', key, csv)),
    ),
    ...one(
      'a book with codes while Redis is full',
      (key) => withoutRoom(() => post('/coupon-books', { name: 'full', initialCodes: ['FULL-2'] }, key)),
      { next: newBook },
    ),
    ...one('locking while Redis is full', (key) => withoutRoom(() => coupon('TAKEN-1', 'lock', { userId: ADA }, key))),
  ],
};

/**
 * A server that answers nothing any more can't be compared with itself: this has a test of its own
 * below. So has a clock that is 400 days ahead, in rollback-limit.test.ts, and what only production
 * refuses, in flash-production.test.ts.
 */
const OWN_TEST: readonly ProblemSlug[] = ['draining', 'rollback-too-late', 'round-has-orders'];

const uploadHead = (): string => `POST /api/v1${bookPath('main')}/codes HTTP/1.1\r\nContent-Type: text/csv`;

async function withBrokenHandler(send: () => Promise<Answer>): Promise<Answer> {
  writeFileSync(world.failHandler, '');
  return send().finally(() => rmSync(world.failHandler));
}

async function tooManyUploads(key: string): Promise<Answer> {
  const under = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      world.open(`${uploadHead()}\r\nContent-Length: 1000000\r\nX-Request-Id: many-${n}`, `code\nMANY-${n}\n`),
    ),
  );
  try {
    for (const n of under.keys()) {
      const isUnderWay = async () => (await world.api.call('GET', `/uploads/many-${n}`)).status === 200;
      await until(isUnderWay, 'the uploads are under way');
    }
    return await post(`${bookPath('main')}/codes`, 'code\nONE-MORE-1\n', key, csv);
  } finally {
    for (const socket of under) socket.destroy();
  }
}

async function withoutPostgres(send: () => Promise<Answer>): Promise<Answer> {
  signalPostgres(world.dataDir, 'SIGSTOP');
  signalPostgres(world.dataDir, 'SIGKILL');
  const reply = await repeat('unavailable', send);
  await until(
    () =>
      world.sql.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    'PostgreSQL is back',
  );
  return reply;
}

async function withoutShard(send: () => Promise<Answer>): Promise<Answer> {
  const killed = world.server.ask({ ask: 'killShardThread', thread: 0 });
  await killed;
  const reply = await repeat('unavailable', send);
  await until(async () => (await world.server.ask({ ask: 'statuses' })).join() === 'serving', 'it is back');
  return reply;
}

async function withoutRoom(send: () => Promise<Answer>): Promise<Answer> {
  await world.redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  try {
    return await repeat('no-room', send);
  } finally {
    await world.redis.command('CONFIG', 'SET', 'maxmemory', '0');
  }
}

const seqOf = ({ headers }: Reply): number => Number(String(headers['commit-seq']).split('-')[1]);

async function leavesNothing(
  slug: ProblemSlug,
  { make, arrange, next = changeMain, leavesSoon }: Refusal,
): Promise<void> {
  await arrange?.();
  const marked = await changeMain(`mark-${++changes}`);
  assert.equal(marked.status, 200);
  const before = await world.observe();
  const key = `refused-${++changes}`;
  const { status, body } = await make(key);
  assert.deepEqual([status, body.type], [PROBLEMS[slug].status, `/problems/${slug}`], JSON.stringify(body));
  if (leavesSoon === true) {
    await until(async () => isDeepStrictEqual(await world.observe(), before), 'it is cleared up');
  }
  assert.deepEqual(await world.observe(), before, 'everything is as it was');
  const after = await whenServed(() => next(key));
  assert.ok(after.status < 300, `the key was spent: ${JSON.stringify(after.body)}`);
  assert.equal(after.headers['idempotency-replayed'], undefined);
  assert.equal(seqOf(after), seqOf(marked) + 1, 'the next change is the next of its shard');
}

test('every problem that the server can answer has a refusal in this file', () => {
  const missing = Object.keys(PROBLEMS).filter(
    (slug) => !Object.hasOwn(CASES, slug) && !OWN_TEST.includes(slug as ProblemSlug),
  );
  const how = `For each of ${missing.join(', ')}: add an entry to CASES in test/server/refusals.test.ts, with a request that a real server refuses with this problem.`;
  assert.deepEqual(missing, [], how);
});

describe('a request that is refused leaves nothing that a later caller can observe', () => {
  for (const [slug, refusals] of Object.entries(CASES)) {
    for (const refusal of refusals) {
      it(`${slug}: ${refusal.what}`, () => leavesNothing(slug as ProblemSlug, refusal));
    }
  }
});

test('outcome-unknown: a change whose outcome was not known is there once when it is sent again with its key', async () => {
  const codes = Array.from({ length: 400 }, (_, n) => `UNKNOWN-${n}`);
  assert.equal(
    (await post('/coupon-books', { name: 'unknown', redeemableBy: 'bearer', initialCodes: codes }, 'unknown')).status,
    201,
  );
  const lock = (code: string): Promise<Reply> => coupon(code, 'lock', { userId: ADA }, `lock-${code}`);
  const doubtful: string[] = [];
  while (doubtful.length === 0) {
    const batch = codes.splice(0, 12);
    assert.ok(batch.length > 0, 'no outcome was ever unknown');
    const asked = batch.map((code) => lock(code).then(({ body }) => ({ code, type: body.type })));
    // Within the turn in which they are decided, or a little later: one of the tries meets them
    // under way.
    await new Promise((resolve) => setTimeout(resolve, codes.length % 5));
    await world.server.ask({ ask: 'killShardThread', thread: 0 });
    for (const { code, type } of await Promise.all(asked))
      if (type === '/problems/outcome-unknown') doubtful.push(code);
    await until(async () => (await world.server.ask({ ask: 'statuses' })).join() === 'serving', 'it is back');
  }
  for (const code of doubtful) {
    const reply = await whenServed(() => lock(code));
    assert.equal(reply.status, 200);
    const { body } = await world.api.call('GET', `/coupons/${code}/history`);
    assert.deepEqual(
      body.items.map(({ event }: { event: string }) => event),
      ['coupon.locked', 'coupon.assigned'],
    );
  }
});

test('draining: a server whose shards were taken over changes nothing, and the one that has them goes on', async (t) => {
  const undo = undoes(t);
  const redis = await startRedis();
  undo(redis.destroy);
  const { url } = await postgres.database();
  const env = { REDIS_URL: redis.url, DATABASE_URL: url, SHARDS: String(SHARDS), SHARD_THREADS: '1' };
  const start = async (): Promise<{ server: Server; api: Connection }> => {
    const directory = await temporaryDirectory();
    undo(directory.remove);
    const server = await startServer(directory.path, env);
    undo(server.kill);
    const api = await connect(server.url);
    undo(api.close);
    return { server, api };
  };
  const first = await start();
  const codes = ['DRAIN-1', 'DRAIN-2'];
  const settings = { name: 'draining', redeemableBy: 'bearer', codePattern: 'DR{NUMERIC:1}', initialCodes: codes };
  const book = await first.api.call('POST', '/coupon-books', settings);
  const path = `/coupon-books/${book.body.id}`;
  const observe = async ({ api }: { api: Api }) => [
    (await api.call('GET', path)).body,
    (await api.call('GET', `${path}/codes`)).body,
    (await api.call('GET', '/coupons/DRAIN-1/history')).body,
  ];
  const before = await observe(first);

  // The server ends as soon as it knows. Until then it answers the requests that were under way.
  const underWay = await Promise.all(
    [
      [`${path}/generate`, { quantity: 10 }] as const,
      [`${path}/codes`, { codes: ['DRAIN-3'] }] as const,
      ['/coupons/DRAIN-1/lock', { userId: ADA }] as const,
    ].map(([action, body]) => first.api.begin('POST', action, body, keyed('drained'))),
  );
  await takeShards(redis);
  await until(() => first.server.output().includes('another process has taken over'), 'the first one knows');
  for (const { status, headers, body: problem } of await Promise.all(underWay.map((finish) => finish()))) {
    assert.deepEqual([status, problem.type], [503, '/problems/draining']);
    assert.ok(Number(headers['retry-after']) >= 1);
  }
  assert.equal(await first.server.ended(), EXIT_CODES.fenced);

  const second = await start();
  assert.deepEqual(await observe(second), before);
  const next = await second.api.call('POST', `${path}/generate`, { quantity: 10 }, keyed('drained'));
  // The intent of its codes comes before them.
  assert.deepEqual([next.status, next.headers['idempotency-replayed'], seqOf(next)], [201, undefined, seqOf(book) + 2]);
});

/** As a second process of the same installation does. */
async function takeShards({ url, command }: RedisServer): Promise<void> {
  const installation = String(await command('GET', installationKey(asShardId(0))));
  const log = { info: () => undefined, warn: () => undefined };
  const rival = await openRedisJournal({ url, installation, log });
  await rival.openWriter(Array.from({ length: SHARDS }, (_, shard) => asShardId(shard)));
  await rival.close();
}

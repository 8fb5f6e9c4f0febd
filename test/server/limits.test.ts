/**
 * Limits of the real server: what one caller can do to others, and what a user learns of codes that
 * are not his.
 */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { SignJWT } from 'jose';
import { type Api, connect, type Reply, rawClient } from '../support/api.js';
import { type Environment, startServer, temporaryDirectory, undoes } from '../support/server.js';

interface User {
  readonly id: string;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>;
}

type Context = Parameters<typeof undoes>[0];

async function serve(t: Context, env: Environment = {}) {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(() => directory.remove());
  const started = await startServer(directory.path, env);
  let server = started;
  undo(() => server.stop());
  let api: Api = await connect(server.url);
  undo(() => api.close());
  const agent = new Agent({ keepAlive: true });
  undo(() => agent.destroy());
  const raw = (...args: Parameters<ReturnType<typeof rawClient>>) => rawClient(server.url, agent)(...args);
  let users = 0;
  return {
    get api() {
      return api;
    },
    raw,
    /** SIGKILL, and up again. */
    async killAndStart() {
      api.close();
      await server.kill();
      server = await startServer(directory.path, env);
      api = await connect(server.url);
    },
    async user(): Promise<User> {
      const credentials = { email: `user-${users++}@example.com`, password: 'a password' };
      const made = await api.call('POST', '/users', credentials);
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const { body } = await raw('POST', '/api/v1/auth/token', credentials, {});
      const authorization = `Bearer ${body.accessToken}`;
      return {
        id: made.body.id as string,
        call: (method, path, sent, headers = {}) => raw(method, `/api/v1${path}`, sent, { authorization, ...headers }),
      };
    },
    async book(codes: readonly string[], settings: object = {}): Promise<string> {
      const made = await api.call('POST', '/coupon-books', { name: 'B', initialCodes: codes, ...settings });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      return made.body.id as string;
    },
    async metric(name: string): Promise<number> {
      const { body } = await raw('GET', '/metrics', undefined, {});
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body as string)?.[1]);
    },
    async part(name: string): Promise<{ ok: boolean; detail: string }> {
      return (await raw('GET', '/readyz', undefined, {})).body.parts[name];
    },
  };
}

type Served = Awaited<ReturnType<typeof serve>>;

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const shown = ({ status, headers, body }: Reply) => ({
  status,
  headers: Object.keys(headers)
    .filter((name) => name !== 'date')
    .sort(),
  body: { ...body, instance: '' },
});

/** What a user may try on a code. */
const TRIES: readonly ((user: User, code: string) => Promise<Reply>)[] = [
  (user, code) => user.call('GET', `/coupons/code/${code}`),
  (user, code) => user.call('POST', `/coupons/assign/${code}`, { userId: user.id }),
  (user, code) => user.call('POST', `/coupons/${code}/lock`, { userId: user.id }),
  (user, code) => user.call('POST', `/coupons/${code}/unlock`, { userId: user.id }),
  (user, code) => user.call('POST', `/coupons/${code}/unlock`, { userId: user.id, lockId: 1 }),
  (user, code) => user.call('POST', `/coupons/${code}/redeem`, { userId: user.id }),
  (user, code) => user.call('POST', `/coupons/${code}/redeem`, { userId: user.id, lockId: 1 }),
  (user, code) =>
    user.call('POST', `/coupons/${code}/redeem`, { userId: user.id }, { 'idempotency-key': 'used-before' }),
];

async function othersCodes(served: Served, user: User): Promise<string[]> {
  const { api } = served;
  const done = async (path: string, body: object) => {
    const { status, body: told } = await api.call('POST', `/coupons/${path}`, body);
    assert.equal(status, 200, JSON.stringify(told));
  };
  const codes = ['HIS-ASSIGNED', 'HIS-LOCKED', 'HIS-REDEEMED', 'HIS-REDEEMED-LOCKED', 'MINE'];
  await served.book(codes, { allowMultipleRedemptions: true });
  await done('assign/MINE', { userId: user.id });
  const mine = { userId: user.id };
  const used = await user.call('POST', '/coupons/MINE/redeem', mine, { 'idempotency-key': 'used-before' });
  assert.equal(used.status, 200);
  for (const code of codes.slice(0, -1)) await done(`assign/${code}`, { userId: 'bob' });
  for (const code of ['HIS-REDEEMED', 'HIS-REDEEMED-LOCKED']) await done(`${code}/redeem`, { userId: 'bob' });
  for (const code of ['HIS-LOCKED', 'HIS-REDEEMED-LOCKED']) await done(`${code}/lock`, { userId: 'bob' });
  const over = await served.book(['HIS-OVER']);
  await done('assign/HIS-OVER', { userId: 'bob' });
  await done('HIS-OVER/lock', { userId: 'bob' });
  assert.equal((await api.call('DELETE', `/coupon-books/${over}`)).status, 204);
  await served.book(['HIS-BEARER'], { redeemableBy: 'bearer' });
  await done('assign/HIS-BEARER', { userId: 'bob' });
  return [...codes.slice(0, -1), 'HIS-OVER', 'HIS-BEARER'];
}

test('to a user, another’s code is answered as one that does not exist, by every command and read', async (t) => {
  const served = await serve(t);
  const one = await served.user();
  const codes = await othersCodes(served, one);
  let misses = await served.metric('clipbook_http_misses_total');
  for (const attempt of TRIES) {
    // A user may miss ten times a minute.
    const user = attempt === TRIES.at(-1) ? one : await served.user();
    const unknown = shown(await attempt(user, 'UNKNOWN'));
    assert.equal(unknown.status, 404);
    assert.equal(unknown.body.type, '/problems/code-not-found');
    for (const code of codes) assert.deepEqual(shown(await attempt(user, code)), unknown, `${attempt} ${code}`);
    misses += 1 + codes.length;
    assert.equal(await served.metric('clipbook_http_misses_total'), misses, 'each is a miss');
  }
});

test('a user has ten misses by locking others’ codes, and a service gets the exact reason', async (t) => {
  const served = await serve(t);
  await served.book(['HIS']);
  await served.api.call('POST', '/coupons/assign/HIS', { userId: 'bob' });
  await served.api.call('POST', '/coupons/HIS/lock', { userId: 'bob' });
  const user = await served.user();
  const lock = () => user.call('POST', '/coupons/HIS/lock', { userId: user.id });
  for (let i = 0; i < 10; i++) assert.equal((await lock()).status, 404);
  const refused = await lock();
  assert.deepEqual([refused.status, refused.body.type], [429, '/problems/too-many-misses']);
  const asService = (path: string) => served.api.call('POST', `/coupons/${path}`, { userId: 'ann' });
  assert.equal((await asService('HIS/lock')).status, 423);
  assert.equal((await asService('HIS/unlock')).status, 409);
  assert.equal((await asService('assign/HIS')).status, 409);
});

test('a code of a book for bearers that a lock took is answered as locked to another user who knows it', async (t) => {
  const served = await serve(t);
  await served.book(['IN-HAND'], { redeemableBy: 'bearer' });
  assert.equal((await served.api.call('POST', '/coupons/IN-HAND/lock', { userId: 'bob' })).status, 200);
  const user = await served.user();
  for (const command of ['lock', 'redeem']) {
    const answer = await user.call('POST', `/coupons/IN-HAND/${command}`, { userId: user.id });
    assert.deepEqual([answer.status, answer.body.type], [423, '/problems/locked-by-another']);
  }
});

test('misses of other callers from one address, behind a trusted proxy or not, keep no user from their own code', async (t) => {
  const served = await serve(t, { TRUSTED_PROXIES: '127.0.0.1' });
  await served.book(['OWN']);
  const owner = await served.user();
  await served.api.call('POST', '/coupons/assign/OWN', { userId: owner.id });
  const via = { 'x-forwarded-for': '192.0.2.7' };
  for (let n = 0; n < 10; n++) {
    const user = await served.user();
    for (let i = 0; i < 10; i++) {
      assert.equal((await user.call('GET', `/coupons/code/GUESS-${i}`, undefined, via)).status, 404);
    }
  }
  const another = await served.user();
  assert.equal((await another.call('GET', '/coupons/code/GUESS', undefined, via)).status, 429);
  const elsewhere = { 'x-forwarded-for': '192.0.2.8' };
  assert.equal((await another.call('GET', '/coupons/code/GUESS', undefined, elsewhere)).status, 404);
  const redeemed = await owner.call('POST', '/coupons/OWN/redeem', { userId: owner.id }, via);
  assert.equal(redeemed.status, 200, JSON.stringify(redeemed.body));
});

const long = (n: number): string => `key-${n}-`.padEnd(255, 'x');

/**
 * Renews his own lock with new keys until that is refused. The refusal, and how many were accepted.
 */
async function renewUntilRefused(user: User, code: string): Promise<{ refused: Reply; count: number }> {
  for (let count = 0; count < 10_000; count++) {
    const renewed = await user.call(
      'POST',
      `/coupons/${code}/lock`,
      { userId: user.id },
      { 'idempotency-key': long(count) },
    );
    if (renewed.status !== 200) return { refused: renewed, count };
  }
  throw new Error('no key was refused');
}

test('a caller whose idempotency keys take its share is refused new ones, is told when, and nobody else is', async (t) => {
  const env = { IDEMPOTENCY_BYTES_MAX: '1048576', SHARD_THREADS: '1' };
  const served = await serve(t, env);
  const user = await served.user();
  await served.book(['OWN-1', 'OWN-2', 'OWN-3']);
  for (const code of ['OWN-1', 'OWN-2']) await served.api.call('POST', `/coupons/assign/${code}`, { userId: user.id });
  assert.equal((await served.part('idempotencyKeys')).ok, true);
  const { refused, count } = await renewUntilRefused(user, 'OWN-1');
  assert.deepEqual([refused.status, refused.body.type], [503, '/problems/overloaded']);
  assert.match(refused.body.detail, /idempotency keys of this caller/);
  const afterSeconds = Number(refused.headers['retry-after']);
  assert.ok(afterSeconds > 86_000 && afterSeconds <= 86_400, `Retry-After: ${afterSeconds}`);
  assert.ok(count > 500, `${count} keys of 255 characters`);

  async function checkOthers(n: number): Promise<void> {
    const other = await served.user();
    const couponBookId = await served.book([`OTHER-${n}`]);
    const assigned = await other.call(
      'POST',
      '/coupons/assign',
      { couponBookId, userId: other.id },
      { 'idempotency-key': 'k' },
    );
    assert.equal(assigned.status, 200, JSON.stringify(assigned.body));
    const same = await served.api.call(
      'POST',
      '/coupons/OWN-2/lock',
      { userId: user.id },
      { 'idempotency-key': long(n) },
    );
    assert.equal(same.status, 200, 'another caller in the same book');
    const again = await user.call('POST', '/coupons/OWN-1/lock', { userId: user.id }, { 'idempotency-key': long(0) });
    assert.deepEqual([again.status, again.headers['idempotency-replayed']], [200, 'true']);
    assert.equal((await user.call('POST', '/coupons/OWN-1/lock', { userId: user.id })).status, 200, 'without a key');
    const still = await user.call('POST', '/coupons/OWN-1/lock', { userId: user.id }, { 'idempotency-key': 'new' });
    assert.equal(still.status, 503);
  }

  await checkOthers(1);
  await eventually(
    'the metric of refusals',
    async () => (await served.metric('clipbook_idempotency_refused_total')) >= 2,
  );
  const bytes = await served.metric('clipbook_idempotency_bytes');
  assert.ok(bytes > 500_000 && bytes < 600_000, `${bytes} bytes`);
  assert.equal(await served.metric('clipbook_idempotency_bytes_max'), 1_048_576);
  const part = await served.part('idempotencyKeys');
  assert.equal(part.ok, false);
  assert.match(part.detail, /^5\d\.\d % of IDEMPOTENCY_BYTES_MAX in use; in the last minute callers were refused/);
  await served.killAndStart();
  await checkOthers(2);
});

test('keys that have ended are forgotten though their shard is not asked again', async (t) => {
  const env = { IDEMPOTENCY_BYTES_MAX: '1048576', IDEMPOTENCY_TTL_SECONDS: '4', SHARD_THREADS: '1' };
  const served = await serve(t, env);
  const user = await served.user();
  await served.book(['OWN-1']);
  await served.api.call('POST', '/coupons/assign/OWN-1', { userId: user.id });
  for (let n = 0; n < 300; n++) {
    await user.call('POST', '/coupons/OWN-1/lock', { userId: user.id }, { 'idempotency-key': long(n) });
  }
  await eventually('the bytes of the keys', async () => (await served.metric('clipbook_idempotency_bytes')) > 10_000);
  await eventually('that they are free again', async () => (await served.metric('clipbook_idempotency_bytes')) === 0);
});

test('a right password is right after any number of wrong ones, and only those are limited', async (t) => {
  const served = await serve(t);
  const user = { email: 'victim@example.com', password: 'the right one' };
  assert.equal((await served.api.call('POST', '/users', user)).status, 201);
  const signIn = (password: string) => served.raw('POST', '/api/v1/auth/token', { ...user, password }, {});
  const wrong: number[] = [];
  for (let i = 0; i < 12; i++) wrong.push((await signIn('wrong')).status);
  assert.deepEqual(wrong, [...new Array<number>(10).fill(401), 429, 429]);
  assert.equal((await signIn(user.password)).status, 200);
  const flood = Array.from({ length: 40 }, () => signIn('wrong'));
  const statuses = (await Promise.all(flood)).map(({ status }) => status);
  assert.ok(statuses.every((status) => status === 429));
  assert.equal((await signIn(user.password)).status, 200);
});

test('an unknown email is answered like a wrong password, and no sooner', async (t) => {
  const served = await serve(t);
  await served.api.call('POST', '/users', { email: 'known@example.com', password: 'the right one' });
  const took = { known: 0, unknown: 0 };
  const answers = new Set<string>();
  for (let i = 0; i < 8; i++) {
    for (const who of ['known', 'unknown'] as const) {
      const begun = performance.now();
      const body = { email: `${who}@example.com`, password: 'wrong' };
      const answer = await served.raw('POST', '/api/v1/auth/token', body, {});
      took[who] += performance.now() - begun;
      assert.equal(answer.status, 401);
      answers.add(JSON.stringify(shown(answer)));
    }
  }
  assert.equal(answers.size, 1);
  assert.ok(took.unknown > took.known / 3, JSON.stringify(took));
});

test('a well-signed token whose subject holds a NUL is no token', async (t) => {
  const secret = 'a secret of at least thirty-two bytes';
  const served = await serve(t, { JWT_SECRET: secret });
  for (const subject of ['a\u0000b', '\u0000', 'a\u001bb']) {
    const token = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .setSubject(subject)
      .setIssuer('clipbook')
      .setAudience('clipbook')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret));
    for (const path of ['/auth/me', '/coupon-books']) {
      const answer = await served.raw('GET', `/api/v1${path}`, undefined, { authorization: `Bearer ${token}` });
      assert.equal(answer.status, 401, path);
    }
  }
});

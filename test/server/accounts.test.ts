/**
 * Production and its accounts, on the real server, the real command line and the real database
 * under them.
 */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ADMIN, rawClient } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { postmasterPid, signalPostgres } from '../support/postgres.js';
import { until } from '../support/probe.js';
import { type Environment, type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const SECRET = '0f8c2b7e5d1a49638e7f0b6c3d2a1958';
const PRODUCTION = { NODE_ENV: 'production', JWT_SECRET: SECRET };
const ADA = { email: 'ada@shop.example', password: 'correct horse battery' };
const SEEDED = [ADMIN, { email: 'user@user.com', password: 'Password1' }];
/** Within this, every HTTP thread follows a repair. */
const FOLLOWS_MS = 1000;

interface Place {
  readonly dataDir: string;
  start(env: Environment): Promise<Server>;
  /** `clipbook user` on this data. */
  user(args: readonly string[], password?: string): ReturnType<typeof ended>;
}

async function place(t: TestContext): Promise<Place> {
  const directory = await temporaryDirectory();
  const undo = undoes(t);
  undo(directory.remove);
  const dataDir = join(directory.path, 'data');
  return {
    dataDir,
    async start(env) {
      const server = await startServer(dataDir, env);
      undo(() => server.stop());
      return server;
    },
    user(args, password) {
      const env = { NODE_ENV: 'production', DATA_DIR: dataDir };
      const child = startCli(['user', ...args], env);
      child.stdin?.end(password);
      return ended(child);
    },
  };
}

function client(t: TestContext, { url }: Server) {
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const call = rawClient(url, agent);
  const withToken = (token: string) => ({ authorization: `Bearer ${token}` });
  return {
    signIn: (login: { email: string; password: string }) => call('POST', '/api/v1/auth/token', login, {}),
    as: (token: string) => (method: string, path: string, body?: unknown) =>
      call(method, `/api/v1${path}`, body, withToken(token)),
    async tokenOf(login: { email: string; password: string }): Promise<string> {
      const { status, body } = await call('POST', '/api/v1/auth/token', login, {});
      assert.equal(status, 200, login.email);
      return body.accessToken;
    },
  };
}

test('L1: a login that development seeded does nothing in production on the same data with the same secret', async (t) => {
  const { start } = await place(t);
  const development = await start({ JWT_SECRET: SECRET });
  const tokens = await Promise.all(SEEDED.map((login) => client(t, development).tokenOf(login)));
  assert.equal(await development.stop(), 0);

  const production = client(t, await start(PRODUCTION));
  const wrong = await production.signIn({ email: 'nobody@shop.example', password: 'Password1' });
  assert.equal(wrong.status, 401);
  const strip = (body: object): object => ({ ...body, instance: '' });
  for (const { email, password } of SEEDED) {
    for (const spelled of [email, email.toUpperCase()]) {
      const refused = await production.signIn({ email: spelled, password });
      assert.equal(refused.status, 401, spelled);
      assert.deepEqual(strip(refused.body), strip(wrong.body), 'it tells nothing');
    }
  }
  for (const token of tokens) {
    const refused = await production.as(token)('GET', '/auth/me');
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['www-authenticate'], 'Bearer realm="clipbook", error="invalid_token"');
  }
});

test('L1: production refuses the tokens of seeded logins of another database with the same secret', async (t) => {
  const elsewhere = await place(t);
  const development = await elsewhere.start({ JWT_SECRET: SECRET });
  const token = await client(t, development).tokenOf(ADMIN);
  const here = await place(t);
  const production = client(t, await here.start(PRODUCTION));
  assert.equal((await production.as(token)('GET', '/coupon-books')).status, 401);
});

test('L2: on an empty database, clipbook user create makes the admin that makes everything else', async (t) => {
  const { start, user, dataDir } = await place(t);
  const made = await user(['create', '--role', 'admin', ADA.email], `${ADA.password}\n`);
  assert.deepEqual(made, { code: 0, out: `created ${ADA.email} with the role admin\n`, told: '' });
  assert.equal(postmasterPid(dataDir), null, 'nothing is left running');

  const server = await start(PRODUCTION);
  assert.doesNotMatch(server.output(), /admin@admin\.com|Password1/);
  const production = client(t, server);
  const call = production.as(await production.tokenOf(ADA));
  const book = await call('POST', '/coupon-books', { name: 'first', initialCodes: ['FIRST-1'] });
  assert.equal(book.status, 201);
  assert.equal((await call('POST', '/coupons/assign/FIRST-1', { userId: 'u' })).status, 200);
  assert.equal((await call('POST', '/coupons/FIRST-1/redeem', { userId: 'u' })).status, 200);
  const seeded = await call('POST', '/users', { email: 'Admin@admin.com', password: 'a password', role: 'admin' });
  assert.deepEqual([seeded.status, seeded.body.type], [422, '/problems/not-possible']);
  assert.equal((await call('POST', '/users', { email: 'bob@shop.example', password: 'a password' })).status, 201);
  const { out } = await user(['list']);
  assert.match(
    out,
    /^EMAIL +ROLE +STATE +CREATED\nada@shop\.example +admin +active +\S+Z\nbob@shop\.example +user +active +\S+Z\n$/,
  );
});

test('a running server follows each repair within a second, in every HTTP thread, and is not disturbed', async (t) => {
  const { start, user, dataDir } = await place(t);
  await user(['create', '--role', 'admin', ADA.email], ADA.password);
  const server = await start({ ...PRODUCTION, HTTP_THREADS: '3' });
  const postmaster = postmasterPid(dataDir);
  const { tokenOf, signIn } = client(t, server);
  // Connections are spread over the threads: these reach all of them, and each thread remembers its
  // verdict.
  const agents = Array.from({ length: 24 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  t.after(() => agents.forEach((agent) => void agent.destroy()));
  const statuses = async (token: string): Promise<Set<number>> => {
    const authorization = `Bearer ${token}`;
    const calls = agents.map((agent) =>
      rawClient(server.url, agent)('GET', '/api/v1/auth/me', undefined, { authorization }),
    );
    return new Set((await Promise.all(calls)).map(({ status }) => status));
  };
  const everywhere = async (token: string, status: number, what: string): Promise<void> => {
    const beganMs = performance.now();
    const isSo = async () => [...(await statuses(token))].join() === String(status);
    await until(isSo, what);
    const tookMs = Math.round(performance.now() - beganMs);
    t.diagnostic(`${what}: ${tookMs} ms after the command ended`);
    assert.ok(tookMs < FOLLOWS_MS, `${what} took ${tookMs} ms`);
  };

  let token = await tokenOf(ADA);
  await everywhere(token, 200, 'a token is taken');
  assert.equal((await user(['disable', 'ADA@shop.example'])).code, 0);
  await everywhere(token, 401, 'a disabled account has no token');
  assert.equal((await signIn(ADA)).status, 401);

  assert.equal((await user(['enable', ADA.email])).code, 0);
  await until(async () => (await signIn(ADA)).status === 200, 'an enabled account signs in');
  await everywhere(token, 401, 'its earlier tokens stay ended');
  token = await tokenOf(ADA);
  await everywhere(token, 200, 'its new token is taken');

  const second = { ...ADA, password: 'another horse battery' };
  assert.equal((await user(['passwd', ADA.email], second.password)).code, 0);
  await everywhere(token, 401, 'a new password ends the tokens');
  assert.equal((await signIn(ADA)).status, 401);
  token = await tokenOf(second);
  await everywhere(token, 200, 'a token for the new password is taken');

  assert.equal((await user(['role', ADA.email, 'service'])).code, 0);
  await everywhere(token, 401, 'a new role ends the tokens');
  const { body } = await client(t, server).as(await tokenOf(second))('GET', '/auth/me');
  assert.equal(body.role, 'service');

  assert.equal(postmasterPid(dataDir), postmaster, 'its PostgreSQL is the same');
  assert.equal(server.output().includes('ended'), false, server.output());

  token = await tokenOf(second);
  await everywhere(token, 200, 'a token for the new role is taken');
  signalPostgres(dataDir, 'SIGKILL');
  await until(() => postmasterPid(dataDir) !== postmaster, 'PostgreSQL is gone');
  assert.equal((await statuses(token)).has(401), false, 'what was known stays in force while it is away');
  assert.equal((await user(['disable', ADA.email])).code, 0);
  await everywhere(token, 401, 'a repair is seen after PostgreSQL came back');

  assert.equal(await server.stop(), 0);
  const restarted = await start(PRODUCTION);
  assert.equal((await client(t, restarted).as(token)('GET', '/auth/me')).status, 401, 'also after a restart');
});

/**
 * `clipbook move-database`: the embedded database goes into one's own, and the server goes on with
 * that.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { testServer } from '../postgres/server.js';
import { type Api, connect } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const USERS = 40;

const postgres = testServer();
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let dataDir: string;
let bookId: string;
let seenBefore: readonly unknown[];

const move = (env: Readonly<Record<string, string>>) =>
  ended(startCli(['move-database'], { DATA_DIR: dataDir, DATABASE_URL: '', ...env }));

async function emptyDatabase(name: string): Promise<string> {
  const admin = new pg.Client(postgres.postgres().url);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  return Object.assign(new URL(postgres.postgres().url), { pathname: `/${name}` }).href;
}

/** What callers see of the book and its codes. */
async function seen(api: Api): Promise<readonly unknown[]> {
  const paths = [
    `/coupon-books/${bookId}`,
    `/coupon-books/${bookId}/codes?limit=1000`,
    '/coupons/M-1/history',
    '/users/user-1/coupons',
  ];
  return Promise.all(
    paths.map(async (path) => {
      const { status, body } = await api.call('GET', path);
      assert.equal(status, 200, path);
      return body;
    }),
  );
}

async function verified(server: Server, api: Api): Promise<void> {
  const { body } = await api.call('POST', '/auth/token', { email: 'admin@admin.com', password: 'Password1' });
  const env = { CLIPBOOK_URL: server.url, CLIPBOOK_TOKEN: String(body.accessToken) };
  const { code, out, told } = await ended(startCli(['verify'], env));
  assert.equal(code, 0, out + told);
}

describe('clipbook move-database', () => {
  before(async () => {
    directory = await temporaryDirectory();
    dataDir = join(directory.path, 'data');
    const server = await startServer(dataDir);
    const api = await connect(server.url);
    bookId = (await api.call('POST', '/coupon-books', { name: 'moved', redeemableBy: 'bearer' })).body.id;
    const codes = Array.from({ length: 500 }, (_, n) => `M-${n}`);
    await api.call('POST', `/coupon-books/${bookId}/codes`, { codes });
    await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: 500 });
    for (let n = 0; n < USERS; n++) {
      const key = { 'idempotency-key': `redeem-${n}` };
      const { status } = await api.call('POST', `/coupons/M-${n}/redeem`, { userId: `user-${n}` }, key);
      assert.equal(status, 200);
    }
    seenBefore = await seen(api);
    api.close();
    const refused = await move({ TARGET_DATABASE_URL: await emptyDatabase('too_early') });
    assert.equal(refused.code, 3);
    assert.equal(refused.told, 'error: A server uses this database; stop the server first.\n');
    assert.equal(await server.stop(), 0);
  });

  after(() => directory.remove());

  it('names the variable that is missing', async () => {
    const { code, told } = await move({});
    assert.equal(code, 2);
    assert.match(told, /^error: TARGET_DATABASE_URL is not set; allowed is a URL that begins with postgres:/);
  });

  it('refuses a target that is not empty, and changes nothing there', async () => {
    const target = await emptyDatabase('filled');
    const client = new pg.Client(target);
    await client.connect();
    await client.query('CREATE TABLE theirs (n int)');
    const { code, told } = await move({ TARGET_DATABASE_URL: target });
    assert.deepEqual([code, told], [3, 'error: The target is not empty: it has the table theirs.\n']);
    const { rows } = await client.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    assert.deepEqual(rows, [{ relname: 'theirs' }]);
    await client.end();
  });

  it('names a target that can not be reached, without its password', async () => {
    const { code, told } = await move({ TARGET_DATABASE_URL: 'postgres://clipbook:hidden@127.0.0.1:1/clipbook' });
    assert.equal(code, 1);
    assert.match(told, /^Nothing was moved\. .*127\.0\.0\.1:1/);
    assert.doesNotMatch(told, /hidden/);
  });

  it('moves everything, and the server goes on with its journal', async () => {
    const target = await emptyDatabase('moved');
    const { code, out, told } = await move({ TARGET_DATABASE_URL: target });
    assert.equal(code, 0, told);
    assert.match(out, /^codes: 1000 rows$/m);
    const server = await startServer(dataDir, { DATABASE_URL: target });
    const api = await connect(server.url);
    assert.deepEqual(await seen(api), seenBefore);
    const again = await api.call(
      'POST',
      '/coupons/M-1/redeem',
      { userId: 'user-1' },
      { 'idempotency-key': 'redeem-1' },
    );
    assert.deepEqual([again.status, again.headers['idempotency-replayed']], [200, 'true']);
    const generated = await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: 200 });
    assert.deepEqual([generated.status, generated.body.generatedCodes, generated.body.totalCodes], [201, 200, 1200]);
    await verified(server, api);
    api.close();
    assert.equal(await server.stop(), 0);
  });
});

/** Flash sales in production: its paths need tokens, and users act for themselves. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Reply, rawClient } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const PASSWORD = 'correct horse battery';
const PRODUCT = { productId: 'drop', quantity: 5 };

test('in production, the paths at the root need tokens, users see their own orders, and a round with orders ends by reset only', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const dataDir = join(directory.path, 'data');
  const child = startCli(['user', 'create', '--role', 'admin', 'admin@shop.example'], {
    NODE_ENV: 'production',
    DATA_DIR: dataDir,
  });
  child.stdin?.end(`${PASSWORD}\n`);
  assert.equal((await ended(child)).code, 0);
  const server = await startServer(dataDir, {
    NODE_ENV: 'production',
    JWT_SECRET: '0f8c2b7e5d1a49638e7f0b6c3d2a1958',
  });
  undo(() => server.stop());
  const agent = new Agent({ keepAlive: true });
  undo(async () => agent.destroy());
  const call = rawClient(server.url, agent);
  const as =
    (token: string | null) =>
    (method: string, path: string, body?: unknown, key?: string): Promise<Reply> =>
      call(method, path, body, {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { 'x-idempotency-key': key }),
      });
  const signIn = async (email: string) =>
    (await call('POST', '/api/v1/auth/token', { email, password: PASSWORD }, {})).body;
  const admin = as((await signIn('admin@shop.example')).accessToken);
  const person = async (name: string) => {
    const email = `${name}@shop.example`;
    const { body } = await admin('POST', '/api/v1/users', { email, password: PASSWORD });
    return { id: String(body.id), send: as((await signIn(email)).accessToken) };
  };
  const [ada, bob, nobody] = [await person('ada'), await person('bob'), as(null)];

  assert.equal((await admin('POST', '/init', PRODUCT)).status, 200);
  const refused = await ada.send('POST', '/init', PRODUCT);
  assert.deepEqual([refused.status, Object.keys(refused.body)], [403, ['error']]);
  const order = { productId: 'drop', userId: ada.id };
  const without = await nobody('POST', '/order', order, 'key-0');
  assert.deepEqual([without.status, without.body], [401, { error: 'This needs an access token.' }]);
  assert.ok(without.headers['www-authenticate']);
  const first = await ada.send('POST', '/order', order, 'key-1');
  assert.deepEqual([first.status, first.body.status], [200, 'success']);
  assert.equal((await bob.send('POST', '/order', order, 'key-2')).status, 403);
  const { orderId } = first.body;
  for (const [path, method] of [
    [`/status/${orderId}`, 'GET'],
    [`/api/v1/flash/status/${orderId}`, 'GET'],
    [`/cancel/${orderId}`, 'POST'],
    [`/api/v1/flash/orders/${orderId}/confirm`, 'POST'],
  ] as const) {
    assert.equal((await nobody(method, path)).status, 401, path);
    assert.equal((await bob.send(method, path)).status, 404, path);
  }
  assert.equal((await ada.send('GET', `/status/${orderId}`)).body.userId, ada.id);
  assert.equal((await nobody('GET', '/inventory/drop')).status, 401);
  assert.equal((await bob.send('GET', '/inventory/drop')).body.sold, 1);
  for (const path of ['pause', 'adjust'])
    assert.equal((await ada.send('POST', `/api/v1/flash/drop/${path}`)).status, 403);

  const again = await admin('POST', '/api/v1/flash/init', PRODUCT);
  assert.deepEqual([again.status, again.body.type], [409, '/problems/round-has-orders']);
  const older = await admin('POST', '/init', PRODUCT);
  assert.deepEqual([older.status, Object.keys(older.body)], [409, ['error']]);
  assert.equal((await bob.send('GET', '/inventory/drop')).body.sold, 1);
  assert.equal((await admin('POST', '/init', { ...PRODUCT, reset: true })).status, 200);
  assert.equal((await bob.send('GET', '/inventory/drop')).body.sold, 0);
  assert.equal((await ada.send('GET', `/status/${orderId}`)).status, 200, 'earlier orders stay readable');
});

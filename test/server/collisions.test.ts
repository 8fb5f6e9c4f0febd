/** Names that were chosen to collide, against the whole server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Api, connect } from '../support/api.js';
import { collidingTexts } from '../support/colliding-texts.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const COUNT = 10_000;
const CALLERS = 64;

async function assignAll(api: Api, bookId: string, users: readonly string[]): Promise<number> {
  const rest = [...users];
  const beganMs = performance.now();
  const caller = async (): Promise<void> => {
    for (let userId = rest.pop(); userId !== undefined; userId = rest.pop()) {
      const { status } = await api.call('POST', '/coupons/assign', { couponBookId: bookId, userId });
      assert.equal(status, 200);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return performance.now() - beganMs;
}

test('ten thousand user ids that were made to collide are served as fast as others', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const server = await startServer(directory.path, { SHARD_THREADS: '1' });
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  const { body } = await api.call('POST', '/coupon-books', { name: 'collisions' });
  for (let n = 0; n < 3; n++)
    assert.equal((await api.call('POST', `/coupon-books/${body.id}/generate`, { quantity: COUNT })).status, 201);
  const others = (round: number): string[] =>
    Array.from({ length: COUNT }, (_, n) => `${round}${n.toString(36).toUpperCase()}`.padStart(84, '0'));
  await assignAll(api, body.id, others(1));
  const expectedMs = await assignAll(api, body.id, others(2));
  const actualMs = await assignAll(api, body.id, collidingTexts(COUNT, 0));
  t.diagnostic(`${Math.round(actualMs)} ms, others ${Math.round(expectedMs)} ms`);
  assert.ok(actualMs < 3 * expectedMs, `${actualMs} ms against ${expectedMs} ms`);
  assert.equal(await server.stop(), 0);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedis } from '../journal/redis-server.js';
import { type Environment, temporaryDirectory, undoes } from '../support/server.js';
import { sale } from './sale.js';

async function assertEachUnitOnce(t: TestContext, undo: ReturnType<typeof undoes>, env: Environment): Promise<void> {
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const say = (line: string): void => t.diagnostic(line);
  const options = { dataDir: directory.path, env, orders: 1500, units: 600, kills: 1, callers: 32, say };
  const { faults, accepted, soldOut, samples, repeated } = await sale(options);
  assert.deepEqual(faults, []);
  assert.deepEqual([accepted, soldOut], [600, 900]);
  assert.ok(repeated > 0 && samples > 5, `${repeated} repeated, ${samples} samples`);
}

test('1,500 orders by older clients get 600 units once each, over a kill', async (t) => {
  await assertEachUnitOnce(t, undoes(t), {});
});

test('over Redis, 1,500 orders by older clients get 600 units once each, over a kill', async (t) => {
  const undo = undoes(t);
  const redis = await startRedis();
  undo(redis.destroy);
  await assertEachUnitOnce(t, undo, { REDIS_URL: redis.url });
});

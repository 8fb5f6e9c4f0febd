import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedis } from '../journal/redis-server.js';
import { type Environment, temporaryDirectory, undoes } from '../support/server.js';
import { carts } from './carts.js';

const CAP = 40;
const BUDGET = 22_001;

async function assertNeverTooMany(t: TestContext, undo: ReturnType<typeof undoes>, env: Environment): Promise<void> {
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const say = (line: string): void => t.diagnostic(line);
  const options = { dataDir: directory.path, env, carts: 400, cap: CAP, budget: BUDGET, kills: 1, callers: 16, say };
  const { faults, reserved, refused, mostUses, samples } = await carts({ ...options, reserveSeconds: 15 });
  assert.deepEqual(faults, []);
  assert.equal(mostUses, CAP, 'all uses were taken at once');
  assert.ok(
    reserved > CAP && refused > CAP && samples > 5,
    `${reserved} reserved, ${refused} refused, ${samples} samples`,
  );
}

test('400 carts never hold and use more than a cap of 40 and a budget, over a kill, and the rest is used when holds have ended', async (t) => {
  await assertNeverTooMany(t, undoes(t), {});
});

test('over Redis, 400 carts never hold and use more than a cap of 40 and a budget, over a kill, and the rest is used when holds have ended', async (t) => {
  const undo = undoes(t);
  const redis = await startRedis();
  undo(redis.destroy);
  await assertNeverTooMany(t, undo, { REDIS_URL: redis.url });
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedis } from '../journal/redis-server.js';
import { type Environment, temporaryDirectory, undoes } from '../support/server.js';
import { campaigns } from './campaigns.js';

const CAP = 40;
const BUDGET = 22_001;

async function assertAllOrNothing(t: TestContext, undo: ReturnType<typeof undoes>, env: Environment): Promise<void> {
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const say = (line: string): void => t.diagnostic(line);
  const options = { dataDir: directory.path, env, reservations: 300, cap: CAP, budget: BUDGET, kills: 1, say };
  const { faults, reserved, refused, samples } = await campaigns({ ...options, callers: 16, reserveSeconds: 10 });
  assert.deepEqual(faults, []);
  assert.ok(
    reserved > CAP / 2 && refused > CAP && samples > 5,
    `${reserved} reserved, ${refused} refused, ${samples} samples`,
  );
}

test('300 reservations of a whole campaign hold and use all or nothing, over a kill, within a cap of 40 and a budget', async (t) => {
  await assertAllOrNothing(t, undoes(t), {});
});

test('over Redis, 300 reservations of a whole campaign hold and use all or nothing, over a kill, within a cap of 40 and a budget', async (t) => {
  const undo = undoes(t);
  const redis = await startRedis();
  undo(redis.destroy);
  await assertAllOrNothing(t, undo, { REDIS_URL: redis.url });
});

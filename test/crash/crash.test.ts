import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '../journal/redis-server.js';
import { temporaryDirectory, undoes } from '../support/server.js';
import { type KillLoopOptions, killLoop } from './kill-loop.js';
import { postgresLoop } from './postgres-loop.js';
import { redisLoop } from './redis-loop.js';

async function assertNothingLost(options: Omit<KillLoopOptions, 'callers' | 'lifeMs'>): Promise<void> {
  const report = await killLoop({ ...options, callers: 24, lifeMs: [300, 1500] });
  assert.deepEqual(report.lost, []);
  assert.deepEqual(report.doubled, []);
  assert.deepEqual(report.misseen, []);
  const { connections, events } = report.watched;
  assert.ok(connections > 10 && events > 100, `only ${connections} live connections saw ${events} events`);
  assert.ok(report.checked > 100, `only ${report.checked} operations were checked`);
}

test('answered changes survive kill -9, and nothing is doubled (I2, I6, I7)', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  await assertNothingLost({ dataDir: directory.path, kills: 3, say: (line) => t.diagnostic(line) });
});

test('over Redis, answered changes survive kill -9, and nothing is doubled (I2, I6, I7)', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const redis = await startRedis();
  undo(redis.destroy);
  const env = { REDIS_URL: redis.url };
  await assertNothingLost({ dataDir: directory.path, env, kills: 2, say: (line) => t.diagnostic(line) });
});

test('when Redis is killed under 256 callers, nothing answered is lost or doubled, they are told 503, and within 2 s of Redis they are served', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const report = await redisLoop({
    dataDir: directory.path,
    kills: 2,
    callers: 256,
    lifeMs: [300, 800],
    awayMs: [100, 500],
    pauseMs: 150,
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(report.lost, []);
  assert.deepEqual(report.doubled, []);
  assert.deepEqual(report.unexpected, []);
  assert.ok(report.checked > 100, `only ${report.checked} operations were checked`);
  assert.ok(Math.max(...report.backMs) < 2000, `serving after ${report.backMs} ms`);
});

test('when PostgreSQL is killed under callers, uploads and jobs, nothing answered is lost or doubled, and operations on codes go on', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const report = await postgresLoop({
    dataDir: directory.path,
    kills: 2,
    callers: 16,
    lifeMs: [500, 1500],
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(report.lost, []);
  assert.deepEqual(report.doubled, []);
  assert.deepEqual(report.refused, []);
  assert.ok(report.checked > 100, `only ${report.checked} operations were checked`);
});

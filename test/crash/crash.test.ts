import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/server.js';
import { killLoop } from './kill-loop.js';

test('what was answered is there after kill -9, and nothing is doubled (I2, I6, I7)', async (t) => {
  const directory = await temporaryDirectory();
  try {
    const report = await killLoop({
      dataDir: directory.path,
      kills: 3,
      callers: 24,
      lifeMs: [300, 1500],
      say: (line) => t.diagnostic(line),
    });
    assert.deepEqual(report.lost, []);
    assert.deepEqual(report.doubled, []);
    assert.ok(report.checked > 100, `only ${report.checked} operations were checked`);
  } finally {
    await directory.remove();
  }
});

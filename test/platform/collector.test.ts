import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCollector } from '../../src/platform/collector.js';
import { tableMemory } from '../../src/platform/uncounted-memory.js';

test('memory that V8 does not count is freed by an explicit collection', async () => {
  const collect = createCollector();
  const dropped = new WeakRef(tableMemory(64 * 1024 * 1024));
  const kept = tableMemory(64 * 1024 * 1024);
  const other = new WeakRef(kept);
  // What a weak reference was asked for in this turn stays until the next.
  await new Promise(setImmediate);
  collect();
  assert.equal(dropped.deref(), undefined);
  assert.equal(other.deref(), kept);
});

/** Counts of validations and applications on their way to PostgreSQL, and what a fault loses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUsageCounts } from '../../src/control/usage-counts.js';
import type { UsageCount } from '../../src/postgres/usage.js';
import { until } from '../support/probe.js';

const ID = '01900000-0000-7000-8000-000000000001';
const count = (minuteMs: number, validations = 1, applications = 0, promotionId = ID): UsageCount => ({
  promotionId,
  minuteMs,
  validations,
  applications,
});

/** `fail`: the error of the next write. */
function open(waitingMax?: number) {
  const written: UsageCount[] = [];
  const warnings: Record<string, unknown>[] = [];
  const state: { fail: Error | null } = { fail: null };
  const counts = createUsageCounts({
    write: async (some) => {
      const { fail } = state;
      if (fail !== null) throw fail;
      written.push(...some);
    },
    log: { warn: (fields) => void warnings.push(fields as Record<string, unknown>) },
    ...(waitingMax === undefined ? {} : { waitingMax }),
  });
  return { ...counts, written, warnings, state };
}

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

test('counts are written at once, and those of one minute together', async () => {
  const counts = open();
  counts.add([count(0), count(60_000), count(0, 2, 3)]);
  await counts.close();
  assert.deepEqual(counts.written, [count(0, 3, 3), count(60_000)]);
});

test('what can not be written because PostgreSQL is away waits, adds up, and is written later', async () => {
  const counts = open();
  counts.state.fail = refused;
  counts.add([count(0)]);
  await until(() => counts.warnings.length === 1, 'the write failed');
  counts.add([count(0), count(60_000)]);
  counts.state.fail = null;
  await until(() => counts.written.length === 2, 'it is tried again by itself');
  assert.deepEqual(counts.written, [count(0, 2), count(60_000)]);
  assert.equal(counts.warnings.length, 1, 'and the log has it once');
  await counts.close();
});

test('no more waits than the bound, and the log says what was lost', async () => {
  const counts = open(2);
  counts.state.fail = refused;
  counts.add([count(0)]);
  await until(() => counts.warnings.length === 1, 'the write failed');
  counts.add([count(60_000), count(120_000, 4, 1), count(0)]);
  counts.state.fail = null;
  await until(() => counts.warnings.length === 2, 'the loss is told');
  assert.deepEqual(counts.written, [count(0, 2), count(60_000)]);
  assert.deepEqual(counts.warnings[1], { dropped: 5 });
  await counts.close();
});

test('a write whose connection broke is never made twice', async () => {
  const counts = open();
  counts.state.fail = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  counts.add([count(0, 7)]);
  await until(() => counts.warnings.length === 1, 'the write failed');
  counts.state.fail = null;
  counts.add([count(60_000)]);
  await until(() => counts.warnings.length === 2, 'the loss is told');
  assert.deepEqual(counts.written, [count(60_000)]);
  assert.deepEqual(counts.warnings[1], { dropped: 7 });
  await counts.close();
});

test('closing writes what waits, and does not wait for a PostgreSQL that is away', async () => {
  const counts = open();
  counts.state.fail = refused;
  counts.add([count(0)]);
  await until(() => counts.warnings.length === 1, 'the write failed');
  await counts.close();
  assert.deepEqual(counts.written, []);
  counts.state.fail = null;
  await counts.close();
  assert.deepEqual(counts.written, [count(0)]);
});

/** SIGTERM when the server is ready and its start has not ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../../src/compose/port-check.js';
import { waitFor } from '../journal/wait-for.js';
import { testBuild } from '../support/build.js';
import { dataDirectory, launch, listening } from '../support/process.js';
import { createDatabase, testStage } from '../support/two-servers.js';

const built = testBuild();
const { stage } = testStage();

const waitsFor = (table: string): string =>
  `SELECT FROM pg_locks WHERE relation = '${table}'::regclass AND NOT granted`;

test('SIGTERM after the first 200 of /readyz drains and ends with 0, although the start goes on', async (t) => {
  const dataDir = dataDirectory(t);
  const { url, sql } = await createDatabase(stage(t));
  const env = { DATA_DIR: dataDir, DATABASE_URL: url, LOG_LEVEL: 'info' };
  const first = launch(built(), { env });
  await listening(first);
  assert.equal((await first.ended('SIGTERM')).code, 0, first.output());

  const [promotions, jobs] = [await sql.connect(), await sql.connect()];
  try {
    const port = await freePort('127.0.0.1');
    await promotions.query('BEGIN; LOCK TABLE promotions IN ACCESS EXCLUSIVE MODE');
    const started = launch(built(), { env: { ...env, PORT: String(port) } });
    const isWaiting = async (table: string): Promise<boolean> => ((await sql.query(waitsFor(table))).rowCount ?? 0) > 0;
    await waitFor(() => isWaiting('promotions'), 'the shards to read their snapshot');
    // The start has read the jobs once before, and reads them again at its very end.
    await jobs.query('BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE');
    await promotions.query('COMMIT');
    await waitFor(() => isWaiting('jobs'), 'the start to come to its end');
    assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
    started.child.kill('SIGTERM');
    await waitFor(
      () => started.child.exitCode !== null || started.output().includes('when the start has ended'),
      'the signal to be taken',
    );
    await jobs.query('COMMIT');
    const { code } = await started.ended();
    assert.equal(code, 0, started.output());
    assert.ok(!started.output().includes('clipbook listening on'), 'it does not tell that it serves');
  } finally {
    // The pool of the test ends after both are back.
    for (const client of [promotions, jobs]) client.release(true);
  }
});

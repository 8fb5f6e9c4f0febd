import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import type pg from 'pg';
import { connectForBulk, endQuietly } from '../../src/postgres/connection.js';
import { testServer } from './server.js';

const server = testServer();

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  assert.ok(rows[0]);
  return rows[0].pid;
}

/**
 * Its own priority, and that of the group which its session is, where the system has such groups.
 */
function prioritiesOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/autogroup`;
  const ofGroup = existsSync(file) ? Number(/nice (-?\d+)/.exec(readFileSync(file, 'utf8'))?.[1]) : getPriority(pid);
  return [getPriority(pid), ofGroup];
}

test('a bulk connection to a PostgreSQL of ours steps back behind callers, its session too; to another one it does not', async (t) => {
  const { url } = await server.database();
  const other = await connectForBulk(url, false);
  // At once, which the system refuses to users without privileges at first.
  const own = await Promise.all([1, 2, 3].map(() => connectForBulk(url, true)));
  t.after(() => Promise.all([other, ...own].map(endQuietly)));
  for (const client of own) assert.deepEqual(prioritiesOf(await backendOf(client)), [10, 10]);
  assert.equal(prioritiesOf(await backendOf(other))[0], getPriority());
});

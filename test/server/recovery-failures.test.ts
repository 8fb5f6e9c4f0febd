/**
 * A recovery that can't succeed ends the process with one line and a code of its own, in a start
 * and while it runs.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool, PoolClient } from 'pg';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { waitFor } from '../journal/wait-for.js';
import { SHARDS, testServer } from '../postgres/server.js';
import { type Api, connect } from '../support/api.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const postgres = testServer();

const epochsIn = (dataDir: string): string[] =>
  readdirSync(join(dataDir, 'journal')).filter((name) => /^\d{10}$/.test(name));

interface Rig {
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly sql: Pool;
  readonly server: Server;
  readonly api: Api;
}

async function rig(t: TestContext): Promise<Rig> {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const { url, sql } = await postgres.database();
  const env = { DATABASE_URL: url, SHARDS: String(SHARDS), SHARD_THREADS: '1' };
  const server = await startServer(directory.path, env, PROBED_MAIN);
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  const { status } = await api.call('POST', '/coupon-books', { name: 'lost', initialCodes: ['LOST-1', 'LOST-2'] });
  assert.equal(status, 201);
  await waitFor(async () => {
    const { rows } = await sql.query('SELECT count(*)::int AS live FROM batches WHERE live_seq IS NOT NULL');
    return rows[0].live === 1;
  }, 'the codes are projected');
  return { dataDir: directory.path, env, sql, server, api };
}

/** Nothing is projected until it is released. */
async function holdProjection(sql: Pool): Promise<PoolClient> {
  const holder = await sql.connect();
  await holder.query('BEGIN; LOCK TABLE changes IN EXCLUSIVE MODE');
  return holder;
}

test('a shard thread that comes back to a journal it can not apply ends the process with the code for damage and one line', async (t) => {
  const { dataDir, env, sql, server, api } = await rig(t);
  const holder = await holdProjection(sql);
  t.after(async () => holder.release(true));
  assert.equal((await api.call('POST', '/coupons/assign/LOST-1', { userId: 'ada' })).status, 200);
  await sql.query("DELETE FROM codes WHERE code = 'LOST-1'");
  const before = epochsIn(dataDir);

  void server.ask({ ask: 'killShardThread', thread: 0 }).catch(() => undefined);
  assert.equal(await server.ended(), EXIT_CODES.damaged, server.output());
  const told = server
    .output()
    .split('\n')
    .filter((line) => line.includes('can not be applied'));
  assert.equal(told.length, 1, server.output());
  assert.match(
    String(told[0]),
    /fatal: the journal does not fit PostgreSQL: sequence \d+ of shard \d+ can not be applied: /,
  );

  for (let start = 0; start < 3; start++) {
    await assert.rejects(
      startServer(dataDir, env),
      /the server ended with 22:\nclipbook can not start: the journal does not fit PostgreSQL: sequence \d+ of shard \d+ can not be applied: [^\n]+\n$/,
    );
  }
  assert.deepEqual(epochsIn(dataDir), before, 'no try leaves an epoch');
});

test('a start on a PostgreSQL that lacks what its checkpoint promises ends with the code for a loss and one line', async (t) => {
  const { dataDir, env, sql, server } = await rig(t);
  await server.kill();
  await sql.query("UPDATE codes SET ordinal = 1000000 WHERE code = 'LOST-2'");
  await assert.rejects(
    startServer(dataDir, env),
    /the server ended with 24:\nclipbook can not start: PostgreSQL lacks what the journal needs: code \d+ of shard \d+ is in no live batch; [^\n]+\n$/,
  );
});

test('a start on a PostgreSQL with a lease that is no user’s ends with the code for a loss and one line', async (t) => {
  const { dataDir, env, sql, server } = await rig(t);
  await server.kill();
  await sql.query("UPDATE codes SET seq = 1, lock_id = 1, locked_until_ms = 1 WHERE code = 'LOST-2'");
  await assert.rejects(
    startServer(dataDir, env),
    /the server ended with 24:\nclipbook can not start: PostgreSQL lacks what the journal needs: code \d+ of shard \d+ has a lease, and no user; [^\n]+\n$/,
  );
});

test('a recovery that fails for a reason nobody knows is tried again for a while, and then ends the process', async (t) => {
  const { sql, server } = await rig(t);
  await sql.query('ALTER TABLE redemptions RENAME TO redemptions_elsewhere');
  void server.ask({ ask: 'killShardThread', thread: 0 }).catch(() => undefined);
  assert.equal(await server.ended(), EXIT_CODES.failed, server.output());
  assert.match(server.output(), /recovery failed and is tried again/);
  assert.match(server.output(), /fatal: the shards can not be recovered: relation "redemptions" does not exist/);
});

/** What a caller is told when PostgreSQL goes away in the middle of a change. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { createAccounts } from '../../src/control/accounts.js';
import { type ControlOptions, createControl } from '../../src/control/control.js';
import { ControlError } from '../../src/engine/engine.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import { SHARDS, silent, testServer } from '../postgres/server.js';

const server = testServer();

/** A relay to PostgreSQL that cuts the connection instead of passing on the answer to a COMMIT. */
async function cuttingRelay(to: URL): Promise<{ readonly relay: Server; readonly url: string }> {
  const relay = createServer((client) => {
    const postgres = connect(Number(to.port), to.hostname);
    for (const socket of [client, postgres]) socket.on('error', () => undefined);
    client.on('data', (bytes: Buffer) => postgres.write(bytes));
    postgres.on('data', (bytes: Buffer) => {
      // The tag that PostgreSQL ends a statement with.
      if (bytes.includes('COMMIT\0')) client.destroy();
      else client.write(bytes);
    });
    client.on('close', () => postgres.destroy());
    postgres.on('close', () => client.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const url = new URL(to);
  url.hostname = '127.0.0.1';
  url.port = String((relay.address() as AddressInfo).port);
  return { relay, url: url.href };
}

const controlOf = (store: ControlOptions['store']) => {
  // Nothing of the other parts is asked.
  const parts = { uploads: {}, jobs: {}, generations: {}, batches: {} } as unknown as ControlOptions;
  return createControl({ ...parts, store, accounts: createAccounts(store, { isProduction: false }), log: silent });
};

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ControlError);
  return error.reason;
};

test('an account whose COMMIT got no answer has an unknown outcome, because it may exist', async (t) => {
  const { url, sql } = await server.database();
  const { relay, url: cutUrl } = await cuttingRelay(new URL(url));
  const store = createControlStore({ url: cutUrl, poolMax: 1, shardCount: SHARDS, isOwn: true });
  t.after(() => relay.close());
  t.after(() => store.close());
  const made = controlOf(store).createUser('new@shop.com', 'Password1', 'user');
  assert.equal(await reasonOf(made), 'outcomeUnknown');
  const { rowCount } = await sql.query("SELECT 1 FROM users WHERE email = 'new@shop.com'");
  assert.equal(rowCount, 1);
});

test('what PostgreSQL refuses is not told as if it could not be reached', async (t) => {
  const { url, sql } = await server.database();
  const store = createControlStore({ url, poolMax: 1, shardCount: SHARDS, isOwn: true });
  t.after(() => store.close());
  const refuseWith = (code: string): Promise<unknown> =>
    sql.query(`
      CREATE OR REPLACE FUNCTION refuse_users() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '${code}'; END $$;
      CREATE OR REPLACE TRIGGER refuse_users BEFORE INSERT ON users EXECUTE FUNCTION refuse_users()`);
  for (const [code, message] of [
    ['53100', 'The disk of the database is full.'],
    ['53200', 'The database can not do this right now.'],
    ['57P01', 'The database can not be reached right now.'],
  ] as const) {
    await refuseWith(code);
    const made = controlOf(store).createUser('full@shop.com', 'Password1', 'user');
    await assert.rejects(made, { reason: 'unavailable', message }, code);
  }
});

test('an account is not made when PostgreSQL can not be reached', async (t) => {
  const store = createControlStore({
    url: 'postgres://nobody@127.0.0.1:1/none',
    poolMax: 1,
    shardCount: SHARDS,
    isOwn: true,
  });
  t.after(() => store.close());
  assert.equal(await reasonOf(controlOf(store).createUser('new@shop.com', 'Password1', 'user')), 'unavailable');
});

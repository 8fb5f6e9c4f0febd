/** `clipbook verify` on a real server, whose rows are then changed behind its back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { ADMIN, type Api, connect } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { postgresUrl } from '../support/postgres.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const CODES = 6_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Api;
let database: pg.Client;
let bookId: string;
let token: string;

before(async () => {
  directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  server = await startServer(dataDir);
  api = await connect(server.url);
  token = (await api.call('POST', '/auth/token', ADMIN)).body.accessToken;
  const settings = { name: 'verified', redeemableBy: 'bearer', allowMultipleRedemptions: true };
  bookId = (await api.call('POST', '/coupon-books', settings)).body.id;
  const codes = Array.from({ length: CODES / 2 }, (_, i) => `V-${i}`);
  await api.call('POST', `/coupon-books/${bookId}/codes`, { codes });
  await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: CODES / 2 });
  await Promise.all(Array.from({ length: 300 }, (_, i) => useOne(i)));
  database = new pg.Client({ connectionString: postgresUrl(dataDir) });
  await database.connect();
});

after(async () => {
  await database.end();
  api.close();
  await server.stop();
  await directory.remove();
});

/** Something of everything that a code can go through. */
async function useOne(i: number): Promise<void> {
  const userId = `user-${i % 40}`;
  const code = `V-${i}`;
  await api.call('POST', '/coupons/assign', { couponBookId: bookId, userId });
  await api.call('POST', `/coupons/${code}/lock`, { userId });
  const { body } = await api.call('POST', `/coupons/${code}/redeem`, { userId, metadata: { till: i } });
  if (i % 3 === 0) await api.call('POST', `/coupons/${code}/rollback`, { redemptionId: body.redemptionId });
}

const verify = () => ended(startCli(['verify'], { CLIPBOOK_URL: server.url, CLIPBOOK_TOKEN: token }));

/** The projector has everything: what is changed in PostgreSQL now is not written over. */
async function projected(): Promise<void> {
  for (;;) {
    const lag = /^clipbook_projection_lag_events (\d+)$/m.exec(
      await (await fetch(`${server.url}/metrics`)).text(),
    )?.[1];
    if (lag === '0') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('clipbook verify', () => {
  it('finds memory, journal and PostgreSQL equal, and rebuilds from the journal alone while it is complete', async () => {
    const { code, out, told } = await verify();
    assert.equal(code, 0, told + out);
    assert.match(out, /PostgreSQL = journal from nothing = memory/);
    assert.match(out, new RegExp(`16 shards with ${CODES} codes agree\\.\\n$`));
  });

  it('finds them equal while commands are executed', async () => {
    let next = 300;
    let done = false;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!done && next < CODES / 2) await useOne(next++);
      }),
    );
    const { code, out, told } = await verify();
    done = true;
    await load;
    assert.equal(code, 0, told + out);
    assert.ok(next > 320, `only ${next - 300} codes were used meanwhile`);
  });

  it('names a code whose row was changed in PostgreSQL by hand, and ends with 1', async () => {
    await projected();
    const { rows } = await database.query("SELECT user_id FROM codes WHERE code = 'V-7'");
    const { user_id: userId } = rows[0];
    await database.query("UPDATE codes SET user_id = 'thief' WHERE code = 'V-7'");
    const { code, out, told } = await verify();
    assert.equal(code, 1);
    assert.match(out, /DIFFERS: code V-7 \(in memory \{.*"userId":"user-\d+"\}, folded \{.*"userId":"thief"\}\)/);
    assert.match(told, /^1 of 16 shards differ\.\n$/);
    await database.query("UPDATE codes SET user_id = $1 WHERE code = 'V-7'", [userId]);
    assert.equal((await verify()).code, 0);
  });

  it('names a redemption that is missing in PostgreSQL, and a code that is', async () => {
    await projected();
    const { rowCount } = await database.query('DELETE FROM redemptions WHERE seq = (SELECT max(seq) FROM redemptions)');
    assert.equal(rowCount, 1);
    assert.match((await verify()).out, /DIFFERS: redemption [0-9a-f-]{36} \(in memory .*, folded not there\)/);
    await database.query("DELETE FROM codes WHERE code = 'V-2999'");
    assert.match((await verify()).out, /DIFFERS: code V-2999 \(in memory .*, folded not there\)/);
  });

  it('is for administrators', async () => {
    const login = { email: 'user@user.com', password: 'Password1' };
    const { accessToken } = (await api.call('POST', '/auth/token', login)).body;
    const env = { CLIPBOOK_URL: server.url, CLIPBOOK_TOKEN: accessToken };
    const { code, told } = await ended(startCli(['verify'], env));
    assert.notEqual(code, 0);
    assert.match(told, /role admin/);
  });
});

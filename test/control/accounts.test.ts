/** Sign-in against a real PostgreSQL: who is let in where. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { createAccounts } from '../../src/control/accounts.js';
import { isSeededEmail, SEEDED_EMAILS } from '../../src/control/seeded-logins.js';
import { ControlError } from '../../src/engine/engine.js';
import { createAccountStore } from '../../src/postgres/control/account-store.js';
import { testServer } from '../postgres/server.js';

const server = testServer();
const PASSWORD = 'Password1';
/** Among them what only some locale's `lower` makes equal. */
const SPELLINGS = [
  'admin@admin.com',
  'ADMIN@Admin.Com',
  'adm\u0130n@admin.com',
  'adm\u0131n@admin.com',
  'user@USER.com',
];

async function begun() {
  const { sql } = await server.database();
  const store = createAccountStore(sql);
  const development = createAccounts(store, { isProduction: false });
  await development.seed();
  return { sql, store, development, production: createAccounts(store, { isProduction: true }) };
}

test('a seeded login signs in outside production, and never in production, in any spelling that the database takes for it', async () => {
  const { store, development, production } = await begun();
  let found = 0;
  for (const email of SPELLINGS) {
    const account = await store.findAccount(email, SEEDED_EMAILS);
    if (account !== null) {
      found++;
      assert.equal(account.isSeeded, true, email);
      assert.equal((await development.signIn(email, PASSWORD))?.id, account.id, email);
    }
    assert.equal(await production.signIn(email, PASSWORD), null, email);
  }
  assert.ok(found >= 3, `${found} spellings name an account`);
});

test('a seeded login is refused in production also when its account is spelled in capitals, or has another password', async () => {
  const { sql, store, production } = await begun();
  const admin = await store.findAccount('admin@admin.com');
  assert.ok(admin !== null);
  await sql.query(`UPDATE users SET email = 'ADMIN@ADMIN.COM' WHERE id = $1`, [admin.id]);
  assert.equal(await production.signIn('admin@admin.com', PASSWORD), null);
  const other = await production.create('ada@shop.example', 'a password of hers', 'admin');
  assert.ok(other !== null);
  const { passwordHash = '' } = (await store.findAccount('ada@shop.example')) ?? {};
  await store.setPassword(admin.id, passwordHash);
  assert.equal(await production.signIn('ADMIN@ADMIN.COM', 'a password of hers'), null);
  assert.equal((await production.signIn('Ada@Shop.Example', 'a password of hers'))?.id, other.id);
});

test('an account with a seeded address can not be made in production', async () => {
  const { sql, production } = await begun();
  await sql.query('DELETE FROM users');
  for (const email of ['admin@admin.com', 'Admin@ADMIN.com', 'user@user.com'])
    await assert.rejects(production.create(email, 'a password of hers', 'admin'), ControlError);
  const { rows } = await sql.query('SELECT FROM users');
  assert.equal(rows.length, 0);
});

test('refusing a seeded login or a disabled account takes as long as refusing a wrong password', async () => {
  const { store, production } = await begun();
  const ada = await production.create('ada@shop.example', PASSWORD, 'admin');
  assert.ok(ada !== null);
  await production.create('bob@shop.example', PASSWORD, 'user');
  await store.setDisabled(ada.id, true);
  const tries: readonly (readonly [string, string])[] = [
    ['bob@shop.example', 'wrong'],
    ['admin@admin.com', PASSWORD],
    ['ada@shop.example', PASSWORD],
    ['nobody@shop.example', PASSWORD],
  ];
  // In turn, and the least of each, so that a machine that is busy for a while counts for none of
  // them.
  const leastMs = tries.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < 15; round++) {
    for (const [index, [email, password]] of tries.entries()) {
      const beganMs = performance.now();
      assert.equal(await production.signIn(email, password), null);
      leastMs[index] = Math.min(leastMs[index] ?? 0, performance.now() - beganMs);
    }
  }
  const [wrong = 0, ...others] = leastMs;
  // One that is refused without looking at the password takes a tenth of it.
  for (const took of others) assert.ok(took > wrong / 2 && took < wrong * 2, leastMs.join(' ms, '));
});

test('a repair raises the generation of its account, and sign-in returns it', async () => {
  const { store, development } = await begun();
  const account = await store.findAccount('user@user.com');
  assert.ok(account !== null);
  const generation = async () => (await development.signIn('user@user.com', PASSWORD))?.generation;
  assert.equal(await generation(), 0);
  await store.setRole(account.id, 'service');
  assert.equal((await development.signIn('user@user.com', PASSWORD))?.role, 'service');
  assert.equal(await generation(), 1);
  await store.setDisabled(account.id, true);
  assert.equal(await generation(), undefined);
  await store.setDisabled(account.id, false);
  assert.equal(await generation(), 3);
  await store.setPassword(account.id, account.passwordHash);
  assert.equal(await generation(), 4);
});

test('a name that only resembles a seeded one is an ordinary name', () => {
  for (const email of ['admin@admin.com.example', 'admins@admin.com', 'user@admin.com', 'xuser@user.com'])
    assert.equal(isSeededEmail(email), false, email);
  for (const email of SPELLINGS) assert.equal(isSeededEmail(email), true, email);
});

test('every letter that some locale of the database lower-cases to one of a seeded address counts as that letter', async (t) => {
  const admin = new pg.Client(server.postgres().url);
  await admin.connect();
  t.after(() => admin.end());
  let spellings = 0;
  for (const locale of ['pg_c_utf8', 'pg_unicode_fast', 'unicode', '"tr-x-icu"']) {
    const { rows } = await admin.query<{ letter: string; lower: string }>(
      `SELECT * FROM (
         SELECT chr(n) AS letter, lower(chr(n) COLLATE ${locale}) COLLATE "C" AS lower FROM generate_series(128, 65535) AS n
         WHERE n NOT BETWEEN 55296 AND 57343
       ) AS letters WHERE lower ~ '^[a-z]$'`,
    );
    for (const { letter, lower } of rows) {
      for (const email of SEEDED_EMAILS.filter((name) => name.includes(lower))) {
        spellings++;
        assert.equal(isSeededEmail(email.replace(lower, letter)), true, `${letter} of ${locale}`);
      }
    }
  }
  assert.ok(spellings > 0, 'there is such a letter');
});

/** The key of generated codes: outside of the database, and rotated. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SHARDS, testServer } from '../postgres/server.js';
import { connect } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { dumpDatabase, restoreDatabase } from '../support/dump.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const PATTERN = 'ROTATE-{NUMERIC:3}';
const POSSIBLE = 1_000;
const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);

const postgres = testServer();

test('a generator key from a file is in no dump, and after a rotation all codes of a small pattern can still be made, each once', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const { url, sql } = await postgres.database();
  const file = join(directory.path, 'generator-key');
  const start = async (keys: string) => {
    writeFileSync(file, keys, { mode: 0o600 });
    const env = { DATABASE_URL: url, SHARDS: String(SHARDS), GENERATOR_KEY_FILE: file };
    const server = await startServer(join(directory.path, 'data'), env);
    undo(server.kill);
    const api = await connect(server.url);
    undo(api.close);
    return { server, api };
  };
  const dumped = async (): Promise<string> => {
    const { rows: tables } = await sql.query<{ name: string }>(
      `SELECT format('%I', relname) AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace`,
    );
    const texts: string[] = [];
    for (const { name } of tables)
      texts.push(JSON.stringify((await sql.query(`SELECT t::text FROM ${name} AS t`)).rows));
    return texts.join('\n');
  };

  const before = await start(`${OLD}\n`);
  const { body: book } = await before.api.call('POST', '/coupon-books', { name: 'rotate', codePattern: PATTERN });
  const generate = (api: typeof before.api, quantity: number) =>
    api.call('POST', `/coupon-books/${book.id}/generate`, { quantity });
  assert.equal((await generate(before.api, 600)).status, 201);
  assert.equal(await before.server.stop(), 0);
  const dump = await dumped();
  assert.ok(dump.includes('ROTATE-'), 'the codes are in it');
  assert.ok(!dump.includes(OLD), 'the key is not');

  const after = await start(`${NEW}\n${OLD}\n`);
  assert.equal((await generate(after.api, 400)).status, 201);
  const { status, body } = await generate(after.api, 1);
  assert.deepEqual([status, body.type], [422, '/problems/not-possible']);
  const { body: full } = await after.api.call('GET', `/coupon-books/${book.id}`);
  assert.equal(full.counts.total, POSSIBLE);
  assert.doesNotMatch(after.server.output(), /GENERATOR_KEY/);
  assert.equal(await after.server.stop(), 0);
  const keys = await sql.query('SELECT count(DISTINCT key_id)::int AS keys FROM generated');
  assert.equal(keys.rows[0].keys, 2);
});

test('a start without a key that codes were made with not long ago warns, and restore names the batches that need it', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const { url, sql } = await postgres.database();
  const dataDir = join(directory.path, 'data');
  const envOf = (keys: string, hours = '24') => ({
    DATABASE_URL: url,
    SHARDS: String(SHARDS),
    GENERATOR_KEY: keys,
    JOURNAL_RETENTION_HOURS: hours,
  });
  const start = async (keys: string, hours?: string) => {
    const server = await startServer(dataDir, envOf(keys, hours));
    undo(server.kill);
    const api = await connect(server.url);
    undo(api.close);
    return { server, api };
  };
  const restore = (keys: string, ...options: string[]) =>
    ended(startCli(['restore', ...options], { DATA_DIR: dataDir, ...envOf(keys) }));

  const first = await start(NEW);
  const { body: book } = await first.api.call('POST', '/coupon-books', { name: 'lacking' });
  assert.equal(await first.server.stop(), 0);
  const dump = await dumpDatabase(url);
  const second = await start(`${OLD} ${NEW}`);
  const made = await second.api.call('POST', `/coupon-books/${book.id}/generate`, { quantity: 60 });
  assert.equal(made.status, 201);
  assert.doesNotMatch(second.server.output(), /GENERATOR_KEY/);
  assert.equal(await second.server.stop(), 0);

  const third = await start(NEW);
  assert.match(third.server.output(), /GENERATOR_KEY lacks a key/);
  assert.equal(await third.server.stop(), 0);
  const fourth = await start(`${NEW} ${OLD}`);
  assert.doesNotMatch(fourth.server.output(), /GENERATOR_KEY/);
  assert.equal(await fourth.server.stop(), 0);

  await sql.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  await restoreDatabase(url, dump);
  for (const option of [[], ['--accept-loss']]) {
    const refused = await restore(NEW, ...option);
    assert.equal(refused.code, 1, refused.out);
    assert.match(
      refused.out,
      new RegExp(`batch \\d+ of book ${book.id}, 60 codes.* \\(the generator key \\d+ is not given`),
    );
    assert.match(refused.told, /lacks 1 batch of codes that can not be made again; a start refuses/);
  }
  await assert.rejects(start(NEW), /the generator key \d+ is not given any more\); see docs\/production\.md#backup/);
  const fit = await restore(`${NEW} ${OLD}`);
  assert.equal(fit.code, 0, fit.told);
  assert.match(fit.out, /Everything fits/);
  const fifth = await start(`${NEW} ${OLD}`);
  const { body: full } = await fifth.api.call('GET', `/coupon-books/${book.id}`);
  assert.equal(full.counts.total, 60);
  assert.equal(await fifth.server.stop(), 0);
  const late = await start(NEW, '0');
  assert.doesNotMatch(late.server.output(), /GENERATOR_KEY/, 'no backup is brought forward any more');
  assert.equal(await late.server.stop(), 0);
});

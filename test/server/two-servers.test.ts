/**
 * Two real servers and what their stores say: which one serves, how the other one ends, and that
 * nothing is doubled. docs/guarantees.md has the table ("Two servers").
 */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { claim } from '../../src/postgres/installation.js';
import { waitFor } from '../journal/wait-for.js';
import { dataDirectory } from '../support/process.js';
import {
  assign,
  bookOf,
  createDatabase,
  refusedStart,
  start,
  startServing,
  testStage,
} from '../support/two-servers.js';

const { stage } = testStage();

/** What a start says that waits for the lease of another process. */
const WAITS = 'waiting for it to be renewed or to end';

test('of two servers on one database with directories of their own, the second one ends with a code of its own', async (t) => {
  const directory = dataDirectory(t);
  const { url, sql } = await createDatabase(stage(t));
  const first = await startServing(stage(t), { DATA_DIR: join(directory, 'first'), DATABASE_URL: url });
  const { codes } = await bookOf(first.api, 'TWICE', 20);
  const second = { DATA_DIR: join(directory, 'second'), DATABASE_URL: url };
  const { code, line } = await refusedStart(stage(t), second);
  assert.equal(code, EXIT_CODES.inUse, line);
  assert.match(
    line,
    /^clipbook can not start: process \d+ on \S+ serves installation [0-9a-f-]{36}, and its lease is alive; stop that process first$/,
  );

  for (const name of codes) assert.equal(await assign(first.api, name, 'ada'), 200);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  const { rows } = await sql.query('SELECT holder, is_drained FROM installation');
  assert.deepEqual(rows, [{ holder: null, is_drained: true }], 'the lease was given back');

  const late = await refusedStart(stage(t), second);
  assert.equal(late.code, EXIT_CODES.loss, late.line);
  assert.match(
    late.line,
    /second\/journal is empty, and the database holds installation .*first\/journal; .*clipbook restore --accept-loss$/,
  );
  const again = await startServing(stage(t), { DATA_DIR: join(directory, 'first'), DATABASE_URL: url });
  for (const name of codes) assert.notEqual(await assign(again.api, name, 'bob'), 200, `${name} is assigned once`);
  assert.equal((await again.ended('SIGTERM')).code, 0);
});

test('of two servers that start on one empty database at once, one serves', async (t) => {
  const directory = dataDirectory(t);
  const { url } = await createDatabase(stage(t));
  const both = ['one', 'other'].map((name) => start(stage(t), { DATA_DIR: join(directory, name), DATABASE_URL: url }));
  const served = await Promise.all(
    both.map(async (started) => {
      await waitFor(
        () => started.child.exitCode !== null || started.output().includes('clipbook listening on '),
        'it to listen or to end',
      );
      return started.child.exitCode;
    }),
  );
  const outputs = both.map(({ output }) => output()).join('\n');
  assert.deepEqual(served.filter((code) => code === null).length, 1, outputs);
  assert.ok(served.includes(EXIT_CODES.inUse), outputs);
});

test('a server whose database was taken over ends with code 20 and one line', async (t) => {
  const directory = dataDirectory(t);
  const { url, sql } = await createDatabase(stage(t));
  const first = await startServing(stage(t), { DATA_DIR: join(directory, 'first'), DATABASE_URL: url });
  const { codes } = await bookOf(first.api, 'OVER', 4);
  assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
  const { rows } = await sql.query('SELECT id, epoch FROM installation');
  const taken = await claim(url, rows[0].id, { holder: 'a successor', place: 'a test' }, () => true);
  assert.equal(taken?.epoch, Number(rows[0].epoch) + 1);
  const before = first.output();
  const { code } = await first.ended();
  assert.equal(code, EXIT_CODES.fenced, first.output());
  const said = first.output().slice(before.length).trim().split('\n');
  assert.equal(said.length, 1, first.output());
  assert.match(String(said[0]), /another process has taken over this installation/);
  const row = await sql.query('SELECT holder FROM installation');
  assert.equal(row.rows[0].holder, 'a successor', 'the row is left to the successor');
});

test('after kill -9 the same directory starts at once, and without its lock file when the lease is over', async (t) => {
  const directory = dataDirectory(t);
  const { url } = await createDatabase(stage(t));
  const env = { DATA_DIR: join(directory, 'data'), DATABASE_URL: url, LOG_LEVEL: 'info' };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'KILL', 2);
  await first.ended('SIGKILL');
  const second = await startServing(stage(t), env);
  assert.ok(!second.output().includes(WAITS), 'no lease is waited for');
  assert.equal(await assign(second.api, String(codes[0]), 'ada'), 200);
  await second.ended('SIGKILL');
  rmSync(join(directory, 'data', 'journal', 'journal.lock'));
  const third = await startServing(stage(t), env);
  assert.ok(third.output().includes(WAITS), 'nothing but the lease tells that nobody holds the directory');
  assert.equal(await assign(third.api, String(codes[1]), 'ada'), 200);
  assert.notEqual(await assign(third.api, String(codes[0]), 'bob'), 200);
  assert.equal((await third.ended('SIGTERM')).code, 0);
});

test('with the embedded PostgreSQL, a start waits for no lease, even where a power cut took the lock file', async (t) => {
  const directory = dataDirectory(t);
  const env = { DATA_DIR: join(directory, 'data'), LOG_LEVEL: 'info' };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'CUT', 1);
  assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
  await first.ended('SIGKILL');
  rmSync(join(directory, 'data', 'journal', 'journal.lock'));
  const second = await startServing(stage(t), env);
  assert.ok(!second.output().includes(WAITS), second.output());
  assert.notEqual(await assign(second.api, String(codes[0]), 'bob'), 200);
  assert.equal((await second.ended('SIGTERM')).code, 0);
});

test('a copy of the journal on the same database is refused while the owner serves', async (t) => {
  const directory = dataDirectory(t);
  const { url } = await createDatabase(stage(t));
  const first = await startServing(stage(t), { DATA_DIR: join(directory, 'first'), DATABASE_URL: url });
  await bookOf(first.api, 'COPY', 2);
  cpSync(join(directory, 'first'), join(directory, 'copy'), { recursive: true });
  rmSync(join(directory, 'copy', 'journal', 'journal.lock'));
  const { code, line } = await refusedStart(stage(t), { DATA_DIR: join(directory, 'copy'), DATABASE_URL: url });
  assert.equal(code, EXIT_CODES.inUse, line);
  assert.equal((await first.ended('SIGTERM')).code, 0);
});

test('stores of two installations are refused with both ids, and both go on by themselves', async (t) => {
  const directory = dataDirectory(t);
  const ids: string[] = [];
  const shops: { DATA_DIR: string; DATABASE_URL: string }[] = [];
  for (const name of ['one', 'other']) {
    const { url, sql } = await createDatabase(stage(t));
    const env = { DATA_DIR: join(directory, name), DATABASE_URL: url };
    const server = await startServing(stage(t), env);
    await bookOf(server.api, name.toUpperCase(), 2);
    assert.equal((await server.ended('SIGTERM')).code, 0);
    ids.push((await sql.query('SELECT id FROM installation')).rows[0].id);
    shops.push(env);
  }
  const [one, other] = shops as [(typeof shops)[0], (typeof shops)[0]];
  const { code, line } = await refusedStart(stage(t), { ...one, DATABASE_URL: other.DATABASE_URL });
  assert.equal(code, EXIT_CODES.foreign, line);
  assert.match(
    line,
    new RegExp(`belongs to installation ${ids[0]}, and the database to ${ids[1]}; correct DATABASE_URL`),
  );
  for (const env of shops) {
    const server = await startServing(stage(t), env);
    assert.equal((await server.ended('SIGTERM')).code, 0);
  }
});

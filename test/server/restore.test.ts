/** `clipbook restore` and `clipbook init`, each with the servers before and after it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../src/compose/port-check.js';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { startRedis } from '../journal/redis-server.js';
import { ADMIN } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { openSocket } from '../support/live.js';
import { dataDirectory } from '../support/process.js';
import {
  assign,
  bookOf,
  createDatabase,
  refusedStart,
  type Serving,
  startServing,
  testStage,
} from '../support/two-servers.js';

const { stage } = testStage();

const SHARDS = { SHARDS: '4' };

const cli = (env: Readonly<Record<string, string>>, ...args: string[]) => ended(startCli(args, { ...SHARDS, ...env }));

async function liveCursor({ url, api }: Serving): Promise<string> {
  const socket = await openSocket(url, { token: api.token });
  socket.send({ type: 'subscribe', topics: ['user:ada'] });
  const { cursor = '' } = await socket.until(({ type }) => type === 'subscribed');
  socket.end();
  return cursor;
}

/** The type of the first message. */
async function resumeAt({ url, api }: Serving, since: string): Promise<string> {
  const socket = await openSocket(url, { token: api.token });
  socket.send({ type: 'subscribe', topics: ['user:ada'], since });
  const { type } = await socket.until(() => true);
  socket.end();
  return type;
}

test('a database that refuses the connection is named in one plain line', async (t) => {
  const DATABASE_URL = `postgres://nobody:secret@127.0.0.1:${await freePort('127.0.0.1')}/none`;
  const { code, out, told } = await cli({ DATA_DIR: dataDirectory(t), DATABASE_URL }, 'restore');
  assert.deepEqual([code, out], [4, '']);
  assert.match(
    told,
    /^\S+: DATABASE_URL: PostgreSQL at 127\.0\.0\.1:\d+ can not be reached: nothing listens there \(ECONNREFUSED\)\n$/,
  );
});

test('a lost journal is refused, named in sequences, accepted once, and the server goes on', async (t) => {
  const directory = dataDirectory(t);
  const { url, sql } = await createDatabase(stage(t));
  const env = { DATA_DIR: directory, DATABASE_URL: url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'LOST', 4);
  assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
  const cursor = await liveCursor(first);
  const running = await cli(env, 'restore');
  assert.deepEqual([running.code, running.out], [3, ''], 'not while a server runs');
  assert.match(running.told, /is held by another Clipbook/);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  const { rows } = await sql.query('SELECT shard, seq FROM checkpoints WHERE seq > 0');

  renameSync(join(directory, 'journal'), join(directory, 'gone'));
  const refused = await refusedStart(stage(t), env);
  assert.equal(refused.code, EXIT_CODES.loss, refused.line);
  assert.match(refused.line, new RegExp(`everything after sequence ${rows[0].seq} of shard ${rows[0].shard} is lost`));

  const report = await cli(env, 'restore');
  assert.equal(report.code, 1, report.told);
  assert.match(report.out, /its last server stopped when all of the journal was in it/);
  assert.match(
    report.out,
    new RegExp(`shard ${rows[0].shard}: database at ${rows[0].seq}, journal at 0: the journal ends`),
  );
  assert.match(report.told, /1 shard does not fit/);

  const accepted = await cli(env, 'restore', '--accept-loss');
  assert.equal(accepted.code, 0, accepted.told);
  assert.match(accepted.out, /The loss in 1 shard is accepted; the next start goes on/);
  const second = await startServing(stage(t), env);
  assert.match(second.output(), /the journal has lost entries/);
  assert.equal(await resumeAt(second, cursor), 'expired', 'sequences mean other changes now');
  assert.equal(await resumeAt(second, await liveCursor(second)), 'subscribed');
  assert.notEqual(await assign(second.api, String(codes[0]), 'bob'), 200, 'what PostgreSQL had is there');
  assert.equal(await assign(second.api, String(codes[1]), 'bob'), 200);
  assert.equal((await second.ended('SIGTERM')).code, 0);
  const used = await sql.query('SELECT used_at IS NOT NULL AS used FROM accepted_losses');
  assert.deepEqual(used.rows, [{ used: true }]);

  const third = await startServing(stage(t), env);
  assert.ok(!third.output().includes('has lost entries'), 'it is accepted once');
  assert.notEqual(await assign(third.api, String(codes[1]), 'cleo'), 200);
  assert.equal((await third.ended('SIGTERM')).code, 0);
  assert.match((await cli(env, 'restore')).out, /Everything fits/);
});

for (const kind of ['files', 'Redis'] as const) {
  test(`after an accepted loss verify agrees, whatever the journal on ${kind} still has`, async (t) => {
    const directory = dataDirectory(t);
    const { url, sql } = await createDatabase(stage(t));
    const redis = kind === 'Redis' ? await startRedis() : null;
    if (redis !== null) t.after(redis.destroy);
    const env = { DATA_DIR: directory, DATABASE_URL: url, ...(redis === null ? {} : { REDIS_URL: redis.url }) };
    const first = await startServing(stage(t), env);
    const { codes } = await bookOf(first.api, 'APART', 8);
    assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
    assert.equal((await first.ended('SIGTERM')).code, 0);

    // Two that go on from there with changes of their own: the journal of the one, the rows of the
    // other.
    const copy = await createDatabase(stage(t), url);
    const second = await startServing(stage(t), env);
    assert.equal(await assign(second.api, String(codes[1]), 'ada'), 200);
    assert.equal((await second.ended('SIGTERM')).code, 0);
    const { rows } = await sql.query('SELECT shard, seq FROM checkpoints WHERE seq > 0');
    await copy.sql.query(`UPDATE codes SET user_id = 'bob' WHERE code = 'APART-0'`);
    await copy.sql.query(`UPDATE checkpoints SET seq = $2, entry_hash = sha256('other') WHERE shard = $1`, [
      rows[0].shard,
      rows[0].seq,
    ]);
    await copy.sql.end();
    const apart = { ...env, DATABASE_URL: copy.url };
    assert.equal((await refusedStart(stage(t), apart)).code, EXIT_CODES.loss);
    assert.equal((await cli(apart, 'restore', '--accept-loss')).code, 0);
    const third = await startServing(stage(t), apart);
    await assertVerified(third);
    assert.equal(await assign(third.api, String(codes[2]), 'cleo'), 200);
    await assertVerified(third);
    await third.ended('SIGKILL');
    const fourth = await startServing(stage(t), apart);
    await assertVerified(fourth);
    assert.equal((await fourth.ended('SIGTERM')).code, 0);

    // A place for the journal that is empty.
    if (redis === null) renameSync(join(directory, 'journal'), join(directory, 'gone'));
    else await redis.command('FLUSHALL');
    assert.equal((await cli(apart, 'restore')).code, 1);
    const refused = await refusedStart(stage(t), apart);
    assert.equal(refused.code, EXIT_CODES.loss, refused.line);
    assert.match(refused.line, /everything after sequence \d+ of shard \d+ is lost/);
    assert.equal((await cli(apart, 'restore', '--accept-loss')).code, 0);
    for (const [at, ending] of (['SIGTERM', 'SIGKILL', 'SIGTERM'] as const).entries()) {
      const next = await startServing(stage(t), apart);
      await assertVerified(next);
      assert.equal(await assign(next.api, String(codes[3 + at]), 'dora'), 200);
      await assertVerified(next);
      await next.ended(ending);
    }
  });
}

async function assertVerified({ api, output }: Serving): Promise<void> {
  const { accessToken } = (await api.call('POST', '/auth/token', ADMIN)).body;
  const url = /clipbook listening on (\S+)/.exec(output())?.[1] ?? '';
  const { code, out, told } = await ended(startCli(['verify'], { CLIPBOOK_URL: url, CLIPBOOK_TOKEN: accessToken }));
  assert.equal(code, 0, out + told);
}

test('a journal that was moved to an empty Redis is whole from then on, although nothing was written', async (t) => {
  const directory = dataDirectory(t);
  const { url } = await createDatabase(stage(t));
  const files = { DATA_DIR: directory, DATABASE_URL: url };
  const first = await startServing(stage(t), files);
  const { codes } = await bookOf(first.api, 'MOVED', 2);
  assert.equal((await first.ended('SIGTERM')).code, 0);

  const redis = await startRedis();
  t.after(redis.destroy);
  const env = { ...files, REDIS_URL: redis.url };
  assert.equal((await refusedStart(stage(t), env)).code, EXIT_CODES.loss);
  assert.equal((await cli(env, 'restore', '--accept-loss')).code, 0);
  const second = await startServing(stage(t), env);
  assert.equal((await second.ended('SIGTERM')).code, 0);

  const report = await cli(env, 'restore');
  assert.equal(report.code, 0, report.told);
  assert.match(report.out, /Everything fits/);
  const third = await startServing(stage(t), env);
  assert.ok(!third.output().includes('has lost entries'), third.output());
  assert.equal(await assign(third.api, String(codes[0]), 'ada'), 200);
  await third.ended('SIGKILL');
  const fourth = await startServing(stage(t), env);
  assert.notEqual(await assign(fourth.api, String(codes[0]), 'bob'), 200);
  assert.equal((await fourth.ended('SIGTERM')).code, 0);
});

test('stores that hold different changes under the same number are refused, and can be brought together', async (t) => {
  const directory = dataDirectory(t);
  const { url, sql } = await createDatabase(stage(t));
  const env = { DATA_DIR: directory, DATABASE_URL: url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'FORK', 4);
  assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  // As a database has it that went on with another journal.
  await sql.query(`UPDATE checkpoints SET entry_hash = sha256('other') WHERE seq > 0`);
  const refused = await refusedStart(stage(t), env);
  assert.equal(refused.code, EXIT_CODES.loss, refused.line);
  assert.match(refused.line, /hold different changes of shard \d at sequence \d+/);
  assert.match((await cli(env, 'restore')).out, /they hold different changes at/);
  assert.equal((await cli(env, 'restore', '--accept-loss')).code, 0);
  const second = await startServing(stage(t), env);
  assert.notEqual(await assign(second.api, String(codes[0]), 'bob'), 200);
  assert.equal(await assign(second.api, String(codes[1]), 'bob'), 200);
  assert.equal((await second.ended('SIGTERM')).code, 0);
});

test('a damaged journal ends the start with file and offset, and can be put aside', async (t) => {
  const directory = dataDirectory(t);
  const { url } = await createDatabase(stage(t));
  const env = { DATA_DIR: directory, DATABASE_URL: url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'ROT', 4);
  assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
  assert.equal(await assign(first.api, String(codes[2]), 'cleo'), 200);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  const journal = join(directory, 'journal');
  for (const name of readdirSync(journal, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.seg')) continue;
    const bytes = readFileSync(join(journal, name));
    const at = bytes.indexOf('ada');
    if (at === -1) continue;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(join(journal, name), bytes);
  }
  const refused = await refusedStart(stage(t), env);
  assert.equal(refused.code, EXIT_CODES.damaged, refused.line);
  assert.match(refused.line, /\.seg at offset \d+/);
  const report = await cli(env, 'restore');
  assert.equal(report.code, 1, report.told);
  assert.match(report.told, /\.seg at offset \d+/);
  const accepted = await cli(env, 'restore', '--accept-loss');
  assert.equal(accepted.code, 0, accepted.told);
  assert.match(accepted.out, /put aside: \S+journal-damaged-/);
  const second = await startServing(stage(t), env);
  assert.notEqual(await assign(second.api, String(codes[0]), 'bob'), 200, 'what PostgreSQL had is there');
  assert.equal(await assign(second.api, String(codes[1]), 'bob'), 200);
  assert.equal((await second.ended('SIGTERM')).code, 0);
});

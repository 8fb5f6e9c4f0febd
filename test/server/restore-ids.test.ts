/**
 * Ids of installations that are damaged, copied or replaced, and stores that are rolled forward or
 * put aside: `clipbook restore` and `clipbook init` again (restore.test.ts).
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { startRedis } from '../journal/redis-server.js';
import { ended, startCli } from '../support/cli.js';
import { dataDirectory } from '../support/process.js';
import { assign, bookOf, createDatabase, refusedStart, startServing, testStage } from '../support/two-servers.js';

const { stage } = testStage();

type Context = Parameters<typeof dataDirectory>[0];
const SHARDS = { SHARDS: '4' };

const cli = (env: Readonly<Record<string, string>>, ...args: string[]) => ended(startCli(args, { ...SHARDS, ...env }));

for (const bad of ['', '{', '{"format":2}'] as const) {
  test(`an id of the journal that is ${JSON.stringify(bad)} is put aside, and no entry is lost`, async (t) => {
    const directory = dataDirectory(t);
    const { url, sql } = await createDatabase(stage(t));
    const env = { DATA_DIR: directory, DATABASE_URL: url };
    const first = await startServing(stage(t), env);
    const { codes } = await bookOf(first.api, 'BADID', 2);
    assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
    assert.equal((await first.ended('SIGTERM')).code, 0);
    const path = join(directory, 'journal', 'installation.json');
    const id = readFileSync(path, 'utf8');
    writeFileSync(path, bad);
    const refused = await refusedStart(stage(t), env);
    assert.equal(refused.code, EXIT_CODES.damaged, refused.line);

    const report = await cli(env, 'restore');
    assert.equal(report.code, 1, report.out);
    assert.match(report.out, /journal {3}\S+: its id can not be read\n/);
    assert.match(report.told, /installation\.json at offset 0: .*\n.*clipbook restore --accept-loss/);
    assert.equal(readFileSync(path, 'utf8'), bad, 'nothing was changed');
    // As after a crash behind the first step of what follows.
    const [aside] = bad === '' ? [join(directory, 'away')] : [];
    if (aside !== undefined) renameSync(path, aside);
    const unnamed = aside === undefined ? null : await cli(env, 'restore');
    if (unnamed !== null) {
      assert.equal(unnamed.code, 1, unnamed.out);
      assert.match(unnamed.told, /a start refuses: .* has data without an id/);
    }
    const accepted = await cli(env, 'restore', '--accept-loss');
    assert.equal(accepted.code, 0, accepted.told);
    if (aside === undefined) {
      assert.match(accepted.out, /the file was put aside: \S+journal-damaged-/);
      const put = readdirSync(directory).find((name) => name.startsWith('journal-damaged-')) ?? '';
      assert.deepEqual(readdirSync(join(directory, put)), ['installation.json']);
    }
    assert.match(accepted.out, /Nothing is lost; the next start goes on/);
    const second = await startServing(stage(t), env);
    assert.notEqual(await assign(second.api, String(codes[0]), 'bob'), 200);
    assert.equal((await second.ended('SIGTERM')).code, 0);
    assert.equal(readFileSync(path, 'utf8'), id);
    const losses = await sql.query('SELECT count(*)::int AS count FROM accepted_losses');
    assert.equal(losses.rows[0].count, 0);
  });
}

test('a database that is restored to an earlier time is rolled forward from the journal', async (t) => {
  const directory = dataDirectory(t);
  const { url, sql } = await createDatabase(stage(t));
  const env = { DATA_DIR: directory, DATABASE_URL: url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'FORWARD', 3);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  const backup = await createDatabase(stage(t), url);
  const second = await startServing(stage(t), env);
  for (const code of codes) assert.equal(await assign(second.api, code, 'ada'), 200);
  assert.equal((await second.ended('SIGTERM')).code, 0);
  await sql.end();
  const restored = { ...env, DATABASE_URL: backup.url };
  assert.match((await cli(restored, 'restore')).out, /fits, 3 changes roll forward/);
  const third = await startServing(stage(t), restored);
  for (const code of codes) assert.notEqual(await assign(third.api, code, 'bob'), 200, code);
  assert.equal((await third.ended('SIGTERM')).code, 0);
});

for (const kind of ['files', 'Redis'] as const) {
  test(`copies of all stores become an installation of their own with --as-new, on ${kind}`, async (t) => {
    const directory = dataDirectory(t);
    const { url, sql } = await createDatabase(stage(t));
    const env = { DATA_DIR: directory, DATABASE_URL: url, ...(kind === 'Redis' ? await redisOf(t) : {}) };
    const first = await startServing(stage(t), env);
    const { codes } = await bookOf(first.api, 'NEW', 2);
    assert.equal((await first.ended('SIGTERM')).code, 0);
    const before = (await sql.query('SELECT id FROM installation')).rows[0].id;
    const { code, out, told } = await cli(env, 'restore', '--as-new');
    assert.equal(code, 0, told);
    const id = (await sql.query('SELECT id FROM installation')).rows[0].id;
    assert.notEqual(id, before);
    assert.equal(out, `installation ${before} is now ${id}, in all its stores\n`);
    const second = await startServing(stage(t), env);
    assert.equal(await assign(second.api, String(codes[0]), 'ada'), 200);
    assert.equal((await second.ended('SIGTERM')).code, 0);
    assert.match((await cli(env, 'restore')).out, new RegExp(`^journal .*${id}\ndatabase  ${id}`));
  });

  test(`an empty database on ${kind} that hold an installation is refused, and replaces it only by its id`, async (t) => {
    const directory = dataDirectory(t);
    const own = await createDatabase(stage(t));
    const env = { DATA_DIR: directory, ...(kind === 'Redis' ? await redisOf(t) : {}) };
    const first = await startServing(stage(t), { ...env, DATABASE_URL: own.url });
    await bookOf(first.api, 'PROD', 2);
    const id = (await own.sql.query('SELECT id FROM installation')).rows[0].id;
    const fresh = { ...env, DATABASE_URL: (await createDatabase(stage(t))).url };
    if (kind === 'Redis') {
      // D5: production goes on, whatever a newcomer with the same Redis is told.
      const { code, line } = await refusedStart(stage(t), { ...fresh, DATA_DIR: join(directory, 'newcomer') });
      assert.equal(code, EXIT_CODES.foreign, line);
      assert.match(
        line,
        new RegExp(`the database is empty, and Redis at \\S+ holds installation ${id}; .*--new-installation$`),
      );
      assert.equal(await assign(first.api, 'PROD-0', 'ada'), 200, 'production goes on');
      const connected = await cli(fresh, 'init', '--new-installation', '--replace', id);
      assert.deepEqual([connected.code, connected.out], [3, ''], 'not while a server is connected');
    }
    assert.equal((await first.ended('SIGTERM')).code, 0);
    const refused = await refusedStart(stage(t), fresh);
    assert.equal(refused.code, EXIT_CODES.foreign, refused.line);

    for (const option of [[], ['--accept-loss'], ['--as-new']]) {
      const restored = await cli(fresh, 'restore', ...option);
      assert.equal(restored.code, 3, restored.told);
      assert.match(restored.told, /the database is empty, and .* clipbook init --new-installation\n$/);
    }
    const asked = await cli(fresh, 'init', '--new-installation');
    assert.deepEqual([asked.code, asked.out], [3, ''], asked.told);
    assert.match(asked.told, new RegExp(`clipbook init --new-installation --replace ${id}`));
    const wrong = await cli(fresh, 'init', '--new-installation', '--replace', id.replace(/./, 'z'));
    assert.equal(wrong.code, 3);
    const again = await startServing(stage(t), { ...env, DATABASE_URL: own.url });
    assert.equal((await again.ended('SIGTERM')).code, 0, 'nothing was changed');

    const replaced = await cli(fresh, 'init', '--new-installation', '--replace', id);
    assert.equal(replaced.code, 0, replaced.told);
    const second = await startServing(stage(t), fresh);
    await bookOf(second.api, 'PROD', 2);
    assert.equal((await second.ended('SIGTERM')).code, 0);
  });
}

async function redisOf(t: Context): Promise<{ REDIS_URL: string }> {
  const redis = await startRedis();
  t.after(() => redis.destroy());
  return { REDIS_URL: redis.url };
}

test('a damaged stream in Redis ends the start, and can be put aside by hand', async (t) => {
  const redis = await startRedis();
  t.after(redis.destroy);
  const { url, sql } = await createDatabase(stage(t));
  const env = { DATA_DIR: dataDirectory(t), DATABASE_URL: url, REDIS_URL: redis.url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'ROTTEN', 4);
  assert.equal(await assign(first.api, String(codes[0]), 'ada'), 200);
  assert.equal((await first.ended('SIGTERM')).code, 0);
  const { rows } = await sql.query('SELECT shard, seq::int FROM checkpoints WHERE seq > 0');
  const [{ shard, seq }] = rows;
  const stream = `clipbook:{${shard}}:journal`;
  await redis.command('XDEL', stream, `${seq}-0`);
  await redis.command('XADD', stream, `${seq}-1`, 'e', 'no entry');
  const refused = await refusedStart(stage(t), env);
  assert.equal(refused.code, EXIT_CODES.damaged, refused.line);
  assert.ok(refused.line.includes(stream), refused.line);

  await redis.command('RENAME', stream, `${stream}-damaged`);
  const report = await cli(env, 'restore');
  assert.match(report.out, new RegExp(`shard ${shard}: database at ${seq}, journal at 0`));
  assert.equal((await cli(env, 'restore', '--accept-loss')).code, 0);
  const second = await startServing(stage(t), env);
  assert.notEqual(await assign(second.api, String(codes[0]), 'bob'), 200, 'what PostgreSQL had is there');
  assert.equal(await assign(second.api, String(codes[1]), 'bob'), 200);
  assert.equal((await second.ended('SIGTERM')).code, 0);
  const third = await startServing(stage(t), env);
  assert.notEqual(await assign(third.api, String(codes[1]), 'cleo'), 200);
  assert.equal((await third.ended('SIGTERM')).code, 0);
});

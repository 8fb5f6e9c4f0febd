/**
 * A shard that PostgreSQL refuses stays behind by itself; it is named, and goes on when the
 * database is mended.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHARDS, testServer } from '../postgres/server.js';
import { connect } from '../support/api.js';
import { until } from '../support/probe.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const postgres = testServer();

test('a shard that can not be projected stops no other, is named in /readyz, in a metric and in the log, and goes on when its rows are mended', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const { url, sql } = await postgres.database();
  const server = await startServer(directory.path, { DATABASE_URL: url, SHARDS: String(SHARDS), SHARD_THREADS: '1' });
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  const shards: number[] = [];
  while (new Set(shards).size < 2) {
    const n = shards.length;
    const settings = { name: `book ${n}`, initialCodes: [`STUCK-${n}`] };
    const { status, headers } = await api.call('POST', '/coupon-books', settings);
    assert.equal(status, 201);
    shards.push(Number(String(headers['commit-seq']).split('-')[0]));
  }
  const [bad, good] = [0, shards.findIndex((shard) => shard !== shards[0])];
  const [badShard, goodShard] = [shards[bad] as number, shards[good] as number];
  const projected = async (shard: number): Promise<number> => {
    const { rows } = await sql.query('SELECT seq::int FROM checkpoints WHERE shard = $1', [shard]);
    return rows[0].seq;
  };
  const assign = async (n: number): Promise<number> => {
    const { status, headers } = await api.call('POST', `/coupons/assign/STUCK-${n}`, { userId: 'ada' });
    assert.equal(status, 200);
    return Number(String(headers['commit-seq']).split('-')[1]);
  };
  const readiness = async () => {
    const answer = await fetch(`${server.url}/readyz`);
    const { parts } = (await answer.json()) as { parts: Record<string, { ok: boolean; detail: string }> };
    return { status: answer.status, projection: parts['projection'] };
  };
  const stuckMetric = async (shard: number): Promise<string | undefined> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return new RegExp(`^clipbook_projection_stuck\\{shard="${shard}"\\} (\\d)$`, 'm').exec(text)?.[1];
  };

  await until(async () => (await projected(badShard)) > 0 && (await projected(goodShard)) > 0, 'both are projected');
  await sql.query(`CREATE TABLE mended AS SELECT * FROM codes WHERE code = 'STUCK-${bad}'`);
  await sql.query(`DELETE FROM codes WHERE code = 'STUCK-${bad}'`);

  const before = await projected(badShard);
  const [refusedSeq, goodSeq] = [await assign(bad), await assign(good)];
  await until(async () => (await projected(goodShard)) >= goodSeq, 'the good shard is projected');
  await until(async () => (await readiness()).projection?.ok === false, '/readyz tells');
  assert.equal(await projected(badShard), before);
  const told = await readiness();
  assert.equal(told.status, 200, 'it serves');
  assert.match(
    String(told.projection?.detail),
    new RegExp(`; shard ${badShard} can not be projected, the log says why$`),
  );
  assert.deepEqual([await stuckMetric(badShard), await stuckMetric(goodShard)], ['1', '0']);
  const logged = server
    .output()
    .split('\n')
    .filter((line) => line.includes('can not be projected'));
  assert.equal(logged.length, 1, server.output());
  assert.match(String(logged[0]), new RegExp(`"shard":${badShard}`));
  assert.match(String(logged[0]), /PostgreSQL has 0 of them/);

  await sql.query('INSERT INTO codes SELECT * FROM mended');
  await until(async () => (await projected(badShard)) >= refusedSeq, 'the shard goes on by itself');
  await until(async () => (await readiness()).projection?.ok === true, '/readyz tells that too');
  assert.equal(await stuckMetric(badShard), '0');
  assert.equal(await server.stop(), 0);
});

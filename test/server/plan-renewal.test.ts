/** Windows and periods of promotions stay known for at least 400 days ahead. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { connect } from '../support/api.js';
import { postgresUrl } from '../support/postgres.js';
import { until } from '../support/probe.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const DAY_MS = 86_400_000;

test('a start renews the plan of a promotion that reaches less than 400 days ahead, and leaves others alone', async () => {
  const directory = await temporaryDirectory();
  const promotion = { discount: 10, type: 'percentage', couponFor: 'product', timeZone: 'Europe/Berlin' };
  const schedule = [{ days: ['mon'], from: '08:00', to: '12:00' }];
  const period = { count: 5, period: 'month' };
  const first = await startServer(directory.path);
  const before = await connect(first.url);
  const made = [
    (await before.call('POST', '/coupons', { ...promotion, schedule, maxUsagePerPeriod: period })).body,
    (await before.call('POST', '/coupons', { ...promotion, schedule })).body,
    (await before.call('POST', '/coupons', { discount: 10, type: 'percentage', couponFor: 'product' })).body,
  ];
  const soonMs = Date.now() + 30 * DAY_MS;
  const sql = new pg.Client({ connectionString: postgresUrl(directory.path) });
  sql.on('error', () => undefined);
  await sql.connect();
  const projected = async (): Promise<number> => (await sql.query('SELECT FROM promotions')).rows.length;
  await until(async () => (await projected()) === made.length, 'the promotions are in PostgreSQL');
  await sql.query('UPDATE promotions SET plan = $1 WHERE id = $2', [
    JSON.stringify({ windows: [[soonMs - DAY_MS, soonMs]], periods: [soonMs - DAY_MS], untilMs: soonMs }),
    made[0].id,
  ]);
  await sql.end();
  before.close();
  await first.kill();

  const second = await startServer(directory.path);
  const api = await connect(second.url);
  const versionOf = async (id: string): Promise<number> => (await api.call('GET', `/coupons/${id}`)).body.version;
  await until(async () => (await versionOf(made[0].id)) === 2, 'the plan is renewed');
  const again = new pg.Client({ connectionString: postgresUrl(directory.path) });
  again.on('error', () => undefined);
  await again.connect();
  const planOf = async () =>
    JSON.parse((await again.query('SELECT plan FROM promotions WHERE id = $1', [made[0].id])).rows[0].plan);
  await until(async () => (await planOf()).untilMs > soonMs, 'the plan is in PostgreSQL');
  const { windows, periods, untilMs } = await planOf();
  assert.ok(untilMs > Date.now() + 400 * DAY_MS);
  assert.ok(windows.at(-1)[1] > Date.now() + 400 * DAY_MS, 'a window each week');
  assert.ok(periods.at(-1) > Date.now() + 400 * DAY_MS, 'a period each month');
  assert.deepEqual([await versionOf(made[1].id), await versionOf(made[2].id)], [1, 1]);
  await again.end();
  api.close();
  await second.kill();
  await directory.remove();
});

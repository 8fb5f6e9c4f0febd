/** A use can be given back for 400 days, shown with a server whose clock is ahead. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '../support/api.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const DAY_MS = 24 * 3_600_000;

test('rollback-too-late: 400 days after its commit a use can not be given back, and nothing changes', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const aheadFile = join(directory.path, 'ahead');
  const preload = fileURLToPath(new URL('../support/skewed-clock.cjs', import.meta.url));
  const env = { TEST_CLOCK_AHEAD: aheadFile, NODE_OPTIONS: `--require ${preload}` };
  const start = async () => {
    const server = await startServer(join(directory.path, 'data'), env);
    undo(server.kill);
    const api = await connect(server.url);
    undo(api.close);
    return { server, api };
  };

  const first = await start();
  const promotion = { code: 'OLD', discount: 10, type: 'percentage', couponFor: 'product' };
  const made = await first.api.call('POST', '/coupons', promotion);
  assert.equal(made.status, 201);
  const cart = { code: 'OLD', cartTotal: 50, reserve: true };
  const ids: string[] = [];
  for (let n = 0; n < 2; n++) ids.push((await first.api.call('POST', '/coupons/apply', cart)).body.reservationId);
  for (const id of ids) assert.equal((await first.api.call('POST', `/reservations/${id}/commit`)).status, 200);
  await first.server.stop();

  writeFileSync(aheadFile, String(399 * DAY_MS));
  const { server, api } = await start();
  assert.equal((await api.call('POST', `/reservations/${ids[0]}/rollback`)).status, 200);
  await server.stop();

  writeFileSync(aheadFile, String(400 * DAY_MS));
  const late = await start();
  const { status, body } = await late.api.call('POST', `/reservations/${ids[1]}/rollback`);
  assert.deepEqual([status, body.type], [409, '/problems/rollback-too-late']);
  assert.equal((await late.api.call('GET', `/reservations/${ids[1]}`)).body.status, 'committed');
  assert.equal((await late.api.call('GET', `/coupons/${made.body.id}`)).body.usageCount, 1);
});

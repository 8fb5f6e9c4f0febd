/** The real server is told to stop while its journal fails. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../journal/wait-for.js';
import { connect, type Reply } from '../support/api.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const preload = (name: string): string => `--require ${fileURLToPath(new URL(`../support/${name}`, import.meta.url))}`;
const SYNC_MS = 1500;

/** Of everything that the journal has in its segments. */
function contentOf(directory: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort())
    if (name.endsWith('.seg')) hash.update(readFileSync(join(directory, name)));
  return hash.digest('hex');
}

test('SIGTERM while a commit is under way that fails ends the server, and its callers are told what the next start has', async (t) => {
  const directory = await temporaryDirectory();
  const undo = undoes(t);
  undo(directory.remove);
  const dataDir = join(directory.path, 'data');
  const order = join(directory.path, 'fail-the-next-sync');
  const slow = { NODE_OPTIONS: `${preload('failing-sync.cjs')} ${preload('slow-sync.cjs')}` };
  const server = await startServer(dataDir, {
    ...slow,
    TEST_FAIL_SYNC: order,
    TEST_SLOW_SYNC: String(SYNC_MS),
    SHARD_THREADS: '1',
  });
  undo(server.kill);
  const api = await connect(server.url);
  undo(api.close);
  const codes = Array.from({ length: 20 }, (_, n) => `STOP-${n}`);
  assert.equal((await api.call('POST', '/coupon-books', { name: 'stop', initialCodes: codes })).status, 201);

  const before = contentOf(join(dataDir, 'journal'));
  writeFileSync(order, '');
  const replies = codes.map((code) => api.call('POST', `/coupons/assign/${code}`, { userId: 'ada' }).catch(() => null));
  await waitFor(() => contentOf(join(dataDir, 'journal')) !== before, 'a commit to be written');
  assert.ok(existsSync(order), 'its sync has not failed yet');
  assert.equal(await server.stop(), 0);
  assert.ok(!existsSync(order), 'its sync failed');

  const again = await startServer(dataDir, { SHARD_THREADS: '1' });
  undo(again.kill);
  const after = await connect(again.url);
  undo(after.close);
  const answers: (Reply | null)[] = await Promise.all(replies);
  for (const [n, answer] of answers.entries()) {
    const { body } = await after.call('GET', `/coupons/code/${codes[n]}`);
    const isOpen = answer === null || answer.body.type === '/problems/outcome-unknown';
    if (!isOpen) assert.equal(body.userId === 'ada', answer.status === 200, `${codes[n]} got ${answer.status}`);
  }
  assert.equal(await again.stop(), 0);
});

/** Taking a shard over in Redis compares the installation's id in the same step. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { stampRedis } from '../../src/journal/redis/installation.js';
import { openRedisJournal, type RedisJournal } from '../../src/journal/redis/redis-journal.js';
import { ProcessEnd } from '../../src/platform/exit-codes.js';
import { all, commit, entry } from './conformance.js';
import { startRedis } from './redis-server.js';

const OURS = '00000000-0000-4000-8000-000000000001';
const ANOTHERS = '00000000-0000-4000-8000-000000000002';
const log = { info: () => undefined, warn: () => undefined };
const s0 = asShardId(0);

const server = await startRedis();
const journals: RedisJournal[] = [];
after(async () => {
  for (const journal of journals) await journal.close();
  await server.destroy();
});

async function open(installation: string): Promise<RedisJournal> {
  const journal = await openRedisJournal({ url: server.url, log, installation });
  journals.push(journal);
  return journal;
}

test('a shard of another installation is not taken over: both ids are named, and its owner goes on', async () => {
  await stampRedis(server.url, 1, OURS);
  const journal = await open(OURS);
  const owner = await journal.openWriter([s0]);
  await commit(owner, [entry(s0, 1, 1, 'a1')]);

  const another = await open(ANOTHERS);
  await assert.rejects(another.openWriter([s0], new Map([[s0, asSeq(1)]])), (error) => {
    assert.ok(error instanceof ProcessEnd);
    assert.equal(error.exitCause, 'foreign');
    assert.match(error.message, new RegExp(`${OURS}.*${ANOTHERS}`));
    return true;
  });

  await commit(owner, [entry(s0, 2, 2, 'a2')]);
  assert.deepEqual(await all(journal, s0), ['1-1 a1', '2-2 a2']);
});

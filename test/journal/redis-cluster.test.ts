import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { freePort } from '../../src/compose/port-check.js';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { JournalFenced } from '../../src/journal/journal.js';
import { openRedisJournal, type RedisJournal } from '../../src/journal/redis/redis-journal.js';
import { all, commit, entry } from './conformance.js';
import { createOwner } from './redis-owner.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { waitFor } from './wait-for.js';

const log = { info: () => undefined, warn: () => undefined };
const shards = Array.from({ length: 16 }, (_, index) => asShardId(index));
const [s0, s1, s2] = [asShardId(0), asShardId(1), asShardId(2)];

const ends: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});
const nodes = await startCluster();

/** Three masters with a third of the slots each. */
async function startCluster(): Promise<RedisServer[]> {
  const started: RedisServer[] = [];
  for (let index = 0; index < 3; index += 1) {
    const node = await startRedis({ 'cluster-enabled': 'yes', 'cluster-port': String(await freePort('127.0.0.1')) });
    ends.push(() => node.destroy());
    started.push(node);
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    const first = Math.floor((16384 / 3) * index);
    await node.command('CLUSTER', 'ADDSLOTSRANGE', first, Math.floor((16384 / 3) * (index + 1)) - 1);
  }
  for (const node of started.slice(1)) {
    const [, busPort = ''] = (await node.command('CONFIG', 'GET', 'cluster-port')) as string[];
    await started[0]?.command('CLUSTER', 'MEET', '127.0.0.1', node.port, busPort);
  }
  await waitFor(async () => {
    const infos = await Promise.all(started.map((node) => node.command('CLUSTER', 'INFO')));
    return infos.every((info) => /cluster_state:ok/.test(String(info)) && /cluster_known_nodes:3/.test(String(info)));
  }, 'the cluster is formed');
  return started;
}

async function open(): Promise<RedisJournal> {
  const [node] = nodes;
  const journal = await openRedisJournal({ url: node?.url ?? '', log });
  ends.push(() => journal.close());
  return journal;
}

test('on a Redis Cluster the shards lie on several servers, and a commit may carry any of them', async () => {
  const journal = await open();
  assert.match(journal.durability, /Redis 7.* Cluster: appendfsync always/);
  const writer = await journal.openWriter(shards);
  await commit(
    writer,
    shards.map((shard) => entry(shard, 1, 2, `of ${shard}`)),
  );
  await commit(writer, [entry(s1, 3, 3, 'more'), entry(s0, 3, 3, 'more')]);
  for (const shard of shards) assert.equal((await all(journal, shard))[0], `1-2 of ${shard}`);
  assert.deepEqual(await all(journal, s1), ['1-2 of 1', '3-3 more']);
  const sizes = await Promise.all(nodes.map((node) => node.command('DBSIZE')));
  assert.ok(sizes.every((size) => Number(size) > 0));
  assert.ok((await (await journal.openReader()).size()) > 0);

  const newer = await (await open()).openWriter([s0]);
  await assert.rejects(commit(writer, [entry(s0, 4, 4, 'stale'), entry(s2, 3, 3, 'beside it')]), JournalFenced);
  assert.equal(newer.lastSeqs.get(s0), 3);
});

test('on a Redis Cluster a node that is killed and comes back loses nothing that was acknowledged', async () => {
  for (const node of nodes) await node.command('FLUSHALL');
  const owner = createOwner(await open(), shards);
  const ran = owner.run();
  for (const node of nodes.slice(1)) {
    const until = owner.commits + 100;
    await waitFor(() => owner.commits >= until, 'commits');
    await node.kill();
    await node.start();
    const again = owner.commits + 20;
    await waitFor(() => owner.commits >= again, 'commits after the kill');
  }
  owner.stop();
  await ran;
  await owner.verify();
});

test('on a Redis Cluster the trimming goes to the server of each shard', async () => {
  for (const node of nodes) await node.command('FLUSHALL');
  const journal = await open();
  const writer = await journal.openWriter([s0, s1, s2]);
  for (let seq = 1; seq <= 20; seq += 1) {
    await commit(
      writer,
      [s0, s1, s2].map((shard) => entry(shard, seq, seq, 'x'.repeat(5000))),
    );
  }
  const reader = await journal.openReader();
  const before = await reader.size();
  for (const shard of [s0, s1, s2]) writer.trim(shard, asSeq(15));
  await waitFor(async () => (await reader.size()) < before / 2, 'the streams are trimmed');
});

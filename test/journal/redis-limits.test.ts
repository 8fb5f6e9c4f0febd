import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { asSeq, asShardId, type ShardId } from '../../src/domain/ids.js';
import type { JournalWriter } from '../../src/journal/journal.js';
import { RedisUnfit } from '../../src/journal/redis/facts.js';
import {
  openRedisJournal,
  type RedisJournal,
  type RedisJournalOptions,
} from '../../src/journal/redis/redis-journal.js';
import { all, commit, entry } from './conformance.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { waitFor } from './wait-for.js';

const log = { info: () => undefined, warn: () => undefined };
const s0 = asShardId(0);
const s1 = asShardId(1);
const MB = 1024 * 1024;

const ends: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function redis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const server = await startRedis(settings);
  ends.push(() => server.destroy());
  return server;
}

async function open(url: string, options: Partial<RedisJournalOptions> = {}): Promise<RedisJournal> {
  const journal = await openRedisJournal({ url, log, ...options });
  ends.push(() => journal.close());
  return journal;
}

test('near the memory limit there is no room before anything is refused, and there is again when the limit is raised', async () => {
  const server = await redis({ maxmemory: '64mb' });
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0]);
  let seq = 0;
  while (writer.hasRoom()) {
    seq += 1;
    await commit(writer, [{ ...entry(s0, seq, seq, ''), payload: Buffer.alloc(100_000, seq) }]);
  }
  assert.ok(seq > 300, `${seq} entries went in`);
  await server.command('CONFIG', 'SET', 'maxmemory', '128mb');
  await waitFor(() => writer.hasRoom(), 'there is room');
  await commit(writer, [entry(s0, seq + 1, seq + 1, 'on it goes')]);
});

test('trimming makes room', async () => {
  const server = await redis({ maxmemory: '64mb' });
  const writer = await (await open(server.url)).openWriter([s0]);
  let seq = 0;
  while (writer.hasRoom()) {
    seq += 1;
    await commit(writer, [{ ...entry(s0, seq, seq, ''), payload: Buffer.alloc(100_000, seq) }]);
  }
  writer.trim(s0, asSeq(seq));
  await waitFor(() => writer.hasRoom(), 'there is room');
  await commit(writer, [entry(s0, seq + 1, seq + 1, 'on it goes')]);
});

test('at the memory limit an append fails and leaves nothing; a writer still opens, and reads go on', async () => {
  const server = await redis();
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0, s1]);
  await commit(writer, [entry(s0, 1, 1, 'a1'), entry(s1, 1, 1, 'b1')]);
  await server.command('CONFIG', 'SET', 'maxmemory', '1mb');
  await assert.rejects(commit(writer, [entry(s0, 2, 2, 'a2'), entry(s1, 2, 2, 'b2')]), /OOM/);
  const durable = new Map([
    [s0, asSeq(1)],
    [s1, asSeq(1)],
  ]);
  const next = await journal.openWriter([s0, s1], durable);
  assert.deepEqual([...next.lastSeqs.values()], [1, 1]);
  assert.equal(next.hasRoom(), false);
  assert.deepEqual(await all(journal, s0), ['1-1 a1']);
  await server.command('CONFIG', 'SET', 'maxmemory', '0');
  await waitFor(() => next.hasRoom(), 'there is room');
  await commit(next, [entry(s0, 2, 2, 'a2'), entry(s1, 2, 2, 'b2')]);
  assert.deepEqual(await all(journal, s1), ['1-1 b1', '2-2 b2']);
});

test('when Redis asks for replicas that are not there, an append fails and leaves nothing', async () => {
  const server = await redis();
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  await server.command('CONFIG', 'SET', 'min-replicas-to-write', 1);
  await assert.rejects(commit(writer, [entry(s0, 2, 2, 'a2')]), /NOREPLICAS/);
  await assert.rejects(journal.openWriter([s0]), /NOREPLICAS/);
  await server.command('CONFIG', 'SET', 'min-replicas-to-write', 0);
  assert.equal((await journal.openWriter([s0])).lastSeqs.get(s0), 1);
});

test('with waitReplicas a commit counts only when the replicas have it', async () => {
  const main = await redis();
  const replica = await redis();
  await replica.command('REPLICAOF', '127.0.0.1', main.port);
  await waitFor(
    async () => /state=online/.test(String(await main.command('INFO', 'replication'))),
    'the replica is connected',
  );
  const journal = await open(main.url, { waitReplicas: 1, waitMsMax: 500 });
  assert.match(journal.durability, /1 replica.*waits for 1 of them/);
  // A replica that has just come or was away is heard of within a second.
  const openedWith = async (startAfter: number): Promise<JournalWriter> => {
    for (;;) {
      try {
        return await journal.openWriter([s0], new Map([[s0, asSeq(startAfter)]]));
      } catch (error) {
        assert.match(String(error), /0 of 1 replicas/);
      }
    }
  };
  const writer = await openedWith(0);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  assert.equal(await replica.command('XLEN', 'clipbook:{0}:journal'), 1);
  replica.pause();
  await assert.rejects(commit(writer, [entry(s0, 2, 2, 'a2')]), /0 of 1 replicas/);
  await assert.rejects(journal.openWriter([s0]), /0 of 1 replicas/);
  replica.resume();
  assert.equal((await openedWith(1)).lastSeqs.get(s0), 2);
  await assert.rejects(openRedisJournal({ url: replica.url, log }), /is a replica/);
});

test('the facts of a server become one line', async () => {
  const lines: [Record<string, string>, RegExp][] = [
    [{}, /Redis 7.*appendfsync always, so every answered operation survives a power cut of Redis; no replicas$/],
    [{ appendfsync: 'everysec' }, /up to a second of answered operations may be lost on a power cut of Redis/],
    [{ appendfsync: 'no' }, /what the kernel had not written yet is lost/],
    [{ appendonly: 'no' }, /no AOF, so what was answered since the last snapshot is lost when Redis ends/],
    [{ 'rename-command': 'CONFIG HIDDEN' }, /CONFIG is not allowed here, so it is unknown how much may be lost/],
    [{ requirepass: 'a/b:c', 'maxmemory-policy': 'volatile-lru' }, /every answered operation survives/],
  ];
  for (const [settings, line] of lines) {
    const server = await startRedis(settings);
    const journal = await openRedisJournal({ url: server.url, log });
    assert.match(journal.durability, line);
    assert.doesNotMatch(journal.durability, /a\/b:c|a%2Fb/);
    await commit(await journal.openWriter([s0]), [entry(s0, 1, 1, 'a1')]);
    await journal.close();
    await server.destroy();
  }
});

test('a server whose eviction policy could drop a stream is refused, also when that is changed later', async () => {
  const server = await redis({ 'maxmemory-policy': 'allkeys-lru' });
  await assert.rejects(openRedisJournal({ url: server.url, log }), (error) => {
    assert.ok(error instanceof RedisUnfit);
    assert.match(error.message, /maxmemory-policy is allkeys-lru; set it to noeviction/);
    return true;
  });
  await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  const journal = await open(server.url);
  await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
  await assert.rejects(journal.openWriter([s0]), RedisUnfit);
});

test('a Redis that is not there is named when its time is up', async () => {
  const server = await redis();
  await server.kill();
  await assert.rejects(openRedisJournal({ url: server.url, log, openMsMax: 300 }), /ECONNREFUSED/);
});

test('a wrong password is reported at once, and not shown', async () => {
  const server = await redis({ requirepass: 'right' });
  const startMs = performance.now();
  await assert.rejects(openRedisJournal({ url: `redis://:wrong@127.0.0.1:${server.port}`, log }), (error: Error) => {
    assert.match(error.message, /^WRONGPASS/);
    assert.doesNotMatch(error.message, /wrong@/);
    return true;
  });
  assert.ok(performance.now() - startMs < 5000);
});

test('a start waits for a Redis that is just starting', async () => {
  const server = await redis();
  await server.kill();
  const opening = open(server.url);
  await server.start();
  assert.equal((await opening).name, 'redis');
});

test('the memory of the streams stays bounded under steady appends and trims', async (t) => {
  const server = await redis();
  const journal = await open(server.url);
  const shards = Array.from({ length: 4 }, (_, index) => asShardId(index));
  const writer = await journal.openWriter(shards);
  const reader = await journal.openReader();
  const payload = Buffer.alloc(1000, 'e');
  const seqs = new Map<ShardId, number>(shards.map((shard) => [shard, 0]));
  const behind = 200;
  let written = 0;
  let peak = 0;
  for (let round = 0; round < 60; round += 1) {
    const commits: Promise<void>[] = [];
    for (let count = 0; count < writer.inFlightMax; count += 1) {
      const entries = shards.map((shard) => {
        const firstSeq = (seqs.get(shard) ?? 0) + 1;
        seqs.set(shard, firstSeq + 9);
        return { ...entry(shard, firstSeq, firstSeq + 9, ''), payload };
      });
      written += entries.length * payload.length;
      commits.push(commit(writer, entries));
    }
    await Promise.all(commits);
    for (const shard of shards) writer.trim(shard, asSeq(Math.max(0, (seqs.get(shard) ?? 0) - behind)));
    await waitFor(async () => {
      const first = await server.command('XRANGE', 'clipbook:{3}:journal', '-', '+', 'COUNT', 1);
      const firstSeq = Number.parseInt((first as [string, unknown][])[0]?.[0] ?? '', 10);
      return firstSeq >= (seqs.get(asShardId(3)) ?? 0) - behind - 80;
    }, 'the streams are trimmed');
    peak = Math.max(peak, await reader.size());
  }
  t.diagnostic(`${(written / MB).toFixed(1)} MB written, at most ${(peak / 1024).toFixed(0)} KB kept in 4 streams`);
  // 28 entries of 1 KB and the overhead of their nodes, in each of four streams.
  assert.ok(peak < 4 * 40 * 1400, `${peak} bytes`);
  assert.ok(written > 0.5 * MB);
});

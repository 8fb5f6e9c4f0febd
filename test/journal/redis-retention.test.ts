/** What the Redis journal keeps behind the snapshot, for how long, and what it gives up first. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { openRedisJournal, type RedisJournal } from '../../src/journal/redis/redis-journal.js';
import { createStreamRetention } from '../../src/journal/redis/retention.js';
import { all, commit, entry } from './conformance.js';
import { startRedis } from './redis-server.js';
import { waitFor } from './wait-for.js';

const s0 = asShardId(0);
const s1 = asShardId(1);
const HOUR_MS = 3_600_000;
const MB = 2 ** 20;

const ends: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** Streams at 100 and 7, which take 1 MB already, and their clock. */
function retentionOf(hours: number, bytes: number) {
  let now = 1_000_000;
  const kept = createStreamRetention({
    retention: { ms: hours * HOUR_MS, bytes },
    seqs: new Map([
      [s0, asSeq(100)],
      [s1, asSeq(7)],
    ]),
    bytesBefore: MB,
    nowMs: () => now,
  });
  let seq = 100;
  return {
    kept,
    /** One entry of shard 0, after so long. */
    append(bytesOfEntry: number, afterMs: number): void {
      now += afterMs;
      seq += 1;
      kept.added([{ ...entry(s0, seq, seq, ''), payload: Buffer.alloc(bytesOfEntry) }]);
      kept.look(false);
    },
    wait(ms: number): void {
      now += ms;
      kept.look(false);
    },
    limits: (checkpoint = 1_000_000) => [kept.limit(s0, asSeq(checkpoint)), kept.limit(s1, asSeq(checkpoint))],
    now: () => now,
  };
}

test('entries of a stream are kept until they are older than the span, and then go in the order of their age', () => {
  const { kept, append, wait, limits, now } = retentionOf(24, 1000 * MB);
  const openedMs = now();
  for (let hour = 1; hour <= 23; hour += 1) append(1000, HOUR_MS);
  assert.deepEqual(limits(), [0, 0], 'even what was there before counts as young as the process');
  append(1000, HOUR_MS);
  assert.deepEqual(limits(), [100, 7], 'what was there before may go');
  assert.equal(kept.sinceMs(), openedMs);
  append(1000, HOUR_MS);
  const [limit = 0] = limits();
  assert.ok(limit >= 100 && limit <= 101, `${limit}`);
  wait(24 * HOUR_MS);
  assert.deepEqual(limits(), [125, 7], 'all of it may go');
  assert.deepEqual(limits(110), [110, 7], 'but for what is not in the snapshot');
});

test('streams that are larger than they may be keep less, the oldest first', () => {
  const { append, limits } = retentionOf(24, 2 * MB);
  append(100_000, 1000);
  assert.deepEqual(limits(), [0, 0]);
  for (let n = 0; n < 40; n += 1) append(100_000, 1000);
  const [limit = 0] = limits();
  const keptBytes = (141 - limit) * 100_000 * 1.3;
  assert.ok(keptBytes <= 2 * MB && keptBytes > 1.5 * MB, `${keptBytes} bytes are kept`);
});

test('while memory runs out, nothing is kept but what the snapshot lacks', () => {
  const { kept, append, limits } = retentionOf(24, 1000 * MB);
  append(1000, 1000);
  kept.look(true);
  assert.deepEqual(limits(101), [101, 101]);
  kept.look(false);
  assert.deepEqual(limits(101), [0, 0]);
});

test('samples stay few, however long a process runs', () => {
  const { kept, append, limits } = retentionOf(24, MB);
  for (let n = 0; n < 20_000; n += 1) append(1000, 60_000);
  assert.ok((limits()[0] ?? 0) > 19_000);
  assert.ok(kept.sampleCount() <= 256, `${kept.sampleCount()} samples`);
});

test('with retention, trimmed entries stay readable, and the entry at the checkpoint stays in any case', async () => {
  const { open, server } = await redis();
  const keeping = await open({ ms: HOUR_MS, bytes: 64 * MB, shardCount: 1 });
  const writer = await keeping.openWriter([s0]);
  const before = Date.now();
  for (let seq = 1; seq <= 300; seq += 1) await commit(writer, [entry(s0, seq, seq, 'x'.repeat(1000))]);
  writer.trim(s0, asSeq(300));
  const reader = await keeping.openReader();
  const since = await reader.sinceMs();
  assert.ok(since !== null && since <= before + 60_000 && since >= before - 60_000);
  assert.equal((await all(keeping, s0)).length, 300);
  await keeping.close();

  const plain = await open();
  const next = await plain.openWriter([s0]);
  next.trim(s0, asSeq(300));
  const length = async (): Promise<number> => Number(await server.command('XLEN', 'clipbook:{0}:journal'));
  await waitFor(async () => (await length()) < 200, 'the stream is trimmed');
  assert.equal((await all(plain, s0, 299)).length, 1);
});

test('on a full Redis, what is kept goes before a change is refused', async () => {
  const { open } = await redis({ maxmemory: '64mb' });
  const writer = await (await open({ ms: HOUR_MS, bytes: 1000 * MB, shardCount: 1 })).openWriter([s0]);
  for (let seq = 1; seq <= 1500; seq += 1) {
    await waitFor(() => writer.hasRoom(), `there is room for ${seq}`);
    await commit(writer, [{ ...entry(s0, seq, seq, ''), payload: Buffer.alloc(100_000, seq) }]);
    writer.trim(s0, asSeq(seq));
  }
});

async function redis(settings: Readonly<Record<string, string>> = {}) {
  const server = await startRedis(settings);
  ends.push(() => server.destroy());
  const log = { info: () => undefined, warn: () => undefined };
  const open = async (retention?: { ms: number; bytes: number; shardCount: number }): Promise<RedisJournal> => {
    const journal = await openRedisJournal({ url: server.url, log, ...(retention === undefined ? {} : { retention }) });
    ends.push(() => journal.close());
    return journal;
  };
  return { server, open };
}

/**
 * How many single-event appends a second the Redis journal takes, batched as the actor batches
 * them, on a redis-server of its own with `appendfsync always`: `node --import tsx
 * test/journal/redis-bench.ts [producers] [commits in flight] [seconds]`.
 */
import { readFileSync } from 'node:fs';
import { asSeq, asShardId, type Seq, type ShardId } from '../../src/domain/ids.js';
import type { Entry } from '../../src/journal/journal.js';
import { openRedisJournal } from '../../src/journal/redis/redis-journal.js';
import { startRedis } from './redis-server.js';

const [producers = 64, inFlightMax = 3, seconds = 4] = process.argv.slice(2).map(Number);
const shards = Array.from({ length: 16 }, (_, index) => asShardId(index));
const event = Buffer.alloc(150, 'e');

const server = await startRedis();
const journal = await openRedisJournal({
  url: server.url,
  inFlightMax,
  log: { info: console.log, warn: console.warn },
});
const writer = await journal.openWriter(shards);
const ends = new Map<ShardId, Seq>(shards.map((shard) => [shard, asSeq(0)]));
const tookMs: number[] = [];
let waiting = Array.from({ length: producers }, (_, index) => asShardId(index % shards.length));
let inFlight = 0;
let appended = 0;
let isOver = false;

/** Each producer waits for its event to be durable, then has another one for any shard. */
function flush(): void {
  if (waiting.length === 0 || inFlight >= writer.inFlightMax || isOver) return;
  const batch = waiting;
  waiting = [];
  inFlight += 1;
  const startMs = performance.now();
  writer.append(entriesOf(batch), (error) => {
    if (error !== null) throw error;
    inFlight -= 1;
    appended += batch.length;
    tookMs.push(performance.now() - startMs);
    for (const _ of batch) waiting.push(asShardId(Math.floor(Math.random() * shards.length)));
    flush();
  });
}

function entriesOf(batch: readonly ShardId[]): Entry[] {
  const counts = new Map<ShardId, number>();
  for (const shard of batch) counts.set(shard, (counts.get(shard) ?? 0) + 1);
  return [...counts].map(([shard, count]) => {
    const firstSeq = asSeq((ends.get(shard) ?? 0) + 1);
    const lastSeq = asSeq(firstSeq + count - 1);
    ends.set(shard, lastSeq);
    return { shard, firstSeq, lastSeq, payload: Buffer.concat(Array.from({ length: count }, () => event)) };
  });
}

/** CPU time of the server so far, from Linux; NaN elsewhere. */
async function serverCpuMs(): Promise<number> {
  const pid = /process_id:(\d+)/.exec(String(await server.command('INFO', 'server')))?.[1];
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
    return (Number(fields[13]) + Number(fields[14])) * 10;
  } catch {
    return Number.NaN;
  }
}

const trimming = setInterval(() => {
  for (const shard of shards) writer.trim(shard, asSeq(Math.max(0, (ends.get(shard) ?? 0) - 1000)));
}, 1000);
const serverBefore = await serverCpuMs();
const before = process.cpuUsage();
const startMs = performance.now();
flush();
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const tookAll = (performance.now() - startMs) / 1000;
const { user, system } = process.cpuUsage(before);
const serverCpu = (await serverCpuMs()) - serverBefore;
isOver = true;
clearInterval(trimming);
await journal.close();
await server.destroy();

tookMs.sort((a, b) => a - b);
const at = (part: number): string => (tookMs[Math.floor(tookMs.length * part)] ?? Number.NaN).toFixed(2);
console.log(
  [
    `${Math.round(appended / tookAll)} appends/s, ${Math.round(tookMs.length / tookAll)} commits/s`,
    `commit p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    `CPU a commit: client ${Math.round((user + system) / tookMs.length)} µs, server ${Math.round((serverCpu * 1000) / tookMs.length)} µs`,
  ].join('; '),
);

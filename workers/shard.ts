/** A shard thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { createKeyMemory } from '../src/actor/key-memory.js';
import { runShardThread } from '../src/actor/shard-thread.js';
import { createWatermarks } from '../src/actor/watermarks.js';
import { openClock } from '../src/clock.js';
import { createCollector } from '../src/collector.js';
import { randomHashKey } from '../src/hash-keys.js';
import { openJournal } from '../src/journal/open.js';
import { createLogger } from '../src/log.js';
import { createSnapshotLoader } from '../src/postgres/loader.js';
import { awaitBegin } from '../src/spare-thread.js';
import type { ShardThreadData } from '../src/threads.js';

if (parentPort === null) throw new Error('this is a worker thread');
const data = await awaitBegin<ShardThreadData>(workerData);
const checkpoints = createWatermarks(data.checkpoints);
const keyMemory = createKeyMemory(data.keyMemory);
const clock = openClock(data.clock);
const log = createLogger({ level: data.logLevel, thread: `shard-${data.thread}` });

await runShardThread({
  main: parentPort,
  shards: data.shards,
  journal: await openJournal(data.journal, log),
  loader: createSnapshotLoader({ url: data.databaseUrl, isOwn: data.isOwnDatabase }),
  state: { ...data.state, hashKey: randomHashKey() },
  directoryKey: data.directoryKey,
  acceptedLosses: new Set(data.acceptedLosses),
  clock,
  collect: createCollector(),
  log,
  checkpoint: (shard) => checkpoints.get(shard),
  reportKeys: (bytes, refused) => keyMemory.report(data.thread, bytes, refused, clock.now()),
});

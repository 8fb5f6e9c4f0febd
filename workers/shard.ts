/** A shard thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { openClock } from '../src/compose/clock.js';
import { randomHashKey } from '../src/compose/hash-keys.js';
import { createLogger } from '../src/compose/log.js';
import { awaitBegin } from '../src/compose/spare-thread.js';
import type { ShardThreadData } from '../src/compose/threads.js';
import { createKeyMemory } from '../src/engine/key-memory.js';
import { createWatermarks } from '../src/engine/watermarks.js';
import { openJournal } from '../src/journal/open.js';
import { createCollector } from '../src/platform/collector.js';
import { createSnapshotLoader } from '../src/postgres/snapshot/loader.js';
import { runShardThread } from '../src/shard/shard-thread.js';

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

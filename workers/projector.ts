/** The projector's thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { openClock } from '../src/compose/clock.js';
import { createLogger } from '../src/compose/log.js';
import type { FromProjector, ProjectorThreadData, ToProjector } from '../src/compose/threads.js';
import { asShardId } from '../src/domain/ids.js';
import { createStuckShards } from '../src/engine/stuck-shards.js';
import { createWatermarks } from '../src/engine/watermarks.js';
import { createFeed } from '../src/feed/feed.js';
import { createProjector } from '../src/followers/projector.js';
import { openJournal } from '../src/journal/open.js';
import { createProjectionWriter } from '../src/postgres/projection/projection-writer.js';

if (parentPort === null) throw new Error('this is a worker thread');
const main = parentPort;
const data = workerData as ProjectorThreadData;
const log = createLogger({ level: data.logLevel, thread: 'projector' });
const journal = await openJournal(data.journal, log);
const projector = createProjector({
  shards: Array.from({ length: data.shardCount }, (_, index) => asShardId(index)),
  feed: createFeed(await journal.openReader()),
  writer: createProjectionWriter({ url: data.databaseUrl, shardCount: data.shardCount, claim: data.claim }),
  checkpoints: createWatermarks(data.checkpoints),
  stuck: createStuckShards(data.stuck),
  nowMs: openClock(data.clock).now,
  idempotencyTtlMs: data.idempotencyTtlMs,
  onEnd: ({ message, exitCause: cause }) =>
    main.postMessage({ type: 'failed', message, cause } satisfies FromProjector),
  log,
});

main.on('message', (message: ToProjector) => {
  if (message.type === 'catchUp') projector.catchUp();
  else void stop(message.withinMs);
});
await projector.run();

async function stop(withinMs: number): Promise<void> {
  await projector.stop(withinMs);
  await journal.close();
  main.close();
}

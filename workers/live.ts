/** The live thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { createLogger } from '../src/compose/log.js';
import type { LiveThreadData } from '../src/compose/threads.js';
import { asShardId } from '../src/domain/ids.js';
import type { ToLive, ToLiveThread } from '../src/engine/live.js';
import { createFeed } from '../src/feed/feed.js';
import { createHub } from '../src/followers/live/hub.js';
import { createSource } from '../src/followers/live/source.js';
import { openJournal } from '../src/journal/open.js';
import { createAuditReader } from '../src/postgres/audit-reader.js';

if (parentPort === null) throw new Error('this is a worker thread');
const main = parentPort;
const data = workerData as LiveThreadData;
const log = createLogger({ level: data.logLevel, thread: 'live' });
const journal = await openJournal(data.journal, log);
const feed = createFeed(await journal.openReader());
const hub = createHub({
  shards: Array.from({ length: data.shardCount }, (_, index) => asShardId(index)),
  feed,
  source: createSource({ feed, audit: createAuditReader(data.databaseUrl) }),
  log,
});

main.on('message', (message: ToLiveThread) => {
  if (message.type === 'stop') return void stop();
  const { port } = message;
  const link = hub.connect((toHttp) => port.postMessage(toHttp));
  port.on('message', (fromHttp: ToLive) => link.receive(fromHttp));
});

async function stop(): Promise<void> {
  await hub.stop();
  await journal.close();
  // The ports to the HTTP threads keep a thread alive.
  process.exit(0);
}

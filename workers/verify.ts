/**
 * Folds all shards anew, one after the other, and compares each with the memory of its shard
 * thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openClock } from '../src/compose/clock.js';
import { randomHashKey } from '../src/compose/hash-keys.js';
import { createLogger } from '../src/compose/log.js';
import type { VerifyThreadData } from '../src/compose/threads.js';
import type { FromVerifyThread, ToVerifyThread } from '../src/control/verifications.js';
import { createFeed } from '../src/feed/feed.js';
import { type VerifierOptions, verifyShard } from '../src/followers/verifier.js';
import { openJournal } from '../src/journal/open.js';
import { createSnapshotLoader } from '../src/postgres/snapshot/loader.js';

if (parentPort === null) throw new Error('this is a worker thread');
const main = parentPort;
const data = workerData as VerifyThreadData;
const log = createLogger({ level: data.logLevel, thread: 'verify' });
const journal = await openJournal(data.journal, log);
const feed = createFeed(await journal.openReader());
const loader = createSnapshotLoader({ url: data.databaseUrl, isOwn: false });
const waiting = new Map<number, (answer: ToVerifyThread) => void>();
let nextId = 1;

main.on('message', (answer: ToVerifyThread) => {
  waiting.get(answer.id)?.(answer);
  waiting.delete(answer.id);
});

const tell = (message: FromVerifyThread): void => main.postMessage(message);

/** The main thread answers each question with what it is about. */
function ask<T>(message: (id: number) => FromVerifyThread): Promise<T> {
  return new Promise((resolve, reject) => {
    const id = nextId++;
    waiting.set(id, (answer) => (answer.ok ? resolve(answer.value as T) : reject(new Error(answer.message))));
    tell(message(id));
  });
}

const options: VerifierOptions = {
  feed,
  loader,
  state: { ...data.state, hashKey: randomHashKey() },
  nowMs: openClock(data.clock).now,
  memory: {
    digestOf: (shard) => ask((id) => ({ type: 'digest', id, shard })),
    factsOf: (shard, part) => ask((id) => ({ type: 'facts', id, shard, part })),
  },
};

try {
  for (const shard of data.shards) tell({ type: 'verdict', verdict: await verifyShard(options, shard) });
  tell({ type: 'done' });
} finally {
  await loader.close();
  await feed.close();
  await journal.close();
  main.close();
}

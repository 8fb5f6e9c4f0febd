/** An HTTP thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { openClock } from '../src/compose/clock.js';
import { createLogger } from '../src/compose/log.js';
import type { HttpThreadData } from '../src/compose/threads.js';
import { runHttpThread } from '../src/http/server/http-thread.js';

if (parentPort === null) throw new Error('this is a worker thread');
const {
  index,
  host,
  port,
  version,
  jwt,
  endedTokens,
  counters,
  live,
  clock,
  trustedProxies,
  currency,
  flash,
  corsOrigins,
  logLevel,
  ...routing
} = workerData as HttpThreadData;

await runHttpThread({
  ...routing,
  main: parentPort,
  http: {
    host,
    port,
    version,
    counters,
    live,
    nowMs: openClock(clock).now,
    trustedProxies,
    currency,
    flash,
    corsOrigins,
    tokens: { ...jwt, ttlSeconds: 3600 },
    endedTokens,
    log: createLogger({ level: logLevel, thread: `http-${index}` }),
  },
});

/** An HTTP thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { openClock } from '../src/clock.js';
import { runHttpThread } from '../src/http/http-thread.js';
import { createLogger } from '../src/log.js';
import type { HttpThreadData } from '../src/threads.js';

if (parentPort === null) throw new Error('this is a worker thread');
const { index, host, port, version, jwt, endedTokens, counters, clock, trustedProxies, logLevel, ...routing } =
  workerData as HttpThreadData;

await runHttpThread({
  ...routing,
  main: parentPort,
  http: {
    host,
    port,
    version,
    counters,
    nowMs: openClock(clock).now,
    trustedProxies,
    tokens: { ...jwt, ttlSeconds: 3600 },
    endedTokens,
    log: createLogger({ level: logLevel, thread: `http-${index}` }),
  },
});

/**
 * Starts the live thread, connects it with the HTTP threads, and starts another one when it ends:
 * the connections of clients stay, and catch up through the new one.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { ToLiveThread } from '../engine/live.js';
import { startWorker } from './thread.js';
import type { LiveThreadData } from './threads.js';

interface LiveThreadOptions {
  readonly data: LiveThreadData;
  /** Hands each HTTP thread a port. */
  readonly connect: (portOf: () => MessagePort) => void;
  readonly log: { error(fields: object, message: string): void };
}

const RESTART_MS = 500;
const STOP_MS_MAX = 5_000;

export interface LiveThread {
  /** Ends it at once, as a crash would; another one is started. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** To be called when all shards serve. */
export function startLiveThread({ data, connect, log }: LiveThreadOptions): LiveThread {
  let worker: Worker;
  let ended: Promise<void>;
  let isStopped = false;

  function start(): void {
    worker = startWorker('live', data);
    worker.on('error', (error) => log.error({ err: error }, 'the live thread failed; it is started again'));
    ended = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('exit', () => {
      if (!isStopped) setTimeout(() => !isStopped && start(), RESTART_MS);
    });
    connect(() => {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage({ type: 'connect', port: port1 } satisfies ToLiveThread, [port1]);
      return port2;
    });
  }

  start();
  return {
    async kill() {
      await worker.terminate();
    },
    async stop() {
      isStopped = true;
      worker.postMessage({ type: 'stop' } satisfies ToLiveThread);
      const timer = setTimeout(() => void worker.terminate(), STOP_MS_MAX);
      await ended;
      clearTimeout(timer);
    },
  };
}

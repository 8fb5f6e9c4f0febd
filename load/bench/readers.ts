/** A process with many clients of live updates (live-readers.ts), as its parent uses it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Order, Progress } from '../live-readers.js';
import { ROOT } from './child.js';

export interface Readers {
  readonly progress: () => Progress;
  /** Resolves with the next report. */
  next(): Promise<void>;
  obey(order: Order): Promise<Progress>;
  stop(): void;
}

export function startReaders(): Readers {
  const child = fork(join(ROOT, 'dist/load/live-readers.js'), { stdio: 'inherit', execArgv: [] });
  let latest: Progress = { done: null, frames: 0, events: 0, open: 0, last: '', latencies: [] };
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the clients ended with ${String(code)}`);
  });
  failed.catch(() => undefined);
  child.on('message', (progress: Progress) => {
    latest = progress;
  });
  return {
    progress: () => latest,
    next: async () => void (await Promise.race([once(child, 'message'), failed])),
    async obey(order) {
      const done = new Promise<Progress>((resolve) => {
        const listen = (progress: Progress): void => {
          if (progress.done !== order.order) return;
          child.off('message', listen);
          resolve(progress);
        };
        child.on('message', listen);
      });
      child.send(order);
      return Promise.race([done, failed]);
    },
    stop() {
      if (child.connected) child.disconnect();
    },
  };
}

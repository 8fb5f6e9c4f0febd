/**
 * One spare thread. A replacement for a dead thread would first load its modules, and on a busy
 * machine that takes longer than its whole recovery. A spare thread has loaded them and waits for
 * its task.
 *
 * It costs an idle thread: about 15 MB, and no time. Loading fewer modules helps too, but pg alone
 * is 50 ms of work.
 */
import { once } from 'node:events';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { startWorker, type ThreadOptions } from './thread.js';

export interface SpareThreads {
  /** Starts the spare one, if there is none: when the machine has nothing better to do. */
  prepare(): void;
  /** The spare one, or a new one, which gets `data` from its `awaitBegin`. */
  take(data: unknown): Worker;
  /** Ends the spare one. Those that were taken are their takers'. */
  close(): Promise<void>;
}

interface Waiting {
  readonly worker: Worker;
  readonly begin: MessagePort;
}

export function spareThreads(entry: string, options: Omit<ThreadOptions, 'transferList'>): SpareThreads {
  let spare: Waiting | null = null;
  let closed = false;

  function start(): Waiting {
    const { port1, port2 } = new MessageChannel();
    const worker = startWorker(entry, { begin: port2 } satisfies SpareData, { ...options, transferList: [port2] });
    return { worker, begin: port1 };
  }

  const onError = (): void => {
    // Its exit follows; whoever needs a thread starts one, and sees what is wrong with it.
  };

  return {
    prepare() {
      if (spare !== null || closed) return;
      const started = start();
      started.worker.on('error', onError);
      started.worker.once('exit', () => {
        if (spare === started) spare = null;
      });
      spare = started;
    },
    take(data) {
      const { worker, begin } = spare ?? start();
      spare = null;
      worker.off('error', onError);
      begin.postMessage(data);
      return worker;
    },
    async close() {
      closed = true;
      await spare?.worker.terminate();
    },
  };
}

interface SpareData {
  readonly begin: MessagePort;
}

/** In the thread, when its modules are loaded: resolves with what it was taken for. */
export async function awaitBegin<T>(workerData: unknown): Promise<T> {
  const { begin } = workerData as SpareData;
  const [data] = (await once(begin, 'message')) as [T];
  begin.close();
  return data;
}

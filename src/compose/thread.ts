/**
 * Starts worker threads, from TypeScript sources (development, tests) and from the build alike.
 *
 * From the build, an entry is `dist/workers/<entry>.js`. From sources it is `workers/<entry>.ts`,
 * and that needs a step between: on Node 20 a loader that was given with `--import tsx` does not
 * reach worker threads. So the thread begins with `workers/bootstrap.mjs`, which registers tsx in
 * it and imports the real entry. The name of this module shows which of the two applies.
 */
import { type Transferable, Worker, type WorkerOptions } from 'node:worker_threads';
import { Piscina } from 'piscina';

const FROM_SOURCES = import.meta.url.endsWith('.ts');

export interface ThreadOptions {
  /** Shown by debuggers and in `top -H`. */
  readonly name?: string;
  readonly transferList?: readonly Transferable[];
  readonly resourceLimits?: WorkerOptions['resourceLimits'];
}

/**
 * Starts `workers/<entry>` in a thread of its own; it finds `data` as `workerData` of
 * `node:worker_threads`.
 */
export function startWorker(entry: string, data: unknown, options: ThreadOptions = {}): Worker {
  const { name = entry, transferList = [], resourceLimits } = options;
  const common: WorkerOptions = {
    name,
    workerData: data,
    transferList: [...transferList],
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  };
  if (!FROM_SOURCES) return new Worker(workerUrl(`${entry}.js`), common);
  return new Worker(workerUrl('bootstrap.mjs'), {
    ...common,
    argv: [workerUrl(`${entry}.ts`).href],
    // Where Node does hand `--import tsx` on, tsx would be registered twice.
    execArgv: [],
  });
}

export interface PoolOptions {
  readonly threadsMax: number;
  /** Tasks that mostly wait may share a thread. */
  readonly tasksPerThread: number;
  readonly idleMs: number;
}

/**
 * A pool of threads that run `workers/<entry>`'s default export. One stays; the others end when
 * they have been idle.
 */
export function startPool(entry: string, { threadsMax, tasksPerThread, idleMs }: PoolOptions): Piscina {
  const common = {
    minThreads: 1,
    maxThreads: threadsMax,
    concurrentTasksPerWorker: tasksPerThread,
    idleTimeout: idleMs,
    // A thread that waits in Atomics.wait can't hear the ports of its tasks.
    atomics: 'disabled' as const,
  };
  if (!FROM_SOURCES) return new Piscina({ ...common, filename: workerUrl(`${entry}.js`).href });
  const argv = [workerUrl(`${entry}.ts`).href];
  return new Piscina({ ...common, filename: workerUrl('bootstrap.mjs').href, argv, execArgv: [] });
}

function workerUrl(file: string): URL {
  return new URL(`../../workers/${file}`, import.meta.url);
}

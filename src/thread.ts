/**
 * Starts worker threads, from TypeScript sources (development, tests) and from the build alike.
 *
 * From the build, an entry is `dist/workers/<entry>.js`. From sources it is `workers/<entry>.ts`, and that needs a step
 * between: on Node 20 a loader that was given with `--import tsx` does not reach worker threads. So the thread
 * begins with `workers/bootstrap.mjs`, which registers tsx in it and imports the real entry.
 * Which of the two is the case shows in this module's own name.
 */
import { type Transferable, Worker, type WorkerOptions } from 'node:worker_threads';

const FROM_SOURCES = import.meta.url.endsWith('.ts');

export interface ThreadOptions {
  /** Shown by debuggers and in `top -H`. */
  readonly name?: string;
  readonly transferList?: readonly Transferable[];
  readonly resourceLimits?: WorkerOptions['resourceLimits'];
}

/** Starts `workers/<entry>` in a thread of its own; it finds `data` as `workerData` of `node:worker_threads`. */
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

function workerUrl(file: string): URL {
  return new URL(`../workers/${file}`, import.meta.url);
}

/**
 * Makes the system write growing files to disk early and in small portions.
 *
 * Gain: while codes come in, a sync of the journal waits 2 ms instead of 50 to 150 ms behind
 * PostgreSQL's new pages on the same disk.
 * Switch: `write-back` (work-arounds.ts).
 *
 * PostgreSQL makes an index longer by a page of zeros at a time and leaves them to the system's
 * cache. Linux lets them lie there for 30 s and then writes all at once: 50 MB for a million codes.
 * For its other writes PostgreSQL has settings (`backend_flush_after` and its like), for these it
 * has none. So the files that grow are synced from here, forty times a second while they do; at
 * other times a tick looks at their lengths. What matters to a sync of the journal is how much goes
 * to the disk at once, not how much in all: behind a megabyte it waits 2 ms, behind sixteen 8 to
 * 14.
 *
 * The system reports a failed write to one sync only. If that sync is ours, PostgreSQL does not
 * learn of the failure when it syncs the file for its checkpoint. So `onFailure` has to make
 * PostgreSQL start again from its log, which is what PostgreSQL does itself after a failed sync.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { isOn } from './work-arounds.js';

const TICK_MS = 200;
const GROWING_TICK_MS = 25;
/** PostgreSQL begins another file, with the next number after its name, after each gibibyte. */
const SEGMENT_BYTES = 1024 * 1024 * 1024;
const LIST_EVERY_MS = 60_000;

export interface WriteBackOptions {
  readonly folder: string;
  /**
   * Paths in `folder` of the files that may grow, asked for once a minute. May reject: then it is
   * called again at the next tick.
   */
  readonly list: () => Promise<readonly string[]>;
  /** A write failed, and the writer of the file doesn't know. */
  readonly onFailure: (error: Error) => void;
  readonly sync?: (file: string) => Promise<void>;
}

export interface WriteBack {
  stop(): Promise<void>;
}

interface Growing {
  readonly path: string;
  segment: number;
  bytes: number;
}

export function startWriteBack({ folder, list, onFailure, sync = syncFile }: WriteBackOptions): WriteBack {
  if (!isOn('write-back')) return { stop: () => Promise.resolve() };
  let files: readonly Growing[] = [];
  let listedMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;

  async function listAgain(): Promise<void> {
    const paths = await list();
    files = paths.map((name) => files.find((known) => known.path === name) ?? { path: name, segment: 0, bytes: 0 });
    listedMs = performance.now();
  }

  /** True when it has grown. */
  async function look(file: Growing): Promise<boolean> {
    const name = path.join(folder, file.segment === 0 ? file.path : `${file.path}.${file.segment}`);
    const bytes = await sizeOf(name);
    if (bytes === null) return false;
    const grows = bytes !== file.bytes;
    if (grows) await sync(name);
    file.bytes = bytes;
    if (bytes < SEGMENT_BYTES) return grows;
    file.segment++;
    file.bytes = 0;
    await look(file);
    return true;
  }

  /** True when a file has grown. */
  async function tick(): Promise<boolean> {
    try {
      if (performance.now() - listedMs > LIST_EVERY_MS) await listAgain();
    } catch {
      return false;
    }
    let grows = false;
    for (const file of files) {
      try {
        grows = (await look(file)) || grows;
      } catch (error) {
        onFailure(error instanceof Error ? error : new Error(String(error)));
      }
    }
    return grows;
  }

  let timer: NodeJS.Timeout;
  function next(delayMs: number): void {
    timer = setTimeout(() => {
      running = tick().then((grows) => {
        if (!isStopped) next(grows ? GROWING_TICK_MS : TICK_MS);
      });
    }, delayMs).unref();
  }
  next(TICK_MS);

  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await fs.stat(file)).size;
  } catch {
    return null;
  }
}

async function syncFile(file: string): Promise<void> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(file, 'r');
  } catch {
    // It was removed meanwhile.
    return;
  }
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes the system write PostgreSQL's new pages to disk early and in small portions.
 *
 * PostgreSQL makes an index longer by a page of zeros at a time and leaves them to the system's
 * cache. Linux lets them lie there for 30 s and then writes all at once: 50 MB for a million codes,
 * and the journal's syncs on the same disk wait 50 to 150 ms behind them. For its other writes
 * PostgreSQL has settings (`backend_flush_after` and its like), for these it has none. So the files
 * that grow are synced from here, forty times a second while they do; at other times a tick looks
 * at their lengths. What matters to a sync of the journal is how much goes to the disk at once, not
 * how much in all: behind a megabyte it waits 2 ms, behind sixteen 8 to 14.
 *
 * The system reports a failed write to one sync only. It may be ours, and PostgreSQL would not hear
 * of it when it syncs the file for its checkpoint. So then it has to be made to begin again from
 * its log, which is what it does itself after a failed sync: `onFailure` sees to that.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { createLink } from '../connection.js';

/** What grows with every code or every change, and its index. */
const RELATIONS = ['codes', 'codes_pkey', 'changes', 'changes_pkey', 'redemptions'];
const TICK_MS = 200;
const GROWING_TICK_MS = 25;
/** PostgreSQL begins another file after each gibibyte of a relation. */
const SEGMENT_BYTES = 1024 * 1024 * 1024;
/** Their names change when a table is rewritten. */
const ASK_EVERY_MS = 60_000;

export interface WriteBackOptions {
  readonly url: string;
  /** PGDATA, as this process reaches it. */
  readonly cluster: string;
  /** A write failed, and PostgreSQL doesn't know. */
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

export function startWriteBack({ url, cluster, onFailure, sync = syncFile }: WriteBackOptions): WriteBack {
  const link = createLink(url, () => Promise.resolve());
  let files: Growing[] = [];
  let askedMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;

  async function ask(): Promise<void> {
    const { rows } = await link.use((client) =>
      client.query<{ path: string | null }>(
        'SELECT pg_relation_filepath(to_regclass(name)) AS path FROM unnest($1::text[]) AS name',
        [RELATIONS],
      ),
    );
    files = rows.flatMap(({ path }) => {
      if (path === null) return [];
      return [files.find((known) => known.path === path) ?? { path, segment: 0, bytes: 0 }];
    });
  }

  /** True when it has grown. */
  async function look(file: Growing): Promise<boolean> {
    const name = path.join(cluster, file.segment === 0 ? file.path : `${file.path}.${file.segment}`);
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
      if (performance.now() - askedMs > ASK_EVERY_MS) {
        await ask();
        askedMs = performance.now();
      }
    } catch {
      // PostgreSQL is away: it is asked again.
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
      await link.close();
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

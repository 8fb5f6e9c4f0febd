/**
 * Has the system write PostgreSQL's new pages to the disk soon, and a few at a time.
 *
 * PostgreSQL makes an index longer by a page of zeros at a time and leaves them to the system's cache. Linux lets them lie there
 * for 30 s and then writes all at once: 50 MB for a million codes, and the journal's syncs on the same disk wait 50 to 150 ms
 * behind them. For its other writes PostgreSQL has settings (`backend_flush_after` and its like), for these it has none. So
 * the files that grow are synced from here, every fifth of a second while they do; at other times a tick looks at their lengths.
 *
 * The system reports a failed write to one sync only. It may be ours, and PostgreSQL would not hear of it when it syncs the
 * file for its checkpoint. So then it has to be made to begin again from its log, which is what it does itself after a failed
 * sync: `onFailure` sees to that.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { createLink } from './connection.js';

/** What grows with every code or every change, and its index. */
const RELATIONS = ['codes', 'codes_pkey', 'changes', 'changes_pkey', 'redemptions'];
const TICK_MS = 200;
/** PostgreSQL begins another file after each gibibyte of a relation. */
const SEGMENT_BYTES = 1024 * 1024 * 1024;
/** Their names change when a table is rewritten. */
const ASK_EVERY_TICKS = 300;

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
  let ticks = 0;
  let running: Promise<void> = Promise.resolve();
  let isRunning = false;

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

  async function look(file: Growing): Promise<void> {
    const name = path.join(cluster, file.segment === 0 ? file.path : `${file.path}.${file.segment}`);
    const bytes = await sizeOf(name);
    if (bytes === null) return;
    if (bytes !== file.bytes) await sync(name);
    file.bytes = bytes;
    if (bytes < SEGMENT_BYTES) return;
    file.segment++;
    file.bytes = 0;
    await look(file);
  }

  async function tick(): Promise<void> {
    try {
      if (ticks++ % ASK_EVERY_TICKS === 0) await ask();
    } catch {
      // PostgreSQL is away: it is asked again.
      ticks = 0;
      return;
    }
    for (const file of files) {
      try {
        await look(file);
      } catch (error) {
        onFailure(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    running = tick().finally(() => {
      isRunning = false;
    });
  }, TICK_MS);
  timer.unref();

  return {
    async stop() {
      clearInterval(timer);
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

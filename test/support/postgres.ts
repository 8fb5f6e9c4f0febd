/**
 * The embedded PostgreSQL of a server under test, seen from outside: its processes, and what it
 * holds.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Inspection } from '../../src/control/supervisor.js';
import { NO_DIRECTORY } from '../../src/engine/directory.js';
import { digest } from '../../src/features/digest.js';
import type { Journal, JournalReader, JournalWriter } from '../../src/journal/journal.js';
import { signalQuietly } from '../../src/postgres/embedded/postmaster.js';
import { createSnapshotLoader } from '../../src/postgres/snapshot/loader.js';
import { recover } from '../../src/shard/recovery.js';
import { FIXED_HASH_KEY } from '../../src/tables/keyed-hash.js';
import { waitFor } from '../journal/wait-for.js';

/**
 * The postmaster first, so that it starts nothing while the others are signalled. Linux only, as
 * /proc is.
 */
export function signalPostgres(dataDir: string, signal: NodeJS.Signals): void {
  for (const pid of processesOf(dataDir)) signalQuietly(pid, signal);
}

/** Ends it without a checkpoint, if there is one; resolves when it is gone. */
export async function endPostgres(dataDir: string): Promise<void> {
  const pid = postmasterPid(dataDir);
  if (pid === null) return;
  signalQuietly(pid, 'SIGQUIT');
  await waitFor(() => textOf(`/proc/${pid}/cmdline`) === '', 'PostgreSQL to end');
}

/**
 * True while a batch of the projector is under way: some backend is busy, or inside a transaction.
 */
export function isProjecting(dataDir: string): boolean {
  return processesOf(dataDir).some((pid) => {
    const title = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    return /^postgres: clipbook clipbook \S+ (COPY|UPDATE|INSERT|COMMIT|idle in transaction)/.test(title);
  });
}

/** Null while there is none. */
export function postmasterPid(dataDir: string): number | null {
  const pid = Number.parseInt(textOf(pidFile(dataDir)).split('\n')[0] ?? '', 10);
  return pid > 0 && textOf(`/proc/${pid}/cmdline`) !== '' ? pid : null;
}

export function postgresUrl(dataDir: string): string {
  const password = readFileSync(join(dataDir, 'postgres', 'password'), 'utf8').trim();
  const port = readFileSync(pidFile(dataDir), 'utf8').split('\n')[3];
  return `postgres://clipbook:${password}@127.0.0.1:${port}/clipbook`;
}

/**
 * The digest of each shard as it comes out of PostgreSQL alone; `shards` says how far it has to be.
 */
export async function digestsInPostgres(dataDir: string, shards: Inspection): Promise<Map<number, string>> {
  const loader = createSnapshotLoader({ url: postgresUrl(dataDir), isOwn: true });
  const shardCount = shards.length;
  try {
    const { states } = await recover(
      {
        shards: shards.map(({ shard }) => shard),
        journal: endingAt(shards),
        loader,
        state: {
          shardCount,
          lockTtlMs: 120_000,
          idempotencyTtlMs: 86_400_000,
          idempotencyBytesMax: 2 ** 30,
          hashKey: FIXED_HASH_KEY,
        },
        clock: { now: Date.now, notBefore: () => undefined },
        directoryKey: NO_DIRECTORY,
        publishCodes: async () => undefined,
        after: (delayMs, work) => setTimeout(work, delayMs),
        log: { info: () => undefined, error: (fields, message) => console.error(message, fields) },
      },
      new Map(),
    );
    return new Map([...states].map(([shard, state]) => [shard, digest(state, Date.now())]));
  } finally {
    await loader.close();
  }
}

export const digestsOf = (shards: Inspection): Map<number, string> =>
  new Map(shards.map((shard) => [shard.shard, shard.digest]));

/** A journal without entries: a snapshot that ends before it can't be made up for. */
function endingAt(shards: Inspection): Journal {
  const writer: Pick<JournalWriter, 'lastSeqs' | 'close'> = {
    lastSeqs: new Map(shards.map(({ shard, seq }) => [shard, seq])),
    close: async () => undefined,
  };
  // A snapshot that is behind finds nothing to go on with, and its recovery fails.
  const reader: Pick<JournalReader, 'read' | 'close'> = { read: async () => [], close: async () => undefined };
  const journal: Pick<Journal, 'openWriter' | 'openReader'> = {
    openWriter: async () => writer as JournalWriter,
    openReader: async () => reader as JournalReader,
  };
  return journal as Journal;
}

const pidFile = (dataDir: string): string => join(dataDir, 'postgres', 'cluster', 'postmaster.pid');

function processesOf(dataDir: string): number[] {
  const postmaster = postmasterPid(dataDir);
  if (postmaster === null) return [];
  const children = textOf(`/proc/${postmaster}/task/${postmaster}/children`);
  return [postmaster, ...children.split(' ').filter(Boolean).map(Number)];
}

/** Empty when it is not there, or no more. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

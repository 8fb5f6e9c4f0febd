/**
 * What a journal says of itself before anything of it is taken over: to which installation it
 * belongs, and whether it holds anything. And the writing of the id into a journal that has none
 * yet.
 */
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { realFileOps } from './file/file-ops.js';
import { putInstallationAside, readInstallation, removeInstallation, writeInstallation } from './file/installation.js';
import { listEpochs } from './file/layout.js';
import { belongsToAnother, type JournalFacts } from './identity.js';
import { JournalDamaged } from './journal.js';

interface JournalPlace {
  /** Null: files. */
  readonly redisUrl: string | null;
  readonly directory: string;
}

/**
 * The same for who may put a bad id aside: `damage` says what is wrong with it, and the facts are
 * those of a journal without an id.
 */
export async function surveyOffline(
  place: JournalPlace,
  shardCount: number,
): Promise<{ readonly facts: JournalFacts; readonly damage: JournalDamaged | null }> {
  try {
    return { facts: await surveyJournal(place, shardCount), damage: null };
  } catch (error) {
    if (!(error instanceof JournalDamaged) || place.redisUrl !== null) throw error;
    return { facts: factsOfFiles(place.directory, null), damage: error };
  }
}

/** Reads, and changes nothing. */
export async function surveyJournal({ redisUrl, directory }: JournalPlace, shardCount: number): Promise<JournalFacts> {
  if (redisUrl !== null) {
    const { surveyRedis } = await import('./redis/installation.js');
    return surveyRedis(redisUrl, shardCount);
  }
  return factsOfFiles(directory, readInstallation(directory));
}

function factsOfFiles(directory: string, id: string | null): JournalFacts {
  return {
    kind: 'file',
    place: directory,
    installations: id === null ? [] : [id],
    lacksId: id === null,
    isEmpty: !hasEpochs(directory),
    ends: null,
    beganAfter: new Map(),
  };
}

function hasEpochs(directory: string): boolean {
  try {
    return listEpochs(realFileOps, directory).length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes the id where there is none. Durable when it resolves. Rejects when another one is there by
 * now.
 */
export async function stampJournal(
  { redisUrl, directory }: JournalPlace,
  shardCount: number,
  id: string,
): Promise<void> {
  if (redisUrl !== null) {
    const { stampRedis } = await import('./redis/installation.js');
    return stampRedis(redisUrl, shardCount, id);
  }
  const found = readInstallation(directory);
  if (found === id) return;
  if (found !== null) throw belongsToAnother(directory, found, id);
  writeInstallation(directory, id);
}

/** Moves a bad id away, so that the next start writes the one of the database. */
export function putIdAside(directory: string, aside: string): void {
  mkdirSync(aside, { recursive: true, mode: 0o750 });
  putInstallationAside(directory, aside);
  realFileOps.syncDirectory(aside);
  realFileOps.syncDirectory(directory);
}

/** Removes the id, so that the next start writes the one of the database. */
export async function eraseId({ redisUrl, directory }: JournalPlace, shardCount: number): Promise<void> {
  if (redisUrl !== null) {
    const { eraseRedisId } = await import('./redis/installation.js');
    return eraseRedisId(redisUrl, shardCount);
  }
  removeInstallation(directory);
}

/**
 * Removes all entries, and the id of the installation `id`. Files are only put aside, beside their
 * directory.
 */
export async function eraseJournal(
  { redisUrl, directory }: JournalPlace,
  shardCount: number,
  id: string,
): Promise<void> {
  if (redisUrl !== null) {
    const { eraseRedis } = await import('./redis/installation.js');
    return eraseRedis(redisUrl, shardCount);
  }
  putAside(directory, `${directory}-of-${id}`);
}

/** Moves the files of a journal, but for the lock, which this process holds. */
export function putAside(directory: string, aside: string): void {
  mkdirSync(aside, { recursive: true, mode: 0o750 });
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('journal.lock')) renameSync(join(directory, name), join(aside, name));
  }
  realFileOps.syncDirectory(aside);
  realFileOps.syncDirectory(directory);
}

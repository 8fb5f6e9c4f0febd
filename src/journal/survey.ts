/**
 * What a journal says of itself before anything of it is taken over: to which installation it belongs, and whether it
 * holds anything. And the writing of the id into a journal that has none yet.
 */
import { realFileOps } from './file/file-ops.js';
import { readInstallation, writeInstallation } from './file/installation.js';
import { listEpochs } from './file/layout.js';
import { belongsToAnother, type JournalFacts } from './identity.js';

export interface JournalPlace {
  /** Null: files. */
  readonly redisUrl: string | null;
  readonly directory: string;
}

/** Reads, and changes nothing. */
export async function surveyJournal({ redisUrl, directory }: JournalPlace, shardCount: number): Promise<JournalFacts> {
  if (redisUrl !== null) {
    const { surveyRedis } = await import('./redis/installation.js');
    return surveyRedis(redisUrl, shardCount);
  }
  const id = readInstallation(directory);
  return {
    kind: 'file',
    place: directory,
    installations: id === null ? [] : [id],
    lacksId: id === null,
    isEmpty: !hasEpochs(directory),
    ends: null,
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

/** Writes the id where there is none. Durable when it resolves. Rejects when another one is there by now. */
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

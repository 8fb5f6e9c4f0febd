/**
 * How much room is left under the data directory, so that it is known before changes are refused
 * for want of it.
 */
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface DiskSpace {
  /** Of the file system among those of the data directory that has the least. */
  readonly freeBytes: number;
  readonly path: string;
}

/** Journal and PostgreSQL may be mounts of their own. */
const PARTS = ['', 'journal', 'postgres'];

export function createDiskSpace(dataDir: string): () => Promise<DiskSpace> {
  return async () => {
    const found = await Promise.all(PARTS.map((part) => spaceAt(join(dataDir, part))));
    const least = found
      .filter((space) => space !== null)
      .reduce<DiskSpace | null>((min, space) => (min === null || space.freeBytes < min.freeBytes ? space : min), null);
    if (least === null) throw new Error(`${dataDir} is gone`);
    return least;
  };
}

/** What a user without privileges may write. Null where there is no such directory. */
async function spaceAt(path: string): Promise<DiskSpace | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return { freeBytes: bavail * bsize, path };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

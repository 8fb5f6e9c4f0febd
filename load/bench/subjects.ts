/** Starts what is measured, each with its files in a folder of its own. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startBare } from './bare-subject.js';
import { startClipbook } from './clipbook-subject.js';
import { hasRedis } from './own-redis.js';
import { startPostgresPeer, startRedisPeer } from './peer-subjects.js';
import type { Subject, SubjectName } from './subject.js';

/** `parent` can be entered by another user, whom PostgreSQL may have to run as. */
export function folderOf(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  return folder;
}

/** Null, and a line that says why, where something that it needs is missing. */
export async function startSubject(
  name: SubjectName,
  directory: string,
  say: (line: string) => void,
): Promise<Subject | null> {
  if ((name === 'clipbook-redis' || name === 'redis-peer') && !hasRedis()) {
    say(`${name} is left out: there is no redis-server on the PATH`);
    return null;
  }
  switch (name) {
    case 'bare':
      return startBare();
    case 'clipbook-file':
      return startClipbook({ name, directory, journal: 'file' });
    case 'clipbook-redis':
      return startClipbook({ name, directory, journal: 'redis' });
    case 'postgres-peer':
      return startPostgresPeer(directory);
    case 'redis-peer':
      return startRedisPeer(directory);
  }
}

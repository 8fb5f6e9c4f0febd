/** A folder for the temporary files of one test run. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

/**
 * Each folder that is made directly in it gets a place of its own on the disk, where the file
 * system is ext4 (`chattr +T`). Otherwise ext4 puts new files where others have just been removed.
 * It looks at each of those first, since it must not reuse them so soon: 0.5 ms of a core for each
 * new file. A PostgreSQL has 1,300 files, and a test run makes and removes hundreds of them.
 */
export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'clipbook-tests-'));
  // PostgreSQL may run as another user, who has to get in.
  chmodSync(path, 0o755);
  // Other file systems have no such attribute, and need none.
  if (process.platform === 'linux') spawnSync('chattr', ['+T', path], { stdio: 'ignore' });
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10 }) };
}

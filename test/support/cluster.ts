/** A PostgreSQL without initdb: a copy of the cluster of the test run. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Copies the cluster that the test run has made (`TEST_CLUSTER`, see scripts/test.ts) to where
 * embedded PostgreSQL will look for its own. Without a test run, or where there is a cluster
 * already, it does nothing.
 */
export async function copyCluster(home: string): Promise<void> {
  const made = process.env['TEST_CLUSTER'];
  if (made === undefined || existsSync(join(home, 'cluster'))) return;
  await promisify(execFile)('cp', ['-Rp', `${made}/.`, home]);
}

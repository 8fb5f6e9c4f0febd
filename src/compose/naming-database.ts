/** Failures of the database as one line for the operator. */
import { ProcessEnd } from '../platform/exit-codes.js';
import { postgresFailure } from '../postgres/failure.js';
import { WrongShardCount } from '../postgres/migrate.js';
import type { Config } from './config.js';
import { inDataDir } from './data-dir.js';

/** Rejects with a line that names the variable which says where the database is. */
export async function namingDatabase<T>(
  { databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>,
  url: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WrongShardCount || error instanceof ProcessEnd) throw error;
    const failure = postgresFailure(url, error);
    throw databaseUrl === null ? inDataDir(dataDir, failure) : new Error(`DATABASE_URL: ${failure}`);
  }
}

/** `clipbook move-database`: from the embedded PostgreSQL into one's own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, parseMoveConfig } from '../compose/config.js';
import { CopyRefused, copyDatabase } from '../postgres/copy/copy-database.js';
import { postgresFailure } from '../postgres/failure.js';
import { migrate } from '../postgres/migrate.js';
import { CommandFailed, EXIT } from './failure.js';
import { visitOwnDatabase } from './own-database.js';

/** Rejects with `CommandFailed`. The embedded database is only read. */
export async function moveDatabase(signal: AbortSignal): Promise<void> {
  const { dataDir, target } = readConfig();
  if (!existsSync(join(dataDir, 'postgres'))) {
    throw new CommandFailed(EXIT.usage, `There is no embedded database under DATA_DIR (${dataDir}).`);
  }
  const visit = await visitOwnDatabase(dataDir);
  try {
    if (!visit.isOurs) throw new CommandFailed(EXIT.refused, 'A server uses this database; stop the server first.');
    signal.throwIfAborted();
    await migrate(visit.url);
    await copyDatabase({
      source: visit.url,
      target,
      onTable: (table, rows) => process.stdout.write(`${table}: ${rows} ${rows === 1 ? 'row' : 'rows'}\n`),
    });
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    if (error instanceof CopyRefused) throw new CommandFailed(EXIT.refused, error.message);
    throw new CommandFailed(EXIT.failed, `Nothing was moved. ${postgresFailure(target, error)}`);
  } finally {
    await visit.close();
  }
  process.stdout.write('moved; set DATABASE_URL to the new database before you start the server\n');
}

function readConfig(): ReturnType<typeof parseMoveConfig> {
  try {
    return parseMoveConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandFailed(EXIT.usage, error.message);
    throw error;
  }
}

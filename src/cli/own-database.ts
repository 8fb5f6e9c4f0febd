/** The embedded database under `DATA_DIR`, for a command that works on it while no server runs. */
import { join } from 'node:path';
import { freePort } from '../compose/port-check.js';
import { visitEmbedded } from '../postgres/embedded/visit.js';
import { CommandFailed, codeOf, EXIT, messageOf } from './failure.js';

/** Rejects with `CommandFailed`. */
export async function visitOwnDatabase(dataDir: string): Promise<Awaited<ReturnType<typeof visitEmbedded>>> {
  const warn = (_fields: object, message: string): void => void process.stderr.write(`${message}\n`);
  try {
    return await visitEmbedded({ dataDir: join(dataDir, 'postgres'), freePort, log: { info: () => undefined, warn } });
  } catch (error) {
    throw unreachable(`The database under DATA_DIR (${dataDir})`, error);
  }
}

export function unreachable(what: string, error: unknown): CommandFailed {
  return new CommandFailed(EXIT.unreachable, `${what} can not be used: ${messageOf(error) || codeOf(error)}`);
}

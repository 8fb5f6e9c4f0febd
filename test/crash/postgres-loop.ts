/**
 * The crash test with PostgreSQL as the victim: under mixed load, the embedded PostgreSQL is killed
 * at a random moment, over and over. Clipbook starts it again. Operations on codes go on meanwhile;
 * what needs PostgreSQL waits for it.
 */
import { signalPostgres } from '../support/postgres.js';
import { startServer } from '../support/server.js';
import { pause } from './party.js';
import { type LoadReport, underLoad } from './under-load.js';

export interface PostgresLoopOptions {
  readonly dataDir: string;
  readonly kills: number;
  readonly callers: number;
  /** PostgreSQL lives this long under load before it is killed. */
  readonly lifeMs: readonly [number, number];
  readonly say: (line: string) => void;
}

export interface PostgresLoopReport extends LoadReport {
  readonly kills: number;
  /** What callers on codes got besides 200. */
  readonly refused: readonly string[];
}

const LOAD = { threads: 2, booksPerThread: 2, pauseMs: 10 };

export async function postgresLoop(options: PostgresLoopOptions): Promise<PostgresLoopReport> {
  const { dataDir, kills, callers, lifeMs, say } = options;
  const server = await startServer(dataDir, { SHARD_THREADS: String(LOAD.threads) });
  try {
    const { load, ...report } = await underLoad(server, { ...LOAD, callers }, async (_load, answered) => {
      for (let kill = 1; kill <= kills; kill++) {
        await pause(lifeMs[0] + Math.random() * (lifeMs[1] - lifeMs[0]));
        signalPostgres(dataDir, 'SIGKILL');
        say(`kill ${kill}: ${answered()} answered`);
      }
      await pause(lifeMs[1]);
    });
    const refused = load.seen.filter(({ status }) => status !== 200).map((answer) => JSON.stringify(answer));
    return { kills, ...report, refused };
  } finally {
    await server.kill();
  }
}

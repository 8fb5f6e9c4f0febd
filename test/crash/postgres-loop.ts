/**
 * The crash test with PostgreSQL as the victim: under mixed load, the embedded PostgreSQL is killed at a random moment, over and
 * over. Clipbook starts it again. Operations on codes go on meanwhile; what needs PostgreSQL waits for it.
 */
import { connect } from '../support/api.js';
import { signalPostgres } from '../support/postgres.js';
import { booksByThread, startLoad } from '../support/probe.js';
import { startServer } from '../support/server.js';
import { checkCounts, socketsFor } from './kill-loop.js';
import { createParties } from './parties.js';
import { pause } from './party.js';

export interface PostgresLoopOptions {
  readonly dataDir: string;
  readonly kills: number;
  readonly callers: number;
  /** PostgreSQL lives this long under load before it is killed. */
  readonly lifeMs: readonly [number, number];
  readonly say: (line: string) => void;
}

export interface PostgresLoopReport {
  readonly kills: number;
  readonly answered: number;
  readonly checked: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** What callers on codes got besides 200. */
  readonly refused: readonly string[];
}

const THREADS = 2;
const BOOKS_PER_THREAD = 2;
const CODES = 10_000;

export async function postgresLoop(options: PostgresLoopOptions): Promise<PostgresLoopReport> {
  const { dataDir, kills, callers, lifeMs, say } = options;
  const server = await startServer(dataDir, { SHARD_THREADS: String(THREADS) });
  try {
    const api = await connect(server.url, { sockets: socketsFor(callers) });
    const books = await booksByThread(api, THREADS, BOOKS_PER_THREAD, CODES);
    const parties = await createParties(api, { jobsMayFail: true });
    const running = parties.run(api);
    const load = startLoad(api, books, {
      callersPerBook: Math.ceil(callers / (THREADS * BOOKS_PER_THREAD)),
      pauseMs: 10,
    });
    for (let kill = 1; kill <= kills; kill++) {
      await pause(lifeMs[0] + Math.random() * (lifeMs[1] - lifeMs[0]));
      signalPostgres(dataDir, 'SIGKILL');
      say(`kill ${kill}: ${load.answered() + parties.answered()} answered`);
    }
    await pause(lifeMs[1]);
    parties.stop();
    await Promise.all([load.stop(), running]);
    await parties.finish(api);
    const { checked, lost, doubled } = await load.verify();
    const verdict = { checked, lost: [...lost], doubled: [...doubled] };
    await parties.verify(api, verdict);
    await checkCounts(api, books.flat());
    api.close();
    const code = await server.stop();
    if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
    const refused = load.seen.filter(({ status }) => status !== 200).map((answer) => JSON.stringify(answer));
    return { kills, answered: load.answered() + parties.answered(), ...verdict, refused };
  } finally {
    await server.kill();
  }
}

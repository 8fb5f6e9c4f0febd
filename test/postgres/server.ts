/**
 * A real PostgreSQL for one test file, and as many empty, migrated databases on it as the file has
 * tests.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/compose/port-check.js';
import { type EmbeddedPostgres, startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { agreeOnShards, migrate } from '../../src/postgres/migrate.js';
import { copyCluster } from '../support/cluster.js';

export const SHARDS = 4;
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface TestServer {
  postgres(): EmbeddedPostgres;
  /**
   * SIGKILL to the postmaster that runs now; false when there is none, or it was killed before and
   * is being buried.
   */
  kill(): boolean;
  /** A new database and a connection to look into it with. */
  database(): Promise<{ readonly url: string; readonly sql: pg.Pool }>;
}

/** Call at the top of a test file. */
export function testServer(): TestServer {
  const dataDir = mkdtempSync(join(tmpdir(), 'clipbook-test-postgres-'));
  const pools: pg.Pool[] = [];
  let server: EmbeddedPostgres | null = null;
  let databases = 0;
  let killed: number | null = null;

  function postgres(): EmbeddedPostgres {
    if (server === null) throw new Error('PostgreSQL was not started');
    return server;
  }

  before(async () => {
    await copyCluster(dataDir);
    server = await startEmbedded({ dataDir, freePort, log: silent });
  });
  after(async () => {
    for (const pool of pools) await pool.end();
    await server?.stop();
    rmSync(dataDir, { recursive: true });
  });
  return {
    postgres,
    kill() {
      // Read here, not by the caller: between two turns of the event loop a process can go.
      const pid = postgres().pid();
      if (pid === null || pid === killed) return false;
      killed = pid;
      return process.kill(pid, 'SIGKILL');
    },
    async database() {
      const name = `test_${databases++}`;
      const admin = new pg.Client(postgres().url);
      await admin.connect();
      await admin.query(`CREATE DATABASE ${name}`);
      await admin.end();
      const address = new URL(postgres().url);
      address.pathname = `/${name}`;
      const url = address.href;
      await migrate(url);
      await agreeOnShards(url, SHARDS);
      const sql = new pg.Pool({ connectionString: url, max: 4 });
      sql.on('error', () => undefined);
      pools.push(sql);
      return { url, sql };
    },
  };
}

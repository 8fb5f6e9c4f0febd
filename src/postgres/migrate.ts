/** Brings a database to the schema of this version, and holds it to the number of shards that it was begun with. */
import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { connect } from './connection.js';

/**
 * Runs the migrations in `sql/` that have not run yet, in one transaction. Safe to call from several
 * processes at once: an advisory lock lets one go first, and the others find nothing left to do.
 */
export async function migrate(url: string): Promise<void> {
  const client = await connect(url);
  try {
    await runner({
      dbClient: client,
      dir: migrationsDirectory(),
      migrationsTable: 'migrations',
      direction: 'up',
      advisoryLockMode: 'wait',
      logger: { info: () => undefined, warn: console.warn, error: console.error },
    });
  } finally {
    await client.end();
  }
}

/** Names of the migrations that this database lacks, and whether it is empty. */
export async function missingMigrations(url: string): Promise<{ missing: readonly string[]; isEmpty: boolean }> {
  const known = readdirSync(migrationsDirectory())
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -'.sql'.length));
  const client = await connect(url);
  try {
    const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('migrations') IS NOT NULL AS there`);
    if (rows[0]?.there !== true) return { missing: known, isEmpty: true };
    const ran = await client.query<{ name: string }>('SELECT name FROM migrations');
    const names = new Set(ran.rows.map(({ name }) => name));
    return { missing: known.filter((name) => !names.has(name)), isEmpty: names.size === 0 };
  } finally {
    await client.end();
  }
}

/**
 * The number of shards decides where a book's data is, so it is kept with the data. Throws when the database was begun
 * with another number; otherwise notes it and gives each shard its checkpoint.
 */
export async function agreeOnShards(url: string, shardCount: number): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(`INSERT INTO settings (name, value) VALUES ('shards', $1) ON CONFLICT DO NOTHING`, [shardCount]);
    const { rows } = await client.query<{ value: string }>(`SELECT value FROM settings WHERE name = 'shards'`);
    const begun = Number(rows[0]?.value);
    if (begun !== shardCount) {
      throw new Error(
        `SHARDS is ${shardCount}, but this database was begun with ${begun}; set SHARDS=${begun} or use an empty database`,
      );
    }
    await client.query(
      'INSERT INTO checkpoints (shard, seq) SELECT n, 0 FROM generate_series(0, $1::int - 1) AS n ON CONFLICT DO NOTHING',
      [shardCount],
    );
  } finally {
    await client.end();
  }
}

/** `sql/` beside `package.json`: two levels up from the sources, three from what was compiled into `dist`. */
function migrationsDirectory(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  for (const up of ['../..', '../../..']) {
    const directory = path.resolve(here, up, 'sql');
    if (existsSync(directory)) return directory;
  }
  throw new Error(`the migrations (sql/) are not where they belong, above ${here}`);
}

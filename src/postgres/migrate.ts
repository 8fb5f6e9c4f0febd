/**
 * Brings a database to the schema of this version, and checks that its number of shards is
 * unchanged.
 */
import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { eventNumbers } from '../records/events.generated.js';
import { connect } from './connection.js';
import { DatabaseUnfit } from './failure.js';

/** The database was begun with another number of shards. */
export class WrongShardCount extends Error {
  override readonly name = 'WrongShardCount';
}

/**
 * Runs the migrations in `sql/` that have not run yet, in one transaction. Safe to call from
 * several processes at once: an advisory lock lets one go first, and the others find nothing left
 * to do. Rejects with `DatabaseUnfit` when others have run there that this version does not have.
 */
export async function migrate(url: string): Promise<void> {
  const client = await connect(url);
  try {
    await refuseUnknown(client);
    await runner({
      dbClient: client,
      dir: migrationsDirectory(),
      migrationsTable: 'migrations',
      direction: 'up',
      advisoryLockMode: 'wait',
      // An error is thrown as well.
      logger: { info: () => undefined, warn: console.warn, error: () => undefined },
    });
    await nameKinds(client);
  } finally {
    await client.end();
  }
}

/** Kinds of changes have the names that their declarations give them. */
async function nameKinds(client: pg.Client): Promise<void> {
  const names = Object.keys(eventNumbers);
  await client.query(
    `INSERT INTO change_kinds (kind, name) SELECT * FROM unnest($1::smallint[], $2::text[]) ON CONFLICT DO NOTHING`,
    [Object.values(eventNumbers), names],
  );
}

/** Rejects with `DatabaseUnfit` when a newer version has migrated this database. */
export async function refuseUnknown(client: pg.Client): Promise<void> {
  const known = new Set(knownMigrations());
  const unknown = (await ranMigrations(client)).find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new DatabaseUnfit(
    `its migration "${unknown}" is unknown to this version: run the newer Clipbook that made it, or use another database`,
  );
}

/** Names of the migrations that this database lacks, and whether it is empty. */
export async function missingMigrations(url: string): Promise<{ missing: readonly string[]; isEmpty: boolean }> {
  const client = await connect(url);
  try {
    const ran = await ranMigrations(client);
    return { missing: knownMigrations().filter((name) => !ran.includes(name)), isEmpty: ran.length === 0 };
  } finally {
    await client.end();
  }
}

/** Names of the migrations in `sql/`. */
function knownMigrations(): string[] {
  return readdirSync(migrationsDirectory()).map((file) => path.parse(file).name);
}

/** Names of the migrations that have run in this database, in their order. */
async function ranMigrations(client: pg.Client): Promise<string[]> {
  const { rows: tables } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('migrations') IS NOT NULL AS found`,
  );
  if (tables[0]?.found !== true) return [];
  const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

/**
 * The number of shards decides where a book's data is, so it is kept with the data. Throws
 * `WrongShardCount` when the database was begun with another number; otherwise notes it and gives
 * each shard its checkpoint.
 */
export async function agreeOnShards(url: string, shardCount: number): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(`INSERT INTO settings (name, value) VALUES ('shard_count', $1) ON CONFLICT DO NOTHING`, [
      shardCount,
    ]);
    const { rows } = await client.query<{ value: string }>(`SELECT value FROM settings WHERE name = 'shard_count'`);
    assertShardCount(Number(rows[0]?.value), shardCount);
    await client.query(
      'INSERT INTO checkpoints (shard, seq) SELECT n, 0 FROM generate_series(0, $1::int - 1) AS n ON CONFLICT DO NOTHING',
      [shardCount],
    );
  } finally {
    await client.end();
  }
}

/** Throws `WrongShardCount` where the database was begun with another number. */
export function assertShardCount(begun: number, shardCount: number): void {
  if (begun === shardCount) return;
  throw new WrongShardCount(
    `SHARDS is ${shardCount}, but this database was begun with ${begun}; set SHARDS=${begun} or use an empty database`,
  );
}

/**
 * `sql/` beside `package.json`: two levels up from the sources, three from what was compiled into
 * `dist`.
 */
function migrationsDirectory(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  for (const up of ['../..', '../../..']) {
    const directory = path.resolve(here, up, 'sql');
    if (existsSync(directory)) return directory;
  }
  throw new Error(`the migrations (sql/) are not where they belong, above ${here}`);
}

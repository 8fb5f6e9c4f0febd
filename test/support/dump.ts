/**
 * A copy of a database that is in use, as `pg_dump` makes it: all tables of one moment. The
 * embedded PostgreSQL comes without that program.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { migrate } from '../../src/postgres/migrate.js';

const HOUR_MS = 3_600_000;

/** By table, in COPY's text format. */
export type Dump = ReadonlyMap<string, Buffer>;

export async function dumpDatabase(url: string): Promise<Dump> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const dump = new Map<string, Buffer>();
    for (const table of await tablesOf(client)) {
      const chunks: Buffer[] = [];
      for await (const chunk of client.query(copyTo(`COPY (SELECT * FROM ${table}) TO STDOUT`))) chunks.push(chunk);
      dump.set(table, Buffer.concat(chunks));
    }
    await client.query('COMMIT');
    return dump;
  } finally {
    await client.end();
  }
}

/** Everything that is in the database goes. */
export async function restoreDatabase(url: string, dump: Dump): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await migrate(url);
    await client.query(`TRUNCATE ${[...dump.keys()].join()}`);
    for (const [table, rows] of dump) {
      if (table === 'remembered_keys') await makePartitions(client, rows);
      await pipeline(Readable.from([rows]), client.query(copyFrom(`COPY ${table} FROM STDIN`)));
    }
  } finally {
    await client.end();
  }
}

/** Partitioned ones as a whole. */
async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname`,
  );
  return rows.map(({ name }) => name);
}

async function makePartitions(client: pg.Client, rows: Buffer): Promise<void> {
  const times = rows
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((row) => Number(row.split('\t')[0]));
  for (const hour of new Set(times.map((atMs) => Math.floor(atMs / HOUR_MS)))) {
    await client.query(
      `CREATE TABLE remembered_keys_${hour} PARTITION OF remembered_keys
       FOR VALUES FROM (${hour * HOUR_MS}) TO (${(hour + 1) * HOUR_MS})`,
    );
  }
}

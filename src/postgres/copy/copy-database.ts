/**
 * Copies a whole database of Clipbook into an empty one, table by table, with COPY. The two servers
 * may be of different major versions, which `pg_dump` of a Linux distribution often can't bridge.
 *
 * The copy is one transaction on each side: what is read is of one moment, and what is written is
 * there as a whole or not at all. The tables come from the catalog, so a table of a later migration
 * is copied as well. Partitions are made anew, because migrations make only their parent.
 *
 * Rows get new places. `batches.first_block` and `last_block` bound the places of a batch, so they
 * are computed anew.
 */
import type pg from 'pg';
import { connect, endQuietly } from '../connection.js';
import { migrate, missingMigrations } from '../migrate.js';
import { copyFramesIn, copyFramesOut } from './copy-frames.js';

/** The target is not empty, or the source has migrations of another version. */
export class CopyRefused extends Error {
  override readonly name = 'CopyRefused';
}

export interface CopyOptions {
  /** Its migrations are those of this version. Nobody may write to it meanwhile. */
  readonly source: string;
  readonly target: string;
  readonly onTable: (table: string, rows: number) => void;
}

/**
 * Rejects with `CopyRefused`, or with what went wrong; then the target has its tables and no rows
 * of the source.
 */
export async function copyDatabase({ source, target, onTable }: CopyOptions): Promise<void> {
  if ((await missingMigrations(source)).missing.length > 0) {
    throw new CopyRefused(
      'The source is of an older version; start the server of this version once, which updates it.',
    );
  }
  await refuseFilled(target);
  await migrate(target);
  const reader = await connect(source);
  const writer = await connect(target);
  try {
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await writer.query('BEGIN');
    await makePartitions(reader, writer);
    for (const { name, columns } of await tablesOf(reader)) {
      await writer.query(`TRUNCATE ${name}`);
      onTable(name, await copyTable(reader, writer, name, columns));
    }
    await copySequences(reader, writer);
    await boundBatches(writer);
    await writer.query('COMMIT');
    await writer.query('ANALYZE');
  } finally {
    await Promise.all([endQuietly(reader), endQuietly(writer)]);
  }
}

/** A database in which Clipbook or anybody else has made tables is not written to. */
async function refuseFilled(target: string): Promise<void> {
  const client = await connect(target);
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LIMIT 1`,
    );
    const [first] = rows;
    if (first !== undefined) throw new CopyRefused(`The target is not empty: it has the table ${first.name}.`);
  } finally {
    await endQuietly(client);
  }
}

interface Table {
  readonly name: string;
  /** In their order, quoted and separated by commas. */
  readonly columns: string;
}

/**
 * All tables but the list of migrations, which the target has. Rows of partitions are read through
 * their parent.
 */
async function tablesOf(client: pg.Client): Promise<readonly Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT c.relname AS name,
       (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
     FROM pg_class AS c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relname <> 'migrations'
     ORDER BY c.relname`,
  );
  return rows;
}

async function makePartitions(reader: pg.Client, writer: pg.Client): Promise<void> {
  const { rows } = await reader.query<{ name: string; parent: string; bound: string }>(
    `SELECT c.relname AS name, inhparent::regclass::text AS parent, pg_get_expr(c.relpartbound, c.oid) AS bound
     FROM pg_class AS c JOIN pg_inherits ON inhrelid = c.oid WHERE c.relispartition AND c.relkind = 'r'`,
  );
  for (const { name, parent, bound } of rows) {
    await writer.query(`CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${parent} ${bound}`);
  }
}

/** Resolves with the number of rows. */
async function copyTable(reader: pg.Client, writer: pg.Client, name: string, columns: string): Promise<number> {
  const into = await copyFramesIn(writer, `COPY ${name} (${columns}) FROM STDIN (FORMAT binary)`);
  const select = `COPY (SELECT ${columns} FROM ${name}) TO STDOUT (FORMAT binary)`;
  const read = await copyFramesOut(reader, select, (frames) => into.writeLent(frames));
  const written = await into.end();
  if (written !== read) throw new Error(`${name} has ${read} rows, but ${written} were written`);
  return written;
}

async function copySequences(reader: pg.Client, writer: pg.Client): Promise<void> {
  const { rows } = await reader.query<{ name: string; last: string | null }>(
    `SELECT sequencename AS name, last_value AS last FROM pg_sequences WHERE schemaname = 'public'`,
  );
  for (const { name, last } of rows) {
    // One that was never used begins as a new one does. The list of migrations has its own, which
    // has moved on.
    if (last !== null && !name.startsWith('migrations_')) await writer.query('SELECT setval($1, $2)', [name, last]);
  }
}

async function boundBatches(client: pg.Client): Promise<void> {
  await client.query(
    `UPDATE batches AS b SET first_block = p.first, last_block = p.last
     FROM (
       SELECT batch_id, (min(ctid)::text::point)[0]::bigint AS first, (max(ctid)::text::point)[0]::bigint AS last
       FROM codes GROUP BY batch_id
     ) AS p
     WHERE b.batch_id = p.batch_id`,
  );
}

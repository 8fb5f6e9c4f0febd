/**
 * `remembered_keys` is kept in partitions of one hour. Deleting a day's keys row by row would cost
 * as much as writing them did; dropping a partition costs nothing.
 */
import type pg from 'pg';
import { beginFenced } from '../fence.js';

const HOUR_MS = 3_600_000;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Makes the partitions of a span of time that are not there yet. `known` remembers those that are,
 * by hour.
 */
export async function ensurePartitions(
  client: pg.Client,
  firstMs: number,
  lastMs: number,
  known: Set<number>,
): Promise<void> {
  for (let hour = hourOf(firstMs); hour <= hourOf(lastMs); hour++) {
    if (known.has(hour)) continue;
    const name = partitionOf(hour);
    const { rowCount } = await client.query('SELECT FROM pg_class WHERE oid = to_regclass($1)', [name]);
    if (rowCount === 0) {
      // Attached rather than made as a partition: that needs no lock that a load in progress would
      // hold up.
      await client.query(`CREATE TABLE ${name} (LIKE remembered_keys)`);
      await client.query(
        `ALTER TABLE remembered_keys ATTACH PARTITION ${name} FOR VALUES FROM (${hour * HOUR_MS}) TO (${(hour + 1) * HOUR_MS})`,
      );
    }
    known.add(hour);
  }
}

/**
 * Drops the partitions that end before `beforeMs`. One that a load is reading is left for the next
 * time.
 */
export async function dropOldPartitions(client: pg.Client, beforeMs: number, known: Set<number>): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid
     WHERE inhparent = 'remembered_keys'::regclass`,
  );
  for (const { name } of rows) {
    const hour = Number(name.slice(name.lastIndexOf('_') + 1));
    if ((hour + 1) * HOUR_MS > beforeMs) continue;
    known.delete(hour);
    await beginFenced(client, 'BEGIN');
    try {
      await client.query(`SET LOCAL lock_timeout = '200ms'`);
      await client.query(`DROP TABLE ${name}`);
      await client.query('COMMIT');
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      await client.query('ROLLBACK');
    }
  }
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS);
}

function partitionOf(hour: number): string {
  return `remembered_keys_${hour}`;
}

/** Databases as an older version left them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';

const SQL = fileURLToPath(new URL('../../sql', import.meta.url));

/** Empties a database, and makes the tables that the first `count` migrations make. */
export async function takeBackTo(sql: pg.Pool, count: number): Promise<void> {
  await sql.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await sql.query(
    'CREATE TABLE migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)',
  );
  for (const file of readdirSync(SQL).sort().slice(0, count)) {
    await sql.query(readFileSync(join(SQL, file), 'utf8'));
    await sql.query('INSERT INTO migrations (name, run_on) VALUES ($1, now())', [parse(file).name]);
  }
}

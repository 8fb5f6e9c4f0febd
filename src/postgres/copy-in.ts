import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Sends finished COPY data and resolves with the number of rows when PostgreSQL has taken them all. */
export function copyIn(client: pg.Client, table: string, columns: string, data: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = client.query(copyFrom(`COPY ${table} (${columns}) FROM STDIN (FORMAT binary)`));
    stream.on('error', reject);
    stream.on('finish', () => resolve(stream.rowCount ?? 0));
    stream.end(data);
  });
}

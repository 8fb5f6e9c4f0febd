import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/**
 * Sends finished COPY data and resolves with the number of rows when PostgreSQL has taken them all.
 */
export function copyIn(client: pg.Client, table: string, columns: string, data: Buffer): Promise<number> {
  return send(client, `COPY ${table} (${columns}) FROM STDIN (FORMAT binary)`, [data]);
}

/** The same for the text format: lines, in as many pieces as they came in. */
export function copyTextIn(
  client: pg.Client,
  table: string,
  columns: string,
  pieces: readonly Uint8Array[],
): Promise<number> {
  return send(client, `COPY ${table} (${columns}) FROM STDIN`, pieces);
}

function send(client: pg.Client, copy: string, pieces: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = client.query(copyFrom(copy));
    stream.on('error', reject);
    stream.on('finish', () => resolve(stream.rowCount ?? 0));
    for (const piece of pieces.slice(0, -1)) stream.write(piece);
    stream.end(pieces.at(-1));
  });
}

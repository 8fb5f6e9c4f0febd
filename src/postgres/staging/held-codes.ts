/** A few codes on their way into `codes`: they are in memory, and each step is one statement. */
import type pg from 'pg';
import { transaction } from '../connection.js';
import type { Holder } from '../store.js';
import { type CollectedCodes, isTaken, registerBatch } from './staged-batches.js';

type Use = <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;

interface Found extends Holder {
  readonly code: string;
  readonly isLive: boolean;
}

/** `lines`: a code a line. */
export function createHeldCodes(use: Use, lines: readonly Uint8Array[]): CollectedCodes {
  const all = [...new Set(linesOf(lines))].sort();
  let codes: readonly string[] = all;
  return {
    async look(settled) {
      const found = await use((client) => findHolders(client, all));
      const existing = new Set(found.map(({ code }) => code));
      codes = all.filter((code) => !existing.has(code));
      const holders = found.filter(({ isLive, batchId }) => !isLive && !settled.has(batchId));
      return [...new Map(holders.map(({ batchId, bookId }) => [batchId, { batchId, bookId }])).values()];
    },
    left: async () => codes.length,
    async put(batch, kept) {
      try {
        await use((client) =>
          transaction(client, 'BEGIN', () =>
            registerBatch(client, batch, async () => {
              const inserted = await insert(client, batch.batchId, codes);
              if (codes.length > 0) await kept?.write(Buffer.from(`${codes.join('\n')}\n`, 'latin1'), codes.length);
              await kept?.finish();
              return inserted;
            }),
          ),
        );
        return codes.length;
      } catch (error) {
        if (isTaken(error)) return null;
        throw error;
      }
    },
  };
}

const linesOf = (lines: readonly Uint8Array[]): string[] =>
  lines.length === 0 ? [] : Buffer.concat(lines).toString('latin1').slice(0, -1).split('\n');

async function findHolders(client: pg.Client, codes: readonly string[]): Promise<readonly Found[]> {
  const { rows } = await client.query<Found>(
    `SELECT c.code, c.batch_id AS "batchId", b.book_id AS "bookId", b.live_seq IS NOT NULL AS "isLive"
     FROM codes AS c JOIN batches AS b USING (batch_id) WHERE c.code = ANY($1::text[])`,
    [codes],
  );
  return rows;
}

async function insert(client: pg.Client, batchId: number, codes: readonly string[]) {
  const { rows } = await client.query<{ first: string | null; last: string | null }>(
    `WITH inserted AS (
       INSERT INTO codes (code, batch_id, ordinal)
       SELECT code, $1, place - 1 FROM unnest($2::text[]) WITH ORDINALITY AS s (code, place)
       RETURNING ctid
     )
     SELECT min(ctid)::text AS first, max(ctid)::text AS last FROM inserted`,
    [batchId, codes],
  );
  const { first = null, last = null } = rows[0] ?? {};
  return { count: codes.length, firstBlock: blockOf(first), lastBlock: blockOf(last) };
}

/** `(block,line)`, as PostgreSQL writes the place of a row. */
function blockOf(ctid: string | null): number | null {
  return ctid === null ? null : Number(ctid.slice(1, ctid.indexOf(',')));
}

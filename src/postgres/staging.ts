/**
 * Staging a batch of codes: they go into `codes` under a batch that nobody sees, all in one transaction at `finish`.
 *
 * A few codes are kept here until then and inserted with one statement. From `HELD_CODES_MAX` on they are streamed by
 * COPY into a temporary table on a connection of the batch's own (no WAL, no index, gone with the connection), in pieces of
 * `PIECE_BYTES`: a transaction that lasts as long as a slow upload would keep PostgreSQL from clearing up behind
 * every update of the projector.
 *
 * At the end one INSERT brings them over in the order of the code. An index that is filled in order touches each of its
 * pages once; filled at random, as a plain COPY of random codes does, it touches a page per code. Two batches that
 * bring the same codes wait for each other at the first and don't deadlock, because both go upwards. Ordinals are
 * given in that order too, so that a shard that loads the batch fills its own tables from front to back.
 */
import type pg from 'pg';
import type { BookId, ShardId } from '../domain/ids.js';
import { connect, giveUp, transaction } from './connection.js';
import { copyIn } from './copy-in.js';
import { RowBuffer } from './row-buffer.js';
import { removeBatch } from './staged-batches.js';
import type { Staging } from './store.js';

const HELD_CODES_MAX = 5_000;
const PIECE_BYTES = 1024 * 1024;

interface Finished {
  readonly size: number;
  readonly count: number;
  readonly duplicates: number;
}

export interface StagingOptions {
  readonly url: string;
  /** Borrows a pooled connection for something short. */
  readonly use: <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;
  readonly shard: ShardId;
  readonly bookId: BookId;
}

/** Rejects, here and in every call, when PostgreSQL can't be reached; then nothing of the batch will ever be live. */
export async function openStaging({ url, use, shard, bookId }: StagingOptions): Promise<Staging> {
  const batchId = await use((client) => beginBatch(client, shard, bookId));
  let held: string[] = [];
  let bulk: BulkTable | null = null;
  let ended = false;

  return {
    batchId,
    async write(codes) {
      if (ended) throw new Error(`batch ${batchId} takes no more codes`);
      if (bulk === null) {
        for (const code of codes) held.push(code);
        if (held.length <= HELD_CODES_MAX) return;
        bulk = await openBulkTable(url);
        const first = held;
        held = [];
        await bulk.write(first);
      } else {
        await bulk.write(codes);
      }
    },
    async finish() {
      if (ended) throw new Error(`batch ${batchId} is finished already`);
      ended = true;
      if (bulk === null) return use((client) => insertHeld(client, batchId, held));
      const finished = await bulk.moveTo(batchId);
      await bulk.close();
      return finished;
    },
    async discard() {
      ended = true;
      held = [];
      await bulk?.close();
      await use((client) => removeBatch(client, batchId));
    },
  };
}

async function beginBatch(client: pg.Client, shard: ShardId, bookId: BookId): Promise<number> {
  const { rows } = await client.query<{ batchId: number }>(
    'INSERT INTO batches (shard, book_id, staged_ms) VALUES ($1, $2, $3) RETURNING batch_id AS "batchId"',
    [shard, bookId, Date.now()],
  );
  if (rows[0] === undefined) throw new Error('a batch could not be begun');
  return rows[0].batchId;
}

function insertHeld(client: pg.Client, batchId: number, codes: readonly string[]): Promise<Finished> {
  return transaction(client, 'BEGIN', () =>
    insertCodes(client, batchId, codes.length, 'unnest($2::text[]) AS s (code)', [codes]),
  );
}

interface BulkTable {
  write(codes: readonly string[]): Promise<void>;
  moveTo(batchId: number): Promise<Finished>;
  close(): Promise<void>;
}

/** A temporary table on its own connection. While PostgreSQL takes one piece, the next is filled. */
async function openBulkTable(url: string): Promise<BulkTable> {
  const client = await connect(url);
  let filling = new RowBuffer(PIECE_BYTES * 1.1);
  let sending = new RowBuffer(PIECE_BYTES * 1.1);
  let sent: Promise<unknown> = Promise.resolve();
  let rows = 0;
  let broken: unknown = null;

  async function send(): Promise<void> {
    await sent;
    if (broken !== null) throw broken;
    if (filling.rows === 0) return;
    [filling, sending] = [sending, filling];
    filling.clear();
    rows += sending.rows;
    sent = copyIn(client, 'staged', 'code', sending.finish()).catch((error: unknown) => {
      broken = error ?? new Error('COPY failed');
    });
  }

  try {
    await client.query(`
      SET temp_buffers = '32MB';
      SET work_mem = '128MB';
      CREATE TEMPORARY TABLE staged (code text NOT NULL)`);
  } catch (error) {
    giveUp(client);
    throw error;
  }
  return {
    async write(codes) {
      for (const code of codes) {
        filling.row(1);
        filling.text(code);
        if (filling.length >= PIECE_BYTES) await send();
      }
    },
    async moveTo(batchId) {
      await send();
      await sent;
      if (broken !== null) throw broken;
      return transaction(client, 'BEGIN', () => insertCodes(client, batchId, rows, 'staged AS s', []));
    },
    close: () => endQuietly(client),
  };
}

/** Moves codes from `source` (aliased `s`) into `codes`, leaving out those that exist, and completes the batch. */
async function insertCodes(
  client: pg.Client,
  batchId: number,
  size: number,
  source: string,
  values: readonly unknown[],
): Promise<Finished> {
  const { rows } = await client.query<{ count: number; first: string | null; last: string | null }>(
    `WITH inserted AS (
       INSERT INTO codes (code, batch_id, ordinal)
       SELECT code COLLATE "C", $1, row_number() OVER (ORDER BY code COLLATE "C") - 1
       FROM ${source} ORDER BY code COLLATE "C"
       ON CONFLICT DO NOTHING
       RETURNING ctid
     )
     SELECT count(*)::int AS count, min(ctid)::text AS first, max(ctid)::text AS last FROM inserted`,
    [batchId, ...values],
  );
  const { count = 0, first = null, last = null } = rows[0] ?? {};
  const { rowCount } = await client.query(
    'UPDATE batches SET size = $2, count = $3, first_block = $4, last_block = $5 WHERE batch_id = $1 AND size IS NULL',
    [batchId, size, count, blockOf(first), blockOf(last)],
  );
  if (rowCount !== 1) throw new Error(`batch ${batchId} took too long and was swept away`);
  return { size, count, duplicates: size - count };
}

/** `(block,line)`, as PostgreSQL writes the place of a row. */
function blockOf(ctid: string | null): number | null {
  return ctid === null ? null : Number(ctid.slice(1, ctid.indexOf(',')));
}

async function endQuietly(client: pg.Client): Promise<void> {
  try {
    await client.end();
  } catch {
    giveUp(client);
  }
}

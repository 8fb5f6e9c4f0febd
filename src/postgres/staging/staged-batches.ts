/** Batches that are not live: their row in `batches`, which comes and goes with their codes. */
import type pg from 'pg';
import type { BookId, ShardId } from '../../domain/ids.js';
import { transaction, transactionIf } from '../connection.js';
import { blocks } from '../snapshot/loader.js';
import type { Holder, KeptWriter, UnsettledBatch } from '../store.js';
import { batchHolder, giveBack } from './counters.js';

const UNIQUE_VIOLATION = '23505';
/** Two batches that brought the same codes at once, not in quite the same order. */
const DEADLOCK = '40P01';

/** Ten million rows take minutes, and a try that gives up early has to begin again. */
const REMOVE_MS_MAX = 30 * 60_000;

interface Span {
  readonly batchId: number;
  readonly count: number;
  readonly firstBlock: string;
  readonly lastBlock: string;
}

/** PostgreSQL refused codes since one of them is in the table already, or about to be. */
export function isTaken(error: unknown): boolean {
  const code = (error as { readonly code?: string }).code;
  return code === UNIQUE_VIOLATION || code === DEADLOCK;
}

/** The batch of a job that is under way. Its detail is JSON that we wrote. */
const OF_A_JOB = `EXISTS (
  SELECT FROM jobs WHERE status = 'processing' AND (detail::json #>> '{plan,batchId}')::int = b.batch_id
)`;

/**
 * Rows of batches that are not live here, and counters that batches have reserved; but for those of
 * jobs under way.
 */
export async function unsettledBatches(client: pg.Client): Promise<readonly UnsettledBatch[]> {
  const { rows } = await client.query<UnsettledBatch>(
    `WITH reserving AS (
       SELECT substr(holder, 7)::int AS batch_id, book_id FROM reserved_counters WHERE holder LIKE 'batch %'
     )
     SELECT batch_id AS "batchId", book_id AS "bookId", batch_id IN (SELECT batch_id FROM reserving) AS "hasCounters"
     FROM (
       SELECT batch_id, book_id FROM batches WHERE live_seq IS NULL UNION SELECT batch_id, book_id FROM reserving
     ) AS b
     WHERE NOT ${OF_A_JOB} ORDER BY batch_id`,
  );
  return rows;
}

export async function settledBatches(client: pg.Client, batchIds: readonly number[]): Promise<readonly number[]> {
  const { rows } = await client.query<{ batchId: number }>(
    `SELECT id AS "batchId" FROM unnest($1::int[]) AS u (id)
     WHERE NOT EXISTS (SELECT FROM batches WHERE batch_id = id AND live_seq IS NULL)`,
    [batchIds],
  );
  return rows.map(({ batchId }) => batchId);
}

/**
 * Removes a batch, if it is there, and gives back its counters. False when it is live: then nothing
 * was changed.
 */
export function discardBatch(client: pg.Client, batchId: number): Promise<boolean> {
  return transactionIf(
    client,
    (isGone) => isGone,
    async () => {
      const isGone = await removeBatch(client, batchId);
      if (isGone) await giveBack(client, batchHolder(batchId));
      return isGone;
    },
  );
}

/** A batch whose rows are to be put in. */
export interface NewBatch {
  readonly batchId: number;
  readonly shard: ShardId;
  readonly bookId: BookId;
}

/** Codes that were collected and are to be put into `codes`. */
export interface CollectedCodes {
  /**
   * Notes which codes exist. Resolves with the batches that hold them, but for those that are live
   * or in `settled`.
   */
  look(settled: ReadonlySet<number>): Promise<readonly Holder[]>;
  /** How many different codes are left, without those that the last `look` found. */
  left(): Promise<number>;
  /**
   * Puts in what is left, and the batch's row, in one transaction. Resolves with the number of
   * codes, or with null when one of them exists; then nothing is in. `kept` gets the codes as well,
   * and has them before the transaction is committed.
   */
  put(batch: NewBatch, kept: KeptWriter | null): Promise<number | null>;
}

interface Rows {
  readonly count: number;
  readonly firstBlock: number | null;
  readonly lastBlock: number | null;
}

/**
 * Of advisory locks with two keys: who puts in or removes the rows of a batch. The other key is the
 * batch's id.
 */
const BATCH_LOCK = 0x62746368;

/**
 * A process that died may have left a connection whose commit is still under way: whoever removes
 * the batch waits for its end. Ends with the transaction.
 */
async function lockBatch(client: pg.Client, batchId: number): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1, $2)', [BATCH_LOCK, batchId]);
}

/**
 * Removes a batch and its codes, if it is there. False when it is live: then nothing was changed.
 * Within a transaction.
 */
export async function removeBatch(client: pg.Client, batchId: number): Promise<boolean> {
  await lockBatch(client, batchId);
  const { rows } = await client.query<Span>(
    `DELETE FROM batches WHERE batch_id = $1 AND live_seq IS NULL
     RETURNING batch_id AS "batchId", count, first_block AS "firstBlock", last_block AS "lastBlock"`,
    [batchId],
  );
  const span = rows[0];
  if (span === undefined)
    return (await client.query('SELECT FROM batches WHERE batch_id = $1', [batchId])).rowCount === 0;
  if (!(span.count > 0)) return true;
  // A batch that never was live was never updated, so its rows are where they were put: mostly
  // between these blocks.
  const remove = (where: string): Promise<pg.QueryResult> => {
    const patient: pg.QueryConfig & { query_timeout: number } = {
      text: `DELETE FROM codes WHERE ${where} batch_id = $1`,
      values: [batchId],
      query_timeout: REMOVE_MS_MAX,
    };
    return client.query(patient);
  };
  const within = await remove(`${blocks(span.firstBlock, span.lastBlock)} AND`);
  if ((within.rowCount ?? 0) < span.count) await remove('');
  return true;
}

/**
 * Puts in the rows of a batch by `insert`, and the row that stands for it. Within a transaction.
 * The shard that gave out the id may have given it out before, if its journal lost its end since:
 * what is left of that is removed.
 */
export async function registerBatch(client: pg.Client, batch: NewBatch, insert: () => Promise<Rows>): Promise<void> {
  const { batchId, shard, bookId } = batch;
  if (!(await removeBatch(client, batchId))) throw new Error(`batch ${batchId} is live already`);
  const { count, firstBlock, lastBlock } = await insert();
  await client.query(
    `INSERT INTO batches (batch_id, shard, book_id, staged_ms, size, count, first_block, last_block)
     VALUES ($1, $2, $3, $4, $5, $5, $6, $7)`,
    [batchId, shard, bookId, Date.now(), count, firstBlock, lastBlock],
  );
}

/** The same in a transaction of its own, for a COPY. Resolves with the number of rows. */
export async function registerCopied(client: pg.Client, batch: NewBatch, copy: () => Promise<number>): Promise<number> {
  let copied = 0;
  await transaction(client, 'BEGIN', () =>
    registerBatch(client, batch, async () => {
      const blocksBefore = await blockCount(client);
      copied = await copy();
      // Rows may have filled gaps in earlier blocks. So a reader that uses these blocks counts the
      // rows, and searches the whole table if some are missing.
      const lastBlock = Math.max(0, (await blockCount(client)) - 1);
      return { count: copied, firstBlock: Math.max(0, blocksBefore - 1), lastBlock };
    }),
  );
  return copied;
}

async function blockCount(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ blocks: number }>(
    `SELECT (pg_relation_size('codes') / current_setting('block_size')::int)::int AS blocks`,
  );
  return rows[0]?.blocks ?? 0;
}

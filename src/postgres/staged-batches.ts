/** Batches that are not live: their row in `batches`, from its beginning to its end. */
import type pg from 'pg';
import type { BookId, ShardId } from '../domain/ids.js';
import { transaction, transactionIf } from './connection.js';
import { batchHolder, giveBack } from './counters.js';
import { beginFenced } from './fence.js';
import { blocks } from './loader.js';
import type { UnsettledBatch } from './store.js';

const UNIQUE_VIOLATION = '23505';
/** Two batches that brought the same codes at once, not in quite the same order. */
const DEADLOCK = '40P01';

/** Ten million rows take minutes; and who gives up early begins from the start the next time. */
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

const HAS_COUNTERS = `EXISTS (SELECT FROM reserved_counters WHERE holder = 'batch ' || b.batch_id)`;

/**
 * Removes batches that were staged before `stagedBeforeMs` and never became live. One that is being worked on is skipped: those
 * of jobs, and those that hold counters, whose holder finds out from the journal whether they are live.
 */
export async function removeStaleBatches(client: pg.Client, stagedBeforeMs: number): Promise<void> {
  const { rows } = await client.query<{ batchId: number }>(
    `SELECT batch_id AS "batchId" FROM batches AS b
     WHERE live_seq IS NULL AND staged_ms < $1 AND NOT ${OF_A_JOB}
       AND NOT ${HAS_COUNTERS}`,
    [stagedBeforeMs],
  );
  for (const { batchId } of rows) await transaction(client, 'BEGIN', () => removeBatch(client, batchId));
}

export async function unsettledBatches(client: pg.Client): Promise<readonly UnsettledBatch[]> {
  const { rows } = await client.query<UnsettledBatch>(
    `SELECT batch_id AS "batchId", book_id AS "bookId", ${HAS_COUNTERS} AS "hasCounters" FROM batches AS b
     WHERE live_seq IS NULL AND NOT ${OF_A_JOB}`,
  );
  return rows;
}

/** Removes a batch, if it is there, and gives back its counters. False when it is live: then nothing was changed. */
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

/** Removes a batch and its codes, if it is there. False when it is live: then nothing was changed. Within a transaction. */
export async function removeBatch(client: pg.Client, batchId: number): Promise<boolean> {
  const { rows } = await client.query<Span>(
    `DELETE FROM batches WHERE batch_id = $1 AND live_seq IS NULL
     RETURNING batch_id AS "batchId", count, first_block AS "firstBlock", last_block AS "lastBlock"`,
    [batchId],
  );
  const span = rows[0];
  if (span === undefined)
    return (await client.query('SELECT FROM batches WHERE batch_id = $1', [batchId])).rowCount === 0;
  if (!(span.count > 0)) return true;
  // A batch that never was live was never updated, so its rows are where they were put: mostly between these blocks.
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

export async function beginBatch(client: pg.Client, shard: ShardId, bookId: BookId): Promise<number> {
  const { rows } = await client.query<{ batchId: number }>(
    'INSERT INTO batches (shard, book_id, staged_ms) VALUES ($1, $2, $3) RETURNING batch_id AS "batchId"',
    [shard, bookId, Date.now()],
  );
  if (rows[0] === undefined) throw new Error('a batch could not be begun');
  return rows[0].batchId;
}

/**
 * Runs `insert` between what a batch's row needs before and after it, in one transaction of its own; `null` from it rolls back. The
 * row is held by a lock, so that nobody sweeps the batch away meanwhile.
 */
export async function fillBatch(
  client: pg.Client,
  batchId: number,
  insert: () => Promise<number | null>,
): Promise<number | null> {
  await beginFenced(client, 'BEGIN');
  await client.query('SELECT FROM batches WHERE batch_id = $1 FOR UPDATE', [batchId]);
  const blocksBefore = await blockCount(client);
  const count = await insert();
  if (count !== null) {
    // Rows may have gone into gaps further in front; who reads them by these blocks counts them, and looks everywhere then.
    const last = Math.max(0, (await blockCount(client)) - 1);
    await completeBatch(client, batchId, count, count, Math.max(0, blocksBefore - 1), last);
  }
  await client.query(count === null ? 'ROLLBACK' : 'COMMIT');
  return count;
}

export async function completeBatch(
  client: pg.Client,
  batchId: number,
  size: number,
  count: number,
  firstBlock: number | null,
  lastBlock: number | null,
): Promise<void> {
  const { rowCount } = await client.query(
    'UPDATE batches SET size = $2, count = $3, first_block = $4, last_block = $5 WHERE batch_id = $1 AND size IS NULL',
    [batchId, size, count, firstBlock, lastBlock],
  );
  if (rowCount !== 1) throw new Error(`batch ${batchId} took too long and was swept away`);
}

async function blockCount(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ blocks: number }>(
    `SELECT (pg_relation_size('codes') / current_setting('block_size')::int)::int AS blocks`,
  );
  return rows[0]?.blocks ?? 0;
}

/** Batches that are not live: removing them and what they left in `codes`. */
import type pg from 'pg';
import { transaction } from './connection.js';
import { blocks } from './loader.js';

interface Span {
  readonly batchId: number;
  readonly count: number;
  readonly firstBlock: string;
  readonly lastBlock: string;
}

/** Removes batches that were staged before `stagedBeforeMs` and never became live. One that is being worked on is skipped. */
export async function removeStaleBatches(client: pg.Client, stagedBeforeMs: number): Promise<void> {
  const { rows } = await client.query<{ batchId: number }>(
    `SELECT batch_id AS "batchId" FROM batches WHERE live_seq IS NULL AND staged_ms < $1`,
    [stagedBeforeMs],
  );
  for (const { batchId } of rows) await removeBatch(client, batchId);
}

/** Removes a batch and its codes in one transaction, unless it is live. */
export async function removeBatch(client: pg.Client, batchId: number): Promise<void> {
  await transaction(client, 'BEGIN', async () => {
    const { rows } = await client.query<Span>(
      `DELETE FROM batches WHERE batch_id = $1 AND live_seq IS NULL
       RETURNING batch_id AS "batchId", count, first_block AS "firstBlock", last_block AS "lastBlock"`,
      [batchId],
    );
    const span = rows[0];
    if (span === undefined || !(span.count > 0)) return;
    // Rows of a batch that never was live were never updated, so they are where they were put.
    const { rowCount } = await client.query(
      `DELETE FROM codes WHERE ${blocks(span.firstBlock, span.lastBlock)} AND batch_id = $1`,
      [batchId],
    );
    if (rowCount !== span.count) throw new Error(`batch ${batchId} has ${rowCount} of its ${span.count} codes`);
  });
}

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
    // A batch that never was live was never updated, so its rows are where they were put: mostly between these blocks.
    const within = await client.query(
      `DELETE FROM codes WHERE ${blocks(span.firstBlock, span.lastBlock)} AND batch_id = $1`,
      [batchId],
    );
    if ((within.rowCount ?? 0) < span.count) await client.query('DELETE FROM codes WHERE batch_id = $1', [batchId]);
  });
}

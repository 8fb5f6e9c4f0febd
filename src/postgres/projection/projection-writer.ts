/**
 * Writes what was decided into PostgreSQL: one transaction per batch, with the shards' checkpoints
 * in it. So a batch whose outcome is not known may simply be written again: changes up to the
 * checkpoint are skipped.
 *
 *     BEGIN
 *     lock the checkpoints      a second writer, or the rest of a lost connection, waits here
 *     COPY changes, redemptions, rollbacks, orders, remembered_keys
 *     books upserted · batches opened, closed, made live
 *     COPY code_updates and placed_updates (temporary), UPDATE codes FROM both
 *     checkpoints
 *     COMMIT
 *
 * A code that was never used before is updated at the place where its row was put, if that is known
 * (row-places.ts). The other update is a nested loop over `codes_pkey`, forced, because the planner
 * knows nothing of a table that was filled a millisecond ago; a hash join would read all of `codes`
 * for each batch, and pays only when a batch changes a good part of all codes. It goes through the
 * updates in the order of the code, which is the order of the index and, as staging leaves it, of
 * the table: each page is found, pruned and locked once per batch. docs/decisions/projection.md has
 * the figures, and what lost.
 */
import type pg from 'pg';
import { counterOf } from '../../domain/batch-ids.js';
import type { Change } from '../../domain/event.js';
import { asSeq, asShardId, type Seq, type ShardId } from '../../domain/ids.js';
import { createLink, transaction } from '../connection.js';
import { copyIn } from '../copy/copy-in.js';
import type { Claim } from '../fence.js';
import type { ProjectionWriter } from '../store.js';
import { TOUCHES_COUNT, TOUCHES_LEASE, TOUCHES_USER } from './code-update.js';
import { COLUMNS, type CodeClaim, type CopyTarget, ProjectionBatch, type WentLive } from './projection-batch.js';
import { dropOldPartitions, ensurePartitions } from './remembered-partitions.js';
import { RowPlaces } from './row-places.js';

export interface ProjectionWriterOptions {
  readonly url: string;
  readonly shardCount: number;
  /** Checked by each transaction. Absent where no other process can have the database. */
  readonly claim?: Claim;
}

const SET = `
  redemption_count = CASE WHEN u.touches & ${TOUCHES_COUNT} <> 0 THEN u.redemption_count ELSE c.redemption_count END,
  seq = u.seq,
  assigned_ms = CASE WHEN u.touches & ${TOUCHES_USER} <> 0 THEN u.assigned_ms ELSE c.assigned_ms END,
  lock_id = CASE WHEN u.touches & ${TOUCHES_LEASE} <> 0 THEN u.lock_id ELSE c.lock_id END,
  locked_until_ms = CASE WHEN u.touches & ${TOUCHES_LEASE} <> 0 THEN u.locked_until_ms ELSE c.locked_until_ms END,
  user_id = CASE WHEN u.touches & ${TOUCHES_USER} <> 0 THEN u.user_id ELSE c.user_id END`;

const UPDATE_BY_CODE = {
  name: 'update-by-code',
  text: `UPDATE codes AS c SET ${SET} FROM (SELECT * FROM code_updates ORDER BY code) AS u WHERE c.code = u.code`,
};

const UPDATE_BY_PLACE = {
  name: 'update-by-place',
  text: `
    UPDATE codes AS c SET ${SET}
    FROM (SELECT * FROM placed_updates ORDER BY place) AS u WHERE c.ctid = u.place AND c.code = u.code`,
};

/**
 * What `UPDATE_BY_PLACE` did not find: the row's sequence is still that of an earlier event, or of
 * none.
 */
const UPDATE_MISPLACED = {
  name: 'update-misplaced',
  text: `
    UPDATE codes AS c SET ${SET}
    FROM (SELECT * FROM placed_updates ORDER BY code) AS u
    WHERE c.code = u.code AND (c.seq IS NULL OR c.seq < u.seq)`,
};

/**
 * Connects when it is first used. Every method rejects while PostgreSQL is away and may be called
 * again.
 */
export function createProjectionWriter({ url, shardCount, claim }: ProjectionWriterOptions): ProjectionWriter {
  const partitions = new Set<number>();
  const places = new RowPlaces();
  const batch = new ProjectionBatch(places);
  const prepareAnew = (client: pg.Client): Promise<void> => {
    partitions.clear();
    places.forgetAll();
    return prepare(client);
  };
  const link = createLink(url, prepareAnew, claim === undefined ? undefined : { claim });

  async function writeBatch(
    client: pg.Client,
    changes: ReadonlyMap<ShardId, Iterable<Change>>,
    entryHashes: ReadonlyMap<ShardId, Uint8Array>,
  ): Promise<void> {
    const shards = [...changes.keys()];
    const checkpoints = await lockCheckpoints(client, shards);
    await places.prepare(client);
    batch.clear();
    for (const [shard, list] of changes) {
      const checkpoint = checkpoints.get(shard);
      if (checkpoint === undefined) throw new Error(`there is no shard ${shard} in this database`);
      batch.add(shard, checkpoint, list);
    }
    if (batch.reached.size === 0) return;
    const { rows } = batch;
    if (rows.remembered_keys.rows > 0) {
      await ensurePartitions(client, batch.rememberedFirstMs, batch.rememberedLastMs, partitions);
    }
    for (const target of ['changes', 'redemptions', 'rollbacks', 'orders', 'remembered_keys'] as const)
      await copy(client, target);
    await writeBooks(client, batch);
    await writeOpenBatches(client, batch, shardCount);
    for (const wentLive of batch.wentLive) await makeLive(client, wentLive);
    for (const [batchId, claim] of batch.claims) await writeClaim(client, batchId, claim);
    await batch.promotions.write(client);
    await batch.flash.write(client);
    if (batch.wentLive.length > 0) places.refresh();
    if (rows.placed_updates.rows > 0) await updatePlaced(client);
    if (rows.code_updates.rows > 0) await updateCodes(client);
    await client.query({
      name: 'advance-checkpoints',
      text: `
        UPDATE checkpoints AS c SET seq = r.seq, entry_hash = r.entry_hash
        FROM unnest($1::smallint[], $2::bigint[], $3::bytea[]) AS r (shard, seq, entry_hash) WHERE c.shard = r.shard`,
      values: [
        [...batch.reached.keys()],
        [...batch.reached.values()],
        [...batch.reached.keys()].map((shard) => entryHashes.get(shard) ?? null),
      ],
    });
  }

  async function copy(client: pg.Client, target: CopyTarget): Promise<void> {
    const rows = batch.rows[target];
    if (rows.rows === 0) return;
    const copied = await copyIn(client, target, COLUMNS[target], rows.finish());
    if (copied !== rows.rows) throw new Error(`COPY ${target} took ${copied} of ${rows.rows} rows`);
  }

  async function updateCodes(client: pg.Client): Promise<void> {
    await copy(client, 'code_updates');
    const { rowCount } = await client.query(UPDATE_BY_CODE);
    expectUpdates(batch.rows.code_updates.rows, rowCount);
  }

  async function updatePlaced(client: pg.Client): Promise<void> {
    await copy(client, 'placed_updates');
    const expected = batch.rows.placed_updates.rows;
    // The planner would take the index of a table that it thinks small.
    await client.query('SET LOCAL enable_indexscan = off');
    const { rowCount } = await client.query(UPDATE_BY_PLACE);
    await client.query('SET LOCAL enable_indexscan = on');
    if (rowCount === expected) return;
    places.distrust();
    const misplaced = await client.query(UPDATE_MISPLACED);
    expectUpdates(expected, (rowCount ?? 0) + (misplaced.rowCount ?? 0));
  }

  return {
    checkpoints: () =>
      link.use(async (client) => {
        const { rows } = await client.query<CheckpointRow & { entryHash: Buffer | null }>(
          'SELECT shard, seq, entry_hash AS "entryHash" FROM checkpoints',
        );
        const found = new Map(
          rows.map(({ shard, seq, entryHash }) => [asShardId(shard), { seq: asSeq(Number(seq)), entryHash }]),
        );
        for (let shard = 0; shard < shardCount; shard++) {
          if (!found.has(asShardId(shard))) throw new Error(`there is no shard ${shard} in this database`);
        }
        return found;
      }),
    write: (changes, entryHashes = new Map()) =>
      link.use((client) => transaction(client, 'BEGIN', () => writeBatch(client, changes, entryHashes))),
    sweep: (rememberedBeforeMs) => link.use((client) => dropOldPartitions(client, rememberedBeforeMs, partitions)),
    close: () => link.close(),
  };
}

function expectUpdates(expected: number, found: number | null): void {
  if (found !== expected) throw new Error(`${expected} codes changed, but PostgreSQL has ${found} of them`);
}

interface CheckpointRow {
  readonly shard: number;
  readonly seq: string;
}

async function prepare(client: pg.Client): Promise<void> {
  await client.query(`
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
    SET temp_buffers = '32MB';
    CREATE TEMPORARY TABLE code_updates (
      code text COLLATE "C" NOT NULL,
      touches smallint NOT NULL,
      redemption_count integer NOT NULL,
      seq bigint NOT NULL,
      assigned_ms bigint,
      lock_id bigint,
      locked_until_ms bigint,
      user_id text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE placed_updates (place tid NOT NULL, LIKE code_updates INCLUDING ALL) ON COMMIT DELETE ROWS`);
}

async function lockCheckpoints(client: pg.Client, shards: readonly ShardId[]): Promise<Map<ShardId, Seq>> {
  const { rows } = await client.query<CheckpointRow>({
    name: 'lock-checkpoints',
    text: 'SELECT shard, seq FROM checkpoints WHERE shard = ANY($1::smallint[]) ORDER BY shard FOR UPDATE',
    values: [shards],
  });
  return new Map(rows.map((row) => [asShardId(row.shard), asSeq(Number(row.seq))]));
}

async function writeBooks(client: pg.Client, { books }: ProjectionBatch): Promise<void> {
  if (books.size === 0) return;
  const list = [...books.values()];
  await client.query({
    name: 'write-books',
    text: `
      INSERT INTO books (id, shard, version, created_ms, updated_ms, archived_ms, settings)
      SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
      ON CONFLICT (id) DO UPDATE SET
        version = excluded.version, updated_ms = excluded.updated_ms, archived_ms = excluded.archived_ms,
        settings = excluded.settings`,
    values: [
      list.map(({ book }) => book.id),
      list.map(({ shard }) => shard),
      list.map(({ book }) => book.version),
      list.map(({ book }) => book.createdMs),
      list.map(({ book }) => book.updatedMs),
      list.map(({ book }) => book.archivedMs),
      list.map(({ book }) => JSON.stringify(book.settings)),
    ],
  });
}

async function writeOpenBatches(
  client: pg.Client,
  { opened, closed, lastBatchIds }: ProjectionBatch,
  shardCount: number,
): Promise<void> {
  if (opened.size > 0) {
    const list = [...opened.values()];
    await client.query({
      name: 'open-batches',
      text: `
        INSERT INTO open_batches (batch_id, shard, book_id, caller, key, fingerprint, opened_ms, content)
        SELECT * FROM unnest(
          $1::int[], $2::smallint[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[]
        )`,
      values: [
        list.map(({ batch }) => batch.batchId),
        list.map(({ shard }) => shard),
        list.map(({ batch }) => batch.bookId),
        list.map(({ batch }) => batch.caller),
        list.map(({ batch }) => batch.key),
        list.map(({ batch }) => batch.fingerprint),
        list.map(({ batch }) => batch.openedMs),
        list.map(({ batch }) => JSON.stringify(batch.content)),
      ],
    });
  }
  if (closed.size > 0) {
    await client.query({
      name: 'close-batches',
      text: 'DELETE FROM open_batches WHERE batch_id = ANY($1::int[])',
      values: [[...closed]],
    });
  }
  if (lastBatchIds.size > 0) {
    await client.query({
      name: 'count-batches',
      text: `
        UPDATE checkpoints AS c SET batch_counter = u.counter
        FROM unnest($1::smallint[], $2::bigint[]) AS u (shard, counter) WHERE c.shard = u.shard`,
      values: [[...lastBatchIds.keys()], [...lastBatchIds.values()].map((id) => counterOf(id, shardCount))],
    });
  }
}

/**
 * The batch must be there, whole and not live: otherwise its codes are lost, and going on would
 * hide that.
 */
async function makeLive(client: pg.Client, { shard, seq, event }: WentLive): Promise<void> {
  const { rowCount } = await client.query({
    name: 'make-live',
    text: `
      UPDATE batches SET live_seq = $1, first_index = $2
      WHERE batch_id = $3 AND shard = $4 AND book_id = $5 AND size = $6 AND count = $7 AND live_seq IS NULL`,
    values: [seq, event.firstIndex, event.batchId, shard, event.bookId, event.size, event.count],
  });
  if (rowCount !== 1) {
    throw new Error(
      `event ${shard}-${seq} makes batch ${event.batchId} live, but PostgreSQL does not have its ${event.count} codes waiting`,
    );
  }
}

/**
 * The row that takes the code is in the store, but for a store that was restored from a backup:
 * then it is made again. Or the journal has freed the code since, and the row was removed; another
 * batch may have the code by now, and keeps it. The row of a code that became free is removed
 * later, like those of a batch that was given up.
 */
async function writeClaim(client: pg.Client, batchId: number, { shard, seq, bookId, code }: CodeClaim): Promise<void> {
  if (code === null) {
    await client.query('UPDATE batches SET live_seq = NULL WHERE batch_id = $1', [batchId]);
    return;
  }
  const { rowCount } = await client.query(
    'UPDATE batches SET live_seq = $1 WHERE batch_id = $2 AND size = 1 AND count = 1 AND live_seq IS NULL',
    [seq, batchId],
  );
  if (rowCount === 1) return;
  await client.query(
    `INSERT INTO batches (batch_id, shard, book_id, staged_ms, size, count, live_seq)
     VALUES ($1, $2, $3, (extract(epoch FROM now()) * 1000)::bigint, 1, 1, $4)`,
    [batchId, shard, bookId, seq],
  );
  await client.query('INSERT INTO codes (code, batch_id, ordinal) VALUES ($1, $2, 0) ON CONFLICT (code) DO NOTHING', [
    code,
    batchId,
  ]);
}

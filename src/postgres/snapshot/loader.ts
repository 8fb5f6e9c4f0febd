/**
 * Loading shards at their checkpoints. All of it is one REPEATABLE READ transaction, so rows,
 * checkpoints and books are of one moment however long it takes and whatever the projector writes
 * meanwhile.
 *
 * Codes are most of it. They are read in the order of the table, whole, without a join: the live
 * batches are known by then, and a code's index is its batch's `first_index` plus its ordinal,
 * which one look-up here finds for less than PostgreSQL's hash join would.
 */
import type pg from 'pg';
import { asBookId, asScopeId, asSeq, asShardId, type ShardId } from '../../domain/ids.js';
import type { Outcome } from '../../domain/outcome.js';
import type { BatchContent } from '../../records/batch-content.js';
import type { BookSettings } from '../../records/values.generated.js';
import { createLink, lowerBackendPriority, transaction } from '../connection.js';
import { copyOut } from '../copy/copy-out.js';
import { BatchMissing, type SnapshotLoader, type SnapshotSink, SnapshotUnfit } from '../store.js';
import { loadFlash } from './flash.js';
import { loadPromotions } from './promotions.js';

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const LARGE_BATCH = 50_000;

export interface LoaderOptions {
  readonly url: string;
  /**
   * PostgreSQL is ours and on this machine: it may be told to step back while a large batch is
   * loaded.
   */
  readonly isOwn: boolean;
}

/**
 * Connects when it is first used. Every method rejects while PostgreSQL is away and may be called
 * again.
 */
export function createSnapshotLoader({ url, isOwn }: LoaderOptions): SnapshotLoader {
  // A scan that joins another one in the middle would read the codes of a batch in two parts.
  const prepare = (client: pg.Client): Promise<unknown> => client.query('SET synchronize_seqscans = off');
  const link = createLink(url, prepare);
  /** Callers are being served, and the codes of a large batch can come a little later. */
  const linkBehind = createLink(url, async (client) => {
    await prepare(client);
    if (isOwn) await lowerBackendPriority(client);
  });
  return {
    load: (shards, rememberedAfterMs, sink) =>
      link.use((client) => transaction(client, BEGIN, () => load(client, shards, rememberedAfterMs, sink))),
    loadBatch: ({ batchId, size }, code) =>
      (size > LARGE_BATCH ? linkBehind : link).use((client) =>
        transaction(client, BEGIN, () => loadBatch(client, batchId, code)),
      ),
    async close() {
      await Promise.all([link.close(), linkBehind.close()]);
    },
  };
}

interface LiveBatch {
  readonly shard: ShardId;
  readonly firstIndex: number;
}

async function load(
  client: pg.Client,
  shards: readonly ShardId[],
  rememberedAfterMs: number,
  sink: SnapshotSink,
): Promise<void> {
  const asked = shards.map(Number).join(', ');
  if (asked === '') return;
  await loadCheckpoints(client, shards, sink);
  await loadBooks(client, asked, sink);
  await loadOpenBatches(client, asked, sink);
  const live = await loadBatches(client, asked, sink);
  if (live.size > 0) await loadCodes(client, live, sink);
  await copyOut(
    client,
    `SELECT r.shard, r.index, r.redemption_id, r.user_id, r.at_ms, (b.seq IS NOT NULL)::int4
     FROM redemptions AS r LEFT JOIN rollbacks AS b USING (shard, redemption_id)
     WHERE r.shard IN (${asked}) ORDER BY r.shard, r.seq`,
    6,
    (row) =>
      sink.redemption(asShardId(row.int2(0)), {
        index: row.int4(1),
        redemptionId: row.uuid(2),
        userId: row.text(3),
        atMs: row.int8(4),
        rolledBack: row.int4(5) === 1,
      }),
  );
  await loadPromotions(client, asked, sink);
  await loadFlash(client, asked, sink);
  await copyOut(
    client,
    `SELECT shard, book_id, caller, key, fingerprint, at_ms, seq, outcome FROM remembered_keys
     WHERE shard IN (${asked}) AND at_ms > ${Math.floor(rememberedAfterMs)} ORDER BY shard, seq`,
    8,
    (row) =>
      sink.remembered(asShardId(row.int2(0)), {
        scopeId: row.isNull(1) ? null : asScopeId(row.uuid(1)),
        caller: row.text(2),
        key: row.text(3),
        fingerprint: row.int8(4),
        atMs: row.int8(5),
        seq: asSeq(row.int8(6)),
        outcome: JSON.parse(row.text(7)) as Outcome,
      }),
  );
}

async function loadCheckpoints(client: pg.Client, shards: readonly ShardId[], sink: SnapshotSink): Promise<void> {
  const { rows } = await client.query<{
    shard: number;
    seq: string;
    atMs: string | null;
    entryHash: Buffer | null;
    batchCounter: string;
  }>(
    `SELECT shard, seq, at_ms AS "atMs", entry_hash AS "entryHash", batch_counter AS "batchCounter"
     FROM checkpoints LEFT JOIN changes USING (shard, seq)`,
  );
  const checkpoints = new Map(rows.map((row) => [row.shard, row]));
  for (const shard of shards) {
    const { seq = 0, atMs = null, entryHash = null, batchCounter = 0 } = checkpoints.get(shard) ?? {};
    sink.checkpoint(shard, {
      seq: asSeq(Number(seq)),
      atMs: atMs === null ? null : Number(atMs),
      entryHash,
      batchCounter: Number(batchCounter),
    });
  }
}

async function loadBooks(client: pg.Client, asked: string, sink: SnapshotSink): Promise<void> {
  await copyOut(
    client,
    `SELECT shard, id, settings, version, created_ms, updated_ms, archived_ms FROM books
     WHERE shard IN (${asked}) ORDER BY id`,
    7,
    (row) =>
      sink.book(asShardId(row.int2(0)), {
        id: asBookId(row.uuid(1)),
        settings: JSON.parse(row.text(2)) as BookSettings,
        version: row.int4(3),
        createdMs: row.int8(4),
        updatedMs: row.int8(5),
        archivedMs: row.isNull(6) ? null : row.int8(6),
      }),
  );
}

async function loadOpenBatches(client: pg.Client, asked: string, sink: SnapshotSink): Promise<void> {
  await copyOut(
    client,
    `SELECT shard, batch_id, book_id, caller, key, fingerprint, opened_ms, content FROM open_batches
     WHERE shard IN (${asked}) ORDER BY batch_id`,
    8,
    (row) =>
      sink.openBatch(asShardId(row.int2(0)), {
        batchId: row.int4(1),
        bookId: asBookId(row.uuid(2)),
        caller: row.text(3),
        key: row.isNull(4) ? null : row.text(4),
        fingerprint: row.isNull(5) ? null : row.int8(5),
        openedMs: row.int8(6),
        content: JSON.parse(row.text(7)) as BatchContent,
      }),
  );
}

async function loadBatches(client: pg.Client, asked: string, sink: SnapshotSink): Promise<Map<number, LiveBatch>> {
  const live = new Map<number, LiveBatch>();
  await copyOut(
    client,
    `SELECT shard, batch_id, book_id, first_index, size, count FROM batches
     WHERE shard IN (${asked}) AND live_seq IS NOT NULL ORDER BY shard, first_index`,
    6,
    (row) => {
      const shard = asShardId(row.int2(0));
      const batchId = row.int4(1);
      if (row.isNull(3)) {
        sink.claim(shard, batchId);
        return;
      }
      const firstIndex = row.int4(3);
      live.set(batchId, { shard, firstIndex });
      sink.batch(shard, { batchId, bookId: asBookId(row.uuid(2)), firstIndex, size: row.int4(4), count: row.int4(5) });
    },
  );
  return live;
}

async function loadCodes(client: pg.Client, live: ReadonlyMap<number, LiveBatch>, sink: SnapshotSink): Promise<void> {
  const { rows } = await client.query<{ all: boolean }>(
    `SELECT NOT EXISTS (
       SELECT FROM batches WHERE live_seq IS NULL OR (first_index IS NOT NULL AND NOT batch_id = ANY($1::int[]))
     ) AS all`,
    [[...live.keys()]],
  );
  const filter = rows[0]?.all === true ? '' : `WHERE batch_id = ANY('{${[...live.keys()].join()}}'::int[])`;
  let lastBatchId = -1;
  let batch: LiveBatch | undefined;
  await copyOut(
    client,
    `SELECT batch_id, ordinal, code, seq, redemption_count, assigned_ms, lock_id, locked_until_ms, user_id
     FROM codes ${filter}`,
    9,
    (row) => {
      const batchId = row.int4(0);
      if (batchId !== lastBatchId) {
        batch = live.get(batchId);
        lastBatchId = batchId;
      }
      if (batch === undefined) return;
      const { shard } = batch;
      const index = batch.firstIndex + row.int4(1);
      sink.code(shard, index, row.bytes, row.start(2), row.end(2));
      if (row.isNull(3)) return;
      sink.codeState(shard, {
        index,
        lastSeq: asSeq(row.int8(3)),
        redemptionCount: row.isNull(4) ? 0 : row.int4(4),
        assignedMs: row.isNull(5) ? null : row.int8(5),
        lockId: row.isNull(6) ? null : row.int8(6),
        lockedUntilMs: row.isNull(7) ? null : row.int8(7),
        userId: row.isNull(8) ? null : row.text(8),
      });
    },
  );
}

/**
 * A batch's rows are where they were put, between two blocks, unless an update moved one: a batch
 * may be live and in use by the time it is loaded (in a replay that the projector has overtaken).
 * Then the whole table is searched for the rest.
 */
async function loadBatch(
  client: pg.Client,
  batchId: number,
  code: (ordinal: number, bytes: Uint8Array, start: number, end: number) => void,
): Promise<void> {
  const { rows } = await client.query<{ size: number; count: number; first: string; last: string }>(
    `SELECT size, count, first_block AS first, last_block AS last FROM batches
     WHERE batch_id = $1 AND size IS NOT NULL`,
    [batchId],
  );
  const batch = rows[0];
  if (batch === undefined) throw new BatchMissing(`there is no batch ${batchId}`);
  const seen = new Uint8Array(batch.size);
  let found = 0;
  const read = (where: string) =>
    copyOut(client, `SELECT ordinal, code FROM codes WHERE ${where} AND batch_id = ${Number(batchId)}`, 2, (row) => {
      const ordinal = row.int4(0);
      if (seen[ordinal] !== 0) return;
      seen[ordinal] = 1;
      found++;
      code(ordinal, row.bytes, row.start(1), row.end(1));
    });
  if (batch.count > 0) await read(blocks(batch.first, batch.last));
  if (found < batch.count) await read('true');
  if (found !== batch.count) throw new SnapshotUnfit(`batch ${batchId} has ${found} of its ${batch.count} codes`);
}

/** A condition that reads only the blocks from `first` to `last`. */
export function blocks(first: string, last: string): string {
  return `ctid >= '(${BigInt(first)},0)' AND ctid < '(${BigInt(last) + 1n},0)'`;
}

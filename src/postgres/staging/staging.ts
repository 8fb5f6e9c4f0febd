/**
 * Staging a batch of codes: they are collected invisibly, and inserted into `codes` at `finish`,
 * all in one transaction with the row of their batch.
 *
 * A few codes are kept in memory until then and inserted with one statement (held-codes.ts). From
 * `HELD_BYTES_MAX` on they are streamed by COPY into a temporary table on a connection of the
 * batch's own (bulk-table.ts).
 *
 *     collected ─▶ owner.open: the intent is journaled ─▶ rows into `codes`, committed ─▶ the command that makes the batch live
 *
 * So every row of `codes` belongs to a batch that the journal of its shard knows, and that journal
 * alone says whether the batch is live, open or given up. "Not live in PostgreSQL" means nothing,
 * because the projection lags behind.
 *
 * A code that exists already is a duplicate only if its batch is live. Before a code is left out,
 * the owner settles all batches that hold such codes and are not live in PostgreSQL: rows of a
 * batch that was given up are removed, and an open batch is waited for. A row that another batch
 * brings at the same moment makes the unique index refuse this one, which then looks again.
 * Ordinals are given in the order of the code, so that both batches go upwards through the index,
 * and wait for each other rather than deadlock.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { BookId, ShardId } from '../../domain/ids.js';
import type { BatchContent } from '../../records/batch-content.js';
import { connectForBulk } from '../connection.js';
import type { Fence } from '../fence.js';
import {
  type BatchOwner,
  CodesPending,
  type Finished,
  type GeneratedCodes,
  type KeptWriter,
  type Staging,
} from '../store.js';
import { type BulkTable, openBulkTable } from './bulk-table.js';
import { countersIn } from './counters.js';
import { type DirectCopy, openDirectCopy } from './direct-copy.js';
import { createHeldCodes } from './held-codes.js';
import type { CollectedCodes, NewBatch } from './staged-batches.js';

const HELD_BYTES_MAX = 64 * 1024;

export interface StagingOptions {
  readonly url: string;
  /** Borrows a pooled connection for something short. */
  readonly use: <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;
  /** PostgreSQL is ours and on this machine: bulk work may be told to step back. */
  readonly isOwn: boolean;
  /** Of each transaction that puts rows in. */
  readonly fence: Fence | undefined;
  readonly shard: ShardId;
  readonly bookId: BookId;
  /** What a few codes become at the end, `lines` being a code a line. */
  readonly collect?: (lines: readonly Uint8Array[]) => CollectedCodes;
}

/** Nothing is asked of PostgreSQL before there are many codes, or before they are finished. */
export function createStaging({
  url,
  use,
  isOwn,
  fence,
  shard,
  bookId,
  collect = (lines) => createHeldCodes(use, lines),
}: StagingOptions): Staging {
  const hash = createHash('sha256');
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let rowCount = 0;
  let bulk: BulkTable | null = null;
  let direct: DirectCopy | null = null;
  let isFinishing = false;
  let isAbandoned = false;

  async function writeRows(bytes: Uint8Array, count: number): Promise<void> {
    if (isAbandoned) throw new Error('this batch was given up');
    rowCount += count;
    if (!isFinishing) hash.update(bytes);
    if (bulk !== null) return bulk.write(bytes, count);
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes > HELD_BYTES_MAX) await spill();
  }

  async function spill(): Promise<void> {
    const opened = await openBulkTable(() => connectForBulk(url, isOwn, fence));
    bulk = opened;
    const first = held;
    held = [];
    if (isAbandoned) opened.giveUp();
    else if (rowCount > 0) await opened.write(Buffer.concat(first), rowCount);
  }

  function begin(): void {
    if (isFinishing || isAbandoned) throw new Error('this batch takes no more codes');
    isFinishing = true;
  }

  async function finish(owner: BatchOwner, generated?: GeneratedCodes): Promise<Finished> {
    begin();
    const wanted = rowCount;
    const sha256 = hash.digest('hex');
    const content = generated?.content ?? ((): BatchContent => ({ kind: 'uploaded', count: wanted, sha256 }));
    const settled = new Set<number>();
    let refill = generated?.refill ?? null;
    const adopted = await owner.adopt();
    if (adopted !== null) return finished(adopted);
    let opened: number | null = null;
    let intent = content();
    // Many codes are assumed to be new at first: looking up each one costs more than inserting it.
    for (let looksFirst = bulk === null; !isAbandoned; looksFirst = true) {
      const codes: CollectedCodes = bulk ?? collect(held);
      if (looksFirst) {
        await leaveOut(codes, owner, settled, generated !== undefined);
        const missing = refill === null ? 0 : wanted - (await codes.left());
        if (refill !== null && missing > 0) {
          // It has no rows yet, and other codes make another batch.
          if (opened !== null) await owner.giveUp(opened);
          opened = null;
          // No connection is held meanwhile: the refill needs one.
          if (!(await refill(missing))) refill = null;
          continue;
        }
      }
      if (opened === null) intent = content();
      opened ??= await owner.open(intent);
      const isWhole = isMadeAgain(intent, looksFirst && generated !== undefined ? await codes.left() : rowCount);
      const kept = isWhole ? null : await owner.keep(opened, intent);
      const count = await putOrAbandon(codes, { batchId: opened, shard, bookId }, kept);
      if (count !== null) return finished({ batchId: opened, bookId, size: count, count });
    }
    throw new Error('this batch was given up');
  }

  async function finished(batch: Omit<Finished, 'duplicates'>): Promise<Finished> {
    await bulk?.close();
    return { ...batch, duplicates: rowCount - batch.count };
  }

  return {
    writeRows,
    async write(codes) {
      if (isFinishing) throw new Error('this batch takes no more codes');
      if (codes.length > 0) await writeRows(Buffer.from(`${codes.join('\n')}\n`, 'latin1'), codes.length);
    },
    async copyRows(batchId, produce) {
      begin();
      direct = await openDirectCopy(() => connectForBulk(url, isOwn, fence), { batchId, shard, bookId });
      if (isAbandoned) direct.giveUp();
      const count = await direct.copy(produce);
      isFinishing = count !== null;
      return count;
    },
    finish,
    loaded: () => bulk?.loaded() ?? 0,
    abandon() {
      isAbandoned = true;
      held = [];
      bulk?.giveUp();
      direct?.giveUp();
    },
  };
}

/** The intent alone makes the codes again: each of its counters gave one of them. */
function isMadeAgain(content: BatchContent, count: number): boolean {
  return content.kind === 'generated' && countersIn(content.ranges) === count;
}

async function putOrAbandon(codes: CollectedCodes, batch: NewBatch, kept: KeptWriter | null): Promise<number | null> {
  let count: number | null = null;
  try {
    count = await codes.put(batch, kept);
    return count;
  } finally {
    if (count === null) await kept?.abandon();
  }
}

/** Leaves out the codes that exist, when it is certain that they stay. */
async function leaveOut(
  codes: CollectedCodes,
  owner: BatchOwner,
  settled: Set<number>,
  canDoWithout: boolean,
): Promise<void> {
  for (;;) {
    const holders = await codes.look(settled);
    if (holders.length === 0) return;
    const { live, open } = await owner.settle(holders);
    if (open.length > 0 && !canDoWithout) throw new CodesPending();
    for (const batchId of [...live, ...open]) settled.add(batchId);
  }
}

/** What events change in the snapshot; projection-batch.ts describes how. */

import type { CodesAdded } from '../../domain/event.js';
import type { Seq, ShardId } from '../../domain/ids.js';
import type { AppendedTable } from '../../records/declare.js';
import type { CodeClaimed, CodeFreed } from '../../records/events.generated.js';
import type { Book, OpenBatch } from '../../records/values.generated.js';
import type { RowBuffer } from '../copy/row-buffer.js';
import type { FlashRows } from './flash-rows.js';
import type { PromotionRows } from './promotion-rows.js';

export const TOUCHES_USER = 1;
export const TOUCHES_LEASE = 2;
export const TOUCHES_COUNT = 4;

/** All events of one code in a batch, as one update of its row. */
export interface CodeUpdate {
  readonly code: string;
  /** The code was never used before, so its row is where it was put. */
  readonly isFirstUse: boolean;
  touches: number;
  redemptionCount: number;
  seq: number;
  assignedMs: number | null;
  lockId: number | null;
  lockedUntilMs: number | null;
  userId: string | null;
}

export type AppendedRows = Readonly<Record<AppendedTable, RowBuffer>>;

/**
 * Changes of the snapshot besides the rows of codes. The declaration of an event names the method.
 */
export interface SnapshotChanges {
  readonly promotions: PromotionRows;
  readonly flash: FlashRows;
  bookChanged(shard: ShardId, seq: Seq, event: { readonly book: Book }): void;
  batchOpened(shard: ShardId, seq: Seq, event: OpenBatch): void;
  batchGivenUp(shard: ShardId, seq: Seq, event: { readonly batchId: number }): void;
  batchWentLive(shard: ShardId, seq: Seq, event: CodesAdded): void;
  codeClaimed(shard: ShardId, seq: Seq, event: CodeClaimed): void;
  codeFreed(shard: ShardId, seq: Seq, event: CodeFreed): void;
}

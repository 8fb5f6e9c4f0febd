/** What events are folded into, and where else they go; projection-batch.ts tells how. */
import type { Book } from '../domain/book.js';
import type { CodesAdded } from '../domain/event.js';
import type { Seq, ShardId } from '../domain/ids.js';
import type { AppendedTable } from '../records/declare.js';
import type { RowBuffer } from './row-buffer.js';

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

/** What events change besides rows of codes: `changes` in their declarations. */
export interface SnapshotChanges {
  changeBook(shard: ShardId, seq: Seq, event: { readonly book: Book }): void;
  changeBatch(shard: ShardId, seq: Seq, event: CodesAdded): void;
}

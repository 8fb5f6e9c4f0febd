/**
 * Fills what the kernel keeps from a snapshot. The checkpoint comes first, remembered keys last.
 */
import type { ScopeId, Seq } from '../domain/ids.js';
import type { Outcome } from '../domain/outcome.js';
import type { ShardState } from './shard-state.js';

/** `batchCounter`: how many ids of batches the shard had given out. */
export function loadCheckpoint(state: ShardState, seq: Seq, batchCounter: number): void {
  state.seq = seq;
  state.coupons.openBatches.skipThrough(batchCounter);
}

export function loadRemembered(
  state: ShardState,
  row: {
    /** Null for the key of a book's creation. */
    readonly scopeId: ScopeId | null;
    readonly caller: string;
    readonly key: string;
    readonly fingerprint: number;
    readonly atMs: number;
    readonly seq: Seq;
    readonly outcome: Outcome;
  },
): void {
  const { fingerprint, atMs, seq, outcome } = row;
  state.remembered.remember(row.caller, row.scopeId, row.key, { fingerprint, atMs, seq, outcome });
}

/** What the feed says of batches of codes. */
import type { CodesAdded } from '../domain/event.js';
import type { Seq, ShardId } from '../domain/ids.js';
import type { OpenBatch } from '../records/values.generated.js';
import type { Feed } from './feed.js';

/** A batch that became live. */
export interface AddedBatch {
  readonly event: CodesAdded;
  /** Null: it was journaled by a version that had none. */
  readonly intent: OpenBatch | null;
}

interface BatchesRead {
  readonly added: readonly AddedBatch[];
  readonly givenUp: readonly number[];
  /** Open at the end. */
  readonly open: readonly number[];
}

/**
 * What the journal says of batches after the checkpoints of some shards. A recovery reports it when
 * PostgreSQL lacks one of them (control/refill.ts).
 */
export interface Refill extends BatchesRead {
  readonly shards: readonly ShardId[];
}

/**
 * Of one shard, after `afterSeq` through `throughSeq`. `openBefore`: those that were open at
 * `afterSeq`.
 */
export async function readBatches(
  feed: Feed,
  shard: ShardId,
  afterSeq: Seq,
  throughSeq: Seq,
  openBefore: Iterable<OpenBatch>,
): Promise<BatchesRead> {
  const added: AddedBatch[] = [];
  const givenUp: number[] = [];
  const open = new Map<number, OpenBatch>();
  for (const batch of openBefore) open.set(batch.batchId, batch);
  for await (const batch of feed.readThrough(shard, afterSeq, throughSeq)) {
    for (const { events } of batch.changes()) {
      for (const event of events) {
        if (event.kind === 'batchOpened') open.set(event.batchId, event);
        if (event.kind === 'codesAdded') added.push({ event, intent: open.get(event.batchId) ?? null });
        if (event.kind === 'batchGivenUp') givenUp.push(event.batchId);
        if (event.kind === 'codesAdded' || event.kind === 'batchGivenUp') open.delete(event.batchId);
      }
    }
  }
  return { added, givenUp, open: [...open.keys()] };
}

/** What a recovery reports about batches when PostgreSQL lacks one of them (refill.ts). */

import type { CodesAdded } from '../domain/event.js';
import type { ShardId } from '../domain/ids.js';
import type { OpenBatch } from '../records/batches.js';

/** What the journal says of batches after the checkpoints of some shards. */
export interface Refill {
  readonly shards: readonly ShardId[];
  readonly added: readonly AddedBatch[];
  readonly givenUp: readonly number[];
  /** Open at the end of the journal. */
  readonly open: readonly number[];
}

export interface AddedBatch {
  readonly event: CodesAdded;
  /** Null: it was journaled by a version that had none. */
  readonly intent: OpenBatch | null;
}

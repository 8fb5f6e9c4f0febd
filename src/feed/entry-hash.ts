/**
 * Distinguishes entries with the same sequence numbers. PostgreSQL keeps the hash of the last entry
 * of each shard, and it is compared before the journal continues from there: equal numbers may have
 * different changes if one store was restored or belongs to another journal.
 */
import { createHash } from 'node:crypto';
import type { Seq, ShardId } from '../domain/ids.js';
import type { Entry } from '../journal/journal.js';
import { ProcessEnd } from '../platform/exit-codes.js';

/** SHA-256 over first and last sequence, as little-endian doubles, and the payload. */
export function hashOfEntry({ firstSeq, lastSeq, payload }: Entry): Buffer {
  const seqs = Buffer.alloc(16);
  seqs.writeDoubleLE(firstSeq, 0);
  seqs.writeDoubleLE(lastSeq, 8);
  return createHash('sha256').update(seqs).update(payload).digest();
}

export const differingEntries = (shard: ShardId, seq: Seq): ProcessEnd =>
  new ProcessEnd(
    'loss',
    `PostgreSQL and the journal hold different changes of shard ${shard} at sequence ${seq}: one of them was restored, or they do not belong together; compare them with: clipbook restore`,
  );

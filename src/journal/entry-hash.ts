/**
 * Distinguishes entries with the same sequence numbers. PostgreSQL keeps the hash of the last entry
 * of each shard, and it is compared before the journal continues from there: equal numbers may have
 * different changes if one store was restored or belongs to another journal.
 */
import { createHash } from 'node:crypto';
import type { Seq, ShardId } from '../domain/ids.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import { type Entry, JournalDamaged, type JournalReader, JournalTrimmed } from './journal.js';

/** SHA-256 over first and last sequence, as little-endian doubles, and the payload. */
export function hashOfEntry({ firstSeq, lastSeq, payload }: Entry): Buffer {
  const seqs = Buffer.alloc(16);
  seqs.writeDoubleLE(firstSeq, 0);
  seqs.writeDoubleLE(lastSeq, 8);
  return createHash('sha256').update(seqs).update(payload).digest();
}

/**
 * Whether the journal's entry that ends at `seq` is the one with this hash. Null where that can't
 * be told: the journal does not have the entry any more, or never had it because it went on after
 * an accepted loss.
 */
export async function isSameEntry(
  reader: JournalReader,
  shard: ShardId,
  seq: Seq,
  hash: Uint8Array,
): Promise<boolean | null> {
  try {
    const [entry] = await reader.read(shard, (seq - 1) as Seq, 1);
    if (entry === undefined || entry.firstSeq > seq) return null;
    return hashOfEntry(entry).equals(hash);
  } catch (error) {
    // Damage is told by whoever needs the entry. Files also call one damaged that is missing after
    // a loss.
    if (error instanceof JournalTrimmed || error instanceof JournalDamaged) return null;
    throw error;
  }
}

export const differingEntries = (shard: ShardId, seq: Seq): ProcessEnd =>
  new ProcessEnd(
    'loss',
    `PostgreSQL and the journal hold different changes of shard ${shard} at sequence ${seq}: one of them was restored, or they do not belong together; compare them with: clipbook restore`,
  );

/**
 * Which records of an epoch are valid, as later epochs state.
 *
 * A writer that was replaced may still write: it was paused in the middle of a commit, or of its
 * opening. Its successor can't stop it, but the successor's start record states, for each epoch
 * that it found, up to where it read it. Bytes after that are void for ever: they are neither
 * entries nor damage.
 *
 * Two rules, both by shard, because the threads of one process open at different moments:
 *
 *     epoch 7  ████████████▒▒▒▒      read to here ┐  what follows is void for the shards of epoch 8
 *     epoch 8  start{ 7: ──────────────────────────┘ }
 *
 *     epoch 9  of a lock with a lower number than that of epoch 8: a replaced process's, void
 *
 * An epoch whose end is offset 0 of its first segment is void from its start record on: then
 * neither the sequence at which it began a shard counts, nor what it states of others.
 *
 * What lost: deleting or renaming the files of an older epoch (the older writer has them open), and
 * a sequence alone, as the first format had it (it says nothing of bytes that are no entry, and
 * took those for damage).
 */
import { SHARDS_MAX, type ShardId } from '../../domain/ids.js';
import type { Start } from './record.js';

export interface EpochHead {
  readonly epoch: number;
  /** The numbers of the segments that are there, ascending. */
  readonly segments: readonly number[];
  /** The start record of the first of them. */
  readonly start: Start;
}

export interface EpochEnds {
  /**
   * The place from which on nothing of an epoch counts for a shard; infinity where no later epoch
   * says so.
   */
  of(epoch: number, shard: ShardId): number;
  /** Whether the epoch began the shard at all. */
  counts(head: EpochHead, shard: ShardId): boolean;
  /**
   * By shard: the first sequence that does not count in epochs up to this one, because a later one
   * began there.
   */
  fencesAfter(epoch: number): Float64Array;
}

/** A place in an epoch as one number, so that places compare. */
export function placeOf(segment: number, offset: number): number {
  return segment * 2 ** 32 + offset;
}

/** `heads` are ascending. */
export function endsOf(heads: readonly EpochHead[]): EpochEnds {
  const ends = new Map<number, Float64Array>();
  const endsIn = (epoch: number): Float64Array => {
    let found = ends.get(epoch);
    if (found === undefined) {
      found = new Float64Array(SHARDS_MAX).fill(Number.POSITIVE_INFINITY);
      ends.set(epoch, found);
    }
    return found;
  };
  const of = (epoch: number, shard: ShardId): number => ends.get(epoch)?.[shard] ?? Number.POSITIVE_INFINITY;
  const counts = ({ epoch, segments, start }: EpochHead, shard: ShardId): boolean =>
    of(epoch, shard) > placeOf(segments[0] ?? 0, 0) && start.shards.some((of) => of.shard === shard);

  let lockNumber = 0;
  for (const { epoch, start } of heads) {
    if (start.lockNumber < lockNumber) endsIn(epoch).fill(0);
    else lockNumber = start.lockNumber;
  }
  // From the newest on: what an epoch states counts only as far as the epoch itself does.
  for (const head of [...heads].reverse()) {
    for (const { shard } of head.start.shards) {
      if (!counts(head, shard)) continue;
      for (const { epoch, segment, offset } of head.start.earlier) {
        const earlier = endsIn(epoch);
        earlier[shard] = Math.min(earlier[shard] ?? 0, placeOf(segment, offset));
      }
    }
  }

  return {
    of,
    counts,
    fencesAfter: (epoch) => {
      const fences = new Float64Array(SHARDS_MAX).fill(Number.POSITIVE_INFINITY);
      for (const head of heads) {
        if (head.epoch <= epoch) continue;
        for (const { shard, fenceSeq } of head.start.shards) {
          if (counts(head, shard)) fences[shard] = Math.min(fences[shard] ?? fenceSeq, fenceSeq);
        }
      }
      return fences;
    },
  };
}

/**
 * The reader: any thread of the process, any number of them, each with an index of its own.
 *
 * What may be shown is said by the shared watermark of durable sequences, never by the file: bytes
 * that are there may still be unsynced. A read that finds the watermark where the caller is already
 * costs one atomic load.
 *
 * Sixteen shards live in one file, so a file is parsed once for all of them: a segment's index
 * holds, by shard, where each entry is, and grows as the segment does. The bytes that were parsed
 * last stay in memory, up to a bound, because the other shards will ask for their part of them;
 * what has been dropped is read again, entry by entry. At most `INDEXES_MAX` segments are indexed
 * at a time. Finding the segment for a sequence needs no index: its start record says where each
 * shard stood.
 *
 * Of several epochs that have a shard, a sequence belongs to the newest that began the shard at or
 * before it, for what an older one has from there on is void. So is what a later epoch did not read
 * (epochs.ts).
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { Entry, JournalReader } from '../journal.js';
import { JournalDamaged, JournalTrimmed } from '../journal.js';
import { type EpochEnds, type EpochHead, endsOf, placeOf } from './epochs.js';
import type { FileOps } from './file-ops.js';
import { isErrorCode } from './file-ops.js';
import { readStartOf } from './heads.js';
import { listEpochs, listSegments, segmentPath } from './layout.js';
import type { Start } from './record.js';
import { createSegmentIndex, createWindowCache, type SegmentIndex } from './segment-index.js';
import { journalBytes } from './size.js';
import type { JournalMarks } from './watermarks.js';

const INDEXES_MAX = 8;
const WINDOW_BYTES_MAX = 16 * 1024 * 1024;

interface KnownSegment {
  readonly epoch: number;
  readonly number: number;
  readonly path: string;
  readonly start: Start;
  /** By shard: the first sequence that this segment can hold. */
  readonly nextSeqs: ReadonlyMap<ShardId, number>;
}

interface KnownEpoch {
  /** Ascending, and never none. */
  readonly segments: readonly KnownSegment[];
  /** By shard that counts: the sequence at which the epoch began it. */
  readonly fences: ReadonlyMap<ShardId, number>;
  /** By shard: the place from which on nothing counts. */
  readonly ends: ReadonlyMap<ShardId, number>;
  /** By shard that counts: `StartShard.beganAfter`. */
  readonly beganAfter: ReadonlyMap<ShardId, number>;
}

export function createFileReader({
  ops,
  directory,
  marks,
}: {
  readonly ops: FileOps;
  readonly directory: string;
  readonly marks: JournalMarks;
}): JournalReader {
  /** Ascending. An epoch without a whole start record isn't in it. */
  let epochs = new Map<number, KnownEpoch>();
  /** In order of use, the oldest first. */
  const indexes = new Map<KnownSegment, SegmentIndex>();
  const windows = createWindowCache(WINDOW_BYTES_MAX);
  let closed = false;

  function read(shard: ShardId, afterSeq: Seq, bytesMax: number): readonly Entry[] {
    if (closed) throw new Error('the journal reader is closed');
    const durableSeq = marks.durable.get(shard);
    if (afterSeq >= durableSeq) return [];
    // In this order: whoever raised the mark that was just read had raised `opened` before.
    if (!epochs.has(marks.opened.get(shard))) refresh();
    assertBegan(shard, afterSeq);
    const entries: Entry[] = [];
    let bytes = 0;
    let seq = afterSeq + 1;
    while (seq <= durableSeq && (entries.length === 0 || bytes < bytesMax)) {
      const taken = takeFrom(shard, seq, durableSeq, bytesMax - bytes);
      const last = taken.at(-1);
      if (last === undefined) break;
      for (const entry of taken) {
        entries.push(entry);
        bytes += entry.payload.length;
      }
      seq = last.lastSeq + 1;
    }
    return entries;
  }

  /** What is before an accepted loss is not the history of what came after it. */
  function assertBegan(shard: ShardId, afterSeq: Seq): void {
    for (const { beganAfter } of epochs.values()) {
      const began = beganAfter.get(shard) ?? 0;
      if (afterSeq < began) throw new JournalTrimmed(`shard ${shard} began anew after ${began}, with a loss`);
    }
  }

  /**
   * Entries from the one that holds `seq` on, out of one segment. What is durable is there, or
   * trimmed, or damaged.
   */
  function takeFrom(shard: ShardId, seq: number, durableSeq: Seq, bytesMax: number): Entry[] {
    for (let attempt = 0; ; attempt += 1) {
      const segment = locate(shard, seq);
      if (segment !== null) {
        try {
          const limit = Math.min(durableSeq, limitOf(shard, segment.epoch) - 1);
          const endOffset = endIn(segment, shard) - placeOf(segment.number, 0);
          const taken = indexOf(segment).take(shard, seq, { limit, endOffset, bytesMax });
          if (taken.length > 0) return taken;
        } catch (error) {
          if (!isErrorCode(error, 'ENOENT')) throw error;
        }
      }
      if (attempt === 0) refresh();
      else if (segment === null) throw new JournalTrimmed(`sequence ${seq} of shard ${shard} was trimmed`);
      else if (attempt === 2)
        throw new JournalDamaged(segment.path, 0, `sequence ${seq} of shard ${shard} is not there`);
      else refresh();
    }
  }

  /**
   * The segment that holds a sequence, as far as is known; null when it is behind the oldest one.
   */
  function locate(shard: ShardId, seq: number): KnownSegment | null {
    let found: KnownSegment | null = null;
    for (const { segments, fences, ends } of epochs.values()) {
      const fence = fences.get(shard);
      if (fence === undefined || fence > seq) continue;
      const end = ends.get(shard) ?? Number.POSITIVE_INFINITY;
      const mayHold = ({ number, nextSeqs }: KnownSegment): boolean =>
        (nextSeqs.get(shard) ?? Number.NaN) <= seq && placeOf(number, 0) < end;
      found = segments.findLast(mayHold) ?? null;
    }
    return found;
  }

  function endIn({ epoch }: KnownSegment, shard: ShardId): number {
    return epochs.get(epoch)?.ends.get(shard) ?? Number.POSITIVE_INFINITY;
  }

  /** The first sequence of a shard that later epochs than this one have begun. */
  function limitOf(shard: ShardId, epoch: number): number {
    let limit = Number.POSITIVE_INFINITY;
    for (const [number, { fences }] of epochs) {
      if (number > epoch) limit = Math.min(limit, fences.get(shard) ?? limit);
    }
    return limit;
  }

  function indexOf(segment: KnownSegment): SegmentIndex {
    const index = indexes.get(segment) ?? createSegmentIndex({ ops, ...segment, salt: segment.start.salt, windows });
    indexes.delete(segment);
    indexes.set(segment, index);
    for (const [oldest, old] of indexes) {
      if (indexes.size <= INDEXES_MAX) break;
      old.close();
      indexes.delete(oldest);
    }
    return index;
  }

  /** Looks at the directory again: new epochs and segments, and those that were deleted. */
  function refresh(): void {
    const next = new Map<number, readonly KnownSegment[]>();
    const heads: EpochHead[] = [];
    for (const epoch of listEpochs(ops, directory)) {
      const known = epochs.get(epoch)?.segments ?? [];
      const segments = listSegments(ops, directory, epoch)
        .map((number) => known.find((segment) => segment.number === number) ?? learn(epoch, number))
        .filter((segment) => segment !== null);
      const [first] = segments;
      if (first === undefined) continue;
      next.set(epoch, segments);
      heads.push({ epoch, segments: segments.map(({ number }) => number), start: first.start });
    }
    const ends = endsOf(heads);
    epochs = new Map(heads.map((head) => [head.epoch, knownEpoch(head, next.get(head.epoch) ?? [], ends)]));
    for (const [segment, index] of indexes) {
      if (epochs.get(segment.epoch)?.segments.includes(segment)) continue;
      index.close();
      indexes.delete(segment);
    }
  }

  /** Null for a segment that was made but not begun, and for one that was deleted meanwhile. */
  function learn(epoch: number, number: number): KnownSegment | null {
    const path = segmentPath(directory, epoch, number);
    try {
      const start = readStartOf(ops, path, epoch, number);
      if (start === null) return null;
      const nextSeqs = new Map(start.shards.map(({ shard, nextSeq }) => [shard, nextSeq]));
      return { epoch, number, path, start, nextSeqs };
    } catch (error) {
      if (isErrorCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  /**
   * A segment says when it began. Of one of the first format only the time of its last record is
   * known.
   */
  async function sinceMs(): Promise<number | null> {
    refresh();
    const sinceOf = new Map<ShardId, number>();
    for (const { segments, fences } of epochs.values()) {
      const [first] = segments;
      if (first === undefined) continue;
      const beganMs = first.start.beganMs ?? (await modifiedMs(first.path));
      for (const shard of fences.keys()) sinceOf.set(shard, Math.min(sinceOf.get(shard) ?? beganMs, beganMs));
    }
    return sinceOf.size === 0 ? null : Math.max(...sinceOf.values());
  }

  /** Now, for a file that is gone. */
  async function modifiedMs(path: string): Promise<number> {
    try {
      return await ops.modifiedMsLater(path);
    } catch (error) {
      if (isErrorCode(error, 'ENOENT')) return ops.wallMs();
      throw error;
    }
  }

  return {
    durableSeq: (shard) => marks.durable.get(shard),
    // Async so that what it throws is a rejection; reading itself is a few system calls on cached
    // pages.
    read: async (shard, afterSeq, bytesMax) => read(shard, afterSeq, bytesMax),
    size: () => journalBytes(ops, directory),
    sinceMs,
    close: async () => {
      closed = true;
      for (const index of indexes.values()) index.close();
      indexes.clear();
    },
  };
}

function knownEpoch(head: EpochHead, segments: readonly KnownSegment[], ends: EpochEnds): KnownEpoch {
  const counting = head.start.shards.filter(({ shard }) => ends.counts(head, shard));
  return {
    segments,
    fences: new Map(counting.map(({ shard, fenceSeq }) => [shard, fenceSeq])),
    ends: new Map(counting.map(({ shard }) => [shard, ends.of(head.epoch, shard)])),
    beganAfter: new Map(counting.map(({ shard, beganAfter }) => [shard, beganAfter])),
  };
}

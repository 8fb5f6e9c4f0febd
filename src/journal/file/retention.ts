/**
 * Which trimmed segments are kept, and for how long.
 *
 * A segment is kept until its last record is older than the span, or the journal is larger than its
 * bytes, whichever is first. When a writer has no room for its next segment, it says how much it
 * wants, and kept segments go at once: a change must not be refused for the sake of what is kept.
 *
 * A segment that holds the last entry which the snapshot has of some shard is kept beyond the span,
 * but not beyond the bytes. That entry tells whether the snapshot and the journal belong together.
 * A shard that has been idle for long would otherwise let the journal grow without a bound.
 */
import type { ShardId } from '../../domain/ids.js';
import type { Retention } from '../journal.js';
import { type FileOps, isErrorCode } from './file-ops.js';
import type { OldSegment } from './scan.js';
import { journalBytes, sizeOf } from './size.js';
import type { JournalMarks } from './watermarks.js';

interface Keeper {
  /** A pass over the segments begins: what was measured before is out of date. */
  begin(): void;
  /** Whether a segment may be deleted; it is then. */
  mayGo(segment: OldSegment, shards: readonly ShardId[]): Promise<boolean>;
}

export function createKeeper({
  ops,
  directory,
  marks,
  retention,
}: {
  readonly ops: FileOps;
  readonly directory: string;
  readonly marks: JournalMarks;
  readonly retention: Retention;
}): Keeper {
  /** `marks.roomWanted` when the last pass began, and how much of it this pass has yet to free. */
  let seenBytes = marks.roomWanted.get();
  let wantedBytes = 0;
  /** Of the journal, above the retention; null until it is measured. */
  let excessBytes: number | null = null;

  async function judge({ path, lastSeqs }: OldSegment, shards: readonly ShardId[]): Promise<boolean> {
    const lastSeqOf = (shard: ShardId): number => lastSeqs[shard] ?? 0;
    if (!shards.every((shard) => lastSeqOf(shard) <= marks.trimmed.get(shard))) return false;
    // Of no shard: an epoch that is void.
    if (shards.length === 0 || (retention.ms === 0 && retention.bytes === 0)) return true;
    const bytes = await sizeOf(ops, path);
    excessBytes ??= (await journalBytes(ops, directory)) - retention.bytes;
    const isBehind = shards.every((shard) => lastSeqOf(shard) === 0 || lastSeqOf(shard) < marks.trimmed.get(shard));
    if (wantedBytes <= 0 && excessBytes <= 0 && !(isBehind && (await isOver(path)))) return false;
    excessBytes -= bytes;
    wantedBytes -= bytes;
    return true;
  }

  async function isOver(path: string): Promise<boolean> {
    try {
      return ops.wallMs() - (await ops.modifiedMsLater(path)) >= retention.ms;
    } catch (error) {
      if (isErrorCode(error, 'ENOENT')) return true;
      throw error;
    }
  }

  return {
    begin: () => {
      excessBytes = null;
      // What an earlier pass could not free is asked for again, as long as it is needed.
      wantedBytes = marks.roomWanted.get() - seenBytes;
      seenBytes += wantedBytes;
    },
    // What a disk says nothing of now is looked at again with the next pass.
    mayGo: (segment, shards) => judge(segment, shards).catch(() => false),
  };
}

/**
 * Deletes whole segments and epochs that hold nothing but trimmed entries, in the background, when
 * the retention span is over (retention.ts).
 *
 * Always the oldest first, each deletion synced before the next: whatever a crash leaves is an end
 * of the history without holes, so a hole always means damage. Segments at the end that were never
 * begun go before all, for the last one that is left must have a start record. That goes across
 * epochs too: nothing is deleted from an epoch while an older one that shares a shard with it is
 * there, ours or another thread's. The last segment of an epoch stays until a newer epoch has begun
 * every shard of it, because its start record says where the shards stand.
 */
import type { ShardId } from '../../domain/ids.js';
import type { Retention } from '../journal.js';
import type { FileOps } from './file-ops.js';
import { isErrorCode } from './file-ops.js';
import { epochPath, listEpochs, preparedPath } from './layout.js';
import { createKeeper } from './retention.js';
import type { OldEpoch, OldSegment } from './scan.js';
import { deleteFile } from './segment.js';
import type { JournalMarks } from './watermarks.js';

export interface Trimmer {
  /** Looks again, soon, at what may go. */
  request(): void;
  close(): Promise<void>;
}

export function createTrimmer({
  ops,
  directory,
  marks,
  older,
  own,
  retention,
}: {
  readonly ops: FileOps;
  readonly directory: string;
  readonly marks: JournalMarks;
  readonly older: readonly OldEpoch[];
  /**
   * The writer's own epoch: `segments` are those that it is done with, oldest first; they are taken
   * out here.
   */
  readonly own: { readonly epoch: number; readonly shards: readonly ShardId[]; readonly segments: OldSegment[] };
  readonly retention: Retention;
}): Trimmer {
  const keeper = createKeeper({ ops, directory, marks, retention });
  let epochs = older.map((epoch) => ({
    ...epoch,
    segments: epoch.segments === null ? null : [...epoch.segments],
    blanks: [...epoch.blanks],
  }));
  let running: Promise<void> | null = null;
  let again = false;
  let closed = false;

  function request(): void {
    if (closed) return;
    if (running !== null) {
      again = true;
      return;
    }
    running = pass().finally(() => {
      running = null;
      if (!again) return;
      again = false;
      request();
    });
  }

  async function pass(): Promise<void> {
    const blocked = new Set<ShardId>();
    const block = (shards: readonly ShardId[]) => {
      for (const shard of shards) blocked.add(shard);
    };
    const kept: typeof epochs = [];
    keeper.begin();
    for (const epoch of epochs) {
      if (!epoch.shards.some((shard) => blocked.has(shard)) && (await deleteEpoch(epoch))) continue;
      block(epoch.shards);
      kept.push(epoch);
    }
    epochs = kept;
    if (own.shards.some((shard) => blocked.has(shard))) return;
    await deleteSegments(own.epoch, own.shards, own.segments, 0);
  }

  /** True when the epoch is gone. */
  async function deleteEpoch({ epoch, shards, segments, blanks }: (typeof epochs)[number]): Promise<boolean> {
    if (segments === null) return !listEpochs(ops, directory).includes(epoch);
    while (blanks.length > 0) {
      if (closed || !(await deleteDurably(epoch, blanks.at(-1) ?? ''))) return false;
      blanks.pop();
    }
    const isSucceeded = shards.every((shard) => marks.opened.get(shard) > epoch);
    await deleteSegments(epoch, shards, segments, isSucceeded ? 0 : 1);
    if (segments.length > 0 || closed) return false;
    if (!(await deleteFile(ops, preparedPath(directory, epoch)))) return false;
    try {
      ops.rmdir(epochPath(directory, epoch));
      ops.syncDirectory(directory);
    } catch (error) {
      if (!isErrorCode(error, 'ENOENT')) return false;
    }
    return true;
  }

  /** Deletes from the front what may go, and leaves at least `keep`. */
  async function deleteSegments(
    epoch: number,
    shards: readonly ShardId[],
    segments: OldSegment[],
    keep: number,
  ): Promise<void> {
    for (let oldest = segments[0]; oldest !== undefined && segments.length > keep && !closed; oldest = segments[0]) {
      const { path } = oldest;
      if (!(await keeper.mayGo(oldest, shards))) return;
      if (!(await deleteDurably(epoch, path))) return;
      segments.shift();
    }
  }

  async function deleteDurably(epoch: number, path: string): Promise<boolean> {
    if (!(await deleteFile(ops, path))) return false;
    try {
      ops.syncDirectory(epochPath(directory, epoch));
      return true;
    } catch (error) {
      return isErrorCode(error, 'ENOENT');
    }
  }

  return {
    request,
    close: async () => {
      closed = true;
      await running;
    },
  };
}

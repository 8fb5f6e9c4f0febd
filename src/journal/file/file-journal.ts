/**
 * The file journal: a directory of epochs, one per opening of a writer, each a directory of
 * segments.
 *
 *      <directory>/journal.lock              one process at a time: lock.ts
 *      <directory>/0000000007/00000000.seg   epoch 7: the records of one writer's shards: record.ts
 *                             00000001.seg
 *                             prepared.tmp   the next segment, ready ahead of need: segment.ts
 *
 * An epoch belongs to one writer and is never written again after it. Its start record names its
 * shards and, for each, the sequence at which it begins; what older epochs have from there on is
 * void. It also states up to where it read each older epoch; bytes behind that are void too
 * (epochs.ts). These rules do three things. They fence: an older writer can go on writing to its
 * own files, but its records are void. They make a failed fdatasync final: if a part of the
 * unacknowledged commit reaches the disk later, it is void. And they let shards move between
 * threads: a restart with another number of them reads all epochs and goes on in new ones.
 *
 * What lost: one file per shard (16 fdatasyncs where one is enough), and truncating the torn tail
 * in place (a write to the file whose state is in doubt, and nothing that stops the older writer).
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { Journal, JournalReader, Retention } from '../journal.js';
import { JournalRolledBack, KEEP_NOTHING } from '../journal.js';
import { type FileOps, isErrorCode, realFileOps, writeFully } from './file-ops.js';
import type { Cut } from './heads.js';
import { epochPath, segmentPath, takeEpoch } from './layout.js';
import { createLockCheck, type LockFile } from './lock-check.js';
import { createFileReader } from './reader.js';
import { CHAIN_BYTES } from './record.js';
import { type OldEpoch, scanEpochs } from './scan.js';
import { deleteFile } from './segment.js';
import { createJournalMarksBuffer, journalMarks } from './watermarks.js';
import { createFileWriter, type FileWriter } from './writer.js';

interface FileJournalOptions {
  /** It exists, and this process has locked it (`lockDirectory`). */
  readonly directory: string;
  /**
   * The lock. Absent where nothing but this process can reach the directory: then nothing is
   * checked.
   */
  readonly lock?: LockFile;
  /**
   * What the threads of one process share about this directory; the first one makes it and hands it
   * on.
   */
  readonly shared?: SharedArrayBuffer;
  /** Nothing is kept behind the snapshot when absent. */
  readonly retention?: Retention;
  /** The size that segments grow to. */
  readonly segmentBytes?: number;
  /** How long after a failure the next segment is tried again. */
  readonly retryMs?: number;
  /** Told what a writer's opening found behind the last whole record of an epoch, and left out. */
  readonly onCut?: (cut: Cut) => void;
  readonly ops?: FileOps;
}

export interface FileJournal extends Journal {
  readonly name: 'file';
  /** To be given to every other thread of this process that opens the same directory. */
  readonly shared: SharedArrayBuffer;
}

const SEGMENT_BYTES = 64 * 1024 * 1024;
const RETRY_MS = 200;

/**
 * Opens nothing by itself. Several threads may each have one on the same directory, with writers of
 * disjoint shards; a shard's older writer must be of the same thread or of one that has ended when
 * a new one is opened.
 *
 * A writer's `append` throws, and stays usable, where the caller broke the rules of the interface:
 * a shard that isn't its own, a sequence that doesn't follow, a second commit in flight, a commit
 * of more than 256 MiB. Readers show nothing of a shard until a writer has opened it in this
 * process.
 */
export function openFileJournal({
  directory,
  lock,
  shared = createJournalMarksBuffer(),
  retention = KEEP_NOTHING,
  segmentBytes = SEGMENT_BYTES,
  retryMs = RETRY_MS,
  onCut = () => undefined,
  ops = realFileOps,
}: FileJournalOptions): FileJournal {
  const marks = journalMarks(shared);
  const writers = new Set<FileWriter>();
  const readers = new Set<JournalReader>();

  async function openWriter(
    shards: readonly ShardId[],
    startAfter: ReadonlyMap<ShardId, Seq> = new Map(),
    goOnAfter: ReadonlyMap<ShardId, Seq> = new Map(),
    inSnapshot: ReadonlyMap<ShardId, Seq> = new Map(),
  ): Promise<FileWriter> {
    await fenceEarlier(shards);
    const lockCheck = lock === undefined ? null : createLockCheck(ops, lock);
    lockCheck?.check();
    // No lower than the number of the lock: the next lock's number is above every epoch, and so
    // above every lock's.
    const owners = shards.map((shard) => marks.owner.get(shard));
    const epoch = takeEpoch(ops, directory, Math.max(lock?.number ?? 0, 1 + Math.max(0, ...owners)));
    for (const shard of shards) marks.owner.raise(shard, epoch);
    try {
      const voidAfter = voidAfterOf(shards, startAfter);
      const scan = scanEpochs({ ops, directory, shards, voidAfter, inSnapshot, beforeEpoch: epoch });
      for (const cut of scan.cuts) onCut(cut);
      for (const shard of shards) {
        const lastSeq = scan.lastSeqs[shard] ?? 0;
        const known = Math.max(voidAfter.get(shard) ?? 0, marks.durable.get(shard));
        const goOn = goOnAfter.get(shard);
        scan.beganAfter[shard] = Math.max(scan.beganAfter[shard] ?? 0, goOn ?? 0);
        if (goOn !== undefined && goOn > lastSeq) {
          scan.lastSeqs[shard] = goOn;
          // Without a link: so the next opening can distinguish an accepted loss from a gap.
          scan.links[shard] = Buffer.alloc(CHAIN_BYTES);
        } else if (goOn === undefined && known > lastSeq)
          throw new JournalRolledBack(shard, (lastSeq + 1) as Seq, known as Seq);
      }
      const isUnknown = (shard: ShardId) => shards.includes(shard) && !startAfter.has(shard);
      for (const old of scan.epochs) if (old.shards.some(isUnknown)) rewriteTail(ops, old);
      const writer = createFileWriter({
        ops,
        directory,
        lockCheck,
        marks,
        epoch,
        shards,
        scan,
        lockNumber: lock?.number ?? 0,
        retention,
        segmentBytes,
        retryMs,
        abandon: () => abandonEpoch(ops, directory, epoch),
      });
      // A process that took the directory over before the start record was written has not seen it.
      try {
        lockCheck?.check();
      } catch (error) {
        await writer.fence();
        throw error;
      }
      for (const shard of shards) {
        marks.opened.raise(shard, epoch);
        marks.durable.raise(shard, (scan.lastSeqs[shard] ?? 0) as Seq);
      }
      writers.add(writer);
      return writer;
    } catch (error) {
      await abandonEpoch(ops, directory, epoch);
      throw error;
    }
  }

  async function fenceEarlier(shards: readonly ShardId[]): Promise<void> {
    for (const writer of writers) {
      if (!writer.shards.some((shard) => shards.includes(shard))) continue;
      writers.delete(writer);
      await writer.fence();
    }
  }

  /**
   * What readers were shown was durable and may have gone on to the snapshot, whether or not its
   * caller was told.
   */
  function voidAfterOf(shards: readonly ShardId[], startAfter: ReadonlyMap<ShardId, Seq>): Map<ShardId, Seq> {
    const voidAfter = new Map<ShardId, Seq>();
    for (const shard of shards) {
      const seq = startAfter.get(shard);
      if (seq !== undefined) voidAfter.set(shard, Math.max(seq, marks.durable.get(shard)) as Seq);
    }
    return voidAfter;
  }

  return {
    name: 'file',
    shared,
    openWriter,
    openReader: async () => {
      const reader = createFileReader({ ops, directory, marks });
      readers.add(reader);
      return reader;
    },
    close: async () => {
      await Promise.all([...writers].map((writer) => writer.close()));
      await Promise.all([...readers].map((reader) => reader.close()));
      writers.clear();
      readers.clear();
    },
  };
}

/**
 * Makes the last record of an epoch durable before it is reported so. Its writer may have died
 * before its fdatasync, or of it; after a failed one the kernel calls pages clean that never got to
 * the disk, and another fdatasync would do nothing. So the record is written again, byte for byte,
 * which a crash in the middle can't hurt, and then synced. The records before it were: a writer has
 * one commit in flight.
 */
function rewriteTail(ops: FileOps, { tail }: OldEpoch): void {
  if (tail === null) return;
  const fd = ops.open(tail.path, 'r+');
  try {
    writeFully(ops, fd, tail.bytes, tail.offset);
    ops.sync(fd);
  } finally {
    ops.close(fd);
  }
}

/**
 * An opening that failed, or that nothing came of, leaves nothing behind, where that can be had.
 * What stays has no entries and is ignored.
 */
async function abandonEpoch(ops: FileOps, directory: string, epoch: number): Promise<void> {
  await deleteFile(ops, segmentPath(directory, epoch, 0));
  try {
    ops.rmdir(epochPath(directory, epoch));
  } catch (error) {
    if (!isErrorCode(error, 'ENOENT', 'ENOTEMPTY', 'EIO', 'EROFS')) throw error;
  }
}

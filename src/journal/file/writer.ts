/**
 * The writer: one record and one fdatasync per commit, in segments of its own epoch.
 *
 * One commit is in flight at a time, and what arrives meanwhile is the next commit: that is group
 * commit, and it also means that only the last record of an epoch can ever be on disk without
 * having been acknowledged.
 *
 * Write and fdatasync run in the calling thread. Handing them to libuv costs twice the CPU (115
 * against 58 µs a commit of 400 bytes here) and half as much time again (p50 200 against 140 µs),
 * for a thread that would only collect requests meanwhile. On a slow disk this changes: when recent
 * syncs took longer than `SYNC_IN_THREAD_MS_MAX`, they go to libuv, and the shards answer reads and
 * decide commands meanwhile. That limit is longer than one or two ticks of the scheduler: if all
 * cores are busy, a sync of 0.3 ms takes 4 to 8, and with libuv, which has two more threads to
 * wake, 8 to 12. `O_DSYNC` in place of the two calls was not measurably different here, and is not
 * a flush of the drive's cache everywhere.
 *
 *      open ──▶ idle ◀──▶ in flight     a commit, or a mark
 *                 │           │
 *                 └──▶ failed ◀┘        an error, a newer epoch, a lost lock, or close: there is no way back
 *
 * After an error of write or fdatasync the state of the disk is unknown, and another fdatasync
 * would only hide the error. So the writer has failed for good; the next opening takes a new epoch,
 * whose start record says what counts.
 *
 * A mark is a commit without entries. The writer appends one behind a commit when none followed it
 * for `MARK_AFTER_MS`, and when it closes. With a whole record behind it, a bad one can't be torn:
 * that is how a later opening knows that an acknowledged commit was damaged (tail.ts). A mark is
 * synced by libuv. A commit that comes meanwhile waits for it, so that there is never more than one
 * record that may not be durable; it would wait in the kernel anyway.
 *
 * Between the sync and the acknowledgement the writer looks at the directory's lock
 * (lock-check.ts). The order matters. A process that took the directory over before the look is
 * noticed. One that takes it over after the look reads the record that was synced, so the
 * acknowledged commit is part of its history.
 */
import { randomBytes } from 'node:crypto';
import { type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';
import type { Entry, JournalWriter, Retention } from '../journal.js';
import { JournalFenced } from '../journal.js';
import { type FileOps, writeFully } from './file-ops.js';
import { epochPath, preparedPath, segmentPath } from './layout.js';
import type { LockCheck } from './lock-check.js';
import {
  CHAIN_BYTES,
  commitBytes,
  EMPTY_COMMIT_BYTES,
  RECORD_BYTES_MAX,
  type StartShard,
  startBytes,
  writeCommit,
  writeStart,
} from './record.js';
import type { OldSegment, Scan } from './scan.js';
import { createPreparer, createSegment, segmentBytesOf, syncLater } from './segment.js';
import { createTrimmer } from './trimmer.js';
import type { JournalMarks } from './watermarks.js';

/**
 * While there is room, a commit of so many bytes has it for certain; a larger one gets a segment
 * made on the spot.
 */
const ROOM_BYTES = 1024 * 1024;
const SYNC_IN_THREAD_MS_MAX = 8;
const SCRATCH_BYTES = 256 * 1024;
const MARK_AFTER_MS = 100;
const MARK_EVERY_MS = 1000;

export interface FileWriter extends JournalWriter {
  readonly shards: readonly ShardId[];
  /**
   * Ends the writer because a newer one takes over; resolves when nothing of it is in flight any
   * more.
   */
  fence(): Promise<void>;
}

interface FileWriterOptions {
  readonly ops: FileOps;
  readonly directory: string;
  /** Null: nobody else can reach the directory. */
  readonly lockCheck: LockCheck | null;
  readonly marks: JournalMarks;
  readonly epoch: number;
  readonly shards: readonly ShardId[];
  readonly scan: Scan;
  /** `LockFile.number`. */
  readonly lockNumber: number;
  readonly retention: Retention;
  readonly segmentBytes: number;
  readonly retryMs: number;
  /** Removes the epoch, which has one segment. */
  readonly abandon: () => Promise<void>;
}

interface HeldCommit {
  readonly entries: readonly Entry[];
  readonly recordBytes: number;
  readonly whenDone: (error: Error | null) => void;
}

/** The segment that is written to. */
interface OpenSegment extends OldSegment {
  readonly number: number;
  readonly fd: number;
  readonly bytes: number;
  /** Where the next record goes. */
  offset: number;
}

/** Begins the epoch: its start record is durable when this returns. Throws what the disk said. */
export function createFileWriter(options: FileWriterOptions): FileWriter {
  const { ops, directory, lockCheck, marks, epoch, shards, scan, lockNumber, retention, segmentBytes, retryMs } =
    options;
  const roomBytes = Math.min(ROOM_BYTES, Math.floor(segmentBytes / 4));
  const salt = randomBytes(4).readUInt32LE();
  const appended = Float64Array.from(scan.lastSeqs);
  /** By shard: the chain of the record that holds its last entry. */
  const links: Buffer[] = [...scan.links];
  const isOwned = new Uint8Array(SHARDS_MAX);
  for (const shard of shards) isOwned[shard] = 1;

  /** By shard: the commit, counted by `commits`, that it was last in. */
  const lastCommit = new Float64Array(SHARDS_MAX);
  let commits = 0;
  let chain: Buffer = Buffer.alloc(CHAIN_BYTES);
  let ordinal = 0;
  let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  const headBytes = startBytes(shards.length, scan.ends.length);
  let segmentsMade = 0;
  let segment = openFirstSegment();
  let failed: Error | null = null;
  let isInFlight = false;
  /** Why there are no appends any more, while the last mark is made. */
  let ending: Error | null = null;
  let isClosed = false;
  let whenIdle: (() => void)[] = [];
  let syncMs = 0;
  let tellEnd: (error: Error) => void = () => undefined;

  /** Commits so far, when the last mark was made. */
  let markedCommits = 0;
  let markedMs = Number.NEGATIVE_INFINITY;
  let cancelMark: (() => void) | null = null;
  let isMarking = false;
  /** The commit that came while a mark was in flight. */
  let held: HeldCommit | null = null;

  const done: OldSegment[] = [];
  const onNoRoom = (bytes: number): void => {
    marks.roomWanted.add(bytes);
    trimmer.request();
  };
  const preparer = createPreparer({ ops, path: preparedPath(directory, epoch), directory, retryMs, onNoRoom });
  preparer.prepare(segmentBytesOf(segmentsMade, segmentBytes));
  const trimmer = createTrimmer({
    ops,
    directory,
    marks,
    older: scan.epochs,
    own: { epoch, shards, segments: done },
    retention,
  });

  function openFirstSegment(): OpenSegment {
    const opened = makeSegment(0, headBytes);
    try {
      writeStartOf(opened);
    } catch (error) {
      ops.close(opened.fd);
      throw error;
    }
    return opened;
  }

  /** Synced by itself: when it is bad and something follows, the medium is damaged. */
  function writeStartOf(opened: OpenSegment): void {
    ensureScratch(headBytes);
    putStart(opened.number);
    writeFully(ops, opened.fd, scratch.subarray(0, headBytes), 0);
    ops.sync(opened.fd);
    opened.offset = headBytes;
  }

  function append(entries: readonly Entry[], whenDone: (error: Error | null) => void): void {
    const refused = failed ?? ending;
    if (refused === null) {
      checkEntries(entries);
      if (entries.some(({ shard }) => marks.owner.get(shard) !== epoch)) {
        failed = new JournalFenced(`epoch ${epoch} was taken over`);
      }
    }
    const error = failed ?? refused;
    if (error !== null) {
      queueMicrotask(() => whenDone(error));
      return;
    }
    const recordBytes = commitBytes(entries);
    if (recordBytes > RECORD_BYTES_MAX) throw new RangeError(`a commit of ${recordBytes} bytes is too large`);
    isInFlight = true;
    if (isMarking) held = { entries, recordBytes, whenDone };
    else write(entries, recordBytes, whenDone);
  }

  function write(entries: readonly Entry[], recordBytes: number, whenDone: (error: Error | null) => void): void {
    try {
      if (segment.offset + recordBytes > segment.bytes) nextSegment(recordBytes);
      putCommit(entries, recordBytes);
      for (const { shard, lastSeq } of entries) {
        appended[shard] = lastSeq;
        links[shard] = chain;
        segment.lastSeqs[shard] = lastSeq;
      }
      const startMs = ops.monotonicMs();
      writeFully(ops, segment.fd, scratch.subarray(0, recordBytes), segment.offset);
      segment.offset += recordBytes;
      if (syncMs > SYNC_IN_THREAD_MS_MAX) {
        ops.syncLater(segment.fd, (syncError) => {
          const error = syncError ?? lockFailure();
          if (error === null) noteDurable(entries, startMs);
          land(error, whenDone);
        });
        return;
      }
      ops.sync(segment.fd);
      const lost = lockFailure();
      if (lost !== null) throw lost;
      noteDurable(entries, startMs);
      queueMicrotask(() => land(null, whenDone));
    } catch (error) {
      failed = asError(error);
      queueMicrotask(() => land(asError(error), whenDone));
    }
  }

  /**
   * Why nothing may be acknowledged any more, or null. It is asked after the sync: a process that
   * takes the directory over after that reads what was synced, and counts it.
   */
  function lockFailure(): Error | null {
    try {
      lockCheck?.check();
      return null;
    } catch (error) {
      return asError(error);
    }
  }

  /** Without a commit that would find out, the lock is looked at once per `SURE_MS`. */
  function isSure(): boolean {
    if (failed !== null) return false;
    if (lockCheck === null || lockCheck.isFresh()) return true;
    failed = lockFailure();
    if (failed === null) return true;
    const error = failed;
    queueMicrotask(() => tellEnd(error));
    return false;
  }

  /** The commit in flight has come to an end. */
  function land(error: Error | null, whenDone: (error: Error | null) => void): void {
    if (error !== null) failed ??= error;
    isInFlight = false;
    if (cancelMark === null) markLater(MARK_AFTER_MS);
    if (scratch.length > SCRATCH_BYTES) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    becomeIdle();
    whenDone(error);
  }

  function becomeIdle(): void {
    const waiting = whenIdle;
    whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  function noteDurable(entries: readonly Entry[], startMs: number): void {
    syncMs += (ops.monotonicMs() - startMs - syncMs) / 8;
    for (const { shard, lastSeq } of entries) marks.durable.raise(shard, lastSeq);
  }

  // ─── Marks ─────────────────────────────────────────────────────────────────────────────────────────────────

  function markLater(delayMs: number): void {
    if (isClosed) return;
    const seen = commits;
    cancelMark = ops.after(delayMs, () => {
      cancelMark = null;
      if (commits !== seen || isInFlight) markLater(MARK_AFTER_MS);
      else void mark();
    });
  }

  /**
   * Resolves when the mark is durable, or is not to be had. It takes no room from a commit that was
   * promised some.
   */
  async function mark(): Promise<void> {
    if (failed !== null || isMarking || commits === markedCommits) return;
    if (segment.bytes - segment.offset - EMPTY_COMMIT_BYTES < (preparer.isReady() ? 0 : roomBytes)) return;
    const dueMs = markedMs + MARK_EVERY_MS - ops.monotonicMs();
    if (dueMs > 0 && ending === null) {
      markLater(dueMs);
      return;
    }
    isMarking = true;
    markedCommits = commits;
    markedMs = ops.monotonicMs();
    try {
      lockCheck?.check();
      putCommit([], EMPTY_COMMIT_BYTES);
      writeFully(ops, segment.fd, scratch.subarray(0, EMPTY_COMMIT_BYTES), segment.offset);
      segment.offset += EMPTY_COMMIT_BYTES;
      await syncLater(ops, segment.fd);
    } catch (error) {
      failed ??= asError(error);
    }
    isMarking = false;
    goOnAfterMark();
  }

  function goOnAfterMark(): void {
    const commit = held;
    held = null;
    if (commit === null) {
      becomeIdle();
      if (failed !== null && ending === null) tellEnd(failed);
    } else if (failed === null) write(commit.entries, commit.recordBytes, commit.whenDone);
    else land(failed, commit.whenDone);
  }

  // ─── What a commit is made of ──────────────────────────────────────────────────────────────────────────────

  /** What may be appended is decided by the caller; that it decided right is checked here. */
  function checkEntries(entries: readonly Entry[]): void {
    if (isInFlight) throw new Error('a commit is in flight already');
    if (entries.length === 0) throw new Error('a commit has at least one entry');
    commits += 1;
    for (const { shard, firstSeq, lastSeq, payload } of entries) {
      if (isOwned[shard] !== 1) throw new Error(`shard ${shard} is not this writer's`);
      if (lastCommit[shard] === commits) throw new Error(`two entries of shard ${shard} in one commit`);
      lastCommit[shard] = commits;
      if (firstSeq !== (appended[shard] ?? 0) + 1 || lastSeq < firstSeq || !Number.isSafeInteger(lastSeq)) {
        throw new Error(`shard ${shard} is at ${appended[shard]}, not before ${firstSeq} to ${lastSeq}`);
      }
      if (payload.length === 0) throw new Error(`an entry of shard ${shard} is empty`);
    }
  }

  /**
   * Goes on in another segment. The one before it may go only now: an epoch must never be without a
   * start record.
   */
  function nextSegment(recordBytes: number): void {
    const { fd, path, lastSeqs, number } = segment;
    segment = makeSegment(number + 1, headBytes + recordBytes);
    ops.close(fd);
    writeStartOf(segment);
    done.push({ path, lastSeqs });
    trimmer.request();
  }

  /** The prepared segment where there is one that is large enough, else one that is made now. */
  function makeSegment(number: number, bytesMin: number): OpenSegment {
    const path = segmentPath(directory, epoch, number);
    const prepared = number === 0 ? null : preparer.take(bytesMin);
    let fd: number;
    let bytes: number;
    if (prepared === null) {
      bytes = Math.max(bytesMin, segmentBytesOf(0, segmentBytes));
      fd = createSegment(ops, path, bytes);
    } else {
      ({ fd, bytes } = prepared);
      ops.rename(preparedPath(directory, epoch), path);
      preparer.prepare(segmentBytesOf(segmentsMade + 1, segmentBytes));
    }
    ops.syncDirectory(epochPath(directory, epoch));
    segmentsMade += 1;
    return { path, number, fd, bytes, offset: 0, lastSeqs: new Float64Array(SHARDS_MAX) };
  }

  function putStart(number: number): void {
    const starts = shards.map(
      (shard): StartShard => ({
        shard,
        fenceSeq: (scan.lastSeqs[shard] ?? 0) + 1,
        nextSeq: (appended[shard] ?? 0) + 1,
        link: links[shard] ?? Buffer.alloc(CHAIN_BYTES),
        beganAfter: scan.beganAfter[shard] ?? 0,
      }),
    );
    const start = { chainBefore: chain, salt, lockNumber, beganMs: ops.wallMs(), shards: starts, earlier: scan.ends };
    chain = writeStart(scratch, 0, { epoch, segment: number, ordinal }, start);
    ordinal += 1;
  }

  function putCommit(entries: readonly Entry[], recordBytes: number): void {
    ensureScratch(recordBytes);
    chain = writeCommit(scratch, 0, { epoch, segment: segment.number, ordinal }, entries, chain, salt);
    ordinal += 1;
  }

  function ensureScratch(bytes: number): void {
    if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(bytes);
  }

  async function end(reason: Error): Promise<void> {
    ending ??= reason;
    cancelMark?.();
    const isIdle = (): boolean => !isInFlight && !isMarking;
    while (!isIdle()) await new Promise<void>((resolve) => whenIdle.push(resolve));
    await mark();
    failed ??= reason;
    if (isClosed) return;
    isClosed = true;
    await Promise.all([preparer.close(), trimmer.close()]);
    try {
      ops.truncate(segment.fd, segment.offset);
    } catch {
      // The zeros at the end are no use to anyone now. If they stay, they do no harm.
    }
    ops.close(segment.fd);
  }

  return {
    shards,
    lastSeqs: new Map(shards.map((shard) => [shard, (scan.lastSeqs[shard] ?? 0) as Seq])),
    inFlightMax: 1,
    append,
    hasRoom: () =>
      failed === null && ending === null && (preparer.isReady() || segment.bytes - segment.offset >= roomBytes),
    ownership: {
      isSure,
      onEnd: (listener) => {
        tellEnd = listener;
      },
    },
    trim: (shard, throughSeq) => {
      marks.trimmed.raise(shard, throughSeq);
      trimmer.request();
    },
    close: () => end(new Error('the journal writer is closed')),
    discard: async () => {
      await end(new Error('the journal writer is closed'));
      if (commits === 0) await options.abandon();
    },
    fence: () => end(new JournalFenced(`epoch ${epoch} was taken over`)),
  };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

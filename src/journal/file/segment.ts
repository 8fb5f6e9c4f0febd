/**
 * Making segments. A segment is written full of zeros and synced before it is used, for two
 * reasons: its room is certain, so a full disk is known before a commit needs it; and a commit's
 * fdatasync then has data to flush but no sizes or extents, which on ext4 is the difference between
 * one write and a commit of the file system's own journal (140 µs against 180 to 430 µs here, more
 * with larger commits).
 *
 * What lost: `ftruncate` alone is as fast for small commits but reserves nothing. Reusing trimmed
 * segments by renaming saves writing the zeros, some 0.5 % of a core at 10 MB/s, and would leave
 * old records where the tail of the new ones is looked for. Node has no `fallocate`.
 *
 * The first segments of an epoch are smaller, so that opening a writer takes milliseconds.
 */
import type { FileOps } from './file-ops.js';
import { isErrorCode, writeFully } from './file-ops.js';

const FIRST_SEGMENT_BYTES = 4 * 1024 * 1024;
const ZEROS = Buffer.alloc(1024 * 1024);
/**
 * So much is written between syncs in the background: a burst of dirty pages would slow the commits
 * down.
 */
const SYNC_BYTES = 4 * 1024 * 1024;

/**
 * The size of the segment that is the `count`th to be made (from 0): 4 MiB, doubled up to
 * `segmentBytes`.
 */
export function segmentBytesOf(count: number, segmentBytes: number): number {
  return Math.min(segmentBytes, FIRST_SEGMENT_BYTES * 2 ** Math.min(count, 20));
}

/**
 * Makes a segment now. On error nothing is left open; a file may be left, which holds only zeros.
 */
export function createSegment(ops: FileOps, path: string, bytes: number): number {
  const fd = ops.open(path, 'wx+');
  try {
    for (let at = 0; at < bytes; at += ZEROS.length) {
      writeFully(ops, fd, ZEROS.subarray(0, Math.min(ZEROS.length, bytes - at)), at);
    }
    ops.sync(fd);
  } catch (error) {
    ops.close(fd);
    throw error;
  }
  return fd;
}

interface PreparedSegment {
  readonly fd: number;
  readonly bytes: number;
}

/** Keeps one segment ready ahead of the writer, at `path`. Whoever takes it renames it. */
interface Preparer {
  isReady(): boolean;
  /**
   * Hands the ready segment over; null when there is none, or a smaller one. Call `prepare` again
   * once `path` is free.
   */
  take(bytesMin: number): PreparedSegment | null;
  /**
   * Begins to make the next one, `bytes` long, and tries again every `retryMs` until there is one.
   */
  prepare(bytes: number): void;
  /** Stops, and deletes what was prepared. */
  close(): Promise<void>;
}

/**
 * Before it writes, it asks whether the disk has twice the room: what is left belongs to others on
 * the same disk, above all to PostgreSQL, which has to go on for the journal to be trimmed.
 * `onNoRoom` is told how much room that would be.
 */
export function createPreparer({
  ops,
  path,
  directory,
  retryMs,
  onNoRoom,
}: {
  readonly ops: FileOps;
  readonly path: string;
  readonly directory: string;
  readonly retryMs: number;
  readonly onNoRoom: (bytes: number) => void;
}): Preparer {
  let ready: PreparedSegment | null = null;
  let running: Promise<void> | null = null;
  let cancelRetry = (): void => undefined;
  let closed = false;

  function prepare(bytes: number): void {
    running = make(bytes).then(
      (made) => {
        running = null;
        ready = made;
      },
      (error: unknown) => {
        running = null;
        if (closed) return;
        if (isErrorCode(error, 'ENOSPC', 'EDQUOT')) onNoRoom(2 * bytes);
        cancelRetry = ops.after(retryMs, () => prepare(bytes));
      },
    );
  }

  async function make(bytes: number): Promise<PreparedSegment> {
    const freeBytes = await ops.freeBytesLater(directory);
    if (freeBytes < 2 * bytes) {
      const message = `${freeBytes} bytes free, a segment of ${bytes} is wanted`;
      throw Object.assign(new Error(message), { code: 'ENOSPC' });
    }
    let fd: number | null = null;
    try {
      fd = ops.open(path, 'wx+');
      let unsynced = 0;
      for (let at = 0; at < bytes; ) {
        if (closed) throw new Error('closed');
        const written = await ops.writeLater(fd, ZEROS.subarray(0, Math.min(ZEROS.length, bytes - at)), at);
        if (written === 0) throw new Error('wrote 0 bytes');
        at += written;
        unsynced += written;
        if (unsynced < SYNC_BYTES && at < bytes) continue;
        await syncLater(ops, fd);
        unsynced = 0;
      }
      return { fd, bytes };
    } catch (error) {
      if (fd !== null) ops.close(fd);
      await deleteFile(ops, path);
      throw error;
    }
  }

  return {
    isReady: () => ready !== null,
    take: (bytesMin) => {
      if (ready === null || ready.bytes < bytesMin) return null;
      const taken = ready;
      ready = null;
      return taken;
    },
    prepare,
    close: async () => {
      closed = true;
      cancelRetry();
      await running;
      if (ready === null) return;
      ops.close(ready.fd);
      ready = null;
      await deleteFile(ops, path);
    },
  };
}

/**
 * Deletes a file; one that is gone already is fine, and so is one that can't go now: it is only
 * room.
 */
export async function deleteFile(ops: FileOps, path: string): Promise<boolean> {
  try {
    await ops.unlinkLater(path);
    return true;
  } catch (error) {
    return isErrorCode(error, 'ENOENT');
  }
}

export function syncLater(ops: FileOps, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    ops.syncLater(fd, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

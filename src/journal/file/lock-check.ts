/**
 * Whether this process still holds the lock of a journal directory (lock.ts).
 *
 * The lock is lost when the file under its path is another one than the one that this process made,
 * or is gone: then the next start would not find it, and take the directory.
 * Reading the file's content would cost three system calls; comparing device and inode costs one,
 * about 1.3 µs here, and is as good, because the holder keeps its file open and no other file can
 * get that inode meanwhile.
 */
import { JournalFenced } from '../journal.js';
import type { FileOps } from './file-ops.js';

/** The lock file that this process holds. It can be handed to other threads. */
export interface LockFile {
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  /**
   * Greater than the number of every earlier holder. Epochs state it, so that an epoch which a
   * replaced process makes late is known as void (epochs.ts).
   */
  readonly number: number;
}

/** What a writer knows of the lock. */
export interface LockCheck {
  /** Throws `JournalFenced` when the lock is lost. */
  check(): void;
  /** True when the last check was less than `SURE_MS` ago, by both clocks. */
  isFresh(): boolean;
}

/** Far below the 10 s without a heartbeat after which another process may take the lock. */
const SURE_MS = 100;

/** Throws what the disk said when it could not tell. */
export function holdsLock(ops: Pick<FileOps, 'fileId'>, { path, dev, ino }: LockFile): boolean {
  const found = ops.fileId(path);
  return found !== null && found.ino === ino && found.dev === dev;
}

/** Why it is lost, by what is under its path now. */
export function lockLost(ops: Pick<FileOps, 'fileId'>, { path }: LockFile): JournalFenced {
  return new JournalFenced(
    ops.fileId(path) === null
      ? `${path} is gone: it, or the directory, was removed or moved while this process was using it`
      : `${path} was taken over by another process`,
  );
}

/**
 * Both clocks count, because each of them misses a kind of pause: the monotonic clock stands still
 * while the machine is suspended, and the wall clock may be set back.
 */
export function createLockCheck(
  ops: FileOps,
  lock: LockFile,
  clock: Pick<FileOps, 'wallMs' | 'monotonicMs'> = ops,
): LockCheck {
  let wallMs = Number.NEGATIVE_INFINITY;
  let steadyMs = Number.NEGATIVE_INFINITY;
  return {
    check() {
      // Read before the file is: a pause between the two must not count as freshness.
      const nowWallMs = clock.wallMs();
      const nowSteadyMs = clock.monotonicMs();
      if (!holdsLock(ops, lock)) throw lockLost(ops, lock);
      wallMs = nowWallMs;
      steadyMs = nowSteadyMs;
    },
    isFresh: () => Math.abs(clock.wallMs() - wallMs) < SURE_MS && Math.abs(clock.monotonicMs() - steadyMs) < SURE_MS,
  };
}

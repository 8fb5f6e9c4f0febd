/**
 * What the file journal asks of the disk and of time, thin enough that a test can fail any single
 * call and a simulator can bring its own.
 *
 * Calls are synchronous where the caller can't go on without them; `…Later` ones go through libuv's
 * threads. `sync` is fdatasync: it flushes the size too when it changed, which is all that reading
 * back needs.
 */
import * as fs from 'node:fs';

export interface FileOps {
  /** Flags as for `open(2)` in Node's words: `wx+` creates, `r` and `r+` don't. */
  open(path: string, flags: 'wx+' | 'r' | 'r+'): number;
  close(fd: number): void;
  /** Returns the bytes read; 0 at the end of the file. */
  read(fd: number, bytes: Uint8Array, position: number): number;
  /** May write fewer bytes than given; returns how many. */
  write(fd: number, bytes: Uint8Array, position: number): number;
  writeLater(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  sync(fd: number): void;
  syncLater(fd: number, done: (error: Error | null) => void): void;
  /** Makes created, renamed and deleted names in a directory durable. */
  syncDirectory(path: string): void;
  truncate(fd: number, bytes: number): void;
  rename(from: string, to: string): void;
  unlinkLater(path: string): Promise<void>;
  mkdir(path: string): void;
  rmdir(path: string): void;
  list(path: string): string[];
  /** The bytes of an open file. */
  size(fd: number): number;
  /** The bytes that this process may still use on the file system of a path. */
  freeBytesLater(path: string): Promise<number>;
  sizeLater(path: string): Promise<number>;
  /** When a file was last written to, in Unix milliseconds. */
  modifiedMsLater(path: string): Promise<number>;
  /** Unix milliseconds, by the system's clock. */
  wallMs(): number;
  /** Milliseconds, from any beginning. */
  monotonicMs(): number;
  /**
   * Calls once after the delay; returns what cancels the call. It does not keep the process
   * running.
   */
  after(delayMs: number, work: () => void): () => void;
  /** Which file is under a path; null when there is none. */
  fileId(path: string): { readonly dev: bigint; readonly ino: bigint } | null;
}

export const realFileOps: FileOps = {
  open: (path, flags) => fs.openSync(path, flags, 0o640),
  close: (fd) => fs.closeSync(fd),
  read: (fd, bytes, position) => fs.readSync(fd, bytes, 0, bytes.length, position),
  write: (fd, bytes, position) => fs.writeSync(fd, bytes, 0, bytes.length, position),
  writeLater: (fd, bytes, position) =>
    new Promise((resolve, reject) => {
      fs.write(fd, bytes, 0, bytes.length, position, (error, written) => (error ? reject(error) : resolve(written)));
    }),
  sync: (fd) => fs.fdatasyncSync(fd),
  syncLater: (fd, done) => fs.fdatasync(fd, done),
  syncDirectory: (path) => {
    const fd = fs.openSync(path, 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  truncate: (fd, bytes) => fs.ftruncateSync(fd, bytes),
  rename: (from, to) => fs.renameSync(from, to),
  unlinkLater: (path) => fs.promises.unlink(path),
  mkdir: (path) => {
    fs.mkdirSync(path, { mode: 0o750 });
  },
  rmdir: (path) => fs.rmdirSync(path),
  list: (path) => fs.readdirSync(path),
  size: (fd) => fs.fstatSync(fd).size,
  freeBytesLater: async (path) => {
    const { bavail, bsize } = await fs.promises.statfs(path);
    return bavail * bsize;
  },
  sizeLater: async (path) => (await fs.promises.stat(path)).size,
  modifiedMsLater: async (path) => (await fs.promises.stat(path)).mtimeMs,
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  fileId: (path) => fs.statSync(path, BIGINT_OR_NOTHING) ?? null,
};

/** Inodes have 64 bits, and not every file system keeps them small enough for a double. */
const BIGINT_OR_NOTHING = { bigint: true, throwIfNoEntry: false } as const;

/**
 * Writes all of the bytes, or throws. A short write that is followed by nothing at all counts as an
 * error.
 */
export function writeFully(ops: FileOps, fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = ops.write(fd, written === 0 ? bytes : bytes.subarray(written), position + written);
    if (count === 0) throw new Error(`wrote 0 of ${bytes.length - written} bytes`);
    written += count;
  }
}

/** Reads up to `bytes.length` bytes; returns how many there were. */
export function readFully(ops: FileOps, fd: number, bytes: Uint8Array, position: number): number {
  let count = 0;
  while (count < bytes.length) {
    const more = ops.read(fd, count === 0 ? bytes : bytes.subarray(count), position + count);
    if (more === 0) break;
    count += more;
  }
  return count;
}

export function isErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(error.code as string);
}

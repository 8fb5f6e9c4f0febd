/**
 * One process at a time may have a journal directory open.
 *
 * The lock is a file that names its holder; it is made by `link`, which either makes it or fails.
 * Node has no `flock`, so the lock of a crashed process has to be recognized. If the holder ran
 * under the same kernel and in the same pid namespace, its pid and start time tell whether it is
 * alive (pids are reused). Otherwise (another container, another machine on a shared volume, a
 * rebooted machine) the pid says nothing, and the age of the file decides; a living holder renews
 * it every `HEARTBEAT_MS`.
 *
 * A holder that was paused for longer than that (SIGSTOP, a frozen container, a suspended machine)
 * may have lost the lock without noticing. So the holder keeps its lock file open, which keeps the
 * file's inode from being used again, and every writer compares the file under the lock's path with
 * it: after each sync and before anyone is told (writer.ts). `lock-check.ts` does the comparison.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrorCode, realFileOps } from './file-ops.js';
import type { Cut } from './heads.js';
import { listEpochs } from './layout.js';
import { holdsLock, type LockFile, lockLost } from './lock-check.js';
import { sweepDirectory } from './sweep.js';

const HEARTBEAT_MS = 2_000;
const STALE_MS = 10_000;

/** Another living process has the directory. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked';
}

/** A lock that another process left behind. */
interface RemovedLock {
  /** The unique id of that lock. Null where the lock file could not be read. */
  readonly lock: string | null;
  /** How it is known that nobody holds it: its process has ended, or its heartbeat stopped. */
  readonly judgedBy: 'pid' | 'heartbeat';
}

export interface DirectoryLock {
  /** The unique id of this lock. */
  readonly id: string;
  /** For every writer of this process. */
  readonly file: LockFile;
  /** The lock that had to be removed for this one; null where there was none. */
  readonly removed: RemovedLock | null;
  /** Bytes that a crash left in epochs whose opening never finished. They are deleted. */
  readonly cuts: readonly Cut[];
  /**
   * `listener` hears, at most once, that the lock is lost: another process took the directory over,
   * or somebody removed the file. It hears it within about 2 s.
   */
  onLost(listener: (error: Error) => void): void;
  /** Gives it back. It is also given back by the end of the process, however that comes. */
  release(): void;
}

/**
 * Makes the directory where it is missing and locks it for this process, all of its threads; call
 * it once, from the thread that composes things. Rejects with `JournalLocked` at once when the
 * holder is known to live, and after up to 10 s when only its heartbeat can tell. Frees the room
 * that a crash left taken.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  fs.mkdirSync(directory, { recursive: true, mode: 0o750 });
  const path = join(directory, 'journal.lock');
  const id = randomUUID();
  const draft = join(directory, `journal.lock.${randomUUID()}`);
  let removed: RemovedLock | null = null;
  /** See `LockFile.number`. */
  let number = 0;
  let staleNumber = 0;
  let fd = -1;
  let identity: { readonly dev: bigint; readonly ino: bigint };
  try {
    do {
      if (fd !== -1) {
        fs.closeSync(fd);
        fd = -1;
        const stale = await removeStale(path, `${draft}.stale`);
        removed = stale?.removed ?? removed;
        staleNumber = Math.max(staleNumber, stale?.number ?? 0);
      }
      number = 1 + Math.max(staleNumber, listEpochs(realFileOps, directory).at(-1) ?? 0);
      fs.writeFileSync(draft, JSON.stringify({ ...thisProcess(), lock: id, number }));
      fd = fs.openSync(draft, 'r');
      // Before the draft's name is gone: a file system in user space may know an open file by its
      // first name only.
      identity = fs.fstatSync(fd, { bigint: true });
    } while (!tryLink(draft, path));
  } catch (error) {
    if (fd !== -1) fs.closeSync(fd);
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
  const { dev, ino } = identity;
  const file: LockFile = { path, dev, ino, number };
  const cuts = sweepDirectory(directory);
  let tellLost: ((error: Error) => void) | null = null;
  const heartbeat = setInterval(() => {
    const isHeld = isHeldOrNull(file);
    // If the disk can't tell, the writers answer nothing, and the next heartbeat checks again.
    if (isHeld === null) return;
    if (isHeld) return touch(fd);
    clearInterval(heartbeat);
    tellLost?.(lockLost(realFileOps, file));
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    id,
    file,
    removed,
    cuts,
    onLost: (listener) => {
      tellLost = listener;
    },
    release: () => {
      clearInterval(heartbeat);
      // A lock that stays is judged by the next start.
      if (isHeldOrNull(file) === true) fs.rmSync(path, { force: true });
      fs.closeSync(fd);
    },
  };
}

/** Null: the disk can not tell. */
function isHeldOrNull(file: LockFile): boolean | null {
  try {
    return holdsLock(realFileOps, file);
  } catch {
    return null;
  }
}

interface Holder {
  readonly pid: number;
  /** When the process began, in the kernel's ticks; null where /proc doesn't say. */
  readonly began: string | null;
  /** The kernel's boot and the pid namespace; null where /proc doesn't say. */
  readonly place: string | null;
}

function thisProcess(): Holder {
  return { pid: process.pid, began: beganAt(process.pid), place: placeOfPids() };
}

function tryLink(draft: string, path: string): boolean {
  try {
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    if (isErrorCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Resolves when the lock is worth another try; rejects when its holder lives. Null: somebody else
 * removed it.
 */
async function removeStale(path: string, aside: string): Promise<{ removed: RemovedLock; number: number } | null> {
  const text = readLock(path);
  if (text === null) return null;
  const holder = parseHolder(text);
  const judgedBy = holder !== null && holder.place === placeOfPids() ? 'pid' : 'heartbeat';
  if (judgedBy === 'pid' ? isRunning(holder) : await isBeating(path))
    throw new JournalLocked(`${path} is held by another Clipbook, process ${holder?.pid ?? 'unknown'}`);
  // Another start was faster. Its lock must not be missing even for a moment, or it would believe
  // that it was replaced.
  if (readText(path) !== text) return null;
  // Taken aside first: of two that judged the same stale lock, the slower would otherwise delete
  // the faster one's.
  try {
    fs.renameSync(path, aside);
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return null;
    throw error;
  }
  const isSame = readText(aside) === text;
  if (!isSame) tryLink(aside, path);
  fs.rmSync(aside, { force: true });
  return isSame ? { removed: { lock: holder?.lock ?? null, judgedBy }, number: holder?.number ?? 0 } : null;
}

/**
 * Null: it is gone. Throws for what is no lock and would be in the way for ever, such as a
 * directory or a broken link, and for a file that this process may not read.
 */
function readLock(path: string): string | null {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (!found.isFile()) {
    throw Object.assign(new Error(`EEXIST: ${path} is no file`), { code: 'EEXIST', path });
  }
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function isRunning(holder: Holder | null): boolean {
  return holder !== null && processExists(holder.pid) && holder.began === beganAt(holder.pid);
}

async function isBeating(path: string): Promise<boolean> {
  const seenMs = modifiedMs(path);
  for (let waitedMs = 0; seenMs !== null && Date.now() - seenMs < STALE_MS && waitedMs < STALE_MS; waitedMs += 500) {
    await sleep(500);
    if (modifiedMs(path) !== seenMs) return modifiedMs(path) !== null;
  }
  return false;
}

function parseHolder(text: string): (Holder & { lock: string | null; number: number }) | null {
  try {
    const { pid, began, place, lock, number } = JSON.parse(text) as Partial<Holder & { lock: string; number: number }>;
    if (typeof pid !== 'number') return null;
    return { pid, began: began ?? null, place: place ?? null, lock: lock ?? null, number: number ?? 0 };
  } catch {
    return null;
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrorCode(error, 'EPERM');
  }
}

/**
 * Field 22 of /proc/<pid>/stat; the second one is the name, in parentheses, and may hold anything.
 * Null for a zombie: it has ended, and holds nothing any more.
 */
function beganAt(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function placeOfPids(): string | null {
  const boot = readText('/proc/sys/kernel/random/boot_id');
  try {
    return boot === null ? null : `${boot.trim()} ${fs.readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

function readText(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function modifiedMs(path: string): number | null {
  return fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function touch(fd: number): void {
  const now = new Date();
  try {
    fs.futimesSync(fd, now, now);
  } catch {
    // A disk that can't be written to now. The next heartbeat tries again.
  }
}

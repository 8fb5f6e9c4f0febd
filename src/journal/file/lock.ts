/**
 * One process at a time may have a journal directory open.
 *
 * The lock is a file that names its holder; it is made by `link`, which either makes it or fails. Node can't `flock`, so
 * what a crash leaves is judged: by the holder's pid and the moment that process began (pids come again), where the
 * holder ran under the same kernel and in the same pid namespace. From elsewhere (another container, another machine on
 * a shared volume, a machine that was rebooted) a pid says nothing; then the file's age decides, which a living holder
 * renews every `HEARTBEAT_MS`.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrorCode } from './file-ops.js';
import { sweepDirectory } from './sweep.js';

const HEARTBEAT_MS = 2_000;
const STALE_MS = 10_000;

/** Another living process has the directory. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked';
}

export interface DirectoryLock {
  /** Gives it back. It is also given back by the end of the process, however that comes. */
  release(): void;
}

/**
 * Makes the directory where it is missing and locks it for this process, all of its threads; call it once, from the
 * thread that composes things. Rejects with `JournalLocked` at once when the holder is known to live, and after up to
 * 10 s when only its heartbeat can tell. Frees the room that a crash left taken.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  fs.mkdirSync(directory, { recursive: true, mode: 0o750 });
  const path = join(directory, 'journal.lock');
  const mine = JSON.stringify({ ...thisProcess(), lock: randomUUID() });
  const draft = join(directory, `journal.lock.${randomUUID()}`);
  fs.writeFileSync(draft, mine);
  try {
    while (!tryLink(draft, path)) await removeStale(path, `${draft}.stale`);
  } finally {
    fs.rmSync(draft, { force: true });
  }
  sweepDirectory(directory);
  const heartbeat = setInterval(touch, HEARTBEAT_MS, path);
  heartbeat.unref();
  return {
    release: () => {
      clearInterval(heartbeat);
      if (readText(path) === mine) fs.rmSync(path, { force: true });
    },
  };
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

/** Resolves when the lock is worth another try; rejects when its holder lives. */
async function removeStale(path: string, aside: string): Promise<void> {
  const text = readText(path);
  if (text === null) return;
  if (await isAlive(path, text))
    throw new JournalLocked(`${path} is held by another Clipbook, process ${parseHolder(text)?.pid ?? 'unknown'}`);
  // Taken aside first: of two that judged the same stale lock, the slower would otherwise delete the faster one's.
  try {
    fs.renameSync(path, aside);
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return;
    throw error;
  }
  if (readText(aside) !== text) tryLink(aside, path);
  fs.rmSync(aside, { force: true });
}

async function isAlive(path: string, text: string): Promise<boolean> {
  const holder = parseHolder(text);
  if (holder !== null && holder.place === placeOfPids()) {
    return processExists(holder.pid) && holder.began === beganAt(holder.pid);
  }
  const seenMs = modifiedMs(path);
  for (let waitedMs = 0; seenMs !== null && Date.now() - seenMs < STALE_MS && waitedMs < STALE_MS; waitedMs += 500) {
    await sleep(500);
    if (modifiedMs(path) !== seenMs) return modifiedMs(path) !== null;
  }
  return false;
}

function parseHolder(text: string): Holder | null {
  try {
    const { pid, began, place } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' ? { pid, began: began ?? null, place: place ?? null } : null;
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
 * Field 22 of /proc/<pid>/stat; the second one is the name, in parentheses, and may hold anything. Null for a zombie: it has
 * ended, and holds nothing any more.
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

function touch(path: string): void {
  const now = new Date();
  try {
    fs.utimesSync(path, now, now);
  } catch {
    // Deleted under us: nothing to renew. Whoever deleted it by hand has been told what it is for.
  }
}

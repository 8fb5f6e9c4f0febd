/**
 * The data directory as the operator sees it: a failure in it names `DATA_DIR`, the path, and what
 * is wrong there.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { ProcessEnd } from '../platform/exit-codes.js';

const PROBE_BYTES = 4096;

/**
 * Makes the directory where it is missing, and sees that it can be written. Throws one readable
 * line.
 */
export function prepareDataDir(dataDir: string): void {
  const probe = join(dataDir, `write-test.${randomUUID()}`);
  try {
    makeDirectory(dataDir);
    const fd = openSync(probe, 'wx', 0o600);
    try {
      // A disk may be too full for a block and still have room for a name.
      writeSync(fd, Buffer.alloc(PROBE_BYTES));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw dataDirFailure(dataDir, error);
  } finally {
    rmSync(probe, { force: true });
  }
}

/**
 * With the directories above it. Node's `recursive` never returns where a file system answers
 * ENOENT for a new entry of an existing directory, as /proc does.
 */
function makeDirectory(path: string): void {
  if (isDirectory(path)) return;
  if (!existsSync(dirname(path))) makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another start may have been faster.
    if (!isDirectory(path)) throw error;
  }
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** The error itself where it has nothing to do with the directory. */
export function dataDirFailure(dataDir: string, error: unknown): Error {
  const { code, path, message } = error as NodeJS.ErrnoException;
  const at = path ?? dataDir;
  if (code === undefined || !isWithin(dataDir, at)) return error as Error;
  return new DataDirUnfit(inDataDir(dataDir, reasonOf(code, at, message)).message, { cause: error });
}

/** The directory, or something in it, can not be read or written. The message is one line. */
export class DataDirUnfit extends Error {
  override readonly name = 'DataDirUnfit';
}

/** A line about the directory that something else has found out. */
export function inDataDir(dataDir: string, reason: string): Error {
  return new Error(`DATA_DIR is ${JSON.stringify(dataDir)}: ${reason}`);
}

/** Why the embedded PostgreSQL, which has its data there, can't be used. */
export function failureOfEmbedded(dataDir: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined) return dataDirFailure(dataDir, error);
  if (message.includes('shared memory:')) {
    return new Error(`EMBEDDED_POSTGRES_MEMORY is more than this machine gives: ${message}`);
  }
  const failure = inDataDir(dataDir, message);
  return error instanceof ProcessEnd ? new ProcessEnd(error.exitCause, failure.message, { cause: error }) : failure;
}

function reasonOf(code: string, path: string, message: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `${path} can not be written by ${whoWeAre()}${ownerAbove(path)} (${code})`;
    case 'ENOTDIR':
      return `${path} can not be made, because a file is in the way (${code})`;
    case 'EEXIST':
      return `${path} can not be made, because ${whatIsAt(path)} is in the way (${code})`;
    case 'ENOENT':
      return `${path} can not be made there (${code})`;
    case 'ENOSPC':
      return `the disk is full (${code})`;
    case 'EDQUOT':
      return `the disk quota is used up (${code})`;
    case 'EROFS':
      return `the file system is read-only (${code})`;
    default:
      return message;
  }
}

function whatIsAt(path: string): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile()) return 'a file';
  return found.isDirectory() ? 'a directory' : 'something that is no file';
}

function whoWeAre(): string {
  const user = process.getuid?.();
  return user === undefined ? 'this user' : `user ${user}`;
}

/** Of the path, or of the directory above it that is there. */
function ownerAbove(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { uid, mode } = statSync(at);
      return `; ${at} belongs to user ${uid}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
    } catch {
      if (at === dirname(at)) return '';
    }
  }
}

/** True for the paths above it as well: they may be what can't be entered. */
function isWithin(dataDir: string, path: string): boolean {
  return path === dataDir || path.startsWith(dataDir + sep) || dataDir.startsWith(path + sep);
}

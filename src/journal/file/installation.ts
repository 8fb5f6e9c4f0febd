/**
 * Which installation a journal directory belongs to: `installation.json` in it, written once. The
 * other stores of the same installation carry the same id; whoever starts the server compares them.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { JournalDamaged } from '../journal.js';
import { isErrorCode, realFileOps } from './file-ops.js';

/** Of the journal's files. The first one had no `installation.json`. */
const FORMAT = 2;
const NAME = 'installation.json';

/**
 * Null for a directory without an id, and for one that does not exist. Throws `JournalDamaged` for
 * a file that is bad.
 */
export function readInstallation(directory: string): string | null {
  const path = join(directory, NAME);
  let text: string;
  try {
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return null;
    // Of a directory in its place, the error names no path.
    if (isErrorCode(error, 'EISDIR')) throw new JournalDamaged(path, 0, 'a directory is in the place of this file');
    throw error;
  }
  const { format, installation } = parse(text);
  if (typeof format === 'number' && format > FORMAT) {
    throw new Error(`${path} has format ${format}, this version of Clipbook knows formats up to ${FORMAT}`);
  }
  if (format !== FORMAT || typeof installation !== 'string' || installation === '') {
    throw new JournalDamaged(path, 0, 'this is not the id of an installation');
  }
  return installation;
}

/**
 * Durable when it returns. The directory is made where it is missing. An id that was there before
 * is replaced.
 */
export function writeInstallation(directory: string, installation: string): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o750 });
  const path = join(directory, NAME);
  const draft = `${path}.tmp`;
  const fd = fs.openSync(draft, 'w', 0o640);
  try {
    fs.writeSync(fd, `${JSON.stringify({ format: FORMAT, installation })}\n`);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(draft, path);
  realFileOps.syncDirectory(directory);
}

/** Durable when it returns. */
export function removeInstallation(directory: string): void {
  fs.rmSync(join(directory, NAME), { force: true });
  realFileOps.syncDirectory(directory);
}

/** Not durable before both directories are synced. */
export function putInstallationAside(directory: string, aside: string): void {
  fs.renameSync(join(directory, NAME), join(aside, NAME));
}

function parse(text: string): { readonly format?: unknown; readonly installation?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * Names on disk: `<directory>/<epoch>/<segment>.seg`, both as decimal numbers padded with zeros.
 *
 * Every opening of a writer makes a directory of its own, named by the next free epoch: `mkdir`
 * either makes it or fails, so two openings can't get the same one. A segment that is being
 * prepared has another ending until it is used.
 */
import { join } from 'node:path';
import type { FileOps } from './file-ops.js';
import { isErrorCode } from './file-ops.js';

const EPOCH_DIGITS = 10;
const SEGMENT_DIGITS = 8;
const epochName = new RegExp(`^\\d{${EPOCH_DIGITS}}$`);
const segmentName = new RegExp(`^\\d{${SEGMENT_DIGITS}}\\.seg$`);

export function epochPath(directory: string, epoch: number): string {
  return join(directory, String(epoch).padStart(EPOCH_DIGITS, '0'));
}

export function segmentPath(directory: string, epoch: number, segment: number): string {
  return join(epochPath(directory, epoch), `${String(segment).padStart(SEGMENT_DIGITS, '0')}.seg`);
}

/** Where the next segment is made ready. */
export function preparedPath(directory: string, epoch: number): string {
  return join(epochPath(directory, epoch), 'prepared.tmp');
}

/** The epochs that have a directory, ascending. */
export function listEpochs(ops: FileOps, directory: string): number[] {
  return ops
    .list(directory)
    .filter((name) => epochName.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** The segments of an epoch, ascending; none when the directory is gone. */
export function listSegments(ops: FileOps, directory: string, epoch: number): number[] {
  return namesIn(ops, epochPath(directory, epoch))
    .filter((name) => segmentName.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

function namesIn(ops: FileOps, path: string): string[] {
  try {
    return ops.list(path);
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Takes the next free epoch, at least `least`, by making its directory. */
export function takeEpoch(ops: FileOps, directory: string, least: number): number {
  let epoch = Math.max(least, 1 + (listEpochs(ops, directory).at(-1) ?? 0));
  for (;;) {
    try {
      ops.mkdir(epochPath(directory, epoch));
      ops.syncDirectory(directory);
      return epoch;
    } catch (error) {
      if (!isErrorCode(error, 'EEXIST')) throw error;
      epoch += 1;
    }
  }
}

/** Room that a crash left taken: openings that never finished, and segments that were being prepared. */
import * as fs from 'node:fs';
import { JournalDamaged } from '../journal.js';
import { realFileOps } from './file-ops.js';
import { epochPath, listEpochs, preparedPath } from './layout.js';
import { readHead } from './scan.js';

/** Deletes it. Only for who has just locked the directory: no writer is open then, in any process. */
export function sweepDirectory(directory: string): void {
  for (const epoch of listEpochs(realFileOps, directory)) {
    fs.rmSync(preparedPath(directory, epoch), { force: true });
    if (isUnfinished(directory, epoch)) fs.rmSync(epochPath(directory, epoch), { recursive: true, force: true });
  }
}

/** A damaged epoch is not unfinished: the opening of a writer will say what is wrong with it. */
function isUnfinished(directory: string, epoch: number): boolean {
  try {
    return readHead(realFileOps, directory, epoch) === null;
  } catch (error) {
    if (error instanceof JournalDamaged) return false;
    throw error;
  }
}

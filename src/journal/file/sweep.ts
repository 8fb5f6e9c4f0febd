/**
 * Room that a crash left taken: openings that never finished, and segments that were being
 * prepared.
 */
import * as fs from 'node:fs';
import { JournalDamaged } from '../journal.js';
import { realFileOps } from './file-ops.js';
import { type Cut, readHead } from './heads.js';
import { epochPath, listEpochs, preparedPath } from './layout.js';

/**
 * Deletes it. Only for who has just locked the directory: no writer is open then, in any process.
 * Returns what was cut.
 */
export function sweepDirectory(directory: string): Cut[] {
  const cuts: Cut[] = [];
  for (const epoch of listEpochs(realFileOps, directory)) {
    fs.rmSync(preparedPath(directory, epoch), { force: true });
    const cut = unfinishedIn(directory, epoch);
    if (cut === undefined) continue;
    fs.rmSync(epochPath(directory, epoch), { recursive: true, force: true });
    if (cut !== null) cuts.push(cut);
  }
  return cuts;
}

/**
 * Undefined for an epoch that began. A damaged one did: the opening of a writer will say what is
 * wrong with it.
 */
function unfinishedIn(directory: string, epoch: number): Cut | null | undefined {
  try {
    const head = readHead(realFileOps, directory, epoch);
    return head.kind === 'unfinished' ? head.cut : undefined;
  } catch (error) {
    if (error instanceof JournalDamaged) return undefined;
    throw error;
  }
}

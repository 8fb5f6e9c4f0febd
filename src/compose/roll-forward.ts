/**
 * Whether a start could bring the database forward from the journal: which batches of codes it
 * would have to make again, and can not (control/refill.ts). It only reads.
 */
import { join } from 'node:path';
import { createKeptCodes } from '../control/kept-codes.js';
import { whyNotMadeAgain } from '../control/refill.js';
import { readBatches } from '../feed/batches.js';
import { createFeed } from '../feed/feed.js';
import { reservedWords } from '../http/api/reserved-words.js';
import { ROUTES } from '../http/api/routes/table.js';
import { type JournalLog, openJournal } from '../journal/open.js';
import { readBatchFacts } from '../postgres/batch-facts.js';
import type { OfflineStores, ShardReport } from './restore.js';

/**
 * A line for each batch that can not be made again, as the start has it. Null: the database has the
 * schema of an older version, and only the start can tell.
 */
export async function batchesNotMadeAgain(
  { location, directory, databaseUrl }: OfflineStores,
  reports: readonly ShardReport[],
  givenKeys: readonly Uint8Array[],
  log: JournalLog,
): Promise<readonly string[] | null> {
  const ahead = reports.filter(({ database, journal, fit }) => fit.kind === 'fits' && journal > database);
  if (ahead.length === 0) return [];
  const facts = await readBatchFacts(databaseUrl, givenKeys);
  if (facts === null) return null;
  const keptCodes = createKeptCodes(join(directory, 'batches'));
  const sources = { generatorKeys: facts.generatorKeys, keptCodes, reserved: reservedWords(ROUTES) };
  const lines: string[] = [];
  const journal = await openJournal(location, log);
  try {
    const feed = createFeed(await journal.openReader());
    for (const { shard, database, journal: end } of ahead) {
      const batches = await readBatches(feed, shard, database, end, facts.open.get(shard) ?? []);
      for (const added of batches.added) {
        if (facts.stored.has(added.event.batchId)) continue;
        const line = await whyNotMadeAgain(sources, added);
        if (line !== null) lines.push(line);
      }
    }
    return lines;
  } finally {
    await journal.close();
  }
}

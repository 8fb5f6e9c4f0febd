/**
 * Whether a start could bring the database forward from the journal: which batches of codes it
 * would have to make again, and can not (control/refill.ts). It only reads.
 */
import { join } from 'node:path';
import { createKeptCodes } from '../control/kept-codes.js';
import { whyNotMadeAgain } from '../control/refill.js';
import type { Seq, ShardId } from '../domain/ids.js';
import type { AddedBatch } from '../engine/lacking-batches.js';
import { createFeed, type Feed } from '../feed/feed.js';
import { reservedWords } from '../http/api/reserved-words.js';
import { ROUTES } from '../http/api/routes/table.js';
import { type JournalLog, openJournal } from '../journal/open.js';
import { readBatchFacts } from '../postgres/batch-facts.js';
import type { OfflineStores, ShardReport } from './restore.js';

type Intent = NonNullable<AddedBatch['intent']>;

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
      for (const added of await addedAfter(feed, shard, database, end, facts.open.get(shard) ?? [])) {
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

/** The batches that became live after the checkpoint. */
async function addedAfter(
  feed: Feed,
  shard: ShardId,
  checkpoint: Seq,
  end: Seq,
  openAtCheckpoint: readonly Intent[],
): Promise<AddedBatch[]> {
  const open = new Map<number, Intent>(openAtCheckpoint.map((batch) => [batch.batchId, batch]));
  const added: AddedBatch[] = [];
  for await (const batch of feed.readThrough(shard, checkpoint, end)) {
    for (const { events } of batch.changes()) {
      for (const event of events) {
        if (event.kind === 'batchOpened') open.set(event.batchId, event);
        else if (event.kind === 'codesAdded') added.push({ event, intent: open.get(event.batchId) ?? null });
      }
    }
  }
  return added;
}

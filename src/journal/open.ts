/** Which journal: files under the data directory, or Redis Streams. A location can be handed to other threads. */
import type { Seq, ShardId } from '../domain/ids.js';
import { openFileJournal } from './file/file-journal.js';
import { lockDirectory } from './file/lock.js';
import { createJournalMarksBuffer, journalMarks } from './file/watermarks.js';
import type { Journal } from './journal.js';

/** `marks` is what the threads of this process share of the journal. */
export interface JournalLocation {
  readonly kind: 'file';
  readonly directory: string;
  readonly marks: SharedArrayBuffer;
}

/** Once per process, before any thread opens the journal. `release` when the last one has closed it. */
export async function prepareJournal(
  directory: string,
): Promise<{ location: JournalLocation; release(): Promise<void> }> {
  const lock = await lockDirectory(directory);
  return {
    location: { kind: 'file', directory, marks: createJournalMarksBuffer() },
    release: async () => lock.release(),
  };
}

/** Once per thread. */
export async function openJournal({ directory, marks }: JournalLocation): Promise<Journal> {
  return openFileJournal({ directory, shared: marks });
}

/** How far each shard is durable. */
export function durableMarks({ marks }: JournalLocation): { get(shard: ShardId): Seq } {
  return journalMarks(marks).durable;
}

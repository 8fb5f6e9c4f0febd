/** Which journal: files under the data directory, or Redis Streams. A location can be handed to other threads. */
import type { Seq, ShardId } from '../domain/ids.js';
import { openFileJournal } from './file/file-journal.js';
import { lockDirectory } from './file/lock.js';
import { createJournalMarksBuffer, journalMarks } from './file/watermarks.js';
import type { Journal } from './journal.js';
import { createDurableBuffer, durableSeqs } from './redis/durable.js';
import type { RedisFacts } from './redis/facts.js';

/** `marks` is what the threads of this process share of the journal. */
export type JournalLocation =
  | { readonly kind: 'file'; readonly directory: string; readonly marks: SharedArrayBuffer }
  | {
      readonly kind: 'redis';
      readonly url: string;
      readonly waitReplicas: number;
      readonly waitMsMax: number;
      readonly marks: SharedArrayBuffer;
    };

export interface JournalLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface JournalChoice {
  /** Null: files. */
  readonly redisUrl: string | null;
  readonly redisWaitReplicas: number;
  readonly redisWaitMs: number;
  readonly directory: string;
}

export interface PreparedJournal {
  readonly location: JournalLocation;
  /** What an answered operation survives, in one line. */
  readonly durability: string;
  /** The same, read again. */
  rereadDurability(): Promise<string>;
  /** How far the clock of its server is ahead of ours, give or take; null where it has none of its own. */
  readonly clock: { readonly aheadMs: number; readonly toleranceMs: number } | null;
  /** When the last thread has closed it. */
  release(): Promise<void>;
}

/** An operator who gave a wrong address is to hear of it soon. */
const FIRST_OPEN_MS_MAX = 2_000;

/** Once per process, before any thread opens the journal. Rejects when it must not be used. */
export async function prepareJournal(choice: JournalChoice, log: JournalLog): Promise<PreparedJournal> {
  const { redisUrl, redisWaitReplicas, redisWaitMs, directory } = choice;
  if (redisUrl === null) {
    const lock = await lockDirectory(directory);
    const durability = `files in ${directory}: every answered operation is synced to disk`;
    return {
      location: { kind: 'file', directory, marks: createJournalMarksBuffer() },
      durability,
      rereadDurability: async () => durability,
      clock: null,
      release: async () => lock.release(),
    };
  }
  const location = {
    kind: 'redis',
    url: redisUrl,
    waitReplicas: redisWaitReplicas,
    waitMsMax: redisWaitMs,
    marks: createDurableBuffer(),
  } as const;
  // Opened once to see that it may be used, and what it is worth.
  const { openRedisJournal } = await import('./redis/redis-journal.js');
  const options = { ...location, durable: location.marks, openMsMax: FIRST_OPEN_MS_MAX, log };
  const examine = async (): Promise<{ durability: string; facts: RedisFacts }> => {
    const journal = await openRedisJournal(options);
    await journal.close();
    return journal;
  };
  const { durability, facts } = await examine().catch(async (error: unknown) => {
    const { redisFailure } = await import('./redis/failure.js');
    throw new Error(`REDIS_URL: ${redisFailure(redisUrl, error)}`);
  });
  return {
    location,
    durability,
    rereadDurability: async () => (await examine()).durability,
    clock: { aheadMs: facts.clockAheadMs, toleranceMs: facts.roundTripMs / 2 },
    release: async () => {},
  };
}

/** Once per thread. */
export async function openJournal(location: JournalLocation, log: JournalLog): Promise<Journal> {
  if (location.kind === 'file') return openFileJournal({ directory: location.directory, shared: location.marks });
  // Its client takes 80 ms to load, in every thread, and most installations have no Redis.
  const { openRedisJournal } = await import('./redis/redis-journal.js');
  const { url, waitReplicas, waitMsMax, marks } = location;
  return openRedisJournal({ url, waitReplicas, waitMsMax, durable: marks, log });
}

/** How far each shard is durable. */
export function durableMarks({ kind, marks }: JournalLocation): { get(shard: ShardId): Seq } {
  return kind === 'file' ? journalMarks(marks).durable : durableSeqs(marks);
}

/**
 * Which journal: files under the data directory, or Redis Streams. A location can be handed to
 * other threads.
 */
import type { Seq, ShardId } from '../domain/ids.js';
import { openFileJournal } from './file/file-journal.js';
import type { Cut } from './file/heads.js';
import { type DirectoryLock, lockDirectory } from './file/lock.js';
import type { LockFile } from './file/lock-check.js';
import { createJournalMarksBuffer, journalMarks } from './file/watermarks.js';
import type { Journal, Retention } from './journal.js';
import { createDurableBuffer, durableSeqs } from './redis/durable.js';
import type { RedisFacts } from './redis/facts.js';

/** `marks` is what the threads of this process share of the journal. */
export type JournalLocation =
  | {
      readonly kind: 'file';
      readonly directory: string;
      readonly lock: LockFile;
      readonly retention: Retention;
      readonly marks: SharedArrayBuffer;
    }
  | {
      readonly kind: 'redis';
      readonly url: string;
      /** Whose streams they have to be; '' until that is known. */
      readonly installation: string;
      readonly waitReplicas: number;
      readonly waitMsMax: number;
      readonly retention: Retention & { readonly shardCount: number };
      readonly marks: SharedArrayBuffer;
    };

export interface JournalLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface JournalChoice {
  /** Null: files. */
  readonly redisUrl: string | null;
  readonly redisWaitReplicas: number;
  readonly redisWaitMs: number;
  readonly journalRetention: Retention;
  /** How many there are in all. */
  readonly shards: number;
  readonly directory: string;
}

interface PreparedJournal {
  readonly location: JournalLocation;
  /** What an answered operation survives, in one line. */
  readonly durability: string;
  /** The lock of the directory; null for a journal in Redis. */
  readonly lock: Pick<DirectoryLock, 'id' | 'removed' | 'onLost'> | null;
  /** The same, read again. */
  rereadDurability(): Promise<string>;
  /**
   * How far the clock of its server is ahead of ours, give or take; null where it has none of its
   * own.
   */
  readonly clock: { readonly aheadMs: number; readonly toleranceMs: number } | null;
  /** When the last thread has closed it. */
  release(): Promise<void>;
}

/** An operator who gave a wrong address is to hear of it soon. */
const FIRST_OPEN_MS_MAX = 2_000;

/** Once per process, before any thread opens the journal. Rejects when it must not be used. */
export async function prepareJournal(choice: JournalChoice, log: JournalLog): Promise<PreparedJournal> {
  const { redisUrl, redisWaitReplicas, redisWaitMs, journalRetention: retention, directory } = choice;
  if (redisUrl === null) {
    const lock = await lockDirectory(directory);
    for (const cut of lock.cuts) logCut(log, cut);
    const durability = `files in ${directory}: every answered operation is synced to disk`;
    return {
      location: { kind: 'file', directory, lock: lock.file, retention, marks: createJournalMarksBuffer() },
      durability,
      rereadDurability: async () => durability,
      clock: null,
      lock,
      release: async () => lock.release(),
    };
  }
  const location = {
    kind: 'redis',
    url: redisUrl,
    installation: '',
    waitReplicas: redisWaitReplicas,
    waitMsMax: redisWaitMs,
    retention: { ...retention, shardCount: choice.shards },
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
    lock: null,
    release: async () => {},
  };
}

/**
 * The location for the threads: they take over nothing of another installation. Files are held by
 * their lock.
 */
export function locationOf(location: JournalLocation, installation: string): JournalLocation {
  return location.kind === 'redis' ? { ...location, installation } : location;
}

/** Once per thread. */
export async function openJournal(location: JournalLocation, log: JournalLog): Promise<Journal> {
  if (location.kind === 'file') {
    const { directory, lock, retention, marks } = location;
    return openFileJournal({ directory, lock, retention, shared: marks, onCut: (cut) => logCut(log, cut) });
  }
  // Its client takes 80 ms to load, in every thread, and most installations have no Redis.
  const { openRedisJournal } = await import('./redis/redis-journal.js');
  const { url, installation, waitReplicas, waitMsMax, retention, marks } = location;
  return openRedisJournal({ url, installation, waitReplicas, waitMsMax, retention, durable: marks, log });
}

function logCut(log: JournalLog, cut: Cut): void {
  log.warn(cut, 'a crash tore the last record of a file: these bytes were never acknowledged and are cut');
}

/** How far each shard is durable. */
export function durableMarks({ kind, marks }: JournalLocation): { get(shard: ShardId): Seq } {
  return kind === 'file' ? journalMarks(marks).durable : durableSeqs(marks);
}

/**
 * Lets readers of this process see a shard after `beganAfter` up to `seq` without a writer. For a
 * journal that nobody writes.
 */
export function presumeDurable({ kind, marks }: JournalLocation, shard: ShardId, seq: Seq, beganAfter: Seq): void {
  if (kind !== 'redis') return;
  durableSeqs(marks).setBeganAfter(shard, beganAfter);
  durableSeqs(marks).set(shard, seq);
}

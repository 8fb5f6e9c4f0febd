/**
 * Whether this process still owns its shards, asked periodically, because a takeover sends no
 * message, and an append would notice it only when there is something to append. Until then a
 * replaced process would answer reads and refusals from memory that is out of date.
 *
 *     asked ─▶ the epochs are mine    sure for `SURE_MS`, counted from when it was asked
 *           ─▶ another epoch          fenced: the writer ends, and says so at once
 *           ─▶ no epoch               lost: the writer ends, and the next opening finds out what is left
 *           ─▶ no answer              not sure any more when `SURE_MS` are over: nothing is answered until there is one
 *
 * docs/decisions/stale-readers.md says what lost.
 */
import type { RedisConnection } from './connection.js';
import { notOurs, type ShardTail } from './shard-tail.js';

/**
 * How long an answer holds. Above the pauses of a thread that is busy, or reads would be refused
 * for nothing.
 */
const SURE_MS = 1000;

export interface OwnershipCheck {
  isSure(): boolean;
  /**
   * Asks, unless the last question has no answer yet. Rejects with `JournalFenced`, with
   * `EpochLost`, or when the connection is lost.
   */
  look(): Promise<void>;
}

export function createOwnershipCheck(connection: RedisConnection, tails: readonly ShardTail[]): OwnershipCheck {
  const keys = tails.map(({ epochKey }) => epochKey);
  let isAsking = false;
  let sureUntilMs = Number.NEGATIVE_INFINITY;

  async function epochs(): Promise<readonly unknown[]> {
    // One call may touch one slot only.
    if (connection.isCluster) return Promise.all(keys.map((key) => connection.send('GET', [key])));
    return (await connection.send('MGET', keys)) as unknown[];
  }

  return {
    isSure: () => performance.now() < sureUntilMs,
    async look() {
      if (isAsking) return;
      isAsking = true;
      const askedMs = performance.now();
      try {
        const found = await epochs();
        for (const [index, { shard, epoch }] of tails.entries()) {
          if (String(found[index]) !== epoch) throw notOurs(shard, found[index]);
        }
        sureUntilMs = askedMs + SURE_MS;
      } finally {
        isAsking = false;
      }
    },
  };
}

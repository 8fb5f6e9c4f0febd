/**
 * Trims the streams behind the checkpoint and the retention span (retention.ts), a bounded number
 * of entries per call and one call at a time, so that appends never wait long behind it. Redis
 * drops whole nodes of a stream (4 KB or 100 entries), so at most one node stays too long. The
 * entry that holds the sequence stays: it tells whether PostgreSQL and the journal belong together.
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { RedisConnection } from './connection.js';
import { entryId, epochKey, streamKey } from './entry.js';
import { TRIM } from './scripts.js';
import { evalsha } from './shard-tail.js';

const ENTRIES_PER_CALL_MAX = 2000;

export interface Trimmer {
  attach(connection: RedisConnection): void;
  detach(): void;
  trim(shard: ShardId, throughSeq: Seq): void;
  /** Looks again at what may go. */
  request(): void;
}

export function createTrimmer({
  epochOf,
  limitOf,
  onTrimmed,
  log,
}: {
  /** Undefined for a shard that is not the writer's. */
  readonly epochOf: (shard: ShardId) => string | undefined;
  /** How much of what is behind the checkpoint may go. */
  readonly limitOf: (shard: ShardId, checkpoint: Seq) => Seq;
  readonly onTrimmed: (shard: ShardId) => void;
  readonly log: { warn(fields: object, message: string): void };
}): Trimmer {
  const wanted = new Map<ShardId, Seq>();
  const trimmed = new Map<ShardId, Seq>();
  let connection: RedisConnection | null = null;
  let isRunning = false;

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      for (let next = nextWanted(); next !== null && connection !== null; next = nextWanted()) {
        const [shard, seq] = next;
        const count = await trimSome(connection, shard, seq);
        if (count >= ENTRIES_PER_CALL_MAX / 2) continue;
        trimmed.set(shard, seq);
        onTrimmed(shard);
      }
    } catch (error) {
      // It is asked for again before long. A connection that is lost is the writer's to tell.
      if (connection !== null) log.warn({ err: error }, 'a stream could not be trimmed');
    } finally {
      isRunning = false;
    }
  }

  function nextWanted(): [ShardId, Seq] | null {
    for (const [shard, checkpoint] of wanted) {
      const seq = limitOf(shard, checkpoint);
      if (seq > (trimmed.get(shard) ?? 0)) return [shard, seq];
    }
    return null;
  }

  async function trimSome(to: RedisConnection, shard: ShardId, throughSeq: Seq): Promise<number> {
    const keys = [streamKey(shard), epochKey(shard)];
    const args = [epochOf(shard) ?? '', entryId(throughSeq), ENTRIES_PER_CALL_MAX];
    return Number(await to.send('EVALSHA', evalsha(TRIM, keys, args)));
  }

  return {
    attach(to) {
      connection = to;
      void run();
    },
    detach() {
      connection = null;
    },
    trim(shard, throughSeq) {
      if (epochOf(shard) === undefined || throughSeq <= (wanted.get(shard) ?? 0)) return;
      wanted.set(shard, throughSeq);
      void run();
    },
    request: () => void run(),
  };
}

/**
 * Which installation the streams of a Redis belong to. Each shard has a key of its own with the id,
 * in the slot of its stream, so that taking the shard over compares it in the same step
 * (scripts.ts).
 */
import { asSeq, asShardId, type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';
import { ProcessEnd } from '../../platform/exit-codes.js';
import { belongsToAnother, type JournalFacts } from '../identity.js';
import { openConnection, placeOf, type RedisConnection } from './connection.js';
import { decodeEntry, epochKey, installationKey, startKey, streamKey } from './entry.js';

const CONNECTION = { openMsMax: 2_000, replyMsMax: 5_000, name: 'clipbook-installation' } as const;
/** Shards that are asked at once. */
const ASKED_MAX = 32;

interface ShardFacts {
  readonly shard: ShardId;
  readonly id: string | null;
  readonly isEmpty: boolean;
  readonly end: Seq | null;
  /** 0: nothing was lost. */
  readonly beganAfter: Seq;
}

export function surveyRedis(url: string, shardCount: number): Promise<JournalFacts> {
  return withConnection(url, async (connection) => {
    const shards: ShardFacts[] = [];
    for (let first = 0; first < shardCount; first += ASKED_MAX) {
      const count = Math.min(ASKED_MAX, shardCount - first);
      const asked = Array.from({ length: count }, (_, n) => surveyShard(connection, asShardId(first + n)));
      shards.push(...(await Promise.all(asked)));
    }
    const ids = shards.map(({ id }) => id).filter((id) => id !== null);
    const ends = shards.flatMap(({ shard, end }): [ShardId, Seq][] => (end === null ? [] : [[shard, end]]));
    return {
      kind: 'redis',
      place: `Redis at ${placeOf(url)}`,
      installations: [...new Set(ids)],
      lacksId: ids.length < shards.length,
      isEmpty: shards.every(({ isEmpty }) => isEmpty),
      ends: new Map(ends),
      beganAfter: new Map(shards.map(({ shard, beganAfter }) => [shard, beganAfter])),
    };
  });
}

async function surveyShard(connection: RedisConnection, shard: ShardId): Promise<ShardFacts> {
  const [id, epoch, start, last] = await Promise.all([
    connection.send('GET', [installationKey(shard)]),
    connection.send('EXISTS', [epochKey(shard)]),
    connection.send('GET', [startKey(shard)]),
    connection.send('XREVRANGE', [streamKey(shard), '+', '-', 'COUNT', 1]),
  ]);
  const [entry] = last as [Buffer, [Buffer, Buffer]][];
  const lastSeq = entry === undefined ? 0 : decodeEntry(shard, String(entry[0]), entry[1]?.[1]).lastSeq;
  const isWritten = entry !== undefined || start !== null;
  const beganAfter = asSeq(Number(start ?? 0));
  const end = isWritten ? asSeq(Math.max(lastSeq, beganAfter)) : null;
  const isEmpty = Number(epoch) === 0 && end === null;
  return { shard, id: id === null ? null : String(id), isEmpty, end, beganAfter };
}

/**
 * Shard by shard, the first one first: of two starts at once, one finds the other's id there and
 * stops before the rest.
 */
export function stampRedis(url: string, shardCount: number, id: string): Promise<void> {
  return withConnection(url, async (connection) => {
    for (let index = 0; index < shardCount; index++) {
      const key = installationKey(asShardId(index));
      await connection.send('SET', [key, id, 'NX']);
      const found = String(await connection.send('GET', [key]));
      if (found !== id) throw belongsToAnother(`Redis at ${placeOf(url)}`, found, id);
    }
  });
}

/** Removes the ids alone. */
export function eraseRedisId(url: string, shardCount: number): Promise<void> {
  return withConnection(url, async (connection) => {
    for (let index = 0; index < shardCount; index++) await connection.send('DEL', [installationKey(asShardId(index))]);
  });
}

/**
 * Removes everything of every shard that there may be. Rejects with `ProcessEnd` while a server is
 * connected: an empty database knows nothing of the lease of the installation that it replaces.
 */
export function eraseRedis(url: string, shardCount: number): Promise<void> {
  return withConnection(url, async (connection) => {
    if (await hasWriter(connection)) {
      throw new ProcessEnd('inUse', `a server is connected to Redis at ${placeOf(url)}; stop it first`);
    }
    // The installation may have had more shards than this one is to have.
    for (let index = 0; index <= SHARDS_MAX; index++) {
      const shard = asShardId(index);
      const removed = await connection.send('DEL', [
        streamKey(shard),
        epochKey(shard),
        installationKey(shard),
        startKey(shard),
      ]);
      if (Number(removed) === 0 && index >= shardCount) return;
    }
  });
}

/** False also where the server does not tell. */
async function hasWriter(connection: RedisConnection): Promise<boolean> {
  try {
    const lists = await connection.sendToAll('CLIENT', ['LIST']);
    return lists.some((list) => String(list).includes('name=clipbook-writer'));
  } catch (error) {
    if (error instanceof Error && /^(NOPERM|ERR unknown)/.test(error.message)) return false;
    throw error;
  }
}

async function withConnection<T>(url: string, work: (connection: RedisConnection) => Promise<T>): Promise<T> {
  const connection = await openConnection({ url, ...CONNECTION });
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

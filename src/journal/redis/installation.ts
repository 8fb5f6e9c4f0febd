/**
 * Which installation the streams of a Redis belong to. Each shard has a key of its own with the id, in the slot of its
 * stream, so that taking the shard over compares it in the same step (scripts.ts).
 */
import { asShardId, type Seq, type ShardId } from '../../domain/ids.js';
import { belongsToAnother, type JournalFacts } from '../identity.js';
import { type Link, openLink, placeOf } from './connection.js';
import { decodeEntry, epochKey, installationKey, streamKey } from './entry.js';

const LINK = { openMsMax: 2_000, replyMsMax: 5_000, name: 'clipbook-installation' } as const;
/** Shards that are asked at once. */
const ASKED_MAX = 32;

interface ShardFacts {
  readonly shard: ShardId;
  readonly id: string | null;
  readonly isEmpty: boolean;
  readonly end: Seq | null;
}

export function surveyRedis(url: string, shardCount: number): Promise<JournalFacts> {
  return withLink(url, async (link) => {
    const shards: ShardFacts[] = [];
    for (let first = 0; first < shardCount; first += ASKED_MAX) {
      const count = Math.min(ASKED_MAX, shardCount - first);
      const asked = Array.from({ length: count }, (_, n) => surveyShard(link, asShardId(first + n)));
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
    };
  });
}

async function surveyShard(link: Link, shard: ShardId): Promise<ShardFacts> {
  const [id, epoch, last] = await Promise.all([
    link.send('GET', [installationKey(shard)]),
    link.send('EXISTS', [epochKey(shard)]),
    link.send('XREVRANGE', [streamKey(shard), '+', '-', 'COUNT', 1]),
  ]);
  const [entry] = last as [Buffer, [Buffer, Buffer]][];
  const end = entry === undefined ? null : decodeEntry(shard, String(entry[0]), entry[1]?.[1]).lastSeq;
  return { shard, id: id === null ? null : String(id), isEmpty: Number(epoch) === 0 && end === null, end };
}

/** Shard by shard, the first one first: of two starts at once, one finds the other's id there and stops before the rest. */
export function stampRedis(url: string, shardCount: number, id: string): Promise<void> {
  return withLink(url, async (link) => {
    for (let index = 0; index < shardCount; index++) {
      const key = installationKey(asShardId(index));
      await link.send('SET', [key, id, 'NX']);
      const found = String(await link.send('GET', [key]));
      if (found !== id) throw belongsToAnother(`Redis at ${placeOf(url)}`, found, id);
    }
  });
}

/** Removes every key of the shards `0 .. shardCount - 1`. Returns how many there were. */
export function clearRedis(url: string, shardCount: number): Promise<number> {
  return withLink(url, async (link) => {
    let removed = 0;
    for (let index = 0; index < shardCount; index++) {
      const shard = asShardId(index);
      const keys = [streamKey(shard), epochKey(shard), installationKey(shard)];
      removed += Number(await link.send('DEL', keys));
    }
    return removed;
  });
}

async function withLink<T>(url: string, work: (link: Link) => Promise<T>): Promise<T> {
  const link = await openLink({ url, ...LINK });
  try {
    return await work(link);
  } finally {
    link.close();
  }
}

/**
 * The reader: XRANGE from the entry that holds the wanted sequence, up to what is durable.
 *
 * Ids are first sequences. One who follows a stream asks for what comes right after an entry, so
 * the next id is known, and one round trip does. Only who begins inside an entry (or finds nothing
 * there) needs a second look, for the last id that is not greater. Every entry is verified by
 * itself and as the successor of the one before it.
 *
 * A reader connects when it is needed and again when its connection was lost: a read has no effect
 * to be in doubt of.
 */
import { asShardId, type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';
import { type Entry, JournalDamaged, type JournalReader, JournalTrimmed } from '../journal.js';
import { type ConnectionOptions, openConnection, type RedisConnection } from './connection.js';
import type { DurableSeqs } from './durable.js';
import { decodeEntry, entryId, follows, type StoredEntry, streamKey } from './entry.js';

/**
 * Entries differ in size, so what one call may bring is bounded by a number that is harmless even
 * for large ones.
 */
const COUNT_MAX = 256;
/** Guess at the size of an entry before one was seen. */
const ENTRY_BYTES = 4096;

export function createRedisReader(
  connectionOptions: ConnectionOptions,
  durable: DurableSeqs,
  shards: () => readonly ShardId[],
): JournalReader {
  let opening: Promise<RedisConnection> | null = null;
  let isClosed = false;
  let entryBytes = ENTRY_BYTES;

  function connected(): Promise<RedisConnection> {
    if (isClosed) return Promise.reject(new Error('the journal reader is closed'));
    if (opening !== null) return opening;
    const mine = openConnection(connectionOptions).then(
      (connection) => {
        connection.onLost(() => {
          if (opening === mine) opening = null;
        });
        if (isClosed) connection.close();
        return connection;
      },
      (error: unknown) => {
        if (opening === mine) opening = null;
        throw error;
      },
    );
    opening = mine;
    return mine;
  }

  /**
   * A connection that does not answer in time is given up, or the reads after it would wait behind
   * it.
   */
  async function ask(name: string, args: readonly (string | number)[]): Promise<unknown> {
    const connection = await connected();
    try {
      return await connection.send(name, args);
    } catch (error) {
      opening = null;
      connection.close();
      throw error;
    }
  }

  async function range(shard: ShardId, from: number, through: Seq, count: number): Promise<StoredEntry[]> {
    const args = [streamKey(shard), entryId(from), entryId(through), 'COUNT', count];
    return decodeRange(shard, await ask('XRANGE', args));
  }

  /** The entry that holds a sequence, or null when it is gone. */
  async function holding(shard: ShardId, seq: number): Promise<StoredEntry | null> {
    const found = await ask('XREVRANGE', [streamKey(shard), entryId(seq), '-', 'COUNT', 1]);
    const [entry] = decodeRange(shard, found);
    return entry !== undefined && entry.lastSeq >= seq ? entry : null;
  }

  async function read(shard: ShardId, afterSeq: Seq, bytesMax: number): Promise<readonly Entry[]> {
    const through = durable.get(shard);
    if (afterSeq >= through) return [];
    const began = durable.beganAfter(shard);
    if (afterSeq < began) throw new JournalTrimmed(`shard ${shard} began anew after ${began}, with a loss`);
    const entries: StoredEntry[] = [];
    let bytes = 0;
    let next: number = afterSeq + 1;
    for (;;) {
      const count = Math.max(1, Math.min(COUNT_MAX, Math.ceil((bytesMax - bytes) / entryBytes)));
      let found = await range(shard, next, through, count);
      if (entries.length === 0 && found[0]?.firstSeq !== next) {
        const first = await holding(shard, next);
        if (first === null) throw new JournalTrimmed(`shard ${shard} has no entry with sequence ${next} any more`);
        found = [first, ...found];
      }
      for (const entry of found) {
        if (entries.length > 0 && (bytes >= bytesMax || entry.firstSeq !== next)) return entries;
        const before = entries.at(-1);
        if (before !== undefined && !follows(entry, before)) {
          throw new JournalDamaged(streamKey(shard), entry.firstSeq, 'an entry does not follow the one before it');
        }
        if (entry.lastSeq > through) return entries;
        entries.push(entry);
        bytes += entry.payload.length;
        entryBytes += (entry.payload.length - entryBytes) / 16;
        next = entry.lastSeq + 1;
      }
      if (bytes >= bytesMax || next > through || found.length < count) return entries;
    }
  }

  return {
    durableSeq: (shard) => durable.get(shard),
    read,
    async size() {
      let bytes = 0;
      // Also where there is no stream yet, whether Redis is there is told.
      await ask('PING', []);
      const sizes = await Promise.all(shards().map((shard) => ask('MEMORY', ['USAGE', streamKey(shard)])));
      for (const size of sizes) bytes += Number(size ?? 0);
      return bytes;
    },
    async sinceMs() {
      const times = shards().map((shard) => durable.sinceMs(shard));
      return times.length === 0 ? null : Math.max(...times);
    },
    async close() {
      isClosed = true;
      const connection = await opening?.catch(() => null);
      connection?.close();
    },
  };
}

function decodeRange(shard: ShardId, reply: unknown): StoredEntry[] {
  return (reply as [Buffer, [Buffer, Buffer]][]).map(([id, fields]) => decodeEntry(shard, String(id), fields?.[1]));
}

/** The shards that this process has opened, as far as anything was ever written to them. */
export function openedShards(durable: DurableSeqs): ShardId[] {
  return Array.from({ length: SHARDS_MAX + 1 }, (_, index) => asShardId(index)).filter(
    (shard) => durable.get(shard) > 0,
  );
}

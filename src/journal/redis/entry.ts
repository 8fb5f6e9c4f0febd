/**
 * How an entry looks in a stream: one field, `e`, under the id `<firstSeq>-0`.
 *
 *      0       1        33    34       42      50        82
 *      version chain    shard firstSeq lastSeq before    payload …
 *
 * `chain` is SHA-256 over everything after it, and `before` is the chain of the entry before, zeros
 * for the first. So an entry proves itself whole, and two neighbours prove that nothing was taken
 * from between them or put in; a CRC besides would say nothing more. Version and chain, the first
 * 33 bytes, are the entry's *mark*: an append names the mark of the entry that it expects to be the
 * last one, which is more than naming its id: it also notices other entries under the same numbers.
 * Numbers are little-endian; sequences are doubles because they pass 32 bits and a BigInt costs an
 * allocation.
 */
import * as crypto from 'node:crypto';
import type { Seq, ShardId } from '../../domain/ids.js';
import { type Entry, JournalDamaged } from '../journal.js';

const ENTRY_VERSION = 1;
export const MARK_BYTES = 33;
const PAYLOAD_OFFSET = 82;

/** The mark of what an empty stream ends with. */
export const NO_MARK: Buffer = Buffer.alloc(0);

/**
 * What is in a stream, verified by itself. `payload` is a view of the bytes that came from Redis.
 */
export interface StoredEntry extends Entry {
  readonly mark: Buffer;
  readonly before: Buffer;
}

export function streamKey(shard: ShardId): string {
  return `clipbook:{${shard}}:journal`;
}

/**
 * Who may write the stream. The same hash tag, so that one call may touch both on a Redis Cluster.
 */
export function epochKey(shard: ShardId): string {
  return `clipbook:{${shard}}:epoch`;
}

/** Which installation the shard belongs to. In the same slot, too. */
export function installationKey(shard: ShardId): string {
  return `clipbook:{${shard}}:installation`;
}

/**
 * After which sequence the shard began anew, when what it had until there was accepted as lost. In
 * the same slot, too. Absent: it never did.
 */
export function startKey(shard: ShardId): string {
  return `clipbook:{${shard}}:start`;
}

export function entryId(firstSeq: number): string {
  return `${firstSeq}-0`;
}

/** The sequence that an id names. Throws `JournalDamaged` for an id that no entry of ours has. */
export function seqOfId(key: string, id: string): number {
  const firstSeq = /^(\d{1,16})-0$/.exec(id)?.[1];
  if (firstSeq === undefined) throw new JournalDamaged(key, 0, `an entry with the id ${id} is not ours`);
  return Number(firstSeq);
}

/** The entry as bytes for the stream. `markBefore` is the mark of the entry before it. */
export function encodeEntry(entry: Entry, markBefore: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(PAYLOAD_OFFSET + entry.payload.length);
  bytes[0] = ENTRY_VERSION;
  bytes[33] = entry.shard;
  bytes.writeDoubleLE(entry.firstSeq, 34);
  bytes.writeDoubleLE(entry.lastSeq, 42);
  if (markBefore.length === 0) bytes.fill(0, 50, PAYLOAD_OFFSET);
  else bytes.set(markBefore.subarray(1), 50);
  bytes.set(entry.payload, PAYLOAD_OFFSET);
  bytes.set(sha256(bytes.subarray(MARK_BYTES)), 1);
  return bytes;
}

/**
 * Throws `JournalDamaged`, with the sequence that the id names as the offset, when the bytes are
 * not what was written.
 */
export function decodeEntry(shard: ShardId, id: string, bytes: Buffer | undefined): StoredEntry {
  const key = streamKey(shard);
  const seq = seqOfId(key, id);
  if (bytes === undefined || bytes.length < PAYLOAD_OFFSET) throw new JournalDamaged(key, seq, 'an entry is too short');
  if (bytes[0] !== ENTRY_VERSION) throw new JournalDamaged(key, seq, `an entry has version ${bytes[0]}`);
  if (!sha256(bytes.subarray(MARK_BYTES)).equals(bytes.subarray(1, MARK_BYTES))) {
    throw new JournalDamaged(key, seq, 'an entry is not what was written');
  }
  const firstSeq = bytes.readDoubleLE(34);
  const lastSeq = bytes.readDoubleLE(42);
  if (bytes[33] !== shard || firstSeq !== seq || lastSeq < firstSeq) {
    throw new JournalDamaged(key, seq, `an entry of shard ${bytes[33]} at ${firstSeq} is in its place`);
  }
  return {
    shard,
    firstSeq: firstSeq as Seq,
    lastSeq: lastSeq as Seq,
    payload: bytes.subarray(PAYLOAD_OFFSET),
    mark: bytes.subarray(0, MARK_BYTES),
    before: bytes.subarray(50, PAYLOAD_OFFSET),
  };
}

export function follows(entry: StoredEntry, before: StoredEntry): boolean {
  return entry.before.equals(before.mark.subarray(1));
}

/**
 * One-shot hashing (Node 20.12 and later) skips building a stream, which costs more than hashing a
 * small entry.
 */
const sha256: (bytes: Uint8Array) => Buffer =
  typeof crypto.hash === 'function'
    ? (bytes) => crypto.hash('sha256', bytes, 'buffer')
    : (bytes) => crypto.createHash('sha256').update(bytes).digest();

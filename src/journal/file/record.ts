/**
 * How a record looks on disk. A segment file is a start record, then commit records, then zeros.
 *
 *      0   4   8      12   14    16    20      24      32     64
 *      magic crc length kind count epoch segment ordinal chain  body ... zeros, end mark
 *
 * The zeros fill the record up to a multiple of 8. `crc` is CRC-32 over everything after it, up to
 * the end of the body. It says whether a record is whole, by itself, which is what tells a torn
 * tail (nothing whole follows) from damage (something whole follows). It starts from a random
 * number that the start record of the epoch holds (its "salt"), so that nobody can put bytes into a
 * coupon's metadata that would pass for a record when the real one around them is torn. `epoch` and
 * `segment` bind a record to its file.
 *
 * `chain` is SHA-256 over the record (from `length` on) with the chain of the record before it in
 * that field. It is chained over all records of an epoch, whatever their shards, because that is
 * one hash per commit instead of one per shard, and because it also shows that the end of a segment
 * was lost when a later segment exists. A start record carries the chain before it in its body,
 * and, per shard, the chain of the record that holds the shard's last entry: thus the history of a
 * shard is chained across epochs too, although its neighbours on disk change.
 *
 * The body of a commit is its entries, each `shard u16, 0 u16, length u32, firstSeq f64, lastSeq
 * f64, payload`. A commit without entries only shows that the record before it was durable
 * (writer.ts). The body of a start is `chain before it 32, salt u32, number of the lock u32, count
 * of earlier epochs u32, time u32` (Unix seconds), then per shard of the writer `shard u16,
 * beganAfter u48, fenceSeq f64, nextSeq f64, link 32`: after which sequence its history begins
 * (zeros where nothing was accepted as lost), the sequence at which the epoch began the shard, the
 * sequence at which this segment does, and the link to the entry before it. Then, per earlier
 * epoch, `epoch u32, segment u32, offset u32`: up to where the epoch was read (epochs.ts). All
 * numbers are little-endian; sequences and ordinals are doubles because they pass 32 bits and a
 * BigInt costs an allocation.
 *
 * `end mark` is four bytes of which none is zero. It shows that the end of a record was written
 * (tail.ts).
 *
 * The first format had other kinds for the same records, without an end mark and without what a
 * start says of the lock and of earlier epochs. Its records are still read.
 */
import { createHash } from 'node:crypto';
import * as zlib from 'node:zlib';
import type { Seq, ShardId } from '../../domain/ids.js';
import type { Entry } from '../journal.js';

export const HEADER_BYTES = 64;
const ENTRY_HEADER_BYTES = 24;
export const CHAIN_BYTES = 32;
const START_HEADER_BYTES = 48;
const FIRST_FORMAT_START_HEADER_BYTES = 40;
const START_SHARD_BYTES = 56;
const BEGAN_AFTER_BYTES = 6;
const EARLIER_BYTES = 12;
const END_MARK_BYTES = 4;
/** A commit without entries. */
export const EMPTY_COMMIT_BYTES = padded(HEADER_BYTES + END_MARK_BYTES);

/** A commit larger than this is refused: it is no batch of commands any more. */
export const RECORD_BYTES_MAX = 256 * 1024 * 1024;

/** "CBJ1": the format's version is in the magic number. */
const MAGIC = 0x314a4243;
const magicBytes = Buffer.from('CBJ1', 'latin1');

const KIND_FIRST_FORMAT_START = 1;
const KIND_FIRST_FORMAT_COMMIT = 2;
const KIND_START = 3;
const KIND_COMMIT = 4;

/** Of start records; commits have one that their salt makes. */
const START_END_MARK = Buffer.from('CBJE', 'latin1').readUInt32LE();

/**
 * Where a record stands: its file, and its position within the epoch, counting from 0 (start
 * records count).
 */
interface RecordPlace {
  readonly epoch: number;
  readonly segment: number;
  readonly ordinal: number;
}

export interface StartShard {
  readonly shard: ShardId;
  /** Entries of earlier epochs from this sequence on are void. */
  readonly fenceSeq: number;
  /** The first sequence that this segment can hold. */
  readonly nextSeq: number;
  /** The chain of the record that holds the entry before `nextSeq`; zeros when there was none. */
  readonly link: Uint8Array;
  /**
   * After which sequence the shard's history begins, because the owner accepted the loss of what
   * was before: from the journal alone the shard can't be rebuilt. 0: nothing was lost.
   */
  readonly beganAfter: number;
}

/** Up to where an earlier epoch counts: records that begin there or later are void. */
export interface EpochEnd {
  readonly epoch: number;
  readonly segment: number;
  readonly offset: number;
}

export interface Start {
  readonly chainBefore: Uint8Array;
  readonly salt: number;
  /** `LockFile.number` of the process; 0 in the first format. */
  readonly lockNumber: number;
  /** When the segment was begun, in Unix milliseconds, to the second. Null in the first format. */
  readonly beganMs: number | null;
  readonly shards: readonly StartShard[];
  /** Of the epochs that had a shard of this one. None in the first format. */
  readonly earlier: readonly EpochEnd[];
}

/**
 * What was read; `end` is the offset of the next record. `chain` and what is in `start` are views
 * of the bytes.
 */
export type ReadRecord = { readonly place: RecordPlace; readonly end: number; readonly chain: Buffer } & (
  | { readonly kind: 'start'; readonly start: Start }
  | { readonly kind: 'commit' }
);

/** An entry's place in the buffer that it was read from. */
interface EntrySpan {
  readonly shard: ShardId;
  readonly firstSeq: Seq;
  readonly lastSeq: Seq;
  readonly payloadOffset: number;
  readonly payloadBytes: number;
}

export function startBytes(shardCount: number, earlierCount: number): number {
  const bodyBytes = START_HEADER_BYTES + shardCount * START_SHARD_BYTES + earlierCount * EARLIER_BYTES;
  return padded(HEADER_BYTES + bodyBytes + END_MARK_BYTES);
}

export function commitBytes(entries: readonly Entry[]): number {
  let bytes = HEADER_BYTES;
  for (const entry of entries) bytes += ENTRY_HEADER_BYTES + entry.payload.length;
  return padded(bytes + END_MARK_BYTES);
}

/** Writes a start record at `offset`, `startBytes` long, and returns the chain after it. */
export function writeStart(target: Buffer, offset: number, place: RecordPlace, start: Start): Buffer {
  let at = offset + HEADER_BYTES;
  target.set(start.chainBefore, at);
  target.writeUInt32LE(start.salt, at + 32);
  target.writeUInt32LE(start.lockNumber, at + 36);
  target.writeUInt32LE(start.earlier.length, at + 40);
  target.writeUInt32LE(Math.floor((start.beganMs ?? 0) / 1000), at + 44);
  at += START_HEADER_BYTES;
  for (const { shard, fenceSeq, nextSeq, link, beganAfter } of start.shards) {
    target.writeUInt16LE(shard, at);
    target.writeUIntLE(beganAfter, at + 2, BEGAN_AFTER_BYTES);
    target.writeDoubleLE(fenceSeq, at + 8);
    target.writeDoubleLE(nextSeq, at + 16);
    target.set(link, at + 24);
    at += START_SHARD_BYTES;
  }
  for (const { epoch, segment, offset: end } of start.earlier) {
    target.writeUInt32LE(epoch, at);
    target.writeUInt32LE(segment, at + 4);
    target.writeUInt32LE(end, at + 8);
    at += EARLIER_BYTES;
  }
  return seal(target, offset, at, KIND_START, start.shards.length, place, start.chainBefore, 0);
}

/** Writes a commit record at `offset`, `commitBytes` long, and returns the chain after it. */
export function writeCommit(
  target: Buffer,
  offset: number,
  place: RecordPlace,
  entries: readonly Entry[],
  chainBefore: Uint8Array,
  salt: number,
): Buffer {
  let at = offset + HEADER_BYTES;
  for (const { shard, firstSeq, lastSeq, payload } of entries) {
    target.writeUInt16LE(shard, at);
    target.writeUInt16LE(0, at + 2);
    target.writeUInt32LE(payload.length, at + 4);
    target.writeDoubleLE(firstSeq, at + 8);
    target.writeDoubleLE(lastSeq, at + 16);
    target.set(payload, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + payload.length;
  }
  return seal(target, offset, at, KIND_COMMIT, entries.length, place, chainBefore, salt);
}

function seal(
  target: Buffer,
  offset: number,
  end: number,
  kind: number,
  count: number,
  place: RecordPlace,
  chainBefore: Uint8Array,
  salt: number,
): Buffer {
  target.writeUInt32LE(MAGIC, offset);
  target.writeUInt32LE(end - offset - HEADER_BYTES, offset + 8);
  target.writeUInt16LE(kind, offset + 12);
  target.writeUInt16LE(count, offset + 14);
  target.writeUInt32LE(place.epoch, offset + 16);
  target.writeUInt32LE(place.segment, offset + 20);
  target.writeDoubleLE(place.ordinal, offset + 24);
  target.set(chainBefore, offset + 32);
  const chain = sha256(target.subarray(offset + 8, end));
  target.set(chain, offset + 32);
  target.writeUInt32LE(crc32(target.subarray(offset + 8, end), salt), offset + 4);
  const paddedEnd = offset + padded(end - offset + END_MARK_BYTES);
  target.fill(0, end, paddedEnd);
  target.writeUInt32LE(kind === KIND_START ? START_END_MARK : commitEndMark(salt), paddedEnd - END_MARK_BYTES);
  return chain;
}

/** No byte of it is zero, and who does not know the salt can't write it into a payload. */
function commitEndMark(salt: number): number {
  return (salt | 0x01010101) >>> 0;
}

/**
 * The length of header and body that the record at `offset` claims, or -1 where no record of this
 * file can begin. Needs `HEADER_BYTES` of bytes there.
 */
export function claimedBytes(bytes: Buffer, offset: number, epoch: number, segment: number): number {
  if (bytes.readUInt32LE(offset) !== MAGIC) return -1;
  if (bytes.readUInt32LE(offset + 16) !== epoch || bytes.readUInt32LE(offset + 20) !== segment) return -1;
  const length = HEADER_BYTES + bytes.readUInt32LE(offset + 8);
  return length > RECORD_BYTES_MAX ? -1 : length;
}

/**
 * The whole record at `offset`, or null where there is none: nothing, a torn one, or a damaged one.
 * The salt is that of the epoch; a start record doesn't need it.
 */
export function readRecord(
  bytes: Buffer,
  offset: number,
  epoch: number,
  segment: number,
  salt: number,
): ReadRecord | null {
  if (offset + HEADER_BYTES > bytes.length) return null;
  const length = claimedBytes(bytes, offset, epoch, segment);
  if (length === -1 || offset + length > bytes.length) return null;
  const kind = bytes.readUInt16LE(offset + 12);
  if (kind < KIND_FIRST_FORMAT_START || kind > KIND_COMMIT) return null;
  const isStart = kind === KIND_START || kind === KIND_FIRST_FORMAT_START;
  const crc = crc32(bytes.subarray(offset + 8, offset + length), isStart ? 0 : salt);
  if (crc !== bytes.readUInt32LE(offset + 4)) return null;
  const place = { epoch, segment, ordinal: bytes.readDoubleLE(offset + 24) };
  const chain = bytes.subarray(offset + 32, offset + HEADER_BYTES);
  const isFirst = isFirstFormat(bytes, offset);
  const end = offset + padded(length + (isFirst ? 0 : END_MARK_BYTES));
  if (!isStart) return { kind: 'commit', place, end, chain };
  return { kind: 'start', place, end, chain, start: readStart(bytes, offset, isFirst) };
}

/** Of the record at `offset`, whole or not. */
export function isFirstFormat(bytes: Buffer, offset: number): boolean {
  const kind = bytes.readUInt16LE(offset + 12);
  return kind === KIND_FIRST_FORMAT_START || kind === KIND_FIRST_FORMAT_COMMIT;
}

function readStart(bytes: Buffer, offset: number, isFirst: boolean): Start {
  const count = bytes.readUInt16LE(offset + 14);
  let at = offset + HEADER_BYTES;
  const chainBefore = bytes.subarray(at, at + CHAIN_BYTES);
  const salt = bytes.readUInt32LE(at + 32);
  const lockNumber = isFirst ? 0 : bytes.readUInt32LE(at + 36);
  const earlierCount = isFirst ? 0 : bytes.readUInt32LE(at + 40);
  const beganMs = isFirst ? null : bytes.readUInt32LE(at + 44) * 1000;
  at += isFirst ? FIRST_FORMAT_START_HEADER_BYTES : START_HEADER_BYTES;
  const shards: StartShard[] = [];
  for (let n = 0; n < count; n += 1) {
    const fenceSeq = bytes.readDoubleLE(at + 8);
    const link = bytes.subarray(at + 24, at + START_SHARD_BYTES);
    shards.push({
      shard: bytes.readUInt16LE(at) as ShardId,
      fenceSeq,
      nextSeq: bytes.readDoubleLE(at + 16),
      link,
      beganAfter: Math.max(bytes.readUIntLE(at + 2, BEGAN_AFTER_BYTES), isZero(link) ? fenceSeq - 1 : 0),
    });
    at += START_SHARD_BYTES;
  }
  const earlier: EpochEnd[] = [];
  for (let n = 0; n < earlierCount; n += 1) {
    earlier.push({
      epoch: bytes.readUInt32LE(at),
      segment: bytes.readUInt32LE(at + 4),
      offset: bytes.readUInt32LE(at + 8),
    });
    at += EARLIER_BYTES;
  }
  return { chainBefore, salt, lockNumber, beganMs, shards, earlier };
}

/**
 * As links are that have nothing to link to. An epoch that begins a shard later than at 1, without
 * a link, went on after a loss that the owner had accepted; earlier versions state nothing else of
 * that.
 */
export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/**
 * Whether the end of the bad record at `offset` was ever written, when its last byte that is not
 * zero is the one before `end`. Null where no record can begin, because its header is bad.
 */
export function isEndWritten(
  bytes: Buffer,
  offset: number,
  end: number,
  { epoch, segment, salt }: { readonly epoch: number; readonly segment: number; readonly salt: number },
): boolean | null {
  if (offset + HEADER_BYTES > bytes.length) return null;
  const length = claimedBytes(bytes, offset, epoch, segment);
  if (length === -1) return null;
  if (isFirstFormat(bytes, offset)) return offset + length <= end;
  if (offset + padded(length + END_MARK_BYTES) <= end) return true;
  const mark = bytes.readUInt32LE(end - END_MARK_BYTES);
  return mark === START_END_MARK || mark === commitEndMark(salt);
}

/**
 * The entries of the whole commit record at `offset`. Null when they don't add up to its length.
 */
export function readEntries(bytes: Buffer, offset: number): EntrySpan[] | null {
  const end = offset + HEADER_BYTES + bytes.readUInt32LE(offset + 8);
  const count = bytes.readUInt16LE(offset + 14);
  const spans: EntrySpan[] = [];
  let at = offset + HEADER_BYTES;
  for (let n = 0; n < count; n += 1) {
    if (at + ENTRY_HEADER_BYTES > end) return null;
    const payloadBytes = bytes.readUInt32LE(at + 4);
    spans.push({
      shard: bytes.readUInt16LE(at) as ShardId,
      firstSeq: bytes.readDoubleLE(at + 8) as Seq,
      lastSeq: bytes.readDoubleLE(at + 16) as Seq,
      payloadOffset: at + ENTRY_HEADER_BYTES,
      payloadBytes,
    });
    at += ENTRY_HEADER_BYTES + payloadBytes;
  }
  return at === end ? spans : null;
}

/**
 * Whether the whole record at `offset` follows the record that ended with this chain. Changes no
 * byte that it leaves.
 */
export function chainFollows(bytes: Buffer, offset: number, chainBefore: Uint8Array): boolean {
  const length = HEADER_BYTES + bytes.readUInt32LE(offset + 8);
  const field = bytes.subarray(offset + 32, offset + HEADER_BYTES);
  const chain = Buffer.from(field);
  field.set(chainBefore);
  const computed = sha256(bytes.subarray(offset + 8, offset + length));
  field.set(chain);
  return computed.equals(chain);
}

/**
 * The offset of the next whole record at or after `from`, or -1: what tells damage from a torn
 * tail.
 */
export function findRecord(bytes: Buffer, from: number, epoch: number, segment: number, salt: number): number {
  let at = bytes.indexOf(magicBytes, from);
  while (at !== -1) {
    if (at % 8 === 0 && readRecord(bytes, at, epoch, segment, salt) !== null) return at;
    at = bytes.indexOf(magicBytes, at + 1);
  }
  return -1;
}

/** Whether anything that may have been a record begins at or after `from`, whole or not. */
export function mentionsRecord(bytes: Buffer, from: number): boolean {
  return bytes.indexOf(magicBytes, from) !== -1;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/**
 * Node's own from 20.15 on; the same polynomial in a table before that, so that files move between
 * versions.
 */
const crc32: (bytes: Uint8Array, start: number) => number =
  typeof zlib.crc32 === 'function' ? (bytes, start) => zlib.crc32(bytes, start) : crc32ByTable;

let crcTable: Uint32Array | null = null;

export function crc32ByTable(bytes: Uint8Array, start: number): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = ~start;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

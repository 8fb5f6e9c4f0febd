/**
 * Reading everything back when a writer opens: which entries count, up to where, and whether anything is damaged.
 *
 * Epochs are read in ascending order. The start records of all of them say where each epoch began each of its shards,
 * so before the first entry is looked at it is known which entries a later epoch made void. What then counts of a shard
 * must be one sequence without a gap, each epoch going on where the one before it stopped.
 *
 * A record that is not whole ends its epoch: what a crash tore off. But when anything whole comes after it, in the same
 * file or in a later one, it wasn't the last thing written; then something was changed on the medium, entries that
 * were acknowledged may be among it, and the opening is refused with the place. A later segment shows by its own chain
 * whether the end of the one before it is all there.
 */
import { type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';
import { JournalDamaged } from '../journal.js';
import type { FileOps } from './file-ops.js';
import { isErrorCode, readFully } from './file-ops.js';
import { listEpochs, listSegments, segmentPath } from './layout.js';
import {
  CHAIN_BYTES,
  chainFollows,
  findRecord,
  HEADER_BYTES,
  mentionsRecord,
  readEntries,
  readRecord,
  type Start,
  type StartShard,
} from './record.js';

/** A segment that no writer of ours appends to, with what decides when it may go. */
export interface OldSegment {
  readonly path: string;
  /** By shard: the last sequence in it, void ones too; 0 where it has none. */
  readonly lastSeqs: Float64Array;
}

export interface OldEpoch {
  readonly epoch: number;
  readonly shards: readonly ShardId[];
  /** Ascending. Null when the epoch has no shard of ours: another writer reads and deletes it. */
  readonly segments: readonly OldSegment[] | null;
  /** Paths of segments at the end that were made and never begun. They must go before any other does. */
  readonly blanks: readonly string[];
  /** The record that may never have been synced: with one commit in flight, only the last one. */
  readonly tail: Tail | null;
}

export interface Tail {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface Scan {
  readonly epochs: readonly OldEpoch[];
  /** By shard: the last sequence that counts, 0 for an empty shard. */
  readonly lastSeqs: Float64Array;
  /** By shard: the chain of the record that holds that sequence; zeros when there is none. */
  readonly links: Buffer[];
}

interface ScanRequest {
  readonly ops: FileOps;
  readonly directory: string;
  readonly shards: readonly ShardId[];
  /** Entries of a shard after this sequence are void. */
  readonly voidAfter: ReadonlyMap<ShardId, Seq>;
  /** Epochs from this one on are not looked at: ours, and those of writers that open at the same time. */
  readonly beforeEpoch: number;
}

/** Reads all epochs that have a shard of ours. Throws `JournalDamaged`. */
export function scanEpochs(request: ScanRequest): Scan {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return scanOnce(request);
    } catch (error) {
      // Another thread's trim may delete an old epoch under our eyes; then the next look finds it gone.
      if (!isErrorCode(error, 'ENOENT') || attempt === 16) throw error;
    }
  }
}

function scanOnce({ ops, directory, shards, voidAfter, beforeEpoch }: ScanRequest): Scan {
  const heads: EpochHead[] = [];
  for (const epoch of listEpochs(ops, directory)) {
    const head = epoch < beforeEpoch ? readHead(ops, directory, epoch) : null;
    if (head !== null) heads.push(head);
  }
  const state: ScanState = {
    wanted: new Set(shards),
    seen: new Set(),
    lastSeqs: new Float64Array(SHARDS_MAX),
    links: Array.from({ length: SHARDS_MAX }, () => Buffer.alloc(CHAIN_BYTES)),
    voidAfter,
  };
  const epochs = heads.map((head, index): OldEpoch => {
    const headShards = head.start.shards.map(({ shard }) => shard);
    if (!headShards.some((shard) => state.wanted.has(shard))) {
      return { epoch: head.epoch, shards: headShards, segments: null, blanks: [], tail: null };
    }
    const limits = limitsOf(heads.slice(index + 1), voidAfter);
    return { epoch: head.epoch, shards: headShards, ...scanEpoch(ops, directory, head, limits, state) };
  });
  return { epochs, lastSeqs: state.lastSeqs, links: state.links };
}

interface EpochHead {
  readonly epoch: number;
  readonly segments: readonly number[];
  readonly start: Start;
}

interface ScanState {
  readonly wanted: ReadonlySet<ShardId>;
  readonly seen: Set<ShardId>;
  readonly lastSeqs: Float64Array;
  readonly links: Buffer[];
  readonly voidAfter: ReadonlyMap<ShardId, Seq>;
}

/** The start record of an epoch's first segment; null for an epoch whose opening never finished. */
export function readHead(ops: FileOps, directory: string, epoch: number): EpochHead | null {
  const segments = listSegments(ops, directory, epoch);
  const first = segments[0];
  if (first === undefined) return null;
  const path = segmentPath(directory, epoch, first);
  const start = readStartOf(ops, path, epoch, first);
  if (start !== null) return { epoch, segments, start };
  // Without its salt no commit record can be told from noise, but a later segment's start record can.
  for (const segment of segments.slice(1)) {
    if (readStartOf(ops, segmentPath(directory, epoch, segment), epoch, segment) !== null) {
      throw new JournalDamaged(path, 0, 'the start record is bad, and another segment follows');
    }
  }
  // An opening that didn't finish wrote a start record, maybe torn, and nothing after it.
  if (first > 0 || mentionsRecord(readFile(ops, path), 1)) {
    throw new JournalDamaged(path, 0, 'the start record is bad, and records follow');
  }
  return null;
}

/** The start record of a segment, or null when it is not whole. */
export function readStartOf(ops: FileOps, path: string, epoch: number, segment: number): Start | null {
  const fd = ops.open(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readFully(ops, fd, header, 0) < HEADER_BYTES) return null;
    const bytes = Buffer.alloc(HEADER_BYTES + Math.min(header.readUInt32LE(8), START_BODY_BYTES_MAX));
    const record = readRecord(bytes.subarray(0, readFully(ops, fd, bytes, 0)), 0, epoch, segment, 0);
    return record?.kind === 'start' ? record.start : null;
  } finally {
    ops.close(fd);
  }
}

const START_BODY_BYTES_MAX = 64 * 1024;

/** By shard: the first sequence that does not count in an epoch, because of the epochs after it or by the owner's word. */
function limitsOf(laterHeads: readonly EpochHead[], voidAfter: ReadonlyMap<ShardId, Seq>): Float64Array {
  const limits = new Float64Array(SHARDS_MAX).fill(Number.POSITIVE_INFINITY);
  for (const [shard, seq] of voidAfter) limits[shard] = seq + 1;
  for (const { start } of laterHeads) {
    for (const { shard, fenceSeq } of start.shards) limits[shard] = Math.min(limits[shard] ?? fenceSeq, fenceSeq);
  }
  return limits;
}

/** Where the reading of an epoch is. */
interface EpochCursor {
  chain: Buffer;
  ordinal: number;
  /** By shard: the last sequence in this epoch, void ones too; NaN for a shard that it doesn't have. */
  readonly positions: Float64Array;
  tail: Tail | null;
}

function scanEpoch(
  ops: FileOps,
  directory: string,
  head: EpochHead,
  limits: Float64Array,
  state: ScanState,
): { segments: OldSegment[]; blanks: string[]; tail: Tail | null } {
  const cursor: EpochCursor = {
    chain: Buffer.from(head.start.chainBefore),
    ordinal: -1,
    positions: new Float64Array(SHARDS_MAX).fill(Number.NaN),
    tail: null,
  };
  const segments: OldSegment[] = [];
  const blanks: string[] = [];
  /** Where the segment before stopped; offset 0 is one that didn't even begin. */
  let end: { path: string; offset: number } | null = null;
  for (const [index, number] of head.segments.entries()) {
    const path = segmentPath(directory, head.epoch, number);
    const bytes = readFile(ops, path);
    const old: OldSegment = { path, lastSeqs: new Float64Array(SHARDS_MAX) };
    const record = readRecord(bytes, 0, head.epoch, number, head.start.salt);
    if (record?.kind !== 'start') {
      if (findRecord(bytes, 1, head.epoch, number, head.start.salt) !== -1) {
        throw new JournalDamaged(path, 0, 'the start record is bad, and records follow');
      }
      if (end?.offset !== 0) end = { path, offset: 0 };
      blanks.push(path);
      continue;
    }
    segments.push(old);
    const expected = (head.segments[0] ?? 0) + index;
    if (number !== expected) {
      throw new JournalDamaged(segmentPath(directory, head.epoch, expected), 0, 'this segment is missing');
    }
    if (end !== null && (end.offset === 0 || !cursor.chain.equals(record.start.chainBefore))) {
      throw new JournalDamaged(end.path, end.offset, 'a bad record, and another segment follows');
    }
    if (index === 0) cursor.ordinal = record.place.ordinal - 1;
    beginShards(record.start.shards, index === 0, limits, state, cursor, path);
    end = { path, offset: scanCommits(bytes, head, number, old, limits, state, cursor) };
    for (const shard of state.wanted) state.links[shard] = Buffer.from(state.links[shard] ?? []);
  }
  return { segments, blanks, tail: cursor.tail };
}

/** Checks a segment's start record against what was read before it. */
function beginShards(
  starts: readonly StartShard[],
  isFirst: boolean,
  limits: Float64Array,
  state: ScanState,
  cursor: EpochCursor,
  path: string,
): void {
  for (const { shard, nextSeq, link } of starts) {
    if (!isFirst) {
      if (cursor.positions[shard] !== nextSeq - 1) throw new JournalDamaged(path, 0, gap(shard));
      continue;
    }
    cursor.positions[shard] = nextSeq - 1;
    if (!state.wanted.has(shard)) continue;
    const lastSeq = Math.min(nextSeq, limits[shard] ?? nextSeq) - 1;
    if (state.seen.has(shard)) {
      const before = state.lastSeqs[shard] ?? 0;
      // Nothing to link to, and a later beginning: a loss that the owner took note of and went on after (`goOnAfter`).
      const isNotedLoss = before < lastSeq && isZero(link);
      if (before !== lastSeq && !isNotedLoss) throw new JournalDamaged(path, 0, gap(shard));
      const held = state.links[shard];
      if (!isNotedLoss && lastSeq === nextSeq - 1 && held !== undefined && !held.equals(link)) {
        throw new JournalDamaged(path, 0, `earlier entries of shard ${shard} were changed`);
      }
    }
    state.seen.add(shard);
    state.lastSeqs[shard] = lastSeq;
    state.links[shard] = Buffer.from(link);
  }
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Reads the commits of a segment and returns the offset where they end. */
function scanCommits(
  bytes: Buffer,
  { epoch, start: { salt } }: EpochHead,
  segment: number,
  old: OldSegment,
  limits: Float64Array,
  state: ScanState,
  cursor: EpochCursor,
): number {
  let offset = 0;
  let lastOffset = 0;
  for (;;) {
    const record = readRecord(bytes, offset, epoch, segment, salt);
    if (record === null) break;
    if (record.place.ordinal !== cursor.ordinal + 1 || !chainFollows(bytes, offset, cursor.chain)) {
      throw new JournalDamaged(old.path, offset, 'the record does not follow the one before it');
    }
    if (offset > 0) {
      if (record.kind !== 'commit') throw new JournalDamaged(old.path, offset, 'a start record in the middle');
      takeEntries(bytes, offset, record.chain, old, limits, state, cursor.positions);
    }
    cursor.ordinal += 1;
    cursor.chain = record.chain;
    lastOffset = offset;
    offset = record.end;
  }
  if (findRecord(bytes, offset + 1, epoch, segment, salt) !== -1) {
    throw new JournalDamaged(old.path, offset, 'a bad record, and whole ones follow');
  }
  // Copies: the buffer of the whole segment shall not live as long as these few bytes.
  cursor.chain = Buffer.from(cursor.chain);
  cursor.tail = { path: old.path, offset: lastOffset, bytes: Buffer.from(bytes.subarray(lastOffset, offset)) };
  return offset;
}

function takeEntries(
  bytes: Buffer,
  offset: number,
  chain: Buffer,
  old: OldSegment,
  limits: Float64Array,
  state: ScanState,
  positions: Float64Array,
): void {
  const entries = readEntries(bytes, offset);
  if (entries === null) throw new JournalDamaged(old.path, offset, 'the entries do not fill their record');
  for (const { shard, firstSeq, lastSeq } of entries) {
    if (firstSeq !== (positions[shard] ?? Number.NaN) + 1 || lastSeq < firstSeq) {
      throw new JournalDamaged(old.path, offset, gap(shard));
    }
    positions[shard] = lastSeq;
    old.lastSeqs[shard] = lastSeq;
    if (!state.wanted.has(shard)) continue;
    const limit = limits[shard] ?? Number.POSITIVE_INFINITY;
    if (lastSeq < limit) {
      state.lastSeqs[shard] = lastSeq;
      state.links[shard] = chain;
    } else if (firstSeq < limit) {
      if (limit - 1 === state.voidAfter.get(shard)) {
        throw new RangeError(`startAfter ${limit - 1} of shard ${shard} is inside an entry`);
      }
      throw new JournalDamaged(old.path, offset, `an entry of shard ${shard} goes past the start of a later epoch`);
    }
  }
}

function gap(shard: ShardId): string {
  return `a gap in the sequence of shard ${shard}`;
}

function readFile(ops: FileOps, path: string): Buffer {
  const fd = ops.open(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(ops.size(fd));
    return bytes.subarray(0, readFully(ops, fd, bytes, 0));
  } finally {
    ops.close(fd);
  }
}

/**
 * Reading everything back when a writer opens: which entries count, up to where, and whether
 * anything is damaged.
 *
 * Epochs are read in ascending order. The start records of all of them say where each epoch began
 * each of its shards, and up to where it had read the epochs before it (epochs.ts), so before the
 * first entry is looked at it is known which records and entries a later epoch made void. What then
 * counts of a shard must be one sequence without a gap, each epoch going on where the one before it
 * stopped.
 *
 * A record that is not whole ends its epoch when a crash tore it (tail.ts). When it was changed on
 * the medium, when anything whole comes after it, in the same file or in a later one, or when a
 * later epoch had read past it, then entries that were acknowledged may be among it, and the
 * opening is refused with the place. A later segment shows by its own chain whether the end of the
 * one before it is all there.
 *
 * A segment that holds nothing but what is in the snapshot is kept for the retention span
 * (retention.ts). It is not read: the start record of the segment behind it says all that is
 * needed, and a start must not take longer for what is kept.
 */
import { type Seq, SHARDS_MAX, type ShardId } from '../../domain/ids.js';
import { JournalDamaged } from '../journal.js';
import { type EpochEnds, type EpochHead, endsOf, placeOf } from './epochs.js';
import type { FileOps } from './file-ops.js';
import { isErrorCode } from './file-ops.js';
import { type Cut, readFile, readHead, readStartRecord, type StartRecord } from './heads.js';
import { listEpochs, segmentPath } from './layout.js';
import {
  CHAIN_BYTES,
  chainFollows,
  type EpochEnd,
  findRecord,
  isFirstFormat,
  isZero,
  readEntries,
  readRecord,
  type StartShard,
} from './record.js';
import { hasUnwrittenSector, judgeTail, writtenBytes } from './tail.js';

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
  /**
   * Paths of segments at the end that were made and never begun. They must go before any other
   * does.
   */
  readonly blanks: readonly string[];
  /** The record that may never have been synced: with one commit in flight, only the last one. */
  readonly tail: Tail | null;
}

interface Tail {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface Scan {
  readonly epochs: readonly OldEpoch[];
  /** Up to where each epoch was read; what the writer's own epoch has to state. */
  readonly ends: readonly EpochEnd[];
  /** What was found behind the ends of epochs that no later epoch had read. */
  readonly cuts: readonly Cut[];
  /** By shard: the last sequence that counts, 0 for an empty shard. */
  readonly lastSeqs: Float64Array;
  /** By shard: the chain of the record that holds that sequence; zeros when there is none. */
  readonly links: Buffer[];
  /** By shard: `StartShard.beganAfter`. */
  readonly beganAfter: Float64Array;
}

interface ScanRequest {
  readonly ops: FileOps;
  readonly directory: string;
  readonly shards: readonly ShardId[];
  /** Entries of a shard after this sequence are void. */
  readonly voidAfter: ReadonlyMap<ShardId, Seq>;
  /** Entries through this sequence need not be verified. */
  readonly inSnapshot: ReadonlyMap<ShardId, Seq>;
  /**
   * Epochs from this one on are not looked at: ours, and those of writers that open at the same
   * time.
   */
  readonly beforeEpoch: number;
}

/** Reads all epochs that have a shard of ours. Throws `JournalDamaged`. */
export function scanEpochs(request: ScanRequest): Scan {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return scanOnce(request);
    } catch (error) {
      // Another thread's trim may delete an old epoch under our eyes; then the next look finds it
      // gone.
      if (!isErrorCode(error, 'ENOENT') || attempt === 16) throw error;
    }
  }
}

function scanOnce({ ops, directory, shards, voidAfter, inSnapshot, beforeEpoch }: ScanRequest): Scan {
  const heads: EpochHead[] = [];
  const ends: EpochEnd[] = [];
  const cuts: Cut[] = [];
  for (const epoch of listEpochs(ops, directory)) {
    if (epoch >= beforeEpoch) continue;
    const head = readHead(ops, directory, epoch);
    if (head.kind === 'begun') heads.push(head.head);
    else {
      // Its opening did not finish. Should a paused process finish it late, it is void from the
      // start.
      ends.push({ epoch, segment: 0, offset: 0 });
    }
  }
  const state: ScanState = {
    wanted: new Set(shards),
    seen: new Set(),
    lastSeqs: new Float64Array(SHARDS_MAX),
    links: Array.from({ length: SHARDS_MAX }, () => Buffer.alloc(CHAIN_BYTES)),
    beganAfter: new Float64Array(SHARDS_MAX),
    voidAfter,
    inSnapshot,
    ends: endsOf(heads),
    cuts,
  };
  const epochs = heads.map((head): OldEpoch => {
    const { epoch } = head;
    const headShards = head.start.shards.map(({ shard }) => shard);
    const counting = headShards.filter((shard) => state.ends.counts(head, shard));
    if (counting.length === 0) {
      ends.push({ epoch, segment: 0, offset: 0 });
      return voidEpoch(directory, head);
    }
    if (!counting.some((shard) => state.wanted.has(shard))) {
      if (headShards.some((shard) => state.wanted.has(shard))) ends.push({ epoch, segment: 0, offset: 0 });
      return { epoch, shards: headShards, segments: null, blanks: [], tail: null };
    }
    const { end, ...scanned } = scanEpoch(ops, directory, head, state);
    ends.push(end);
    return { epoch, shards: headShards, ...scanned };
  });
  const { lastSeqs, links, beganAfter } = state;
  return { epochs, ends, cuts, lastSeqs, links, beganAfter };
}

/** All of it may go at once. */
function voidEpoch(directory: string, { epoch, segments }: EpochHead): OldEpoch {
  const all = segments.map((segment) => ({
    path: segmentPath(directory, epoch, segment),
    lastSeqs: new Float64Array(SHARDS_MAX),
  }));
  return { epoch, shards: [], segments: all, blanks: [], tail: null };
}

interface ScanState {
  readonly wanted: ReadonlySet<ShardId>;
  readonly seen: Set<ShardId>;
  readonly lastSeqs: Float64Array;
  readonly links: Buffer[];
  readonly beganAfter: Float64Array;
  readonly voidAfter: ReadonlyMap<ShardId, Seq>;
  readonly inSnapshot: ReadonlyMap<ShardId, Seq>;
  readonly ends: EpochEnds;
  readonly cuts: Cut[];
}

/**
 * By shard: the first sequence that does not count in an epoch, because of the epochs after it or
 * by the owner's word.
 */
function limitsOf(epoch: number, { ends, voidAfter }: ScanState): Float64Array {
  const limits = ends.fencesAfter(epoch);
  for (const [shard, seq] of voidAfter) limits[shard] = Math.min(limits[shard] ?? seq + 1, seq + 1);
  return limits;
}

/** Where the reading of an epoch is. */
interface EpochCursor {
  readonly head: EpochHead;
  readonly limits: Float64Array;
  /**
   * By shard: the place from which on nothing counts for it; 0 for a shard that is not asked for.
   */
  readonly ends: Float64Array;
  /** The last of them: from there on nothing is looked at. */
  readonly end: number;
  chain: Buffer;
  ordinal: number;
  /**
   * By shard: the last sequence in this epoch, void ones too; NaN for a shard that it doesn't have.
   */
  readonly positions: Float64Array;
  tail: Tail | null;
}

function createCursor(head: EpochHead, state: ScanState): EpochCursor {
  const ends = new Float64Array(SHARDS_MAX);
  for (const shard of state.wanted) if (state.ends.counts(head, shard)) ends[shard] = state.ends.of(head.epoch, shard);
  return {
    head,
    limits: limitsOf(head.epoch, state),
    ends,
    end: Math.max(...ends),
    chain: Buffer.from(head.start.chainBefore),
    ordinal: -1,
    positions: new Float64Array(SHARDS_MAX).fill(Number.NaN),
    tail: null,
  };
}

function scanEpoch(
  ops: FileOps,
  directory: string,
  head: EpochHead,
  state: ScanState,
): { segments: OldSegment[]; blanks: string[]; tail: Tail | null; end: EpochEnd } {
  const cursor = createCursor(head, state);
  const { salt } = head.start;
  const segments = skipSegments(ops, directory, state, cursor);
  const skipped = segments.length;
  const blanks: string[] = [];
  let end: EpochEnd = { epoch: head.epoch, segment: 0, offset: 0 };
  /** Where the segment before stopped; offset 0 is one that didn't even begin. */
  let last: { path: string; offset: number } | null = null;
  for (const [index, number] of head.segments.entries()) {
    const path = segmentPath(directory, head.epoch, number);
    if (placeOf(number, 0) >= cursor.end) {
      blanks.push(path);
      continue;
    }
    if (index < skipped) continue;
    const bytes = readFile(ops, path, cursor.end - placeOf(number, 0));
    const record = readRecord(bytes, 0, head.epoch, number, salt);
    if (record?.kind !== 'start') {
      const follower = findRecord(bytes, 1, head.epoch, number, salt);
      if (follower !== -1 && !isTornStart(bytes, follower, head, number)) {
        throw new JournalDamaged(path, 0, 'the start record is bad, and records follow');
      }
      if (last?.offset !== 0) last = { path, offset: 0 };
      noteCut(state, path, 0, writtenBytes(bytes, 0));
      blanks.push(path);
      continue;
    }
    const expected = (head.segments[0] ?? 0) + index;
    if (number !== expected) {
      throw new JournalDamaged(segmentPath(directory, head.epoch, expected), 0, 'this segment is missing');
    }
    if (last !== null && (last.offset === 0 || !cursor.chain.equals(record.start.chainBefore))) {
      throw new JournalDamaged(last.path, last.offset, 'a bad record, and another segment follows');
    }
    const old: OldSegment = { path, lastSeqs: new Float64Array(SHARDS_MAX) };
    segments.push(old);
    if (index === 0) cursor.ordinal = record.place.ordinal - 1;
    beginShards(record.start.shards, index === 0, state, cursor, path);
    end = { epoch: head.epoch, segment: number, offset: scanCommits(bytes, number, old, state, cursor) };
    last = { path, offset: end.offset };
    for (const shard of state.wanted) state.links[shard] = Buffer.from(state.links[shard] ?? []);
  }
  const reached = placeOf(end.segment, end.offset);
  if (last !== null && cursor.ends.some((stated) => Number.isFinite(stated) && stated > reached)) {
    throw new JournalDamaged(last.path, last.offset, 'a bad record, and a later epoch had read past it');
  }
  return { segments, blanks, tail: Number.isFinite(cursor.end) ? null : cursor.tail, end };
}

/**
 * The segments at the beginning of an epoch that need not be read, because the snapshot has all
 * that is in them. The cursor and the state are then where the first of the others begins.
 */
function skipSegments(ops: FileOps, directory: string, state: ScanState, cursor: EpochCursor): OldSegment[] {
  const { epoch, segments, start } = cursor.head;
  const first = segments[0] ?? 0;
  const records: StartRecord[] = [];
  for (const [index, number] of segments.entries()) {
    const record = readStartRecord(ops, segmentPath(directory, epoch, number), epoch, number);
    if (record === null || number !== first + index || !isInSnapshot(record, state, cursor)) break;
    records.push(record);
  }
  const next = records.at(-1);
  if (next === undefined || records.length < 2) return [];
  beginShards(start.shards, true, state, cursor, segmentPath(directory, epoch, first));
  cursor.ordinal = next.place.ordinal - 1;
  cursor.chain = Buffer.from(next.start.chainBefore);
  for (const { shard, nextSeq, link } of next.start.shards) {
    cursor.positions[shard] = nextSeq - 1;
    if (cursor.ends[shard] === 0) continue;
    state.lastSeqs[shard] = nextSeq - 1;
    state.links[shard] = Buffer.from(link);
  }
  return records.slice(1).map((behind, index) => {
    const lastSeqs = new Float64Array(SHARDS_MAX);
    const began = new Map(records[index]?.start.shards.map(({ shard, nextSeq }) => [shard, nextSeq]));
    for (const { shard, nextSeq } of behind.start.shards) {
      if (nextSeq !== began.get(shard)) lastSeqs[shard] = nextSeq - 1;
    }
    return { path: segmentPath(directory, epoch, first + index), lastSeqs };
  });
}

/** Whether the snapshot has everything that counts of the epoch before a segment. */
function isInSnapshot({ place, start }: StartRecord, { inSnapshot }: ScanState, cursor: EpochCursor): boolean {
  return start.shards.every(({ shard, nextSeq }) => {
    const end = cursor.ends[shard] ?? 0;
    if (end === 0) return true;
    const isCounting = placeOf(place.segment, 0) < end && nextSeq <= (cursor.limits[shard] ?? nextSeq);
    return isCounting && nextSeq - 1 <= (inSnapshot.get(shard) ?? 0);
  });
}

/**
 * The first format wrote a start record and the commit behind it at once, so the start may be torn
 * and the commit whole.
 */
function isTornStart(bytes: Buffer, follower: number, { epoch, start: { salt } }: EpochHead, segment: number): boolean {
  return (
    isFirstFormat(bytes, follower) &&
    hasUnwrittenSector(bytes, 0, follower) &&
    findRecord(bytes, follower + 1, epoch, segment, salt) === -1
  );
}

function noteCut({ cuts }: ScanState, file: string, offset: number, bytes: number): void {
  if (bytes > 0) cuts.push({ file, offset, bytes });
}

/** Checks a segment's start record against what was read before it. */
function beginShards(
  starts: readonly StartShard[],
  isFirst: boolean,
  state: ScanState,
  cursor: EpochCursor,
  path: string,
): void {
  const { limits } = cursor;
  for (const { shard, nextSeq, link, beganAfter } of starts) {
    if (!isFirst) {
      if (cursor.positions[shard] !== nextSeq - 1) throw new JournalDamaged(path, 0, gap(shard));
      continue;
    }
    cursor.positions[shard] = nextSeq - 1;
    if (cursor.ends[shard] === 0) continue;
    const lastSeq = Math.min(nextSeq, limits[shard] ?? nextSeq) - 1;
    if (state.seen.has(shard)) {
      const before = state.lastSeqs[shard] ?? 0;
      // Nothing to link to, and a later beginning: a loss that the owner took note of and went on
      // after (`goOnAfter`).
      const isNotedLoss = before < lastSeq && isZero(link);
      if (before !== lastSeq && !isNotedLoss) throw new JournalDamaged(path, 0, gap(shard));
      const held = state.links[shard];
      if (!isNotedLoss && lastSeq === nextSeq - 1 && held !== undefined && !held.equals(link)) {
        throw new JournalDamaged(path, 0, `earlier entries of shard ${shard} were changed`);
      }
    }
    state.seen.add(shard);
    state.beganAfter[shard] = Math.max(state.beganAfter[shard] ?? 0, beganAfter);
    state.lastSeqs[shard] = lastSeq;
    state.links[shard] = Buffer.from(link);
  }
}

/** Reads the commits of a segment and returns the offset where they end. */
function scanCommits(bytes: Buffer, segment: number, old: OldSegment, state: ScanState, cursor: EpochCursor): number {
  const { epoch, start } = cursor.head;
  const { salt } = start;
  let offset = 0;
  let lastOffset = 0;
  while (placeOf(segment, offset) < cursor.end) {
    const record = readRecord(bytes, offset, epoch, segment, salt);
    if (record === null) break;
    if (record.place.ordinal !== cursor.ordinal + 1 || !chainFollows(bytes, offset, cursor.chain)) {
      throw new JournalDamaged(old.path, offset, 'the record does not follow the one before it');
    }
    if (offset > 0) {
      if (record.kind !== 'commit') throw new JournalDamaged(old.path, offset, 'a start record in the middle');
      takeEntries(bytes, segment, offset, record.chain, old, state, cursor);
    }
    cursor.ordinal += 1;
    cursor.chain = record.chain;
    lastOffset = offset;
    offset = record.end;
  }
  if (placeOf(segment, offset) < cursor.end) checkTail(bytes, segment, offset, old, state, cursor);
  // Copies: the buffer of the whole segment shall not live as long as these few bytes.
  cursor.chain = Buffer.from(cursor.chain);
  cursor.tail = { path: old.path, offset: lastOffset, bytes: Buffer.from(bytes.subarray(lastOffset, offset)) };
  return offset;
}

/** No whole record begins at `offset`: nothing may, a torn one does, or the medium is damaged. */
function checkTail(
  bytes: Buffer,
  segment: number,
  offset: number,
  { path }: OldSegment,
  state: ScanState,
  { head: { epoch, start } }: EpochCursor,
): void {
  const { salt } = start;
  if (findRecord(bytes, offset + 1, epoch, segment, salt) !== -1) {
    throw new JournalDamaged(path, offset, 'a bad record, and whole ones follow');
  }
  const tail = judgeTail(bytes, offset, { epoch, segment, salt });
  if (tail === null) return;
  if (tail.kind === 'rotten') {
    throw new JournalDamaged(path, offset, `a record of ${tail.bytes} bytes was changed after it was written`);
  }
  noteCut(state, path, offset, tail.bytes);
}

function takeEntries(
  bytes: Buffer,
  segment: number,
  offset: number,
  chain: Buffer,
  old: OldSegment,
  state: ScanState,
  { positions, limits, ends }: EpochCursor,
): void {
  const entries = readEntries(bytes, offset);
  if (entries === null) throw new JournalDamaged(old.path, offset, 'the entries do not fill their record');
  for (const { shard, firstSeq, lastSeq } of entries) {
    if (firstSeq !== (positions[shard] ?? Number.NaN) + 1 || lastSeq < firstSeq) {
      throw new JournalDamaged(old.path, offset, gap(shard));
    }
    positions[shard] = lastSeq;
    old.lastSeqs[shard] = lastSeq;
    if (placeOf(segment, offset) >= (ends[shard] ?? 0)) continue;
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

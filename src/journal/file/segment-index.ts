/**
 * Where the entries of one segment are, by shard, as far as it was parsed; and the bytes that were
 * parsed last.
 */
import { asSeq, type ShardId } from '../../domain/ids.js';
import type { Entry } from '../journal.js';
import { JournalDamaged } from '../journal.js';
import { type FileOps, readFully } from './file-ops.js';
import { claimedBytes, HEADER_BYTES, readEntries, readRecord } from './record.js';

/**
 * A follower finds a few commits at a time; who catches up finds chunks full of them and gets
 * larger ones.
 */
const CHUNK_BYTES_MIN = 32 * 1024;
const CHUNK_BYTES_MAX = 1024 * 1024;

export interface SegmentIndex {
  /**
   * Entries of a shard from the one that holds `seq` through those that end at or before `limit`
   * and begin before `endOffset`, at most about `bytesMax` of payload but at least one. Empty when
   * the segment has none, yet. Throws ENOENT when it was deleted.
   */
  take(shard: ShardId, seq: number, bounds: TakeBounds): Entry[];
  close(): void;
}

interface TakeBounds {
  readonly limit: number;
  readonly endOffset: number;
  readonly bytesMax: number;
}

/** Parsed bytes of several segments, the oldest dropped first. */
interface WindowCache {
  hold(window: Window): void;
}

interface Window {
  readonly offset: number;
  /** Null when they were dropped. */
  bytes: Buffer | null;
}

export function createWindowCache(bytesMax: number): WindowCache {
  const held: Window[] = [];
  let heldBytes = 0;
  return {
    hold: (window) => {
      held.push(window);
      heldBytes += window.bytes?.length ?? 0;
      while (heldBytes > bytesMax) {
        const oldest = held.shift();
        if (oldest === undefined) return;
        heldBytes -= oldest.bytes?.length ?? 0;
        oldest.bytes = null;
      }
    },
  };
}

/** The entries of one shard, as parallel lists. */
interface Spans {
  readonly firstSeqs: number[];
  readonly lastSeqs: number[];
  readonly offsets: number[];
  readonly lengths: number[];
  readonly windows: Window[];
}

export function createSegmentIndex({
  ops,
  path,
  epoch,
  number,
  salt,
  windows,
}: {
  readonly ops: FileOps;
  readonly path: string;
  readonly epoch: number;
  readonly number: number;
  readonly salt: number;
  readonly windows: WindowCache;
}): SegmentIndex {
  const spansOf = new Map<ShardId, Spans>();
  let fd: number | null = null;
  let parsedTo = 0;
  let chunkBytes = CHUNK_BYTES_MIN;
  let chunk = Buffer.allocUnsafeSlow(chunkBytes);

  function take(shard: ShardId, seq: number, { limit, endOffset, bytesMax }: TakeBounds): Entry[] {
    while ((spansOf.get(shard)?.lastSeqs.at(-1) ?? 0) < seq) {
      if (!advance()) return [];
    }
    const spans = spansOf.get(shard);
    if (spans === undefined) return [];
    const entries: Entry[] = [];
    let bytes = 0;
    for (let at = firstAtOrAfter(spans.lastSeqs, seq); entries.length === 0 || bytes < bytesMax; at += 1) {
      while (at === spans.lastSeqs.length) {
        if (!advance()) return entries;
      }
      const firstSeq = asSeq(spans.firstSeqs[at] ?? 0);
      const lastSeq = asSeq(spans.lastSeqs[at] ?? 0);
      if (lastSeq > limit || (spans.offsets[at] ?? 0) >= endOffset) return entries;
      const payload = payloadAt(spans, at);
      entries.push({ shard, firstSeq, lastSeq, payload });
      bytes += payload.length;
      // Nothing that may be shown follows: looking would cost every shard a read of the file's end.
      if (lastSeq === limit) return entries;
    }
    return entries;
  }

  function payloadAt(spans: Spans, at: number): Uint8Array {
    const offset = spans.offsets[at] ?? 0;
    const length = spans.lengths[at] ?? 0;
    const window = spans.windows[at];
    if (window?.bytes) return window.bytes.subarray(offset - window.offset, offset - window.offset + length);
    const payload = Buffer.allocUnsafeSlow(length);
    if (readFully(ops, opened(), payload, offset) < length)
      throw new JournalDamaged(path, offset, 'the file got shorter');
    return payload;
  }

  /** Parses what comes next. False when there is no whole record. */
  function advance(): boolean {
    if (chunk.length !== chunkBytes) chunk = Buffer.allocUnsafeSlow(chunkBytes);
    let read = chunk.subarray(0, readFully(ops, opened(), chunk, parsedTo));
    if (read.length < HEADER_BYTES) return false;
    const claimed = claimedBytes(read, 0, epoch, number);
    if (claimed > read.length) {
      const larger = Buffer.allocUnsafeSlow(claimed);
      read = larger.subarray(0, readFully(ops, opened(), larger, parsedTo));
    }
    let end = 0;
    const window: Window = { offset: parsedTo, bytes: null };
    for (let record = readRecord(read, 0, epoch, number, salt); record !== null; ) {
      if (record.kind === 'commit') index(read, end, window);
      end = record.end;
      record = readRecord(read, end, epoch, number, salt);
    }
    if (end === 0) return false;
    window.bytes = Buffer.from(read.subarray(0, end));
    windows.hold(window);
    parsedTo += end;
    chunkBytes = end * 2 > chunkBytes ? Math.min(chunkBytes * 4, CHUNK_BYTES_MAX) : CHUNK_BYTES_MIN;
    return true;
  }

  function index(read: Buffer, offset: number, window: Window): void {
    const entries = readEntries(read, offset);
    if (entries === null) throw new JournalDamaged(path, parsedTo + offset, 'the entries do not fill their record');
    for (const { shard, firstSeq, lastSeq, payloadOffset, payloadBytes } of entries) {
      let spans = spansOf.get(shard);
      if (spans === undefined) {
        spans = { firstSeqs: [], lastSeqs: [], offsets: [], lengths: [], windows: [] };
        spansOf.set(shard, spans);
      }
      spans.firstSeqs.push(firstSeq);
      spans.lastSeqs.push(lastSeq);
      spans.offsets.push(parsedTo + payloadOffset);
      spans.lengths.push(payloadBytes);
      spans.windows.push(window);
    }
  }

  function opened(): number {
    fd ??= ops.open(path, 'r');
    return fd;
  }

  return {
    take,
    close: () => {
      if (fd !== null) ops.close(fd);
      fd = null;
    },
  };
}

/** The index of the first value that is at least `value` in an ascending list. */
function firstAtOrAfter(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

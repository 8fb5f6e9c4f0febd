/** Reads the files of a journal: whole, or the start records of epochs and segments. */
import { JournalDamaged } from '../journal.js';
import type { EpochHead } from './epochs.js';
import { type FileOps, readFully } from './file-ops.js';
import { listSegments, segmentPath } from './layout.js';
import { HEADER_BYTES, mentionsRecord, type ReadRecord, readRecord, type Start } from './record.js';
import { judgeTail } from './tail.js';

/** Bytes at the end of an epoch that a crash left and that are no record. */
export interface Cut {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** `unfinished`: the opening of the epoch did not finish, and nobody was told anything of it. */
type FoundHead =
  | { readonly kind: 'begun'; readonly head: EpochHead }
  | { readonly kind: 'unfinished'; readonly cut: Cut | null };

export function readHead(ops: FileOps, directory: string, epoch: number): FoundHead {
  const segments = listSegments(ops, directory, epoch);
  const first = segments[0];
  if (first === undefined) return { kind: 'unfinished', cut: null };
  const path = segmentPath(directory, epoch, first);
  const start = readStartOf(ops, path, epoch, first);
  if (start !== null) return { kind: 'begun', head: { epoch, segments, start } };
  // Without its salt no commit record can be told from noise, but a later segment's start record
  // can.
  for (const segment of segments.slice(1)) {
    if (readStartOf(ops, segmentPath(directory, epoch, segment), epoch, segment) !== null) {
      throw new JournalDamaged(path, 0, 'the start record is bad, and another segment follows');
    }
  }
  // An opening that didn't finish wrote a start record, maybe torn, and nothing after it.
  const bytes = readFile(ops, path, Number.POSITIVE_INFINITY);
  // Another thread may just have begun it.
  const record = readRecord(bytes, 0, epoch, first, 0);
  if (record?.kind === 'start') return { kind: 'begun', head: { epoch, segments, start: record.start } };
  if (first > 0 || mentionsRecord(bytes, 1)) {
    throw new JournalDamaged(path, 0, 'the start record is bad, and records follow');
  }
  const tail = judgeTail(bytes, 0, { epoch, segment: first, salt: 0 });
  if (tail?.kind === 'rotten') {
    throw new JournalDamaged(path, 0, `a start record of ${tail.bytes} bytes was changed after it was written`);
  }
  return { kind: 'unfinished', cut: tail === null ? null : { file: path, offset: 0, bytes: tail.bytes } };
}

/** The start record of a segment, or null when it is not whole. */
export function readStartOf(ops: FileOps, path: string, epoch: number, segment: number): Start | null {
  return readStartRecord(ops, path, epoch, segment)?.start ?? null;
}

export type StartRecord = Extract<ReadRecord, { readonly kind: 'start' }>;

export function readStartRecord(ops: FileOps, path: string, epoch: number, segment: number): StartRecord | null {
  const fd = ops.open(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readFully(ops, fd, header, 0) < HEADER_BYTES) return null;
    const bytes = Buffer.alloc(HEADER_BYTES + Math.min(header.readUInt32LE(8), START_BODY_BYTES_MAX));
    const record = readRecord(bytes.subarray(0, readFully(ops, fd, bytes, 0)), 0, epoch, segment, 0);
    return record?.kind === 'start' ? record : null;
  } finally {
    ops.close(fd);
  }
}

const START_BODY_BYTES_MAX = 4 * 1024 * 1024;

export function readFile(ops: FileOps, path: string, bytesMax: number): Buffer {
  const fd = ops.open(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(Math.min(ops.size(fd), bytesMax));
    return bytes.subarray(0, readFully(ops, fd, bytes, 0));
  } finally {
    ops.close(fd);
  }
}

/**
 * What a bad record at the end of a segment is: torn by a crash while it was written, or changed on
 * the medium later.
 *
 * The difference matters because only the last record may not have been acknowledged. A torn record
 * is removed. A damaged one may be an acknowledged commit, so it must stop the start.
 *
 * Two facts distinguish them. A segment is full of zeros, and synced, before records are written
 * into it. And a medium writes whole sectors: 512 bytes, or a multiple of that (SQLite assumes the
 * same of its log, "Atomic Commit in SQLite", section 2.0; and PostgreSQL of its control file). So
 * after a torn write at least one sector that the record covers is still as it was: all zeros from
 * where the record, or the sector, begins. A record whose end mark is missing was torn too, by a
 * write that was cut short. Whatever else is wrong with a record happened after it was written.
 *
 * The problem and why it has to be solved with more than a checksum: Alagappan et al.,
 * "Protocol-Aware Recovery for Consensus-Based Storage", FAST '18, section 3.3. Their answer for a
 * single node is a durable mark behind the record; the writer makes one when it has nothing else to
 * do. This file is for the record behind which there is none.
 *
 * A sector that a medium loses as zeros looks like a torn write. Nothing here can tell that.
 */
import { EMPTY_COMMIT_BYTES, isEndWritten } from './record.js';

const SECTOR_BYTES = 512;
const ZEROS = Buffer.alloc(64 * 1024);

interface BadTail {
  readonly kind: 'torn' | 'rotten';
  /** Through the last byte that is not zero. */
  readonly bytes: number;
}

/**
 * Judges what is at `offset`, where no whole record begins and none follows. Null: nothing was
 * written there.
 */
export function judgeTail(
  bytes: Buffer,
  offset: number,
  place: { readonly epoch: number; readonly segment: number; readonly salt: number },
): BadTail | null {
  const end = offset + writtenBytes(bytes, offset);
  if (end === offset) return null;
  const isTorn =
    hasUnwrittenSector(bytes, offset, end) ||
    // Too short to have held an entry, whatever it was.
    end - offset <= EMPTY_COMMIT_BYTES ||
    isEndWritten(bytes, offset, end, place) === false;
  return { kind: isTorn ? 'torn' : 'rotten', bytes: end - offset };
}

/**
 * Whether a sector between the two is still as it was before anything was written from `offset` on.
 */
export function hasUnwrittenSector(bytes: Buffer, offset: number, end: number): boolean {
  for (let at = offset; at < end; ) {
    const next = Math.min(bytes.length, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    if (isZero(bytes, at, next)) return true;
    at = next;
  }
  return false;
}

/** From `offset` through the last byte that is not zero. */
export function writtenBytes(bytes: Buffer, offset: number): number {
  let end = bytes.length;
  while (end > offset) {
    const start = Math.max(offset, end - ZEROS.length);
    if (!isZero(bytes, start, end)) break;
    end = start;
  }
  while (end > offset && bytes[end - 1] === 0) end -= 1;
  return end - offset;
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  return bytes.compare(ZEROS, 0, end - start, start, end) === 0;
}

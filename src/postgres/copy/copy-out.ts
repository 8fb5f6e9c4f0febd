/**
 * Reads `COPY … TO STDOUT (FORMAT binary)` without an object per row: each row is announced as
 * offsets into the bytes that came from the socket. What is needed of it is read from there; the
 * next row overwrites the offsets.
 */
import type pg from 'pg';
import { uuidAt } from '../../tables/uuid.js';
import { copyFramesOut, FRAME_HEAD_BYTES } from './copy-frames.js';

const HEADER_BYTES = 19;
/** Stands in place of the number of columns, behind the last row. */
const TRAILER = -1;

/** One row of binary COPY. Valid during the call that it is handed to. */
export interface BinaryRow {
  isNull(column: number): boolean;
  int2(column: number): number;
  int4(column: number): number;
  /** A safe integer. */
  int8(column: number): number;
  text(column: number): string;
  uuid(column: number): string;
  /** `bytes[start(column), end(column))` is the value as it came. */
  readonly bytes: Buffer;
  start(column: number): number;
  end(column: number): number;
}

/**
 * Rows are handed over for so long in one turn of the event loop; whoever shares the thread goes on
 * in between. A number of rows would not do: V8 forgets the machine code of what has not run for a
 * while, and the first rows of a batch take forty times as long.
 */
const TURN_MS = 0.5;
const ROWS_PER_LOOK = 16;

/**
 * Runs `select` (without parameters) and hands each of its rows over. Resolves with their number.
 */
export async function copyOut(
  client: pg.Client,
  select: string,
  columns: number,
  onRow: (row: BinaryRow) => void,
): Promise<number> {
  const reader = new RowReader(columns, onRow);
  await copyFramesOut(client, `COPY (${select}) TO STDOUT (FORMAT binary)`, async (frames) => {
    for (let isMore = reader.feed(frames); isMore; isMore = reader.goOn()) await turn();
  });
  return reader.rows;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Every CopyData message is a row, but for the header, which comes with the first one, and the
 * trailer.
 */
class RowReader implements BinaryRow {
  bytes: Buffer = Buffer.alloc(0);
  rows = 0;
  #at = 0;
  #begun = false;
  readonly #columns: number;
  readonly #onRow: (row: BinaryRow) => void;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;

  constructor(columns: number, onRow: (row: BinaryRow) => void) {
    this.#columns = columns;
    this.#onRow = onRow;
    this.#starts = new Int32Array(columns);
    this.#lengths = new Int32Array(columns);
  }

  /** Takes whole messages. True when there is more of them for another turn. */
  feed(frames: Buffer): boolean {
    this.bytes = frames;
    this.#at = 0;
    return this.goOn();
  }

  goOn(): boolean {
    const { length } = this.bytes;
    const end = performance.now() + TURN_MS;
    for (let count = 1; this.#at < length; count++) {
      if (count % ROWS_PER_LOOK === 0 && performance.now() > end) return true;
      let at = this.#at + FRAME_HEAD_BYTES;
      this.#at += 1 + int32(this.bytes, this.#at + 1);
      if (!this.#begun) at += HEADER_BYTES;
      this.#begun = true;
      // The header may come alone.
      if (at < this.#at && this.#locate(at)) {
        this.rows++;
        this.#onRow(this);
      }
    }
    return false;
  }

  /** Finds the columns of the row at `at`. False for the trailer. */
  #locate(at: number): boolean {
    const { bytes } = this;
    const count = int16(bytes, at);
    if (count === TRAILER) return false;
    if (count !== this.#columns) throw new Error(`a row has ${count} columns, not ${this.#columns}`);
    let place = at + 2;
    for (let column = 0; column < count; column++) {
      const size = int32(bytes, place);
      place += 4;
      this.#starts[column] = place;
      this.#lengths[column] = size;
      if (size > 0) place += size;
    }
    return true;
  }

  isNull(column: number): boolean {
    return (this.#lengths[column] ?? -1) < 0;
  }

  start(column: number): number {
    return this.#starts[column] ?? 0;
  }

  end(column: number): number {
    return this.start(column) + (this.#lengths[column] ?? 0);
  }

  int2(column: number): number {
    return int16(this.bytes, this.start(column));
  }

  int4(column: number): number {
    return int32(this.bytes, this.start(column));
  }

  int8(column: number): number {
    const at = this.start(column);
    return int32(this.bytes, at) * 2 ** 32 + (int32(this.bytes, at + 4) >>> 0);
  }

  text(column: number): string {
    return this.bytes.toString('utf8', this.start(column), this.end(column));
  }

  uuid(column: number): string {
    return uuidAt(this.bytes, this.start(column));
  }
}

// Not Buffer's own readers: their checks and calls cost more than the reading, a hundred million
// times.
function int16(bytes: Buffer, at: number): number {
  return (((bytes[at] ?? 0) << 24) >> 16) | (bytes[at + 1] ?? 0);
}

function int32(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

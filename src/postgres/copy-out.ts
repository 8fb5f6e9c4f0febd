/**
 * Reads `COPY … TO STDOUT (FORMAT binary)` without an object per row: each row is announced as offsets into the bytes that
 * came from the socket. What is needed of it is read from there; the next row overwrites the offsets.
 */
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';

const HEADER_BYTES = 19;
/** What is taken from the socket at a time: pg-copy-streams goes over all of it at once, 26,000 short rows in a mebibyte. */
const STREAM_BYTES = 64 * 1024;

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

/** Rows that are handed over in one turn of the event loop; about half a millisecond. Whoever shares the thread goes on in between. */
const ROWS_PER_TURN = 500;

/** Runs `select` (without parameters) and hands each of its rows over. Resolves with their number. */
export async function copyOut(
  client: pg.Client,
  select: string,
  columns: number,
  onRow: (row: BinaryRow) => void,
): Promise<number> {
  const reader = new RowReader(columns, onRow);
  const stream = client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT binary)`, { highWaterMark: STREAM_BYTES }));
  let failure: unknown = null;
  // After a failure the rest is still taken, so that the connection stays good.
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    try {
      for (let isMore = failure === null && reader.feed(chunk); isMore; isMore = reader.goOn()) await turn();
    } catch (error) {
      failure = error ?? new Error('a row could not be taken');
    }
  }
  if (failure !== null) throw failure;
  if (!reader.ended) throw new Error('COPY ended in the middle of a row');
  return reader.rows;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class RowReader implements BinaryRow {
  bytes: Buffer = Buffer.alloc(0);
  rows = 0;
  ended = false;
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

  /** True when there is more of it for another turn. */
  feed(chunk: Buffer): boolean {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    return this.goOn();
  }

  goOn(): boolean {
    let at = 0;
    if (!this.#begun) {
      if (this.bytes.length < HEADER_BYTES) return false;
      this.#begun = true;
      at = HEADER_BYTES;
    }
    let isMore = false;
    for (let count = 0; !this.ended; count++) {
      const next = this.#locate(at);
      if (next === -1) break;
      if (count === ROWS_PER_TURN) {
        isMore = true;
        break;
      }
      at = next;
      if (this.ended) break;
      this.rows++;
      this.#onRow(this);
    }
    this.bytes = this.bytes.subarray(at);
    return isMore;
  }

  /** Finds the columns of the row that begins at `at`; returns where the next begins, or -1 when not all of it is here. */
  #locate(at: number): number {
    const { bytes } = this;
    const { length } = bytes;
    if (at + 2 > length) return -1;
    const count = int16(bytes, at);
    at += 2;
    if (count === -1) {
      this.ended = true;
      return at;
    }
    if (count !== this.#columns) throw new Error(`a row has ${count} columns, not ${this.#columns}`);
    for (let column = 0; column < count; column++) {
      if (at + 4 > length) return -1;
      const size = int32(bytes, at);
      at += 4;
      this.#starts[column] = at;
      this.#lengths[column] = size;
      if (size > 0) at += size;
    }
    return at > length ? -1 : at;
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
    const hex = this.bytes.toString('hex', this.start(column), this.end(column));
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

// Not Buffer's own readers: their checks and calls cost more than the reading, a hundred million times.
function int16(bytes: Buffer, at: number): number {
  return (((bytes[at] ?? 0) << 24) >> 16) | (bytes[at + 1] ?? 0);
}

function int32(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

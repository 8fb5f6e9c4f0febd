/**
 * Generated codes as lines of PostgreSQL's COPY text: bare codes, or whole rows of a batch in
 * nearly the order of the code.
 *
 * An index that is filled in order touches each of its pages once, and one that is filled at random
 * touches a page per code. Order by the first characters is as good as order: what shares them
 * shares a page. So the key is a number, not a text, and the engine's own sort of a typed array
 * does it, 0.1 µs a code; PostgreSQL takes 0.3 to sort what it has to store first.
 */

import type { YieldCpu } from '../platform/yield-cpu.js';
import type { Pattern } from './pattern.js';

/** Rows that are sorted at once, and the bits their keys then have left in a double. */
export const RUN_ROWS_MAX = 2 ** 18;
const KEY_MAX = 2 ** (53 - 18);
const NEWLINE = 10;
/** Both are about a millisecond's work: so many rows, and one of so many parts of a run. */
const STRETCH_ROWS = 8192;
const PARTS = 32;

/** A code a line, of codes that stand back to back. */
export function codeLines(codes: Uint8Array, codeBytes: number): Uint8Array<ArrayBuffer> {
  const rows = codes.length / codeBytes;
  const lines = new Uint8Array(rows * (codeBytes + 1));
  for (let row = 0, from = 0, to = 0; row < rows; row++, to++) {
    for (let i = 0; i < codeBytes; i++) lines[to++] = codes[from++] as number;
    lines[to] = NEWLINE;
  }
  return lines;
}

/**
 * The rows of `codes`, at most `RUN_ROWS_MAX`, upwards by their first random characters; which of
 * equals comes first is left open.
 */
export type RowOrder = (codes: Uint8Array, yieldCpu?: YieldCpu) => Uint32Array;

export function createRowOrder({ length, positions }: Pick<Pattern, 'length' | 'positions'>): RowOrder {
  const places: { readonly offset: number; readonly size: number; readonly rank: Uint8Array }[] = [];
  let keys = 1;
  for (const { offset, alphabet } of positions.toSorted((a, b) => a.offset - b.offset)) {
    if (keys * alphabet.length > KEY_MAX) break;
    keys *= alphabet.length;
    const rank = new Uint8Array(256);
    [...alphabet].sort().forEach((symbol, at) => {
      rank[symbol.charCodeAt(0)] = at;
    });
    places.push({ offset, size: alphabet.length, rank });
  }

  /** Adds up the keys of the rows from `first` to `end - 1`. */
  function addKeys(codes: Uint8Array, first: number, end: number, into: Float64Array): void {
    for (const { offset, size, rank } of places) {
      for (let row = first, at = first * length + offset; row < end; row++, at += length) {
        into[row] = (into[row] as number) * size + (rank[codes[at] as number] as number);
      }
    }
  }

  return (codes, yieldCpu) => {
    const rows = codes.length / length;
    if (rows > RUN_ROWS_MAX) throw new Error(`${rows} rows are too many for one run`);
    const keyOf = new Float64Array(rows);
    // Sorted part by part, since the engine's sort of the whole would keep a core for 30 ms.
    const partSize = Math.ceil(keys / PARTS);
    const starts = new Uint32Array(PARTS + 1);
    for (let first = 0; first < rows; first += STRETCH_ROWS) {
      const end = Math.min(first + STRETCH_ROWS, rows);
      addKeys(codes, first, end, keyOf);
      for (let row = first; row < end; row++) {
        const part = Math.floor((keyOf[row] as number) / partSize);
        starts[part + 1] = (starts[part + 1] as number) + 1;
      }
      yieldCpu?.();
    }
    for (let part = 0; part < PARTS; part++) starts[part + 1] = (starts[part + 1] as number) + (starts[part] as number);
    const sorted = new Float64Array(rows);
    const next = starts.slice();
    for (let row = 0; row < rows; row++) {
      const key = keyOf[row] as number;
      const part = Math.floor(key / partSize);
      const at = next[part] as number;
      next[part] = at + 1;
      sorted[at] = key * RUN_ROWS_MAX + row;
    }
    const order = new Uint32Array(rows);
    for (let part = 0; part < PARTS; part++) {
      yieldCpu?.();
      const [start, end] = [starts[part] as number, starts[part + 1] as number];
      sorted.subarray(start, end).sort();
      for (let at = start; at < end; at++) order[at] = (sorted[at] as number) % RUN_ROWS_MAX;
    }
    return order;
  };
}

/** Lines of `code, batch_id, ordinal`; the ordinals go up by one from `firstOrdinal`. */
export function batchRows(
  codes: Uint8Array,
  codeBytes: number,
  order: Uint32Array,
  batchId: number,
  firstOrdinal: number,
  yieldCpu?: YieldCpu,
): Uint8Array<ArrayBuffer> {
  const batch = Buffer.from(`\t${batchId}\t`, 'latin1');
  const digitsMax = String(firstOrdinal + order.length).length;
  const lines = new Uint8Array(order.length * (codeBytes + batch.length + digitsMax + 1));
  let to = 0;
  let ordinal = firstOrdinal;
  for (const row of order) {
    for (let from = row * codeBytes, end = from + codeBytes; from < end; from++) lines[to++] = codes[from] as number;
    for (let i = 0; i < batch.length; i++) lines[to++] = batch[i] as number;
    to = writeDecimal(lines, to, ordinal++);
    lines[to++] = NEWLINE;
    if (ordinal % STRETCH_ROWS === 0) yieldCpu?.();
  }
  return lines.subarray(0, to);
}

function writeDecimal(target: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const quotient = Math.floor(rest / 10);
    target[i] = 48 + rest - quotient * 10;
    rest = quotient;
  }
  return at + digits;
}

/**
 * Rows of numbers that grow page by page, the fields of one row side by side.
 *
 * Fields that belong together are read together: a command wants the book, the phase, the place and
 * the record of one code out of a million. As columns those are four places in memory, none of them
 * in a cache; as a row they are one cache line. Columns (`paged.ts`) are for what is read by
 * itself, or in order.
 */
import { tableMemory } from '../platform/uncounted-memory.js';
import type { Field } from './paged.js';

const PAGE_BITS = 14;
const PAGE_ROWS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ROWS - 1;
const ROWS_FIRST = 16;

export class Rows {
  readonly rowWords: number;
  /** Two views of the same pages. */
  readonly words: Uint32Array[] = [];
  readonly doubles: Float64Array[] = [];

  /** `rowWords`: 32-bit words a row, even where there are doubles in it. */
  constructor(rowWords: number) {
    this.rowWords = rowWords;
    this.#setPage(0, ROWS_FIRST);
  }

  /** The unsigned 32-bit integer at a word of each row. */
  word(offset: number): Field {
    return new WordField(this, offset);
  }

  /** The double at a pair of words of each row: integers up to 2^53. */
  double(pair: number): Field {
    if (this.rowWords % 2 !== 0)
      throw new Error(`a row of ${this.rowWords} words has no pairs at the same place in each`);
    return new DoubleField(this, pair);
  }

  bytes(): number {
    return this.words.reduce((sum, page) => sum + page.byteLength, 0);
  }

  /** Makes the row exist, with zeros. */
  growTo(row: number): void {
    const pageIndex = row >>> PAGE_BITS;
    for (let added = this.words.length; added <= pageIndex; added++) this.#setPage(added, PAGE_ROWS);
    // Only the first page can be too small.
    const first = this.words[0] as Uint32Array;
    let rows = first.length / this.rowWords;
    if (pageIndex > 0 || row < rows) return;
    while (rows <= row) rows *= 2;
    this.#setPage(0, rows);
    this.words[0]?.set(first);
  }

  #setPage(pageIndex: number, rows: number): void {
    const buffer = tableMemory(rows * this.rowWords * 4);
    this.words[pageIndex] = new Uint32Array(buffer);
    if (this.rowWords % 2 === 0) this.doubles[pageIndex] = new Float64Array(buffer);
  }
}

class WordField implements Field {
  readonly #rows: Rows;
  readonly #pages: readonly Uint32Array[];
  readonly #rowWords: number;
  readonly #offset: number;

  constructor(rows: Rows, offset: number) {
    this.#rows = rows;
    this.#pages = rows.words;
    this.#rowWords = rows.rowWords;
    this.#offset = offset;
  }

  get(row: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    return page === undefined ? 0 : (page[(row & PAGE_MASK) * this.#rowWords + this.#offset] ?? 0);
  }

  set(row: number, value: number): void {
    const at = (row & PAGE_MASK) * this.#rowWords + this.#offset;
    let page = this.#pages[row >>> PAGE_BITS];
    if (page === undefined || at >= page.length) {
      this.#rows.growTo(row);
      page = this.#pages[row >>> PAGE_BITS] as Uint32Array;
    }
    page[at] = value;
  }
}

class DoubleField implements Field {
  readonly #rows: Rows;
  readonly #pages: readonly Float64Array[];
  readonly #rowPairs: number;
  readonly #pair: number;

  constructor(rows: Rows, pair: number) {
    this.#rows = rows;
    this.#pages = rows.doubles;
    this.#rowPairs = rows.rowWords / 2;
    this.#pair = pair;
  }

  get(row: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    return page === undefined ? 0 : (page[(row & PAGE_MASK) * this.#rowPairs + this.#pair] ?? 0);
  }

  set(row: number, value: number): void {
    const at = (row & PAGE_MASK) * this.#rowPairs + this.#pair;
    let page = this.#pages[row >>> PAGE_BITS];
    if (page === undefined || at >= page.length) {
      this.#rows.growTo(row);
      page = this.#pages[row >>> PAGE_BITS] as Float64Array;
    }
    page[at] = value;
  }
}

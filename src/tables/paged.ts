/**
 * Columns of numbers that grow page by page.
 *
 * A code costs tens of bytes because it is a row of numbers, not an object. Columns, and rows of
 * several of them (`rows.ts`), are paged because the alternative, one typed array that doubles,
 * copies tens of megabytes in the middle of a sale and keeps both copies until the garbage
 * collector comes. A page never moves: growing by ten million rows does not copy existing rows.
 */

import { tableMemory } from '../platform/uncounted-memory.js';

const PAGE_BITS = 14;
const PAGE_ROWS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ROWS - 1;
const ROWS_FIRST = 16;

type Numbers = Uint8Array | Uint32Array | Float64Array;

export interface Field {
  /** A row that was never set reads 0. */
  get(row: number): number;
  set(row: number, value: number): void;
}

export interface Column extends Field {
  /** Bytes held. */
  bytes(): number;
}

class PagedColumn<Page extends Numbers> implements Column {
  readonly #pages: Page[];
  readonly #newPage: (rows: number) => Page;

  constructor(newPage: (rows: number) => Page) {
    this.#newPage = newPage;
    this.#pages = [newPage(ROWS_FIRST)];
  }

  get(row: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    return page === undefined ? 0 : (page[row & PAGE_MASK] ?? 0);
  }

  set(row: number, value: number): void {
    const pageIndex = row >>> PAGE_BITS;
    const page = this.#pages[pageIndex];
    const at = row & PAGE_MASK;
    if (page === undefined || at >= page.length) this.#grow(pageIndex, at)[at] = value;
    else page[at] = value;
  }

  #grow(pageIndex: number, at: number): Page {
    for (let added = this.#pages.length; added <= pageIndex; added++) this.#pages.push(this.#newPage(PAGE_ROWS));
    const page = this.#pages[pageIndex] as Page;
    if (at < page.length) return page;
    // Only the first page can be too small.
    let rows = page.length;
    while (rows <= at) rows *= 2;
    const grown = this.#newPage(rows);
    grown.set(page);
    this.#pages[0] = grown;
    return grown;
  }

  bytes(): number {
    return this.#pages.reduce((sum, page) => sum + page.byteLength, 0);
  }
}

// A subclass each, so that every column type keeps its own, monomorphic shape in the compiler.
class PagedBytes extends PagedColumn<Uint8Array> {}
class PagedUint32 extends PagedColumn<Uint32Array> {}
class PagedFloat64 extends PagedColumn<Float64Array> {}

export const byteColumn = (): Column => new PagedBytes((rows) => new Uint8Array(tableMemory(rows)));
export const uint32Column = (): Column => new PagedUint32((rows) => new Uint32Array(tableMemory(rows * 4)));
/** For times and sequences: integers up to 2^53. */
export const float64Column = (): Column => new PagedFloat64((rows) => new Float64Array(tableMemory(rows * 8)));

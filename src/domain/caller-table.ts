/**
 * Which callers have remembered keys, how many bytes those take, and where the oldest and the
 * newest of their records are. A caller is a row of numbers without a name: it is identified by the
 * name in its newest record, which is the last one to be forgotten.
 *
 *     hash of the caller ──HashIndex──▶ row   hash │ oldest record │ newest record │ bytes
 *
 * The chain from the oldest to the newest goes through the records themselves
 * (idempotency-memory.ts).
 */
import { HashIndex } from '../tables/hash-index.js';
import { Rows } from '../tables/rows.js';

const SLOTS_FIRST = 16;
const ROW_BITS = 27;

export class CallerTable {
  readonly #rows = new Rows(6);
  readonly #hash = this.#rows.word(0);
  /** Of an unused row: the next unused row, plus one. */
  readonly #oldest = this.#rows.word(1);
  readonly #newest = this.#rows.word(2);
  readonly #bytes = this.#rows.double(2);
  #rowCount = 0;
  /** The first unused row, plus one. */
  #unused = 0;
  readonly #index = new HashIndex({ slotsFirst: SLOTS_FIRST, rowBits: ROW_BITS, readHashes: null });

  get byteLength(): number {
    return this.#rows.bytes() + this.#index.bytes();
  }

  /** The first row of a caller with this hash, or -1. Its name may be another. */
  first(hash: number): number {
    return this.#withHash(hash, this.#index.first(hash));
  }

  /** The next one, or -1. */
  next(hash: number, row: number): number {
    return this.#withHash(hash, this.#index.next(hash, row));
  }

  oldest(row: number): number {
    return this.#oldest.get(row);
  }

  newest(row: number): number {
    return this.#newest.get(row);
  }

  bytes(row: number): number {
    return this.#bytes.get(row);
  }

  /** A caller that is not there yet, with its first record. Returns its row. */
  add(hash: number, entry: number, bytes: number): number {
    const row = this.#unused === 0 ? this.#rowCount++ : this.#unused - 1;
    if (this.#unused !== 0) this.#unused = this.#oldest.get(row);
    this.#hash.set(row, hash);
    this.#oldest.set(row, entry);
    this.#newest.set(row, entry);
    this.#bytes.set(row, bytes);
    this.#index.add(row, hash);
    return row;
  }

  addNewest(row: number, entry: number, bytes: number): void {
    this.#newest.set(row, entry);
    this.#bytes.set(row, this.#bytes.get(row) + bytes);
  }

  /**
   * The caller's oldest record is forgotten; `next` is the one after it, 0 if there is none.
   * Returns the row that became unused with it, or -1.
   */
  removeOldest(hash: number, entry: number, next: number, bytes: number): number {
    let row = this.first(hash);
    while (row !== -1 && this.oldest(row) !== entry) row = this.next(hash, row);
    if (row === -1) throw new Error(`idempotency record ${entry} is of no caller`);
    if (next !== 0) {
      this.#oldest.set(row, next);
      this.#bytes.set(row, this.#bytes.get(row) - bytes);
      return -1;
    }
    this.#index.remove(row, hash);
    this.#oldest.set(row, this.#unused);
    this.#unused = row + 1;
    return row;
  }

  #withHash(hash: number, candidate: number): number {
    let row = candidate;
    while (row !== -1 && this.#hash.get(row) !== hash) row = this.#index.next(hash, row);
    return row;
  }
}

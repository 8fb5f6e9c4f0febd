/**
 * The available codes of a book: an array of indexes in no order. Drawing takes a uniformly random
 * place and fills it with the last; giving back appends. Each code knows its place, so that a
 * particular one can be taken too. O(1) all, no scan, no bias.
 *
 * A batch of a million codes that goes live would block the shard for 40 ms if all of its codes got
 * their places at once. So they join as a range of indexes, and are available from that moment on;
 * places are given in steps (`finishLoading`), or to a code when it is taken:
 *
 *     places   0 … placed - 1 │ placed …              what a draw is made from
 *              the array      │ next … end - 1        an index that has been taken, or has a place by now: drawn again
 */

import { below, type Random } from '../../domain/random.js';
import { uint32Column } from '../../tables/paged.js';
import { AVAILABLE, type CodeTable } from './code-table.js';

const JOIN_STEP = 4096;

export class Pool {
  /** The book's number in the shard. */
  readonly book: number;
  readonly #codes: CodeTable;
  readonly #indexes = uint32Column();
  #placed = 0;
  /** The part of the joining range that `finishLoading` has not reached. */
  #next = 0;
  #end = 0;
  /** How many of them have no place yet. */
  #unplaced = 0;

  constructor(codes: CodeTable, book: number) {
    this.#codes = codes;
    this.book = book;
  }

  get count(): number {
    return this.#placed + this.#unplaced;
  }

  /** Makes a loaded code available. */
  add(index: number): void {
    this.#codes.setBook(index, this.book);
    this.#codes.setPhase(index, AVAILABLE);
    this.put(index);
  }

  /** Makes the loaded codes `first .. end - 1` available, every one of which is there. */
  join(first: number, end: number): void {
    while (this.finishLoading(JOIN_STEP));
    this.#next = first;
    this.#end = end;
    this.#unplaced = end - first;
    this.#codes.joining.add(this);
  }

  /** Whether the code has joined and has no place yet. */
  joins(index: number): boolean {
    return index >= this.#next && index < this.#end && this.#codes.isUntouched(index);
  }

  /** Gives places to so many of the joining codes. True when there are more. */
  finishLoading(count: number): boolean {
    const end = Math.min(this.#next + count, this.#end);
    for (; this.#next < end; this.#next++) if (this.#codes.isUntouched(this.#next)) this.#place(this.#next);
    if (end < this.#end) return true;
    this.#codes.joining.delete(this);
    return false;
  }

  put(index: number): void {
    this.#indexes.set(this.#placed, index);
    this.#codes.setPoolPlace(index, this.#placed);
    this.#placed++;
  }

  /** A random available code, left in the pool. The pool must not be empty. */
  draw(random: Random): number {
    for (;;) {
      const place = below(random, this.#placed + this.#end - this.#next);
      if (place < this.#placed) return this.#indexes.get(place);
      const index = this.#next + place - this.#placed;
      if (this.#codes.isUntouched(index)) return index;
    }
  }

  /**
   * The result of `draw` after so many other draws, given its random number; -1 if unknown. For
   * `Prefetch`.
   */
  peek(random: number, drawsBefore: number): number {
    const bound = this.#placed + this.#end - this.#next - drawsBefore;
    if (bound <= 0) return -1;
    const place = random % bound;
    return place < this.#placed ? this.#indexes.get(place) : this.#next + place - this.#placed;
  }

  /**
   * The code that fills the place of the one drawn after so many others; -1 if there is none. For
   * `Prefetch`.
   */
  peekLast(drawsBefore: number): number {
    const place = this.#placed - 1 - drawsBefore;
    return place < 0 ? -1 : this.#indexes.get(place);
  }

  take(index: number): void {
    if (this.joins(index)) this.#place(index);
    const place = this.#codes.poolPlace(index);
    if (place >= this.#placed || this.#indexes.get(place) !== index)
      throw new Error(`code ${index} is not in its pool`);
    const last = this.#indexes.get(--this.#placed);
    this.#indexes.set(place, last);
    this.#codes.setPoolPlace(last, place);
  }

  bytes(): number {
    return this.#indexes.bytes();
  }

  #place(index: number): void {
    this.#unplaced--;
    this.add(index);
  }
}

/**
 * The available codes of a book: an array of indexes in no order. Drawing takes a uniformly random place and fills it
 * with the last; giving back appends. Each code knows its place, so that a particular one can be taken too. O(1) all,
 * no scan, no bias.
 */
import type { CodeTable } from './code-table.js';
import { uint32Column } from './paged.js';
import { below, type Random } from './random.js';

export class Pool {
  readonly #codes: CodeTable;
  readonly #indexes = uint32Column();
  #count = 0;

  constructor(codes: CodeTable) {
    this.#codes = codes;
  }

  get count(): number {
    return this.#count;
  }

  put(index: number): void {
    this.#indexes.set(this.#count, index);
    this.#codes.setPoolPlace(index, this.#count);
    this.#count++;
  }

  /** A random available code, left in the pool. The pool must not be empty. */
  draw(random: Random): number {
    return this.#indexes.get(below(random, this.#count));
  }

  take(index: number): void {
    const place = this.#codes.poolPlace(index);
    if (place >= this.#count || this.#indexes.get(place) !== index) throw new Error(`code ${index} is not in its pool`);
    const last = this.#indexes.get(--this.#count);
    this.#indexes.set(place, last);
    this.#codes.setPoolPlace(last, place);
  }

  bytes(): number {
    return this.#indexes.bytes();
  }
}

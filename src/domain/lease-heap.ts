/**
 * Which lease ends next: a binary min-heap over the records of locked codes, ordered by deadline. Each record knows
 * its place, so that a lease that is renewed or given up moves or leaves in O(log n) and no stale entry stays behind.
 */
import type { CodeRecords } from './code-table.js';
import { uint32Column } from './paged.js';

export class LeaseHeap {
  readonly #records: CodeRecords;
  readonly #heap = uint32Column();
  #count = 0;

  constructor(records: CodeRecords) {
    this.#records = records;
  }

  get count(): number {
    return this.#count;
  }

  /** The record whose lease ends first, or -1. */
  first(): number {
    return this.#count === 0 ? -1 : this.#heap.get(0);
  }

  /** Puts a record in, or moves it after its deadline changed. */
  put(record: number): void {
    const place = this.#records.heapPlace.get(record) - 1;
    if (place === -1) this.#settle(this.#count++, record);
    else this.#settle(place, record);
  }

  remove(record: number): void {
    const place = this.#records.heapPlace.get(record) - 1;
    if (place === -1) return;
    this.#records.heapPlace.set(record, 0);
    const last = this.#heap.get(--this.#count);
    if (last !== record) this.#settle(place, last);
  }

  bytes(): number {
    return this.#heap.bytes();
  }

  #settle(start: number, record: number): void {
    const { untilMs } = this.#records;
    const deadline = untilMs.get(record);
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap.get(parent);
      if (untilMs.get(above) <= deadline) break;
      this.#write(place, above);
      place = parent;
    }
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#count) break;
      if (child + 1 < this.#count && untilMs.get(this.#heap.get(child + 1)) < untilMs.get(this.#heap.get(child)))
        child++;
      const below = this.#heap.get(child);
      if (untilMs.get(below) >= deadline) break;
      this.#write(place, below);
      place = child;
    }
    this.#write(place, record);
  }

  #write(place: number, record: number): void {
    this.#heap.set(place, record);
    this.#records.heapPlace.set(record, place + 1);
  }
}

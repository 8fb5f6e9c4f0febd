/**
 * The leases that are held, and which of them ends next: a binary min-heap of rows, ordered by
 * deadline. The lease is in the heap itself, and its code's record knows the place, so a code
 * without a lease costs nothing, reading a lease is one step, and renewing or ending one is O(log
 * n) without stale entries.
 */

import { Rows } from '../../tables/rows.js';
import type { CodeRecords } from './code-table.js';

export class LeaseHeap {
  readonly #records: CodeRecords;
  readonly #rows = new Rows(6);
  readonly #untilMs = this.#rows.double(0);
  readonly #lockId = this.#rows.double(1);
  readonly #record = this.#rows.word(4);
  #count = 0;

  constructor(records: CodeRecords) {
    this.#records = records;
  }

  get count(): number {
    return this.#count;
  }

  /** The record whose lease ends first, or -1. */
  first(): number {
    return this.#count === 0 ? -1 : this.#record.get(0);
  }

  /** The lock id of a record's lease, over or not; 0 if it has none. */
  lockId(record: number): number {
    const place = this.#placeOf(record);
    return place === -1 ? 0 : this.#lockId.get(place);
  }

  /** When a record's lease ends, Unix ms; 0 if it has none. */
  untilMs(record: number): number {
    const place = this.#placeOf(record);
    return place === -1 ? 0 : this.#untilMs.get(place);
  }

  /** Gives a record a lease, or another one. */
  put(record: number, lockId: number, untilMs: number): void {
    const place = this.#placeOf(record);
    this.#settle(place === -1 ? this.#count++ : place, record, lockId, untilMs);
  }

  remove(record: number): void {
    const place = this.#placeOf(record);
    if (place === -1) return;
    this.#records.leasePlace.set(record, 0);
    const last = --this.#count;
    if (place !== last) this.#settle(place, this.#record.get(last), this.#lockId.get(last), this.#untilMs.get(last));
  }

  /**
   * Calls `visit` with each record whose lease is over and still here. Costs nothing where there is
   * none.
   */
  eachEnded(nowMs: number, visit: (record: number) => void): void {
    const walk = (place: number): void => {
      if (place >= this.#count || this.#untilMs.get(place) > nowMs) return;
      visit(this.#record.get(place));
      walk(2 * place + 1);
      walk(2 * place + 2);
    };
    walk(0);
  }

  bytes(): number {
    return this.#rows.bytes();
  }

  #placeOf(record: number): number {
    return this.#records.leasePlace.get(record) - 1;
  }

  /** Puts a lease where it belongs, beginning from a place that is free. */
  #settle(free: number, record: number, lockId: number, deadline: number): void {
    let place = free;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#untilMs.get(parent) <= deadline) break;
      this.#move(parent, place);
      place = parent;
    }
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#count) break;
      if (child + 1 < this.#count && this.#untilMs.get(child + 1) < this.#untilMs.get(child)) child++;
      if (this.#untilMs.get(child) >= deadline) break;
      this.#move(child, place);
      place = child;
    }
    this.#write(place, record, lockId, deadline);
  }

  #move(from: number, to: number): void {
    this.#write(to, this.#record.get(from), this.#lockId.get(from), this.#untilMs.get(from));
  }

  #write(place: number, record: number, lockId: number, untilMs: number): void {
    this.#untilMs.set(place, untilMs);
    this.#lockId.set(place, lockId);
    this.#record.set(place, record);
    this.#records.leasePlace.set(record, place + 1);
  }
}

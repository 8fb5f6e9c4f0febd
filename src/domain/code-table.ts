/**
 * The codes of a shard: one row per code over columns, about 50 bytes while it waits in its book's pool, and 60 more
 * from its first use on (a record, kept for good).
 *
 *                      assign                redeem
 *     staged ─▶ available ─▶ assigned ─────────────▶ redeemed       (redemptionCount > 0)
 *                   ◀─────────  ◀─────────────────────
 *                    unassign        rollback of the last one
 *
 *     a lease (lockId, untilMs) lies over assigned or redeemed; its holder is always the code's user
 */
import { byteColumn, type Column, float64Column, uint32Column } from './paged.js';
import { StringTable } from './string-table.js';

/** In the table, but not live: its batch has not been added yet, or never will be. */
export const STAGED = 0;
export const AVAILABLE = 1;
/** Has a user. Whether it is redeemed or locked too is told by its record. */
export const IN_USE = 2;

/** No row: columns hold index + 1, so that an unset row reads as none. */
const NONE = 0;

export class CodeTable {
  readonly strings = new StringTable();
  readonly #phase = byteColumn();
  /** Number of the code's book in the shard. */
  readonly #book = uint32Column();
  /** Place in the pool of the book while available. */
  readonly #poolPlace = uint32Column();
  readonly #record = uint32Column();
  readonly #records = new CodeRecords();
  /** One past the highest index ever reserved. */
  #nextIndex = 0;

  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** Reserves `size` indexes in a row. */
  reserve(size: number): number {
    const first = this.#nextIndex;
    this.#nextIndex += size;
    return first;
  }

  /** Keeps `reserve` above a range that was given out before a restart. */
  reserveThrough(end: number): void {
    if (end > this.#nextIndex) this.#nextIndex = end;
  }

  exists(index: number): boolean {
    return this.strings.has(index);
  }

  /** The index of a live code, or -1. */
  find(code: string): number {
    const index = this.strings.find(code);
    return index === -1 || this.#phase.get(index) === STAGED ? -1 : index;
  }

  text(index: number): string {
    return this.strings.text(index);
  }

  phase(index: number): number {
    return this.#phase.get(index);
  }

  setPhase(index: number, phase: number): void {
    this.#phase.set(index, phase);
  }

  book(index: number): number {
    return this.#book.get(index);
  }

  setBook(index: number, book: number): void {
    this.#book.set(index, book);
  }

  poolPlace(index: number): number {
    return this.#poolPlace.get(index);
  }

  setPoolPlace(index: number, place: number): void {
    this.#poolPlace.set(index, place);
  }

  /** The columns of used codes, and this code's row there; -1 if it was never used. */
  get used(): CodeRecords {
    return this.#records;
  }

  record(index: number): number {
    return this.#record.get(index) - 1;
  }

  recordOrNew(index: number): number {
    const record = this.#record.get(index) - 1;
    if (record !== -1) return record;
    const added = this.#records.add(index);
    this.#record.set(index, added + 1);
    return added;
  }

  /** Sequence of the code's last event; 0 if there is none. */
  lastSeq(index: number): number {
    const record = this.record(index);
    return record === -1 ? 0 : this.#records.lastSeq.get(record);
  }

  bytes(): number {
    const columns = [this.#phase, this.#book, this.#poolPlace, this.#record];
    return this.strings.bytes() + this.#records.bytes() + columns.reduce((sum, column) => sum + column.bytes(), 0);
  }
}

/** What is known of a code from its first use on. Rows are by record, not by index. */
export class CodeRecords {
  readonly index: Column = uint32Column();
  /** The user's number plus one; 0: none. */
  readonly user: Column = uint32Column();
  readonly assignedMs: Column = float64Column();
  readonly redemptionCount: Column = uint32Column();
  readonly lastSeq: Column = float64Column();
  /** The lease; `lockId` 0: none. */
  readonly lockId: Column = float64Column();
  readonly untilMs: Column = float64Column();
  /** Place in the lease heap, plus one; 0: not in it. */
  readonly heapPlace: Column = uint32Column();
  /** The user's codes, a doubly linked list over records, plus one; 0: end. */
  readonly nextOfUser: Column = uint32Column();
  readonly previousOfUser: Column = uint32Column();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(index: number): number {
    const record = this.#count++;
    this.index.set(record, index);
    return record;
  }

  isLockedAt(record: number, nowMs: number): boolean {
    return this.lockId.get(record) !== NONE && this.untilMs.get(record) > nowMs;
  }

  bytes(): number {
    const columns = [
      this.index,
      this.user,
      this.assignedMs,
      this.redemptionCount,
      this.lastSeq,
      this.lockId,
      this.untilMs,
      this.heapPlace,
      this.nextOfUser,
      this.previousOfUser,
    ];
    return columns.reduce((sum, column) => sum + column.bytes(), 0);
  }
}

/**
 * The codes of a shard: one row per code, about 45 bytes in all while it waits in its book's pool,
 * and 40 more from its first use on (a record, kept for good).
 *
 *                      assign                redeem
 *     staged ─▶ available ─▶ assigned ─────────────▶ redeemed       (redemptionCount > 0)
 *                   ◀─────────  ◀─────────────────────
 *                    unassign        rollback of the last one
 *
 *     A lease (lockId, untilMs) is held besides assigned or redeemed, always by the code's user.
 */
import type { HashKey } from '../../tables/keyed-hash.js';
import type { Field } from '../../tables/paged.js';
import { Rows } from '../../tables/rows.js';
import { StringTable } from '../../tables/string-table.js';

/** In the table, but not live: its batch has not been added yet, or never will be. */
export const STAGED = 0;
export const AVAILABLE = 1;
/** Has a user. Its record says whether it is also redeemed or locked. */
export const IN_USE = 2;

/** Book and phase of a row that was never set. */
const UNTOUCHED = 0;
const PHASE_BITS = 2;
const PHASE_MASK = (1 << PHASE_BITS) - 1;

/** Codes that have gone live and whose rows do not say so yet. See `Pool`. */
export interface Joining {
  readonly book: number;
  joins(index: number): boolean;
}

export class CodeTable {
  readonly #rows = new Rows(4);
  readonly strings: StringTable;
  /** Number of the code's book in the shard, and its phase in the lowest bits. */
  readonly #bookAndPhase = this.#rows.word(1);
  /** Place in the pool of the book while available. */
  readonly #poolPlace = this.#rows.word(2);
  /** The code's record, plus one; 0: none. */
  readonly #record = this.#rows.word(3);
  /** The records of used codes. */
  readonly used = new CodeRecords();
  /** One past the highest index ever reserved. */
  #nextIndex = 0;
  /** Batches that have gone live and whose codes are not all touched yet. */
  readonly joining = new Set<Joining>();
  #lastCode: string | null = null;
  #lastFound = -1;

  constructor(key: HashKey) {
    this.strings = new StringTable(key, this.#rows.word(0));
  }

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
    if (code === this.#lastCode) return this.#lastFound;
    const index = this.strings.find(code);
    if (index === -1 || this.phase(index) === STAGED) return -1;
    // A command with a key asks twice. What is live stays live, so this stays true.
    this.#lastCode = code;
    this.#lastFound = index;
    return index;
  }

  text(index: number): string {
    return this.strings.text(index);
  }

  phase(index: number): number {
    const bookAndPhase = this.#bookAndPhase.get(index);
    return bookAndPhase === UNTOUCHED && this.#joiningBook(index) !== -1 ? AVAILABLE : bookAndPhase & PHASE_MASK;
  }

  /** The code was loaded, and nothing more. */
  isUntouched(index: number): boolean {
    return this.#bookAndPhase.get(index) === UNTOUCHED;
  }

  setPhase(index: number, phase: number): void {
    this.#bookAndPhase.set(index, (this.#bookAndPhase.get(index) & ~PHASE_MASK) | phase);
  }

  book(index: number): number {
    const bookAndPhase = this.#bookAndPhase.get(index);
    return bookAndPhase === UNTOUCHED ? Math.max(0, this.#joiningBook(index)) : bookAndPhase >>> PHASE_BITS;
  }

  setBook(index: number, book: number): void {
    this.#bookAndPhase.set(index, (book << PHASE_BITS) | (this.#bookAndPhase.get(index) & PHASE_MASK));
  }

  /** Number of the book that an untouched code joins, or -1. */
  #joiningBook(index: number): number {
    // Usually there is none, and checking the size costs less than starting an iteration.
    if (this.joining.size === 0) return -1;
    for (const joining of this.joining) if (joining.joins(index)) return joining.book;
    return -1;
  }

  poolPlace(index: number): number {
    return this.#poolPlace.get(index);
  }

  setPoolPlace(index: number, place: number): void {
    this.#poolPlace.set(index, place);
  }

  /** The code's record in `used`; -1 if it was never used. */
  record(index: number): number {
    return this.#record.get(index) - 1;
  }

  recordOrNew(index: number): number {
    const record = this.#record.get(index) - 1;
    if (record !== -1) return record;
    const added = this.used.add(index);
    this.#record.set(index, added + 1);
    return added;
  }

  /** Sequence of the code's last event; 0 if there is none. */
  lastSeq(index: number): number {
    const record = this.record(index);
    return record === -1 ? 0 : this.used.lastSeq.get(record);
  }

  bytes(): number {
    return this.strings.bytes() + this.#rows.bytes() + this.used.bytes();
  }
}

/** State of a code from its first use on. Rows are numbered by record, not by index. */
export class CodeRecords {
  readonly #rows = new Rows(12);
  readonly assignedMs: Field = this.#rows.double(0);
  readonly lastSeq: Field = this.#rows.double(1);
  readonly index: Field = this.#rows.word(4);
  /** The user's number plus one; 0: none. */
  readonly user: Field = this.#rows.word(5);
  readonly redemptionCount: Field = this.#rows.word(6);
  /** Place in the heap of leases, plus one; 0: no lease. */
  readonly leasePlace: Field = this.#rows.word(7);
  /** The user's codes, a doubly linked list over records, plus one; 0: end. */
  readonly nextOfUser: Field = this.#rows.word(8);
  readonly previousOfUser: Field = this.#rows.word(9);
  /** The number of its newest redemption, standing or not, plus one; 0: none. */
  readonly newestRedemption: Field = this.#rows.word(10);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(index: number): number {
    const record = this.#count++;
    this.index.set(record, index);
    return record;
  }

  bytes(): number {
    return this.#rows.bytes();
  }
}

/**
 * Rows by hash: the index of a table that keeps its keys elsewhere.
 *
 *     hash ──▶ slots  … 0 │ tag, row+1 │ 0 │ …        open addressing, linear probing, 4 bytes a slot
 *
 * The owner calculates the hash of a key, and compares the key with the rows that `first` and
 * `next` name. The tag, some upper bits of the hash, stands in the slot, so that nearly every other
 * key is passed without a look at its row, which is somewhere else in memory. A row that is named
 * has the right tag, and so most often the right key.
 *
 * When 5/8 of the slots are in use, the rows move to an array that is twice as large, or as large
 * if half of the used slots are only marks of removed rows. Moving all at once would stop the
 * thread for half a second at ten million rows, so each insert moves a few slots (Redis rehashes
 * its dictionaries this way). Until all are moved, a look-up asks the new array, then the old.
 *
 * To move a row, its hash is needed. Either the owner reads it, or the index keeps it in a second
 * array, beside the slots: 6 to 13 bytes more per row, and half of the time of a move where the
 * owner would have to look for it in memory. A native `Map<string, number>` costs about 100 bytes
 * per row and moves all rows at once.
 *
 * A removed row leaves a mark, because other rows may be further on in the same run of used slots.
 * At the end of a run no mark is needed, so it is cleared there together with the marks before it,
 * and an insert uses the first mark that it meets. So a table whose rows come and go stays as it
 * is.
 */
import { tableMemory } from '../platform/uncounted-memory.js';

const EMPTY = 0;
/** A removed or moved row: a probe goes on over it. Not a row, because no row is that large. */
const REMOVED = 0xffffffff;
/**
 * Slots of the old array that an insert moves, on average. Above 8/5, the old one is empty before
 * the new one is full.
 */
const MOVES_PER_INSERT = 8;
/**
 * Moved at once, by every eighth insert: the hashes of that many come out of memory together. One
 * by one, each would wait for the one before.
 */
const MOVES_AT_ONCE = 64;

/** What `#moveSome` moves. */
const movedRows = new Uint32Array(MOVES_AT_ONCE);
const movedHashes = new Uint32Array(MOVES_AT_ONCE);
const NO_HASHES = new Uint32Array(0);

/** Writes the hashes of `rows[0 .. count - 1]`, which are in the index, to `hashes`. */
export type ReadHashes = (rows: Uint32Array, count: number, hashes: Uint32Array) => void;

export class HashIndex {
  #slots: Uint32Array;
  /** The hash of each slot; empty where the owner reads hashes. */
  #hashes: Uint32Array;
  /** Slots that are not empty. */
  #used = 0;
  #old: Uint32Array | null = null;
  #oldHashes: Uint32Array = NO_HASHES;
  #oldMoved = 0;
  #addedSinceMove = 0;
  #count = 0;
  readonly #rowBits: number;
  readonly #rowMask: number;
  readonly #readHashes: ReadHashes | null;

  /**
   * `slotsFirst`: a power of two. `rowBits`: at most 31; the other bits of a slot are the tag.
   * `readHashes`: null where the index is to keep the hashes. It is called for all indexes from one
   * place, so it takes many rows at once: V8 can't predict which function that call goes to.
   */
  constructor(options: {
    readonly slotsFirst: number;
    readonly rowBits: number;
    readonly readHashes: ReadHashes | null;
  }) {
    this.#slots = new Uint32Array(options.slotsFirst);
    this.#hashes = options.readHashes === null ? new Uint32Array(options.slotsFirst) : NO_HASHES;
    this.#rowBits = options.rowBits;
    this.#rowMask = 2 ** options.rowBits - 1;
    this.#readHashes = options.readHashes;
  }

  /** How many rows are in the index. */
  get count(): number {
    return this.#count;
  }

  /** The first row that may have a key with this hash; -1: none has. */
  first(hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const rowBits = this.#rowBits;
    const tag = hash >>> rowBits;
    // As in `#probe`: V8 makes the common case a part of the caller only if it is short.
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === EMPTY) return this.#old === null ? -1 : this.#probe(this.#old, hash, hash);
      if (entry >>> rowBits === tag && entry !== REMOVED) return (entry & this.#rowMask) - 1;
    }
  }

  /** The next one after `row`, which `first` or `next` returned for this hash; -1: none. */
  next(hash: number, row: number): number {
    const entry = this.#entry(row, hash);
    const slot = slotOf(this.#slots, entry, hash);
    if (slot !== -1) {
      const next = this.#probe(this.#slots, hash, slot + 1);
      return next !== -1 || this.#old === null ? next : this.#probe(this.#old, hash, hash);
    }
    const old = this.#old as Uint32Array;
    return this.#probe(old, hash, slotOf(old, entry, hash) + 1);
  }

  /** Adds a row that is not in the index. */
  add(row: number, hash: number): void {
    // One less than fits, so that no slot looks like a removed one.
    if (row + 1 >= this.#rowMask) throw new Error(`the index has no place for row ${row}`);
    if (this.#old !== null && ++this.#addedSinceMove * MOVES_PER_INSERT >= MOVES_AT_ONCE) this.#moveSome(this.#old);
    if (this.#used * 8 >= this.#slots.length * 5) this.#moveTo(this.#slotsNeeded());
    this.#put(row, hash);
    this.#count++;
  }

  /** False if the row is not in the index. */
  remove(row: number, hash: number): boolean {
    const entry = this.#entry(row, hash);
    const slots = this.#slots;
    const slot = slotOf(slots, entry, hash);
    if (slot !== -1) this.#clear(slots, slot);
    else {
      const old = this.#old;
      const oldSlot = old === null ? -1 : slotOf(old, entry, hash);
      if (old === null || oldSlot === -1) return false;
      old[oldSlot] = REMOVED;
    }
    this.#count--;
    return true;
  }

  /** Prepares for so many more rows, so that adding them moves nothing. */
  reserve(more: number): void {
    let slots = this.#slots.length;
    while ((this.#used + more) * 8 >= slots * 5) slots *= 2;
    if (slots > this.#slots.length) this.#moveTo(slots);
  }

  /** All rows, in no order. Nothing may be added or removed meanwhile. */
  *rows(): Generator<number, void> {
    for (const slots of this.#old === null ? [this.#slots] : [this.#slots, this.#old])
      for (const entry of slots) if (entry !== EMPTY && entry !== REMOVED) yield (entry & this.#rowMask) - 1;
  }

  /** What the first slot of a hash holds, for prefetching: any row, or -1. */
  peek(hash: number): number {
    const slots = this.#slots;
    return ((slots[hash & (slots.length - 1)] as number) & this.#rowMask) - 1;
  }

  bytes(): number {
    const old = this.#old === null ? 0 : this.#old.byteLength + this.#oldHashes.byteLength;
    return this.#slots.byteLength + this.#hashes.byteLength + old;
  }

  #probe(slots: Uint32Array, hash: number, start: number): number {
    const mask = slots.length - 1;
    const rowBits = this.#rowBits;
    const tag = hash >>> rowBits;
    for (let slot = start & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === EMPTY) return -1;
      if (entry >>> rowBits === tag && entry !== REMOVED) return (entry & this.#rowMask) - 1;
    }
  }

  #entry(row: number, hash: number): number {
    return (((hash >>> this.#rowBits) << this.#rowBits) | (row + 1)) >>> 0;
  }

  #put(row: number, hash: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    let entry = slots[slot] as number;
    while (entry !== EMPTY && entry !== REMOVED) {
      slot = (slot + 1) & mask;
      entry = slots[slot] as number;
    }
    if (entry === EMPTY) this.#used++;
    slots[slot] = this.#entry(row, hash);
    if (this.#readHashes === null) this.#hashes[slot] = hash;
  }

  #clear(slots: Uint32Array, slot: number): void {
    const mask = slots.length - 1;
    if (slots[(slot + 1) & mask] !== EMPTY) {
      slots[slot] = REMOVED;
      return;
    }
    let last = slot;
    do {
      slots[last] = EMPTY;
      this.#used--;
      last = (last - 1) & mask;
    } while (slots[last] === REMOVED);
  }

  #slotsNeeded(): number {
    const { length } = this.#slots;
    return this.#count * 16 >= length * 5 ? length * 2 : length;
  }

  #moveTo(slots: number): void {
    while (this.#old !== null) this.#moveSome(this.#old);
    this.#old = this.#slots;
    this.#oldHashes = this.#hashes;
    this.#oldMoved = 0;
    this.#addedSinceMove = 0;
    this.#slots = new Uint32Array(tableMemory(slots * 4));
    if (this.#readHashes === null) this.#hashes = new Uint32Array(tableMemory(slots * 4));
    this.#used = 0;
  }

  #moveSome(old: Uint32Array): void {
    const end = Math.min(this.#oldMoved + MOVES_AT_ONCE, old.length);
    let count = 0;
    for (let slot = this.#oldMoved; slot < end; slot++) {
      const entry = old[slot] as number;
      if (entry === EMPTY || entry === REMOVED) continue;
      if (this.#readHashes === null) movedHashes[count] = this.#oldHashes[slot] as number;
      movedRows[count++] = (entry & this.#rowMask) - 1;
      // Not EMPTY: a later probe of the old array that begins before this slot must go on over it.
      old[slot] = REMOVED;
    }
    if (this.#readHashes !== null) this.#readHashes(movedRows, count, movedHashes);
    for (let i = 0; i < count; i++) this.#put(movedRows[i] as number, movedHashes[i] as number);
    this.#oldMoved = end;
    this.#addedSinceMove = 0;
    if (end < old.length) return;
    this.#old = null;
    this.#oldHashes = NO_HASHES;
  }
}

function slotOf(slots: Uint32Array, entry: number, hash: number): number {
  const mask = slots.length - 1;
  for (let slot = hash & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) if (slots[slot] === entry) return slot;
  return -1;
}

/**
 * Strings by number and numbers by string, in bytes: the code directory of a shard, and its users.
 *
 *     index ──offset──▶ arena  … 19 A B C D - …           one length byte (or five), then the text
 *     hash(text) ─────▶ slots  … 0 │ tag index+1 │ 0 │ …  open addressing, linear probing, 4 bytes a slot
 *
 * Five bits of the hash stand in the slot beside the index, so that nearly every slot of another
 * string is passed without a look at that string, which is two places in memory away. The offsets
 * are a field of the owner's rows, next to the fields that are read next.
 *
 * The slots double when they are 5/8 full. Doubling at once would stop the shard for half a second
 * at ten million codes, so each insert moves a few slots of the old array (Redis rehashes its
 * dictionaries this way); until all are moved, a look-up asks the new array, then the old. A native
 * `Map<string, number>` costs about 100 bytes an entry and doubles at once.
 */

import { tableMemory } from '../platform/uncounted-memory.js';
import { type HashKey, keyedHash, keyedHashOfText } from './keyed-hash.js';
import type { Field } from './paged.js';
import { decode, encode, hashBytes, scratch } from './text.js';

const CHUNK_BITS = 18;
const CHUNK_BYTES = 1 << CHUNK_BITS;
/**
 * The first chunk is smaller: most shards of a small installation have few codes, and each start
 * fills it with zeros.
 */
const CHUNK_BYTES_FIRST = 4096;
/** An offset plus one has to fit into 32 bits. */
const ARENA_BYTES_MAX = 2 ** 32 - 1;
const SLOTS_FIRST = 1024;
/**
 * Slots of the old array that an insert moves, on average. Above 8/5, the old one is empty before
 * the new one is full.
 */
const MOVES_PER_INSERT = 8;
/**
 * Moved at once, by every eighth insert: the hashes of that many come out of memory together, one
 * by one each waits for the one before.
 */
const MOVES_AT_ONCE = 64;
const EMPTY = 0;
/** A removed entry: a probe goes on over it. No index is that large. */
const REMOVED = 0xffffffff;
const INDEX_BITS = 27;
const INDEX_MASK = 2 ** INDEX_BITS - 1;
/** One above the highest index. */
const INDEXES_MAX = INDEX_MASK - 1;
/** A text of this many bytes or more has its length in four bytes after this mark. */
const LONG = 0xff;

/** What `#moveSome` moves. */
const movedIndexes = new Uint32Array(MOVES_AT_ONCE);
const movedHashes = new Uint32Array(MOVES_AT_ONCE);

export class StringTable {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the last chunk, and how many of them are used. */
  #chunkBytes = 0;
  #chunkUsed = 0;
  /** Place of each index's text, plus one; 0: no text. A text never straddles two chunks. */
  readonly #offsets: Field;
  readonly #hashes: Field | null;
  readonly #key: HashKey;
  #slots: Uint32Array = new Uint32Array(SLOTS_FIRST);
  #used = 0;
  #old: Uint32Array | null = null;
  #oldMoved = 0;
  #addedSinceMove = 0;
  #count = 0;

  /**
   * `hashes` is for a table that grows string by string: with it, moving a slot needs no look at
   * the text.
   */
  constructor(key: HashKey, offsets: Field, hashes: Field | null = null) {
    this.#key = key;
    this.#offsets = offsets;
    this.#hashes = hashes;
  }

  /** Reserves room for so many more strings, so that adding them needs no rehash. */
  expect(more: number): void {
    let slots = this.#slots.length;
    while ((this.#used + more) * 8 >= slots * 5) slots *= 2;
    if (slots > this.#slots.length) this.#growTo(slots);
  }

  /** How many strings are in the table. */
  get count(): number {
    return this.#count;
  }

  /** The index of a string, or -1. */
  find(text: string): number {
    encode(text);
    return this.findBytes(scratch.bytes, 0, scratch.length);
  }

  findBytes(bytes: Uint8Array, start: number, end: number): number {
    return this.#find(keyedHash(this.#key, bytes, start, end), bytes, start, end);
  }

  /** Whether the string at an index that has one is this one. */
  isText(index: number, text: string): boolean {
    encode(text);
    return this.#equals(index, scratch.bytes, 0, scratch.length);
  }

  /** Gives a string its index. Neither may be in the table. */
  add(index: number, text: string): void {
    encode(text);
    this.addBytes(index, scratch.bytes, 0, scratch.length);
  }

  addBytes(index: number, bytes: Uint8Array, start: number, end: number): void {
    this.#add(index, bytes, start, end, keyedHash(this.#key, bytes, start, end));
  }

  /** The index of a string, which is `index` if it was not in the table before. */
  findOrAdd(text: string, index: number): number {
    encode(text);
    const { bytes, length } = scratch;
    const hash = keyedHash(this.#key, bytes, 0, length);
    const found = this.#find(hash, bytes, 0, length);
    if (found !== -1) return found;
    this.#add(index, bytes, 0, length, hash);
    return index;
  }

  #add(index: number, bytes: Uint8Array, start: number, end: number, hash: number): void {
    if (index >= INDEXES_MAX) throw new Error(`the table has no place for string ${index}`);
    this.#offsets.set(index, this.#store(bytes, start, end) + 1);
    this.#hashes?.set(index, hash);
    this.#makeRoom();
    this.#place(this.#slots, index, hash);
    this.#used++;
    this.#count++;
  }

  has(index: number): boolean {
    return this.#offsets.get(index) !== 0;
  }

  /** The string at an index that has one. */
  text(index: number): string {
    const { chunk, start, end } = this.#span(index);
    return decode(chunk, start, end);
  }

  /**
   * Removes a string. Its bytes stay in the arena: only strings of codes that never went live are
   * removed.
   */
  remove(index: number): void {
    const hash = this.#hashAt(index);
    if (!this.#erase(this.#slots, index, hash) && this.#old !== null) this.#erase(this.#old, index, hash);
    this.#offsets.set(index, 0);
    this.#count--;
  }

  /** A hash of the string at an index, as `seed` wants it, which is the same in every process. */
  hash(index: number, seed: number): number {
    const { chunk, start, end } = this.#span(index);
    return hashBytes(chunk, start, end, seed);
  }

  /**
   * What a look-up reads, one place in memory after the other, for `Prefetch`: the hash, its first
   * slot, the row of the index that stands there, and the first byte of its text. None of them says
   * that the string is there.
   */
  peekHash(text: string): number {
    return keyedHashOfText(this.#key, text);
  }

  peekIndex(hash: number): number {
    const slots = this.#slots;
    return ((slots[hash & (slots.length - 1)] as number) & INDEX_MASK) - 1;
  }

  /** 0 where there is no such index. */
  peekPlace(index: number): number {
    return index === -1 ? 0 : this.#offsets.get(index);
  }

  peekText(place: number): number {
    const chunk = this.#chunks[(place - 1) >>> CHUNK_BITS];
    return chunk?.[(place - 1) & (CHUNK_BYTES - 1)] ?? 0;
  }

  /** Bytes held, without the owner's rows. */
  bytes(): number {
    const arena = this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    return arena + this.#slots.byteLength + (this.#old?.byteLength ?? 0);
  }

  #find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const found = this.#probe(this.#slots, hash, bytes, start, end);
    if (found !== -1 || this.#old === null) return found;
    return this.#probe(this.#old, hash, bytes, start, end);
  }

  #probe(slots: Uint32Array, hash: number, bytes: Uint8Array, start: number, end: number): number {
    const mask = slots.length - 1;
    const tag = hash >>> INDEX_BITS;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === EMPTY) return -1;
      if (entry >>> INDEX_BITS !== tag || entry === REMOVED) continue;
      const index = (entry & INDEX_MASK) - 1;
      if (this.#equals(index, bytes, start, end)) return index;
    }
  }

  #equals(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const offset = this.#offsets.get(index) - 1;
    const chunk = this.#chunks[offset >>> CHUNK_BITS] as Uint8Array;
    let at = offset & (CHUNK_BYTES - 1);
    let length = chunk[at++] as number;
    if (length === LONG) {
      length = readUint32(chunk, at);
      at += 4;
    }
    if (length !== end - start) return false;
    for (let i = start; i < end; i++) if (chunk[at++] !== bytes[i]) return false;
    return true;
  }

  #span(index: number): { chunk: Uint8Array; start: number; end: number } {
    const stored = this.#offsets.get(index);
    if (stored === 0) throw new Error(`no string at index ${index}`);
    const offset = stored - 1;
    const chunk = this.#chunks[offset >>> CHUNK_BITS] as Uint8Array;
    const at = offset & (CHUNK_BYTES - 1);
    const short = chunk[at] as number;
    if (short !== LONG) return { chunk, start: at + 1, end: at + 1 + short };
    return { chunk, start: at + 5, end: at + 5 + readUint32(chunk, at + 1) };
  }

  #store(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const need = length < LONG ? length + 1 : length + 5;
    if (need > CHUNK_BYTES) throw new Error(`a string of ${length} bytes is too long for the table`);
    if (this.#chunkUsed + need > this.#chunkBytes) {
      this.#chunkBytes = this.#chunks.length === 0 ? Math.max(CHUNK_BYTES_FIRST, need) : CHUNK_BYTES;
      this.#chunks.push(new Uint8Array(tableMemory(this.#chunkBytes)));
      this.#chunkUsed = 0;
    }
    const chunkIndex = this.#chunks.length - 1;
    const chunk = this.#chunks[chunkIndex] as Uint8Array;
    const offset = chunkIndex * CHUNK_BYTES + this.#chunkUsed;
    if (offset >= ARENA_BYTES_MAX) throw new Error(`the table can't hold more than ${ARENA_BYTES_MAX} bytes`);
    let at = this.#chunkUsed;
    if (length < LONG) chunk[at++] = length;
    else {
      chunk[at++] = LONG;
      for (let shift = 0; shift < 32; shift += 8) chunk[at++] = (length >>> shift) & 0xff;
    }
    for (let i = start; i < end; i++) chunk[at++] = bytes[i] as number;
    this.#chunkUsed += need;
    return offset;
  }

  #hashAt(index: number): number {
    const { chunk, start, end } = this.#span(index);
    return keyedHash(this.#key, chunk, start, end);
  }

  #makeRoom(): void {
    if (this.#old !== null && ++this.#addedSinceMove * MOVES_PER_INSERT >= MOVES_AT_ONCE) this.#moveSome(this.#old);
    if (this.#used * 8 < this.#slots.length * 5) return;
    this.#growTo(this.#slots.length * 2);
  }

  #growTo(slots: number): void {
    while (this.#old !== null) this.#moveSome(this.#old);
    this.#old = this.#slots;
    this.#oldMoved = 0;
    this.#slots = new Uint32Array(tableMemory(slots * 4));
    this.#used = 0;
  }

  #moveSome(old: Uint32Array): void {
    const end = Math.min(this.#oldMoved + MOVES_AT_ONCE, old.length);
    let count = 0;
    for (let slot = this.#oldMoved; slot < end; slot++) {
      const entry = old[slot] as number;
      if (entry === EMPTY || entry === REMOVED) continue;
      movedIndexes[count++] = (entry & INDEX_MASK) - 1;
      // Not EMPTY: a probe of the old array that began before this slot must still go on over it.
      old[slot] = REMOVED;
    }
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) {
      const index = movedIndexes[i] as number;
      movedHashes[i] = hashes === null ? this.#hashAt(index) : hashes.get(index);
    }
    for (let i = 0; i < count; i++) this.#place(this.#slots, movedIndexes[i] as number, movedHashes[i] as number);
    this.#used += count;
    this.#oldMoved = end;
    this.#addedSinceMove = 0;
    if (end === old.length) this.#old = null;
  }

  #place(slots: Uint32Array, index: number, hash: number): void {
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== EMPTY) slot = (slot + 1) & mask;
    slots[slot] = entryOf(index, hash);
  }

  #erase(slots: Uint32Array, index: number, hash: number): boolean {
    const mask = slots.length - 1;
    const entry = entryOf(index, hash);
    for (let slot = hash & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      if (slots[slot] !== entry) continue;
      slots[slot] = REMOVED;
      return true;
    }
    return false;
  }
}

const entryOf = (index: number, hash: number): number => (((hash >>> INDEX_BITS) << INDEX_BITS) | (index + 1)) >>> 0;

function readUint32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

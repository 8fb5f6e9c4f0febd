/**
 * Strings by number and numbers by string, in bytes: the code directory of a shard, and its users.
 *
 *     hash(text) ──HashIndex──▶ index ──offset──▶ arena  … 19 A B C D - …    one length byte (or five), then the text
 *
 * The offsets are a field of the owner's rows, next to the fields that are read next.
 */

import { tableMemory } from '../platform/uncounted-memory.js';
import { HashIndex } from './hash-index.js';
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
const INDEX_BITS = 27;
/** The last index would look like an empty slot. */
const INDEX_MAX = 2 ** INDEX_BITS - 2;
const CHUNKS_MAX = 2 ** (32 - CHUNK_BITS);
/** A text of this many bytes or more has its length in four bytes after this mark. */
const LONG = 0xff;

export class StringTable {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the last chunk, and how many of them are used. */
  #chunkBytes = 0;
  #chunkUsed = 0;
  /** Place of each index's text, plus one; 0: no text. A text never straddles two chunks. */
  readonly #offsets: Field;
  readonly #hashes: Field | null;
  readonly #key: HashKey;
  readonly #index: HashIndex;

  /**
   * `hashes` is for a table that grows string by string: with it, growing needs no look at the
   * texts.
   */
  constructor(key: HashKey, offsets: Field, hashes: Field | null = null) {
    this.#key = key;
    this.#offsets = offsets;
    this.#hashes = hashes;
    this.#index = new HashIndex({
      slotsFirst: SLOTS_FIRST,
      rowBits: INDEX_BITS,
      readHashes: (indexes, count, into) => this.#readHashes(indexes, count, into),
    });
  }

  /** Prepares for so many more strings, so that adding them moves nothing. */
  expect(more: number): void {
    this.#index.reserve(more);
  }

  /** How many strings are in the table. */
  get count(): number {
    return this.#index.count;
  }

  /** The next string might find no room. */
  get isFull(): boolean {
    return this.#chunks.length >= CHUNKS_MAX - 1 || this.count >= INDEX_MAX;
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
    this.#offsets.set(index, this.#store(bytes, start, end) + 1);
    this.#hashes?.set(index, hash);
    this.#index.add(index, hash);
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
    this.#index.remove(index, this.#hashAt(index));
    this.#offsets.set(index, 0);
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
    return this.#index.peek(hash);
  }

  /** 0 where there is no such index. */
  peekOffset(index: number): number {
    return index === -1 ? 0 : this.#offsets.get(index);
  }

  peekText(offset: number): number {
    const chunk = this.#chunks[(offset - 1) >>> CHUNK_BITS];
    return chunk?.[(offset - 1) & (CHUNK_BYTES - 1)] ?? 0;
  }

  /** Bytes held, without the owner's rows. */
  bytes(): number {
    const arena = this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    return arena + this.#index.bytes();
  }

  #find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const rows = this.#index;
    for (let index = rows.first(hash); index !== -1; index = rows.next(hash, index))
      if (this.#equals(index, bytes, start, end)) return index;
    return -1;
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

  #readHashes(indexes: Uint32Array, count: number, into: Uint32Array): void {
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) {
      const index = indexes[i] as number;
      into[i] = hashes === null ? this.#hashAt(index) : hashes.get(index);
    }
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

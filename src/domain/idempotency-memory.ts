/**
 * The answers that idempotency keys stand for, kept for `IDEMPOTENCY_TTL_SECONDS`
 * (docs/contract.md, section 2).
 *
 * Keys live equally long, so they end in the order in which they came: the memory is a log of
 * records in chunks of bytes, with an index over it. To forget keys, the beginning of the log
 * moves forward and whole chunks are dropped. There is no object per key: millions of objects would
 * cost the garbage collector more than all of the shard's work.
 *
 *     chunk   … │ atMs  seq  fingerprint │ hash  bytes  hash of the caller  the caller's next │ name … outcome … │ next record
 *     index   hash(name) ──HashIndex──▶ where the record begins
 *     name    caller, book, key, each with its end: no name is the beginning of another
 *     callers caller ─▶ bytes of its records, the oldest and the newest of them (caller-table.ts)
 *
 * Records begin at multiples of 16 bytes, so that their numbers can be read through typed arrays,
 * and 29 bits say where in 8 GiB a record begins. A `Map` from key to answer costs four times as
 * much, before any garbage is collected.
 *
 * Valid keys can't be dropped, so new keys are refused when memory is short. Callers with the most
 * keys are refused first: a caller may have as many bytes here as are free in all memories that
 * share the tally. So one caller gets half, the next one half of the rest, and there is always room
 * for a caller with few keys. A fixed share for each caller would waste unused memory, or be too
 * small with many callers. A refused caller is told when its oldest key expires.
 */

import { HashIndex } from '../tables/hash-index.js';
import { type HashKey, keyedHash } from '../tables/keyed-hash.js';
import { encode, fold, hashBytes, mix, scratch } from '../tables/text.js';
import { CallerTable } from './caller-table.js';
import { canonicalJson } from './canonical.js';
import type { ScopeId, Seq } from './ids.js';
import type { Outcome } from './outcome.js';
import { appendText, endOfTexts } from './outcome-bytes.js';
import { appendOutcome, readOutcome } from './outcome-memory.generated.js';

const CHUNK_BYTES = 1 << 18;
/**
 * The first chunk is smaller: most shards of a small installation have few keys, and each start
 * fills it with zeros.
 */
const CHUNK_BYTES_FIRST = 16 * 1024;
/** An entry is where a record begins, in units from the beginning of the first chunk, plus one. */
const UNIT_BYTES = 16;
const CHUNK_UNITS = CHUNK_BYTES / UNIT_BYTES;
const ENTRY_BITS = 29;
/**
 * At this length the log is full, whatever `bytesMax` says. The rest of what the entries can name
 * is for records that come from the journal, which are not refused.
 */
const LOG_BYTES_MAX = 0.9 * 2 ** ENTRY_BITS * UNIT_BYTES;
const SLOTS_FIRST = 256;
const NAME_BYTES_FIRST = 1024;
/**
 * Maximum of old records that are forgotten at once, so that no command waits for a million of
 * them.
 */
const FORGET_MAX = 1000;

/**
 * A record's header, in elements of a Float64Array and of a Uint32Array. Name and outcome follow
 * it.
 */
const AT_MS = 0;
const SEQ = 1;
const FINGERPRINT = 2;
const HASH = 6;
/** Of name and outcome. */
const BYTES = 7;
const CALLER_HASH = 8;
/** The next record of the same caller; 0: this is its newest. */
const NEXT_OF_CALLER = 9;
const HEADER_BYTES = 40;
/**
 * Retry time if it is not known when there will be room: the memories that share the tally are
 * swept this often.
 */
const SWEPT_EVERY_MS = 1000;

interface Chunk {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  used: number;
  next: Chunk | null;
}

export interface RememberedAnswer {
  readonly fingerprint: number;
  readonly seq: Seq;
  readonly atMs: number;
  readonly outcome: Outcome;
}

/**
 * Bytes that remembered keys take in all memories that share the tally: one hot book may use what
 * the others don't.
 */
export interface MemoryTally {
  bytes: number;
}

export class IdempotencyMemory {
  readonly #hashKey: HashKey;
  readonly #ttlMs: number;
  readonly #bytesMax: number;
  readonly #tally: MemoryTally;
  /** Chunks by their index; the index of a dropped one is used again. */
  readonly #chunks: (Chunk | null)[] = [];
  #newest: Chunk | null = null;
  #oldest: Chunk | null = null;
  /** Where in the oldest chunk the oldest record begins. */
  #oldestStart = 0;
  /** The entries of the records, but for superseded ones, which are in the log only. */
  readonly #index = new HashIndex({ slotsFirst: SLOTS_FIRST, rowBits: ENTRY_BITS, readHashes: null });
  /** Records in the log. */
  #count = 0;
  #chunkBytes = 0;
  readonly #callers = new CallerTable();
  /**
   * The name that was last asked for, its bytes and its hash. What is not found is remembered next,
   * under the same name; and a service asks for the same book over and over again, so that only the
   * key is new.
   */
  #caller: string | null = null;
  #scopeId: ScopeId | null = null;
  #key: string | null = null;
  #name = new Uint8Array(NAME_BYTES_FIRST);
  #callerBytes = 0;
  #callerHash = 0;
  /** The caller's row; -1: not looked for yet, or none. */
  #callerRow = -1;
  #scopeBytes = 0;
  #scopeHash = 0;
  #nameBytes = 0;
  #hash = 0;

  constructor(options: {
    readonly hashKey: HashKey;
    readonly ttlMs: number;
    readonly bytesMax: number;
    readonly tally?: MemoryTally;
  }) {
    this.#hashKey = options.hashKey;
    this.#ttlMs = options.ttlMs;
    this.#bytesMax = options.bytesMax;
    this.#tally = options.tally ?? { bytes: 0 };
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#chunkBytes + this.#index.bytes() + this.#callers.byteLength;
  }

  /** When this caller may have a new key, Unix ms, if its keys take as much as is free; 0: now. */
  fullUntilMs(caller: string, nowMs: number): number {
    const free = Math.min(this.#bytesMax - this.#tally.bytes, LOG_BYTES_MAX - this.#chunkBytes);
    // No caller has more bytes than all callers together.
    if (this.#tally.bytes < free) return 0;
    if (caller !== this.#caller) this.#setName(caller, null, '');
    const row = this.#rowOfCaller();
    if (row !== -1) {
      if (this.#callers.bytes(row) < free) return 0;
      return this.#endsAfter(this.#callers.oldest(row), nowMs);
    }
    if (free > 0) return 0;
    const oldest = this.#oldest;
    return oldest === null ? nowMs + SWEPT_EVERY_MS : this.#endsAfter(entryOf(oldest, this.#oldestStart), nowMs);
  }

  /** When a record ends; 0 if it has: the next that is remembered frees it. */
  #endsAfter(entry: number, nowMs: number): number {
    const endsMs = numberAt(this.#chunkOf(entry), startOf(entry), AT_MS) + this.#ttlMs;
    return endsMs > nowMs ? endsMs : 0;
  }

  find(caller: string, scopeId: ScopeId | null, key: string, nowMs: number): RememberedAnswer | null {
    this.#setName(caller, scopeId, key);
    const entry = this.#entryOfName();
    if (entry === -1) return null;
    const chunk = this.#chunkOf(entry);
    const start = startOf(entry);
    if (this.#hasEnded(chunk, start, nowMs)) return null;
    return {
      fingerprint: numberAt(chunk, start, FINGERPRINT),
      seq: numberAt(chunk, start, SEQ) as Seq,
      atMs: numberAt(chunk, start, AT_MS),
      outcome: readOutcome(chunk.bytes, start + HEADER_BYTES + this.#nameBytes),
    };
  }

  /** An older record with this key is out of date and is superseded. */
  remember(caller: string, scopeId: ScopeId | null, key: string, answer: RememberedAnswer): void {
    this.forgetThrough(answer.atMs - this.#ttlMs);
    this.#setName(caller, scopeId, key);
    const superseded = this.#entryOfName();
    if (superseded !== -1) this.#index.remove(superseded, this.#hash);

    scratch.length = 0;
    appendOutcome(answer.outcome);
    const length = this.#nameBytes + scratch.length;
    const bytes = recordBytes(length);
    const chunk = this.#chunkWithRoom(bytes);
    const start = chunk.used;
    chunk.doubles[start / 8 + AT_MS] = answer.atMs;
    chunk.doubles[start / 8 + SEQ] = answer.seq;
    chunk.doubles[start / 8 + FINGERPRINT] = answer.fingerprint;
    chunk.words[start / 4 + HASH] = this.#hash;
    chunk.words[start / 4 + BYTES] = length;
    chunk.words[start / 4 + CALLER_HASH] = this.#callerHash;
    chunk.words[start / 4 + NEXT_OF_CALLER] = 0;
    copy(this.#name, this.#nameBytes, chunk.bytes, start + HEADER_BYTES);
    copy(scratch.bytes, scratch.length, chunk.bytes, start + HEADER_BYTES + this.#nameBytes);
    chunk.used += bytes;
    this.#tally.bytes += bytes;
    this.#count++;
    const entry = entryOf(chunk, start);
    this.#index.add(entry, this.#hash);
    this.#countForCaller(entry, bytes);
  }

  /** Forgets keys that have ended, a bounded number of them. True when there are more. */
  forgetEnded(nowMs: number): boolean {
    this.forgetThrough(nowMs - this.#ttlMs);
    return this.#oldest !== null && this.#hasEnded(this.#oldest, this.#oldestStart, nowMs);
  }

  /** Forgets what was remembered at or before `atMs`, the oldest first. */
  forgetThrough(atMs: number): void {
    for (let forgotten = 0; forgotten < FORGET_MAX && this.#oldest !== null; forgotten++) {
      const chunk = this.#oldest;
      const start = this.#oldestStart;
      if (numberAt(chunk, start, AT_MS) > atMs) return;
      const entry = entryOf(chunk, start);
      this.#index.remove(entry, wordAt(chunk, start, HASH));
      const bytes = recordBytes(wordAt(chunk, start, BYTES));
      const next = wordAt(chunk, start, NEXT_OF_CALLER);
      const unusedRow = this.#callers.removeOldest(wordAt(chunk, start, CALLER_HASH), entry, next, bytes);
      if (unusedRow !== -1 && unusedRow === this.#callerRow) this.#callerRow = -1;
      this.#tally.bytes -= bytes;
      this.#count--;
      this.#oldestStart += bytes;
      if (this.#oldestStart === chunk.used) this.#dropOldest(chunk);
    }
  }

  /**
   * Order-independent: the same keys with the same answers, good at `nowMs`, give the same digest,
   * one with each seed.
   */
  digest(nowMs: number, seed1: number, seed2: number): readonly [number, number] {
    let sum1 = 0;
    let sum2 = 0;
    for (const entry of this.#index.rows()) {
      const chunk = this.#chunkOf(entry);
      const start = startOf(entry);
      if (this.#hasEnded(chunk, start, nowMs)) continue;
      const nameStart = start + HEADER_BYTES;
      const nameEnd = endOfTexts(chunk.bytes, nameStart, 3);
      encode(canonicalJson(readOutcome(chunk.bytes, nameEnd)));
      const hashWith = (seed: number): number => {
        const outcome = hashBytes(scratch.bytes, 0, scratch.length, seed);
        const answered = fold(outcome, numberAt(chunk, start, FINGERPRINT), numberAt(chunk, start, SEQ));
        return fold(hashBytes(chunk.bytes, nameStart, nameEnd, seed), answered, numberAt(chunk, start, AT_MS));
      };
      sum1 = (sum1 + hashWith(seed1)) >>> 0;
      sum2 = (sum2 + hashWith(seed2)) >>> 0;
    }
    return [sum1, sum2];
  }

  #hasEnded(chunk: Chunk, start: number, nowMs: number): boolean {
    return numberAt(chunk, start, AT_MS) + this.#ttlMs <= nowMs;
  }

  #setName(caller: string, scopeId: ScopeId | null, key: string): void {
    const isSameScope = caller === this.#caller && scopeId === this.#scopeId;
    if (isSameScope && key === this.#key) return;
    if (!isSameScope) {
      scratch.length = 0;
      appendText(caller);
      this.#callerBytes = scratch.length;
      appendText(scopeId ?? '');
      if (caller !== this.#caller) {
        this.#callerHash = keyedHash(this.#hashKey, scratch.bytes, 0, this.#callerBytes);
        this.#callerRow = -1;
      }
      const bookHash = keyedHash(this.#hashKey, scratch.bytes, this.#callerBytes, scratch.length);
      this.#scopeHash = mix(this.#callerHash) ^ bookHash;
      this.#scopeBytes = this.#putIntoName(0);
      this.#caller = caller;
      this.#scopeId = scopeId;
    }
    scratch.length = 0;
    appendText(key);
    this.#hash = (mix(this.#scopeHash) ^ keyedHash(this.#hashKey, scratch.bytes, 0, scratch.length)) >>> 0;
    this.#nameBytes = this.#putIntoName(this.#scopeBytes);
    this.#key = key;
  }

  /** Where what `scratch` holds ends in the name. */
  #putIntoName(start: number): number {
    const end = start + scratch.length;
    if (end > this.#name.length) {
      const longer = new Uint8Array(end * 2);
      longer.set(this.#name);
      this.#name = longer;
    }
    copy(scratch.bytes, scratch.length, this.#name, start);
    return end;
  }

  // ─── The callers ────────────────────────────────────────────────────────────────────────────────────────────

  /** The row of the caller that was set, or -1. */
  #rowOfCaller(): number {
    if (this.#callerRow !== -1) return this.#callerRow;
    const callers = this.#callers;
    const hash = this.#callerHash;
    for (let row = callers.first(hash); row !== -1; row = callers.next(hash, row)) {
      const newest = callers.newest(row);
      if (!this.#beginsLikeName(this.#chunkOf(newest), startOf(newest), this.#callerBytes)) continue;
      this.#callerRow = row;
      return row;
    }
    return -1;
  }

  /** A new record belongs to the caller that was set. */
  #countForCaller(entry: number, bytes: number): void {
    const row = this.#rowOfCaller();
    if (row === -1) {
      this.#callerRow = this.#callers.add(this.#callerHash, entry, bytes);
      return;
    }
    const newest = this.#callers.newest(row);
    this.#chunkOf(newest).words[startOf(newest) / 4 + NEXT_OF_CALLER] = entry;
    this.#callers.addNewest(row, entry, bytes);
  }

  // ─── The log ──────────────────────────────────────────────────────────────────────────────────────────────

  #chunkOf(entry: number): Chunk {
    const chunk = this.#chunks[Math.floor((entry - 1) / CHUNK_UNITS)] ?? null;
    if (chunk === null) throw new Error(`idempotency record ${entry} is indexed but gone`);
    return chunk;
  }

  #chunkWithRoom(bytes: number): Chunk {
    const newest = this.#newest;
    if (newest !== null && newest.used + bytes <= newest.bytes.length) return newest;
    const buffer = new ArrayBuffer(Math.max(newest === null ? CHUNK_BYTES_FIRST : CHUNK_BYTES, bytes));
    const free = this.#chunks.indexOf(null);
    const chunk: Chunk = {
      index: free === -1 ? this.#chunks.length : free,
      bytes: new Uint8Array(buffer),
      words: new Uint32Array(buffer),
      doubles: new Float64Array(buffer),
      used: 0,
      next: null,
    };
    this.#chunks[chunk.index] = chunk;
    this.#chunkBytes += buffer.byteLength;
    if (newest !== null) newest.next = chunk;
    this.#newest = chunk;
    this.#oldest ??= chunk;
    return chunk;
  }

  #dropOldest(chunk: Chunk): void {
    this.#chunks[chunk.index] = null;
    this.#chunkBytes -= chunk.bytes.length;
    this.#oldest = chunk.next;
    this.#oldestStart = 0;
    if (this.#newest === chunk) this.#newest = null;
  }

  // ─── The index ────────────────────────────────────────────────────────────────────────────────────────────

  /** The entry of the record that has the name that was set, or -1. */
  #entryOfName(): number {
    const hash = this.#hash;
    for (let entry = this.#index.first(hash); entry !== -1; entry = this.#index.next(hash, entry)) {
      const chunk = this.#chunkOf(entry);
      const start = startOf(entry);
      if (wordAt(chunk, start, HASH) === hash && this.#beginsLikeName(chunk, start, this.#nameBytes)) return entry;
    }
    return -1;
  }

  /**
   * No name, and no caller, is the beginning of another: bytes that are equal as far as it goes are
   * the same one.
   */
  #beginsLikeName(chunk: Chunk, start: number, length: number): boolean {
    for (let i = 0; i < length; i++) {
      if (chunk.bytes[start + HEADER_BYTES + i] !== this.#name[i]) return false;
    }
    return true;
  }
}

const entryOf = (chunk: Chunk, start: number): number => chunk.index * CHUNK_UNITS + start / UNIT_BYTES + 1;
const startOf = (entry: number): number => ((entry - 1) % CHUNK_UNITS) * UNIT_BYTES;
const numberAt = (chunk: Chunk, start: number, field: number): number => chunk.doubles[start / 8 + field] as number;
const wordAt = (chunk: Chunk, start: number, field: number): number => chunk.words[start / 4 + field] as number;

function recordBytes(length: number): number {
  return Math.ceil((HEADER_BYTES + length) / UNIT_BYTES) * UNIT_BYTES;
}

/** A loop: `set` of a subarray costs more in the call than a hundred bytes cost here. */
function copy(from: Uint8Array, length: number, to: Uint8Array, start: number): void {
  for (let i = 0; i < length; i++) to[start + i] = from[i] as number;
}

/**
 * What was answered to which idempotency key, for as long as the contract says.
 *
 * Keys live equally long, so they end in the order in which they came: the memory is a queue of records in byte chunks,
 * with a hash table over it. Forgetting is dropping the oldest record, and whole chunks with it. An outcome is kept as
 * its JSON, about 150 bytes, because millions of objects would cost the garbage collector more than the shard's work.
 *
 *     records   [n] {chunk, start, key bytes, outcome bytes, fingerprint, atMs, seq}    n grows for ever
 *     slots     open addressing over hash(caller, book, key) ─▶ n + 1
 */
import { canonicalJson } from './canonical.js';
import type { BookId, Seq } from './ids.js';
import type { Outcome } from './outcome.js';
import { decode, encode, fold, hashBytes, scratch } from './text.js';

const CHUNK_BYTES = 1 << 18;
const SLOTS_FIRST = 256;
/** What one record costs beside its bytes: an object in the queue and its share of the slots. */
const RECORD_OVERHEAD_BYTES = 96;

interface MemoryRecord {
  readonly chunk: Uint8Array;
  readonly start: number;
  readonly keyBytes: number;
  readonly outcomeBytes: number;
  readonly hash: number;
  readonly fingerprint: number;
  readonly atMs: number;
  readonly seq: Seq;
}

export interface RememberedAnswer {
  readonly fingerprint: number;
  readonly seq: Seq;
  readonly atMs: number;
  readonly outcome: Outcome;
}

export class IdempotencyMemory {
  readonly #ttlMs: number;
  readonly #bytesMax: number;
  /** A queue: `#records[0]` is number `#first`. Holes at the front are compacted now and then. */
  #records: (MemoryRecord | undefined)[] = [];
  #dropped = 0;
  #first = 0;
  #slots = new Float64Array(SLOTS_FIRST);
  #chunk = new Uint8Array(0);
  #chunkUsed = 0;
  #bytes = 0;

  constructor(options: { readonly ttlMs: number; readonly bytesMax: number }) {
    this.#ttlMs = options.ttlMs;
    this.#bytesMax = options.bytesMax;
  }

  get count(): number {
    return this.#records.length - this.#dropped;
  }

  get bytes(): number {
    return this.#bytes + this.#slots.byteLength;
  }

  /** Keys that are still good can't be dropped to make room: a full memory refuses what is new. */
  isFull(nowMs: number): boolean {
    if (this.#bytes < this.#bytesMax) return false;
    const oldest = this.#records[this.#dropped];
    return oldest === undefined || oldest.atMs + this.#ttlMs > nowMs;
  }

  find(caller: string, bookId: BookId | null, key: string, nowMs: number): RememberedAnswer | null {
    encode(nameOf(caller, bookId, key));
    const record = this.#find();
    if (record === null || record.atMs + this.#ttlMs <= nowMs) return null;
    const { chunk, start, keyBytes, outcomeBytes, fingerprint, atMs, seq } = record;
    const json = decode(chunk, start + keyBytes, start + keyBytes + outcomeBytes);
    return { fingerprint, seq, atMs, outcome: JSON.parse(json) as Outcome };
  }

  /** An older record with this key is out of date and is superseded. */
  remember(caller: string, bookId: BookId | null, key: string, answer: RememberedAnswer): void {
    this.forgetThrough(answer.atMs - this.#ttlMs);
    const name = nameOf(caller, bookId, key);
    encode(name);
    const keyBytes = scratch.length;
    const hash = hashBytes(scratch.bytes, 0, keyBytes, 0);
    const superseded = this.#slotOf(hash);
    if (superseded !== -1) this.#removeSlot(superseded);

    encode(name + JSON.stringify(answer.outcome));
    const length = scratch.length;
    if (this.#chunkUsed + length > this.#chunk.length) {
      this.#chunk = new Uint8Array(Math.max(CHUNK_BYTES, length));
      this.#chunkUsed = 0;
    }
    this.#chunk.set(scratch.bytes.subarray(0, length), this.#chunkUsed);
    const { fingerprint, atMs, seq } = answer;
    const start = this.#chunkUsed;
    this.#records.push({
      chunk: this.#chunk,
      start,
      keyBytes,
      outcomeBytes: length - keyBytes,
      hash,
      fingerprint,
      atMs,
      seq,
    });
    this.#chunkUsed += length;
    this.#bytes += length + RECORD_OVERHEAD_BYTES;
    this.#index(this.#first + this.#records.length - 1, hash);
  }

  /** Forgets what was remembered at or before `atMs`. */
  forgetThrough(atMs: number): void {
    for (;;) {
      const record = this.#records[this.#dropped];
      if (record === undefined || record.atMs > atMs) break;
      const slot = this.#slotOfNumber(this.#first + this.#dropped, record.hash);
      if (slot !== -1) this.#removeSlot(slot);
      this.#records[this.#dropped] = undefined;
      this.#bytes -= record.keyBytes + record.outcomeBytes + RECORD_OVERHEAD_BYTES;
      this.#dropped++;
    }
    if (this.#dropped > 1024 && this.#dropped * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#dropped);
      this.#first += this.#dropped;
      this.#dropped = 0;
    }
  }

  /** Order-independent: the same keys with the same answers, good at `nowMs`, give the same digest. */
  digest(nowMs: number, seed: number): number {
    let sum = 0;
    for (const slot of this.#slots) {
      if (slot === 0) continue;
      const { chunk, start, keyBytes, outcomeBytes, atMs, fingerprint, seq } = this.#record(slot - 1);
      if (atMs + this.#ttlMs <= nowMs) continue;
      const answered = JSON.parse(decode(chunk, start + keyBytes, start + keyBytes + outcomeBytes)) as Outcome;
      const name = hashBytes(chunk, start, start + keyBytes, seed);
      encode(canonicalJson(answered));
      const outcome = hashBytes(scratch.bytes, 0, scratch.length, seed);
      sum = (sum + fold(fold(name, outcome, fingerprint), atMs, seq)) >>> 0;
    }
    return sum;
  }

  #find(): MemoryRecord | null {
    const slot = this.#slotOf(hashBytes(scratch.bytes, 0, scratch.length, 0));
    return slot === -1 ? null : this.#record((this.#slots[slot] as number) - 1);
  }

  #record(number: number): MemoryRecord {
    const record = this.#records[number - this.#first];
    if (record === undefined) throw new Error(`idempotency record ${number} is indexed but gone`);
    return record;
  }

  /** The slot whose record has the key in `scratch`, or -1. */
  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const record = this.#record((this.#slots[slot] as number) - 1);
      if (record.hash === hash && this.#hasScratchKey(record)) return slot;
    }
    return -1;
  }

  #hasScratchKey(record: MemoryRecord): boolean {
    if (record.keyBytes !== scratch.length) return false;
    for (let i = 0; i < record.keyBytes; i++) if (record.chunk[record.start + i] !== scratch.bytes[i]) return false;
    return true;
  }

  #slotOfNumber(number: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#slots[slot] === number + 1) return slot;
    }
    return -1;
  }

  #index(number: number, hash: number): void {
    if (this.count * 2 > this.#slots.length) this.#grow();
    this.#place(number, hash);
  }

  #place(number: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = number + 1;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Float64Array(before.length * 2);
    for (const entry of before) if (entry !== 0) this.#place(entry - 1, this.#record(entry - 1).hash);
  }

  /** Knuth's deletion from linear probing (TAOCP 6.4, algorithm R): what follows moves up, no tombstone stays. */
  #removeSlot(slot: number): void {
    const mask = this.#slots.length - 1;
    let hole = slot;
    for (let next = (slot + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.#record((this.#slots[next] as number) - 1).hash & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#slots[hole] = this.#slots[next] as number;
      hole = next;
    }
    this.#slots[hole] = 0;
  }
}

/** Length-prefixed, so that no two triples share a name. */
function nameOf(caller: string, bookId: BookId | null, key: string): string {
  return `${caller.length}:${caller}${bookId ?? '-'}${key}`;
}

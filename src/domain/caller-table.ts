/**
 * Which callers have remembered keys, how many bytes those take, and where the oldest and the
 * newest of their records are. Open addressing, 20 bytes a slot, without an object or a name: a
 * caller is identified by the name in its newest record, which is the last one to be forgotten.
 *
 *     slot   hash │ oldest record │ newest record (0: the slot is free) │ bytes
 *
 * The chain from the oldest to the newest goes through the records themselves
 * (idempotency-memory.ts).
 */
const SLOTS_FIRST = 16;
const WORDS = 3;
const OLDEST = 1;
const NEWEST = 2;

export class CallerTable {
  #words = new Uint32Array(WORDS * SLOTS_FIRST);
  #bytes = new Float64Array(SLOTS_FIRST);
  #mask = SLOTS_FIRST - 1;
  #count = 0;
  /** Grows whenever slots may have moved. */
  version = 0;

  get byteLength(): number {
    return this.#words.byteLength + this.#bytes.byteLength;
  }

  first(hash: number): number {
    return hash & this.#mask;
  }

  after(slot: number): number {
    return (slot + 1) & this.#mask;
  }

  hash(slot: number): number {
    return this.#words[WORDS * slot] as number;
  }

  oldest(slot: number): number {
    return this.#words[WORDS * slot + OLDEST] as number;
  }

  newest(slot: number): number {
    return this.#words[WORDS * slot + NEWEST] as number;
  }

  bytes(slot: number): number {
    return this.#bytes[slot] as number;
  }

  /** A caller that is not there yet, with its first record. */
  add(hash: number, entry: number, bytes: number): number {
    this.#count++;
    if (this.#count * 8 > (this.#mask + 1) * 5) this.#grow();
    return this.#place(hash, entry, entry, bytes);
  }

  addNewest(slot: number, entry: number, bytes: number): void {
    this.#words[WORDS * slot + NEWEST] = entry;
    this.#bytes[slot] = this.bytes(slot) + bytes;
  }

  /** The caller's oldest record is forgotten; `next` is the one after it, 0 if there is none. */
  removeOldest(hash: number, entry: number, next: number, bytes: number): void {
    let slot = this.first(hash);
    while (this.oldest(slot) !== entry) {
      if (this.newest(slot) === 0) throw new Error(`idempotency record ${entry} is of no caller`);
      slot = this.after(slot);
    }
    if (next === 0) {
      this.#remove(slot);
      return;
    }
    this.#words[WORDS * slot + OLDEST] = next;
    this.#bytes[slot] = this.bytes(slot) - bytes;
  }

  #place(hash: number, oldest: number, newest: number, bytes: number): number {
    let slot = this.first(hash);
    while (this.newest(slot) !== 0) slot = this.after(slot);
    this.#set(slot, hash, oldest, newest, bytes);
    return slot;
  }

  #set(slot: number, hash: number, oldest: number, newest: number, bytes: number): void {
    this.#words[WORDS * slot] = hash;
    this.#words[WORDS * slot + OLDEST] = oldest;
    this.#words[WORDS * slot + NEWEST] = newest;
    this.#bytes[slot] = bytes;
  }

  #grow(): void {
    const words = this.#words;
    const bytes = this.#bytes;
    this.#words = new Uint32Array(words.length * 2);
    this.#bytes = new Float64Array(bytes.length * 2);
    this.#mask = bytes.length * 2 - 1;
    this.version++;
    for (let slot = 0; slot < bytes.length; slot++) {
      const at = WORDS * slot;
      if (words[at + NEWEST] === 0) continue;
      this.#place(
        words[at] as number,
        words[at + OLDEST] as number,
        words[at + NEWEST] as number,
        bytes[slot] as number,
      );
    }
  }

  /** Knuth's deletion from linear probing (TAOCP 6.4, algorithm R). */
  #remove(slot: number): void {
    let hole = slot;
    for (let next = this.after(slot); this.newest(next) !== 0; next = this.after(next)) {
      if (((next - this.hash(next)) & this.#mask) < ((next - hole) & this.#mask)) continue;
      this.#set(hole, this.hash(next), this.oldest(next), this.newest(next), this.bytes(next));
      hole = next;
    }
    this.#set(hole, 0, 0, 0, 0);
    this.#count--;
    this.version++;
  }
}

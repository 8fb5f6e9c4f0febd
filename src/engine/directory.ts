/**
 * The directory: which shard has a code, for every code there is, in 8 bytes a slot, shared by all
 * threads.
 *
 *     slot   hash 1 (32 bits) │ hash 2 (24 bits), shard + 1 (8 bits)        open addressing on hash 1, linear probing
 *
 * It does not hold the codes: 56 bits of hash say "perhaps in that shard", and the shard, which has
 * the code itself, confirms or denies. Two codes that share all 56 bits (one pair in ten million
 * codes has odds of 1 in 1,400) make a look-up name two shards.
 *
 * The main thread alone writes. A reader in another thread sees a slot's second word either 0 or
 * complete, since it is stored last, atomically. Readers use plain loads, because an atomic load is
 * a function call. This is safe: every code that a reader must find was written before a message
 * that all readers have received. It does not matter whether they see newer codes, because a hit
 * only means "perhaps".
 *
 * To grow, the writer fills a larger table beside this one: each insert goes into both, and moves a
 * few slots. Doubling at once would block the main thread for half a second at four million codes.
 * When all are moved it hands the larger one out; a reader with the old one misses only codes that
 * were added since, and nobody is told of those before all readers have the new table. Routing by a
 * hash of the code instead would need no table, but it would spread the codes of a book, and so its
 * limits and counts, over all shards.
 */
import { asShardId, type ShardId } from '../domain/ids.js';
import { FIXED_HASH_KEY, type HashKey, keyedHash, keyedHashOfText } from '../tables/keyed-hash.js';

/** Chosen anew by each process, and the same in all of its threads. */
export interface DirectoryKey {
  readonly first: HashKey;
  readonly second: HashKey;
}

/** For threads whose codes are not added to a directory. */
export const NO_DIRECTORY: DirectoryKey = { first: FIXED_HASH_KEY, second: FIXED_HASH_KEY };

const SLOTS_FIRST = 1 << 12;

/** Pairs of hashes, two words per code, as a shard sends them. */
export type CodeHashes = Uint32Array<ArrayBuffer>;

/** Each message is work of a few milliseconds at most. */
const HASHES_PER_MESSAGE = 1 << 12;
/** Most uploads are small. */
const HASHES_FIRST = 1 << 6;
/**
 * Slots that one insert moves while the table grows. From 5/8 on, the old one is 11/16 full when
 * all are moved.
 */
const MOVES_PER_INSERT = 16;

/** Collects hashes into arrays of at most `HASHES_PER_MESSAGE`; `full` takes each over. */
export function collectHashes(key: DirectoryKey, full: (shard: ShardId, hashes: CodeHashes) => void) {
  let of: ShardId | null = null;
  let hashes = new Uint32Array(2 * HASHES_FIRST);
  let length = 0;
  const flush = (): void => {
    if (of === null || length === 0) return;
    full(of, hashes.slice(0, length));
    length = 0;
  };
  const put = (shard: ShardId, first: number, second: number): void => {
    if (shard !== of || length === 2 * HASHES_PER_MESSAGE) flush();
    of = shard;
    if (length === hashes.length) {
      const larger = new Uint32Array(2 * length);
      larger.set(hashes);
      hashes = larger;
    }
    hashes[length++] = first;
    hashes[length++] = second;
  };
  return {
    /** A code in ASCII. */
    add(shard: ShardId, bytes: Uint8Array, start: number, end: number): void {
      put(shard, keyedHash(key.first, bytes, start, end), keyedHash(key.second, bytes, start, end));
    },
    /** Any text, hashed as readers hash what they look for. */
    addName(shard: ShardId, name: string): void {
      put(shard, keyedHashOfText(key.first, name), keyedHashOfText(key.second, name));
    },
    flush,
  };
}

/**
 * The writer's side. `onGrow` is called with the new table; until its promise resolves, no reader
 * relies on codes that were added since.
 */
export function createDirectory(key: DirectoryKey, onGrow: (table: SharedArrayBuffer) => Promise<void>) {
  let table = new SharedArrayBuffer(SLOTS_FIRST * 8);
  let words: Uint32Array = new Uint32Array(table);
  let count = 0;
  /** The larger table that is being filled, and how many slots have been moved there. */
  let larger: SharedArrayBuffer | null = null;
  let largerWords: Uint32Array = words;
  let moved = 0;
  let growing: Promise<void> = Promise.resolve();
  /** Bounded by the codes of the batches that are being loaded, 8 bytes each. */
  const waiting: (() => void)[] = [];

  function insert(into: Uint32Array, first: number, second: number): boolean {
    const mask = into.length / 2 - 1;
    let slot = first & mask;
    for (;;) {
      const known = into[2 * slot + 1] as number;
      if (known === 0) break;
      if (known === second && into[2 * slot] === first) return false;
      slot = (slot + 1) & mask;
    }
    into[2 * slot] = first;
    Atomics.store(into, 2 * slot + 1, second);
    return true;
  }

  function growIfFull(): void {
    if (larger !== null || count * 8 < (words.length / 2) * 5) return;
    larger = new SharedArrayBuffer(table.byteLength * 2);
    largerWords = new Uint32Array(larger);
    moved = 0;
  }

  function moveSome(to: SharedArrayBuffer): void {
    const end = Math.min(moved + MOVES_PER_INSERT, words.length / 2);
    for (; moved < end; moved++) {
      const at = 2 * moved;
      if (words[at + 1] !== 0) insert(largerWords, words[at] as number, words[at + 1] as number);
    }
    if (2 * moved < words.length) return;
    table = to;
    words = largerWords;
    larger = null;
    growing = onGrow(table);
  }

  function insertAll(shard: ShardId, hashes: CodeHashes): Promise<void> {
    for (let at = 0; at < hashes.length; at += 2) {
      growIfFull();
      const [first, second] = [hashes[at] as number, secondWord(hashes[at + 1] as number, shard)];
      if (insert(words, first, second)) count++;
      if (larger === null) continue;
      insert(largerWords, first, second);
      moveSome(larger);
    }
    return growing;
  }

  function addNext(): void {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(addNext);
  }

  return {
    get table(): SharedArrayBuffer {
      return table;
    },
    get count(): number {
      return count;
    },
    /** The shard that may have this name; null: none has it. */
    homeOf: (name: string): ShardId | null => findShards(key, words, name)[0] ?? null,
    /** Resolves when every reader can find this name in the shard. */
    claim(name: string, shard: ShardId): Promise<void> {
      return insertAll(shard, new Uint32Array([keyedHashOfText(key.first, name), keyedHashOfText(key.second, name)]));
    },
    /** False: no shard has this code. True: one may have it. */
    mayHave(code: string): boolean {
      return findShards(key, words, code).length > 0;
    },
    /**
     * Resolves when every reader can find these codes. Adding what is there already changes
     * nothing. Hashes that arrive faster than they can be added wait, and the thread's other work
     * runs in between.
     */
    add(shard: ShardId, hashes: CodeHashes): Promise<void> {
      return new Promise((resolve) => {
        waiting.push(() => resolve(insertAll(shard, hashes)));
        if (waiting.length === 1) setImmediate(addNext);
      });
    },
  };
}

/** The readers' side. `find` names the shards that may have a code, most often none or one. */
export function createDirectoryReader(key: DirectoryKey, first: SharedArrayBuffer) {
  let words = new Uint32Array(first);
  return {
    replace(table: SharedArrayBuffer): void {
      words = new Uint32Array(table);
    },
    /** Shards that may have the code, most often none or one. */
    find: (code: string): ShardId[] => findShards(key, words, code),
  };
}

function findShards(key: DirectoryKey, words: Uint32Array, code: string): ShardId[] {
  const hash = keyedHashOfText(key.first, code);
  const tag = keyedHashOfText(key.second, code) & 0xffffff00;
  const mask = words.length / 2 - 1;
  const shards: ShardId[] = [];
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const second = words[2 * slot + 1] as number;
    if (second === 0) return shards;
    if (words[2 * slot] === hash && (second & 0xffffff00) === tag) shards.push(asShardId((second & 0xff) - 1));
  }
}

function secondWord(hash: number, shard: ShardId): number {
  return ((hash & 0xffffff00) | (shard + 1)) >>> 0;
}

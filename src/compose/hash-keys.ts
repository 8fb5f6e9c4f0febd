/**
 * Keys of hash tables that live in memory only: new ones for each process, so that attackers can't
 * choose names that collide.
 */
import { randomFillSync } from 'node:crypto';
import type { DirectoryKey } from '../engine/directory.js';
import { HASH_KEY_WORDS, type HashKey } from '../tables/keyed-hash.js';

export function randomHashKey(): HashKey {
  return randomFillSync(new Int32Array(HASH_KEY_WORDS));
}

/** All threads of the process must have the same one. */
export function randomDirectoryKey(): DirectoryKey {
  return { first: randomHashKey(), second: randomHashKey() };
}

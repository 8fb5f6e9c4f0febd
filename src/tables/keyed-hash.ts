/**
 * A hash for tables that live in memory only. It is keyed, so that attackers can't choose names
 * that collide: with the fixed seeds of `hashBytes`, ten thousand chosen user ids made each look-up
 * walk over all of them.
 *
 * A random seed for FNV-1a would not do. Its state is multiplied and xored with one byte at a time,
 * so whether two texts collide depends on the lowest byte of the seed alone. SipHash (Aumann and
 * Bernstein, 2012) would do, and takes twice as long here (40 against 22 ns for 17 bytes). This is
 * strongly universal vector multiply-shift (Dietzfelbinger, "Universal hashing and k-wise
 * independent random variables via integer arithmetic without primes", STACS 1996; Thorup, "High
 * speed hashing for integers and strings", 2015, section 3.3):
 *
 *     text      x1 x2 x3 …                     16 bits each, after its length x0
 *     key       a0 a1 a2 a3 …, b                32 random bits each
 *     hash      (b + a0·x0 + a1·x1 + …) mod 2^32, of which the upper 16 bits count
 *
 * Two of these, with different keys, make the 32 bits of a hash.
 *
 * Whatever two texts of up to `BLOCK_BYTES` are chosen without knowing the key, their hashes are
 * equal with odds of 1 in 2^32. A longer text is hashed block by block, each with the hash of those
 * before it; its odds add up.
 *
 * What is stored, routes a book or is compared between processes has a fixed seed and uses text.ts.
 */
import { encode, mix, scratch } from './text.js';

/** Random words, `HASH_KEY_WORDS` of them. */
export type HashKey = Int32Array;

const BLOCK_BYTES = 256;
/**
 * Two words for each: what the sums begin with, the length, the hash of the blocks before in two
 * halves, and the bytes in pairs.
 */
const BYTES_AT = 8;
export const HASH_KEY_WORDS = BYTES_AT + BLOCK_BYTES;

/** For states whose names no attacker chooses: tests, and temporary rebuilds. */
export const FIXED_HASH_KEY: HashKey = Int32Array.from({ length: HASH_KEY_WORDS }, (_, word) => mix(word + 1));

/** 32 bits of `bytes[start, end)`, all of which may index a table. */
export function keyedHash(key: HashKey, bytes: Uint8Array, start: number, end: number): number {
  if (end - start > BLOCK_BYTES) return hashBlocks(key, bytes, start, end);
  return hashBlock(key, bytes, start, end, 0);
}

/** `keyedHash` of a text's bytes, without writing them where the text is ASCII. */
export function keyedHashOfText(key: HashKey, text: string): number {
  const { length } = text;
  if (length > BLOCK_BYTES) return keyedHashOfScratch(key, text);
  let high = ((key[0] as number) + Math.imul(key[2] as number, length)) | 0;
  let low = ((key[1] as number) + Math.imul(key[3] as number, length)) | 0;
  let at = BYTES_AT;
  const pairsEnd = length & ~1;
  for (let i = 0; i < pairsEnd; i += 2) {
    const first = text.charCodeAt(i);
    const second = text.charCodeAt(i + 1);
    if ((first | second) >= 0x80) return keyedHashOfScratch(key, text);
    const pair = first | (second << 8);
    high = (high + Math.imul(key[at] as number, pair)) | 0;
    low = (low + Math.imul(key[at + 1] as number, pair)) | 0;
    at += 2;
  }
  if (pairsEnd < length) {
    const last = text.charCodeAt(pairsEnd);
    if (last >= 0x80) return keyedHashOfScratch(key, text);
    high = (high + Math.imul(key[at] as number, last)) | 0;
    low = (low + Math.imul(key[at + 1] as number, last)) | 0;
  }
  return mix((high & 0xffff0000) | (low >>> 16));
}

function keyedHashOfScratch(key: HashKey, text: string): number {
  encode(text);
  return keyedHash(key, scratch.bytes, 0, scratch.length);
}

function hashBlocks(key: HashKey, bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let from = start; from < end; from += BLOCK_BYTES)
    hash = hashBlock(key, bytes, from, Math.min(from + BLOCK_BYTES, end), hash);
  return hash;
}

function hashBlock(key: HashKey, bytes: Uint8Array, start: number, end: number, before: number): number {
  const length = end - start;
  let high = ((key[0] as number) + Math.imul(key[2] as number, length)) | 0;
  let low = ((key[1] as number) + Math.imul(key[3] as number, length)) | 0;
  if (before !== 0) {
    const [upper, lower] = [before >>> 16, before & 0xffff];
    high = (high + Math.imul(key[4] as number, upper) + Math.imul(key[6] as number, lower)) | 0;
    low = (low + Math.imul(key[5] as number, upper) + Math.imul(key[7] as number, lower)) | 0;
  }
  let at = BYTES_AT;
  const pairsEnd = start + (length & ~1);
  for (let i = start; i < pairsEnd; i += 2) {
    const pair = (bytes[i] as number) | ((bytes[i + 1] as number) << 8);
    high = (high + Math.imul(key[at] as number, pair)) | 0;
    low = (low + Math.imul(key[at + 1] as number, pair)) | 0;
    at += 2;
  }
  if (pairsEnd < end) {
    const last = bytes[pairsEnd] as number;
    high = (high + Math.imul(key[at] as number, last)) | 0;
    low = (low + Math.imul(key[at + 1] as number, last)) | 0;
  }
  return mix((high & 0xffff0000) | (low >>> 16));
}

/**
 * Words that can't be codes because they are parts of the API's paths (`/coupons/{code}/lock`): a
 * code LOCK would be met by requests that mean another code. The list comes from the route table
 * and is handed down.
 */
import { CODE_LENGTH_MAX } from './pattern.js';

export interface ReservedWords {
  /**
   * The word that stands in `bytes[at, at + length)`, in upper case as codes are; null where that
   * is no such word.
   */
  at(bytes: Uint8Array, at: number, length: number): string | null;
}

/**
 * Millions of codes a second are asked for: nearly all are told by their length, or by their first
 * character.
 */
export function createReservedWords(words: readonly string[]): ReservedWords {
  const byLength = Array.from({ length: CODE_LENGTH_MAX + 1 }, (_, length) =>
    words.filter((word) => word.length === length).map((word) => ({ word, bytes: Buffer.from(word, 'latin1') })),
  );
  return {
    at(bytes, at, length) {
      for (const candidate of byLength[length] ?? []) {
        let same = 0;
        while (same < length && bytes[at + same] === candidate.bytes[same]) same++;
        if (same === length) return candidate.word;
      }
      return null;
    },
  };
}

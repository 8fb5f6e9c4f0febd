/**
 * A number for a whole state: two shards that came to the same facts have the same digest, in whatever order their
 * rows were loaded. Facts are what the journal carries; places in pools, heaps and tables are not facts.
 *
 * It is a sum of well-mixed hashes, one per fact, twice with different seeds: 64 bits. It finds a mistake, not a forger;
 * against those there is the journal's chain of SHA-256.
 */
import { canonicalJson } from './canonical.js';
import type { BookState, ShardState } from './state.js';
import { encode, fold, hashBytes, scratch } from './text.js';

/** 16 hexadecimal digits. Remembered keys that ended at or before `nowMs` don't count. */
export function digest(state: ShardState, nowMs: number): string {
  return [0x5eed0001, 0x5eed0002].map((seed) => digestWith(state, nowMs, seed).toString(16).padStart(8, '0')).join('');
}

function digestWith(state: ShardState, nowMs: number, seed: number): number {
  let sum = fold(seed, state.seq, 0);
  for (const book of state.books()) {
    sum += hashText(canonicalJson(book.book), seed);
    for (const { first, end } of book.ranges) {
      for (let index = first; index < end; index++)
        if (state.codes.exists(index)) sum += hashCode(state, book, index, seed);
      sum >>>= 0;
    }
  }
  for (let number = 0; number < state.redemptions.next; number++) {
    if (state.redemptions.exists(number)) sum += hashRedemption(state, number, seed);
    sum >>>= 0;
  }
  return (sum + state.remembered.digest(nowMs, seed)) >>> 0;
}

function hashCode(state: ShardState, book: BookState, index: number, seed: number): number {
  const { codes, users, leases } = state;
  let hash = fold(codes.strings.hash(index, seed), hashText(book.book.id, seed), index);
  const record = codes.record(index);
  if (record === -1) return hash;
  const { used } = codes;
  const user = used.user.get(record);
  hash = fold(hash, user === 0 ? 0 : users.nameHash(user - 1, seed), used.assignedMs.get(record));
  hash = fold(hash, leases.lockId(record), leases.untilMs(record));
  return fold(hash, used.redemptionCount.get(record), used.lastSeq.get(record));
}

function hashRedemption(state: ShardState, number: number, seed: number): number {
  const { redemptions, users } = state;
  const who = users.nameHash(redemptions.user(number), seed);
  return fold(
    hashText(redemptions.id(number), seed),
    who,
    redemptions.code(number) * 2 + (redemptions.isRolledBack(number) ? 1 : 0),
  );
}

function hashText(text: string, seed: number): number {
  encode(text);
  return hashBytes(scratch.bytes, 0, scratch.length, seed);
}

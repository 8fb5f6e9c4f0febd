/**
 * A number for a whole state: two shards with the same facts have the same digest, regardless of
 * the order in which their rows were loaded. Facts are what the journal carries; places in pools,
 * heaps and tables are not facts.
 *
 * It is a sum of well-mixed hashes, one per fact, twice with different seeds: 64 bits. It detects
 * mistakes, not forgery; the journal's SHA-256 chain protects against that. There is also a sum for
 * each part of the state, to locate the difference between two states.
 *
 * Ten million codes take seconds, and a shard that does not answer for seconds is down. So the
 * digest of one moment is taken in steps, between which commands are executed. The walk goes
 * through codes and redemptions in the order of their numbers. A row ahead of the walk that is
 * about to change is counted first, in its old state (`beforeCode`, `beforeRedemption`). Rows that
 * are added meanwhile are beyond the end of the walk.
 */

import { canonicalJson } from '../domain/canonical.js';
import type { Seq } from '../domain/ids.js';
import { fold, hashText } from '../tables/text.js';
import { bookText } from './book-text.js';
import type { BookState, Observer } from './coupons/state.js';
import { orderText, stockText } from './flash/facts.js';
import type { FlashObserver } from './flash/state.js';
import { promotionText, reservationText } from './promotions/facts.js';
import type { PromotionsObserver } from './promotions/state.js';
import type { ShardState } from './shard-state.js';

const SEED_1 = 0x5eed0001;
const SEED_2 = 0x5eed0002;
/** Codes or redemptions in a part. */
const PART_SIZE = 4096;

/** Rows that have numbers from 0, in the order in which they were made. */
export type NumberedRows = 'redemptions' | 'promotions' | 'reservations' | 'products' | 'orders';

/**
 * What a part is about: `bookId` is null for all but books and codes; `first` and `end` bound the
 * indexes or numbers.
 */
export interface DigestPart {
  readonly about: 'book' | 'codes' | 'keys' | 'batches' | NumberedRows;
  readonly bookId: string | null;
  readonly first: number;
  readonly end: number;
  sum: number;
}

export interface DigestReport {
  readonly seq: Seq;
  /** Remembered keys that ended at or before this don't count. */
  readonly nowMs: number;
  /** 16 hexadecimal digits. */
  readonly digest: string;
  readonly parts: readonly DigestPart[];
}

/** Remembered keys that ended at or before `nowMs` don't count. */
export const digest = (state: ShardState, nowMs: number): string => reportOf(state, nowMs).digest;

/** The whole digest at once. */
export function reportOf(state: ShardState, nowMs: number): DigestReport {
  const walk = new DigestWalk(state, nowMs);
  walk.step(Number.POSITIVE_INFINITY);
  return walk.report();
}

/** A walk through numbered rows, in parts. */
class NumberedWalk {
  readonly #end: number;
  readonly #parts: readonly DigestPart[];
  readonly #count: (part: DigestPart, number: number) => void;
  #next = 0;
  /** Rows ahead of the walk that are counted already. */
  readonly #ahead = new Set<number>();

  constructor(parts: readonly DigestPart[], end: number, count: (part: DigestPart, number: number) => void) {
    this.#parts = parts;
    this.#end = end;
    this.#count = count;
  }

  /** Counts up to `limit` rows; gives how many. */
  step(limit: number): number {
    const first = this.#next;
    const end = Math.min(this.#end, first + limit);
    for (; this.#next < end; this.#next++) {
      if (!this.#ahead.delete(this.#next)) this.#add(this.#next);
    }
    return end - first;
  }

  before(number: number): void {
    if (number < this.#next || number >= this.#end || this.#ahead.has(number)) return;
    this.#add(number);
    this.#ahead.add(number);
  }

  #add(number: number): void {
    // In bounds: the parts cover all numbers before the end.
    this.#count(this.#parts[Math.floor(number / PART_SIZE)] as DigestPart, number);
  }
}

interface CodePart {
  readonly part: DigestPart;
  readonly book: BookState;
}

/**
 * The digest of the moment at which it is made. While it is under way it has to be the state's
 * observer.
 */
export class DigestWalk implements Observer, PromotionsObserver, FlashObserver {
  readonly #state: ShardState;
  readonly #seq: Seq;
  readonly #nowMs: number;
  readonly #parts: DigestPart[] = [];
  /** The parts with codes, ascending by index, and their books. */
  readonly #codes: CodePart[] = [];
  readonly #redemptions: NumberedWalk;
  readonly #promotions: NumberedWalk;
  readonly #reservations: NumberedWalk;
  readonly #products: NumberedWalk;
  readonly #orders: NumberedWalk;
  #sum1: number;
  #sum2: number;
  #codePart = 0;
  #nextCode = 0;
  /** Rows ahead of the walk that are counted already. */
  readonly #codesAhead = new Set<number>();

  constructor(state: ShardState, nowMs: number) {
    this.#state = state;
    this.#seq = state.seq;
    this.#nowMs = nowMs;
    this.#sum1 = fold(SEED_1, state.seq, 0);
    this.#sum2 = fold(SEED_2, state.seq, 0);
    for (const book of state.coupons.books()) this.#addBook(book);
    this.#codes.sort((a, b) => a.part.first - b.part.first);
    const { coupons, promotions, flash } = state;
    this.#redemptions = this.#numbered('redemptions', coupons.redemptions.next, (part, number) =>
      this.#addRedemption(part, number),
    );
    this.#promotions = this.#numbered('promotions', promotions.all.length, (part, number) =>
      this.#addText(part, promotionText(promotions, number)),
    );
    this.#reservations = this.#numbered('reservations', promotions.reservations.length, (part, number) =>
      this.#addText(part, reservationText(promotions, number)),
    );
    this.#products = this.#numbered('products', flash.all.length, (part, number) =>
      this.#addText(part, stockText(flash, number)),
    );
    this.#orders = this.#numbered('orders', flash.orders.next, (part, number) => {
      if (flash.orders.exists(number)) this.#addText(part, orderText(flash, number));
    });
    const keys = this.#addPart('keys', null, 0, 0);
    this.#add(keys, ...state.remembered.digest(nowMs, SEED_1, SEED_2));
    const batches = this.#addPart('batches', null, 0, 0);
    for (const batch of state.coupons.openBatches.all()) {
      const text = canonicalJson(batch);
      this.#add(batches, hashText(text, SEED_1), hashText(text, SEED_2));
    }
    this.#nextCode = this.#codes[0]?.part.first ?? 0;
  }

  /** Counts so many codes and redemptions. True at the end. */
  step(count: number): boolean {
    let left = count;
    for (let at = this.#codes[this.#codePart]; at !== undefined; at = this.#codes[this.#codePart]) {
      for (; this.#nextCode < at.part.end; this.#nextCode++) {
        if (left-- <= 0) return false;
        if (!this.#codesAhead.delete(this.#nextCode)) this.#addCode(at.part, at.book, this.#nextCode);
      }
      this.#codePart++;
      this.#nextCode = this.#codes[this.#codePart]?.part.first ?? this.#nextCode;
    }
    for (const walk of [this.#redemptions, this.#promotions, this.#reservations, this.#products, this.#orders]) {
      left -= walk.step(left);
      if (left <= 0) return false;
    }
    return true;
  }

  beforeCode(index: number): void {
    if (index < this.#nextCode || this.#codesAhead.has(index)) return;
    let low = this.#codePart;
    let high = this.#codes.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      // In bounds: between `low` and `high`.
      const { part, book } = this.#codes[middle] as CodePart;
      if (index < part.first) high = middle - 1;
      else if (index >= part.end) low = middle + 1;
      else {
        this.#addCode(part, book, index);
        this.#codesAhead.add(index);
        return;
      }
    }
  }

  beforeRedemption(number: number): void {
    this.#redemptions.before(number);
  }

  beforePromotion(number: number): void {
    this.#promotions.before(number);
  }

  beforeReservation(number: number): void {
    this.#reservations.before(number);
  }

  beforeStock(number: number): void {
    this.#products.before(number);
  }

  beforeOrder(number: number): void {
    this.#orders.before(number);
  }

  /** When `step` is through. */
  report(): DigestReport {
    const digits = [this.#sum1, this.#sum2].map((sum) => sum.toString(16).padStart(8, '0'));
    return { seq: this.#seq, nowMs: this.#nowMs, digest: digits.join(''), parts: this.#parts };
  }

  #numbered(about: NumberedRows, end: number, count: (part: DigestPart, number: number) => void): NumberedWalk {
    const parts: DigestPart[] = [];
    for (let first = 0; first < end; first += PART_SIZE)
      parts.push(this.#addPart(about, null, first, Math.min(first + PART_SIZE, end)));
    return new NumberedWalk(parts, end, count);
  }

  #addText(part: DigestPart, text: string): void {
    this.#add(part, hashText(text, SEED_1), hashText(text, SEED_2));
  }

  #addBook(book: BookState): void {
    const { id } = book.current;
    const text = bookText(this.#state, book.current);
    this.#add(this.#addPart('book', id, 0, 0), hashText(text, SEED_1), hashText(text, SEED_2));
    for (const range of book.ranges) {
      for (let first = range.first; first < range.end; first += PART_SIZE) {
        const end = Math.min(first + PART_SIZE, range.end);
        this.#codes.push({ part: this.#addPart('codes', id, first, end), book });
      }
    }
  }

  #addPart(about: DigestPart['about'], bookId: string | null, first: number, end: number): DigestPart {
    const part = { about, bookId, first, end, sum: 0 };
    this.#parts.push(part);
    return part;
  }

  #addCode(part: DigestPart, book: BookState, index: number): void {
    if (!this.#state.coupons.codes.exists(index)) return;
    this.#add(part, hashCode(this.#state, book, index, SEED_1), hashCode(this.#state, book, index, SEED_2));
  }

  #addRedemption(part: DigestPart, number: number): void {
    if (!this.#state.coupons.redemptions.exists(number)) return;
    this.#add(part, hashRedemption(this.#state, number, SEED_1), hashRedemption(this.#state, number, SEED_2));
  }

  #add(part: DigestPart, hash1: number, hash2: number): void {
    part.sum = (part.sum + hash1) >>> 0;
    this.#sum1 = (this.#sum1 + hash1) >>> 0;
    this.#sum2 = (this.#sum2 + hash2) >>> 0;
  }
}

function hashCode(state: ShardState, book: BookState, index: number, seed: number): number {
  const { codes, users, leases } = state.coupons;
  let hash = fold(codes.strings.hash(index, seed), hashText(book.current.id, seed), index);
  const record = codes.record(index);
  if (record === -1) return hash;
  const { used } = codes;
  const user = used.user.get(record);
  hash = fold(hash, user === 0 ? 0 : users.nameHash(user - 1, seed), used.assignedMs.get(record));
  hash = fold(hash, leases.lockId(record), leases.untilMs(record));
  return fold(hash, used.redemptionCount.get(record), used.lastSeq.get(record));
}

function hashRedemption(state: ShardState, number: number, seed: number): number {
  const { redemptions, users } = state.coupons;
  const who = users.nameHash(redemptions.user(number), seed);
  return fold(
    hashText(redemptions.id(number), seed),
    who,
    redemptions.code(number) * 2 + (redemptions.isRolledBack(number) ? 1 : 0),
  );
}

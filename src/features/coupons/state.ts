/**
 * The coupon books of one shard, all of it in memory. The rules read it, `applyEvent` changes
 * it, nothing else does; a restart fills it by load.ts from a snapshot and then applies the
 * journal.
 */
import type { BookDiscounts } from '../../domain/book-discounts.js';
import type { ShardKernel } from '../../domain/kernel.js';
import type { BookId } from '../../records/ids.js';
import type { Book, BookCounts } from './book.js';
import { AVAILABLE, CodeTable, IN_USE, STAGED } from './code-table.js';
import { LeaseHeap } from './lease-heap.js';
import { OpenBatches } from './open-batches.js';
import { Pool } from './pool.js';
import { RedemptionRate } from './redemption-rate.js';
import { RedemptionTable } from './redemption-table.js';
import { UserTable } from './user-table.js';

/** A book with the data that the shard keeps for it. */
export interface BookState {
  /** As it is now. */
  current: Book;
  /** The book's number in the shard, as code rows name it. */
  readonly number: number;
  readonly pool: Pool;
  /** Its codes' index ranges, in index order. */
  readonly ranges: { readonly batchId: number; readonly first: number; readonly end: number }[];
  total: number;
  locked: number;
  redeemed: number;
  redemptions: number;
  readonly rate: { current: RedemptionRate | null };
  /** It carries a discount, or did: carts may hold its codes. */
  hadDiscount: boolean;
}

/** Codes that were loaded under a batch which isn't live yet. */
interface Staged {
  readonly first: number;
  readonly size: number;
  count: number;
  /** All of its codes are loaded: it may go live. */
  complete: boolean;
}

/** Observer that reads a row before it is changed; used by a running digest. */
export interface Observer {
  /** Before a fact of this code changes. */
  beforeCode(index: number): void;
  /** Before a redemption is rolled back. */
  beforeRedemption(number: number): void;
}

export class Coupons {
  /** What the kernel keeps of the shard. */
  readonly shard: ShardKernel;
  readonly codes: CodeTable;
  readonly users: UserTable;
  readonly redemptions = new RedemptionTable();
  readonly leases: LeaseHeap;
  readonly openBatches: OpenBatches;
  /** By index: the reservation that holds the code, so that nothing else may use it. */
  readonly heldCodes = new Map<number, string>();
  /** By number: the reservation whose commit made the redemption. */
  readonly heldRedemptions = new Map<number, string>();
  readonly booksByNumber: BookState[] = [];
  readonly #books = new Map<BookId, BookState>();
  readonly #staged = new Map<number, Staged>();
  readonly #live = new Set<number>();
  readonly #stagedClaims = new Set<number>();
  /** Books whose pools do not hold all of their new codes yet. */
  readonly #loading = new Set<BookState>();
  /** The current observer, called before changes. */
  observer: Observer | null = null;
  /** The discounts of the books; null in a shard that has only books. */
  discounts: BookDiscounts | null = null;

  constructor(shard: ShardKernel) {
    const { options } = shard;
    this.shard = shard;
    this.codes = new CodeTable(options.hashKey);
    this.users = new UserTable(options.hashKey);
    this.leases = new LeaseHeap(this.codes.used);
    this.openBatches = new OpenBatches(options.shard, options.shardCount);
  }

  book(bookId: BookId): BookState | undefined {
    return this.#books.get(bookId);
  }

  /** The book that an event names. */
  bookOf(bookId: BookId): BookState {
    const book = this.#books.get(bookId);
    if (book === undefined)
      throw new Error(`an event names book ${bookId}, which shard ${this.shard.options.shard} doesn't have`);
    return book;
  }

  bookOfCode(index: number): BookState {
    return this.bookByNumber(this.codes.book(index));
  }

  bookByNumber(number: number): BookState {
    const book = this.booksByNumber[number];
    if (book === undefined) throw new Error(`no book has number ${number} in shard ${this.shard.options.shard}`);
    return book;
  }

  books(): IterableIterator<BookState> {
    return this.#books.values();
  }

  addBook(book: Book): BookState {
    if (this.#books.has(book.id)) throw new Error(`book ${book.id} is in shard ${this.shard.options.shard} already`);
    const added: BookState = {
      current: book,
      number: this.booksByNumber.length,
      pool: new Pool(this.codes, this.booksByNumber.length),
      ranges: [],
      total: 0,
      locked: 0,
      redeemed: 0,
      redemptions: 0,
      rate: { current: null },
      hadDiscount: false,
    };
    this.booksByNumber.push(added);
    this.#books.set(book.id, added);
    return added;
  }

  /**
   * Begins to load a batch. Give its place where an event or a snapshot names it; otherwise the
   * next free range is taken.
   */
  stage(batchId: number, size: number, first = this.codes.reserve(size)): void {
    if (this.#staged.has(batchId)) throw new Error(`batch ${batchId} is staged already`);
    this.codes.reserveThrough(first + size);
    this.codes.strings.expect(size);
    this.#staged.set(batchId, { first, size, count: 0, complete: false });
  }

  stageCode(batchId: number, ordinal: number, bytes: Uint8Array, start: number, end: number): void {
    const staged = this.staged(batchId);
    if (staged === undefined || ordinal >= staged.size)
      throw new Error(`batch ${batchId} has no place for code ${ordinal}`);
    this.codes.strings.addBytes(staged.first + ordinal, bytes, start, end);
    staged.count++;
  }

  completeStage(batchId: number): void {
    const staged = this.#staged.get(batchId);
    if (staged === undefined) throw new Error(`batch ${batchId} is not staged`);
    staged.complete = true;
  }

  /** The row of a claim is known to be in the store. */
  stageClaim(batchId: number): void {
    this.#stagedClaims.add(batchId);
  }

  canClaim(batchId: number): boolean {
    return this.openBatches.has(batchId) && this.#stagedClaims.has(batchId);
  }

  claim(batchId: number): void {
    this.#stagedClaims.delete(batchId);
    this.#live.add(batchId);
  }

  freeClaim(batchId: number): void {
    if (!this.#live.delete(batchId)) throw new Error(`batch ${batchId} claims no code`);
  }

  /** Whether a batch is live, here or ever before. */
  isLive(batchId: number): boolean {
    return this.#live.has(batchId);
  }

  staged(batchId: number): Staged | undefined {
    return this.#staged.get(batchId);
  }

  /** Forgets a batch that won't become live. */
  unstage(batchId: number): void {
    this.#stagedClaims.delete(batchId);
    const staged = this.#staged.get(batchId);
    if (staged === undefined) return;
    this.#staged.delete(batchId);
    for (let index = staged.first; index < staged.first + staged.size; index++) {
      if (this.codes.exists(index)) this.codes.strings.remove(index);
    }
  }

  /** The staged codes join their book's pool. `finishLoading` finishes what this begins. */
  goLive(batchId: number, book: BookState): void {
    const staged = this.#staged.get(batchId);
    if (staged === undefined) throw new Error(`batch ${batchId} is not staged`);
    this.#staged.delete(batchId);
    const end = staged.first + staged.size;
    if (staged.count === staged.size) {
      book.pool.join(staged.first, end);
      book.total += staged.count;
      this.#loading.add(book);
    } else {
      for (let index = staged.first; index < end; index++) if (this.codes.exists(index)) this.addAvailable(index, book);
    }
    this.addRange(book, batchId, staged.first, end);
  }

  /**
   * Gives places to so many codes that went live. True when there are more. Only timing depends on
   * it.
   */
  finishLoading(count: number): boolean {
    const [book] = this.#loading;
    if (book !== undefined && !book.pool.finishLoading(count)) this.#loading.delete(book);
    return this.#loading.size > 0;
  }

  /** Ranges stay in index order, whichever batch went live first: lists are paged by index. */
  addRange(book: BookState, batchId: number, first: number, end: number): void {
    let place = book.ranges.length;
    while (place > 0 && (book.ranges[place - 1]?.first ?? 0) > first) place--;
    book.ranges.splice(place, 0, { batchId, first, end });
    this.#live.add(batchId);
  }

  addAvailable(index: number, book: BookState): void {
    if (this.codes.phase(index) !== STAGED) throw new Error(`code ${index} is live already`);
    book.pool.add(index);
    book.total++;
  }

  /** Takes an available code out of its pool for a user. */
  take(index: number, userId: string, atMs: number): void {
    this.observer?.beforeCode(index);
    const book = this.bookOfCode(index);
    book.pool.take(index);
    this.codes.setPhase(index, IN_USE);
    const { used } = this.codes;
    const record = this.codes.recordOrNew(index);
    const user = this.users.findOrAdd(userId);
    used.user.set(record, user + 1);
    used.assignedMs.set(record, atMs);
    this.users.link(used, user, record);
    this.users.count(book.number, user, 1, 0);
  }

  giveBack(index: number): void {
    this.observer?.beforeCode(index);
    const book = this.bookOfCode(index);
    const { used } = this.codes;
    const record = this.codes.record(index);
    const user = this.userOf(record);
    this.users.unlink(used, user, record);
    this.users.count(book.number, user, -1, 0);
    used.user.set(record, 0);
    used.assignedMs.set(record, 0);
    this.codes.setPhase(index, AVAILABLE);
    book.pool.put(index);
  }

  lock(index: number, lockId: number, untilMs: number): void {
    this.observer?.beforeCode(index);
    const { used } = this.codes;
    const record = this.codes.record(index);
    if (used.leasePlace.get(record) === 0) this.bookOfCode(index).locked++;
    this.leases.put(record, lockId, untilMs);
  }

  /** Ends the lease of a code, if it has one. */
  unlock(index: number): void {
    this.observer?.beforeCode(index);
    const { used } = this.codes;
    const record = this.codes.record(index);
    if (used.leasePlace.get(record) === 0) return;
    this.bookOfCode(index).locked--;
    this.leases.remove(record);
  }

  /** Sets how many redemptions of a code stand, and all counts that follow from it. */
  setRedemptionCount(index: number, count: number): void {
    this.observer?.beforeCode(index);
    const book = this.bookOfCode(index);
    const { used } = this.codes;
    const record = this.codes.record(index);
    const before = used.redemptionCount.get(record);
    used.redemptionCount.set(record, count);
    book.redemptions += count - before;
    if (before === 0 && count > 0) book.redeemed++;
    if (before > 0 && count === 0) book.redeemed--;
    this.users.count(book.number, this.userOf(record), 0, count - before);
  }

  addRedemption(redemptionId: string, index: number, user: number): void {
    const { newestRedemption } = this.codes.used;
    const record = this.codes.record(index);
    newestRedemption.set(record, this.redemptions.add(redemptionId, index, user, newestRedemption.get(record)));
  }

  countRate(book: BookState, atMs: number, change: 1 | -1): void {
    book.rate.current ??= new RedemptionRate();
    book.rate.current.add(atMs, change);
  }

  /** The number of the user of a code in use. */
  userOf(record: number): number {
    const user = this.codes.used.user.get(record) - 1;
    if (user === -1) throw new Error(`code ${this.codes.used.index.get(record)} has no user`);
    return user;
  }

  counts(book: BookState): BookCounts {
    const available = book.pool.count;
    return {
      total: book.total,
      available,
      assigned: book.total - available - book.redeemed,
      locked: book.locked,
      redeemed: book.redeemed,
      redemptions: book.redemptions,
    };
  }

  bytes(): number {
    const pools = this.booksByNumber.reduce((sum, book) => sum + book.pool.bytes(), 0);
    const { codes, users, redemptions, leases, openBatches } = this;
    const rest = openBatches.bytes() + pools;
    return codes.bytes() + users.bytes() + redemptions.bytes() + leases.bytes() + rest;
  }
}

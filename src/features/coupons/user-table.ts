/**
 * The users of a shard: a number for each, the list of their codes, and per book how many codes and
 * redemptions they have. The list is a chain through the code records.
 *
 *     user ─────────▶ row      name, hash of the name, first code │ book, codes, redemptions
 *     (book, user) ─▶ member   book, user, codes, redemptions       for each further book, by a HashIndex
 *
 * The counts of the book that a user came to first stand in the user's own row: most have codes of
 * no other, and a table of pairs would cost them 30 bytes each and two more places in memory, none
 * of them in a cache. The hash stands there because the table of names grows with each new user:
 * moving a name without reading its text takes half the time.
 */

import { HashIndex } from '../../tables/hash-index.js';
import type { HashKey } from '../../tables/keyed-hash.js';
import { Rows } from '../../tables/rows.js';
import { StringTable } from '../../tables/string-table.js';
import { mix } from '../../tables/text.js';
import type { CodeRecords } from './code-table.js';

const PAIR_SLOTS_FIRST = 1024;
const PAIR_ROW_BITS = 27;

export class UserTable {
  readonly #rows = new Rows(6);
  readonly names: StringTable;
  /** First record of the user's list, plus one. */
  readonly #head = this.#rows.word(2);
  /** The book that the user came to first, plus one; 0: none yet. */
  readonly #firstBook = this.#rows.word(3);
  readonly #firstBookCodes = this.#rows.word(4);
  readonly #firstBookRedemptions = this.#rows.word(5);
  #next = 0;
  #lastId: string | null = null;
  #lastUser = -1;

  readonly #memberRows = new Rows(4);
  readonly #memberBook = this.#memberRows.word(0);
  readonly #memberUser = this.#memberRows.word(1);
  readonly #memberCodes = this.#memberRows.word(2);
  readonly #memberRedemptions = this.#memberRows.word(3);
  #members = 0;
  readonly #pairs: HashIndex;
  readonly #pairSeed: number;

  constructor(key: HashKey) {
    this.names = new StringTable(key, this.#rows.word(0), this.#rows.word(1));
    this.#pairSeed = key[0] as number;
    this.#pairs = new HashIndex({
      slotsFirst: PAIR_SLOTS_FIRST,
      rowBits: PAIR_ROW_BITS,
      readHashes: (members, count, into) => this.#readPairHashes(members, count, into),
    });
  }

  /** The user's number, or -1. */
  find(userId: string): number {
    if (userId === this.#lastId) return this.#lastUser;
    const user = this.names.find(userId);
    if (user !== -1) this.#remember(userId, user);
    return user;
  }

  /** Whether that is the user's id. Cheaper than finding the user where the number is known. */
  isCalled(user: number, userId: string): boolean {
    if (userId === this.#lastId) return user === this.#lastUser;
    if (!this.names.isText(user, userId)) return false;
    this.#remember(userId, user);
    return true;
  }

  findOrAdd(userId: string): number {
    if (userId === this.#lastId) return this.#lastUser;
    const user = this.names.findOrAdd(userId, this.#next);
    if (user === this.#next) this.#next++;
    this.#remember(userId, user);
    return user;
  }

  /**
   * One command asks for its user up to four times in a row. Users are never removed, so this stays
   * true.
   */
  #remember(userId: string, user: number): void {
    this.#lastId = userId;
    this.#lastUser = user;
  }

  name(user: number): string {
    return this.names.text(user);
  }

  nameHash(user: number, seed: number): number {
    return this.names.hash(user, seed);
  }

  link(records: CodeRecords, user: number, record: number): void {
    const head = this.#head.get(user);
    records.nextOfUser.set(record, head);
    records.previousOfUser.set(record, 0);
    if (head !== 0) records.previousOfUser.set(head - 1, record + 1);
    this.#head.set(user, record + 1);
  }

  unlink(records: CodeRecords, user: number, record: number): void {
    const next = records.nextOfUser.get(record);
    const previous = records.previousOfUser.get(record);
    if (next !== 0) records.previousOfUser.set(next - 1, previous);
    if (previous === 0) this.#head.set(user, next);
    else records.nextOfUser.set(previous - 1, next);
  }

  /** First record of the user's codes, or -1; go on with `records.nextOfUser`. */
  firstRecord(user: number): number {
    return this.#head.get(user) - 1;
  }

  codesIn(book: number, user: number): number {
    if (this.#firstBook.get(user) === book + 1) return this.#firstBookCodes.get(user);
    const member = this.#member(book, user);
    return member === -1 ? 0 : this.#memberCodes.get(member);
  }

  redemptionsIn(book: number, user: number): number {
    if (this.#firstBook.get(user) === book + 1) return this.#firstBookRedemptions.get(user);
    const member = this.#member(book, user);
    return member === -1 ? 0 : this.#memberRedemptions.get(member);
  }

  count(book: number, user: number, codes: number, redemptions: number): void {
    const firstBook = this.#firstBook.get(user);
    if (firstBook === 0) this.#firstBook.set(user, book + 1);
    if (firstBook === 0 || firstBook === book + 1) {
      this.#firstBookCodes.set(user, this.#firstBookCodes.get(user) + codes);
      this.#firstBookRedemptions.set(user, this.#firstBookRedemptions.get(user) + redemptions);
      return;
    }
    let member = this.#member(book, user);
    if (member === -1) member = this.#addMember(book, user);
    this.#memberCodes.set(member, this.#memberCodes.get(member) + codes);
    this.#memberRedemptions.set(member, this.#memberRedemptions.get(member) + redemptions);
  }

  bytes(): number {
    return this.names.bytes() + this.#rows.bytes() + this.#memberRows.bytes() + this.#pairs.bytes();
  }

  #member(book: number, user: number): number {
    const pairs = this.#pairs;
    const hash = this.#pairHash(book, user);
    for (let member = pairs.first(hash); member !== -1; member = pairs.next(hash, member))
      if (this.#memberUser.get(member) === user && this.#memberBook.get(member) === book) return member;
    return -1;
  }

  #addMember(book: number, user: number): number {
    const member = this.#members++;
    this.#memberBook.set(member, book);
    this.#memberUser.set(member, user);
    this.#pairs.add(member, this.#pairHash(book, user));
    return member;
  }

  #readPairHashes(members: Uint32Array, count: number, into: Uint32Array): void {
    for (let i = 0; i < count; i++) {
      const member = members[i] as number;
      into[i] = this.#pairHash(this.#memberBook.get(member), this.#memberUser.get(member));
    }
  }

  #pairHash(book: number, user: number): number {
    return mix(Math.imul(book, 0x9e3779b1) ^ user ^ this.#pairSeed);
  }
}

/**
 * Every order of a shard, about 100 bytes each, found in one step by its id and by its idempotency
 * key.
 *
 * An order id is a UUIDv7 (RFC 9562, section 5.7) that holds the number of the order in the shard:
 *
 *     tttttttt-tttt-7rrr-vnnn-nnnnnrrrreee
 *
 *     t: Unix ms   r: 28 random bits   n: number   e: 12 bits that make the id hash to its shard
 *
 * The RFC leaves those bits to the implementation. The id that a row makes is compared, so an id
 * that was made up finds nothing.
 */
import { shardsOfEndings } from '../../domain/ids.js';
import type { Random } from '../../domain/random.js';
import { putHex, readHex } from '../../tables/hex.js';
import type { HashKey } from '../../tables/keyed-hash.js';
import { byteColumn, float64Column, uint32Column } from '../../tables/paged.js';
import { Rows } from '../../tables/rows.js';
import { StringTable } from '../../tables/string-table.js';

export const ACCEPTED = 1;
/** Accepted, and it has to be confirmed. */
export const HELD = 2;
export const FULFILLED = 3;
export const CANCELLED = 4;

export class OrderTable {
  readonly #rows = new Rows(2);
  /** The key of each order, after the number of its round. */
  readonly #keys: StringTable;
  readonly #userRows = new Rows(2);
  readonly users: StringTable;
  readonly #orderedMs = float64Column();
  /** 28 random bits. */
  readonly #random = uint32Column();
  readonly #ending = uint32Column();
  readonly #round = uint32Column();
  readonly #user = uint32Column();
  readonly #status = byteColumn();
  #next = 0;

  constructor(key: HashKey) {
    this.#keys = new StringTable(key, this.#rows.word(0), this.#rows.word(1));
    this.users = new StringTable(key, this.#userRows.word(0), this.#userRows.word(1));
  }

  /** The number that the next order gets. */
  get next(): number {
    return this.#next;
  }

  /** No other order may be added: the texts of the next one might find no room. */
  get isFull(): boolean {
    return this.#keys.isFull || this.users.isFull;
  }

  /** An id for the next order, in this shard. */
  newId(nowMs: number, random: Random, shard: number, shardCount: number): string {
    for (;;) {
      const beginning = beginningOf(nowMs, random.uint32() >>> 4, this.#next);
      const shardOf = shardsOfEndings(beginning, shardCount);
      for (const ending of ENDINGS) if (shardOf(ending) === shard) return beginning + ending;
    }
  }

  /** Orders are added by their numbers, but perhaps not in that order (from a snapshot). */
  add(id: string, round: number, userId: string, key: string, status: number): number {
    const number = numberOf(id);
    this.#orderedMs.set(number, timeOf(id));
    this.#random.set(number, randomOf(id));
    this.#ending.set(number, readHex(id, 33, 3));
    this.#round.set(number, round);
    this.#user.set(number, this.users.findOrAdd(userId, this.users.count));
    this.#status.set(number, status);
    this.#keys.add(number, keyText(round, key));
    if (number >= this.#next) this.#next = number + 1;
    return number;
  }

  /** The number of the order, or -1. */
  find(id: string): number {
    if (id.length !== ID_LENGTH) return -1;
    const number = numberOf(id);
    if (!(number < this.#next) || this.#status.get(number) === 0) return -1;
    return this.id(number) === id ? number : -1;
  }

  /** The number of the order that has this key in a round, or -1. */
  findKey(round: number, key: string): number {
    return this.#keys.find(keyText(round, key));
  }

  exists(number: number): boolean {
    return this.#status.get(number) !== 0;
  }

  id(number: number): string {
    const beginning = beginningOf(this.#orderedMs.get(number), this.#random.get(number), number);
    return beginning + (ENDINGS[this.#ending.get(number)] ?? '');
  }

  round(number: number): number {
    return this.#round.get(number);
  }

  /** The number of its user. */
  user(number: number): number {
    return this.#user.get(number);
  }

  userId(number: number): string {
    return this.users.text(this.#user.get(number));
  }

  key(number: number): string {
    const text = this.#keys.text(number);
    return text.slice(text.indexOf(' ') + 1);
  }

  orderedMs(number: number): number {
    return this.#orderedMs.get(number);
  }

  status(number: number): number {
    return this.#status.get(number);
  }

  setStatus(number: number, status: number): void {
    this.#status.set(number, status);
  }

  bytes(): number {
    const columns = [this.#orderedMs, this.#random, this.#ending, this.#round, this.#user, this.#status];
    const strings = this.#keys.bytes() + this.users.bytes() + this.#rows.bytes() + this.#userRows.bytes();
    return columns.reduce((sum, column) => sum + column.bytes(), strings);
  }
}

const keyText = (round: number, key: string): string => `${round} ${key}`;

const ID_LENGTH = 36;
const ENDINGS: readonly string[] = Array.from({ length: 0x1000 }, (_, at) => at.toString(16).padStart(3, '0'));
/** The characters of the beginning that is being made; its dashes stay. */
const units = [...'00000000-0000-0000-0000-000000000'].map((character) => character.charCodeAt(0));

/** All but the ending. */
function beginningOf(atMs: number, bits: number, number: number): string {
  putHex(units, 0, 8, Math.floor(atMs / 0x10000));
  putHex(units, 9, 4, atMs % 0x10000);
  putHex(units, 14, 4, 0x7000 | (bits >>> 16));
  putHex(units, 19, 4, 0x8000 | (number >>> 20));
  putHex(units, 24, 5, number);
  putHex(units, 29, 4, bits);
  return String.fromCharCode.apply(null, units);
}

const numberOf = (id: string): number => readHex(id, 20, 3) * 0x100000 + readHex(id, 24, 5);
const timeOf = (id: string): number => readHex(id, 0, 8) * 0x10000 + readHex(id, 9, 4);
const randomOf = (id: string): number => readHex(id, 15, 3) * 0x10000 + readHex(id, 29, 4);

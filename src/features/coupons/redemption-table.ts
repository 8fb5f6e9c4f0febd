/**
 * Every redemption ever made in a shard, 25 bytes each, found by its id in one step.
 *
 * A redemption id is a UUIDv7 (RFC 9562, section 5.7) whose last 32 bits are the redemption's
 * number in the shard:
 *
 *     tttttttt-tttt-7rrr-vrrr-rrccnnnnnnnn
 *
 *     t: Unix ms   r: 32 random bits   c: their check   n: number
 *
 * The RFC leaves those bits to the implementation. The time and the random bits are kept and the id
 * that they make is compared, so an id that was made up finds nothing. A map from id to redemption
 * would cost five times as much.
 */
import type { Random } from '../../domain/random.js';
import { putHex, readHex } from '../../tables/hex.js';
import { byteColumn, float64Column, uint32Column } from '../../tables/paged.js';
import { mix } from '../../tables/text.js';

const STANDING = 1;
const ROLLED_BACK = 2;

export class RedemptionTable {
  readonly #atMs = float64Column();
  /** The middle 32 random bits: 12 of `rand_a`, 20 of `rand_b`. */
  readonly #random = uint32Column();
  readonly #code = uint32Column();
  readonly #user = uint32Column();
  readonly #status = byteColumn();
  /** The number of the redemption before it of the same code, plus one; 0: none. */
  readonly #before = uint32Column();
  #next = 0;

  /** The number that the next redemption gets. */
  get next(): number {
    return this.#next;
  }

  /** An id for the redemption with this number. */
  newId(atMs: number, number: number, random: Random): string {
    return formatId(atMs, random.uint32(), number);
  }

  /**
   * Adds one to those of its code, of which the newest is `newest - 1` (0: there is none), and
   * returns what is to be kept as `newest`. They come in the order of their numbers, but perhaps
   * not from a snapshot.
   */
  add(id: string, code: number, user: number, newest: number): number {
    const number = numberOf(id);
    this.#atMs.set(number, timeOf(id));
    this.#random.set(number, randomOf(id));
    this.#code.set(number, code);
    this.#user.set(number, user);
    this.#status.set(number, STANDING);
    if (number >= this.#next) this.#next = number + 1;
    let after = 0;
    let before = newest;
    while (before > number) {
      after = before;
      before = this.#before.get(before - 1);
    }
    this.#before.set(number, before);
    if (after === 0) return number + 1;
    this.#before.set(after - 1, number + 1);
    return newest;
  }

  /** The newest that stands of a code's, or -1. */
  newestStanding(newest: number): number {
    let at = newest;
    while (at !== 0 && this.isRolledBack(at - 1)) at = this.#before.get(at - 1);
    return at - 1;
  }

  /** The number of a redemption of this code, or -1. */
  find(id: string, code: number): number {
    if (id.length !== ID_LENGTH) return -1;
    const number = numberOf(id);
    if (!(number < this.#next) || this.#status.get(number) === 0 || this.#code.get(number) !== code) return -1;
    return this.id(number) === id ? number : -1;
  }

  id(number: number): string {
    return formatId(this.#atMs.get(number), this.#random.get(number), number);
  }

  atMs(number: number): number {
    return this.#atMs.get(number);
  }

  user(number: number): number {
    return this.#user.get(number);
  }

  code(number: number): number {
    return this.#code.get(number);
  }

  exists(number: number): boolean {
    return this.#status.get(number) !== 0;
  }

  isRolledBack(number: number): boolean {
    return this.#status.get(number) === ROLLED_BACK;
  }

  rollBack(number: number): void {
    this.#status.set(number, ROLLED_BACK);
  }

  bytes(): number {
    return [this.#atMs, this.#random, this.#code, this.#user, this.#status, this.#before].reduce(
      (sum, column) => sum + column.bytes(),
      0,
    );
  }
}

const ID_LENGTH = 36;
/** The characters of the id that is being made; its dashes stay. */
const units = [...'00000000-0000-0000-0000-000000000000'].map((character) => character.charCodeAt(0));

function formatId(atMs: number, bits: number, number: number): string {
  const check = mix(bits ^ number);
  putHex(units, 0, 8, Math.floor(atMs / 0x10000));
  putHex(units, 9, 4, atMs % 0x10000);
  putHex(units, 14, 4, 0x7000 | (bits >>> 20));
  putHex(units, 19, 4, 0x8000 | ((check & 0x3) << 12) | ((bits >>> 8) & 0xfff));
  putHex(units, 24, 2, bits);
  putHex(units, 26, 2, check >>> 2);
  putHex(units, 28, 8, number);
  return String.fromCharCode.apply(null, units);
}

const numberOf = (id: string): number => readHex(id, 28, 8);
const timeOf = (id: string): number => readHex(id, 0, 8) * 0x10000 + readHex(id, 9, 4);
const randomOf = (id: string): number =>
  ((readHex(id, 15, 3) << 20) | (readHex(id, 20, 3) << 8) | readHex(id, 24, 2)) >>> 0;

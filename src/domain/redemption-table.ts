/**
 * Every redemption ever made in a shard, 21 bytes each, found by its id in one step.
 *
 * A redemption id is a UUIDv7 (RFC 9562, section 5.7) whose last 32 bits are the redemption's number in the shard:
 *
 *     tttttttt-tttt-7rrr-vrrr-rrccnnnnnnnn        t: Unix ms   r: 32 random bits   c: their check   n: number
 *
 * The RFC leaves those bits to the implementation. The time and the random bits are kept and the id that they make is
 * compared, so an id that was made up finds nothing. A map from id to redemption would cost five times as much.
 */
import { byteColumn, float64Column, uint32Column } from './paged.js';
import type { Random } from './random.js';
import { mix } from './text.js';

const STANDING = 1;
const ROLLED_BACK = 2;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hex = (value: number, shift: number): string => HEX[(value >>> shift) & 0xff] as string;
const hex32 = (value: number): string => hex(value, 24) + hex(value, 16) + hex(value, 8) + hex(value, 0);

export class RedemptionTable {
  readonly #atMs = float64Column();
  /** The middle 32 random bits: 12 of `rand_a`, 20 of `rand_b`. */
  readonly #random = uint32Column();
  readonly #code = uint32Column();
  readonly #user = uint32Column();
  readonly #status = byteColumn();
  #next = 0;

  /** The number that the next redemption gets. */
  get next(): number {
    return this.#next;
  }

  /** An id for the redemption with this number. */
  newId(atMs: number, number: number, random: Random): string {
    return formatId(atMs, random.uint32(), number);
  }

  add(id: string, code: number, user: number): void {
    const number = numberOf(id);
    this.#atMs.set(number, timeOf(id));
    this.#random.set(number, randomOf(id));
    this.#code.set(number, code);
    this.#user.set(number, user);
    this.#status.set(number, STANDING);
    if (number >= this.#next) this.#next = number + 1;
  }

  /** The number of a redemption of this code, or -1. */
  find(id: string, code: number): number {
    const number = Number.parseInt(id.slice(28), 16);
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
    return [this.#atMs, this.#random, this.#code, this.#user, this.#status].reduce(
      (sum, column) => sum + column.bytes(),
      0,
    );
  }
}

function formatId(atMs: number, bits: number, number: number): string {
  const high = Math.floor(atMs / 0x10000);
  const low = atMs % 0x10000;
  const check = mix(bits ^ number);
  const version = 0x7000 | (bits >>> 20);
  const variant = 0x8000 | ((check & 0x3) << 12) | ((bits >>> 8) & 0xfff);
  return (
    `${hex32(high)}-${hex(low, 8)}${hex(low, 0)}-${hex(version, 8)}${hex(version, 0)}-` +
    `${hex(variant, 8)}${hex(variant, 0)}-${hex(bits, 0)}${hex(check, 2)}${hex32(number)}`
  );
}

const numberOf = (id: string): number => Number.parseInt(id.slice(28), 16);
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
const randomOf = (id: string): number =>
  ((Number.parseInt(id.slice(15, 18), 16) << 20) |
    (Number.parseInt(id.slice(20, 23), 16) << 8) |
    Number.parseInt(id.slice(24, 26), 16)) >>>
  0;

/**
 * Rows in PostgreSQL's binary COPY format, written straight into one growing buffer.
 *
 * The format: a 19-byte header, then per row an int16 of how many columns and per column an int32
 * length (-1: null) and the value in network order, at the end an int16 of -1. A redemption's three
 * rows cost 1.7 us here and its audit row 1.8 us in PostgreSQL; in text format, built as one
 * string, they cost 6.4 us and 2.3 us.
 *
 * Strings are mostly short ASCII; writing them byte by byte beats a call into the runtime up to
 * some 50 characters.
 */
import { putUuid } from '../../tables/uuid.js';

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TWO_32 = 2 ** 32;
const ASCII_LOOP_CHARS_MAX = 48;

export class RowBuffer {
  #bytes: Buffer;
  #view: DataView;
  #length = HEADER.length;
  #rows = 0;
  #uuidText = '';
  readonly #uuidBytes = new Uint8Array(16);

  constructor(bytes = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#bytes.buffer);
    HEADER.copy(this.#bytes);
  }

  get rows(): number {
    return this.#rows;
  }

  get length(): number {
    return this.#length;
  }

  /** Begins a row of so many columns; each must follow, in order. */
  row(columns: number): void {
    this.#reserve(2);
    this.#view.setInt16(this.#length, columns);
    this.#length += 2;
    this.#rows++;
  }

  null(): void {
    this.#reserve(4);
    this.#view.setInt32(this.#length, -1);
    this.#length += 4;
  }

  int2(value: number): void {
    this.#reserve(6);
    this.#view.setInt32(this.#length, 2);
    this.#view.setInt16(this.#length + 4, value);
    this.#length += 6;
  }

  int4(value: number): void {
    this.#reserve(8);
    this.#view.setInt32(this.#length, 4);
    this.#view.setInt32(this.#length + 4, value);
    this.#length += 8;
  }

  /** A safe integer. */
  int8(value: number): void {
    this.#reserve(12);
    this.#view.setInt32(this.#length, 8);
    this.#view.setInt32(this.#length + 4, Math.floor(value / TWO_32));
    this.#view.setUint32(this.#length + 8, value >>> 0);
    this.#length += 12;
  }

  int8OrNull(value: number | null): void {
    if (value === null) this.null();
    else this.int8(value);
  }

  /** The place of a row in its table. */
  tid(block: number, line: number): void {
    this.#reserve(10);
    this.#view.setInt32(this.#length, 6);
    this.#view.setUint32(this.#length + 4, block);
    this.#view.setUint16(this.#length + 8, line);
    this.#length += 10;
  }

  text(value: string): void {
    const { length } = value;
    this.#reserve(4 + 3 * length);
    const start = this.#length + 4;
    const bytes = this.#bytes;
    let at = 0;
    if (length <= ASCII_LOOP_CHARS_MAX) {
      for (; at < length; at++) {
        const unit = value.charCodeAt(at);
        if (unit === 0 || unit > 0x7f) break;
        bytes[start + at] = unit;
      }
    }
    // PostgreSQL has no NUL in text. None should get here; if one does, it must not hold up all
    // that follows.
    const written = at === length ? length : bytes.write(value.replaceAll('\0', '\uFFFD'), start, 'utf8');
    this.#view.setInt32(this.#length, written);
    this.#length = start + written;
  }

  textOrNull(value: string | null): void {
    if (value === null) this.null();
    else this.text(value);
  }

  /** 36 characters. Throws when it is no UUID. */
  uuid(value: string): void {
    if (value !== this.#uuidText) {
      this.#uuidText = '';
      const isUuid = putUuid(value, this.#uuidBytes, 0) || putUuid(value.toLowerCase(), this.#uuidBytes, 0);
      if (!isUuid) throw new Error(`not a UUID: ${JSON.stringify(value.slice(0, 64))}`);
      this.#uuidText = value;
    }
    this.#reserve(20);
    this.#view.setInt32(this.#length, 16);
    this.#bytes.set(this.#uuidBytes, this.#length + 4);
    this.#length += 20;
  }

  /** The finished COPY data. Valid until `clear`; nothing may be added before that. */
  finish(): Buffer {
    this.#reserve(2);
    this.#view.setInt16(this.#length, -1);
    return this.#bytes.subarray(0, this.#length + 2);
  }

  /** Keeps the memory. */
  clear(): void {
    this.#length = HEADER.length;
    this.#rows = 0;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes + 2 <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + bytes + 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

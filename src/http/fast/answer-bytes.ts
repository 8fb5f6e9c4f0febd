/**
 * The text of a hot answer, written as bytes into a buffer that is reused for the next one.
 *
 * A string would be concatenated, flattened, measured, copied into new memory and from there into
 * the socket's buffer, 0.4 µs and 500 bytes of garbage for headers and body of an assign.
 * uWebSockets.js takes bytes as they are, so they are written once, after a prefix that never
 * changes. There is one buffer per thread: an answer is in the socket's buffer when the call that
 * began it returns.
 *
 * Unchanged parts of the buffer are not written again. Most answers have the same shape as the one
 * before, with the same field names, book and second at the same positions. So each piece is
 * compared with the piece at the same position in the answer before, and copied only if its text or
 * position differs. Of an assign's 180 bytes that leaves some 40.
 */
import { isPlain } from './plain-text.js';

const CAPACITY = 4096;
/** No answer is made of more pieces; later ones are written each time. */
const PIECES_MAX = 32;
/** Where no piece begins: what was written there isn't looked for again. */
const NOWHERE = -1;

export class AnswerBytes {
  readonly #bytes = new Uint8Array(new ArrayBuffer(CAPACITY));
  /** By length: making a view costs more than filling it. */
  readonly #views: (Uint8Array | undefined)[] = [];
  readonly #beginning: number;
  #at = 0;
  /** By turn: where the last piece began that was written in it, and what it said. */
  readonly #starts = new Array<number>(PIECES_MAX).fill(NOWHERE);
  readonly #texts = new Array<string>(PIECES_MAX).fill('');
  #turn = 0;
  /**
   * Of the answer before: behind its end, what is remembered may have been written over by a
   * shorter one's long pieces.
   */
  #turnsBefore = 0;

  /** `beginning` is ASCII, and stands before all that is written. */
  constructor(beginning: string) {
    this.ascii(beginning);
    this.#beginning = this.#at;
  }

  /** Forgets all but the beginning. */
  begin(): this {
    this.#turnsBefore = Math.min(this.#turn, PIECES_MAX);
    this.#turn = 0;
    this.#at = this.#beginning;
    return this;
  }

  /** What has been written, good until the next `begin`. */
  get written(): Uint8Array {
    const view = this.#views[this.#at];
    if (view !== undefined) return view;
    const made = this.#bytes.subarray(0, this.#at);
    this.#views[this.#at] = made;
    return made;
  }

  /** Only ASCII: ids, codes, times, and what stands between them. */
  ascii(text: string): this {
    const turn = this.#turn;
    const at = this.#at;
    if (turn < this.#turnsBefore && this.#starts[turn] === at && this.#texts[turn] === text) {
      this.#at = at + text.length;
      this.#turn = turn + 1;
      return this;
    }
    this.#copy(text, at);
    this.#wrote(at, text);
    return this;
  }

  /** An integer from 0 to 2^53 - 1. */
  whole(value: number): this {
    this.#wrote(NOWHERE, '');
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    const end = this.#at + digits;
    if (end > CAPACITY) throw new RangeError(`an answer of more than ${CAPACITY} bytes`);
    let rest = value;
    for (let at = end - 1; at >= this.#at; at--) {
      const tens = Math.floor(rest / 10);
      this.#bytes[at] = 48 + (rest - tens * 10);
      rest = tens;
    }
    this.#at = end;
    return this;
  }

  wholeOrNull(value: number | null): this {
    return value === null ? this.ascii('null') : this.whole(value);
  }

  /** Any text, as JSON with its quotes, in UTF-8. */
  json(text: string): this {
    if (!isPlain(text)) return this.#utf8(JSON.stringify(text));
    return this.ascii('"').ascii(text).ascii('"');
  }

  #copy(text: string, from: number): void {
    const bytes = this.#bytes;
    let at = from;
    if (at + text.length > CAPACITY) throw new RangeError(`an answer of more than ${CAPACITY} bytes`);
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  /**
   * A turn is over. Not counted before its piece is there: one that did not fit must not be found
   * again.
   */
  #wrote(start: number, text: string): void {
    const turn = this.#turn++;
    if (turn >= PIECES_MAX) return;
    this.#starts[turn] = start;
    this.#texts[turn] = text;
  }

  #utf8(text: string): this {
    this.#wrote(NOWHERE, '');
    const { read, written } = encoder.encodeInto(text, this.#bytes.subarray(this.#at));
    if (read < text.length) throw new RangeError(`an answer of more than ${CAPACITY} bytes`);
    this.#at += written;
    return this;
  }
}

const encoder = new TextEncoder();

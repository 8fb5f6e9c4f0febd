/**
 * Outcomes in few bytes, for the memory of idempotency keys. What is answered most has a form of
 * its own, a kind and its fields in order; the rest is JSON. A text ends with a byte that the
 * encoding never has, so that no length goes before it; a UUID, as callers, books, keys and
 * redemptions mostly have, is its 16 bytes after another such byte. A number is seven bits a byte,
 * the lowest first.
 *
 * This file writes and reads single values. src/records/ declares the form of each outcome, and the
 * code that writes and reads whole outcomes is generated (outcome-memory.generated.ts).
 */
import { append, decode, room, scratch } from '../tables/text.js';

/** Not part of any encoded text: UTF-8 of a 16-bit unit ends at 0xef. */
const END = 0xff;
const UUID = 0xfe;
const UUID_BYTES = 16;
const NUMBER_BYTES_MAX = 8;

/** The number that begins an outcome kept as JSON. */
export const JSON_TEXT = 0;

/** To the end of `scratch`. No text is the beginning of another. */
export function appendText(text: string): void {
  if (appendUuid(text)) return;
  append(text);
  appendByte(END);
}

/** Where the last of some texts, which `appendText` left at `start`, ends. */
export function endOfTexts(bytes: Uint8Array, start: number, texts: number): number {
  let end = start;
  for (let ended = 0; ended < texts; ended++) {
    if (bytes[end] === UUID) end += UUID_BYTES;
    else while (bytes[end] !== END) end++;
    end++;
  }
  return end;
}

let source: Uint8Array = scratch.bytes;
let at = 0;

/** Sets where the next `read…` begins. */
export function beginReading(bytes: Uint8Array, start: number): void {
  source = bytes;
  at = start;
}

export function appendByte(byte: number): void {
  room(1)[scratch.length++] = byte;
}

export function appendNumber(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a count or a time`);
  const bytes = room(NUMBER_BYTES_MAX);
  let end = scratch.length;
  let rest = value;
  // Four bytes at once while the number doesn't fit into an integer of the processor.
  for (; rest >= 2 ** 28; rest = Math.floor(rest / 2 ** 28)) {
    for (let shift = 0; shift < 28; shift += 7) bytes[end++] = ((rest >>> shift) & 0x7f) | 0x80;
  }
  for (; rest >= 0x80; rest >>>= 7) bytes[end++] = (rest & 0x7f) | 0x80;
  bytes[end++] = rest;
  scratch.length = end;
}

export function readText(): string {
  if (source[at] === UUID) return readUuid();
  const start = at;
  while (source[at] !== END) {
    if (at === source.length) throw new Error('a text has no end');
    at++;
  }
  return decode(source, start, at++);
}

export function readNumber(): number {
  let value = 0;
  for (let unit = 1; ; unit *= 0x80) {
    const byte = source[at++] as number;
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value;
  }
}

export function readByte(): number {
  return source[at++] as number;
}

export function appendNumberOrNull(value: number | null): void {
  appendNumber(value === null ? 0 : value + 1);
}

export function readNumberOrNull(): number | null {
  const value = readNumber();
  return value === 0 ? null : value - 1;
}

const DASH = 0x2d;
const DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));
/** The value of each character that is a digit, else -1. */
const digitOf = Int8Array.from({ length: 256 }, (_, unit) => DIGITS.indexOf(unit));
/** The characters of the UUID that is being read; its dashes stay. */
const units = [...'00000000-0000-0000-0000-000000000000'].map((character) => character.charCodeAt(0));

/** Whether the text is a UUID in lower case, and then its bytes to the end of `scratch`. */
function appendUuid(text: string): boolean {
  if (text.length !== units.length) return false;
  const bytes = room(1 + UUID_BYTES);
  let end = scratch.length;
  bytes[end++] = UUID;
  for (let i = 0; i < units.length; i++) {
    if (units[i] === DASH) {
      if (text.charCodeAt(i) !== DASH) return false;
      continue;
    }
    const high = digitOf[text.charCodeAt(i)] ?? -1;
    const low = digitOf[text.charCodeAt(++i)] ?? -1;
    if (high < 0 || low < 0) return false;
    bytes[end++] = high * 16 + low;
  }
  scratch.length = end;
  return true;
}

function readUuid(): string {
  at++;
  for (let i = 0; i < units.length; i++) {
    if (units[i] === DASH) continue;
    const byte = source[at++] as number;
    units[i] = DIGITS[byte >>> 4] as number;
    units[++i] = DIGITS[byte & 0xf] as number;
  }
  return String.fromCharCode.apply(null, units);
}

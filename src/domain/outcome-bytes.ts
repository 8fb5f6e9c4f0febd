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
import { append, decode, reserve, scratch } from '../tables/text.js';
import { putUuid, UUID_BYTES, uuidAt } from '../tables/uuid.js';

/** Not part of any encoded text: UTF-8 of a 16-bit unit ends at 0xef. */
const END = 0xff;
const UUID = 0xfe;
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
  reserve(1)[scratch.length++] = byte;
}

export function appendNumber(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a count or a time`);
  const bytes = reserve(NUMBER_BYTES_MAX);
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

/** Whether the text is a UUID in lower case, and then its bytes to the end of `scratch`. */
function appendUuid(text: string): boolean {
  const bytes = reserve(1 + UUID_BYTES);
  const end = scratch.length;
  if (!putUuid(text, bytes, end + 1)) return false;
  bytes[end] = UUID;
  scratch.length = end + 1 + UUID_BYTES;
  return true;
}

function readUuid(): string {
  const start = at + 1;
  at = start + UUID_BYTES;
  return uuidAt(source, start);
}

/**
 * Outcomes in few bytes, for the memory of idempotency keys. What is answered most has a form of its own, a kind and its
 * fields in order; the rest is JSON. A text ends with a byte that the encoding never has, so that no length goes before it;
 * a number is seven bits a byte, the lowest first.
 */
import { asBookId } from './ids.js';
import type { Outcome } from './outcome.js';
import { append, decode, room, scratch } from './text.js';

/** In no encoded text: UTF-8 of a 16-bit unit ends at 0xef. */
const END = 0xff;
const NUMBER_BYTES_MAX = 8;

const JSON_TEXT = 0;
const ASSIGNED = 1;
const LOCKED = 2;
const REDEEMED = 3;

/** To the end of `scratch`. */
export function appendText(text: string): void {
  append(text);
  appendByte(END);
}

/** To the end of `scratch`. */
export function appendOutcome(outcome: Outcome): void {
  switch (outcome.kind) {
    case 'assigned':
      appendByte(ASSIGNED);
      appendText(outcome.bookId);
      appendText(outcome.code);
      appendText(outcome.userId);
      appendNumber(outcome.assignedMs);
      return;
    case 'locked':
      appendByte(LOCKED);
      appendText(outcome.code);
      appendText(outcome.userId);
      appendNumber(outcome.lockId);
      appendNumber(outcome.untilMs);
      return;
    case 'redeemed':
      appendByte(REDEEMED);
      appendText(outcome.code);
      appendText(outcome.userId);
      appendText(outcome.redemptionId);
      appendNumber(outcome.redeemedMs);
      appendNumber(outcome.redemptionCount);
      appendNumber(outcome.remaining === null ? 0 : outcome.remaining + 1);
      return;
    default:
      appendByte(JSON_TEXT);
      appendText(JSON.stringify(outcome));
  }
}

/** Where the last of some texts, which `appendText` left at `start`, ends. */
export function endOfTexts(bytes: Uint8Array, start: number, texts: number): number {
  let end = start;
  for (let ended = 0; ended < texts; end++) if (bytes[end] === END) ended++;
  return end;
}

let source: Uint8Array = scratch.bytes;
let at = 0;

/** What `appendOutcome` left at `start`. */
export function readOutcome(bytes: Uint8Array, start: number): Outcome {
  source = bytes;
  at = start;
  const form = source[at++];
  switch (form) {
    case ASSIGNED:
      return {
        kind: 'assigned',
        bookId: asBookId(readText()),
        code: readText(),
        userId: readText(),
        assignedMs: readNumber(),
      };
    case LOCKED:
      return { kind: 'locked', code: readText(), userId: readText(), lockId: readNumber(), untilMs: readNumber() };
    case REDEEMED:
      return {
        kind: 'redeemed',
        code: readText(),
        userId: readText(),
        redemptionId: readText(),
        redeemedMs: readNumber(),
        redemptionCount: readNumber(),
        remaining: readRemaining(),
      };
    case JSON_TEXT:
      return JSON.parse(readText()) as Outcome;
    default:
      throw new Error(`no outcome has the form ${form}`);
  }
}

function appendByte(byte: number): void {
  room(1)[scratch.length++] = byte;
}

function appendNumber(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a count or a time`);
  const bytes = room(NUMBER_BYTES_MAX);
  let rest = value;
  while (rest >= 0x80) {
    bytes[scratch.length++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[scratch.length++] = rest;
}

function readText(): string {
  const start = at;
  while (source[at] !== END) {
    if (at === source.length) throw new Error('a text has no end');
    at++;
  }
  return decode(source, start, at++);
}

function readNumber(): number {
  let value = 0;
  for (let unit = 1; ; unit *= 0x80) {
    const byte = source[at++] as number;
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value;
  }
}

function readRemaining(): number | null {
  const value = readNumber();
  return value === 0 ? null : value - 1;
}

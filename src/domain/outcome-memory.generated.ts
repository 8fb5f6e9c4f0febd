/**
 * Outcomes in the memory of idempotency keys; outcome-bytes.ts describes the form.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { BookId } from '../records/ids.js';
import type { Outcome } from '../records/outcomes.generated.js';
import { unknownRecord } from '../records/unknown.js';
import {
  appendByte,
  appendNumber,
  appendNumberOrNull,
  appendText,
  beginReading,
  JSON_TEXT,
  readByte,
  readNumber,
  readNumberOrNull,
  readText,
} from './outcome-bytes.js';

/** Appends to `scratch`. */
export function appendOutcome(outcome: Outcome): void {
  switch (outcome.kind) {
    case 'assigned':
      appendByte(1);
      appendText(outcome.bookId);
      appendText(outcome.code);
      appendText(outcome.userId);
      appendNumber(outcome.assignedMs);
      return;
    case 'locked':
      appendByte(2);
      appendText(outcome.code);
      appendText(outcome.userId);
      appendNumber(outcome.lockId);
      appendNumber(outcome.untilMs);
      return;
    case 'redeemed':
      appendByte(3);
      appendText(outcome.code);
      appendText(outcome.userId);
      appendText(outcome.redemptionId);
      appendNumber(outcome.redeemedMs);
      appendNumber(outcome.redemptionCount);
      appendNumberOrNull(outcome.remaining);
      return;
    case 'reserved':
      appendByte(4);
      appendText(outcome.reservationId);
      appendNumber(outcome.untilMs);
      appendText(outcome.quote);
      return;
    case 'unlocked':
    case 'rolledBack':
    case 'unassigned':
    case 'book':
    case 'archived':
    case 'codesAdded':
    case 'batchOpened':
    case 'batchSettled':
    case 'promotion':
    case 'promotionEnded':
    case 'reservation':
    case 'campaignStopped':
    case 'bookShown':
    case 'stock':
    case 'ordered':
    case 'order':
      appendByte(JSON_TEXT);
      appendText(JSON.stringify(outcome));
      return;
    default:
      unknownRecord(outcome);
  }
}

/** Reads what `appendOutcome` wrote at `start`. */
export function readOutcome(bytes: Uint8Array, start: number): Outcome {
  beginReading(bytes, start);
  const form = readByte();
  switch (form) {
    case 1:
      return {
        kind: 'assigned',
        bookId: readText() as BookId,
        code: readText(),
        userId: readText(),
        assignedMs: readNumber(),
      };
    case 2:
      return { kind: 'locked', code: readText(), userId: readText(), lockId: readNumber(), untilMs: readNumber() };
    case 3:
      return {
        kind: 'redeemed',
        code: readText(),
        userId: readText(),
        redemptionId: readText(),
        redeemedMs: readNumber(),
        redemptionCount: readNumber(),
        remaining: readNumberOrNull(),
      };
    case 4:
      return { kind: 'reserved', reservationId: readText(), untilMs: readNumber(), quote: readText() };
    case JSON_TEXT:
      return JSON.parse(readText()) as Outcome;
    default:
      throw new Error(`no outcome has the form ${form}`);
  }
}

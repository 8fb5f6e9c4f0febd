/**
 * All records. Whoever adds one puts it into its list here and runs `npm run generate`.
 *
 * The numbers are stored (declare.ts says where), so they are never used again.
 */
import {
  addCodes,
  batchGivenUp,
  batchOpened,
  batchOpenedOutcome,
  batchSettled,
  codesAdded,
  codesAddedOutcome,
  giveUpBatch,
  openBatch,
} from './batches.js';
import {
  archiveBook,
  archived,
  bookArchived,
  bookCreated,
  bookOutcome,
  bookUpdated,
  createBook,
  noted,
  updateBook,
} from './books.js';
import {
  assignCode,
  assigned,
  assignRandom,
  codeAssigned,
  codeLocked,
  codeRedeemed,
  codeUnassigned,
  codeUnlocked,
  leaseExpired,
  lockCode,
  locked,
  redeemCode,
  redeemed,
  redemptionRolledBack,
  rollbackRedemption,
  rolledBack,
  unassignCode,
  unassigned,
  unlockCode,
  unlocked,
} from './coupons.js';
import type { Of } from './declare.js';

export const events = [
  bookCreated,
  bookUpdated,
  bookArchived,
  codesAdded,
  noted,
  codeAssigned,
  codeUnassigned,
  codeLocked,
  codeUnlocked,
  leaseExpired,
  codeRedeemed,
  redemptionRolledBack,
  batchOpened,
  batchGivenUp,
] as const;
export type DomainEvent = Of<(typeof events)[number]>;

export const outcomes = [
  bookOutcome,
  archived,
  codesAddedOutcome,
  assigned,
  locked,
  unlocked,
  redeemed,
  rolledBack,
  unassigned,
  batchOpenedOutcome,
  batchSettled,
] as const;
export type Outcome = Of<(typeof outcomes)[number]>;

export const commands = [
  createBook,
  updateBook,
  archiveBook,
  addCodes,
  openBatch,
  giveUpBatch,
  assignRandom,
  assignCode,
  lockCode,
  unlockCode,
  redeemCode,
  rollbackRedemption,
  unassignCode,
] as const;
export type Command = Of<(typeof commands)[number]>;

/**
 * Events by their number in `changes.kind`; the table `change_kinds` says the same to readers of
 * the database.
 */
export const eventNumbers = Object.fromEntries(events.map(({ kind, number }) => [kind, number])) as Readonly<
  Record<DomainEvent['kind'], number>
>;

/** What callers know events as, by kind; null for those that are not shown to them. */
export const shownNames: ReadonlyMap<string, string | null> = new Map(
  events.map(({ kind, shownAs }) => [kind, shownAs]),
);

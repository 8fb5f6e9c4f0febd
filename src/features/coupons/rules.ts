/**
 * The rules of coupon books: which function decides a command, and which one applies an event.
 *
 * Refusals are checked in the order in which they stand in each function. For codes it is always:
 *
 *     1. Does the code exist?                     codeNotFound
 *     2. Does another user hold a lease of it?    lockedByAnother
 *     3. May this user act on the code?           codeNotFound, as for an unknown code, so that
 *                                                 guessing reveals nothing
 *     4. May the book be changed now?             bookArchived, bookOver, bookNotActive,
 *                                                 bookNotBegun
 *     5. Does the state of the code allow it?     usedUp, lockNotHeld, codeLocked, …
 *     6. Do the user's limits allow it?           userCodesLimit, userRedemptionsLimit
 *
 * Assigning a particular code answers assignedToAnother in step 3, because callers who may assign
 * may know it. Unlocking, rolling back and unassigning only give something back, so in step 4 they
 * check for bookArchived alone; a lock of another caller is lockNotHeld.
 *
 * That is for callers who may know of every code; others-code.ts marks the refusals that must not
 * be told to others.
 *
 * A lease ends at `untilMs`, to the millisecond: `expireLeases` is applied before the commands of
 * the same moment.
 */
import type { Command } from '../../domain/command.js';
import type { Decision } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import { asSeq, type BookId, type Seq } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Random } from '../../domain/random.js';
import { applyAssigned, assignCode, assignRandom } from './assign.js';
import { addCodes, applyBatchGivenUp, applyBatchOpened, applyCodesAdded, giveUpBatch, openBatch } from './batches.js';
import { applyBookChanged, applyBookCreated, archiveBook, createBook, updateBook } from './books.js';
import { applyLocked, applyUnlocked, lockCode, unlockCode } from './lock.js';
import { applyRedeemed, redeemCode } from './redeem.js';
import { applyRolledBack, rollbackRedemption } from './rollback.js';
import type { Coupons } from './state.js';
import { applyUnassigned, unassignCode } from './unassign.js';

export function decideCoupons(coupons: Coupons, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    case 'redeemCode':
      return redeemCode(coupons, command, nowMs, random);
    case 'assignRandom':
      return assignRandom(coupons, command, nowMs, random);
    case 'lockCode':
      return lockCode(coupons, command, nowMs);
    case 'unlockCode':
      return unlockCode(coupons, command, nowMs);
    case 'assignCode':
      return assignCode(coupons, command, nowMs);
    case 'rollbackRedemption':
      return rollbackRedemption(coupons, command);
    case 'unassignCode':
      return unassignCode(coupons, command, nowMs);
    case 'addCodes':
      return addCodes(coupons, command);
    case 'createBook':
      return createBook(coupons, command, nowMs);
    case 'updateBook':
      return updateBook(coupons, command, nowMs);
    case 'archiveBook':
      return archiveBook(coupons, command, nowMs);
    case 'openBatch':
      return openBatch(coupons, command, nowMs);
    case 'giveUpBatch':
      return giveUpBatch(coupons, command);
  }
}

export function applyToCoupons(coupons: Coupons, event: DomainEvent): void {
  switch (event.kind) {
    case 'codeRedeemed':
      applyRedeemed(coupons, event);
      return;
    case 'codeAssigned':
      applyAssigned(coupons, event);
      return;
    case 'codeLocked':
      applyLocked(coupons, event);
      return;
    case 'codeUnlocked':
    case 'leaseExpired':
      applyUnlocked(coupons, event);
      return;
    case 'codeUnassigned':
      applyUnassigned(coupons, event);
      return;
    case 'redemptionRolledBack':
      applyRolledBack(coupons, event);
      return;
    case 'codesAdded':
      applyCodesAdded(coupons, event);
      return;
    case 'bookCreated':
      applyBookCreated(coupons, event);
      return;
    case 'bookUpdated':
    case 'bookArchived':
      applyBookChanged(coupons, event);
      return;
    case 'batchOpened':
      applyBatchOpened(coupons, event);
      return;
    case 'batchGivenUp':
      applyBatchGivenUp(coupons, event);
      return;
    case 'noted':
      return;
    default:
      unknownEvent(event);
  }
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}

/**
 * Where a key of this command is remembered; undefined: nowhere, since what it names isn't there.
 */
export function scopeOf(coupons: Coupons, command: Command): BookId | null | undefined {
  if (command.kind === 'createBook') return null;
  if ('bookId' in command) return command.bookId;
  const index = coupons.codes.find(command.code);
  return index === -1 ? undefined : coupons.bookOfCode(index).book.id;
}

export function lastSeqFor(coupons: Coupons, command: Command): Seq {
  if (!('code' in command)) return coupons.shard.seq;
  return asSeq(coupons.codes.lastSeq(coupons.codes.find(command.code)));
}

/**
 * Which function decides a command of coupon books, and which one applies an event.
 *
 * Written by `npm run generate` from the declarations in src/records/. Do not edit.
 */
import type { Command } from '../../domain/command.js';
import type { Decision } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Random } from '../../domain/random.js';
import { unknownRecord } from '../../records/unknown.js';
import { applyCodeAssigned, assignCode, assignRandom } from './assign.js';
import { addCodes, applyBatchGivenUp, applyBatchOpened, applyCodesAdded, giveUpBatch, openBatch } from './batches.js';
import { applyBookArchived, applyBookCreated, applyBookUpdated, archiveBook, createBook, updateBook } from './books.js';
import { applyCodeLocked, applyCodeUnlocked, applyLeaseExpired, lockCode, unlockCode } from './lock.js';
import type { Reads } from './reads.js';
import { applyCodeRedeemed, redeemCode } from './redeem.js';
import { applyRedemptionRolledBack, rollbackRedemption } from './rollback.js';
import type { Coupons } from './state.js';
import { applyCodeUnassigned, unassignCode } from './unassign.js';

export function decideCoupons(coupons: Coupons, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    case 'assignRandom':
      return assignRandom(coupons, command, nowMs, random);
    case 'assignCode':
      return assignCode(coupons, command, nowMs);
    case 'lockCode':
      return lockCode(coupons, command, nowMs);
    case 'unlockCode':
      return unlockCode(coupons, command, nowMs);
    case 'redeemCode':
      return redeemCode(coupons, command, nowMs, random);
    case 'rollbackRedemption':
      return rollbackRedemption(coupons, command);
    case 'unassignCode':
      return unassignCode(coupons, command, nowMs);
    case 'createBook':
      return createBook(coupons, command, nowMs);
    case 'updateBook':
      return updateBook(coupons, command, nowMs);
    case 'archiveBook':
      return archiveBook(coupons, command, nowMs);
    case 'addCodes':
      return addCodes(coupons, command);
    case 'openBatch':
      return openBatch(coupons, command, nowMs);
    case 'giveUpBatch':
      return giveUpBatch(coupons, command);
  }
}

export function applyToCoupons(coupons: Coupons, event: DomainEvent): void {
  switch (event.kind) {
    case 'codeAssigned':
      applyCodeAssigned(coupons, event);
      return;
    case 'codeUnassigned':
      applyCodeUnassigned(coupons, event);
      return;
    case 'codeLocked':
      applyCodeLocked(coupons, event);
      return;
    case 'codeUnlocked':
      applyCodeUnlocked(coupons, event);
      return;
    case 'leaseExpired':
      applyLeaseExpired(coupons, event);
      return;
    case 'codeRedeemed':
      applyCodeRedeemed(coupons, event);
      return;
    case 'redemptionRolledBack':
      applyRedemptionRolledBack(coupons, event);
      return;
    case 'bookCreated':
      applyBookCreated(coupons, event);
      return;
    case 'bookUpdated':
      applyBookUpdated(coupons, event);
      return;
    case 'bookArchived':
      applyBookArchived(coupons, event);
      return;
    case 'batchOpened':
      applyBatchOpened(coupons, event);
      return;
    case 'batchGivenUp':
      applyBatchGivenUp(coupons, event);
      return;
    case 'codesAdded':
      applyCodesAdded(coupons, event);
      return;
    case 'noted':
      return;
    default:
      unknownRecord(event);
  }
}

/** Notes what the command will read. Rare commands wait for their memory. */
export function noteReads(reads: Reads, coupons: Coupons, command: Command): void {
  switch (command.kind) {
    case 'assignRandom':
      reads.draw(coupons, command.bookId);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'assignCode':
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'lockCode':
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'unlockCode':
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'redeemCode':
      reads.roll();
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'rollbackRedemption':
      reads.name(coupons.codes.strings, command.code);
      return;
    case 'unassignCode':
      reads.name(coupons.codes.strings, command.code);
      return;
    case 'createBook':
    case 'updateBook':
    case 'archiveBook':
    case 'addCodes':
    case 'openBatch':
    case 'giveUpBatch':
      return;
  }
}

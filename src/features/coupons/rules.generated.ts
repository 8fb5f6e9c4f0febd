/**
 * Which function decides a command of coupon books, and which one applies an event.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { Command } from '../../domain/command.js';
import type { Decision } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Random } from '../../domain/random.js';
import { unknownRecord } from '../../records/unknown.js';
import { applyCodeAssigned, decideAssignCode, decideAssignRandom } from './assign.js';
import {
  applyBatchGivenUp,
  applyBatchOpened,
  applyCodesAdded,
  decideAddCodes,
  decideGiveUpBatch,
  decideOpenBatch,
} from './batches.js';
import {
  applyBookArchived,
  applyBookCreated,
  applyBookUpdated,
  decideArchiveBook,
  decideCreateBook,
  decideUpdateBook,
} from './books.js';
import { applyCodeLocked, applyCodeUnlocked, applyLeaseExpired, decideLockCode, decideUnlockCode } from './lock.js';
import type { Reads } from './reads.js';
import { applyCodeRedeemed, decideRedeemCode } from './redeem.js';
import { applyRedemptionRolledBack, decideRollbackRedemption } from './rollback.js';
import type { Coupons } from './state.js';
import { applyCodeUnassigned, decideUnassignCode } from './unassign.js';

export function decideCoupons(coupons: Coupons, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    case 'assignRandom':
      return decideAssignRandom(coupons, command, nowMs, random);
    case 'assignCode':
      return decideAssignCode(coupons, command, nowMs);
    case 'lockCode':
      return decideLockCode(coupons, command, nowMs);
    case 'unlockCode':
      return decideUnlockCode(coupons, command, nowMs);
    case 'redeemCode':
      return decideRedeemCode(coupons, command, nowMs, random);
    case 'unassignCode':
      return decideUnassignCode(coupons, command, nowMs);
    case 'openBatch':
      return decideOpenBatch(coupons, command, nowMs);
    case 'giveUpBatch':
      return decideGiveUpBatch(coupons, command);
    case 'addCodes':
      return decideAddCodes(coupons, command);
    case 'createBook':
      return decideCreateBook(coupons, command, nowMs);
    case 'updateBook':
      return decideUpdateBook(coupons, command, nowMs);
    case 'archiveBook':
      return decideArchiveBook(coupons, command, nowMs);
    case 'rollbackRedemption':
      return decideRollbackRedemption(coupons, command);
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
    case 'codesAdded':
      applyCodesAdded(coupons, event);
      return;
    case 'batchOpened':
      applyBatchOpened(coupons, event);
      return;
    case 'batchGivenUp':
      applyBatchGivenUp(coupons, event);
      return;
    case 'noted':
      // The kernel makes it, and it changes nothing.
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
    case 'unassignCode':
      reads.name(coupons.codes.strings, command.code);
      return;
    case 'rollbackRedemption':
      reads.name(coupons.codes.strings, command.code);
      return;
    case 'openBatch':
    case 'giveUpBatch':
    case 'addCodes':
    case 'createBook':
    case 'updateBook':
    case 'archiveBook':
      return;
  }
}

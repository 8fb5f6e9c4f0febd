/** Redeeming a code. */
import type { Command } from '../../domain/command.js';
import { type Decision, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Random } from '../../domain/random.js';
import {
  aboutCode,
  codeAssigned,
  codeNotFound,
  leaseOf,
  noteEventOf,
  redemptionsOf,
  refuseClosed,
  refuseMoreCodes,
  refuseMoreRedemptions,
  refuseStranger,
  refuseUsedUp,
  remainingOf,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export function redeemCode(
  coupons: Coupons,
  { code, userId, lockId, metadata }: Extract<Command, { kind: 'redeemCode' }>,
  nowMs: number,
  random: Random,
): Decision | Refusal {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index);
  const { settings, id: bookId } = book.current;
  const isNew = coupons.codes.phase(index) === AVAILABLE;
  const refusal =
    refuseStranger(coupons, index, userId, nowMs) ?? refuseClosed(book, nowMs) ?? refuseUsedUp(coupons, book, index);
  if (refusal !== null) return refusal;
  const held = isNew ? 0 : leaseOf(coupons, index, nowMs);
  if (settings.requireLock && held === 0) {
    return refuse('lockNotHeld', 'This book wants a code locked before it is redeemed, and no lock is held.');
  }
  if (lockId !== null && lockId !== held) return refuse('lockNotHeld', 'That lock is not held any more.');
  const limit = (isNew ? refuseMoreCodes(coupons, book, userId) : null) ?? refuseMoreRedemptions(coupons, book, userId);
  if (limit !== null) return limit;

  const redemptionCount = redemptionsOf(coupons, index) + 1;
  const redemptionId = coupons.redemptions.newId(nowMs, coupons.redemptions.next, random);
  const about = aboutCode(coupons, index, code, userId);
  const redeemed: DomainEvent = {
    kind: 'codeRedeemed',
    redemptionId,
    atMs: nowMs,
    redemptionCount,
    metadata,
    bookId,
    index,
    code,
    userId,
    prevSeq: isNew ? asSeq(coupons.shard.seq + 1) : about.prevSeq,
  };
  const events = isNew ? [codeAssigned(about, nowMs), redeemed] : [redeemed];
  const remaining = remainingOf(settings, redemptionCount);
  return {
    kind: 'decision',
    bookId,
    events,
    outcome: { kind: 'redeemed', code, userId, redemptionId, redeemedMs: nowMs, redemptionCount, remaining },
  };
}

export function applyCodeRedeemed(coupons: Coupons, event: Extract<DomainEvent, { kind: 'codeRedeemed' }>): void {
  coupons.unlock(event.index);
  coupons.setRedemptionCount(event.index, event.redemptionCount);
  // Only the user of a code redeems it, so no user has to be looked up by name.
  coupons.addRedemption(event.redemptionId, event.index, coupons.userOf(coupons.codes.record(event.index)));
  coupons.countRate(coupons.bookOfCode(event.index), event.atMs, 1);
  noteEventOf(coupons, event.index);
}

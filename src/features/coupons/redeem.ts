/** Redeeming a code. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { Random } from '../../domain/random.js';
import type { RedeemCode } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { CodeRedeemed } from '../../records/events.generated.js';
import {
  code,
  count,
  countOrNull,
  integerOrNull,
  jsonOrNull,
  redemptionId,
  subject,
  time,
} from '../../records/fields.js';
import { CODE, LOCK_ID, REDEMPTION_ID, USER } from '../../records/story.js';
import {
  aboutCode,
  CLOSED,
  codeAssignedEvent,
  codeNotFound,
  leaseOf,
  noteEventOf,
  ofCode,
  redemptionsOf,
  refuseClosed,
  refuseHeld,
  refuseMoreCodes,
  refuseMoreRedemptions,
  refuseStranger,
  refuseUse,
  refuseUsedUp,
  remainingOf,
  seenByOwner,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import { givenLock, leaseEnds } from './lock.js';
import type { Coupons } from './state.js';

/**
 * Also ends the lease of the code, if there is one. `redemptionCount` is the count after this
 * event.
 */
export const codeRedeemed = event(
  'codeRedeemed',
  11,
  { ...ofCode, redemptionId: redemptionId(), atMs: time(), redemptionCount: count(), metadata: jsonOrNull() },
  {
    shownAs: 'coupon.redeemed',
    live: seenByOwner,
    row: { ...leaseEnds, redemption_count: 'redemptionCount' },
    detail: ['metadata'],
    appends: { table: 'redemptions', values: ['seq', 'atMs', 'index', 'shard', 'redemptionId', 'userId'] },
  },
);

/** `remaining`: how often the code can still be redeemed; null: without limit. */
export const redeemed = outcome(
  'redeemed',
  7,
  {
    code: code(),
    userId: subject(),
    redemptionId: redemptionId().drawn(),
    redeemedMs: time().as('redeemedAt'),
    redemptionCount: count(),
    remaining: countOrNull(),
  },
  { memory: 3, answer: 'fields' },
);

export const redeemCode = command(
  'redeemCode',
  { code: code(), userId: subject(), lockId: integerOrNull(), metadata: jsonOrNull() },
  {
    gives: redeemed,
    refusals: [
      'codeNotFound',
      'lockedByAnother',
      ...CLOSED,
      'usedUp',
      'lockNotHeld',
      'userCodesLimit',
      'userRedemptionsLimit',
    ],
    message: { request: 3, reply: 3 },
    prefetches: ['randomNumber'],
    http: {
      method: 'POST',
      path: '/api/v1/coupons/{code}/redeem',
      tag: 'Coupons',
      summary: 'Redeem a code',
      may: 'anyRole',
      title: 'RedeemInput',
      body: { userId: {}, lockId: givenLock, metadata: {} },
      answer: 'The redemption',
      examples: {
        bodies: {
          plain: { summary: 'Redeem', value: { userId: USER } },
          withLock: {
            summary: 'With the lock that was given, and your own data',
            value: { userId: USER, lockId: LOCK_ID, metadata: { orderId: 'A-1001' } },
          },
        },
        answers: {
          redeemed: {
            summary: 'Redeemed, for the only time',
            value: {
              code: CODE,
              userId: USER,
              redemptionId: REDEMPTION_ID,
              redeemedAt: '2026-06-08T08:01:12.456Z',
              redemptionCount: 1,
              remaining: 0,
            },
          },
        },
      },
    },
  },
);

export function decideRedeemCode(
  coupons: Coupons,
  { code, userId, lockId, metadata }: RedeemCode,
  nowMs: number,
  random: Random,
): Decided<typeof redeemCode> {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index);
  const { settings, id: bookId } = book.current;
  const isNew = coupons.codes.phase(index) === AVAILABLE;
  const refusal =
    refuseStranger(coupons, index, userId, nowMs) ??
    refuseHeld(coupons, index) ??
    refuseClosed(book, nowMs) ??
    refuseUsedUp(coupons, book, index);
  if (refusal !== null) return refusal;
  const held = isNew ? 0 : leaseOf(coupons, index, nowMs);
  if (settings.requireLock && held === 0) {
    return refuse('lockNotHeld', 'This book wants a code locked before it is redeemed, and no lock is held.');
  }
  if (lockId !== null && lockId !== held) return refuse('lockNotHeld', 'That lock is not held any more.');
  const limit =
    (isNew ? refuseMoreCodes(coupons, book, userId) : null) ??
    refuseMoreRedemptions(coupons, book, userId) ??
    refuseUse(coupons, book, userId, nowMs);
  if (limit !== null) return limit;

  const redemptionCount = redemptionsOf(coupons, index) + 1;
  const redemptionId = coupons.redemptions.newId(nowMs, coupons.redemptions.next, random);
  const about = aboutCode(coupons, index, code, userId);
  const redemption: DomainEvent = {
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
  const events = isNew ? [codeAssignedEvent(about, nowMs), redemption] : [redemption];
  const remaining = remainingOf(settings, redemptionCount);
  return {
    kind: 'decision',
    scopeId: bookId,
    events,
    outcome: { kind: 'redeemed', code, userId, redemptionId, redeemedMs: nowMs, redemptionCount, remaining },
  };
}

export function applyCodeRedeemed(coupons: Coupons, event: CodeRedeemed): void {
  coupons.unlock(event.index);
  coupons.setRedemptionCount(event.index, event.redemptionCount);
  // Only the user of a code redeems it, so no user has to be looked up by name.
  coupons.addRedemption(event.redemptionId, event.index, coupons.userOf(coupons.codes.record(event.index)));
  const book = coupons.bookOfCode(event.index);
  coupons.countRate(book, event.atMs, 1);
  if (book.hadDiscount) coupons.discounts?.noteRedeemed(book.current.id, event.atMs);
  noteEventOf(coupons, event.index);
}

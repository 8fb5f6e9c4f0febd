/** Records of unique codes: assigning, locking, redeeming and taking back. */
import { command, event, outcome } from './declare.js';
import {
  bookId,
  code,
  count,
  countOrNull,
  integer,
  integerOrNull,
  jsonOrNull,
  redemptionId,
  seq,
  subject,
  textOrNull,
  time,
} from './fields.js';

// ─── Events ──────────────────────────────────────────────────────────────────────────────────────

/**
 * What every event of one code carries. `index` is the code's place in its shard, given once by
 * `codesAdded` and never changed. `prevSeq` chains a code's events, newest to oldest; 0 ends it.
 */
const ofCode = { bookId: bookId(), index: count(), code: code(), userId: subject(), prevSeq: seq() };

const leaseEnds = { lock_id: null, locked_until_ms: null } as const;

export const codeAssigned = event(
  'codeAssigned',
  6,
  { ...ofCode, atMs: time() },
  { shownAs: 'coupon.assigned', row: { user_id: 'userId', assigned_ms: 'atMs' } },
);

export const codeUnassigned = event(
  'codeUnassigned',
  7,
  { ...ofCode, reason: textOrNull() },
  { shownAs: 'coupon.unassigned', row: { user_id: null, assigned_ms: null }, detail: ['reason'] },
);

/** A renewal is the same event with the same `lockId` and a later `untilMs`. */
export const codeLocked = event(
  'codeLocked',
  8,
  { ...ofCode, lockId: integer(), untilMs: time() },
  { shownAs: 'coupon.locked', row: { lock_id: 'lockId', locked_until_ms: 'untilMs' } },
);

export const codeUnlocked = event(
  'codeUnlocked',
  9,
  { ...ofCode, lockId: integer() },
  { shownAs: 'coupon.unlocked', row: leaseEnds },
);

export const leaseExpired = event(
  'leaseExpired',
  10,
  { ...ofCode, lockId: integer() },
  { shownAs: 'coupon.lock_expired', row: leaseEnds },
);

/** Ends the code's lease, if it has one. `redemptionCount` is the count after it. */
export const codeRedeemed = event(
  'codeRedeemed',
  11,
  { ...ofCode, redemptionId: redemptionId(), atMs: time(), redemptionCount: count(), metadata: jsonOrNull() },
  {
    shownAs: 'coupon.redeemed',
    row: { ...leaseEnds, redemption_count: 'redemptionCount' },
    detail: ['metadata'],
    appends: { table: 'redemptions', values: ['seq', 'atMs', 'index', 'shard', 'redemptionId', 'userId'] },
  },
);

/** `userId` is the user whose redemption it was; `redemptionCount` is the count after it. */
export const redemptionRolledBack = event(
  'redemptionRolledBack',
  12,
  { ...ofCode, redemptionId: redemptionId(), redemptionCount: count(), reason: textOrNull() },
  {
    shownAs: 'coupon.rolled_back',
    row: { redemption_count: 'redemptionCount' },
    detail: ['reason'],
    appends: { table: 'rollbacks', values: ['seq', 'shard', 'redemptionId'] },
  },
);

// ─── Outcomes ────────────────────────────────────────────────────────────────────────────────────

export const assigned = outcome(
  'assigned',
  4,
  { bookId: bookId().as('couponBookId'), code: code(), userId: subject(), assignedMs: time().as('assignedAt') },
  { memory: 1, isAnswer: true },
);

export const locked = outcome(
  'locked',
  5,
  { code: code(), userId: subject(), lockId: integer(), untilMs: time().as('lockedUntil') },
  { memory: 2, isAnswer: true },
);

export const unlocked = outcome('unlocked', 6, { code: code(), userId: subject() }, { memory: null, isAnswer: true });

/** `remaining`: how often this code can still be redeemed; `null` is without end. */
export const redeemed = outcome(
  'redeemed',
  7,
  {
    code: code(),
    userId: subject(),
    redemptionId: redemptionId(),
    redeemedMs: time().as('redeemedAt'),
    redemptionCount: count(),
    remaining: countOrNull(),
  },
  { memory: 3, isAnswer: true },
);

export const rolledBack = outcome(
  'rolledBack',
  8,
  { code: code(), redemptionId: redemptionId(), redemptionCount: count(), remaining: countOrNull() },
  { memory: null, isAnswer: true },
);

export const unassigned = outcome(
  'unassigned',
  9,
  { bookId: bookId().as('couponBookId'), code: code() },
  { memory: null, isAnswer: true },
);

// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

export const assignRandom = command(
  'assignRandom',
  { bookId: bookId(), userId: subject() },
  { gives: assigned, message: { request: 2, reply: 1, replyOrder: ['assignedMs', 'code'] } },
);

export const assignCode = command(
  'assignCode',
  { code: code(), userId: subject() },
  { gives: assigned, message: { request: 6, reply: 2, replyOrder: ['assignedMs', 'bookId'] } },
);

export const lockCode = command(
  'lockCode',
  { code: code(), userId: subject(), ttlMs: integerOrNull() },
  { gives: locked, message: { request: 4, reply: 4 } },
);

export const unlockCode = command(
  'unlockCode',
  { code: code(), userId: subject(), lockId: integerOrNull() },
  { gives: unlocked, message: { request: 5, reply: 5 } },
);

export const redeemCode = command(
  'redeemCode',
  { code: code(), userId: subject(), lockId: integerOrNull(), metadata: jsonOrNull() },
  { gives: redeemed, message: { request: 3, reply: 3 } },
);

/** `redemptionId` is whatever text the caller sent; the outcome's is that of a redemption. */
export const rollbackRedemption = command(
  'rollbackRedemption',
  { code: code(), redemptionId: redemptionId(), reason: textOrNull() },
  { gives: rolledBack, message: null },
);

export const unassignCode = command(
  'unassignCode',
  { code: code(), reason: textOrNull() },
  { gives: unassigned, message: { request: 7, reply: 6 } },
);

/** Records of coupon codes: assign, lock, redeem, roll back, unassign. */
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
 * The fields of every event of a code. `index` is the position of the code in its shard;
 * `codesAdded` assigns it, and it never changes. `prevSeq` is the sequence of the code's previous
 * event; 0: there is none.
 */
const ofCode = { bookId: bookId(), index: count(), code: code(), userId: subject(), prevSeq: seq() };

/** All events of a code: its user sees them, and so does the staff of the shop. */
const seenByOwner = { topics: ['book', 'code', 'user'], seenBy: 'owner' } as const;

const leaseEnds = { lock_id: null, locked_until_ms: null } as const;

const codeAssigned = event(
  'codeAssigned',
  6,
  { ...ofCode, atMs: time() },
  { shownAs: 'coupon.assigned', live: seenByOwner, row: { user_id: 'userId', assigned_ms: 'atMs' } },
);

const codeUnassigned = event(
  'codeUnassigned',
  7,
  { ...ofCode, reason: textOrNull() },
  { shownAs: 'coupon.unassigned', live: seenByOwner, row: { user_id: null, assigned_ms: null }, detail: ['reason'] },
);

/** The renewal of a lock is the same event with the same `lockId` and a later `untilMs`. */
const codeLocked = event(
  'codeLocked',
  8,
  { ...ofCode, lockId: integer(), untilMs: time() },
  { shownAs: 'coupon.locked', live: seenByOwner, row: { lock_id: 'lockId', locked_until_ms: 'untilMs' } },
);

const codeUnlocked = event(
  'codeUnlocked',
  9,
  { ...ofCode, lockId: integer() },
  { shownAs: 'coupon.unlocked', live: seenByOwner, row: leaseEnds },
);

const leaseExpired = event(
  'leaseExpired',
  10,
  { ...ofCode, lockId: integer() },
  { shownAs: 'coupon.lock_expired', live: seenByOwner, row: leaseEnds },
);

/**
 * Also ends the lease of the code, if there is one. `redemptionCount` is the count after this
 * event.
 */
const codeRedeemed = event(
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

/**
 * `userId` is the user who had redeemed the code. `redemptionCount` is the count after this event.
 */
const redemptionRolledBack = event(
  'redemptionRolledBack',
  12,
  { ...ofCode, redemptionId: redemptionId(), redemptionCount: count(), reason: textOrNull() },
  {
    shownAs: 'coupon.rolled_back',
    live: seenByOwner,
    row: { redemption_count: 'redemptionCount' },
    detail: ['reason'],
    appends: { table: 'rollbacks', values: ['seq', 'shard', 'redemptionId'] },
  },
);

// ─── Outcomes ────────────────────────────────────────────────────────────────────────────────────

const assigned = outcome(
  'assigned',
  4,
  { bookId: bookId().as('couponBookId'), code: code(), userId: subject(), assignedMs: time().as('assignedAt') },
  { memory: 1, answer: 'fields' },
);

const locked = outcome(
  'locked',
  5,
  { code: code(), userId: subject(), lockId: integer(), untilMs: time().as('lockedUntil') },
  { memory: 2, answer: 'fields' },
);

const unlocked = outcome('unlocked', 6, { code: code(), userId: subject() }, { memory: 'json', answer: 'fields' });

/** `remaining`: how often the code can still be redeemed; null: without limit. */
const redeemed = outcome(
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
  { memory: 3, answer: 'fields' },
);

const rolledBack = outcome(
  'rolledBack',
  8,
  { code: code(), redemptionId: redemptionId(), redemptionCount: count(), remaining: countOrNull() },
  { memory: 'json', answer: 'fields' },
);

const unassigned = outcome(
  'unassigned',
  9,
  { bookId: bookId().as('couponBookId'), code: code() },
  { memory: 'json', answer: 'fields' },
);

// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

const assignRandom = command(
  'assignRandom',
  { bookId: bookId(), userId: subject() },
  { gives: assigned, message: { request: 2, reply: 1 }, prefetches: ['drawnCode'] },
);

const assignCode = command(
  'assignCode',
  { code: code(), userId: subject() },
  { gives: assigned, message: { request: 6, reply: 2 } },
);

const lockCode = command(
  'lockCode',
  { code: code(), userId: subject(), ttlMs: integerOrNull() },
  { gives: locked, message: { request: 4, reply: 4 } },
);

const unlockCode = command(
  'unlockCode',
  { code: code(), userId: subject(), lockId: integerOrNull() },
  { gives: unlocked, message: { request: 5, reply: 5 } },
);

const redeemCode = command(
  'redeemCode',
  { code: code(), userId: subject(), lockId: integerOrNull(), metadata: jsonOrNull() },
  { gives: redeemed, message: { request: 3, reply: 3 }, prefetches: ['randomNumber'] },
);

/** `redemptionId` is the text from the caller, which need not be the id of a redemption. */
const rollbackRedemption = command(
  'rollbackRedemption',
  { code: code(), redemptionId: redemptionId(), reason: textOrNull() },
  { gives: rolledBack, message: 'object' },
);

const unassignCode = command(
  'unassignCode',
  { code: code(), reason: textOrNull() },
  { gives: unassigned, message: { request: 7, reply: 6 } },
);

export const couponRecords = {
  events: [codeAssigned, codeUnassigned, codeLocked, codeUnlocked, leaseExpired, codeRedeemed, redemptionRolledBack],
  outcomes: [assigned, locked, unlocked, redeemed, rolledBack, unassigned],
  commands: [assignRandom, assignCode, lockCode, unlockCode, redeemCode, rollbackRedemption, unassignCode],
} as const;

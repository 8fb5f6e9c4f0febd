/** Locking a code for a while, and the end of a lock: by its holder, or by time. */
import { bookIsArchived, type Decided, refuse } from '../../domain/decision.js';
import type { Change, DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { LockCode, UnlockCode } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { CodeLocked, CodeUnlocked, LeaseExpired } from '../../records/events.generated.js';
import { code, integer, integerOrNull, subject, time } from '../../records/fields.js';
import { CODE, LOCK_ID, USER } from '../../records/story.js';
import { LOCK_TTL_SECONDS_MAX } from './book.js';
import {
  aboutCode,
  CLOSED,
  codeAssignedEvent,
  codeNotFound,
  isUsers,
  leaseOf,
  noteEventOf,
  ofCode,
  refuseClosed,
  refuseHeld,
  refuseMoreCodes,
  refuseStranger,
  refuseUsedUp,
  seenByOwner,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export const leaseEnds = { lock_id: null, locked_until_ms: null } as const;

/** A lock id in the body of a request. */
export const givenLock = { min: 1, description: 'The lock that was given; it grows with each new lock' } as const;

/** The renewal of a lock is the same event with the same `lockId` and a later `untilMs`. */
export const codeLocked = event(
  'codeLocked',
  8,
  { ...ofCode, lockId: integer(), untilMs: time() },
  { shownAs: 'coupon.locked', live: seenByOwner, row: { lock_id: 'lockId', locked_until_ms: 'untilMs' } },
);

export const locked = outcome(
  'locked',
  5,
  { code: code(), userId: subject(), lockId: integer(), untilMs: time().as('lockedUntil') },
  { memory: 2, answer: 'fields' },
);

export const lockCode = command(
  'lockCode',
  { code: code(), userId: subject(), ttlMs: integerOrNull() },
  {
    gives: locked,
    refusals: ['codeNotFound', 'lockedByAnother', ...CLOSED, 'usedUp', 'userCodesLimit'],
    message: { request: 4, reply: 4 },
    http: {
      method: 'POST',
      path: '/api/v1/coupons/{code}/lock',
      tag: 'Coupons',
      summary: 'Lock a code for a user, for a while',
      description: 'A lock is a lease: it ends by itself at `lockedUntil`. By the same user again it is renewed.',
      may: 'anyRole',
      title: 'LockInput',
      body: {
        userId: {},
        ttlSeconds: { field: 'ttlMs', unit: 'seconds', min: 1, max: LOCK_TTL_SECONDS_MAX },
      },
      answer: 'The lock',
      examples: {
        bodies: {
          minute: { summary: 'For a minute', value: { userId: USER, ttlSeconds: 60 } },
          usual: { summary: "For the book's own time", value: { userId: USER } },
        },
        answers: {
          locked: {
            summary: 'Locked for a minute',
            value: { code: CODE, userId: USER, lockId: LOCK_ID, lockedUntil: '2026-06-08T08:01:30.000Z' },
          },
        },
      },
    },
  },
);

export function decideLockCode(
  coupons: Coupons,
  { code, userId, ttlMs }: LockCode,
  nowMs: number,
): Decided<typeof lockCode> {
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
  const limit = isNew ? refuseMoreCodes(coupons, book, userId) : null;
  if (limit !== null) return limit;

  const untilMs = nowMs + (ttlMs ?? settings.lockTtlMs ?? coupons.shard.options.lockTtlMs);
  const about = aboutCode(coupons, index, code, userId);
  const renewed = isNew ? 0 : leaseOf(coupons, index, nowMs);
  // A lock id is the sequence of the event that made the lock: it grows, and no two locks share
  // one.
  const lockId = renewed !== 0 ? renewed : coupons.shard.seq + (isNew ? 2 : 1);
  const prevSeq = isNew ? asSeq(coupons.shard.seq + 1) : about.prevSeq;
  const lock = { kind: 'codeLocked', lockId, untilMs, bookId, index, code, userId, prevSeq } as const;
  const events: DomainEvent[] = isNew ? [codeAssignedEvent(about, nowMs), lock] : [lock];
  return { kind: 'decision', scopeId: bookId, events, outcome: { kind: 'locked', code, userId, lockId, untilMs } };
}

export const codeUnlocked = event(
  'codeUnlocked',
  9,
  { ...ofCode, lockId: integer() },
  { shownAs: 'coupon.unlocked', live: seenByOwner, row: leaseEnds },
);

export const unlocked = outcome(
  'unlocked',
  6,
  { code: code(), userId: subject() },
  { memory: 'json', answer: 'fields' },
);

export const unlockCode = command(
  'unlockCode',
  { code: code(), userId: subject(), lockId: integerOrNull() },
  {
    gives: unlocked,
    refusals: ['codeNotFound', 'bookArchived', 'notLocked', 'lockNotHeld'],
    message: { request: 5, reply: 5 },
    http: {
      method: 'POST',
      path: '/api/v1/coupons/{code}/unlock',
      tag: 'Coupons',
      summary: "End a user's lock before its time",
      may: 'anyRole',
      title: 'UnlockInput',
      body: { userId: {}, lockId: givenLock },
      answer: 'Unlocked',
      examples: {
        bodies: {
          any: { summary: 'Whatever lock Ada holds', value: { userId: USER } },
          exact: { summary: 'Only this lock', value: { userId: USER, lockId: LOCK_ID } },
        },
        answers: { unlocked: { summary: 'The lock has ended', value: { code: CODE, userId: USER } } },
      },
    },
  },
);

export function decideUnlockCode(
  coupons: Coupons,
  { code, userId, lockId }: UnlockCode,
  nowMs: number,
): Decided<typeof unlockCode> {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index).current;
  if (book.archivedMs !== null) return bookIsArchived();
  const held = leaseOf(coupons, index, nowMs);
  if (held === 0) return refuse('notLocked', 'This code is not locked.');
  if (!isUsers(coupons, index, userId)) return refuse('lockNotHeld', 'This code is locked by another user.');
  if (coupons.heldCodes.has(index))
    return refuse('lockNotHeld', 'This code is held by a reservation of a cart; release that.');
  if (lockId !== null && lockId !== held) return refuse('lockNotHeld', 'That lock has ended; the code is locked anew.');
  return {
    kind: 'decision',
    scopeId: book.id,
    events: [{ kind: 'codeUnlocked', lockId: held, ...aboutCode(coupons, index, code, userId) }],
    outcome: { kind: 'unlocked', code, userId },
  };
}

export const leaseExpired = event(
  'leaseExpired',
  10,
  { ...ofCode, lockId: integer() },
  { shownAs: 'coupon.lock_expired', live: seenByOwner, row: leaseEnds },
);

/**
 * The change for the earliest lease that has ended by now, if any. Apply it, and call again.
 */
export function expireLeases(coupons: Coupons, nowMs: number): Change | null {
  const record = coupons.leases.first();
  if (record === -1) return null;
  if (coupons.leases.untilMs(record) > nowMs) return null;
  const index = coupons.codes.used.index.get(record);
  const about = aboutCode(coupons, index, coupons.codes.text(index), coupons.users.name(coupons.userOf(record)));
  const event: DomainEvent = { kind: 'leaseExpired', lockId: coupons.leases.lockId(record), ...about };
  return {
    firstSeq: asSeq(coupons.shard.seq + 1),
    atMs: nowMs,
    scopeId: about.bookId,
    caller: 'system',
    requestId: '',
    events: [event],
    remembered: null,
  };
}

/** When the next lease ends, Unix ms; null if none is held. */
export function nextLeaseEndMs(coupons: Coupons): number | null {
  const record = coupons.leases.first();
  return record === -1 ? null : coupons.leases.untilMs(record);
}

export function applyCodeLocked(coupons: Coupons, event: CodeLocked): void {
  coupons.lock(event.index, event.lockId, event.untilMs);
  noteEventOf(coupons, event.index);
}

export function applyCodeUnlocked(coupons: Coupons, event: CodeUnlocked | LeaseExpired): void {
  coupons.unlock(event.index);
  noteEventOf(coupons, event.index);
}

export const applyLeaseExpired = applyCodeUnlocked;

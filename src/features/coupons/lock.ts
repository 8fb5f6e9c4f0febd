/** Locking a code for a while, and the end of a lock: by its holder, or by time. */
import type { Command } from '../../domain/command.js';
import { bookArchived, type Decision, refuse } from '../../domain/decision.js';
import type { Change, DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import {
  aboutCode,
  codeAssigned,
  codeNotFound,
  isUsers,
  leaseOf,
  noteEventOf,
  refuseClosed,
  refuseMoreCodes,
  refuseStranger,
  refuseUsedUp,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export function lockCode(
  coupons: Coupons,
  { code, userId, ttlMs }: Extract<Command, { kind: 'lockCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index);
  const { settings, id: bookId } = book.current;
  const isNew = coupons.codes.phase(index) === AVAILABLE;
  const refusal =
    refuseStranger(coupons, index, userId, nowMs) ?? refuseClosed(book, nowMs) ?? refuseUsedUp(coupons, book, index);
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
  const locked = { kind: 'codeLocked', lockId, untilMs, bookId, index, code, userId, prevSeq } as const;
  const events: DomainEvent[] = isNew ? [codeAssigned(about, nowMs), locked] : [locked];
  return { kind: 'decision', bookId, events, outcome: { kind: 'locked', code, userId, lockId, untilMs } };
}

export function unlockCode(
  coupons: Coupons,
  { code, userId, lockId }: Extract<Command, { kind: 'unlockCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = coupons.bookOfCode(index).current;
  if (book.archivedMs !== null) return bookArchived();
  const held = leaseOf(coupons, index, nowMs);
  if (held === 0) return refuse('notLocked', 'This code is not locked.');
  if (!isUsers(coupons, index, userId)) return refuse('lockNotHeld', 'This code is locked by another user.');
  if (lockId !== null && lockId !== held) return refuse('lockNotHeld', 'That lock has ended; the code is locked anew.');
  return {
    kind: 'decision',
    bookId: book.id,
    events: [{ kind: 'codeUnlocked', lockId: held, ...aboutCode(coupons, index, code, userId) }],
    outcome: { kind: 'unlocked', code, userId },
  };
}

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
    bookId: about.bookId,
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

export function applyCodeLocked(coupons: Coupons, event: Extract<DomainEvent, { kind: 'codeLocked' }>): void {
  coupons.lock(event.index, event.lockId, event.untilMs);
  noteEventOf(coupons, event.index);
}

export function applyCodeUnlocked(
  coupons: Coupons,
  event: Extract<DomainEvent, { kind: 'codeUnlocked' }> | Extract<DomainEvent, { kind: 'leaseExpired' }>,
): void {
  coupons.unlock(event.index);
  noteEventOf(coupons, event.index);
}

export const applyLeaseExpired = applyCodeUnlocked;

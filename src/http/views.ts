/**
 * What the engine answers, in the words of the API. What is hot is written by hand: every text in
 * it but the user's id is made of characters that need no escape in JSON (codes, ids, times).
 */
import type { BookStats, BookView, Done, HistoryEntry } from '../actor/engine.js';
import type { CodeView } from '../domain/command.js';
import type { Outcome } from '../domain/outcome.js';
import type { AnswerBytes } from './answer-bytes.js';
import type { Exchange } from './exchange.js';
import { isoTime, isoTimeOrNull, millis, upToSecond } from './iso-time.js';

export type OutcomeOf<Kind extends Outcome['kind']> = Extract<Outcome, { readonly kind: Kind }>;

/** An engine that answers a command with the outcome of another one is broken. */
export function expectOutcome<Kind extends Outcome['kind']>(done: Done, kind: Kind): OutcomeOf<Kind> {
  if (done.outcome.kind !== kind) throw new Error(`outcome ${done.outcome.kind} where ${kind} was asked for`);
  return done.outcome as OutcomeOf<Kind>;
}

export function showAssigned(x: Exchange, done: Done): void {
  const { bookId, code, userId, assignedMs } = expectOutcome(done, 'assigned');
  const out = x.write().ascii('{"couponBookId":"').ascii(bookId).ascii('","code":"').ascii(code);
  writeTime(out.ascii('","userId":').json(userId).ascii(',"assignedAt":"'), assignedMs).ascii('"}');
  x.changedAsWritten(done);
}

export function showLocked(x: Exchange, done: Done): void {
  const { code, userId, lockId, untilMs } = expectOutcome(done, 'locked');
  const out = x.write().ascii('{"code":"').ascii(code).ascii('","userId":').json(userId);
  writeTime(out.ascii(',"lockId":').whole(lockId).ascii(',"lockedUntil":"'), untilMs).ascii('"}');
  x.changedAsWritten(done);
}

export function showUnlocked(x: Exchange, done: Done): void {
  const { code, userId } = expectOutcome(done, 'unlocked');
  x.write().ascii('{"code":"').ascii(code).ascii('","userId":').json(userId).ascii('}');
  x.changedAsWritten(done);
}

export function showRedeemed(x: Exchange, done: Done): void {
  const { code, userId, redemptionId, redeemedMs, redemptionCount, remaining } = expectOutcome(done, 'redeemed');
  const out = x.write().ascii('{"code":"').ascii(code).ascii('","userId":').json(userId);
  writeTime(out.ascii(',"redemptionId":"').ascii(redemptionId).ascii('","redeemedAt":"'), redeemedMs);
  out.ascii('","redemptionCount":').whole(redemptionCount).ascii(',"remaining":');
  (remaining === null ? out.ascii('null') : out.whole(remaining)).ascii('}');
  x.changedAsWritten(done);
}

const writeTime = (out: AnswerBytes, ms: number): AnswerBytes => out.ascii(upToSecond(ms)).ascii(millis(ms));

export function showRolledBack(x: Exchange, done: Done): void {
  const { code, redemptionId, redemptionCount, remaining } = expectOutcome(done, 'rolledBack');
  x.changed(200, JSON.stringify({ code, redemptionId, redemptionCount, remaining }), done);
}

export function showUnassigned(x: Exchange, done: Done): void {
  const { bookId, code } = expectOutcome(done, 'unassigned');
  x.changed(200, JSON.stringify({ couponBookId: bookId, code }), done);
}

export const etagOf = (version: number): string => `"${version}"`;

export function bookJson({ book, counts }: BookView): Record<string, unknown> {
  const { startMs, endMs, lockTtlMs, ...settings } = book.settings;
  return {
    id: book.id,
    name: settings.name,
    description: settings.description,
    startDate: isoTimeOrNull(startMs),
    endDate: isoTimeOrNull(endMs),
    isActive: settings.isActive,
    maxCodesPerUser: settings.maxCodesPerUser,
    maxRedemptionsPerUser: settings.maxRedemptionsPerUser,
    allowMultipleRedemptions: settings.allowMultipleRedemptions,
    maxRedemptionsPerCode: settings.maxRedemptionsPerCode,
    codePattern: settings.codePattern,
    redeemableBy: settings.redeemableBy,
    requireLock: settings.requireLock,
    lockTtlSeconds: lockTtlMs === null ? null : lockTtlMs / 1000,
    metadata: settings.metadata,
    counts: countsJson(counts),
    version: book.version,
    createdAt: isoTime(book.createdMs),
    updatedAt: isoTime(book.updatedMs),
    archivedAt: isoTimeOrNull(book.archivedMs),
  };
}

function countsJson({ total, available, assigned, locked, redeemed, redemptions }: BookView['counts']): object {
  return { total, available, assigned, locked, redeemed, redemptions };
}

const MINUTE_MS = 60_000;

export function statsJson(stats: BookStats): Record<string, unknown> {
  return {
    couponBookId: stats.book.id,
    counts: countsJson(stats.counts),
    perMinute: bucketsJson(stats.perMinute, stats.minuteMs, MINUTE_MS),
    perHour: bucketsJson(stats.perHour, stats.hourMs, 60 * MINUTE_MS),
    perDay: bucketsJson(stats.perDay, stats.dayMs, 24 * 60 * MINUTE_MS),
  };
}

function bucketsJson(counts: readonly number[], lastMs: number, widthMs: number): object[] {
  return counts.map((redemptions, i) => ({
    start: isoTime(lastMs - (counts.length - 1 - i) * widthMs),
    redemptions,
  }));
}

export function codeJson(view: CodeView): Record<string, unknown> {
  return {
    code: view.code,
    couponBookId: view.bookId,
    status: view.status,
    userId: view.userId,
    assignedAt: isoTimeOrNull(view.assignedMs),
    lockId: view.lockId,
    lockedUntil: isoTimeOrNull(view.lockedUntilMs),
    redemptionCount: view.redemptionCount,
    redeemedAt: isoTimeOrNull(view.redeemedMs),
    remaining: view.remaining,
  };
}

/** What callers know the domain's events as: the same names that live updates carry. */
const EVENT_NAMES: Readonly<Record<string, string>> = {
  codeAssigned: 'coupon.assigned',
  codeUnassigned: 'coupon.unassigned',
  codeLocked: 'coupon.locked',
  codeUnlocked: 'coupon.unlocked',
  leaseExpired: 'coupon.lock_expired',
  codeRedeemed: 'coupon.redeemed',
  redemptionRolledBack: 'coupon.rolled_back',
};

export function historyJson(entry: HistoryEntry): Record<string, unknown> {
  return {
    commitSeq: `${entry.shard}-${entry.seq}`,
    event: EVENT_NAMES[entry.event] ?? entry.event,
    at: isoTime(entry.atMs),
    code: entry.code,
    userId: entry.userId,
    by: entry.caller,
    requestId: entry.requestId,
    redemptionId: entry.redemptionId,
    detail: entry.detail,
  };
}

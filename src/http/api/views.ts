/**
 * The engine's answers in the words of the API. Answers that consist of the fields of an outcome
 * are generated (answers.generated.ts).
 */

import type { CodeView } from '../../domain/command.js';
import type { Outcome } from '../../domain/outcome.js';
import { settingsJson } from '../../engine/book-json.js';
import type { BookStats, BookView, Done, HistoryEntry, Job } from '../../engine/engine.js';
import { shownNames } from '../../records/events.generated.js';
import { isoTime, isoTimeOrNull } from '../fast/iso-time.js';
import { guessOdds } from './guess-odds.js';
import { discountJson } from './promotions/views.js';

type OutcomeOf<Kind extends Outcome['kind']> = Extract<Outcome, { readonly kind: Kind }>;

/** An engine that answers a command with the outcome of another one is broken. */
export function expectOutcome<Kind extends Outcome['kind']>(done: Done, kind: Kind): OutcomeOf<Kind> {
  if (done.outcome.kind !== kind) throw new Error(`outcome ${done.outcome.kind} where ${kind} was asked for`);
  return done.outcome as OutcomeOf<Kind>;
}

export const etagOf = (version: number): string => `"${version}"`;

export function bookJson({ book, counts, offer: { campaignId, discount } }: BookView): Record<string, unknown> {
  return {
    id: book.id,
    ...settingsJson(book.settings),
    discount: discount === null ? null : discountJson(discount),
    campaignId,
    counts: countsJson(counts),
    version: book.version,
    createdAt: isoTime(book.createdMs),
    updatedAt: isoTime(book.updatedMs),
    archivedAt: isoTimeOrNull(book.archivedMs),
  };
}

export function countsJson({ total, available, assigned, locked, redeemed, redemptions }: BookView['counts']): object {
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

export function historyJson(entry: HistoryEntry): Record<string, unknown> {
  return {
    commitSeq: `${entry.shard}-${entry.seq}`,
    event: shownNames.get(entry.event) ?? entry.event,
    at: isoTime(entry.atMs),
    code: entry.code,
    userId: entry.userId,
    by: entry.caller,
    requestId: entry.requestId,
    redemptionId: entry.redemptionId,
    detail: entry.detail,
  };
}

export function jobJson(job: Job): Record<string, unknown> {
  const { jobId, kind, status, done, total, startedMs, finishedMs, error, result } = job;
  return {
    jobId,
    kind,
    status,
    done,
    total,
    startedAt: isoTime(startedMs),
    finishedAt: isoTimeOrNull(finishedMs),
    ...(error === null ? {} : { error }),
    ...(result === null ? {} : { result: generatedJson(result) }),
  };
}

function generatedJson({ generatedCodes, totalCodes, keyspace, keyspaceBits }: NonNullable<Job['result']>): object {
  return { generatedCodes, totalCodes, keyspace, guessOdds: guessOdds(keyspaceBits, generatedCodes) };
}

/**
 * Reads, from memory. They change nothing, and they see what was decided before them, durable or
 * not: the actor holds the answer back until it is durable.
 */

import type { CodeStatus, CodeView, Query } from '../../domain/command.js';
import type { FlashQuery } from '../../domain/flash-views.js';
import { asSeq } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { PromotionQuery } from '../../domain/promotion-views.js';
import type { BookView, CodePage, QueryResult } from '../../domain/view.js';
import { Smallest } from '../../tables/smallest.js';
import { fateOf } from './batches.js';
import { redemptionsPerCodeMax } from './book.js';
import { offerOf } from './books.js';
import { AVAILABLE } from './code-table.js';
import { RedemptionRate } from './redemption-rate.js';
import type { BookState, Coupons } from './state.js';

/**
 * How many codes one query may look at. A page that reaches the bound before it is full ends early,
 * with a `nextIndex` to go on from, so that a search for a rare status in a book of ten million
 * does not block the shard.
 */
const SCAN_MAX = 50_000;

/** Queries that the kernel does not answer itself. */
export type CouponQuery = Exclude<Query, PromotionQuery | FlashQuery | { kind: 'isKeyRemembered' | 'dryRun' }>;

export function queryCoupons(coupons: Coupons, asked: CouponQuery, nowMs: number): QueryResult | Refusal {
  switch (asked.kind) {
    case 'getBook': {
      const book = coupons.book(asked.bookId);
      return book === undefined
        ? bookNotFound
        : { kind: 'book', view: viewBook(coupons, book, endedLeases(coupons, nowMs)) };
    }
    case 'listBooks':
      return { kind: 'books', items: listBooks(coupons, asked, nowMs) };
    case 'getStats': {
      const book = coupons.book(asked.bookId);
      return book === undefined ? bookNotFound : { kind: 'stats', stats: stats(coupons, book, nowMs) };
    }
    case 'getCode': {
      const index = coupons.codes.find(asked.code);
      return index === -1 ? codeNotFound : { kind: 'code', code: viewCode(coupons, index, nowMs) };
    }
    case 'listCodes': {
      const book = coupons.book(asked.bookId);
      return book === undefined ? bookNotFound : { kind: 'codes', page: listCodes(coupons, book, asked, nowMs) };
    }
    case 'listUserCodes':
      return { kind: 'codes', page: listUserCodes(coupons, asked, nowMs) };
    case 'batchFate':
      return { kind: 'batchFate', fate: fateOf(coupons, asked.batchId) };
    case 'listOpenBatches':
      return { kind: 'openBatches', items: [...coupons.openBatches.all()] };
  }
}

const bookNotFound: Refusal = { kind: 'refused', reason: 'bookNotFound', detail: 'There is no such coupon book.' };
const codeNotFound: Refusal = { kind: 'refused', reason: 'codeNotFound', detail: 'There is no such code.' };

function viewBook(coupons: Coupons, book: BookState, ended: ReadonlyMap<BookState, number>): BookView {
  const counts = coupons.counts(book);
  const offer = offerOf(coupons, book.current.id);
  return { book: book.current, counts: { ...counts, locked: counts.locked - (ended.get(book) ?? 0) }, offer };
}

/**
 * Leases by book that are over and not announced. There are some only while the journal has no
 * room: a read never waits for that, and an announcement would have to be journaled.
 */
function endedLeases(coupons: Coupons, nowMs: number): ReadonlyMap<BookState, number> {
  const ended = new Map<BookState, number>();
  coupons.leases.eachEnded(nowMs, (record) => {
    const book = coupons.bookOfCode(coupons.codes.used.index.get(record));
    ended.set(book, (ended.get(book) ?? 0) + 1);
  });
  return ended;
}

function viewCode(coupons: Coupons, index: number, nowMs: number): CodeView {
  const { current: book } = coupons.bookOfCode(index);
  const { used } = coupons.codes;
  const record = coupons.codes.record(index);
  const redemptionCount = record === -1 ? 0 : used.redemptionCount.get(record);
  const max = redemptionsPerCodeMax(book.settings);
  const hasUser = record !== -1 && used.user.get(record) !== 0;
  const redemption = record === -1 ? -1 : coupons.redemptions.newestStanding(used.newestRedemption.get(record));
  const isLocked = record !== -1 && coupons.leases.untilMs(record) > nowMs;
  return {
    code: coupons.codes.text(index),
    bookId: book.id,
    status: statusOf(coupons, index, nowMs),
    userId: hasUser ? coupons.users.name(coupons.userOf(record)) : null,
    assignedMs: hasUser ? used.assignedMs.get(record) : null,
    lockId: isLocked ? coupons.leases.lockId(record) : null,
    lockedUntilMs: isLocked ? coupons.leases.untilMs(record) : null,
    redemptionCount,
    redeemedMs: redemption === -1 ? null : coupons.redemptions.atMs(redemption),
    remaining: max === null ? null : Math.max(0, max - redemptionCount),
    lastSeq: asSeq(coupons.codes.lastSeq(index)),
  };
}

function statusOf(coupons: Coupons, index: number, nowMs: number): CodeStatus {
  if (coupons.codes.phase(index) === AVAILABLE) return 'available';
  const record = coupons.codes.record(index);
  if (coupons.leases.untilMs(record) > nowMs) return 'locked';
  return coupons.codes.used.redemptionCount.get(record) > 0 ? 'redeemed' : 'assigned';
}

function listBooks(coupons: Coupons, asked: Extract<Query, { kind: 'listBooks' }>, nowMs: number): BookView[] {
  const ended = endedLeases(coupons, nowMs);
  const part = asked.name?.toLowerCase() ?? null;
  const found: BookState[] = [];
  for (const book of coupons.books()) {
    const { id, settings } = book.current;
    if (asked.afterId !== null && id <= asked.afterId) continue;
    if (asked.isActive !== null && settings.isActive !== asked.isActive) continue;
    if (part !== null && !settings.name.toLowerCase().includes(part)) continue;
    found.push(book);
  }
  found.sort((a, b) => (a.current.id < b.current.id ? -1 : 1));
  return found.slice(0, asked.limit).map((book) => viewBook(coupons, book, ended));
}

function stats(coupons: Coupons, book: BookState, nowMs: number) {
  const rate = book.rate.current ?? new RedemptionRate();
  const minutes = rate.minutes.read(nowMs);
  const hours = rate.hours.read(nowMs);
  const days = rate.days.read(nowMs);
  return {
    ...viewBook(coupons, book, endedLeases(coupons, nowMs)),
    perMinute: minutes.counts,
    perHour: hours.counts,
    perDay: days.counts,
    minuteMs: minutes.startMs,
    hourMs: hours.startMs,
    dayMs: days.startMs,
  };
}

function listCodes(
  coupons: Coupons,
  book: BookState,
  { status, afterIndex, limit }: Extract<Query, { kind: 'listCodes' }>,
  nowMs: number,
): CodePage {
  const items: CodeView[] = [];
  let scanned = 0;
  for (const { first, end } of book.ranges) {
    for (let index = Math.max(first, afterIndex + 1); index < end; index++) {
      if (items.length === limit || scanned === SCAN_MAX) return { items, nextIndex: index - 1 };
      scanned++;
      if (!coupons.codes.exists(index)) continue;
      if (status === null || statusOf(coupons, index, nowMs) === status) items.push(viewCode(coupons, index, nowMs));
    }
  }
  return { items, nextIndex: null };
}

/**
 * In the order of the codes' indexes, which doesn't change between pages; a user's list is in the
 * order of assignment. A list of up to `SCAN_MAX` codes is walked through for each page. For a
 * longer one the indexes themselves are gone through, as in `listCodes`: a user with so many codes
 * has a good part of all codes. Either way a query looks at a bounded number of codes.
 */
function listUserCodes(coupons: Coupons, asked: UserCodesQuery, nowMs: number): CodePage {
  const user = coupons.users.find(asked.userId);
  if (user === -1) return { items: [], nextIndex: null };
  const { used } = coupons.codes;
  const { afterIndex, limit } = asked;
  const found = new Smallest(limit + 1);
  let scanned = 0;
  for (let record = coupons.users.firstRecord(user); record !== -1; record = used.nextOfUser.get(record) - 1) {
    if (scanned === SCAN_MAX) return listManyUserCodes(coupons, user, asked, nowMs);
    scanned++;
    const index = used.index.get(record);
    if (index > afterIndex && isAskedFor(coupons, index, asked, nowMs)) found.add(index);
  }
  const indexes = found.ascending();
  const items = indexes.slice(0, limit).map((index) => viewCode(coupons, index, nowMs));
  return { items, nextIndex: indexes.length > limit ? (indexes[limit - 1] ?? null) : null };
}

function listManyUserCodes(coupons: Coupons, user: number, asked: UserCodesQuery, nowMs: number): CodePage {
  const { codes } = coupons;
  const items: CodeView[] = [];
  const scanEnd = Math.min(asked.afterIndex + 1 + SCAN_MAX, codes.nextIndex);
  for (let index = asked.afterIndex + 1; index < scanEnd; index++) {
    if (items.length === asked.limit) return { items, nextIndex: index - 1 };
    const record = codes.record(index);
    if (record === -1 || codes.used.user.get(record) !== user + 1) continue;
    if (isAskedFor(coupons, index, asked, nowMs)) items.push(viewCode(coupons, index, nowMs));
  }
  return { items, nextIndex: scanEnd < codes.nextIndex ? scanEnd - 1 : null };
}

type UserCodesQuery = Extract<Query, { kind: 'listUserCodes' }>;

function isAskedFor(coupons: Coupons, index: number, { bookId, status }: UserCodesQuery, nowMs: number): boolean {
  if (bookId !== null && coupons.bookOfCode(index).current.id !== bookId) return false;
  return status === null || statusOf(coupons, index, nowMs) === status;
}

/**
 * Reads, from memory. They change nothing, and they see what was decided before them, durable or
 * not: the actor holds the answer back until it is durable.
 */

import { Smallest } from '../tables/smallest.js';
import { redemptionsPerCodeMax } from './book.js';
import { AVAILABLE } from './code-table.js';
import type { CodeStatus, CodeView, Query } from './command.js';
import { fateOf } from './decide-batch.js';
import { asSeq } from './ids.js';
import type { Refusal } from './outcome.js';
import { RedemptionRate } from './redemption-rate.js';
import type { BookState, ShardState } from './state.js';
import type { BookView, CodePage, QueryResult } from './view.js';

/**
 * How many codes one query may look at. A page that reaches the bound before it is full ends early,
 * with a `nextIndex` to go on from, so that a search for a rare status in a book of ten million
 * does not block the shard.
 */
const SCAN_MAX = 50_000;

export function query(state: ShardState, asked: Query, nowMs: number): QueryResult | Refusal {
  switch (asked.kind) {
    case 'getBook': {
      const book = state.book(asked.bookId);
      return book === undefined
        ? bookNotFound
        : { kind: 'book', view: viewBook(state, book, endedLeases(state, nowMs)) };
    }
    case 'listBooks':
      return { kind: 'books', items: listBooks(state, asked, nowMs) };
    case 'getStats': {
      const book = state.book(asked.bookId);
      return book === undefined ? bookNotFound : { kind: 'stats', stats: stats(state, book, nowMs) };
    }
    case 'getCode': {
      const index = state.codes.find(asked.code);
      return index === -1 ? codeNotFound : { kind: 'code', code: viewCode(state, index, nowMs) };
    }
    case 'listCodes': {
      const book = state.book(asked.bookId);
      return book === undefined ? bookNotFound : { kind: 'codes', page: listCodes(state, book, asked, nowMs) };
    }
    case 'listUserCodes':
      return { kind: 'codes', page: listUserCodes(state, asked, nowMs) };
    case 'batchFate':
      return { kind: 'batchFate', fate: fateOf(state, asked.batchId) };
    case 'listOpenBatches':
      return { kind: 'openBatches', items: [...state.openBatches.all()] };
    case 'isKeyRemembered': {
      const { caller, bookId, isCreation, key } = asked;
      const scope = isCreation ? null : bookId;
      return { kind: 'answer', isTrue: state.remembered.find(caller, scope, key, nowMs) !== null };
    }
  }
}

const bookNotFound: Refusal = { kind: 'refused', reason: 'bookNotFound', detail: 'There is no such coupon book.' };
const codeNotFound: Refusal = { kind: 'refused', reason: 'codeNotFound', detail: 'There is no such code.' };

function viewBook(state: ShardState, book: BookState, ended: ReadonlyMap<BookState, number>): BookView {
  const counts = state.counts(book);
  return { book: book.book, counts: { ...counts, locked: counts.locked - (ended.get(book) ?? 0) } };
}

/**
 * Leases by book that are over and not announced. There are some only while the journal has no
 * room: a read never waits for that, and an announcement would have to be journaled.
 */
function endedLeases(state: ShardState, nowMs: number): ReadonlyMap<BookState, number> {
  const ended = new Map<BookState, number>();
  state.leases.eachEnded(nowMs, (record) => {
    const book = state.bookOfCode(state.codes.used.index.get(record));
    ended.set(book, (ended.get(book) ?? 0) + 1);
  });
  return ended;
}

export function viewCode(state: ShardState, index: number, nowMs: number): CodeView {
  const { book } = state.bookOfCode(index);
  const { used } = state.codes;
  const record = state.codes.record(index);
  const redemptionCount = record === -1 ? 0 : used.redemptionCount.get(record);
  const max = redemptionsPerCodeMax(book.settings);
  const hasUser = record !== -1 && used.user.get(record) !== 0;
  const redemption = record === -1 ? -1 : state.redemptions.newestStanding(used.newestRedemption.get(record));
  const isLocked = record !== -1 && state.leases.untilMs(record) > nowMs;
  return {
    code: state.codes.text(index),
    bookId: book.id,
    status: statusOf(state, index, nowMs),
    userId: hasUser ? state.users.name(state.userOf(record)) : null,
    assignedMs: hasUser ? used.assignedMs.get(record) : null,
    lockId: isLocked ? state.leases.lockId(record) : null,
    lockedUntilMs: isLocked ? state.leases.untilMs(record) : null,
    redemptionCount,
    redeemedMs: redemption === -1 ? null : state.redemptions.atMs(redemption),
    remaining: max === null ? null : Math.max(0, max - redemptionCount),
    lastSeq: asSeq(state.codes.lastSeq(index)),
  };
}

function statusOf(state: ShardState, index: number, nowMs: number): CodeStatus {
  if (state.codes.phase(index) === AVAILABLE) return 'available';
  const record = state.codes.record(index);
  if (state.leases.untilMs(record) > nowMs) return 'locked';
  return state.codes.used.redemptionCount.get(record) > 0 ? 'redeemed' : 'assigned';
}

function listBooks(state: ShardState, asked: Extract<Query, { kind: 'listBooks' }>, nowMs: number): BookView[] {
  const ended = endedLeases(state, nowMs);
  const part = asked.name?.toLowerCase() ?? null;
  const found: BookState[] = [];
  for (const book of state.books()) {
    const { id, settings } = book.book;
    if (asked.afterId !== null && id <= asked.afterId) continue;
    if (asked.isActive !== null && settings.isActive !== asked.isActive) continue;
    if (part !== null && !settings.name.toLowerCase().includes(part)) continue;
    found.push(book);
  }
  found.sort((a, b) => (a.book.id < b.book.id ? -1 : 1));
  return found.slice(0, asked.limit).map((book) => viewBook(state, book, ended));
}

function stats(state: ShardState, book: BookState, nowMs: number) {
  const rate = book.rate.current ?? new RedemptionRate();
  const minutes = rate.minutes.read(nowMs);
  const hours = rate.hours.read(nowMs);
  const days = rate.days.read(nowMs);
  return {
    ...viewBook(state, book, endedLeases(state, nowMs)),
    perMinute: minutes.counts,
    perHour: hours.counts,
    perDay: days.counts,
    minuteMs: minutes.startMs,
    hourMs: hours.startMs,
    dayMs: days.startMs,
  };
}

function listCodes(
  state: ShardState,
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
      if (!state.codes.exists(index)) continue;
      if (status === null || statusOf(state, index, nowMs) === status) items.push(viewCode(state, index, nowMs));
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
function listUserCodes(state: ShardState, asked: UserCodesQuery, nowMs: number): CodePage {
  const user = state.users.find(asked.userId);
  if (user === -1) return { items: [], nextIndex: null };
  const { used } = state.codes;
  const { afterIndex, limit } = asked;
  const found = new Smallest(limit + 1);
  let scanned = 0;
  for (let record = state.users.firstRecord(user); record !== -1; record = used.nextOfUser.get(record) - 1) {
    if (scanned === SCAN_MAX) return listManyUserCodes(state, user, asked, nowMs);
    scanned++;
    const index = used.index.get(record);
    if (index > afterIndex && isAskedFor(state, index, asked, nowMs)) found.add(index);
  }
  const indexes = found.ascending();
  const items = indexes.slice(0, limit).map((index) => viewCode(state, index, nowMs));
  return { items, nextIndex: indexes.length > limit ? (indexes[limit - 1] ?? null) : null };
}

function listManyUserCodes(state: ShardState, user: number, asked: UserCodesQuery, nowMs: number): CodePage {
  const { codes } = state;
  const items: CodeView[] = [];
  const scanEnd = Math.min(asked.afterIndex + 1 + SCAN_MAX, codes.nextIndex);
  for (let index = asked.afterIndex + 1; index < scanEnd; index++) {
    if (items.length === asked.limit) return { items, nextIndex: index - 1 };
    const record = codes.record(index);
    if (record === -1 || codes.used.user.get(record) !== user + 1) continue;
    if (isAskedFor(state, index, asked, nowMs)) items.push(viewCode(state, index, nowMs));
  }
  return { items, nextIndex: scanEnd < codes.nextIndex ? scanEnd - 1 : null };
}

type UserCodesQuery = Extract<Query, { kind: 'listUserCodes' }>;

function isAskedFor(state: ShardState, index: number, { bookId, status }: UserCodesQuery, nowMs: number): boolean {
  if (bookId !== null && state.bookOfCode(index).book.id !== bookId) return false;
  return status === null || statusOf(state, index, nowMs) === status;
}

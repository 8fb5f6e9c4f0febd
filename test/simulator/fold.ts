/**
 * The journal folded naively: plain objects, one at a time, with the invariants asserted at every
 * event. It shares no code with the domain, so the two can only agree by both being right.
 *
 * It is also the simulator's store: a snapshot is a fold that stopped at the checkpoint.
 */
import assert from 'node:assert/strict';
import type { Change } from '../../src/domain/event.js';
import { asSeq, type BookId, type ScopeId, type Seq } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import type { Book, OpenBatch } from '../../src/records/values.generated.js';
import { asKnownEvent, type KnownEvent } from '../records/known.js';
import {
  assertCodesFollow,
  codesIn,
  type FoldedCode,
  type FoldedRedemption,
  holderOf,
  isLocked,
  newFoldedCodes,
  standingIn,
} from './folded-codes.js';
import {
  assertCodesFreed,
  assertUseAllowed,
  type FoldedPromotions,
  type FoldedReservation,
  foldPromotionEvent,
  newFoldedPromotions,
} from './promotion-fold.js';

export interface Fold {
  seq: Seq;
  /** Of the last change. */
  atMs: number;
  readonly books: Map<BookId, Book>;
  readonly open: Map<number, OpenBatch>;
  batchCounter: number;
  readonly batches: { batchId: number; bookId: BookId; firstIndex: number; size: number; count: number }[];
  readonly codes: Map<string, FoldedCode>;
  readonly codesByBook: Map<BookId, FoldedCode[]>;
  readonly redemptions: Map<string, FoldedRedemption>;
  readonly promotions: FoldedPromotions;
  readonly keys: Map<
    string,
    {
      scopeId: ScopeId | null;
      caller: string;
      key: string;
      fingerprint: number;
      atMs: number;
      seq: Seq;
      outcome: Outcome;
    }
  >;
  /** Requests that changed something, to find each of them once. */
  readonly requests: Map<string, Seq>;
}

/** Ids of batches are dealt out among so many shards, whether or not a run has all of them. */
export const SHARD_COUNT = 3;

export type CodesOfBatch = (batchId: number) => readonly string[];

export function newFold(): Fold {
  const inBooks = newFoldedCodes();
  return {
    ...inBooks,
    seq: asSeq(0),
    atMs: 0,
    open: new Map(),
    batchCounter: 0,
    batches: [],
    codesByBook: new Map(),
    promotions: newFoldedPromotions(inBooks),
    keys: new Map(),
    requests: new Map(),
  };
}

export function foldChange(fold: Fold, change: Change, codesOf: CodesOfBatch, keyTtlMs: number): void {
  assert.equal(change.firstSeq, fold.seq + 1, 'the journal has no gap and no repeat');
  assert.ok(change.atMs >= fold.atMs, 'time does not run backwards, also not over a restart');
  fold.atMs = change.atMs;
  const moved = new Set(change.events.flatMap((event) => ('reservationId' in event ? event.reservationId : [])));
  const { reservations } = fold.promotions;
  const heldBefore = new Map([...moved].map((id) => [id, heldCodes(reservations.get(id))]));
  for (const event of change.events) {
    fold.seq = asSeq(fold.seq + 1);
    const known = asKnownEvent(event);
    assert.ok(known !== null, `the fold does not know ${event.kind}`);
    foldEvent(fold, known, { nowMs: change.atMs, codesOf, moved });
  }
  for (const [id, before] of heldBefore) {
    const found = reservations.get(id);
    if (found !== undefined) assertCodesFollow(fold, reservations, found, before);
  }
  assertCodesFreed(fold.promotions);
  // The intent of a batch, and its end, go under the request that brings the codes.
  if (change.caller !== 'system' && !isOfBatch(change)) {
    assert.ok(!fold.requests.has(change.requestId), `request ${change.requestId} has one effect (I7)`);
    fold.requests.set(change.requestId, fold.seq);
  }
  if (change.remembered === null) return;
  const scopeId = change.events[0]?.kind === 'bookCreated' ? null : change.scopeId;
  const name = JSON.stringify([change.caller, scopeId, change.remembered.key]);
  const before = fold.keys.get(name);
  assert.ok(before === undefined || before.atMs + keyTtlMs <= change.atMs, `key ${name} has one effect (I6)`);
  const { key, fingerprint, outcome } = change.remembered;
  fold.keys.set(name, { scopeId, caller: change.caller, key, fingerprint, atMs: change.atMs, seq: fold.seq, outcome });
}

const heldCodes = (found: FoldedReservation | undefined): readonly string[] =>
  found?.status === 'held' ? codesIn(found.cart) : [];

interface Within {
  readonly nowMs: number;
  readonly codesOf: CodesOfBatch;
  /** The reservations that the change is about. */
  readonly moved: ReadonlySet<string>;
}

function foldEvent(fold: Fold, event: KnownEvent, within: Within): void {
  const { nowMs, codesOf } = within;
  switch (event.kind) {
    case 'bookCreated':
      assert.ok(!fold.books.has(event.book.id));
      fold.books.set(event.book.id, event.book);
      return;
    case 'bookUpdated':
    case 'bookArchived':
      assert.equal(event.book.version, bookOf(fold, event.book.id).version + 1);
      fold.books.set(event.book.id, event.book);
      return;
    case 'noted':
      return;
    case 'batchOpened': {
      const { kind: _, ...batch } = event;
      const counter = Math.floor(batch.batchId / SHARD_COUNT);
      assert.equal(counter, fold.batchCounter + 1, 'no id of a batch is given out twice');
      fold.batchCounter = counter;
      fold.open.set(batch.batchId, batch);
      return;
    }
    case 'batchGivenUp':
      assert.ok(fold.open.delete(event.batchId), 'only an open batch is given up');
      return;
    case 'codesAdded': {
      assert.ok(fold.open.delete(event.batchId), 'only an open batch goes live');
      fold.batches.push(event);
      for (const [ordinal, code] of codesOf(event.batchId).entries()) {
        assert.ok(!fold.codes.has(code), 'a code is in one book only');
        const folded: FoldedCode = {
          text: code,
          bookId: event.bookId,
          index: event.firstIndex + ordinal,
          userId: null,
          assignedMs: null,
          lock: null,
          redemptionCount: 0,
          lastSeq: asSeq(0),
        };
        fold.codes.set(code, folded);
        codesOfBook(fold, event.bookId).push(folded);
      }
      return;
    }
    case 'codeClaimed':
      assert.ok(fold.open.delete(event.batchId), 'only an open batch claims a code');
      assert.ok(!fold.codes.has(event.claimedCode), 'a code of a promotion is in no book');
      foldPromotionEvent(fold.promotions, event, nowMs);
      return;
    case 'codeFreed':
    case 'promotionCreated':
    case 'promotionUpdated':
    case 'promotionArchived':
    case 'reservationMade':
    case 'reservationRenewed':
    case 'reservationCommitted':
    case 'reservationReleased':
    case 'reservationExpired':
    case 'reservationRolledBack':
    case 'bookJoinedCampaign':
    case 'reservedCodesRedeemed':
      foldPromotionEvent(fold.promotions, event, nowMs);
      return;
    case 'codeAssigned':
    case 'codeUnassigned':
    case 'codeLocked':
    case 'codeUnlocked':
    case 'leaseExpired':
    case 'codeRedeemed':
    case 'redemptionRolledBack':
      foldCodeEvent(fold, event, within);
  }
}

function foldCodeEvent(
  fold: Fold,
  event: Extract<KnownEvent, { readonly code: string }>,
  { nowMs, moved }: Within,
): void {
  const code = codeOf(fold, event.code);
  const { settings, archivedMs } = bookOf(fold, code.bookId);
  assert.equal(event.index, code.index);
  assert.equal(event.prevSeq, code.lastSeq, 'the events of a code are chained');
  const holder = holderOf(fold.promotions.reservations, event.code);
  // An earlier redemption of the code can still be rolled back.
  if (event.kind !== 'redemptionRolledBack')
    assert.ok(holder === undefined || moved.has(holder.id), 'nothing else changes a code that a cart holds');
  // A cart keeps what it holds, whatever becomes of the book.
  const isOfCart = moved.size > 0;
  if (event.kind !== 'leaseExpired' && !isOfCart) assert.equal(archivedMs, null, 'an archived book is not changed');
  code.lastSeq = fold.seq;
  switch (event.kind) {
    case 'codeAssigned': {
      assert.equal(code.userId, null, 'an assigned code is not assigned again');
      if (settings.maxCodesPerUser !== null) {
        const theirs = codesOfBook(fold, code.bookId).filter(({ userId }) => userId === event.userId);
        assert.ok(theirs.length < settings.maxCodesPerUser, 'maxCodesPerUser (I3)');
      }
      assertOpen(settings, nowMs);
      code.userId = event.userId;
      code.assignedMs = event.atMs;
      return;
    }
    case 'codeUnassigned':
      assert.ok(code.userId !== null && code.redemptionCount === 0, 'only an assigned code is given back');
      assert.ok(!isLocked(code, nowMs), 'no locked code is given back (I4)');
      code.userId = null;
      code.assignedMs = null;
      return;
    case 'codeLocked':
      assert.equal(code.userId, event.userId, 'a lease is held by the user of the code (I4)');
      if (code.lock !== null && isLocked(code, nowMs))
        assert.equal(event.lockId, code.lock.lockId, 'a renewal keeps its lock id');
      else assert.equal(event.lockId, fold.seq, 'lock ids grow');
      code.lock = { lockId: event.lockId, untilMs: event.untilMs };
      return;
    case 'codeUnlocked':
      assert.ok(isLocked(code, nowMs) && code.userId === event.userId, 'only a lease that is held is ended (I4)');
      code.lock = null;
      return;
    case 'leaseExpired':
      assert.ok(code.lock !== null && code.lock.untilMs <= nowMs, 'a lease does not end before its time');
      code.lock = null;
      return;
    case 'codeRedeemed': {
      assert.equal(code.userId, event.userId, 'only the holder redeems (I4)');
      const max = settings.allowMultipleRedemptions ? settings.maxRedemptionsPerCode : 1;
      code.redemptionCount++;
      assert.equal(event.redemptionCount, code.redemptionCount);
      assert.ok(
        max === null || code.redemptionCount <= max,
        'no code is redeemed more often than its book allows (I1)',
      );
      if (settings.requireLock) assert.ok(isLocked(code, nowMs), 'a book that wants a lock gets one (I4)');
      if (!isOfCart) {
        assertOpen(settings, nowMs);
        assertUseAllowed(fold.promotions, code.bookId, event.userId);
      }
      if (settings.maxRedemptionsPerUser !== null) {
        const standing = standingIn(fold, code.bookId).filter((other) => other.userId === event.userId);
        assert.ok(standing.length < settings.maxRedemptionsPerUser, 'maxRedemptionsPerUser (I3)');
      }
      assert.ok(!fold.redemptions.has(event.redemptionId), 'redemption ids are unique');
      const { index, userId, atMs } = event;
      fold.redemptions.set(event.redemptionId, { code: event.code, index, userId, atMs, rolledBack: false });
      code.lock = null;
      return;
    }
    case 'redemptionRolledBack': {
      const redemption = fold.redemptions.get(event.redemptionId);
      assert.ok(redemption !== undefined && !redemption.rolledBack, 'a redemption is given back once');
      redemption.rolledBack = true;
      code.redemptionCount--;
      assert.equal(event.redemptionCount, code.redemptionCount);
    }
  }
}

function assertOpen(settings: Book['settings'], nowMs: number): void {
  assert.ok(settings.isActive);
  assert.ok(settings.startMs === null || settings.startMs <= nowMs);
  assert.ok(settings.endMs === null || nowMs < settings.endMs);
}

export function isOfBatch({ events }: Change): boolean {
  return events.every(({ kind }) => kind === 'batchOpened' || kind === 'batchGivenUp');
}

/** In the order in which they came. */
export function codesOfBook(fold: Fold, bookId: BookId): FoldedCode[] {
  let codes = fold.codesByBook.get(bookId);
  if (codes === undefined) {
    codes = [];
    fold.codesByBook.set(bookId, codes);
  }
  return codes;
}

function bookOf(fold: Fold, bookId: BookId): Book {
  const book = fold.books.get(bookId);
  assert.ok(book !== undefined, `book ${bookId} is there`);
  return book;
}

function codeOf(fold: Fold, text: string): FoldedCode {
  const code = fold.codes.get(text);
  assert.ok(code !== undefined, `code ${text} is there`);
  return code;
}

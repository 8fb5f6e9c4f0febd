/**
 * A naive Clipbook, written from docs/contract.md (sections 1 to 5): plain objects, every count
 * counted when it is asked for, every look-up a search. It decides by itself whether a command is
 * refused or what it comes to. Three choices are free (the code that is drawn, the ids of
 * redemptions and new locks): those it takes from the real outcome, after it has checked that they
 * were allowed.
 */
import assert from 'node:assert/strict';
import type { CodeStatus, CodeView, Origin } from '../../src/domain/command.js';
import type { Verdict } from '../../src/domain/decide.js';
import { asSeq, type BookId, type ScopeId, type Seq } from '../../src/domain/ids.js';
import type { Outcome, RefusalReason } from '../../src/domain/outcome.js';
import type { Book, BookCounts, BookSettings, OpenBatch } from '../../src/records/values.generated.js';
import type { KnownCommand } from '../records/known.js';

const NO_OFFER = { campaignId: null, discount: null };

export interface ModelCode {
  readonly code: string;
  readonly bookId: BookId;
  readonly index: number;
  userId: string | null;
  assignedMs: number;
  /** Stays after its end until it is swept. */
  lease: { lockId: number; untilMs: number } | null;
  lastSeq: number;
}

export interface ModelRedemption {
  readonly id: string;
  readonly code: string;
  readonly bookId: BookId;
  readonly userId: string;
  readonly atMs: number;
  rolledBack: boolean;
}

export interface ModelKey {
  readonly caller: string;
  readonly scopeId: ScopeId | null;
  readonly key: string;
  readonly fingerprint: number;
  readonly outcome: Outcome;
  readonly seq: Seq;
  readonly atMs: number;
}

export interface ModelBatch {
  readonly batchId: number;
  readonly bookId: BookId;
  readonly firstIndex: number;
  readonly codes: readonly (string | null)[];
}

type Answer = RefusalReason | { readonly outcome: Outcome; readonly events: number };

export class Model {
  readonly books = new Map<BookId, Book>();
  readonly codes = new Map<string, ModelCode>();
  readonly redemptions: ModelRedemption[] = [];
  readonly keys: ModelKey[] = [];
  readonly staged = new Map<number, Omit<ModelBatch, 'bookId'>>();
  readonly batches: ModelBatch[] = [];
  /** Open batches, in the order in which they were opened. */
  readonly open: OpenBatch[] = [];
  batchCounter = 0;
  seq = 0;
  lastLockId = 0;

  constructor(readonly options: { readonly lockTtlMs: number; readonly idempotencyTtlMs: number }) {}

  /** Leases that are over are taken away; their codes, in the order in which they ended. */
  sweep(nowMs: number): string[] {
    const over = [...this.codes.values()]
      .filter(({ lease }) => lease !== null && lease.untilMs <= nowMs)
      .sort((a, b) => (a.lease?.untilMs ?? 0) - (b.lease?.untilMs ?? 0));
    for (const code of over) code.lease = null;
    return over.map(({ code }) => code);
  }

  /** Checks the verdict on a command and follows it. */
  follow(command: KnownCommand, origin: Origin, nowMs: number, verdict: Verdict): void {
    const { idempotency, caller } = origin;
    const scopeId = this.#scopeOf(command);
    if (idempotency !== null) {
      const known = this.keys.findLast(
        (entry) =>
          entry.caller === caller &&
          entry.scopeId === scopeId &&
          entry.key === idempotency.key &&
          nowMs < entry.atMs + this.options.idempotencyTtlMs,
      );
      if (known !== undefined) {
        if (known.fingerprint !== idempotency.fingerprint) expectRefusal(verdict, 'idempotencyKeyReused');
        else assert.deepEqual(verdict, { kind: 'replay', outcome: known.outcome, seq: known.seq });
        return;
      }
    }
    const answer = this.#answer(command, nowMs, verdict);
    if (typeof answer === 'string') {
      expectRefusal(verdict, answer);
      return;
    }
    assert(verdict.kind === 'change' || verdict.kind === 'unchanged', `${JSON.stringify(verdict)} for ${command.kind}`);
    assert.deepEqual(verdict.outcome, answer.outcome);
    if (answer.events === 0 && idempotency === null) {
      assert.equal(verdict.kind, 'unchanged');
      return;
    }
    assert(verdict.kind === 'change');
    assert.equal(verdict.change.firstSeq, this.seq + 1);
    assert.equal(verdict.change.events.length, Math.max(1, answer.events));
    this.seq += verdict.change.events.length;
    const code = 'code' in answer.outcome ? this.codes.get(answer.outcome.code) : undefined;
    if (code !== undefined && answer.events > 0) code.lastSeq = this.seq;
    if (idempotency === null || scopeId === undefined) return;
    this.keys.push({ ...idempotency, caller, scopeId, outcome: answer.outcome, seq: asSeq(this.seq), atMs: nowMs });
  }

  /**
   * The key of a creation stands outside of all books; that of a code which isn't there has no book
   * to stand in.
   */
  #scopeOf(command: KnownCommand): BookId | null | undefined {
    if (command.kind === 'createBook') return null;
    return 'bookId' in command ? command.bookId : this.codes.get(command.code)?.bookId;
  }

  #answer(command: KnownCommand, nowMs: number, verdict: Verdict): Answer {
    switch (command.kind) {
      case 'createBook': {
        if (this.books.has(command.bookId)) return 'bookExists';
        if (!isSound(command.settings)) return 'bookInvalid';
        if (command.codes !== null && !this.#isReady(command.codes.batchId)) return 'batchUnknown';
        const { bookId: id, settings } = command;
        const book = { id, settings, version: 1, createdMs: nowMs, updatedMs: nowMs, archivedMs: null };
        this.books.set(id, book);
        if (command.codes !== null) this.#goLive(command.codes.batchId, id);
        const outcome = { kind: 'bookShown', book, counts: this.counts(id), offer: NO_OFFER } as const;
        return { outcome, events: command.codes === null ? 1 : 2 };
      }
      case 'updateBook': {
        const book = this.books.get(command.bookId);
        if (book === undefined) return 'bookNotFound';
        if (command.ifVersion !== null && !command.ifVersion.includes(book.version)) return 'bookVersionMismatch';
        if (book.archivedMs !== null) return 'bookArchived';
        const settings = { ...book.settings, ...command.patch };
        if (!isSound(settings)) return 'bookInvalid';
        const updated = { ...book, settings, version: book.version + 1, updatedMs: nowMs };
        this.books.set(book.id, updated);
        return {
          outcome: { kind: 'bookShown', book: updated, counts: this.counts(book.id), offer: NO_OFFER },
          events: 1,
        };
      }
      case 'archiveBook': {
        const book = this.books.get(command.bookId);
        if (book === undefined) return 'bookNotFound';
        if (book.archivedMs !== null) return { outcome: { kind: 'archived' }, events: 0 };
        if (command.ifVersion !== null && !command.ifVersion.includes(book.version)) return 'bookVersionMismatch';
        this.books.set(book.id, { ...book, version: book.version + 1, updatedMs: nowMs, archivedMs: nowMs });
        return { outcome: { kind: 'archived' }, events: 1 };
      }
      case 'addCodes': {
        const book = this.books.get(command.bookId);
        if (book === undefined) return 'bookNotFound';
        if (book.archivedMs !== null) return 'bookArchived';
        if (!this.#isReady(command.codes.batchId)) return 'batchUnknown';
        this.#goLive(command.codes.batchId, book.id);
        const { total } = this.counts(book.id);
        return { outcome: { kind: 'codesAdded', total, report: command.codes.report }, events: 1 };
      }
      case 'assignRandom': {
        const { bookId, userId } = command;
        const book = this.books.get(bookId);
        if (book === undefined) return 'bookNotFound';
        const refusal = this.#closed(book, nowMs) ?? this.#tooManyCodes(book, userId);
        if (refusal !== null) return refusal;
        if (!this.#codesOf(bookId).some((code) => code.userId === null)) return 'noneAvailable';
        assert(verdict.kind === 'change' && verdict.outcome.kind === 'assigned');
        const drawn = this.codes.get(verdict.outcome.code);
        assert(drawn?.bookId === bookId && drawn.userId === null, 'what is drawn is available');
        return this.#assign(drawn, userId, nowMs);
      }
      case 'openBatch': {
        const { kind: _, ...asked } = command;
        const before = this.#openBefore(asked);
        if (before !== undefined) return { outcome: { kind: 'batchOpened', batch: before, isNew: false }, events: 0 };
        this.batchCounter++;
        const batch = { ...asked, batchId: this.batchCounter, openedMs: nowMs };
        this.open.push(batch);
        return { outcome: { kind: 'batchOpened', batch, isNew: true }, events: 1 };
      }
      case 'giveUpBatch': {
        const { batchId } = command;
        if (this.batches.some((batch) => batch.batchId === batchId))
          return { outcome: { kind: 'batchSettled', fate: 'live' }, events: 0 };
        return { outcome: { kind: 'batchSettled', fate: 'givenUp' }, events: this.#close(batchId) ? 1 : 0 };
      }
      case 'assignCode':
      case 'lockCode':
      case 'unlockCode':
      case 'redeemCode':
      case 'rollbackRedemption':
      case 'unassignCode': {
        const code = this.codes.get(command.code);
        return code === undefined ? 'codeNotFound' : this.#answerOfCode(code, command, nowMs, verdict);
      }
    }
  }

  #answerOfCode(
    code: ModelCode,
    command: Extract<KnownCommand, { code: string }>,
    nowMs: number,
    verdict: Verdict,
  ): Answer {
    const book = this.#book(code.bookId);
    const lease = code.lease !== null && nowMs < code.lease.untilMs ? code.lease : null;
    const redeemed = this.#standing((redemption) => redemption.code === code.code);
    const isNew = code.userId === null;
    switch (command.kind) {
      case 'assignCode': {
        if (code.userId === command.userId) {
          const { code: text, bookId, userId, assignedMs } = code;
          return { outcome: { kind: 'assigned', bookId, code: text, userId, assignedMs }, events: 0 };
        }
        if (!isNew) return 'assignedToAnother';
        return (
          this.#closed(book, nowMs) ??
          this.#tooManyCodes(book, command.userId) ??
          this.#assign(code, command.userId, nowMs)
        );
      }
      case 'lockCode': {
        const { userId, ttlMs } = command;
        const refusal =
          notForUser(book, code, lease !== null, userId) ??
          this.#closed(book, nowMs) ??
          usedUp(book, redeemed) ??
          (isNew ? this.#tooManyCodes(book, userId) : null);
        if (refusal !== null) return refusal;
        assert(verdict.kind === 'change' && verdict.outcome.kind === 'locked');
        const { lockId } = verdict.outcome;
        if (lease !== null) assert.equal(lockId, lease.lockId, 'a renewal keeps the lock id');
        else assert(lockId > this.lastLockId, 'a new lock has a greater id than all before');
        this.lastLockId = Math.max(lockId, this.lastLockId);
        if (isNew) this.#assign(code, userId, nowMs);
        const untilMs = nowMs + (ttlMs ?? book.settings.lockTtlMs ?? this.options.lockTtlMs);
        code.lease = { lockId, untilMs };
        return { outcome: { kind: 'locked', code: code.code, userId, lockId, untilMs }, events: isNew ? 2 : 1 };
      }
      case 'unlockCode': {
        if (book.archivedMs !== null) return 'bookArchived';
        if (lease === null) return 'notLocked';
        if (code.userId !== command.userId) return 'lockNotHeld';
        if (command.lockId !== null && command.lockId !== lease.lockId) return 'lockNotHeld';
        code.lease = null;
        return { outcome: { kind: 'unlocked', code: code.code, userId: command.userId }, events: 1 };
      }
      case 'redeemCode': {
        const { userId } = command;
        const refusal =
          notForUser(book, code, lease !== null, userId) ?? this.#closed(book, nowMs) ?? usedUp(book, redeemed);
        if (refusal !== null) return refusal;
        if (book.settings.requireLock && lease === null) return 'lockNotHeld';
        if (command.lockId !== null && command.lockId !== lease?.lockId) return 'lockNotHeld';
        const limit = (isNew ? this.#tooManyCodes(book, userId) : null) ?? this.#tooManyRedemptions(book, userId);
        if (limit !== null) return limit;
        assert(verdict.kind === 'change' && verdict.outcome.kind === 'redeemed');
        const { redemptionId } = verdict.outcome;
        assert(!this.redemptions.some(({ id }) => id === redemptionId), 'a redemption id is new');
        if (isNew) this.#assign(code, userId, nowMs);
        code.lease = null;
        const made = { id: redemptionId, code: code.code, bookId: book.id, userId, atMs: nowMs, rolledBack: false };
        this.redemptions.push(made);
        return {
          outcome: {
            kind: 'redeemed',
            code: code.code,
            userId,
            redemptionId,
            redeemedMs: nowMs,
            redemptionCount: redeemed + 1,
            remaining: remaining(book, redeemed + 1),
          },
          events: isNew ? 2 : 1,
        };
      }
      case 'rollbackRedemption': {
        const { redemptionId } = command;
        const found = this.redemptions.find(({ id, code: of }) => id === redemptionId && of === code.code);
        if (found === undefined) return 'redemptionNotFound';
        if (book.archivedMs !== null) return 'bookArchived';
        if (found.rolledBack) return 'alreadyRolledBack';
        found.rolledBack = true;
        return {
          outcome: {
            kind: 'rolledBack',
            code: code.code,
            redemptionId,
            redemptionCount: redeemed - 1,
            remaining: remaining(book, redeemed - 1),
          },
          events: 1,
        };
      }
      case 'unassignCode': {
        if (book.archivedMs !== null) return 'bookArchived';
        if (isNew) return 'notAssigned';
        if (lease !== null) return 'codeLocked';
        if (redeemed > 0) return 'codeRedeemed';
        code.userId = null;
        code.lease = null;
        return { outcome: { kind: 'unassigned', bookId: book.id, code: code.code }, events: 1 };
      }
    }
  }

  // ─── What is counted ──────────────────────────────────────────────────────────────────────────────────────

  /** With a time, leases that are over by then don't count, announced or not. */
  counts(bookId: BookId, nowMs = 0): BookCounts {
    const codes = this.#codesOf(bookId);
    const redeemed = codes.filter(({ code }) => this.#standing((redemption) => redemption.code === code) > 0).length;
    const available = codes.filter(({ userId }) => userId === null).length;
    return {
      total: codes.length,
      available,
      assigned: codes.length - available - redeemed,
      locked: codes.filter(({ lease }) => lease !== null && nowMs < lease.untilMs).length,
      redeemed,
      redemptions: this.#standing((redemption) => redemption.bookId === bookId),
    };
  }

  view(code: ModelCode, nowMs: number): CodeView {
    const { userId, lastSeq, bookId } = code;
    const lease = code.lease !== null && nowMs < code.lease.untilMs ? code.lease : null;
    const redemptionCount = this.#standing((redemption) => redemption.code === code.code);
    return {
      code: code.code,
      bookId,
      status: userId === null ? 'available' : lease !== null ? 'locked' : redemptionCount > 0 ? 'redeemed' : 'assigned',
      userId,
      assignedMs: userId === null ? null : code.assignedMs,
      lockId: lease?.lockId ?? null,
      lockedUntilMs: lease?.untilMs ?? null,
      redemptionCount,
      redeemedMs:
        this.redemptions.findLast((redemption) => !redemption.rolledBack && redemption.code === code.code)?.atMs ??
        null,
      remaining: remaining(this.#book(bookId), redemptionCount),
      lastSeq: asSeq(lastSeq),
    };
  }

  /** In index order. */
  list(nowMs: number, of: { bookId?: BookId; userId?: string; status?: CodeStatus }): string[] {
    return [...this.codes.values()]
      .filter((code) => of.bookId === undefined || code.bookId === of.bookId)
      .filter((code) => of.userId === undefined || code.userId === of.userId)
      .filter((code) => of.status === undefined || this.view(code, nowMs).status === of.status)
      .sort((a, b) => a.index - b.index)
      .map(({ code }) => code);
  }

  codesOfUser(bookId: BookId, userId: string): number {
    return this.#codesOf(bookId).filter((code) => code.userId === userId).length;
  }

  redemptionsOfUser(bookId: BookId, userId: string): number {
    return this.#standing((redemption) => redemption.bookId === bookId && redemption.userId === userId);
  }

  #goLive(batchId: number, bookId: BookId): void {
    const batch = this.staged.get(batchId);
    assert(batch !== undefined);
    this.staged.delete(batchId);
    this.#close(batchId);
    this.batches.push({ ...batch, bookId });
    batch.codes.forEach((code, ordinal) => {
      if (code === null) return;
      const index = batch.firstIndex + ordinal;
      this.codes.set(code, { code, bookId, index, userId: null, assignedMs: 0, lease: null, lastSeq: 0 });
    });
  }

  /** The key of a book's creation is looked for in all books that are not there. */
  #openBefore({ bookId, caller, key }: Omit<OpenBatch, 'batchId' | 'openedMs'>): OpenBatch | undefined {
    const scope = (of: BookId): BookId | null => (this.books.has(of) ? of : null);
    return this.open.find(
      (batch) =>
        key !== null &&
        batch.caller === caller &&
        batch.key === key &&
        (batch.bookId === bookId || (scope(batch.bookId) === null && scope(bookId) === null)),
    );
  }

  #isReady(batchId: number): boolean {
    return this.staged.has(batchId) && this.open.some((batch) => batch.batchId === batchId);
  }

  #close(batchId: number): boolean {
    const place = this.open.findIndex((batch) => batch.batchId === batchId);
    if (place !== -1) this.open.splice(place, 1);
    return place !== -1;
  }

  #assign(code: ModelCode, userId: string, nowMs: number): Answer {
    code.userId = userId;
    code.assignedMs = nowMs;
    const { bookId } = code;
    return { outcome: { kind: 'assigned', bookId, code: code.code, userId, assignedMs: nowMs }, events: 1 };
  }

  #closed(book: Book, nowMs: number): RefusalReason | null {
    const { startMs, endMs, isActive } = book.settings;
    if (book.archivedMs !== null) return 'bookArchived';
    if (endMs !== null && endMs <= nowMs) return 'bookOver';
    if (!isActive) return 'bookNotActive';
    return startMs !== null && nowMs < startMs ? 'bookNotBegun' : null;
  }

  #tooManyCodes(book: Book, userId: string): RefusalReason | null {
    const { maxCodesPerUser } = book.settings;
    return maxCodesPerUser !== null && this.codesOfUser(book.id, userId) >= maxCodesPerUser ? 'userCodesLimit' : null;
  }

  #tooManyRedemptions(book: Book, userId: string): RefusalReason | null {
    const { maxRedemptionsPerUser: max } = book.settings;
    return max !== null && this.redemptionsOfUser(book.id, userId) >= max ? 'userRedemptionsLimit' : null;
  }

  #standing(which: (redemption: ModelRedemption) => boolean): number {
    return this.redemptions.filter((redemption) => !redemption.rolledBack && which(redemption)).length;
  }

  #codesOf(bookId: BookId): ModelCode[] {
    return [...this.codes.values()].filter((code) => code.bookId === bookId);
  }

  #book(bookId: BookId): Book {
    const book = this.books.get(bookId);
    assert(book !== undefined);
    return book;
  }
}

function expectRefusal(verdict: Verdict, reason: RefusalReason): void {
  assert.equal(verdict.kind === 'refused' ? verdict.reason : verdict.kind, reason);
}

function isSound({ startMs, endMs, allowMultipleRedemptions, maxRedemptionsPerCode }: BookSettings): boolean {
  if (startMs !== null && endMs !== null && endMs <= startMs) return false;
  return allowMultipleRedemptions || maxRedemptionsPerCode === null;
}

function notForUser(book: Book, code: ModelCode, isLocked: boolean, userId: string): RefusalReason | null {
  if (code.userId === userId) return null;
  if (code.userId !== null) return isLocked ? 'lockedByAnother' : 'codeNotFound';
  return book.settings.redeemableBy === 'bearer' ? null : 'codeNotFound';
}

function usedUp(book: Book, redeemed: number): RefusalReason | null {
  return remaining(book, redeemed) === 0 ? 'usedUp' : null;
}

function remaining({ settings }: Book, redeemed: number): number | null {
  if (!settings.allowMultipleRedemptions) return Math.max(0, 1 - redeemed);
  return settings.maxRedemptionsPerCode === null ? null : Math.max(0, settings.maxRedemptionsPerCode - redeemed);
}

/**
 * The rules. From a state and a command, `decide` makes a refusal or a decision: events, and the
 * answer to the caller. Nothing is changed here; `apply` does that, now and on every replay.
 *
 * Refusals are checked in the order in which they stand in each function. For codes it is always:
 *
 *     1. Does the code exist?                     codeNotFound
 *     2. Does another user hold a lease of it?    lockedByAnother
 *     3. May this user act on the code?           codeNotFound, as for an unknown code, so that
 *                                                 guessing reveals nothing
 *     4. May the book be changed now?             bookArchived, bookOver, bookNotActive,
 *                                                 bookNotBegun
 *     5. Does the state of the code allow it?     usedUp, lockNotHeld, codeLocked, …
 *     6. Do the user's limits allow it?           userCodesLimit, userRedemptionsLimit
 *
 * Assigning a particular code answers assignedToAnother in step 3, because callers who may assign
 * may know it. Unlocking, rolling back and unassigning only give something back, so in step 4 they
 * check for bookArchived alone; a lock of another caller is lockNotHeld.
 *
 * That is for callers who may know of every code; others-code.ts marks the refusals that must not
 * be told to others.
 *
 * A lease ends at `untilMs`, to the millisecond: `expireLeases` is applied before the commands of
 * the same moment.
 */
import { type Book, type BookSettings, type Contradiction, contradictionIn, redemptionsPerCodeMax } from './book.js';
import { isUsers, leaseOf, redemptionsOf } from './code-facts.js';
import { AVAILABLE } from './code-table.js';
import type { Command, Origin } from './command.js';
import { addCodes, codesAdded, giveUpBatch, openBatch } from './decide-batch.js';
import { bookArchived, bookNotFound, type Decision, refuse } from './decision.js';
import type { Change, CodeEvent, DomainEvent } from './event.js';
import { asSeq, type BookId, type Seq } from './ids.js';
import { isOthersCode } from './others-code.js';
import type { Outcome, Refusal } from './outcome.js';
import type { Random } from './random.js';
import type { BookState, ShardState } from './state.js';

/** The result of a command. `replay`: it was answered before, under the same idempotency key. */
export type Verdict =
  | Refusal
  | { readonly kind: 'change'; readonly change: Change; readonly outcome: Outcome }
  /** Accepted, and nothing had to change. `seq` is the sequence of the event that it relies on. */
  | { readonly kind: 'unchanged'; readonly outcome: Outcome; readonly seq: Seq }
  | { readonly kind: 'replay'; readonly outcome: Outcome; readonly seq: Seq };

export function decide(state: ShardState, command: Command, origin: Origin, nowMs: number, random: Random): Verdict {
  const verdict = judge(state, command, origin, nowMs, random);
  if (verdict.kind !== 'refused' || !isOthersCode(state, command, verdict)) return verdict;
  return { ...verdict, isOthersCode: true };
}

function judge(state: ShardState, command: Command, origin: Origin, nowMs: number, random: Random): Verdict {
  const { idempotency } = origin;
  if (idempotency !== null) {
    const scope = scopeOf(state, command);
    const known = scope === undefined ? null : state.remembered.find(origin.caller, scope, idempotency.key, nowMs);
    if (known !== null && known.fingerprint === idempotency.fingerprint) {
      return { kind: 'replay', outcome: known.outcome, seq: known.seq };
    }
    if (known !== null) return refuse('idempotencyKeyReused', 'This idempotency key was used for another request.');
    const fullUntilMs = scope === undefined ? 0 : state.remembered.fullUntilMs(origin.caller, nowMs);
    if (fullUntilMs > 0) return memoryFull(fullUntilMs);
  }
  const decision = decideCommand(state, command, nowMs, random);
  if (decision.kind === 'refused') return decision;
  const { bookId, outcome } = decision;
  let { events } = decision;
  if (events.length === 0) {
    if (idempotency === null) return { kind: 'unchanged', outcome, seq: lastSeqFor(state, command) };
    events = [{ kind: 'noted', bookId }];
  }
  const remembered =
    idempotency === null ? null : { key: idempotency.key, fingerprint: idempotency.fingerprint, outcome };
  const { caller, requestId } = origin;
  const change: Change = { firstSeq: asSeq(state.seq + 1), atMs: nowMs, bookId, caller, requestId, events, remembered };
  return { kind: 'change', change, outcome };
}

/**
 * The change for the earliest lease that has ended by now, if any. Apply it, and call again.
 */
export function expireLeases(state: ShardState, nowMs: number): Change | null {
  const record = state.leases.first();
  if (record === -1) return null;
  if (state.leases.untilMs(record) > nowMs) return null;
  const index = state.codes.used.index.get(record);
  const about = aboutCode(state, index, state.codes.text(index), state.users.name(state.userOf(record)));
  const event: DomainEvent = { kind: 'leaseExpired', lockId: state.leases.lockId(record), ...about };
  return {
    firstSeq: asSeq(state.seq + 1),
    atMs: nowMs,
    bookId: about.bookId,
    caller: 'system',
    requestId: '',
    events: [event],
    remembered: null,
  };
}

/** When the next lease ends, Unix ms; null if none is held. */
export function nextLeaseEndMs(state: ShardState): number | null {
  const record = state.leases.first();
  return record === -1 ? null : state.leases.untilMs(record);
}

function decideCommand(state: ShardState, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    case 'redeemCode':
      return redeemCode(state, command, nowMs, random);
    case 'assignRandom':
      return assignRandom(state, command, nowMs, random);
    case 'lockCode':
      return lockCode(state, command, nowMs);
    case 'unlockCode':
      return unlockCode(state, command, nowMs);
    case 'assignCode':
      return assignCode(state, command, nowMs);
    case 'rollbackRedemption':
      return rollbackRedemption(state, command);
    case 'unassignCode':
      return unassignCode(state, command, nowMs);
    case 'addCodes':
      return addCodes(state, command);
    case 'createBook':
      return createBook(state, command, nowMs);
    case 'updateBook':
      return updateBook(state, command, nowMs);
    case 'archiveBook':
      return archiveBook(state, command, nowMs);
    case 'openBatch':
      return openBatch(state, command, nowMs);
    case 'giveUpBatch':
      return giveUpBatch(state, command);
  }
}

// ─── Codes ──────────────────────────────────────────────────────────────────────────────────────────────────────

function assignRandom(
  state: ShardState,
  { bookId, userId }: Extract<Command, { kind: 'assignRandom' }>,
  nowMs: number,
  random: Random,
): Decision | Refusal {
  const book = state.book(bookId);
  if (book === undefined) return bookNotFound();
  const refusal = refuseClosed(book, nowMs) ?? refuseMoreCodes(state, book, userId);
  if (refusal !== null) return refusal;
  if (book.pool.count === 0) return refuse('noneAvailable', 'No code of this book is available.');
  const index = book.pool.draw(random);
  const about = aboutCode(state, index, state.codes.text(index), userId);
  return {
    kind: 'decision',
    bookId,
    events: [codeAssigned(about, nowMs)],
    outcome: { kind: 'assigned', bookId, code: about.code, userId, assignedMs: nowMs },
  };
}

function assignCode(
  state: ShardState,
  { code, userId }: Extract<Command, { kind: 'assignCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = state.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = state.bookOfCode(index);
  const bookId = book.book.id;
  if (state.codes.phase(index) !== AVAILABLE) {
    if (!isUsers(state, index, userId)) return refuse('assignedToAnother', 'This code is assigned to another user.');
    const assignedMs = state.codes.used.assignedMs.get(state.codes.record(index));
    return { kind: 'decision', bookId, events: [], outcome: { kind: 'assigned', bookId, code, userId, assignedMs } };
  }
  const refusal = refuseClosed(book, nowMs) ?? refuseMoreCodes(state, book, userId);
  if (refusal !== null) return refusal;
  return {
    kind: 'decision',
    bookId,
    events: [codeAssigned(aboutCode(state, index, code, userId), nowMs)],
    outcome: { kind: 'assigned', bookId, code, userId, assignedMs: nowMs },
  };
}

function lockCode(
  state: ShardState,
  { code, userId, ttlMs }: Extract<Command, { kind: 'lockCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = state.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = state.bookOfCode(index);
  const { settings, id: bookId } = book.book;
  const isNew = state.codes.phase(index) === AVAILABLE;
  const refusal =
    refuseStranger(state, index, userId, nowMs) ?? refuseClosed(book, nowMs) ?? refuseUsedUp(state, book, index);
  if (refusal !== null) return refusal;
  const limit = isNew ? refuseMoreCodes(state, book, userId) : null;
  if (limit !== null) return limit;

  const untilMs = nowMs + (ttlMs ?? settings.lockTtlMs ?? state.options.lockTtlMs);
  const about = aboutCode(state, index, code, userId);
  const renewed = isNew ? 0 : leaseOf(state, index, nowMs);
  // A lock id is the sequence of the event that made the lock: it grows, and no two locks share
  // one.
  const lockId = renewed !== 0 ? renewed : state.seq + (isNew ? 2 : 1);
  const prevSeq = isNew ? asSeq(state.seq + 1) : about.prevSeq;
  const locked = { kind: 'codeLocked', lockId, untilMs, bookId, index, code, userId, prevSeq } as const;
  const events: DomainEvent[] = isNew ? [codeAssigned(about, nowMs), locked] : [locked];
  return { kind: 'decision', bookId, events, outcome: { kind: 'locked', code, userId, lockId, untilMs } };
}

function unlockCode(
  state: ShardState,
  { code, userId, lockId }: Extract<Command, { kind: 'unlockCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = state.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = state.bookOfCode(index).book;
  if (book.archivedMs !== null) return bookArchived();
  const held = leaseOf(state, index, nowMs);
  if (held === 0) return refuse('notLocked', 'This code is not locked.');
  if (!isUsers(state, index, userId)) return refuse('lockNotHeld', 'This code is locked by another user.');
  if (lockId !== null && lockId !== held) return refuse('lockNotHeld', 'That lock has ended; the code is locked anew.');
  return {
    kind: 'decision',
    bookId: book.id,
    events: [{ kind: 'codeUnlocked', lockId: held, ...aboutCode(state, index, code, userId) }],
    outcome: { kind: 'unlocked', code, userId },
  };
}

function redeemCode(
  state: ShardState,
  { code, userId, lockId, metadata }: Extract<Command, { kind: 'redeemCode' }>,
  nowMs: number,
  random: Random,
): Decision | Refusal {
  const index = state.codes.find(code);
  if (index === -1) return codeNotFound();
  const book = state.bookOfCode(index);
  const { settings, id: bookId } = book.book;
  const isNew = state.codes.phase(index) === AVAILABLE;
  const refusal =
    refuseStranger(state, index, userId, nowMs) ?? refuseClosed(book, nowMs) ?? refuseUsedUp(state, book, index);
  if (refusal !== null) return refusal;
  const held = isNew ? 0 : leaseOf(state, index, nowMs);
  if (settings.requireLock && held === 0) {
    return refuse('lockNotHeld', 'This book wants a code locked before it is redeemed, and no lock is held.');
  }
  if (lockId !== null && lockId !== held) return refuse('lockNotHeld', 'That lock is not held any more.');
  const limit = (isNew ? refuseMoreCodes(state, book, userId) : null) ?? refuseMoreRedemptions(state, book, userId);
  if (limit !== null) return limit;

  const redemptionCount = redemptionsOf(state, index) + 1;
  const redemptionId = state.redemptions.newId(nowMs, state.redemptions.next, random);
  const about = aboutCode(state, index, code, userId);
  const redeemed: DomainEvent = {
    kind: 'codeRedeemed',
    redemptionId,
    atMs: nowMs,
    redemptionCount,
    metadata,
    bookId,
    index,
    code,
    userId,
    prevSeq: isNew ? asSeq(state.seq + 1) : about.prevSeq,
  };
  const events = isNew ? [codeAssigned(about, nowMs), redeemed] : [redeemed];
  const remaining = remainingOf(settings, redemptionCount);
  return {
    kind: 'decision',
    bookId,
    events,
    outcome: { kind: 'redeemed', code, userId, redemptionId, redeemedMs: nowMs, redemptionCount, remaining },
  };
}

function rollbackRedemption(
  state: ShardState,
  { code, redemptionId, reason }: Extract<Command, { kind: 'rollbackRedemption' }>,
): Decision | Refusal {
  const index = state.codes.find(code);
  if (index === -1) return codeNotFound();
  const { settings, id: bookId, archivedMs } = state.bookOfCode(index).book;
  const number = state.redemptions.find(redemptionId, index);
  if (number === -1) return refuse('redemptionNotFound', 'This code has no redemption with that id.');
  if (archivedMs !== null) return bookArchived();
  if (state.redemptions.isRolledBack(number))
    return refuse('alreadyRolledBack', 'This redemption was rolled back already.');
  const redemptionCount = redemptionsOf(state, index) - 1;
  const about = aboutCode(state, index, code, state.users.name(state.redemptions.user(number)));
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'redemptionRolledBack', redemptionId, redemptionCount, reason, ...about }],
    outcome: {
      kind: 'rolledBack',
      code,
      redemptionId,
      redemptionCount,
      remaining: remainingOf(settings, redemptionCount),
    },
  };
}

function unassignCode(
  state: ShardState,
  { code, reason }: Extract<Command, { kind: 'unassignCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = state.codes.find(code);
  if (index === -1) return codeNotFound();
  const { id: bookId, archivedMs } = state.bookOfCode(index).book;
  if (archivedMs !== null) return bookArchived();
  if (state.codes.phase(index) === AVAILABLE) return refuse('notAssigned', 'This code is not assigned.');
  const record = state.codes.record(index);
  if (state.leases.untilMs(record) > nowMs)
    return refuse('codeLocked', 'This code is locked.', state.leases.untilMs(record));
  if (redemptionsOf(state, index) > 0) return refuse('codeRedeemed', 'This code has been redeemed.');
  const about = aboutCode(state, index, code, state.users.name(state.userOf(record)));
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'codeUnassigned', reason, ...about }],
    outcome: { kind: 'unassigned', bookId, code },
  };
}

// ─── Books ──────────────────────────────────────────────────────────────────────────────────────────────────────

function createBook(
  state: ShardState,
  { bookId, settings, codes }: Extract<Command, { kind: 'createBook' }>,
  nowMs: number,
): Decision | Refusal {
  if (state.book(bookId) !== undefined) return refuse('bookExists', 'There is a book with this id already.');
  const invalid = refuseSettings(settings);
  if (invalid !== null) return invalid;
  const book: Book = { id: bookId, settings, version: 1, createdMs: nowMs, updatedMs: nowMs, archivedMs: null };
  const events: DomainEvent[] = [{ kind: 'bookCreated', book }];
  let count = 0;
  if (codes !== null) {
    const added = codesAdded(state, bookId, codes.batchId);
    if (added.kind === 'refused') return added;
    count = added.count;
    events.push(added);
  }
  const counts = { total: count, available: count, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 };
  return { kind: 'decision', bookId, events, outcome: { kind: 'book', book, counts } };
}

function updateBook(
  state: ShardState,
  { bookId, patch, ifVersion }: Extract<Command, { kind: 'updateBook' }>,
  nowMs: number,
): Decision | Refusal {
  const found = state.book(bookId);
  if (found === undefined) return bookNotFound();
  const { book } = found;
  if (ifVersion !== null && !ifVersion.includes(book.version)) return versionMismatch();
  if (book.archivedMs !== null) return bookArchived();
  const settings: BookSettings = { ...book.settings, ...patch };
  const invalid = refuseSettings(settings);
  if (invalid !== null) return invalid;
  const updated: Book = { ...book, settings, version: book.version + 1, updatedMs: nowMs };
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'bookUpdated', book: updated }],
    outcome: { kind: 'book', book: updated, counts: state.counts(found) },
  };
}

function archiveBook(
  state: ShardState,
  { bookId, ifVersion }: Extract<Command, { kind: 'archiveBook' }>,
  nowMs: number,
): Decision | Refusal {
  const book = state.book(bookId)?.book;
  if (book === undefined) return bookNotFound();
  if (book.archivedMs !== null) return { kind: 'decision', bookId, events: [], outcome: { kind: 'archived' } };
  if (ifVersion !== null && !ifVersion.includes(book.version)) return versionMismatch();
  const archived: Book = { ...book, version: book.version + 1, updatedMs: nowMs, archivedMs: nowMs };
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'bookArchived', book: archived }],
    outcome: { kind: 'archived' },
  };
}

// ─── What the rules ask ─────────────────────────────────────────────────────────────────────────────────────────

function refuseStranger(state: ShardState, index: number, userId: string, nowMs: number): Refusal | null {
  if (state.codes.phase(index) === AVAILABLE) {
    return state.bookOfCode(index).book.settings.redeemableBy === 'bearer' ? null : codeNotFound();
  }
  if (isUsers(state, index, userId)) return null;
  const record = state.codes.record(index);
  const untilMs = state.leases.untilMs(record);
  if (untilMs <= nowMs) return codeNotFound();
  return refuse('lockedByAnother', 'This code is locked by another user.', untilMs);
}

function refuseClosed({ book }: BookState, nowMs: number): Refusal | null {
  const { settings } = book;
  if (book.archivedMs !== null) return bookArchived();
  if (settings.endMs !== null && nowMs >= settings.endMs) return refuse('bookOver', 'This book is over.');
  if (!settings.isActive) return refuse('bookNotActive', 'This book is not active.');
  if (settings.startMs !== null && nowMs < settings.startMs) {
    return refuse('bookNotBegun', 'This book has not begun.', settings.startMs);
  }
  return null;
}

function refuseUsedUp(state: ShardState, book: BookState, index: number): Refusal | null {
  const max = redemptionsPerCodeMax(book.book.settings);
  if (max === null || redemptionsOf(state, index) < max) return null;
  return refuse('usedUp', 'This code has been redeemed as often as it can be.');
}

function refuseMoreCodes(state: ShardState, book: BookState, userId: string): Refusal | null {
  const max = book.book.settings.maxCodesPerUser;
  if (max === null) return null;
  const user = state.users.find(userId);
  if ((user === -1 ? 0 : state.users.codesIn(book.number, user)) < max) return null;
  return refuse('userCodesLimit', `This user has all ${max} codes of this book that one user may have.`);
}

function refuseMoreRedemptions(state: ShardState, book: BookState, userId: string): Refusal | null {
  const max = book.book.settings.maxRedemptionsPerUser;
  if (max === null) return null;
  const user = state.users.find(userId);
  if ((user === -1 ? 0 : state.users.redemptionsIn(book.number, user)) < max) return null;
  return refuse(
    'userRedemptionsLimit',
    `This user has made all ${max} redemptions in this book that one user may make.`,
  );
}

const CONTRADICTIONS: Readonly<Record<Contradiction, string>> = {
  endsBeforeItBegins: 'endDate must be after startDate.',
  countWithoutMultiple: 'maxRedemptionsPerCode needs allowMultipleRedemptions.',
};

function refuseSettings(settings: BookSettings): Refusal | null {
  const found = contradictionIn(settings);
  return found === null ? null : refuse('bookInvalid', CONTRADICTIONS[found]);
}

function remainingOf(settings: BookSettings, redemptionCount: number): number | null {
  const max = redemptionsPerCodeMax(settings);
  return max === null ? null : Math.max(0, max - redemptionCount);
}

type AboutCode = Pick<CodeEvent, 'bookId' | 'index' | 'code' | 'userId' | 'prevSeq'>;

/**
 * `code` is the text at `index`: most callers have it, and making it from the table's bytes costs
 * something.
 */
function aboutCode(state: ShardState, index: number, code: string, userId: string): AboutCode {
  return { bookId: state.bookOfCode(index).book.id, index, code, userId, prevSeq: asSeq(state.codes.lastSeq(index)) };
}

// Field by field, also where a code is locked or redeemed: spreading `about` takes longer than the
// rest of the decision.
function codeAssigned({ bookId, index, code, userId, prevSeq }: AboutCode, atMs: number): DomainEvent {
  return { kind: 'codeAssigned', atMs, bookId, index, code, userId, prevSeq };
}

/**
 * Where a key of this command is remembered; undefined: nowhere, since what it names isn't there.
 */
function scopeOf(state: ShardState, command: Command): BookId | null | undefined {
  if (command.kind === 'createBook') return null;
  if ('bookId' in command) return command.bookId;
  const index = state.codes.find(command.code);
  return index === -1 ? undefined : state.bookOfCode(index).book.id;
}

function lastSeqFor(state: ShardState, command: Command): Seq {
  if (!('code' in command)) return state.seq;
  return asSeq(state.codes.lastSeq(state.codes.find(command.code)));
}

const memoryFull = (untilMs: number): Refusal =>
  refuse('idempotencyMemoryFull', 'The idempotency keys of this caller take all the memory that they may.', untilMs);
const codeNotFound = (): Refusal => refuse('codeNotFound', 'There is no such code for this user.');
const versionMismatch = (): Refusal => refuse('bookVersionMismatch', 'The book has been changed since that version.');

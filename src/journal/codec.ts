/**
 * What is inside a journal entry: one shard's list of changes, as bytes.
 *
 * The form is one version byte and then one flat msgpack array. Flat, because a cursor that walks an array of
 * scalars is several times faster than maps with repeated key names, and half their size. What repeats is written
 * once: the strings that name things (books, callers, users, codes, redemptions) go through a dictionary that both
 * sides build while they walk, so a string stands for itself the first time and a number stands for it afterwards;
 * the outcome that is remembered for an idempotency key thus costs a few bytes beside its event. Sequences are
 * implied, times are differences to the time of the change before.
 *
 * What lost: packing UUIDs to 16 bytes. With the dictionary only one redemption id and one request id a change are
 * left, and turning 36 characters to bytes and back costs more than hashing and syncing 20 bytes more.
 * Free-form values (`metadata`, `report`) are JSON text inside: they came as JSON, they are rare, and JSON keeps
 * every key as it was, `__proto__` included, which msgpack decoders rightly refuse to.
 *
 * Both sides of the boundary assert. A payload that passed the journal's checksum and still does not decode was
 * written by a newer version or by a bug: stop, never guess.
 */
import { Packr } from 'msgpackr';
import type { Book, BookSettings } from '../domain/book.js';
import type { Change, DomainEvent, Remembered } from '../domain/event.js';
import type { BookId, Seq } from '../domain/ids.js';
import type { Outcome } from '../domain/outcome.js';
import { assertThat, FieldReader, FieldWriter } from './payload-fields.js';

/** The first byte of every payload. Another number is another form; decoding both is then this file's work. */
export const CODEC_VERSION = 1;

/** Kinds are numbered on disk by their place here: append only. */
const eventKinds = [
  'bookCreated',
  'bookUpdated',
  'bookArchived',
  'codesAdded',
  'noted',
  'codeAssigned',
  'codeUnassigned',
  'codeLocked',
  'codeUnlocked',
  'leaseExpired',
  'codeRedeemed',
  'redemptionRolledBack',
] as const satisfies readonly DomainEvent['kind'][];

const outcomeKinds = [
  'book',
  'archived',
  'codesAdded',
  'assigned',
  'locked',
  'unlocked',
  'redeemed',
  'rolledBack',
  'unassigned',
] as const satisfies readonly Outcome['kind'][];

const eventKindIndex = indexOfKinds(eventKinds);
const outcomeKindIndex = indexOfKinds(outcomeKinds);

const msgpack = new Packr({ useRecords: false, moreTypes: false });

/** Encoding never waits, so one is enough for all that a thread encodes. */
const writer = new FieldWriter();

/**
 * The bytes of a list of changes whose sequences follow each other without a gap. At least one change.
 * Throws where the list is not what an entry may hold: that is a bug of the caller.
 */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const first = changes[0];
  assertThat(first !== undefined, 'an entry holds at least one change');
  const out = writer;
  out.begin(1);
  out.number(changes.length);
  out.number(first.firstSeq);
  let seq: number = first.firstSeq;
  let atMs = 0;
  for (const change of changes) {
    assertThat(Number.isSafeInteger(seq) && seq > 0, 'sequences are positive integers');
    assertThat(change.firstSeq === seq, 'changes of an entry follow each other without a gap');
    assertThat(change.events.length > 0, 'a change has at least one event');
    assertThat(Number.isSafeInteger(change.atMs), 'times are whole milliseconds');
    out.number(change.atMs - atMs);
    atMs = change.atMs;
    out.name(change.bookId);
    out.name(change.caller);
    out.text(change.requestId);
    out.number(change.events.length);
    for (const event of change.events) encodeEvent(out, event, atMs);
    encodeRemembered(out, change.remembered, atMs);
    seq += change.events.length;
  }
  const payload = out.end();
  payload[0] = CODEC_VERSION;
  return payload;
}

/** The changes of a payload that `encodeChanges` made. Throws when it is of another version or malformed. */
export function decodeChanges(payload: Uint8Array): Change[] {
  assertThat(payload[0] === CODEC_VERSION, `payload version ${payload[0]}, this program reads ${CODEC_VERSION}`);
  const values: unknown = msgpack.unpack(payload.subarray(1));
  assertThat(Array.isArray(values), 'a payload is an array');
  const from = new FieldReader(values);
  const count = from.integer();
  let seq = from.integer();
  assertThat(count > 0 && seq > 0, 'a payload holds at least one change, from a positive sequence');
  let atMs = 0;
  const changes: Change[] = [];
  for (let n = 0; n < count; n += 1) {
    atMs += from.integer();
    const bookId = from.name() as BookId;
    const caller = from.name();
    const requestId = from.text();
    const eventCount = from.integer();
    assertThat(eventCount > 0, 'a change has at least one event');
    const events: DomainEvent[] = [];
    for (let e = 0; e < eventCount; e += 1) events.push(decodeEvent(from, atMs));
    const remembered = decodeRemembered(from, atMs);
    changes.push({ firstSeq: seq as Seq, atMs, bookId, caller, requestId, events, remembered });
    seq += eventCount;
  }
  from.assertEnd();
  return changes;
}

function encodeEvent(out: FieldWriter, event: DomainEvent, atMs: number): void {
  out.number(eventKindIndex[event.kind]);
  switch (event.kind) {
    case 'bookCreated':
    case 'bookUpdated':
    case 'bookArchived':
      encodeBook(out, event.book);
      return;
    case 'codesAdded':
      out.name(event.bookId);
      out.number(event.batchId);
      out.number(event.firstIndex);
      out.number(event.size);
      out.number(event.count);
      return;
    case 'noted':
      out.name(event.bookId);
      return;
    case 'codeAssigned':
      encodeOfCode(out, event);
      out.time(event.atMs, atMs);
      return;
    case 'codeUnassigned':
      encodeOfCode(out, event);
      out.textOrNull(event.reason);
      return;
    case 'codeLocked':
      encodeOfCode(out, event);
      out.number(event.lockId);
      out.time(event.untilMs, atMs);
      return;
    case 'codeUnlocked':
    case 'leaseExpired':
      encodeOfCode(out, event);
      out.number(event.lockId);
      return;
    case 'codeRedeemed':
      encodeOfCode(out, event);
      out.redemption(event.redemptionId);
      out.time(event.atMs, atMs);
      out.number(event.redemptionCount);
      out.json(event.metadata);
      return;
    case 'redemptionRolledBack':
      encodeOfCode(out, event);
      out.redemption(event.redemptionId);
      out.number(event.redemptionCount);
      out.textOrNull(event.reason);
      return;
  }
}

function decodeEvent(from: FieldReader, atMs: number): DomainEvent {
  const kind = eventKinds[from.integer()];
  if (kind === undefined) throw new Error('journal payload: unknown kind of event');
  switch (kind) {
    case 'bookCreated':
    case 'bookUpdated':
    case 'bookArchived':
      return { kind, book: decodeBook(from) };
    case 'codesAdded':
      return {
        kind,
        bookId: from.name() as BookId,
        batchId: from.integer(),
        firstIndex: from.integer(),
        size: from.integer(),
        count: from.integer(),
      };
    case 'noted':
      return { kind, bookId: from.name() as BookId };
    case 'codeAssigned':
    case 'codeUnassigned':
    case 'codeLocked':
    case 'codeUnlocked':
    case 'leaseExpired':
    case 'codeRedeemed':
    case 'redemptionRolledBack':
      return decodeCodeEvent(from, kind, atMs);
  }
}

type CodeEventKind = Extract<DomainEvent, { readonly code: string }>['kind'];

function decodeCodeEvent(from: FieldReader, kind: CodeEventKind, atMs: number): DomainEvent {
  const bookId = from.name() as BookId;
  const index = from.integer();
  const code = from.name();
  const userId = from.name();
  const prevSeq = from.integer() as Seq;
  switch (kind) {
    case 'codeAssigned':
      return { kind, bookId, index, code, userId, prevSeq, atMs: from.time(atMs) };
    case 'codeUnassigned':
      return { kind, bookId, index, code, userId, prevSeq, reason: from.textOrNull() };
    case 'codeLocked':
      return { kind, bookId, index, code, userId, prevSeq, lockId: from.integer(), untilMs: from.time(atMs) };
    case 'codeUnlocked':
    case 'leaseExpired':
      return { kind, bookId, index, code, userId, prevSeq, lockId: from.integer() };
    case 'codeRedeemed':
      return {
        kind,
        bookId,
        index,
        code,
        userId,
        prevSeq,
        redemptionId: from.name(),
        atMs: from.time(atMs),
        redemptionCount: from.integer(),
        metadata: from.jsonOrNull(),
      };
    case 'redemptionRolledBack':
      return {
        kind,
        bookId,
        index,
        code,
        userId,
        prevSeq,
        redemptionId: from.name(),
        redemptionCount: from.integer(),
        reason: from.textOrNull(),
      };
  }
}

function encodeOfCode(out: FieldWriter, event: Extract<DomainEvent, { readonly code: string }>): void {
  out.name(event.bookId);
  out.number(event.index);
  out.code(event.code);
  out.user(event.userId);
  out.number(event.prevSeq);
}

function encodeRemembered(out: FieldWriter, remembered: Remembered | null, atMs: number): void {
  if (remembered === null) {
    out.null();
    return;
  }
  out.text(remembered.key);
  out.number(remembered.fingerprint);
  encodeOutcome(out, remembered.outcome, atMs);
}

function decodeRemembered(from: FieldReader, atMs: number): Remembered | null {
  const key = from.textOrNull();
  return key === null ? null : { key, fingerprint: from.number(), outcome: decodeOutcome(from, atMs) };
}

function encodeOutcome(out: FieldWriter, outcome: Outcome, atMs: number): void {
  out.number(outcomeKindIndex[outcome.kind]);
  switch (outcome.kind) {
    case 'book': {
      encodeBook(out, outcome.book);
      const { total, available, assigned, locked, redeemed, redemptions } = outcome.counts;
      out.number(total);
      out.number(available);
      out.number(assigned);
      out.number(locked);
      out.number(redeemed);
      out.number(redemptions);
      return;
    }
    case 'archived':
      return;
    case 'codesAdded':
      out.number(outcome.total);
      out.json(outcome.report);
      return;
    case 'assigned':
      out.name(outcome.bookId);
      out.code(outcome.code);
      out.user(outcome.userId);
      out.time(outcome.assignedMs, atMs);
      return;
    case 'locked':
      out.code(outcome.code);
      out.user(outcome.userId);
      out.number(outcome.lockId);
      out.time(outcome.untilMs, atMs);
      return;
    case 'unlocked':
      out.code(outcome.code);
      out.user(outcome.userId);
      return;
    case 'redeemed':
      out.code(outcome.code);
      out.user(outcome.userId);
      out.redemption(outcome.redemptionId);
      out.time(outcome.redeemedMs, atMs);
      out.number(outcome.redemptionCount);
      out.numberOrNull(outcome.remaining);
      return;
    case 'rolledBack':
      out.code(outcome.code);
      out.redemption(outcome.redemptionId);
      out.number(outcome.redemptionCount);
      out.numberOrNull(outcome.remaining);
      return;
    case 'unassigned':
      out.name(outcome.bookId);
      out.code(outcome.code);
      return;
  }
}

function decodeOutcome(from: FieldReader, atMs: number): Outcome {
  const kind = outcomeKinds[from.integer()];
  if (kind === undefined) throw new Error('journal payload: unknown kind of outcome');
  switch (kind) {
    case 'book':
      return {
        kind,
        book: decodeBook(from),
        counts: {
          total: from.integer(),
          available: from.integer(),
          assigned: from.integer(),
          locked: from.integer(),
          redeemed: from.integer(),
          redemptions: from.integer(),
        },
      };
    case 'archived':
      return { kind };
    case 'codesAdded':
      return { kind, total: from.integer(), report: from.json() };
    case 'assigned':
      return {
        kind,
        bookId: from.name() as BookId,
        code: from.name(),
        userId: from.name(),
        assignedMs: from.time(atMs),
      };
    case 'locked':
      return {
        kind,
        code: from.name(),
        userId: from.name(),
        lockId: from.integer(),
        untilMs: from.time(atMs),
      };
    case 'unlocked':
      return { kind, code: from.name(), userId: from.name() };
    case 'redeemed':
      return {
        kind,
        code: from.name(),
        userId: from.name(),
        redemptionId: from.name(),
        redeemedMs: from.time(atMs),
        redemptionCount: from.integer(),
        remaining: from.integerOrNull(),
      };
    case 'rolledBack':
      return {
        kind,
        code: from.name(),
        redemptionId: from.name(),
        redemptionCount: from.integer(),
        remaining: from.integerOrNull(),
      };
    case 'unassigned':
      return { kind, bookId: from.name() as BookId, code: from.name() };
  }
}

function encodeBook(out: FieldWriter, book: Book): void {
  out.name(book.id);
  out.number(book.version);
  out.number(book.createdMs);
  out.number(book.updatedMs);
  out.numberOrNull(book.archivedMs);
  const s = book.settings;
  out.text(s.name);
  out.textOrNull(s.description);
  out.numberOrNull(s.startMs);
  out.numberOrNull(s.endMs);
  out.boolean(s.isActive);
  out.numberOrNull(s.maxCodesPerUser);
  out.numberOrNull(s.maxRedemptionsPerUser);
  out.boolean(s.allowMultipleRedemptions);
  out.numberOrNull(s.maxRedemptionsPerCode);
  out.textOrNull(s.codePattern);
  out.boolean(s.redeemableBy === 'bearer');
  out.boolean(s.requireLock);
  out.numberOrNull(s.lockTtlMs);
  out.json(s.metadata);
}

function decodeBook(from: FieldReader): Book {
  const id = from.name() as BookId;
  const version = from.integer();
  const createdMs = from.integer();
  const updatedMs = from.integer();
  const archivedMs = from.integerOrNull();
  const settings: BookSettings = {
    name: from.text(),
    description: from.textOrNull(),
    startMs: from.integerOrNull(),
    endMs: from.integerOrNull(),
    isActive: from.boolean(),
    maxCodesPerUser: from.integerOrNull(),
    maxRedemptionsPerUser: from.integerOrNull(),
    allowMultipleRedemptions: from.boolean(),
    maxRedemptionsPerCode: from.integerOrNull(),
    codePattern: from.textOrNull(),
    redeemableBy: from.boolean() ? 'bearer' : 'assignee',
    requireLock: from.boolean(),
    lockTtlMs: from.integerOrNull(),
    metadata: from.jsonOrNull(),
  };
  return { id, settings, version, createdMs, updatedMs, archivedMs };
}

/** Complete by type: a kind that is missing in a list above is missing in its record, and looking it up won't compile. */
function indexOfKinds<const Kinds extends readonly string[]>(kinds: Kinds): Readonly<Record<Kinds[number], number>> {
  return Object.fromEntries(kinds.map((kind, index) => [kind, index])) as Record<Kinds[number], number>;
}

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
import { MsgpackWriter } from './msgpack-writer.js';

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

/**
 * The bytes of a list of changes whose sequences follow each other without a gap. At least one change.
 * Throws where the list is not what an entry may hold: that is a bug of the caller.
 */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const first = changes[0];
  assertThat(first !== undefined, 'an entry holds at least one change');
  const out = encoder;
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
  const from = new Decoder(values);
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

function encodeEvent(out: Encoder, event: DomainEvent, atMs: number): void {
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

function decodeEvent(from: Decoder, atMs: number): DomainEvent {
  const kind = eventKinds[from.integer()];
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
    case undefined:
      throw new Error('journal payload: unknown kind of event');
    default:
      return decodeCodeEvent(from, kind, atMs);
  }
}

type CodeEventKind = Extract<DomainEvent, { readonly code: string }>['kind'];

function decodeCodeEvent(from: Decoder, kind: CodeEventKind, atMs: number): DomainEvent {
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

function encodeOfCode(out: Encoder, event: Extract<DomainEvent, { readonly code: string }>): void {
  out.name(event.bookId);
  out.number(event.index);
  out.code(event.code);
  out.user(event.userId);
  out.number(event.prevSeq);
}

function encodeRemembered(out: Encoder, remembered: Remembered | null, atMs: number): void {
  if (remembered === null) {
    out.null();
    return;
  }
  out.text(remembered.key);
  out.number(remembered.fingerprint);
  encodeOutcome(out, remembered.outcome, atMs);
}

function decodeRemembered(from: Decoder, atMs: number): Remembered | null {
  const key = from.textOrNull();
  return key === null ? null : { key, fingerprint: from.number(), outcome: decodeOutcome(from, atMs) };
}

function encodeOutcome(out: Encoder, outcome: Outcome, atMs: number): void {
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

function decodeOutcome(from: Decoder, atMs: number): Outcome {
  const kind = outcomeKinds[from.integer()];
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
    default:
      throw new Error('journal payload: unknown kind of outcome');
  }
}

function encodeBook(out: Encoder, book: Book): void {
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

function decodeBook(from: Decoder): Book {
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

/** Writes values, and remembers where the names stand that are likely to come again in this payload. */
class Encoder extends MsgpackWriter {
  readonly #places = new Map<string, number>();
  #names = 0;
  #code: string | null = null;
  #codePlace = 0;
  #user: string | null = null;
  #userPlace = 0;
  #redemption: string | null = null;
  #redemptionPlace = 0;

  override begin(before: number): void {
    super.begin(before);
    this.#places.clear();
    this.#names = 0;
    this.#code = null;
    this.#user = null;
    this.#redemption = null;
  }

  /** A string that is likely to come again in later changes. */
  name(text: string): void {
    const place = this.#places.get(text);
    if (place !== undefined) {
      this.number(place);
      return;
    }
    this.#places.set(text, this.#newName(text));
  }

  /** Codes, users and redemptions come again in the same change, if at all: remembering the last one of each is enough. */
  code(text: string): void {
    if (text === this.#code) {
      this.number(this.#codePlace);
      return;
    }
    this.#codePlace = this.#newName(text);
    this.#code = text;
  }

  user(text: string): void {
    if (text === this.#user) {
      this.number(this.#userPlace);
      return;
    }
    this.#userPlace = this.#newName(text);
    this.#user = text;
  }

  redemption(text: string): void {
    if (text === this.#redemption) {
      this.number(this.#redemptionPlace);
      return;
    }
    this.#redemptionPlace = this.#newName(text);
    this.#redemption = text;
  }

  time(ms: number, baseMs: number): void {
    assertThat(Number.isSafeInteger(ms), 'times are whole milliseconds');
    this.number(ms - baseMs);
  }

  json(value: Readonly<Record<string, unknown>> | null): void {
    this.textOrNull(value === null ? null : JSON.stringify(value));
  }

  #newName(text: string): number {
    assertThat(typeof text === 'string', 'names are strings');
    this.text(text);
    return this.#names++;
  }
}

/** Encoding never waits, so one is enough for all that a thread encodes. */
const encoder = new Encoder();

/** A cursor over a flat list, which checks the type of everything that it hands out. */
class Decoder {
  readonly #values: readonly unknown[];
  readonly #names: string[] = [];
  #at = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  #next(): unknown {
    const value = this.#values[this.#at];
    this.#at += 1;
    return value;
  }

  name(): string {
    const value = this.#next();
    if (typeof value === 'string') {
      this.#names.push(value);
      return value;
    }
    const name = typeof value === 'number' ? this.#names[value] : undefined;
    if (name === undefined) this.#fail('a name');
    return name;
  }

  text(): string {
    const value = this.#next();
    if (typeof value !== 'string') this.#fail('a text');
    return value;
  }

  textOrNull(): string | null {
    const value = this.#next();
    if (value !== null && typeof value !== 'string') this.#fail('a text or null');
    return value;
  }

  number(): number {
    const value = this.#next();
    if (typeof value !== 'number') this.#fail('a number');
    return value;
  }

  integer(): number {
    const value = this.#next();
    if (!Number.isSafeInteger(value)) this.#fail('an integer');
    return value as number;
  }

  integerOrNull(): number | null {
    const value = this.#next();
    if (value !== null && !Number.isSafeInteger(value)) this.#fail('an integer or null');
    return value as number | null;
  }

  boolean(): boolean {
    const value = this.#next();
    if (typeof value !== 'boolean') this.#fail('a boolean');
    return value;
  }

  time(baseMs: number): number {
    return baseMs + this.integer();
  }

  json(): Readonly<Record<string, unknown>> {
    const value: unknown = JSON.parse(this.text());
    if (typeof value !== 'object' || value === null) this.#fail('an object');
    return value as Readonly<Record<string, unknown>>;
  }

  jsonOrNull(): Readonly<Record<string, unknown>> | null {
    if (this.#values[this.#at] !== null) return this.json();
    this.#at += 1;
    return null;
  }

  assertEnd(): void {
    if (this.#at !== this.#values.length) this.#fail('the end');
  }

  #fail(expected: string): never {
    throw new Error(`journal payload: expected ${expected} before place ${this.#at} of ${this.#values.length}`);
  }
}

/** Complete by type: a kind that is missing in a list above is missing in its record, and looking it up won't compile. */
function indexOfKinds<const Kinds extends readonly string[]>(kinds: Kinds): Readonly<Record<Kinds[number], number>> {
  return Object.fromEntries(kinds.map((kind, index) => [kind, index])) as Record<Kinds[number], number>;
}

function assertThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`journal payload: ${what}`);
}

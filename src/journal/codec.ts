/**
 * What is inside a journal entry: one shard's list of changes, as bytes.
 *
 * The form is one version byte and then one flat msgpack array. Flat, because a cursor that walks
 * an array of scalars is several times faster than maps with repeated key names, and half their
 * size. What repeats is written once: the strings that name things (books, callers, users, codes,
 * redemptions) go through a dictionary that both sides build while they walk, so a string stands
 * for itself the first time and a number stands for it afterwards; the outcome that is remembered
 * for an idempotency key thus costs a few bytes beside its event. Sequences are implied, times are
 * differences to the time of the change before.
 *
 * What lost: packing UUIDs to 16 bytes. With the dictionary only one redemption id and one request
 * id a change are left, and turning 36 characters to bytes and back costs more than hashing and
 * syncing 20 bytes more. Free-form values (`metadata`, `report`) are JSON text inside: they came as
 * JSON, they are rare, and JSON keeps every key as it was, `__proto__` included, which msgpack
 * decoders rightly refuse to.
 *
 * src/records/ declares the fields of events and outcomes, and the code for them is generated
 * (records.generated.ts). This file holds the rest: entries, changes and remembered keys.
 *
 * Both sides of the boundary assert. A payload that passed the journal's checksum and still does
 * not decode was written by a newer version or by a bug: stop, never guess.
 */
import { Packr } from 'msgpackr';
import type { Change, DomainEvent, Remembered } from '../domain/event.js';
import type { ScopeId, Seq } from '../domain/ids.js';
import { assertThat, FieldReader, FieldWriter } from './payload-fields.js';
import { decodeEvent, decodeOutcome, encodeEvent, encodeOutcome } from './records.generated.js';

/**
 * The first byte of every payload. Another number is another form; decoding both is then this
 * file's work.
 */
export const CODEC_VERSION = 1;

const msgpack = new Packr({ useRecords: false, moreTypes: false });

/** Encoding never waits, so one is enough for all that a thread encodes. */
const writer = new FieldWriter();

/**
 * The bytes of a list of changes whose sequences follow each other without a gap. At least one
 * change. Throws where the list is not what an entry may hold: that is a bug of the caller.
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
    out.name(change.scopeId);
    out.caller(change.caller);
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

/**
 * The changes of a payload that `encodeChanges` made. Throws when it is of another version or
 * malformed.
 */
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
    const scopeId = from.name() as ScopeId;
    const caller = from.caller();
    const requestId = from.text();
    const eventCount = from.integer();
    assertThat(eventCount > 0, 'a change has at least one event');
    const events: DomainEvent[] = [];
    for (let e = 0; e < eventCount; e += 1) events.push(decodeEvent(from, atMs));
    const remembered = decodeRemembered(from, atMs);
    changes.push({ firstSeq: seq as Seq, atMs, scopeId, caller, requestId, events, remembered });
    seq += eventCount;
  }
  from.assertEnd();
  return changes;
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

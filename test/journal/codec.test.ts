import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Change, DomainEvent, Remembered } from '../../src/domain/event.js';
import { asBookId, asSeq } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { CODEC_VERSION, decodeChanges, encodeChanges } from '../../src/journal/codec.js';
import type { Book, BookSettings } from '../../src/records/values.generated.js';

test('any list of changes that follow each other comes back as it was', () => {
  fc.assert(
    fc.property(changes, (list) => {
      assert.deepStrictEqual(decodeChanges(encodeChanges(list)), list);
    }),
    { numRuns: 500 },
  );
});

test('a name is written out once in a payload, however many others there are, and again in the next', () => {
  const books = Array.from({ length: 25 }, (_, n) =>
    asBookId(`01930000-0000-7000-8000-${String(n).padStart(12, '0')}`),
  );
  const list = [...books, ...books].map((bookId, n): Change => {
    const events: DomainEvent[] = [{ kind: 'noted', scopeId: bookId }];
    return {
      ...someChange,
      firstSeq: asSeq(41 + n),
      scopeId: bookId,
      caller: `caller of ${bookId}`,
      events,
      remembered: null,
    };
  });
  for (const half of [list, list.slice(25), list.slice(0, 25)]) {
    const payload = encodeChanges(half);
    assert.deepStrictEqual(decodeChanges(payload), half);
    const written = Buffer.from(payload).toString('latin1');
    for (const bookId of books) assert.equal(written.split(bookId).length, 3, 'once as the book, once in the caller');
  }
});

test('a key named __proto__ in metadata comes back as a key', () => {
  const metadata = JSON.parse('{"__proto__":{"a":1},"b":2}') as Record<string, unknown>;
  const event = { ...someRedemption, metadata };
  const [back] = decodeChanges(encodeChanges([{ ...someChange, events: [event] }]));
  assert.equal(JSON.stringify(back?.events[0]), JSON.stringify(event));
});

test('the bytes of version 1 stay readable', () => {
  assert.deepStrictEqual(decodeChanges(Buffer.from(golden, 'hex')), [someChange]);
});

test('a change that does not follow the one before it is not encoded', () => {
  assert.throws(() => encodeChanges([someChange, { ...someChange, firstSeq: asSeq(43) }]), /without a gap/);
  assert.throws(() => encodeChanges([{ ...someChange, events: [] }]), /at least one event/);
  assert.throws(() => encodeChanges([]), /at least one change/);
});

test('a payload of another version is refused by its first byte', () => {
  const payload = encodeChanges([someChange]);
  payload[0] = CODEC_VERSION + 1;
  assert.throws(() => decodeChanges(payload), /payload version 2/);
});

test('a payload that is cut or has a byte too many is refused', () => {
  const payload = encodeChanges([someChange]);
  for (let length = 0; length < payload.length; length += 1) {
    assert.throws(() => decodeChanges(payload.subarray(0, length)), `cut to ${length}`);
  }
  assert.throws(() => decodeChanges(Buffer.concat([payload, Buffer.from([0])])));
});

const someRedemption: DomainEvent = {
  kind: 'codeRedeemed',
  bookId: asBookId('01930000-0000-7000-8000-000000000001'),
  index: 7,
  code: 'ABCD-EFGH',
  userId: 'u1',
  prevSeq: asSeq(3),
  redemptionId: '01930000-0000-7000-8000-000000000002',
  atMs: 1_790_000_000_000,
  redemptionCount: 1,
  metadata: null,
};
const someChange: Change = {
  firstSeq: asSeq(41),
  atMs: 1_790_000_000_000,
  scopeId: asBookId('01930000-0000-7000-8000-000000000001'),
  caller: 'u1',
  requestId: 'r-1',
  events: [someRedemption],
  remembered: {
    key: 'k',
    fingerprint: 2 ** 52 + 1,
    outcome: {
      kind: 'redeemed',
      code: 'ABCD-EFGH',
      userId: 'u1',
      redemptionId: '01930000-0000-7000-8000-000000000002',
      redeemedMs: 1_790_000_000_000,
      redemptionCount: 1,
      remaining: null,
    },
  },
};
/** Written by the first release that had version 1. A change here needs a new version. */
const golden =
  '01dc001a0129cb427a0c4506c00000d92430313933303030302d303030302d373030302d383030302d303030303030303030303031a27531a3722d31010a0007a9414243442d454647480103d92430313933303030302d303030302d373030302d383030302d3030303030303030303030320001c0a16bcb4330000000000001060201030001c0';

const integer = fc.maxSafeNat();
const small = fc.nat(1000);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const timeMs = fc.integer({ min: 0, max: 4_102_444_800_000 });
const bookId = fc.uuid().map(asBookId);
const code = fc.string({ unit: fc.constantFrom(...'ABCDEFGHJKMNPQRSTUVWXYZ23456789-'), minLength: 3, maxLength: 12 });
const userId = fc.oneof(fc.constantFrom('u1', 'u2', 'u3'), text);
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
/**
 * As they come out of JSON.parse: JSON has no -0 (it is printed as 0) and no object without a
 * prototype.
 */
const metadata = fc
  .dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 4 },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);

const settings: fc.Arbitrary<BookSettings> = fc.record(
  {
    name: text,
    description: orNull(text),
    startMs: orNull(timeMs),
    endMs: orNull(timeMs),
    isActive: fc.boolean(),
    maxCodesPerUser: orNull(small),
    maxRedemptionsPerUser: orNull(small),
    allowMultipleRedemptions: fc.boolean(),
    maxRedemptionsPerCode: orNull(small),
    codePattern: orNull(text),
    redeemableBy: fc.constantFrom('assignee', 'bearer'),
    requireLock: fc.boolean(),
    lockTtlMs: orNull(small),
    metadata: orNull(metadata),
  },
  { noNullPrototype: true },
);
const book: fc.Arbitrary<Book> = plain({
  id: bookId,
  settings,
  version: small,
  createdMs: timeMs,
  updatedMs: timeMs,
  archivedMs: orNull(timeMs),
});
const counts = plain({
  total: small,
  available: small,
  assigned: small,
  locked: small,
  redeemed: small,
  redemptions: small,
});
const openBatch = {
  batchId: integer,
  bookId,
  caller: userId,
  key: orNull(text),
  fingerprint: orNull(integer),
  openedMs: timeMs,
  content: fc.oneof(
    plain({ kind: is('uploaded'), count: small, sha256: text }),
    plain({
      kind: is('generated'),
      pattern: text,
      keyId: small,
      ranges: fc.array(plain({ first: integer, end: integer }), { maxLength: 3 }),
      order: fc.constantFrom('byCode', 'inRuns'),
    }),
  ),
};
const ofCode = { bookId, index: small, code, userId, prevSeq: integer.map(asSeq) };
const event: fc.Arbitrary<DomainEvent> = fc.oneof(
  plain({ kind: fc.constantFrom('bookCreated', 'bookUpdated', 'bookArchived'), book }),
  plain({ kind: is('codesAdded'), bookId, batchId: integer, firstIndex: small, size: small, count: small }),
  plain({ kind: is('noted'), scopeId: bookId }),
  plain({ kind: is('batchOpened'), ...openBatch }),
  plain({ kind: is('batchGivenUp'), bookId, batchId: integer }),
  plain({ kind: is('codeAssigned'), ...ofCode, atMs: timeMs }),
  plain({ kind: is('codeUnassigned'), ...ofCode, reason: orNull(text) }),
  plain({ kind: is('codeLocked'), ...ofCode, lockId: integer, untilMs: timeMs }),
  plain({ kind: fc.constantFrom('codeUnlocked', 'leaseExpired'), ...ofCode, lockId: integer }),
  plain({
    kind: is('codeRedeemed'),
    ...ofCode,
    redemptionId: fc.uuid(),
    atMs: timeMs,
    redemptionCount: small,
    metadata: orNull(metadata),
  }),
  plain({
    kind: is('redemptionRolledBack'),
    ...ofCode,
    redemptionId: fc.uuid(),
    redemptionCount: small,
    reason: orNull(text),
  }),
);
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  plain({ kind: is('book'), book, counts }),
  plain({ kind: is('archived') }),
  plain({ kind: is('codesAdded'), total: small, report: metadata }),
  plain({ kind: is('assigned'), bookId, code, userId, assignedMs: timeMs }),
  plain({ kind: is('locked'), code, userId, lockId: integer, untilMs: timeMs }),
  plain({ kind: is('unlocked'), code, userId }),
  plain({
    kind: is('redeemed'),
    code,
    userId,
    redemptionId: fc.uuid(),
    redeemedMs: timeMs,
    redemptionCount: small,
    remaining: orNull(small),
  }),
  plain({
    kind: is('rolledBack'),
    code,
    redemptionId: fc.uuid(),
    redemptionCount: small,
    remaining: orNull(small),
  }),
  plain({ kind: is('unassigned'), bookId, code }),
  plain({ kind: is('batchOpened'), batch: plain(openBatch), isNew: fc.boolean() }),
  plain({ kind: is('batchSettled'), fate: fc.constantFrom('live', 'givenUp') }),
);
const remembered: fc.Arbitrary<Remembered> = plain({ key: text, fingerprint: integer, outcome });
const changes: fc.Arbitrary<readonly Change[]> = fc
  .tuple(
    fc.integer({ min: 1, max: 2 ** 48 }),
    fc.array(
      plain({
        atMs: timeMs,
        scopeId: bookId,
        caller: userId,
        requestId: text,
        events: fc.array(event, { minLength: 1, maxLength: 4 }),
        remembered: orNull(remembered),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  )
  .map(([firstSeq, list]) => {
    let seq = firstSeq;
    return list.map((change) => {
      const placed: Change = { firstSeq: asSeq(seq), ...change };
      seq += change.events.length;
      return placed;
    });
  });

/** A record of ordinary objects: those without a prototype never come out of a decoder. */
function plain<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

function is<const Kind extends string>(kind: Kind): fc.Arbitrary<Kind> {
  return fc.constant(kind);
}

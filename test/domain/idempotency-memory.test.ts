/**
 * The memory of idempotency keys as a structure: many keys, long ones, and forgetting in the order
 * of their age.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdempotencyMemory } from '../../src/domain/idempotency-memory.js';
import { asBookId, asSeq } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { below } from '../../src/domain/random.js';
import { FIXED_HASH_KEY } from '../../src/tables/keyed-hash.js';
import { BOOK, SETTINGS, START, seeded } from '../features/shard.js';

const TTL_MS = 1_000;
const open = (bytesMax = 1e9) => new IdempotencyMemory({ hashKey: FIXED_HASH_KEY, ttlMs: TTL_MS, bytesMax });
const assigned = (n: number): Outcome => ({
  kind: 'assigned',
  bookId: BOOK,
  code: `CODE-${n}`,
  userId: `user-${n}`,
  assignedMs: START + n,
});
const answer = (n: number, atMs: number) => ({ fingerprint: n, seq: asSeq(n + 1), atMs, outcome: assigned(n) });

function forgetAll(memory: IdempotencyMemory): void {
  for (let before = memory.count + 1; memory.count < before; ) {
    before = memory.count;
    memory.forgetThrough(START);
  }
  assert.equal(memory.count, 0);
}

test('old keys are forgotten in portions, so that no command waits for a million of them', () => {
  const memory = open();
  for (let n = 0; n < 5_000; n++) memory.remember('shop', BOOK, `key-${n}`, answer(n, START));
  const later = START + TTL_MS;
  memory.remember('shop', BOOK, 'later', answer(1, later));
  assert(memory.count > 3_000 && memory.count < 5_000, `${memory.count} are left`);
  assert.equal(memory.find('shop', BOOK, 'key-4999', later), null, 'it is over all the same');
  for (let n = 0; n < 5; n++) memory.remember('shop', BOOK, `later-${n}`, answer(n, later));
  assert.equal(memory.count, 6);
});

const BOOK_OUTCOME: Outcome = {
  kind: 'book',
  book: { id: BOOK, settings: SETTINGS, version: 3, createdMs: START, updatedMs: START + 1, archivedMs: null },
  counts: { total: 1, available: 1, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 },
};
const ID = '01890000-0000-7000-8000-0000000000ab';
const OUTCOMES: readonly Outcome[] = [
  assigned(1),
  { kind: 'assigned', bookId: asBookId('no uuid'), code: 'Ä', userId: '\ud83c lone', assignedMs: 2 ** 53 - 1 },
  { kind: 'locked', code: 'A-1', userId: 'ann', lockId: 2 ** 40, untilMs: START + 5 },
  { kind: 'unlocked', code: 'A-1', userId: 'x'.repeat(300) },
  { kind: 'redeemed', code: 'A-1', userId: '', redemptionId: ID, redeemedMs: 0, redemptionCount: 1, remaining: 0 },
  {
    kind: 'redeemed',
    code: 'A-1',
    userId: ID.toUpperCase(),
    redemptionId: ID,
    redeemedMs: START,
    redemptionCount: 2 ** 32 - 1,
    remaining: null,
  },
  { kind: 'rolledBack', code: 'A-1', redemptionId: ID, redemptionCount: 0, remaining: 3 },
  { kind: 'rolledBack', code: 'A-1', redemptionId: 'any', redemptionCount: 2, remaining: null },
  { kind: 'unassigned', bookId: BOOK, code: 'A-1' },
  ...[
    '01890000-0000-7000-8000-0000000000aB',
    '01890000-0000-7000-8000+0000000000ab',
    '01890000-0000-7000-8000-0000000000é1',
  ].map((userId): Outcome => ({ kind: 'locked', code: 'A-1', userId, lockId: 2 ** 28 - 1, untilMs: 2 ** 28 })),
  { kind: 'locked', code: 'A-1', userId: 'ffffffff-ffff-ffff-ffff-fffffffffffe', lockId: 127, untilMs: 2 ** 53 - 1 },
  { kind: 'archived' },
  { kind: 'codesAdded', total: 5, report: { received: 1, errors: [{ line: 1, message: 'ü' }] } },
  BOOK_OUTCOME,
];

test('every outcome is remembered exactly', () => {
  const memory = open();
  OUTCOMES.forEach((outcome, n) => {
    const given = { fingerprint: 2 ** 53 - 1 - n, seq: asSeq(2 ** 50 + n), atMs: START, outcome };
    memory.remember('shop', BOOK, `key-${n}`, given);
  });
  for (const [n, outcome] of OUTCOMES.entries()) {
    const found = memory.find('shop', BOOK, `key-${n}`, START);
    assert.deepEqual(found, { fingerprint: 2 ** 53 - 1 - n, seq: 2 ** 50 + n, atMs: START, outcome });
  }
});

test('names of any length and alphabet are told apart', () => {
  const memory = open();
  const names: [string, typeof BOOK | null, string][] = [
    ['shop', BOOK, 'k'],
    ['shop', null, 'k'],
    ['shop', asBookId('b'), 'k'],
    ['sho', asBookId('b'), 'pk'],
    ['shöp', BOOK, 'k'],
    ['shop', BOOK, 'K'],
    ['', BOOK, ''],
    ['x'.repeat(5_000), BOOK, 'y'.repeat(255)],
    ['shop', BOOK, ID],
    ['shop', BOOK, ID.toUpperCase()],
    [ID, BOOK, ID],
  ];
  names.forEach(([caller, book, key], n) => void memory.remember(caller, book, key, answer(n, START)));
  for (const [n, [caller, book, key]] of names.entries()) {
    assert.deepEqual(memory.find(caller, book, key, START), answer(n, START));
  }
  assert.equal(memory.count, names.length);
});

test('keys are forgotten in the order in which they came, and all others stay', () => {
  const memory = open();
  const random = seeded(5);
  const alive: { key: string; n: number; atMs: number }[] = [];
  let atMs = START;
  for (let n = 0; n < 30_000; n++) {
    atMs += below(random, 3) === 0 ? 1 : 0;
    memory.remember('shop', BOOK, `key-${n}`, answer(n, atMs));
    alive.push({ key: `key-${n}`, n, atMs });
    while (alive[0] !== undefined && alive[0].atMs + TTL_MS <= atMs) {
      const gone = alive.shift();
      assert.equal(memory.find('shop', BOOK, gone?.key ?? '', atMs), null);
    }
    const sample = alive[below(random, alive.length)];
    assert.deepEqual(memory.find('shop', BOOK, sample?.key ?? '', atMs), answer(sample?.n ?? -1, sample?.atMs ?? -1));
    assert.equal(memory.find('shop', BOOK, `none-${n}`, atMs), null);
    assert.equal(memory.count, alive.length);
  }
  assert(memory.bytes < 1_000_000, `${memory.bytes} bytes for ${alive.length} keys: what was forgotten is still held`);
  for (const { key, n, atMs: at } of alive) assert.deepEqual(memory.find('shop', BOOK, key, atMs), answer(n, at));
});

test('a forgotten key frees its bytes', () => {
  const memory = open();
  const empty = memory.bytes;
  for (let n = 0; n < 20_000; n++) memory.remember('shop', BOOK, `key-${n}`, answer(n, START));
  const full = memory.bytes;
  assert(full > empty + 20_000 * 100);
  forgetAll(memory);
  assert(memory.bytes < full / 4, `${memory.bytes} of ${full} bytes are still held`);
  memory.remember('shop', BOOK, 'again', answer(1, START + TTL_MS));
  assert.deepEqual(memory.find('shop', BOOK, 'again', START + TTL_MS), answer(1, START + TTL_MS));
});

test('a key that ended and comes again has its new answer', () => {
  const memory = open();
  for (let round = 0; round < 50; round++) {
    const atMs = START + round * TTL_MS;
    assert.equal(memory.find('shop', BOOK, 'key', atMs), null);
    memory.remember('shop', BOOK, 'key', answer(round, atMs));
    assert.deepEqual(memory.find('shop', BOOK, 'key', atMs + TTL_MS - 1), answer(round, atMs));
    assert.equal(memory.count, 1);
  }
});

test('a clock that was set back neither revives nor loses a key', () => {
  const memory = open();
  memory.remember('shop', BOOK, 'late', answer(1, START + 500));
  memory.remember('shop', BOOK, 'early', answer(2, START));
  assert.equal(memory.find('shop', BOOK, 'early', START + TTL_MS), null);
  memory.remember('shop', BOOK, 'early', answer(3, START + TTL_MS));
  assert.deepEqual(memory.find('shop', BOOK, 'early', START + TTL_MS), answer(3, START + TTL_MS));
  assert.deepEqual(memory.find('shop', BOOK, 'late', START + TTL_MS), answer(1, START + 500));
  memory.forgetThrough(START + 500);
  assert.equal(memory.find('shop', BOOK, 'late', START + TTL_MS), null);
  assert.deepEqual(memory.find('shop', BOOK, 'early', START + TTL_MS), answer(3, START + TTL_MS));
});

/** Remembers keys of a caller until it may have no more; how many those were. */
function fill(memory: IdempotencyMemory, caller: string, atMs = START): number {
  let count = 0;
  for (; memory.fullUntilMs(caller, atMs) === 0; count++) {
    memory.remember(caller, BOOK, `key-${count}`, answer(count, atMs));
  }
  return count;
}

test('a caller has room again as soon as its oldest key has ended, and is told when', () => {
  const memory = open(1_000);
  memory.remember('shop', BOOK, 'early', answer(0, START));
  assert.ok(fill(memory, 'shop', START + 700) > 1);
  assert.equal(memory.fullUntilMs('shop', START + 700), START + TTL_MS);
  assert.equal(memory.fullUntilMs('shop', START + TTL_MS - 1), START + TTL_MS);
  assert.equal(memory.fullUntilMs('shop', START + TTL_MS), 0);
  memory.remember('shop', BOOK, 'late', answer(1, START + TTL_MS));
  assert.equal(memory.fullUntilMs('shop', START + TTL_MS), START + 700 + TTL_MS, 'the next one ends much later');
});

test('a caller may have as many bytes as are free, so that callers with many keys leave room for one with few', () => {
  const memory = open(100_000);
  const counts = ['a', 'b', 'c'].map((caller) => fill(memory, caller));
  const [first = 0, second = 0, third = 0] = counts;
  assert.ok(Math.abs(first / second - 2) < 0.05 && Math.abs(second / third - 2) < 0.1, `${counts} keys`);
  for (let n = 0; n < 80; n++) {
    assert.equal(memory.fullUntilMs(`few-${n % 40}`, START), 0, `key ${n} of the callers who have few`);
    memory.remember(`few-${n % 40}`, BOOK, `key-${n}`, answer(n, START));
  }
  assert.equal(memory.fullUntilMs('a', START), START + TTL_MS);
});

test('memories that share a tally share the room, and free all of it again', () => {
  const tally = { bytes: 0 };
  const memories = [0, 1, 2].map(
    () => new IdempotencyMemory({ hashKey: FIXED_HASH_KEY, ttlMs: TTL_MS, bytesMax: 10_000, tally }),
  );
  const [first, second, empty] = memories;
  assert.ok(first !== undefined && second !== undefined && empty !== undefined);
  fill(first, 'shop');
  const ofFirst = tally.bytes;
  assert.equal(second.fullUntilMs('shop', START), 0);
  fill(second, 'other');
  assert.ok(tally.bytes > ofFirst && tally.bytes < 10_000);
  assert.equal(empty.fullUntilMs('new', START), 0);
  const { bytes } = tally;
  tally.bytes = 10_000;
  assert.equal(empty.fullUntilMs('new', START), START + 1_000, 'nothing of it is here, but it may end elsewhere');
  tally.bytes = bytes;
  forgetAll(first);
  forgetAll(second);
  assert.equal(tally.bytes, 0);
});

test('the bytes of each caller, and the end of its oldest key, are always exact', () => {
  const bytesMax = 1e9;
  const tally = { bytes: 0 };
  const random = seeded(9);
  const memory = new IdempotencyMemory({ hashKey: FIXED_HASH_KEY, ttlMs: TTL_MS, bytesMax, tally });
  const alive: { caller: string; atMs: number; bytes: number }[] = [];
  let atMs = START;
  const isFullAt = (caller: string, bytes: number): number => {
    const before = tally.bytes;
    tally.bytes = bytesMax - bytes;
    const untilMs = memory.fullUntilMs(caller, atMs);
    tally.bytes = before;
    return untilMs;
  };
  for (let n = 0; n < 20_000; n++) {
    atMs += below(random, 3);
    while (memory.forgetEnded(atMs));
    while (alive[0] !== undefined && alive[0].atMs + TTL_MS <= atMs) alive.shift();
    const caller = `caller-${below(random, 10) < 5 ? below(random, 3) : below(random, 500)}`;
    const before = tally.bytes;
    memory.remember(caller, BOOK, `key-${n % 700}`, answer(n, atMs));
    alive.push({ caller, atMs, bytes: tally.bytes - before });
    if (n % 97 !== 0) continue;
    const had = new Map<string, { bytes: number; oldestMs: number }>();
    for (const { caller: name, atMs: oldestMs, bytes } of alive) {
      const known = had.get(name) ?? { bytes: 0, oldestMs };
      had.set(name, { ...known, bytes: known.bytes + bytes });
    }
    for (const [name, { bytes, oldestMs }] of had) {
      assert.equal(isFullAt(name, bytes), oldestMs + TTL_MS, `${name} has ${bytes} bytes`);
      assert.equal(isFullAt(name, bytes + 1), 0, `${name} has ${bytes} bytes`);
    }
    assert.equal(isFullAt('nobody', 1), 0);
  }
});

test('keys that have ended are forgotten without anything new, some at a time', () => {
  const memory = open();
  for (let n = 0; n < 2_500; n++) memory.remember('shop', BOOK, `key-${n}`, answer(n, START));
  memory.remember('shop', BOOK, 'later', answer(1, START + 1));
  assert.equal(memory.forgetEnded(START + TTL_MS - 1), false);
  assert.equal(memory.count, 2_501);
  const left: number[] = [];
  while (memory.forgetEnded(START + TTL_MS)) left.push(memory.count);
  assert.deepEqual(left, [1_501, 501]);
  assert.equal(memory.count, 1);
});

test('an answer larger than a chunk is kept whole', () => {
  const memory = open();
  const report = {
    errors: Array.from({ length: 5_000 }, (_, line) => ({ line, message: `invalid ${'x'.repeat(60)}` })),
  };
  const outcome: Outcome = { kind: 'codesAdded', total: 5, report };
  memory.remember('shop', BOOK, 'before', answer(1, START));
  memory.remember('shop', BOOK, 'large', { ...answer(2, START), outcome });
  memory.remember('shop', BOOK, 'after', answer(3, START));
  assert.deepEqual(memory.find('shop', BOOK, 'large', START)?.outcome, outcome);
  assert.deepEqual(memory.find('shop', BOOK, 'before', START), answer(1, START));
  assert.deepEqual(memory.find('shop', BOOK, 'after', START), answer(3, START));
  forgetAll(memory);
});

test('a remembered answer costs at most 200 bytes in all', () => {
  const memory = open();
  const count = 100_000;
  for (let n = 0; n < count; n++) {
    const outcome: Outcome = {
      kind: 'redeemed',
      code: `ABCD-EFGH-JKLM-${n}`,
      userId: `customer-${n}`,
      redemptionId: `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`,
      redeemedMs: START,
      redemptionCount: 1,
      remaining: 0,
    };
    const key = `018a0000-0000-7000-8000-${String(n).padStart(12, '0')}`;
    memory.remember('018b0000-0000-7000-8000-000000000001', BOOK, key, {
      fingerprint: n,
      seq: asSeq(n),
      atMs: START,
      outcome,
    });
  }
  assert(memory.bytes / count <= 200, `${memory.bytes / count} bytes a key`);
});

test('the digest is of what is remembered, in whatever order it came', () => {
  const digests = [(n: number) => n, (n: number) => 99 - n].map((order) => {
    const memory = open();
    for (let n = 0; n < 100; n++) memory.remember('shop', BOOK, `key-${order(n)}`, answer(order(n), START));
    return memory.digest(START, 1, 2);
  });
  assert.deepEqual(digests[0], digests[1]);
});

/** Reads: views, lists in pages, counts, rates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CodeStatus, Query } from '../../src/domain/command.js';
import { asBookId } from '../../src/domain/ids.js';
import { query } from '../../src/features/query.js';
import {
  assign,
  BOOK,
  given,
  lastRedemptionId,
  lock,
  OPTIONS,
  OTHER_BOOK,
  openShard,
  redeem,
  rollback,
  SETTINGS,
  START,
  type TestShard,
  unassign,
} from './shard.js';

function page(shard: TestShard, asked: Query): { codes: string[]; next: number | null } {
  const result = query(shard.state, asked, shard.nowMs);
  assert(result.kind === 'codes');
  return { codes: result.page.items.map(({ code }) => code), next: result.page.nextIndex };
}

function allPages(shard: TestShard, asked: Extract<Query, { kind: 'listCodes' | 'listUserCodes' }>): string[] {
  const codes: string[] = [];
  for (let next: number | null = asked.afterIndex; next !== null; ) {
    const found: ReturnType<typeof page> = page(shard, { ...asked, afterIndex: next });
    codes.push(...found.codes);
    next = found.next;
  }
  return codes;
}

const codesOf = (status: CodeStatus | null, limit = 100, bookId = BOOK) =>
  ({ kind: 'listCodes', bookId, status, afterIndex: -1, limit }) as const;
const usersCodes = (userId: string, more: { status?: CodeStatus; limit?: number; bookId?: typeof BOOK } = {}) =>
  ({
    kind: 'listUserCodes',
    userId,
    bookId: more.bookId ?? null,
    status: more.status ?? null,
    afterIndex: -1,
    limit: more.limit ?? 100,
  }) as const;

test('a code shows its whole state', () => {
  const shard = given({ allowMultipleRedemptions: true, maxRedemptionsPerCode: 3 }, [
    assign('A-1', 'ann'),
    redeem('A-1', 'ann'),
    10,
    lock('A-1', 'ann'),
  ]);
  const seen = () => {
    const result = query(shard.state, { kind: 'getCode', code: 'A-1' }, shard.nowMs);
    assert(result.kind === 'code');
    return result.code;
  };
  const whole = {
    code: 'A-1',
    bookId: BOOK,
    status: 'locked',
    userId: 'ann',
    assignedMs: START,
    lockId: 5,
    lockedUntilMs: START + 1010,
    redemptionCount: 1,
    redeemedMs: START,
    remaining: 2,
    lastSeq: 5,
  };
  assert.deepEqual(seen(), whole);
  shard.nowMs += 1000;
  assert.deepEqual(seen(), { ...whole, status: 'redeemed', lockId: null, lockedUntilMs: null });
});

test('a code that was unassigned is available again, with its history', () => {
  const shard = given({}, [assign('A-1', 'ann'), unassign('A-1')]);
  const result = query(shard.state, { kind: 'getCode', code: 'A-1' }, shard.nowMs);
  assert(result.kind === 'code');
  const { status, userId, assignedMs, lastSeq } = result.code;
  assert.deepEqual(
    { status, userId, assignedMs, lastSeq },
    { status: 'available', userId: null, assignedMs: null, lastSeq: 4 },
  );
});

test('a query for an unknown book or code is refused', () => {
  const { state } = given({}, []);
  for (const asked of [
    { kind: 'getBook', bookId: OTHER_BOOK },
    { kind: 'getStats', bookId: OTHER_BOOK },
    { kind: 'getCode', code: 'A-9' },
    codesOf(null, 1, OTHER_BOOK),
  ] as const) {
    const result = query(state, asked, START);
    assert.equal(result.kind, 'refused', asked.kind);
  }
  assert.deepEqual(page(given({}, []), usersCodes('nobody')), { codes: [], next: null });
});

test('codes are listed by status', () => {
  const shard = given({}, [assign('A-1', 'ann'), redeem('A-1', 'ann'), assign('A-2', 'ann'), lock('A-2', 'ann')]);
  assert.deepEqual(page(shard, codesOf(null)).codes, ['A-1', 'A-2', 'A-3']);
  assert.deepEqual(page(shard, codesOf('redeemed')).codes, ['A-1']);
  assert.deepEqual(page(shard, codesOf('locked')).codes, ['A-2']);
  assert.deepEqual(page(shard, codesOf('available')).codes, ['A-3']);
  shard.nowMs += 1000;
  assert.deepEqual(page(shard, codesOf('assigned')).codes, ['A-2']);
});

test('pages of any size hold every code once, over holes and batches', () => {
  const shard = openShard();
  shard.addBook({}, ['A-0', null, 'A-2', 'A-3']);
  shard.addBook({}, ['B-0', 'B-1'], OTHER_BOOK);
  shard.run({ kind: 'addCodes', bookId: BOOK, codes: shard.stage([null, 'A-7', null, 'A-9', null]) });
  for (let limit = 1; limit <= 6; limit++) {
    assert.deepEqual(allPages(shard, codesOf(null, limit)), ['A-0', 'A-2', 'A-3', 'A-7', 'A-9'], `pages of ${limit}`);
  }
});

test('a batch that was staged first and added last is listed too', () => {
  const shard = openShard();
  shard.addBook({}, []);
  const early = shard.stage(['E-1', 'E-2']);
  const late = shard.stage(['L-1', 'L-2']);
  for (const codes of [late, early]) shard.run({ kind: 'addCodes', bookId: BOOK, codes });
  for (let limit = 1; limit <= 4; limit++) {
    assert.deepEqual(allPages(shard, codesOf(null, limit)), ['E-1', 'E-2', 'L-1', 'L-2'], `pages of ${limit}`);
  }
});

test('a rare status in a large book is found in bounded steps', () => {
  const shard = openShard();
  const codes = Array.from({ length: 120_000 }, (_, n) => `CODE-${n}`);
  shard.addBook({}, codes);
  shard.run(assign('CODE-110000', 'ann'));
  assert.deepEqual(page(shard, codesOf('assigned')), { codes: [], next: 49_999 });
  assert.deepEqual(allPages(shard, codesOf('assigned')), ['CODE-110000']);
});

test('a user’s codes are listed over books, in a stable order, by book and status', () => {
  const shard = given({}, []);
  shard.addBook({}, ['B-1', 'B-2'], OTHER_BOOK);
  for (const code of ['B-2', 'A-3', 'A-1', 'B-1']) shard.run(assign(code, 'ann'));
  shard.run(assign('A-2', 'bob'));
  shard.run(redeem('A-3', 'ann'));
  for (let limit = 1; limit <= 5; limit++) {
    assert.deepEqual(allPages(shard, usersCodes('ann', { limit })), ['A-1', 'A-3', 'B-1', 'B-2'], `pages of ${limit}`);
  }
  assert.deepEqual(page(shard, usersCodes('ann', { bookId: OTHER_BOOK })).codes, ['B-1', 'B-2']);
  assert.deepEqual(page(shard, usersCodes('ann', { status: 'redeemed' })).codes, ['A-3']);
});

test('a batch is open until an event makes it live or gives it up, and a key is remembered from its answer until its time is over', () => {
  const shard = openShard();
  const isTrue = (asked: Query): boolean => {
    const result = query(shard.state, asked, shard.nowMs);
    assert(result.kind === 'answer');
    return result.isTrue;
  };
  const fateOf = (batchId: number) => {
    const result = query(shard.state, { kind: 'batchFate', bookId: BOOK, batchId }, shard.nowMs);
    assert(result.kind === 'batchFate');
    return result.fate;
  };
  const codes = shard.stage(['A-1']);
  const other = shard.stage(['B-1']);
  const isRemembered = (caller: string, key: string, bookId = BOOK) =>
    isTrue({ kind: 'isKeyRemembered', bookId, isCreation: false, caller, key });
  assert.deepEqual(
    [codes, other].map(({ batchId }) => fateOf(batchId)),
    ['open', 'open'],
  );
  assert.equal(fateOf(99), 'givenUp', 'it was never opened');
  shard.addBook({}, []);
  assert.equal(isRemembered('shop', 'k'), false);
  shard.run({ kind: 'addCodes', bookId: BOOK, codes }, { caller: 'shop', key: 'k' });
  shard.run({ kind: 'giveUpBatch', bookId: BOOK, batchId: other.batchId });
  assert.deepEqual([fateOf(codes.batchId), fateOf(other.batchId)], ['live', 'givenUp']);
  assert.equal(isRemembered('shop', 'k'), true);
  assert.deepEqual([isRemembered('other', 'k'), isRemembered('shop', 'k', OTHER_BOOK)], [false, false]);
  shard.nowMs += OPTIONS.idempotencyTtlMs;
  assert.deepEqual([fateOf(codes.batchId), isRemembered('shop', 'k')], ['live', false]);
});

test('books are listed in id order, by activity and part of the name', () => {
  const shard = openShard();
  const ids = ['c', 'a', 'b'].map(asBookId);
  ids.forEach((bookId, n) => {
    const settings = { ...SETTINGS, name: `Book ${n}`, isActive: n !== 1 };
    shard.run({ kind: 'createBook', campaignId: null, discount: null, bookId, settings, codes: null });
  });
  const list = (more: Partial<Extract<Query, { kind: 'listBooks' }>>) => {
    const asked = { kind: 'listBooks', afterId: null, limit: 10, isActive: null, name: null, ...more } as const;
    const result = query(shard.state, asked, START);
    assert(result.kind === 'books');
    return result.items.map(({ book }) => book.id);
  };
  assert.deepEqual(list({}), ['a', 'b', 'c']);
  assert.deepEqual(list({ limit: 2 }), ['a', 'b']);
  assert.deepEqual(list({ afterId: 'b' }), ['c']);
  assert.deepEqual(list({ isActive: false }), ['a']);
  assert.deepEqual(list({ name: 'OOK 2' }), ['b']);
});

test('stats count redemptions per minute, hour and day, and not those that were rolled back', () => {
  const shard = given({ allowMultipleRedemptions: true }, [assign('A-1', 'ann')]);
  const stats = () => {
    const result = query(shard.state, { kind: 'getStats', bookId: BOOK }, shard.nowMs);
    assert(result.kind === 'stats');
    return result.stats;
  };
  const shape = () => [stats().perMinute.length, stats().perHour.length, stats().perDay.length];
  assert.deepEqual(shape(), [60, 48, 30], 'before anything was redeemed');
  shard.run(redeem('A-1', 'ann'));
  shard.run(redeem('A-1', 'ann'));
  shard.nowMs += 61_000;
  shard.run(redeem('A-1', 'ann'));
  assert.deepEqual(shape(), [60, 48, 30]);
  assert.deepEqual(stats().perMinute.slice(-3), [0, 2, 1]);
  assert.equal(stats().minuteMs, START + 60_000);
  assert.equal(stats().perDay.at(-1), 3);
  shard.run(rollback('A-1', lastRedemptionId(shard)));
  assert.deepEqual(stats().perMinute.slice(-3), [0, 2, 0]);
  shard.nowMs += 3_600_000;
  assert.deepEqual(stats().perHour.slice(-3), [0, 2, 0]);
  assert.equal(
    stats().perMinute.reduce((sum, n) => sum + n, 0),
    0,
  );
  assert.equal(stats().counts.redemptions, 2);
});

test('a user’s list survives what is taken out of its beginning, middle and end', () => {
  const codes = Array.from({ length: 9 }, (_, n) => `C-${n}`);
  const shard = openShard();
  shard.addBook({}, codes);
  for (const code of codes) shard.run(assign(code, 'ann'));
  for (const code of ['C-8', 'C-4', 'C-0']) shard.run(unassign(code));
  assert.deepEqual(page(shard, usersCodes('ann')).codes, ['C-1', 'C-2', 'C-3', 'C-5', 'C-6', 'C-7']);
  for (const code of ['C-7', 'C-1', 'C-6', 'C-2', 'C-5', 'C-3']) shard.run(unassign(code));
  assert.deepEqual(page(shard, usersCodes('ann')).codes, []);
  shard.run(assign('C-4', 'ann'));
  assert.deepEqual(page(shard, usersCodes('ann')).codes, ['C-4']);
});

test('of a user with more codes than a query may look at, each page looks at some, and all pages together have all codes once, in order', () => {
  const total = 120_000;
  const mine = 60_000;
  const codes = Array.from({ length: total }, (_, n) => `MANY-${n}`);
  const shard = openShard();
  shard.addBook({ maxCodesPerUser: null }, codes);
  // Every second code, the last ones first.
  for (let n = mine - 1; n >= 0; n--) shard.run(assign(`MANY-${2 * n}`, 'ann'));
  const expected = Array.from({ length: mine }, (_, n) => `MANY-${2 * n}`);
  const asked = usersCodes('ann', { limit: 1_000 });
  assert.deepEqual(allPages(shard, asked), expected);
  const first = page(shard, asked);
  assert.deepEqual([first.codes.length, first.codes[0], first.next], [1_000, 'MANY-0', 1_998]);
  const rare = page(shard, usersCodes('ann', { status: 'redeemed' }));
  assert.deepEqual(
    [rare.codes, rare.next],
    [[], 49_999],
    'it gives up after fifty thousand codes, and says where to go on',
  );
});

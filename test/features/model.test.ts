/**
 * The domain against the naive model: generated sequences of commands and passing time, in which a
 * few users fight over a few codes, so that every rule is met often. After every step both must
 * agree, and the invariants of docs/guarantees.md must hold; at the end the same changes, their
 * JSON, and a snapshot must give the same state.
 *
 * A failure prints the seed and the path of its shortest form: set them as `FC_SEED` and `FC_PATH`
 * to run it again; `FC_RUNS` sets how many sequences are tried.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CodeStatus } from '../../src/domain/command.js';
import type { Verdict } from '../../src/domain/decide.js';
import type { Change } from '../../src/domain/event.js';
import { asBookId, asSeq, type BookId } from '../../src/domain/ids.js';
import { redemptionsPerCodeMax } from '../../src/features/coupons/book.js';
import {
  loadBatch,
  loadBook,
  loadCode,
  loadCodeState,
  loadOpenBatch,
  loadRedemption,
} from '../../src/features/coupons/load.js';
import { digest } from '../../src/features/digest.js';
import { loadCheckpoint, loadRemembered } from '../../src/features/load.js';
import { query } from '../../src/features/query.js';
import { ShardState } from '../../src/features/shard-state.js';
import type { BookSettings } from '../../src/records/values.generated.js';
import type { KnownCommand } from '../records/known.js';
import { Model } from './model.js';
import { OPTIONS, openShard, replay, SETTINGS, START, type TestShard, UPLOADED } from './shard.js';

const LIMITS = { ...OPTIONS, lockTtlMs: 20, idempotencyTtlMs: 150 };
const BOOKS = ['book-a', 'book-b'].map(asBookId);
const USERS = ['ann', 'böb', 'cat'];
const STATUSES: readonly CodeStatus[] = ['available', 'assigned', 'locked', 'redeemed'];

/** Small numbers stand for what is there when the step is taken. */
interface Plan {
  readonly what: KnownCommand['kind'] | 'stage' | 'unstage';
  readonly book: number;
  readonly code: number;
  readonly user: number;
  /** Whose code it is takes the step, whatever `user` says. */
  readonly asHolder: boolean;
  readonly number: number;
  readonly settings: Partial<BookSettings>;
  readonly key: number | null;
  readonly fingerprint: number;
  readonly caller: string;
  /**
   * Milliseconds, or until the next end of a lease, of a key or of a book's time, or the
   * millisecond before it.
   */
  readonly wait: number | { readonly until: 'lease' | 'key' | 'book'; readonly less: number };
  readonly sweep: boolean;
}

const often = (value: boolean) => fc.constantFrom(value, value, value, !value);
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 2 });
const patch: fc.Arbitrary<Partial<BookSettings>> = fc.record(
  {
    name: fc.constantFrom('Winter', 'Sömmer'),
    startMs: some(fc.integer({ min: START, max: START + 100 })),
    endMs: some(fc.integer({ min: START + 50, max: START + 2000 })),
    isActive: often(true),
    maxCodesPerUser: some(fc.integer({ min: 0, max: 4 })),
    maxRedemptionsPerUser: some(fc.integer({ min: 0, max: 3 })),
    allowMultipleRedemptions: fc.boolean(),
    maxRedemptionsPerCode: some(fc.integer({ min: 1, max: 3 })),
    redeemableBy: fc.constantFrom('assignee', 'bearer', 'bearer'),
    requireLock: often(false),
    lockTtlMs: some(fc.integer({ min: 1, max: 40 })),
    metadata: some(fc.dictionary(fc.string({ maxLength: 3 }), fc.integer(), { maxKeys: 3, noNullPrototype: true })),
  },
  { requiredKeys: [] },
);

const what = (kind: Plan['what'], weight: number) => ({ arbitrary: fc.constant(kind), weight });
const plan: fc.Arbitrary<Plan> = fc.record({
  what: fc.oneof(
    what('redeemCode', 9),
    what('lockCode', 6),
    what('assignRandom', 5),
    what('assignCode', 4),
    what('rollbackRedemption', 4),
    what('unassignCode', 3),
    what('unlockCode', 3),
    what('updateBook', 3),
    what('stage', 1),
    what('addCodes', 1),
    what('unstage', 1),
    what('openBatch', 2),
    what('giveUpBatch', 1),
    what('createBook', 1),
    { arbitrary: fc.constantFrom('archiveBook', 'redeemCode', 'redeemCode', 'lockCode', 'lockCode'), weight: 1 },
  ),
  book: fc.constantFrom(0, 0, 0, 1),
  code: fc.nat(5),
  user: fc.nat(2),
  asHolder: often(true),
  number: fc.nat(9),
  settings: patch,
  key: fc.option(fc.nat(3), { freq: 2 }),
  fingerprint: fc.constantFrom(1, 1, 1, 1 + 2 ** 40),
  caller: fc.constantFrom('shop', 'shop', 'till'),
  wait: fc.oneof(
    { arbitrary: fc.constant(0), weight: 4 },
    { arbitrary: fc.nat(30), weight: 3 },
    { arbitrary: fc.record({ until: fc.constantFrom('lease', 'lease', 'key', 'book'), less: fc.nat(1) }), weight: 2 },
  ),
  sweep: often(true),
});

test('outcomes, refusals, counts and views are those of the naive model, and a replay and a reload give the same digest', () => {
  const { FC_SEED, FC_PATH, FC_RUNS } = process.env;
  fc.assert(
    fc.property(fc.array(plan, { size: 'max', maxLength: 150 }), (plans) => runBoth(plans)),
    {
      numRuns: Number(FC_RUNS ?? 300),
      ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
      ...(FC_PATH === undefined ? {} : { path: FC_PATH }),
    },
  );
});

function runBoth(plans: readonly Plan[]): void {
  const shard = openShard(LIMITS, plans.length);
  const model = new Model(LIMITS);
  const effects = new Map<string, number>();
  open(shard, model, BOOKS[0], 0);
  stage(shard, model, 0, 5);
  const settings = { ...SETTINGS, ...plans[0]?.settings, startMs: null, allowMultipleRedemptions: true };
  take(
    shard,
    model,
    effects,
    { kind: 'createBook', campaignId: null, discount: null, bookId: pick(BOOKS, 0), settings, codes: staged(model, 0) },
    null,
  );

  for (const step of plans) {
    shard.nowMs += waitOf(step.wait, shard.nowMs, model);
    if (step.sweep) sweepBoth(shard, model);
    const command = commandOf(step, shard, model);
    if (command !== null) take(shard, model, effects, command, isAboutBatch(command) ? null : step);
    compare(shard, model);
    // The codes of a batch that went live get their places by and by, and nobody can tell.
    shard.state.coupons.finishLoading(step.number % 3);
  }
  sweepBoth(shard, model);
  compare(shard, model);
  checkCopies(shard, model);
}

// ─── A step ─────────────────────────────────────────────────────────────────────────────────────────────────────

function take(
  shard: TestShard,
  model: Model,
  effects: Map<string, number>,
  command: KnownCommand,
  step: Plan | null,
): void {
  const key = step === null || step.key === null ? null : `key-${step.key}`;
  const asking = { caller: step?.caller ?? 'shop', fingerprint: step?.fingerprint ?? 1 };
  const lockedFor = 'code' in command ? lockedUser(shard, command.code) : null;
  const verdict = shard.runUnswept(command, key === null ? asking : { ...asking, key });
  const idempotency = key === null ? null : { key, fingerprint: asking.fingerprint };
  model.follow(command, { caller: asking.caller, requestId: 'request', idempotency }, shard.nowMs, verdict);
  if (verdict.kind === 'change') checkEffect(shard, model, command, verdict.change, lockedFor);
  if (verdict.kind === 'change' && key !== null) checkOnce(effects, verdict, asking.caller, key);
}

function commandOf(step: Plan, shard: TestShard, model: Model): KnownCommand | null {
  const { what: kind, number } = step;
  const bookId = pick(BOOKS, step.book);
  const code = [...model.codes.keys()][step.code] ?? 'C-NONE';
  const holder = step.asHolder ? (model.codes.get(code)?.userId ?? null) : null;
  const userId = holder ?? pick(USERS, step.user);
  const lockId = [null, null, model.codes.get(code)?.lease?.lockId ?? 1, 1][number % 4] ?? null;
  const reason = number === 0 ? 'returned' : null;
  switch (kind) {
    case 'stage':
      stage(shard, model, number, number % 3);
      return null;
    case 'unstage': {
      const { batchId } = staged(model, 0);
      model.staged.delete(batchId);
      shard.state.coupons.unstage(batchId);
      return null;
    }
    case 'createBook':
      return {
        kind,
        bookId,
        settings: { ...SETTINGS, ...step.settings },
        campaignId: null,
        discount: null,
        codes: number < 5 ? staged(model, 0) : null,
      };
    case 'updateBook': {
      const patched = Object.fromEntries(Object.entries(step.settings).slice(0, 1 + (number % 3)));
      return { kind, bookId, patch: patched, discount: null, ifVersion: ifVersion(step, model) };
    }
    case 'archiveBook':
      return { kind, bookId, ifVersion: ifVersion(step, model) };
    case 'openBatch':
      return openCommand(bookId, number);
    case 'giveUpBatch': {
      // Of one that is live, too, and of one that never was there.
      const ids = [...model.open, ...model.batches, { batchId: 999 }].map(({ batchId }) => batchId);
      return { kind, bookId, batchId: pick(ids, number % ids.length) };
    }
    case 'addCodes':
      return { kind, bookId, codes: staged(model, number) };
    case 'assignRandom':
      return { kind, bookId, userId };
    case 'assignCode':
      return { kind, code, userId };
    case 'lockCode':
      return { kind, code, userId, ttlMs: number < 5 ? null : number * 3 };
    case 'unlockCode':
      return { kind, code, userId, lockId };
    case 'redeemCode':
      return { kind, code, userId, lockId, metadata: number === 0 ? { order: number } : null };
    case 'rollbackRedemption': {
      const found = model.redemptions.at(-1 - number);
      return { kind, code: found?.code ?? code, redemptionId: found?.id ?? 'none', reason };
    }
    case 'unassignCode':
      return { kind, code, reason };
  }
}

function ifVersion({ number, book }: Plan, model: Model): readonly number[] | null {
  if (number < 5) return null;
  const version = model.books.get(pick(BOOKS, book))?.version ?? 1;
  return number === 9 ? [version - 1] : number === 8 ? [version - 1, version] : [version];
}

/** Its key stays with the batch: it is not that of the command. */
const isAboutBatch = ({ kind }: KnownCommand): boolean => kind === 'openBatch' || kind === 'giveUpBatch';

function openCommand(bookId: BookId, number: number): Extract<KnownCommand, { kind: 'openBatch' }> {
  const key = number < 3 ? null : `key-${number % 3}`;
  const fingerprint = key === null ? null : number;
  return { kind: 'openBatch', bookId, caller: number < 8 ? 'shop' : 'till', key, fingerprint, content: UPLOADED };
}

function open(shard: TestShard, model: Model, bookId: BookId | undefined, number: number): void {
  assert(bookId !== undefined);
  take(shard, model, new Map(), openCommand(bookId, number), null);
}

/** Codes of an open batch that has none yet, if there is one. */
function stage(shard: TestShard, model: Model, nth: number, count: number): void {
  const unstaged = model.open.filter(({ batchId }) => !shard.batches.has(batchId));
  const batch = unstaged[nth % Math.max(1, unstaged.length)];
  if (batch === undefined) return;
  const number = shard.batches.size;
  const codes = Array.from({ length: count + 1 }, (_, n) => (n === 1 && number % 2 === 1 ? null : `C-${number}-${n}`));
  const { batchId } = shard.stage(codes, batch.batchId);
  model.staged.set(batchId, { batchId, firstIndex: shard.state.coupons.staged(batchId)?.first ?? -1, codes });
}

function staged(model: Model, nth: number) {
  const batches = [...model.staged.values()];
  const batch = batches[nth % Math.max(1, batches.length)];
  const codes = batch?.codes ?? [];
  const count = codes.filter((code) => code !== null).length;
  return { batchId: batch?.batchId ?? 999, size: codes.length, count, report: { received: count, added: count } };
}

function waitOf(wait: Plan['wait'], nowMs: number, model: Model): number {
  if (typeof wait === 'number') return wait;
  const ends = {
    lease: [...model.codes.values()].map(({ lease }) => lease?.untilMs ?? 0),
    key: model.keys.map(({ atMs }) => atMs + LIMITS.idempotencyTtlMs),
    book: [...model.books.values()].flatMap(({ settings }) => [settings.startMs ?? 0, settings.endMs ?? 0]),
  };
  const end = Math.min(...ends[wait.until].filter((ms) => ms > nowMs));
  return Number.isFinite(end) ? end - nowMs - wait.less : 0;
}

function sweepBoth(shard: TestShard, model: Model): void {
  const before = shard.changes.length;
  shard.sweep();
  const expired = shard.changes.slice(before).flatMap(({ events }) =>
    events.map((event) => {
      assert(event.kind === 'leaseExpired');
      return event.code;
    }),
  );
  assert.deepEqual(expired.toSorted(), model.sweep(shard.nowMs).toSorted());
  // Leases that end in the same millisecond are announced in any order, so the order is the
  // shard's.
  for (const code of expired) {
    const ended = model.codes.get(code);
    assert(ended !== undefined);
    ended.lastSeq = ++model.seq;
  }
}

// ─── What must hold after every step ────────────────────────────────────────────────────────────────────────────

function compare(shard: TestShard, model: Model): void {
  const { state, nowMs } = shard;
  assert.equal(state.seq, model.seq);
  for (const book of model.books.values()) {
    const found = query(state, { kind: 'getBook', bookId: book.id }, nowMs);
    assert(found.kind === 'book');
    const { counts } = found.view;
    assert.deepEqual(found.view, {
      book,
      counts: model.counts(book.id, nowMs),
      offer: { campaignId: null, discount: null },
    });
    assert.equal(counts.available + counts.assigned + counts.redeemed, counts.total, 'I5');
    for (const status of STATUSES) {
      assert.deepEqual(listCodes(state, book.id, status, nowMs), model.list(nowMs, { bookId: book.id, status }));
    }
  }
  const open = query(state, { kind: 'listOpenBatches' }, nowMs);
  assert.deepEqual(open, { kind: 'openBatches', items: model.open });
  for (const { batchId, bookId } of model.batches) {
    assert.deepEqual(query(state, { kind: 'batchFate', bookId, batchId }, nowMs), { kind: 'batchFate', fate: 'live' });
  }
  for (const code of model.codes.values()) {
    const found = query(state, { kind: 'getCode', code: code.code }, nowMs);
    assert.deepEqual(found, { kind: 'code', code: model.view(code, nowMs) });
  }
  for (const userId of USERS) {
    const asked = { kind: 'listUserCodes', userId, bookId: null, status: null, afterIndex: -1, limit: 99 } as const;
    const found = query(state, asked, nowMs);
    assert(found.kind === 'codes');
    assert.deepEqual(
      found.page.items.map(({ code }) => code),
      model.list(nowMs, { userId }),
    );
  }
}

function listCodes(state: ShardState, bookId: (typeof BOOKS)[number], status: CodeStatus, nowMs: number): string[] {
  const codes: string[] = [];
  for (let afterIndex: number | null = -1; afterIndex !== null; ) {
    const found = query(state, { kind: 'listCodes', bookId, status, afterIndex, limit: 2 }, nowMs);
    assert(found.kind === 'codes');
    codes.push(...found.page.items.map(({ code }) => code));
    afterIndex = found.page.nextIndex;
  }
  return codes;
}

function lockedUser(shard: TestShard, code: string): string | null {
  const found = query(shard.state, { kind: 'getCode', code }, shard.nowMs);
  return found.kind === 'code' && found.code.lockId !== null ? found.code.userId : null;
}

/**
 * I1, I3 and I4, of the change that was just made, asked of the state alone and not of the rules.
 */
function checkEffect(
  shard: TestShard,
  model: Model,
  command: KnownCommand,
  change: Change,
  lockedFor: string | null,
): void {
  for (const event of change.events) {
    if (event.kind !== 'codeAssigned' && event.kind !== 'codeRedeemed') continue;
    const book = model.books.get(event.bookId);
    assert(book !== undefined);
    const { maxCodesPerUser, maxRedemptionsPerUser } = book.settings;
    if (event.kind === 'codeAssigned') {
      assert(model.codesOfUser(book.id, event.userId) <= (maxCodesPerUser ?? 1e9), 'I3');
      continue;
    }
    const found = query(shard.state, { kind: 'getCode', code: event.code }, shard.nowMs);
    assert(found.kind === 'code');
    assert(found.code.redemptionCount <= (redemptionsPerCodeMax(book.settings) ?? 1e9), 'I1');
    assert(model.redemptionsOfUser(book.id, event.userId) <= (maxRedemptionsPerUser ?? 1e9), 'I3');
    assert(lockedFor === null || lockedFor === event.userId, `I4: ${JSON.stringify(command)}`);
  }
}

/** I6. */
function checkOnce(
  effects: Map<string, number>,
  { change }: Extract<Verdict, { kind: 'change' }>,
  caller: string,
  key: string,
): void {
  const scope = change.events[0]?.kind === 'bookCreated' ? '' : change.scopeId;
  const name = JSON.stringify([caller, scope, key]);
  const before = effects.get(name);
  assert(before === undefined || change.atMs - before >= LIMITS.idempotencyTtlMs, 'I6');
  effects.set(name, change.atMs);
}

// ─── The same state by other ways ───────────────────────────────────────────────────────────────────────────────

function checkCopies(shard: TestShard, model: Model): void {
  const expected = digest(shard.state, shard.nowMs);
  assert.equal(digest(replay(shard.changes, shard.batches, LIMITS), shard.nowMs), expected, 'replayed');
  const parsed = JSON.parse(JSON.stringify(shard.changes)) as Change[];
  assert.equal(digest(replay(parsed, shard.batches, LIMITS), shard.nowMs), expected, 'replayed from JSON');

  const reloaded = reload(model, shard.nowMs);
  assert.equal(digest(reloaded, shard.nowMs), expected, 'reloaded');
  const copy: TestShard = { ...shard, state: reloaded };
  compare(copy, model);
}

/** A snapshot as PostgreSQL would have it, made from what the model knows. */
function reload(model: Model, nowMs: number): ShardState {
  const state = new ShardState(LIMITS);
  loadCheckpoint(state, asSeq(model.seq), model.batchCounter);
  for (const book of model.books.values()) loadBook(state.coupons, book);
  for (const batch of model.open) loadOpenBatch(state.coupons, batch);
  for (const { codes, ...batch } of model.batches.toSorted((a, b) => a.firstIndex - b.firstIndex)) {
    loadBatch(state.coupons, { ...batch, size: codes.length });
  }
  for (const code of [...model.codes.values()].reverse()) {
    const book = state.coupons.book(code.bookId);
    assert(book !== undefined);
    const bytes = Buffer.from(`<${code.code}>`);
    loadCode(state.coupons, book, code.index, bytes, 1, bytes.length - 1);
    const { userId, assignedMs, lockId, lockedUntilMs, redemptionCount, lastSeq } = model.view(code, nowMs);
    if (lastSeq === 0) continue;
    loadCodeState(state.coupons, {
      index: code.index,
      userId,
      assignedMs,
      lockId,
      lockedUntilMs,
      redemptionCount,
      lastSeq,
    });
  }
  for (const { id: redemptionId, code, userId, atMs, rolledBack } of model.redemptions.toReversed()) {
    const index = model.codes.get(code)?.index ?? -1;
    loadRedemption(state.coupons, { index, redemptionId, userId, atMs, rolledBack });
  }
  for (const row of model.keys) if (nowMs < row.atMs + LIMITS.idempotencyTtlMs) loadRemembered(state, row);
  return state;
}

function pick<T>(list: readonly T[], nth: number): T {
  const found = list[nth];
  assert(found !== undefined);
  return found;
}

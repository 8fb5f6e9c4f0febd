/**
 * A shard in a test: a state with a clock that only the test moves, a seeded source of randomness,
 * and the host's part (end leases and holds, decide, apply) in one call. Times in tests are
 * milliseconds after `START`.
 */
import assert from 'node:assert/strict';
import { commands } from '../../scripts/generate/declarations.js';
import type { Command, Origin, StagedBatch } from '../../src/domain/command.js';
import type { Verdict } from '../../src/domain/decide.js';
import type { Change, CodeEvent, DomainEvent } from '../../src/domain/event.js';
import { asBookId, asShardId, type BookId } from '../../src/domain/ids.js';
import type { StateOptions } from '../../src/domain/kernel.js';
import type { Outcome, RefusalReason } from '../../src/domain/outcome.js';
import type { Random } from '../../src/domain/random.js';
import { loadOpenBatch } from '../../src/features/coupons/load.js';
import { expireNext } from '../../src/features/expiry.js';
import { apply, decide } from '../../src/features/rules.js';
import { ShardState } from '../../src/features/shard-state.js';
import type { BatchContent } from '../../src/records/batch-content.js';
import type { BookSettings, OpenBatch } from '../../src/records/values.generated.js';
import { FIXED_HASH_KEY } from '../../src/tables/keyed-hash.js';

export const START = Date.UTC(2026, 0, 1);
export const BOOK = asBookId('01890000-0000-7000-8000-000000000001');
export const OTHER_BOOK = asBookId('01890000-0000-7000-8000-000000000002');

export const OPTIONS: StateOptions = {
  shard: asShardId(0),
  shardCount: 1,
  lockTtlMs: 1_000,
  idempotencyTtlMs: 10_000,
  idempotencyBytesMax: 1_000_000,
  hashKey: FIXED_HASH_KEY,
};

/** Everything allowed that can be allowed, so that a test names only what it is about. */
export const SETTINGS: BookSettings = {
  name: 'Winter',
  description: null,
  startMs: null,
  endMs: null,
  isActive: true,
  maxCodesPerUser: null,
  maxRedemptionsPerUser: null,
  allowMultipleRedemptions: false,
  maxRedemptionsPerCode: null,
  codePattern: null,
  redeemableBy: 'assignee',
  requireLock: false,
  lockTtlMs: null,
  metadata: null,
};

export const UPLOADED: BatchContent = { kind: 'uploaded', count: 3, sha256: 'ab'.repeat(32) };
export const OPEN_BATCH: OpenBatch = {
  batchId: 1,
  bookId: BOOK,
  caller: 'service',
  key: null,
  fingerprint: null,
  openedMs: START,
  content: UPLOADED,
};

/**
 * mulberry32 (Tommy Ettinger, public domain): good enough for tests, and the same on every machine.
 */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const after = (steps: number): number => (state + Math.imul(steps, 0x6d2b79f5)) >>> 0;
  return {
    uint32() {
      state = after(1);
      return mulberry(state);
    },
    peek: (callsBefore) => mulberry(after(callsBefore + 1)),
  };
}

function mulberry(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

export interface Asking {
  readonly caller?: string;
  readonly key?: string;
  readonly fingerprint?: number;
}

export interface TestShard {
  readonly state: ShardState;
  /** All changes so far, as the journal would have them. */
  readonly changes: readonly Change[];
  /** The codes of every batch, by ordinal; null is a hole. */
  readonly batches: ReadonlyMap<number, readonly (string | null)[]>;
  nowMs: number;
  /**
   * Stages codes. They are not live until a command adds them. Without an id it is a batch that was
   * open when the shard was loaded, so that no event opens it.
   */
  stage(codes: readonly (string | null)[], batchId?: number): StagedBatch;
  sweep(): void;
  /** Sweeps, decides, and applies what was decided. */
  run(command: Command, asking?: Asking): Verdict;
  /** Like `run`, but without the sweep before it. */
  runUnswept(command: Command, asking?: Asking): Verdict;
  /** A new book with these codes. */
  addBook(settings: Partial<BookSettings>, codes: readonly (string | null)[], bookId?: BookId): void;
}

export function openShard(options: Partial<StateOptions> = {}, seed = 1): TestShard {
  const state = new ShardState({ ...OPTIONS, ...options });
  const random = seeded(seed);
  const changes: Change[] = [];
  const batches = new Map<number, readonly (string | null)[]>();

  function record(change: Change): void {
    apply(state, change);
    changes.push(change);
  }

  const shard: TestShard = {
    state,
    changes,
    batches,
    nowMs: START,
    stage(codes, opened) {
      const batchId = opened ?? batches.size + 1;
      if (opened === undefined) loadOpenBatch(state.coupons, { ...OPEN_BATCH, batchId });
      batches.set(batchId, codes);
      state.coupons.stage(batchId, codes.length);
      stageCodes(state, batchId, codes);
      return { batchId, size: codes.length, count: codes.filter((code) => code !== null).length, report: {} };
    },
    sweep() {
      for (let change = expireNext(state, shard.nowMs); change !== null; change = expireNext(state, shard.nowMs)) {
        record(change);
      }
    },
    run(command, asking) {
      shard.sweep();
      return shard.runUnswept(command, asking);
    },
    runUnswept(command, asking = {}) {
      const before = state.seq;
      const verdict = decide(state, command, originOf(asking), shard.nowMs, random);
      assert.equal(state.seq, before, 'deciding changes nothing');
      if (verdict.kind === 'change') record(verdict.change);
      if (verdict.kind === 'change' || verdict.kind === 'unchanged') checkSameFields(command, verdict.outcome);
      return verdict;
    },
    addBook(settings, codes, bookId = BOOK) {
      const staged = codes.length === 0 ? null : shard.stage(codes);
      const command = {
        kind: 'createBook',
        campaignId: null,
        discount: null,
        bookId,
        settings: { ...SETTINGS, ...settings },
        codes: staged,
      } as const;
      assert.equal(shard.run(command).kind, 'change');
    },
  };
  return shard;
}

const COMPACT = new Set<string>(commands.filter(({ message }) => message !== 'object').map(({ kind }) => kind));

/** A compact reply between threads leaves out what the command has said: both must be the same. */
export function checkSameFields(command: Command, outcome: Outcome): void {
  if (!COMPACT.has(command.kind)) return;
  for (const [field, value] of Object.entries(outcome)) {
    if (field !== 'kind' && field in command)
      assert.deepEqual(value, command[field as keyof typeof command], `${command.kind}.${field}`);
  }
}

export function stageCodes(state: ShardState, batchId: number, codes: readonly (string | null)[]): void {
  codes.forEach((code, ordinal) => {
    if (code === null) return;
    const bytes = Buffer.from(code);
    state.coupons.stageCode(batchId, ordinal, bytes, 0, bytes.length);
  });
  state.coupons.completeStage(batchId);
}

/** Replays changes onto a fresh state, staging each batch where its event says. */
export function replay(
  changes: readonly Change[],
  batches: TestShard['batches'],
  options: Partial<StateOptions> = {},
): ShardState {
  const state = new ShardState({ ...OPTIONS, ...options });
  for (const change of changes) {
    for (const event of change.events) {
      if (event.kind !== 'codesAdded') continue;
      state.coupons.stage(event.batchId, event.size, event.firstIndex);
      stageCodes(state, event.batchId, batches.get(event.batchId) ?? []);
    }
    apply(state, change);
  }
  return state;
}

function originOf({ caller = 'service', key, fingerprint = 1 }: Asking): Origin {
  return { caller, requestId: 'request', idempotency: key === undefined ? null : { key, fingerprint } };
}

// ─── Commands in a word ─────────────────────────────────────────────────────────────────────────────────────────

export const assignRandom = (userId: string, bookId = BOOK): Command => ({ kind: 'assignRandom', bookId, userId });
export const assign = (code: string, userId: string): Command => ({ kind: 'assignCode', code, userId });
export const lock = (code: string, userId: string, ttlMs: number | null = null): Command => ({
  kind: 'lockCode',
  code,
  userId,
  ttlMs,
});
export const unlock = (code: string, userId: string, lockId: number | null = null): Command => ({
  kind: 'unlockCode',
  code,
  userId,
  lockId,
});
export const redeem = (code: string, userId: string, lockId: number | null = null): Command => ({
  kind: 'redeemCode',
  code,
  userId,
  lockId,
  metadata: null,
});
export const rollback = (code: string, redemptionId: string): Command => ({
  kind: 'rollbackRedemption',
  code,
  redemptionId,
  reason: 'returned',
});
export const unassign = (code: string): Command => ({ kind: 'unassignCode', code, reason: null });
export const update = (patch: Partial<BookSettings>, ifVersion: number | null = null): Command => ({
  kind: 'updateBook',
  discount: null,
  bookId: BOOK,
  patch,
  ifVersion: ifVersion === null ? null : [ifVersion],
});
export const archive = (ifVersion: number | null = null): Command => ({
  kind: 'archiveBook',
  bookId: BOOK,
  ifVersion: ifVersion === null ? null : [ifVersion],
});

// ─── Tables ─────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A step before the command in question: a command that must succeed, or milliseconds that pass.
 */
export type Step = Command | number | ((shard: TestShard) => Command);

/**
 * `expect`: the reason of the refusal, or the events in words (`inWords`); no events means that
 * nothing had to change.
 */
export interface Row {
  readonly name: string;
  readonly book?: Partial<BookSettings>;
  readonly given?: readonly Step[];
  readonly when: Command | ((shard: TestShard) => Command);
  readonly expect: RefusalReason | readonly string[];
  readonly outcome?: Readonly<Record<string, unknown>>;
}

/** A book with the codes in which the steps were taken. */
export function given(book: Partial<BookSettings>, steps: readonly Step[]): TestShard {
  const shard = openShard();
  shard.addBook(book, ['A-1', 'A-2', 'A-3']);
  for (const step of steps) {
    if (typeof step === 'number') shard.nowMs += step;
    else {
      const command = typeof step === 'function' ? step(shard) : step;
      const verdict = shard.run(command);
      assert.equal(verdict.kind, 'change', `${JSON.stringify(command)} is given, but: ${JSON.stringify(verdict)}`);
    }
  }
  return shard;
}

export function checkRow(row: Row): void {
  const shard = given(row.book ?? {}, row.given ?? []);
  const verdict = shard.run(typeof row.when === 'function' ? row.when(shard) : row.when);
  if (typeof row.expect === 'string') {
    assert.equal(verdict.kind === 'refused' ? verdict.reason : verdict.kind, row.expect);
    return;
  }
  const events = verdict.kind === 'change' ? verdict.change.events.map(inWords) : [];
  assert.deepEqual(
    { kind: verdict.kind, events },
    { kind: row.expect.length > 0 ? 'change' : 'unchanged', events: row.expect },
  );
  if (row.outcome !== undefined) {
    const outcome: Readonly<Record<string, unknown>> = { ...outcomeOf(verdict) };
    const named = Object.fromEntries(Object.keys(row.outcome).map((key) => [key, outcome[key]]));
    assert.deepEqual(named, row.outcome);
  }
}

export function outcomeOf(verdict: Verdict): Outcome {
  assert.notEqual(verdict.kind, 'refused', JSON.stringify(verdict));
  if (verdict.kind === 'refused') throw new Error('unreachable');
  return verdict.outcome;
}

export function reasonOf(verdict: Verdict): RefusalReason | null {
  return verdict.kind === 'refused' ? verdict.reason : null;
}

/** The id of the code's newest redemption. */
export function lastRedemptionId(shard: TestShard): string {
  const { redemptions } = shard.state.coupons;
  return redemptions.id(redemptions.next - 1);
}

/** An event in a line. Times are relative to `START`. */
export function inWords(event: DomainEvent): string {
  if ('code' in event) return codeEventInWords(event);
  switch (event.kind) {
    case 'bookCreated':
    case 'bookUpdated':
    case 'bookArchived':
      return `${event.kind} v${event.book.version}`;
    case 'codesAdded':
      return `codesAdded ${event.count} of ${event.size} from ${event.firstIndex}`;
    case 'noted':
      return 'noted';
    case 'batchOpened':
    case 'batchGivenUp':
      return `${event.kind} ${event.batchId}`;
    case 'codeClaimed':
      return `codeClaimed ${event.claimedCode}`;
    case 'codeFreed':
      return `codeFreed ${event.batchId}`;
    case 'promotionCreated':
    case 'promotionUpdated':
    case 'promotionArchived':
      return `${event.kind} v${event.promotion.version}`;
    case 'reservationMade':
    case 'reservationRenewed':
    case 'reservationCommitted':
    case 'reservationReleased':
    case 'reservationExpired':
    case 'reservationRolledBack':
    case 'bookJoinedCampaign':
    case 'reservedCodesRedeemed':
      return event.kind;
    case 'stockInitialized':
    case 'stockChanged':
      return `${event.kind} v${event.stock.version}`;
    case 'orderPlaced':
    case 'orderConfirmed':
    case 'orderFulfilled':
    case 'orderCancelled':
      return `${event.kind} ${event.userId}`;
  }
}

function codeEventInWords(event: CodeEvent): string {
  const words = [event.kind, event.code, event.userId];
  if ('lockId' in event) words.push(`#${event.lockId}`);
  if ('redemptionCount' in event) words.push(String(event.redemptionCount));
  if ('untilMs' in event) words.push(`until +${event.untilMs - START}`);
  if ('atMs' in event) words.push(`at +${event.atMs - START}`);
  if (event.kind === 'redemptionRolledBack') words.push('left');
  return words.join(' ');
}

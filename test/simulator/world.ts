/**
 * One run of the simulator: the real actor and the real domain, on a fake clock, a medium that has faults and a store
 * that lags; callers who ask, retry and give up; crashes at any moment. After every step, all that is settled in the
 * journal is folded naively and held against what callers were told (judge.ts).
 *
 * Everything comes from the seed, so a run that fails is seen again by its number.
 */
import assert from 'node:assert/strict';
import { type Actor, createActor } from '../../src/actor/actor.js';
import type { ActorReply, ActorRequest } from '../../src/actor/requests.js';
import { type Clock, createClock } from '../../src/clock.js';
import { apply } from '../../src/domain/apply.js';
import type { BookSettings } from '../../src/domain/book.js';
import type { Command, Origin, Query } from '../../src/domain/command.js';
import { digest } from '../../src/domain/digest.js';
import { asBookId, asSeq, asShardId, type BookId, type ShardId } from '../../src/domain/ids.js';
import { ShardState } from '../../src/domain/state.js';
import { decodeChanges } from '../../src/journal/codec.js';
import { type Asked, type AskedCommand, createJudge } from './judge.js';
import { createSchedule } from './schedule.js';
import { type SeededRandom, seededRandom } from './seeded-random.js';
import { createMedium } from './sim-journal.js';
import { createSimStore } from './sim-store.js';

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
}

export interface RunReport {
  readonly done: number;
  readonly refused: number;
  readonly unavailable: number;
  readonly reads: number;
  readonly judged: number;
  readonly crashes: number;
  readonly stops: number;
  readonly recoveries: number;
}

const START_MS = 1_700_000_000_000;
const KEY_TTL_MS = 400;
const STATE = { lockTtlMs: 40, idempotencyTtlMs: KEY_TTL_MS, idempotencyBytesMax: 1 << 20 };

/** Requests of one turn, at most: callers who compete are decided about in one go. */
const TURN_MAX = 5;
/** Within so many steps a stop has passed its deadline. */
const STOP_STEPS_MAX = 2_000;
/** How far the system's clock is set forward or back, at most. */
const CLOCK_STEP_MS = 150;

export async function runSeed({ seed, steps }: RunOptions): Promise<RunReport> {
  const random = seededRandom(seed);
  const schedule = createSchedule(random, START_MS);
  let faults = random.pick([0, 0.02, 0.1, 0.3]);
  const medium = createMedium(random, schedule, faults, random.chance(0.5));
  const batches = new Map<number, string[]>();
  const codesOf = (batchId: number): readonly string[] => batches.get(batchId) ?? [];
  const store = createSimStore(random, medium, codesOf, { keyTtlMs: KEY_TTL_MS, faults: () => faults });
  const shards = Array.from({ length: 1 + random.below(3) }, (_, index) => asShardId(index));
  const judge = createJudge({ medium, shards, codesOf, keyTtlMs: KEY_TTL_MS });

  const books: { readonly id: BookId; readonly shard: ShardId }[] = [];
  const waiting = new Map<number, Asked>();
  const turn: ActorRequest[] = [];
  const tally = { crashes: 0, stops: 0, recoveries: 0 };
  let nextId = 1;
  let life = 0;
  /** How far the system's clock is from true time, which is the schedule's. */
  let clockOffMs = 0;
  let clock = startClock();
  /** Nothing is left of a state that was thrown away; and how often one was rebuilt when something was. */
  let isClear = true;
  let kept = 0;
  let actor = startActor();

  function startClock(): Clock {
    return createClock(() => schedule.now() + clockOffMs, schedule.now);
  }

  function startActor(): Actor {
    const mine = ++life;
    isClear = true;
    clock = startClock();
    const started = createActor({
      shards,
      journal: medium.open(),
      loader: store.loader,
      state: STATE,
      clock,
      random,
      publishCodes: async () => {},
      send: (replies) => {
        if (mine === life) for (const reply of replies) onReply(reply);
      },
      collect: () => {
        if (mine === life) isClear = true;
      },
      defer: (work) => schedule.after(0, () => mine === life && work()),
      after: (delayMs, work) => schedule.after(delayMs, () => mine === life && work()),
      log: { info() {}, error() {} },
      onStatus: (status) => {
        if (mine !== life || status !== 'serving') return;
        tally.recoveries++;
        if (!isClear) kept++;
        isClear = false;
        judge.served();
      },
      onEnd: (end) => {
        throw end;
      },
    });
    void started.start();
    return started;
  }

  // ─── What callers do ───────────────────────────────────────────────────────────────────────────────────────

  function ask(shard: ShardId, command: Command, origin: Origin): void {
    const id = nextId++;
    waiting.set(id, { kind: 'command', id, shard, command, origin, atMs: clock.now() });
    turn.push({ kind: 'command', to: 0, id, shard, command, origin });
    const book = books.find((other) => other.shard === shard);
    if (book !== undefined && random.chance(0.4)) read(shard, { kind: 'getBook', bookId: book.id }, id);
  }

  function read(shard: ShardId, query: Query, twinOf: number | null): void {
    const id = nextId++;
    waiting.set(id, { kind: 'query', id, shard, query, atMs: clock.now(), twinOf });
    turn.push({ kind: 'query', to: 0, id, shard, query });
  }

  function takeTurn(): void {
    for (let left = 1 + random.below(TURN_MAX); left > 0; left--) act();
    // Taken out first: a refusal comes while the actor is called.
    actor.deliver(turn.splice(0));
  }

  function originOf(): Origin {
    const requestId = `r${nextId}`;
    const key = random.chance(0.3) ? `k${random.below(40)}` : null;
    return {
      caller: `c${random.below(2)}`,
      requestId,
      idempotency: key === null ? null : { key, fingerprint: random.below(2) },
    };
  }

  function act(): void {
    const roll = random.below(100);
    if (books.length === 0 || roll < 2) createBook();
    else if (roll < 10) addCodes();
    else if (roll < 11) updateBook();
    else if (roll < 12)
      ask(
        random.pick(books).shard,
        { kind: 'archiveBook', bookId: random.pick(books).id, ifVersion: null },
        originOf(),
      );
    else if (roll < 16 && judge.answered.length > 0) again(random.pick(judge.answered));
    else if (roll < 30) readSomething();
    else aboutCode();
  }

  function createBook(): void {
    const id = asBookId(`b${nextId}`);
    const shard = random.pick(shards);
    const origin = originOf();
    ask(shard, { kind: 'createBook', bookId: id, settings: someSettings(random, schedule.now()), codes: null }, origin);
    books.push({ id, shard });
    if (books.length > 4) books.shift();
  }

  function addCodes(): void {
    const { id, shard } = random.pick(books);
    const batchId = nextId;
    const codes = Array.from({ length: 1 + random.below(5) }, (_, i) => `C${batchId}-${i}`);
    batches.set(batchId, codes);
    const size = codes.length;
    ask(shard, { kind: 'addCodes', bookId: id, codes: { batchId, size, count: size, report: {} } }, originOf());
  }

  function updateBook(): void {
    const { id, shard } = random.pick(books);
    const { isActive, maxCodesPerUser, requireLock } = someSettings(random, schedule.now());
    ask(
      shard,
      { kind: 'updateBook', bookId: id, patch: { isActive, maxCodesPerUser, requireLock }, ifVersion: null },
      originOf(),
    );
  }

  function someCode(id: BookId, shard: ShardId): string {
    const codes = [...judge.foldOf(shard).codes].filter(([, code]) => code.bookId === id).map(([code]) => code);
    if (codes.length === 0 || random.chance(0.05)) return 'NO-SUCH-CODE';
    // Often one of the first: callers compete for it.
    return random.chance(0.5) ? random.pick(codes.slice(0, 2)) : random.pick(codes);
  }

  function readSomething(): void {
    const { id, shard } = random.pick(books);
    const userId = `u${random.below(4)}`;
    const query = random.pick<Query>([
      { kind: 'getBook', bookId: id },
      { kind: 'getCode', code: someCode(id, shard) },
      { kind: 'getCode', code: someCode(id, shard) },
      { kind: 'listUserCodes', userId, bookId: null, status: null, afterIndex: -1, limit: 10_000 },
    ]);
    read(shard, query, null);
  }

  function aboutCode(): void {
    const { id, shard } = random.pick(books);
    const fold = judge.foldOf(shard);
    const code = someCode(id, shard);
    const holder = fold.codes.get(code)?.userId ?? null;
    const userId = holder !== null && random.chance(0.7) ? holder : `u${random.below(4)}`;
    const lockId = random.chance(0.2) ? (fold.codes.get(code)?.lock?.lockId ?? random.below(50)) : null;
    const redemptions = [...fold.redemptions]
      .filter(([, redemption]) => redemption.code === code)
      .map(([redemptionId]) => redemptionId);
    const redemptionId = redemptions.length === 0 ? 'none' : random.pick(redemptions);
    const command = random.pick<Command>([
      { kind: 'assignRandom', bookId: id, userId },
      { kind: 'assignRandom', bookId: id, userId },
      { kind: 'assignCode', code, userId },
      { kind: 'lockCode', code, userId, ttlMs: random.chance(0.5) ? null : 1 + random.below(60) },
      { kind: 'lockCode', code, userId, ttlMs: null },
      { kind: 'unlockCode', code, userId, lockId },
      { kind: 'redeemCode', code, userId, lockId, metadata: null },
      { kind: 'redeemCode', code, userId, lockId: null, metadata: null },
      { kind: 'redeemCode', code, userId, lockId: null, metadata: null },
      { kind: 'rollbackRedemption', code, redemptionId, reason: null },
      { kind: 'unassignCode', code, reason: null },
    ]);
    ask(shard, command, originOf());
  }

  /** The same request with the same key, as a caller who heard nothing sends it. */
  function again({ shard, command, origin }: AskedCommand): void {
    ask(shard, command, { ...origin, requestId: `r${nextId}` });
  }

  function onReply({ id, reply }: ActorReply): void {
    const asked = waiting.get(id);
    assert.ok(asked !== undefined, 'a request is answered once');
    waiting.delete(id);
    judge.told(asked, reply);
  }

  function check(): void {
    assert.equal(kept, 0, 'a state is rebuilt when the one before is gone');
    judge.check();
  }

  /** Memory = the journal folded from nothing, by the domain (digest) and naively (counts). */
  function checkMemory(): void {
    for (const { shard, seq, digest: inMemory } of actor.inspect()) {
      if (seq !== medium.durableSeq(shard)) continue;
      assert.equal(inMemory, replayedDigest(shard), 'memory is the journal folded (I5)');
    }
  }

  function replayedDigest(shard: ShardId): string {
    const state = new ShardState({ ...STATE, shard });
    for (const entry of medium.entriesOf(shard)) {
      for (const change of decodeChanges(entry.payload)) {
        for (const event of change.events) {
          if (event.kind !== 'codesAdded') continue;
          state.stage(event.batchId, event.size, event.firstIndex);
          for (const [ordinal, code] of codesOf(event.batchId).entries()) {
            const bytes = Buffer.from(code);
            state.stageCode(event.batchId, ordinal, bytes, 0, bytes.length);
          }
        }
        apply(state, change);
      }
    }
    for (const book of state.books()) {
      const { total, available, assigned, redeemed } = state.counts(book);
      assert.equal(available + assigned + redeemed, total, 'available + assigned + redeemed = total (I5)');
      const codes = [...judge.foldOf(shard).codes.values()].filter((code) => code.bookId === book.book.id);
      if (judge.foldOf(shard).seq === state.seq)
        assert.equal(codes.filter(({ userId }) => userId === null).length, available);
    }
    return digest(state, clock.now());
  }

  /** SIGTERM, and a new process. */
  async function stopAndStart(): Promise<void> {
    let isStopped = false;
    void actor.stop().then(() => {
      isStopped = true;
    });
    for (let left = STOP_STEPS_MAX; left > 0 && !isStopped; left--) {
      if (!schedule.step()) schedule.after(10, () => {});
      await microtasks();
      check();
    }
    assert.ok(isStopped, 'a stop comes to its end, whatever the medium does');
    assert.equal(waiting.size, 0, 'a stop leaves nobody without an answer');
    medium.crash();
    actor = startActor();
  }

  // ─── The run ───────────────────────────────────────────────────────────────────────────────────────────────

  for (let step = 0; step < steps; step++) {
    const roll = random.below(200);
    if (roll === 0) {
      tally.crashes++;
      medium.crash();
      waiting.clear();
      actor = startActor();
    } else if (roll === 1) {
      tally.stops++;
      await stopAndStart();
    } else if (roll < 40) takeTurn();
    else if (roll === 40) clockOffMs += random.below(2 * CLOCK_STEP_MS) - CLOCK_STEP_MS;
    else if (roll < 66) for (const shard of shards) store.project(shard, judge.settledSeq(shard));
    else if (roll < 68) {
      actor.trim((shard) => asSeq(store.checkpoint(shard)));
      actor.keys.forgetEnded();
    } else if (!schedule.step()) schedule.after(1 + random.below(20), () => {});
    await microtasks();
    check();
    if (roll === 199) checkMemory();
  }

  faults = 0;
  medium.heal();
  for (let quiet = 0; quiet < 5000 && (waiting.size > 0 || quiet < 50); quiet++) {
    if (!schedule.step()) schedule.after(10, () => {});
    await microtasks();
    check();
  }
  assert.equal(waiting.size, 0, 'everyone is answered once the medium is well');
  checkMemory();
  return { ...tally, ...judge.tally };
}

/** Recovery and staging await the store and the journal, which answer at once here. */
async function microtasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function someSettings(random: SeededRandom, nowMs: number): BookSettings {
  const allowMultipleRedemptions = random.chance(0.4);
  const maybe = (probability: number, max: number): number | null =>
    random.chance(probability) ? 1 + random.below(max) : null;
  return {
    name: 'book',
    description: null,
    startMs: random.chance(0.1) ? nowMs + random.below(100) : null,
    endMs: random.chance(0.1) ? nowMs + 200 + random.below(400) : null,
    isActive: random.chance(0.9),
    maxCodesPerUser: maybe(0.3, 3),
    maxRedemptionsPerUser: maybe(0.3, 3),
    allowMultipleRedemptions,
    maxRedemptionsPerCode: allowMultipleRedemptions ? maybe(0.6, 3) : null,
    codePattern: null,
    redeemableBy: random.chance(0.5) ? 'bearer' : 'assignee',
    requireLock: random.chance(0.2),
    lockTtlMs: null,
    metadata: null,
  };
}

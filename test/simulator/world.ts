/**
 * One run of the simulator: the real actor and the real domain, on a fake clock, a medium that has faults and a store
 * that lags; callers who ask, retry and give up; crashes at any moment. After every step, all that is settled in the
 * journal is folded naively and held against what callers were told.
 *
 * Everything comes from the seed, so a run that fails is seen again by its number.
 */
import assert from 'node:assert/strict';
import { type Actor, type ActorReply, type ActorRequest, createActor } from '../../src/actor/actor.js';
import type { Done } from '../../src/actor/engine.js';
import { apply } from '../../src/domain/apply.js';
import type { BookSettings } from '../../src/domain/book.js';
import type { Command, Origin } from '../../src/domain/command.js';
import { digest } from '../../src/domain/digest.js';
import { asBookId, asSeq, asShardId, type BookId, type Seq, type ShardId } from '../../src/domain/ids.js';
import { ShardState } from '../../src/domain/state.js';
import { decodeChanges } from '../../src/journal/codec.js';
import { type Fold, foldChange, newFold } from './fold.js';
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
  readonly crashes: number;
  readonly recoveries: number;
}

const START_MS = 1_700_000_000_000;
const KEY_TTL_MS = 400;
const STATE = { lockTtlMs: 40, idempotencyTtlMs: KEY_TTL_MS, idempotencyBytesMax: 1 << 20 };

interface Asked {
  readonly shard: ShardId;
  readonly command: Command;
  readonly origin: Origin;
  /** Of which process: a later one can't answer it. */
  readonly life: number;
}

export async function runSeed({ seed, steps }: RunOptions): Promise<RunReport> {
  const random = seededRandom(seed);
  const schedule = createSchedule(random, START_MS);
  let faults = random.pick([0, 0.02, 0.1, 0.3]);
  const medium = createMedium(random, schedule, faults, random.chance(0.5));
  const batches = new Map<number, string[]>();
  const codesOf = (batchId: number): readonly string[] => batches.get(batchId) ?? [];
  const store = createSimStore(random, medium, codesOf, { keyTtlMs: KEY_TTL_MS, faults: () => faults });
  const shards = Array.from({ length: 1 + random.below(3) }, (_, index) => asShardId(index));
  const folds = new Map(shards.map((shard) => [shard, newFold()]));
  const settled = new Map<ShardId, Seq>();

  const books: { readonly id: BookId; readonly shard: ShardId }[] = [];
  const waiting = new Map<number, Asked>();
  const neverHappened = new Set<string>();
  const answered: { readonly asked: Asked; readonly reply: Done }[] = [];
  const tally = { done: 0, refused: 0, unavailable: 0, crashes: 0, recoveries: 0 };
  let nextId = 1;
  let checked = 0;
  let life = 0;
  /** Nothing is left of a state that was thrown away; and how often one was rebuilt when something was. */
  let isClear = true;
  let kept = 0;
  let actor = startActor();

  function startActor(): Actor {
    const mine = ++life;
    isClear = true;
    const started = createActor({
      shards,
      journal: medium.open(),
      loader: store.loader,
      state: STATE,
      clock: { now: schedule.now, notBefore: () => {} },
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
        for (const shard of shards) settled.set(shard, medium.durableSeq(shard));
      },
    });
    void started.start();
    return started;
  }

  // ─── What callers do ───────────────────────────────────────────────────────────────────────────────────────

  function ask(shard: ShardId, command: Command, origin: Origin): void {
    const id = nextId++;
    waiting.set(id, { shard, command, origin, life });
    const request: ActorRequest = { kind: 'command', to: 0, id, shard, command, origin };
    actor.deliver([request]);
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
    else if (roll < 16 && answered.length > 0) again(random.pick(answered).asked);
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

  function aboutCode(): void {
    const { id, shard } = random.pick(books);
    const fold = folds.get(shard) ?? newFold();
    const codes = [...fold.codes].filter(([, code]) => code.bookId === id).map(([code]) => code);
    const code = codes.length === 0 || random.chance(0.05) ? 'NO-SUCH-CODE' : random.pick(codes);
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
  function again({ shard, command, origin }: Asked): void {
    ask(shard, command, { ...origin, requestId: `r${nextId}` });
  }

  // ─── What callers are told, and whether it is so ───────────────────────────────────────────────────────────

  function onReply({ id, reply }: ActorReply): void {
    const asked = waiting.get(id);
    assert.ok(asked !== undefined, 'a request is answered once');
    waiting.delete(id);
    if (reply.kind === 'unavailable') {
      tally.unavailable++;
      neverHappened.add(asked.origin.requestId);
    } else if (reply.kind === 'refused') {
      tally.refused++;
      neverHappened.add(asked.origin.requestId);
    } else if (reply.kind === 'done') {
      tally.done++;
      const known = settled.get(asked.shard) ?? asSeq(0);
      if (reply.seq > known) settled.set(asked.shard, reply.seq);
      if (reply.replayed) neverHappened.add(asked.origin.requestId);
      answered.push({ asked, reply });
    }
  }

  function check(): void {
    assert.equal(kept, 0, 'a state is rebuilt when the one before is gone');
    for (const shard of shards) foldSettled(shard, foldOf(shard), settled.get(shard) ?? asSeq(0));
    for (; checked < answered.length; checked++) {
      const { asked, reply } = answered[checked] as (typeof answered)[number];
      checkAnswer(foldOf(asked.shard), asked, reply);
    }
  }

  function checkAnswer(fold: Fold, { origin }: Asked, reply: Done): void {
    assert.ok(fold.seq >= reply.seq, 'what was answered is durable (I2)');
    if (reply.replayed) {
      const answers = [...fold.keys.values()].filter(
        ({ key, caller }) => key === origin.idempotency?.key && caller === origin.caller,
      );
      assert.ok(
        answers.some(({ outcome }) => same(outcome, reply.outcome)),
        'a replay is the first answer (I6)',
      );
    } else if (fold.requests.has(origin.requestId)) {
      assert.equal(fold.requests.get(origin.requestId), reply.seq, 'the answer names its place in the order');
    } else {
      assert.equal(origin.idempotency, null, 'only what needs no change is answered without one');
    }
  }

  function foldSettled(shard: ShardId, fold: Fold, through: Seq): void {
    for (const entry of medium.entriesOf(shard)) {
      if (entry.lastSeq <= fold.seq || entry.firstSeq > through) continue;
      for (const change of decodeChanges(entry.payload)) {
        foldChange(fold, change, codesOf, KEY_TTL_MS);
        assert.ok(!neverHappened.has(change.requestId), `${change.requestId} was answered as not done (I7)`);
      }
    }
  }

  function foldOf(shard: ShardId): Fold {
    const fold = folds.get(shard);
    assert.ok(fold !== undefined);
    return fold;
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
      const codes = [...foldOf(shard).codes.values()].filter((code) => code.bookId === book.book.id);
      if (foldOf(shard).seq === state.seq)
        assert.equal(codes.filter(({ userId }) => userId === null).length, available);
    }
    return digest(state, schedule.now());
  }

  // ─── The run ───────────────────────────────────────────────────────────────────────────────────────────────

  for (let step = 0; step < steps; step++) {
    const roll = random.below(200);
    if (roll === 0) {
      tally.crashes++;
      medium.crash();
      waiting.clear();
      actor = startActor();
    } else if (roll < 60) act();
    else if (roll < 66) for (const shard of shards) store.project(shard, settled.get(shard) ?? 0);
    else if (roll < 68) actor.trim((shard) => asSeq(store.checkpoint(shard)));
    else if (!schedule.step()) schedule.after(1 + random.below(20), () => {});
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
  return tally;
}

/** Recovery and staging await the store and the journal, which answer at once here. */
async function microtasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function same(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
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

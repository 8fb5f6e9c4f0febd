/**
 * One run of the simulator: the real actor, the real domain and the real file journal, on fake
 * clocks, a disk or a Redis that has faults, and a store that lags; callers who ask, retry and give
 * up; processes that are killed, stopped, paused and replaced at any moment. After every step, all
 * that is durable is folded naively and held against what callers were told (judge.ts), and what
 * the journal gives back against what was acknowledged (truth.ts).
 *
 * Everything comes from the seed, so a run that fails is seen again by its number.
 */
import assert from 'node:assert/strict';
import { asShardId, type BookId, type ShardId } from '../../src/domain/ids.js';
import type { ActorReply, ActorRequest } from '../../src/engine/requests.js';
import type { ProcessEnd } from '../../src/platform/exit-codes.js';
import { FIXED_HASH_KEY } from '../../src/tables/keyed-hash.js';
import { createCallers } from './callers.js';
import type { Staged, UploadRequest } from './control.js';
import { SHARD_COUNT } from './fold.js';
import { type Asked, createJudge } from './judge.js';
import type { Line } from './line.js';
import type { Medium } from './medium.js';
import { createMirror } from './mirror.js';
import { type SimProcess, type Start, startProcess } from './process.js';
import { createSchedule } from './schedule.js';
import { seededRandom } from './seeded-random.js';
import { createSimFiles } from './sim-files.js';
import { createSimRedis } from './sim-redis.js';
import { createSimStore, type SimStore } from './sim-store.js';
import { createTruth } from './truth.js';
import { createVerdict } from './verdict.js';

interface Waiting {
  readonly asked: Asked;
  readonly from: SimProcess;
  /** Of an upload that has got to its command. */
  readonly settle?: Staged['settle'];
}

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
}

export interface RunReport {
  readonly done: number;
  readonly uploads: number;
  readonly refused: number;
  readonly unavailable: number;
  readonly reads: number;
  readonly judged: number;
  /** Processes that were killed, and power cuts. */
  readonly crashes: number;
  readonly stops: number;
  readonly recoveries: number;
  readonly pauses: number;
  /** Processes that were started while another one lived, and took over. */
  readonly takeovers: number;
  /** Processes that ended by themselves because they were replaced. */
  readonly ends: number;
  /** Bits that were flipped, and how many of them a start refused as damage. */
  readonly flips: number;
  readonly damages: number;
}

const START_MS = 1_700_000_000_000;
const KEY_TTL_MS = 400;
const STATE = {
  shardCount: SHARD_COUNT,
  lockTtlMs: 40,
  idempotencyTtlMs: KEY_TTL_MS,
  idempotencyBytesMax: 1 << 20,
  hashKey: FIXED_HASH_KEY,
};

/** Within so many steps a stop has passed its deadline. */
const STOP_STEPS_MAX = 4_000;
/** How far the system's clock is set forward or back, at most. */
const CLOCK_STEP_MS = 150;
/** Time between two steps, at most, unless something is due earlier. */
const STEP_MS = 20;
const FULL_MS_MAX = 120;
/** Memory is compared with the whole journal after so many of the steps. */
const MIRROR_RATE = 1 / 400;
/** Around what anyone may trust for how long: 1 s and 10 s. */
const PAUSES_MS = [30, 900, 1_100, 9_000, 11_000, 40_000] as const;
/** A start that was refused is tried again after so long, at most. */
const RESTART_MS_MAX = 5_000;
/** A paused process is left alone for so many steps, at most. */
const ASIDE_STEPS_MAX = 40;

export async function runSeed({ seed, steps }: RunOptions): Promise<RunReport> {
  const random = seededRandom(seed);
  const schedule = createSchedule(random, START_MS);
  const verdict = createVerdict();
  let faults = random.pick([0, 0.02, 0.1, 0.3]);
  const medium = createMedium();
  const shards = Array.from({ length: 1 + random.below(SHARD_COUNT) }, (_, index) => asShardId(index));
  const truth = createTruth(shards, verdict);
  const store = createStore();
  /** The journal of another installation, and an empty database. */
  const strangeMedium = createMedium();
  strangeMedium.stamp('another installation');
  const { codesOf } = store.codes;
  const shardsOfBooks = new Map<BookId, ShardId>();
  const mayReadStale = medium.name === 'redis';
  const judge = createJudge({ truth, shards, codesOf, keyTtlMs: KEY_TTL_MS, mayReadStale });
  const callers = createCallers({ random, shards, judge, nowMs: schedule.now, noteBook });
  const mirror = createMirror({ truth, codesOf, judge, state: STATE });

  const waiting = new Map<number, Waiting>();
  const tally = { crashes: 0, stops: 0, recoveries: 0, pauses: 0, takeovers: 0, ends: 0, flips: 0, damages: 0 };
  let nextId = 1;
  /** A process was rebuilt, and its memory was not compared since. */
  let isRebuilt = false;
  /** Something settled a promise: what follows from that has to be waited for. */
  let isAsync = false;
  const noteAsync = (): void => {
    isAsync = true;
  };
  /** Those that live, the newest last. */
  let processes: SimProcess[] = [];
  /** The step at which the paused process goes on. */
  let resumeAt = Number.POSITIVE_INFINITY;
  let pausedMs = 0;
  let undoFlip: (() => void) | null = null;

  function noteBook(bookId: BookId, shard: ShardId): void {
    shardsOfBooks.set(bookId, shard);
  }

  function createMedium(): Medium {
    return random.chance(0.5) ? createSimRedis(random, schedule, faults) : createSimFiles(random, schedule.now, faults);
  }

  function createStore(): SimStore {
    return createSimStore(random, truth, verdict, {
      nowMs: schedule.now,
      keyTtlMs: KEY_TTL_MS,
      faults: () => faults,
    });
  }

  // ─── Processes ─────────────────────────────────────────────────────────────────────────────────────────────

  function start(): void {
    const before = processes.length;
    const started = startOn(medium, store);
    if (started.kind === 'refused') return;
    if (before > 0) tally.takeovers++;
    processes.push(started.process);
  }

  function startOn(onMedium: Medium, onStore: SimStore): Start {
    const isFlipped = undoFlip !== null;
    return startProcess({
      shards,
      schedule,
      random,
      medium: onMedium,
      truth,
      store: onStore,
      state: STATE,
      shardOfBook: (bookId) => shardsOfBooks.get(bookId) ?? asShardId(0),
      noteAsync,
      onReplies: (replies) => verdict.of(() => replies.forEach(onReply)),
      onServing(isClear) {
        tally.recoveries++;
        isRebuilt = true;
        // What was found bad was torn, or did not count.
        undoFlip = null;
        verdict.of(() => assert.ok(isClear, 'a state is rebuilt when the one before is gone'));
      },
      onEnd: (error) => onEnd(error, isFlipped),
    });
  }

  function onEnd(error: ProcessEnd, isFlipped: boolean): void {
    drop();
    if (isFlipped && error.exitCause === 'damaged') {
      tally.damages++;
      // As whoever restores the file from a copy.
      undoFlip?.();
      undoFlip = null;
      return;
    }
    tally.ends++;
    verdict.of(() => assert.equal(error.exitCause, 'fenced', error.message));
  }

  /** A bit of what was written last is flipped while nobody runs. */
  function flipBit(): void {
    if (undoFlip !== null) return;
    for (const process of processes) process.kill();
    drop();
    undoFlip = medium.flipBit();
    if (undoFlip !== null) tally.flips++;
  }

  /** Somebody gives a start the wrong directory, the wrong Redis or the wrong database. */
  function startWrongly(): void {
    const started = random.chance(0.5) ? startOn(strangeMedium, store) : startOn(medium, createStore());
    const cause = started.kind === 'refused' ? started.cause : 'started';
    assert.ok(cause === 'foreign' || cause === 'inUse', `stores of two installations: ${cause}`);
  }

  /** As a supervisor does. Until a lease is over, the start is refused. */
  function startAgain(): void {
    start();
    if (processes.length === 0) schedule.pass(random.below(RESTART_MS_MAX));
  }

  /** Takes note of who died: their callers hear nothing any more. */
  function drop(): void {
    processes = processes.filter((process) => process.isAlive());
    for (const [id, { asked, from }] of waiting) {
      if (from.isAlive()) continue;
      waiting.delete(id);
      judge.unheard(asked);
    }
  }

  function killOne(): void {
    if (processes.length === 0) return;
    tally.crashes++;
    random.pick(processes).kill();
    drop();
  }

  function cutPower(): void {
    tally.crashes++;
    for (const process of processes) process.kill();
    drop();
    medium.powerCut();
  }

  async function stopOne(): Promise<void> {
    const running = processes.filter((process) => !process.isPaused());
    if (running.length === 0) return;
    tally.stops++;
    const process = random.pick(running);
    let isStopped = false;
    void process.stop().then(() => {
      isStopped = true;
    });
    for (let left = STOP_STEPS_MAX; left > 0 && !isStopped && process.isAlive(); left--) await step();
    assert.ok(isStopped || !process.isAlive(), 'a stop comes to its end, whatever the medium does');
    // An upload that is still being staged breaks off.
    const left = [...waiting.values()].filter(({ from, asked }) => from === process && !isUpload(asked));
    assert.equal(left.length, 0, 'a stop leaves nobody without an answer');
    drop();
  }

  /**
   * The process stands still. Meanwhile its place may be taken, and it goes on as if nothing had
   * been.
   */
  function pauseOne(atStep: number): void {
    const process = processes.at(-1);
    if (process === undefined || process.isPaused() || resumeAt < Number.POSITIVE_INFINITY) return;
    tally.pauses++;
    process.pause();
    pausedMs = random.pick(PAUSES_MS);
    schedule.pass(pausedMs);
    resumeAt = atStep + random.below(ASIDE_STEPS_MAX);
    if (random.chance(0.7)) start();
  }

  function resumePaused(): void {
    resumeAt = Number.POSITIVE_INFINITY;
    // The machine slept, or the process alone stood still.
    const asleepMs = random.chance(0.3) ? pausedMs : 0;
    for (const process of processes) if (process.isPaused()) process.resume(asleepMs);
  }

  // ─── Callers ───────────────────────────────────────────────────────────────────────────────────────────────

  function takeTurn(): void {
    if (processes.length === 0) return;
    const process = random.pick(processes);
    const requests: ActorRequest[] = [];
    const taken: Asked[] = [];
    const put = (asked: Asked): void => {
      waiting.set(asked.id, { asked, from: process });
      taken.push(asked);
    };
    const line: Line = {
      ask(shard, command, origin) {
        const id = nextId++;
        put({ kind: 'command', id, shard, command, origin, upload: null, atMs: 0 });
        requests.push({ kind: 'command', to: 0, id, shard, command, origin });
        return id;
      },
      read(shard, query, twinOf) {
        const id = nextId++;
        put({ kind: 'query', id, shard, query, atMs: 0, twinOf, toldSeq: judge.toldSeq(shard) });
        requests.push({ kind: 'query', to: 0, id, shard, query });
      },
      upload: (shard, request) => upload(process, shard, request),
    };
    callers.takeTurn(line);
    process.deliver(requests, () => {
      const atMs = process.nowMs();
      for (const asked of taken) asked.atMs = atMs;
    });
  }

  /**
   * It waits under one id until it is staged, and under another one for the answer to its command.
   */
  function upload(process: SimProcess, shard: ShardId, request: UploadRequest): void {
    const { origin, bookId } = request;
    const id = nextId++;
    const command = { kind: 'archiveBook', bookId, ifVersion: null } as const;
    const asked = { kind: 'command', id, shard, command, origin, upload: request, atMs: 0 } as const;
    waiting.set(id, { asked, from: process });
    const refuse = (): void => {
      if (!waiting.delete(id)) return;
      verdict.of(() => judge.told(asked, { kind: 'unavailable', reason: 'recovering', retryAfterMs: 0 }));
    };
    process.upload(
      request,
      (staged) => {
        if (!waiting.delete(id)) return;
        const next = { ...asked, id: nextId++, command: staged.command, atMs: process.nowMs() };
        waiting.set(next.id, { asked: next, from: process, settle: staged.settle });
        const sent = { kind: 'command', to: 0, id: next.id, shard, command: staged.command, origin } as const;
        process.deliver([sent], () => undefined);
      },
      refuse,
    );
  }

  function onReply({ id, reply }: ActorReply): void {
    const request = waiting.get(id);
    assert.ok(request !== undefined, 'a request is answered once');
    waiting.delete(id);
    judge.told(request.asked, reply);
    if (reply.kind !== 'result') request.settle?.(reply);
  }

  // ─── The run ───────────────────────────────────────────────────────────────────────────────────────────────

  function check(): void {
    verdict.throw();
    judge.check();
  }

  /**
   * A process that was replaced may have decided something else under the same sequences: it will
   * never be durable.
   */
  function checkMemory(): void {
    isRebuilt = false;
    for (const process of processes) if (process.isOwner()) mirror.check(process);
  }

  /** What is due next, or a little time. */
  function pass(): void {
    if (!schedule.step(STEP_MS)) schedule.pass(1 + random.below(STEP_MS));
  }

  async function step(): Promise<void> {
    pass();
    if (isAsync) await quiet();
    check();
  }

  /** Recovery, staging and the disk await things that come at once here. */
  async function quiet(): Promise<void> {
    isAsync = false;
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Some step, by the seed. A stop takes many. */
  function act(at: number): Promise<void> | null {
    if (at >= resumeAt) resumePaused();
    const roll = random.below(400);
    if (roll >= 160) pass();
    else if (roll >= 62) takeTurn();
    else if (roll >= 14) for (const process of processes) process.project();
    else if (roll >= 9) for (const process of processes) process.sweep();
    else if (roll === 0) killOne();
    else if (roll === 1) cutPower();
    else if (roll === 2) return stopOne();
    else if (roll < 5) pauseOne(at);
    else if (roll === 5) medium.fillFor(random.below(FULL_MS_MAX));
    else if (roll === 6) startWrongly();
    else if (roll === 7) flipBit();
    else processes.at(-1)?.stepClock(random.below(2 * CLOCK_STEP_MS) - CLOCK_STEP_MS);
    return null;
  }

  start();
  for (let at = 0; at < steps; at++) {
    const stopping = act(at);
    if (stopping !== null) await stopping;
    if (isAsync) await quiet();
    check();
    if (processes.length === 0) startAgain();
    if (isRebuilt || random.chance(MIRROR_RATE)) checkMemory();
  }

  faults = 0;
  medium.heal();
  resumePaused();
  for (let calm = 0; calm < 5000 && (waiting.size > 0 || calm < 50); calm++) {
    await step();
    if (processes.length === 0) startAgain();
  }
  assert.equal(waiting.size, 0, 'everyone is answered once the medium is well');
  checkMemory();
  check();
  return { ...tally, ...judge.tally };
}

function isUpload(asked: Asked): boolean {
  return asked.kind === 'command' && asked.upload !== null;
}

/**
 * The actor: one thread's shards, from the mailbox to the answer.
 *
 *     requests ─▶ decide ─▶ apply ─▶ collect ───────────▶ one commit ─▶ journal ─▶ durable ─▶ release the replies
 *                 in memory, at once   until the turn ends,   one entry per shard     in order
 *                                      or a commit slot is free
 *
 * A decision changes memory at once, so the next request sees it. But no reply leaves before the
 * journal has everything that the reply could depend on: refusals and reads wait for the commit of
 * their turn, as successes do.
 *
 * When a commit fails, memory is ahead of the durable state by an unknown amount. The actor then
 * answers nothing, drops its memory, takes its shards over again and rebuilds them from the
 * snapshot and the journal. Failed commits that the journal turns out to have are answered as done;
 * the others get 503, and have no effect. The alternative, undoing changes in memory, would need an
 * inverse of every event that is correct in every case and tested only by rare faults.
 */
import type { StagedBatch } from '../domain/command.js';
import type { Change } from '../domain/event.js';
import type { Seq, ShardId } from '../domain/ids.js';
import type { Random } from '../domain/random.js';
import type { CommandReply, QueryReply, Unavailable } from '../engine/engine.js';
import { createKeyKeeper, type KeyKeeper } from '../engine/key-memory.js';
import { type ActorReply, type ActorRequest, batchOf, refused, unavailable } from '../engine/requests.js';
import { expireLeases, nextLeaseEndMs } from '../features/coupons/lock.js';
import { Prefetch } from '../features/coupons/prefetch.js';
import { type DigestPart, type DigestReport, DigestWalk, digest } from '../features/digest.js';
import { type Fact, factsOf } from '../features/facts.js';
import { query } from '../features/query.js';
import { apply, decide } from '../features/rules.js';
import type { ShardState } from '../features/shard-state.js';
import { type Entry, type Journal, JournalFenced, type JournalWriter } from '../journal/journal.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import type { SnapshotLoader } from '../postgres/store.js';
import { encodeEntries } from './entries.js';
import { type RecoveryOptions, recover, stageBatch } from './recovery.js';
import { tryUntilDone } from './recovery-failure.js';

export interface ActorOptions {
  readonly shards: readonly ShardId[];
  readonly journal: Journal;
  readonly loader: SnapshotLoader;
  readonly state: RecoveryOptions['state'];
  readonly clock: RecoveryOptions['clock'];
  readonly random: Random;
  /** Adds codes to the directory; resolves when all routers can find them. */
  readonly publishCodes: RecoveryOptions['publishCodes'];
  readonly refill?: RecoveryOptions['refill'];
  readonly directoryKey: RecoveryOptions['directoryKey'];
  /** Replies of one turn, in the order in which they were released. */
  readonly send: (replies: readonly ActorReply[]) => void;
  /** Calls back when the current turn has taken everything that was there. */
  readonly defer: (work: () => void) => void;
  readonly after: RecoveryOptions['after'];
  readonly acceptedLosses?: RecoveryOptions['acceptedLosses'];
  /** Frees unreferenced memory, which could otherwise stay for hours (tables/memory.ts). */
  readonly collect: () => void;
  readonly log: RecoveryOptions['log'];
  /** Called at every change of the actor's status. */
  readonly onStatus: (status: ActorStatus) => void;
  /** Called at most once, when the shards can't be recovered. The actor has stopped by then. */
  readonly onEnd: (end: ProcessEnd) => void;
}

export type ActorStatus = 'recovering' | 'serving' | 'stopped';

const LEASE_TIMER_MS_MAX = 1000;
/** How long a stop waits for commits under way, and for a recovery that has callers waiting. */
const DRAIN_MS_MAX = 5000;
/** Codes in a step of a digest: about a millisecond. */
const DIGEST_STEP = 2_000;
/** Codes that get their places in one turn: about a tenth of a millisecond. */
const SETTLE_STEP = 4_000;

interface Reply {
  readonly shard: ShardId;
  /** Sequence that has to be durable before the reply may leave. */
  readonly seq: Seq;
  readonly message: ActorReply;
}

interface Commit {
  readonly entries: readonly Entry[];
  readonly replies: Reply[];
}

export interface Actor {
  /** Takes over the shards. Resolves when it serves, or when it has ended (`onEnd`). */
  start(): Promise<void>;
  deliver(requests: readonly ActorRequest[]): void;
  /** Entries through the checkpoint are in the snapshot. */
  trim(checkpoints: (shard: ShardId) => Seq): void;
  inspect(): readonly { shard: ShardId; seq: Seq; bytes: number; codes: number; digest: string }[];
  /** Digest of this moment, taken in steps, one at a time. Rejects if the shard is rebuilt. */
  digestOf(shard: ShardId): Promise<DigestReport>;
  /** Another process has the shards, or the right to them: nothing more is acknowledged. */
  yield(reason: string): void;
  /** As they are now. */
  factsOf(shard: ShardId, part: DigestPart): readonly Fact[];
  readonly keys: KeyKeeper;
  /**
   * Finishes accepted requests, waiting at most `DRAIN_MS_MAX` for the journal, then closes it.
   */
  stop(): Promise<void>;
}

export function createActor(options: ActorOptions): Actor {
  const { random, send, log } = options;
  const nowMs = (): number => options.clock.now();
  const prefetch = new Prefetch(random);
  let status: ActorStatus = 'recovering';
  let states = new Map<ShardId, ShardState>();
  let writer: JournalWriter | null = null;
  /** Grows with every recovery, so that older work can detect that it is out of date. */
  let generation = 0;

  let changes = new Map<ShardId, Change[]>();
  let replies: Reply[] = [];
  let flushAsked = false;
  const inFlight: Commit[] = [];
  /** In flight when the journal failed; a recovery will tell which of them are durable. */
  let unresolved: readonly Commit[] = [];
  const durable = new Map<ShardId, Seq>();
  const idle: (() => void)[] = [];
  /** Batches being loaded into the memory of this generation. */
  let staging = new Map<number, Promise<void>>();
  let leaseTimerMs = Number.POSITIVE_INFINITY;
  let isSettling = false;
  const keys = createKeyKeeper({ states: () => states.values(), nowMs, defer: options.defer });

  // ─── A turn: decide, apply, collect ────────────────────────────────────────────────────────────────────────

  function deliver(requests: readonly ActorRequest[]): void {
    const now = nowMs();
    if (requests.length > 1 && status === 'serving') prefetchFor(requests);
    // Refusals, replays and reads are answered from memory, without an append that proves that this
    // process still owns the shards. Ownership is checked once for all: these requests were made
    // before now, so a later takeover counts as one after their answers.
    const isOwner = writer?.ownership?.isSure() !== false;
    for (const request of requests) {
      const refusal = isOwner ? refuseNow(request) : unavailable('recovering', 1000);
      if (refusal !== null) {
        send([refused(request, refusal)]);
        continue;
      }
      const state = stateOf(request.shard);
      if (request.kind === 'query') answerQuery(state, request, now);
      else {
        expireDue(state, now);
        runCommand(state, request, now);
      }
    }
    askFlush();
  }

  function prefetchFor(requests: readonly ActorRequest[]): void {
    for (const request of requests)
      if (request.kind === 'command') prefetch.expect(stateOf(request.shard).coupons, request.command);
    prefetch.run();
  }

  function refuseNow(request: ActorRequest): Unavailable | null {
    if (status === 'stopped') return unavailable('draining', 1000);
    if (status === 'recovering' || writer === null) return unavailable('recovering', 1000);
    if (request.kind === 'command' && !writer.hasRoom()) {
      return writer.isAway?.() === true ? unavailable('recovering', 1000) : unavailable('noRoom', 2000);
    }
    return null;
  }

  function runCommand(state: ShardState, request: Extract<ActorRequest, { kind: 'command' }>, now: number): void {
    const { to, id, shard, command, origin } = request;
    const verdict = decide(state, command, origin, now, random);
    switch (verdict.kind) {
      case 'change': {
        record(state, verdict.change);
        if (batchOf(command) !== null) settleSoon();
        const { outcome } = verdict;
        const reply: CommandReply = { kind: 'done', outcome, shard, seq: state.seq, replayed: false };
        hold(shard, state.seq, { to, id, command, reply });
        return;
      }
      case 'refused': {
        if (verdict.reason === 'idempotencyMemoryFull') keys.noteRefusal();
        const batch = batchOf(command);
        if (batch !== null && verdict.reason === 'batchUnknown' && state.coupons.openBatches.has(batch.batchId)) {
          stageThenRun(batch, request);
          return;
        }
        if (batch !== null && !staging.has(batch.batchId)) state.coupons.unstage(batch.batchId);
        hold(shard, state.seq, { to, id, command, reply: verdict });
        return;
      }
      case 'unchanged':
      case 'replay': {
        const { outcome, seq } = verdict;
        const batch = batchOf(command);
        if (batch !== null && !staging.has(batch.batchId)) state.coupons.unstage(batch.batchId);
        const replayed = verdict.kind === 'replay';
        hold(shard, state.seq, { to, id, command, reply: { kind: 'done', outcome, shard, seq, replayed } });
      }
    }
  }

  /** Loads the codes of a batch from the store while others are served, then decides. */
  function stageThenRun(batch: StagedBatch, request: Extract<ActorRequest, { kind: 'command' }>): void {
    const begun = generation;
    const { shard } = request;
    stageOnce(stateOf(shard), batch).then(
      () => {
        if (generation === begun && status === 'serving') {
          runCommand(stateOf(shard), request, nowMs());
          askFlush();
        } else send([refused(request, unavailable('recovering', 1000))]);
      },
      (error: unknown) => {
        log.error({ err: error, batchId: batch.batchId }, 'the codes of a batch could not be loaded');
        send([refused(request, unavailable('recovering', 2000))]);
      },
    );
  }

  /** A batch is loaded once, even if many requests name it. */
  function stageOnce(state: ShardState, batch: StagedBatch): Promise<void> {
    const underWay = staging.get(batch.batchId);
    if (underWay !== undefined) return underWay;
    const mine = staging;
    const loading = stageBatch(state, options, state.options.shard, batch, undefined)
      .catch((error: unknown) => {
        state.coupons.unstage(batch.batchId);
        throw error;
      })
      .finally(() => mine.delete(batch.batchId));
    staging.set(batch.batchId, loading);
    return loading;
  }

  function answerQuery(state: ShardState, request: Extract<ActorRequest, { kind: 'query' }>, now: number): void {
    const { to, id, shard } = request;
    // Announcing the end of a lease needs room in the journal. A read does not: it compares leases
    // with the clock.
    if (writer?.hasRoom() === true) expireDue(state, now);
    const result = query(state, request.query, now);
    const reply: QueryReply =
      result.kind === 'refused' ? result : { kind: 'result', result, shard, durableSeq: state.seq };
    hold(shard, state.seq, { to, id, command: null, reply });
  }

  function expireDue(state: ShardState, now: number): void {
    for (let change = expireLeases(state.coupons, now); change !== null; change = expireLeases(state.coupons, now))
      record(state, change);
  }

  function record(state: ShardState, change: Change): void {
    apply(state, change);
    const { shard } = state.options;
    const list = changes.get(shard);
    if (list === undefined) changes.set(shard, [change]);
    else list.push(change);
  }

  /** Finishes large batches that went live, in steps, while others are served. */
  function settleSoon(): void {
    if (isSettling) return;
    isSettling = true;
    options.defer(function step() {
      isSettling = false;
      for (const state of states.values()) if (state.coupons.finishLoading(SETTLE_STEP)) isSettling = true;
      if (isSettling) options.defer(step);
    });
  }

  function hold(shard: ShardId, seq: Seq, message: ActorReply): void {
    replies.push({ shard, seq, message });
  }

  // ─── Commits ───────────────────────────────────────────────────────────────────────────────────────────────

  function askFlush(): void {
    if (flushAsked) return;
    flushAsked = true;
    options.defer(() => {
      flushAsked = false;
      flush();
    });
  }

  function flush(): void {
    if (status === 'recovering' || writer === null) return;
    armLeaseTimer();
    if (changes.size === 0) {
      releaseReads();
      return;
    }
    if (inFlight.length >= writer.inFlightMax) return;
    // A small commit costs the disk as much as a large one. So while another commit is in flight,
    // this one waits until it is as large, or until the other one is durable.
    const last = inFlight.at(-1);
    if (last !== undefined && replies.length < last.replies.length) return;
    const commit: Commit = { entries: encodeEntries(changes), replies };
    changes = new Map();
    replies = [];
    inFlight.push(commit);
    const begun = generation;
    writer.append(commit.entries, (error) => {
      if (generation !== begun) return;
      if (error !== null) fail(error);
      else committed(commit);
    });
  }

  /** Nothing new was decided: waiting replies depend only on commits in flight. */
  function releaseReads(): void {
    const last = inFlight.at(-1);
    if (last !== undefined) {
      last.replies.push(...replies);
      replies = [];
    } else release();
  }

  function release(): void {
    if (replies.length > 0) send(replies.map(({ message }) => message));
    replies = [];
    if (!isBusy()) for (const call of idle.splice(0)) call();
  }

  /** Some caller waits for the journal. */
  function isBusy(): boolean {
    return changes.size > 0 || inFlight.length > 0 || replies.length > 0 || unresolved.length > 0;
  }

  function committed(commit: Commit): void {
    if (inFlight.shift() !== commit) throw new Error('the journal completed commits out of order');
    for (const { shard, lastSeq } of commit.entries) durable.set(shard, lastSeq);
    if (commit.replies.length > 0) send(commit.replies.map(({ message }) => message));
    flush();
  }

  // ─── Recovery ──────────────────────────────────────────────────────────────────────────────────────────────

  function fail(error: Error): void {
    generation++;
    // Commits of an earlier failure may still wait for a recovery.
    unresolved = [...unresolved, ...inFlight.splice(0)];
    // Changes decided after a failed commit, but in no commit themselves, never reached the
    // journal.
    const undecided = replies;
    replies = [];
    changes = new Map();
    writer = null;
    sendRefused(undecided, unavailable('recovering', 1000));
    if (error instanceof JournalFenced) yieldShards(error);
    else {
      log.error({ err: error }, 'the journal failed; the shards are rebuilt from what is durable');
      setStatus('recovering');
      void recoverUntilDone();
    }
  }

  /**
   * Another process has taken the shards over. Taking them back would start a fight between the
   * two.
   */
  function yieldShards(error: JournalFenced): void {
    setStatus('stopped');
    giveUpUnresolved();
    const line = `another process has taken over: ${error.message}; this one ends`;
    options.onEnd(new ProcessEnd('fenced', line, { cause: error }));
  }

  /** This process can't learn any more whether these are durable. */
  function giveUpUnresolved(): void {
    const waiting = unresolved.flatMap((commit) => commit.replies);
    unresolved = [];
    sendRefused(waiting, unavailable('outcomeUnknown', 1000));
  }

  function sendRefused(waiting: readonly Reply[], reply: Unavailable): void {
    if (waiting.length > 0) send(waiting.map(({ message }) => refused(message, reply)));
  }

  async function recoverUntilDone(): Promise<void> {
    const attempt = async (): Promise<void> => {
      await recoverOnce();
      resolve();
      release();
    };
    const error = await tryUntilDone({ attempt, isOver: isStopped, after: options.after, log });
    if (error === null || isStopped()) return;
    if (error.cause instanceof JournalFenced && durable.size > 0) yieldShards(error.cause);
    else giveUp(error);
  }

  function giveUp(end: ProcessEnd): void {
    options.onEnd(end);
    setStatus('stopped');
    giveUpUnresolved();
  }

  // A call, because the compiler assumes that `status` does not change meanwhile.
  const isStopped = (): boolean => status === 'stopped';

  async function recoverOnce(): Promise<void> {
    const isRebuilt = states.size > 0;
    states = new Map();
    staging = new Map();
    if (isRebuilt) options.collect();
    const recovered = await recover(options, durable);
    if (isStopped()) {
      await recovered.writer.close();
      throw new Error('stopped meanwhile');
    }
    states = recovered.states;
    writer = recovered.writer;
    const begun = generation;
    writer.ownership?.onEnd((error) => {
      if (generation === begun) fail(error);
    });
    for (const [shard, state] of states) durable.set(shard, state.seq);
    if (status === 'recovering') setStatus('serving');
    armLeaseTimer();
    settleSoon();
  }

  /** Answers what was in flight when the journal failed: now it is known what is durable. */
  function resolve(): void {
    const resolved = unresolved.flatMap(({ replies: waiting }) =>
      waiting.map(({ shard, seq, message }): ActorReply => {
        if (seq <= (durable.get(shard) ?? 0)) return message;
        return refused(message, unavailable('recovering', 1000));
      }),
    );
    unresolved = [];
    if (resolved.length > 0) send(resolved);
  }

  // ─── Leases, and the rest ──────────────────────────────────────────────────────────────────────────────────

  /** Leases end by themselves; the timer only announces it when no request comes. */
  function armLeaseTimer(): void {
    const now = nowMs();
    let firstMs = Number.POSITIVE_INFINITY;
    for (const state of states.values()) firstMs = Math.min(firstMs, nextLeaseEndMs(state.coupons) ?? firstMs);
    if (firstMs >= leaseTimerMs) return;
    leaseTimerMs = firstMs;
    options.after(Math.min(Math.max(firstMs - now, 1), LEASE_TIMER_MS_MAX), () => {
      leaseTimerMs = Number.POSITIVE_INFINITY;
      if (status !== 'serving' || writer === null) return;
      if (writer.hasRoom()) for (const state of states.values()) expireDue(state, nowMs());
      flush();
    });
  }

  function stateOf(shard: ShardId): ShardState {
    const state = states.get(shard);
    if (state === undefined) throw new Error(`shard ${shard} is not in this thread`);
    return state;
  }

  async function digestOf(shard: ShardId): Promise<DigestReport> {
    if (status !== 'serving') throw new Error(`shard ${shard} does not serve`);
    const state = stateOf(shard);
    if (state.coupons.observer !== null) throw new Error(`a digest of shard ${shard} is being taken already`);
    const walk = new DigestWalk(state, nowMs());
    state.coupons.observer = walk;
    try {
      while (!walk.step(DIGEST_STEP)) {
        await new Promise<void>((resolve) => options.defer(resolve));
        if (states.get(shard) !== state) throw new Error(`shard ${shard} was rebuilt meanwhile`);
      }
      return walk.report();
    } finally {
      state.coupons.observer = null;
    }
  }

  function setStatus(next: ActorStatus): void {
    status = next;
    options.onStatus(next);
  }

  return {
    deliver,
    start: recoverUntilDone,
    trim(checkpoints) {
      for (const shard of options.shards) writer?.trim(shard, checkpoints(shard));
    },
    inspect() {
      return [...states].map(([shard, state]) => ({
        shard,
        seq: state.seq,
        bytes: state.bytes(),
        codes: state.coupons.codes.strings.count,
        digest: digest(state, nowMs()),
      }));
    },
    keys,
    digestOf,
    factsOf: (shard, part) => factsOf(stateOf(shard), part),
    yield(reason) {
      if (!isStopped()) fail(new JournalFenced(reason));
    },
    async stop() {
      if (status !== 'stopped' && isBusy()) {
        await new Promise<void>((done) => {
          idle.push(done);
          options.after(DRAIN_MS_MAX, done);
          askFlush();
        });
      }
      generation++;
      const undecided = replies;
      replies = [];
      changes = new Map();
      unresolved = [...unresolved, ...inFlight.splice(0)];
      sendRefused(undecided, unavailable('draining', 1000));
      giveUpUnresolved();
      setStatus('stopped');
      await writer?.close();
    },
  };
}

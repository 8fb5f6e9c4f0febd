/**
 * The actor: one thread's shards, from the mailbox to the answer.
 *
 *     requests ─▶ turn.ts: decide, apply ─▶ one commit ─▶ journal ─▶ durable ─▶ commits.ts: release the replies
 *                 in memory, at once        one entry per shard                  in order
 *
 *     recovering ─▶ serving ─▶ the journal fails ─▶ recovering ─▶ …
 *         └────────────┴─▶ stopped: asked to, replaced by another process, or not recoverable
 *
 * turn.ts decides, commits.ts knows what is durable, and this file connects them to the journal.
 * No reply leaves before the journal has everything that the reply could depend on: refusals and
 * reads wait for the commit of their turn, as successes do.
 *
 * When a commit fails, memory is ahead of the durable state by an unknown amount. The actor then
 * answers nothing, drops its memory, takes its shards over again and rebuilds them from the
 * snapshot and the journal. Failed commits that the journal turns out to have are answered as done;
 * the others get 503, and have no effect. The alternative, undoing changes in memory, would need an
 * inverse of every event that is correct in every case and tested only by rare faults.
 */
import type { Seq, ShardId } from '../domain/ids.js';
import type { Random } from '../domain/random.js';
import type { Unavailable } from '../engine/engine.js';
import { createKeyKeeper, type KeyKeeper } from '../engine/key-memory.js';
import { type ActorReply, type ActorRequest, refused, unavailable } from '../engine/requests.js';
import { type DigestPart, type DigestReport, DigestWalk, digest } from '../features/digest.js';
import { nextEndMs } from '../features/expiry.js';
import { type Fact, factsOf } from '../features/facts.js';
import type { ShardState } from '../features/shard-state.js';
import { type Journal, JournalFenced, type JournalWriter } from '../journal/journal.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import type { SnapshotLoader } from '../postgres/store.js';
import { createBatchLoading } from './batch-loading.js';
import { type Commit, Commits } from './commits.js';
import { encodeEntries } from './entries.js';
import { type RecoveryOptions, recover } from './recovery.js';
import { tryUntilDone } from './recovery-failure.js';
import { type Lacking, stateOf, Turn } from './turn.js';

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
  /** Frees unreferenced memory, which could otherwise stay for hours (platform/collector.ts). */
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
/** Codes that get their places in one step: about a tenth of a millisecond. */
const LOADING_STEP = 4_000;

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
  const { send, log } = options;
  const nowMs = (): number => options.clock.now();
  let status: ActorStatus = 'recovering';
  let states = new Map<ShardId, ShardState>();
  let writer: JournalWriter | null = null;
  /** Grows with every recovery, so that older work can detect that it is out of date. */
  let generation = 0;
  const batchLoading = createBatchLoading(options);
  const turn = new Turn(options.random, batchLoading.isLoading);
  const commits = new Commits();
  let isFlushAsked = false;
  let isFinishing = false;
  let leaseTimerMs = Number.POSITIVE_INFINITY;
  /** Called when nothing waits for the journal any more. */
  const onIdle: (() => void)[] = [];
  const keys = createKeyKeeper({ states: () => states.values(), nowMs, defer: options.defer });

  // ─── The mailbox ───────────────────────────────────────────────────────────────────────────────────────────

  function deliver(requests: readonly ActorRequest[]): void {
    if (status !== 'serving' || writer === null) {
      refuseAll(requests, unavailable(status === 'stopped' ? 'draining' : 'recovering', 1000));
      return;
    }
    // Refusals, replays and reads are answered from memory, without an append that proves that this
    // process still owns the shards. Ownership is checked once for all: these requests were made
    // before now, so a later takeover counts as one after their answers.
    if (writer.ownership?.isSure() === false) {
      refuseAll(requests, unavailable('recovering', 1000));
      return;
    }
    if (writer.hasRoom()) turn.run(states, requests, nowMs(), true);
    else {
      // This refusal depends on no change, so it leaves at once.
      refuseAll(
        requests.filter(({ kind }) => kind === 'command'),
        writer.isAway?.() === true ? unavailable('recovering', 1000) : unavailable('noRoom', 2000),
      );
      const queries = requests.filter(({ kind }) => kind === 'query');
      turn.run(states, queries, nowMs(), false);
    }
    followUp();
    askFlush();
  }

  /** Does what the turn could not do without I/O. */
  function followUp(): void {
    if (turn.hasNewBatches) {
      turn.hasNewBatches = false;
      finishLoadingSoon();
    }
    if (turn.keyRefusals > 0) {
      keys.noteRefusals(turn.keyRefusals);
      turn.keyRefusals = 0;
    }
    for (const lacking of turn.takeLacking()) loadThenDecide(lacking);
  }

  /** Loads the codes of a batch from PostgreSQL while others are served, then decides. */
  function loadThenDecide({ request, batch }: Lacking): void {
    const begun = generation;
    const { shard } = request;
    batchLoading.load(stateOf(states, shard), batch, request.command.kind === 'createPromotion').then(
      () => {
        if (generation === begun && status === 'serving') {
          turn.decide(stateOf(states, shard), request, nowMs());
          followUp();
          askFlush();
        } else refuseAll([request], unavailable('recovering', 1000));
      },
      (error: unknown) => {
        log.error({ err: error, batchId: batch.batchId }, 'the codes of a batch could not be loaded');
        refuseAll([request], unavailable('recovering', 2000));
      },
    );
  }

  /** Finishes loading large batches that went live, in steps, while others are served. */
  function finishLoadingSoon(): void {
    if (isFinishing) return;
    isFinishing = true;
    options.defer(function step() {
      isFinishing = false;
      for (const state of states.values()) if (state.coupons.finishLoading(LOADING_STEP)) isFinishing = true;
      if (isFinishing) options.defer(step);
    });
  }

  /** To requests, or to their held replies: each knows whom to answer. */
  function refuseAll(waiting: readonly { readonly to: number; readonly id: number }[], reply: Unavailable): void {
    if (waiting.length > 0) send(waiting.map((one) => refused(one, reply)));
  }

  // ─── Commits ───────────────────────────────────────────────────────────────────────────────────────────────

  function askFlush(): void {
    if (isFlushAsked) return;
    isFlushAsked = true;
    options.defer(() => {
      isFlushAsked = false;
      flush();
    });
  }

  function flush(): void {
    if (status === 'recovering' || writer === null) return;
    armLeaseTimer();
    if (!turn.hasChanges) {
      // Nothing new was decided: these replies depend on commits in flight only.
      const replies = turn.takeReplies();
      if (commits.attach(replies)) return;
      if (replies.length > 0) send(replies);
      noteIdle();
      return;
    }
    if (!commits.mayBegin(turn.replyCount, writer.inFlightMax)) return;
    const { changes, replies } = turn.take();
    const commit = commits.begin(encodeEntries(changes), replies);
    const begun = generation;
    writer.append(commit.entries, (error) => {
      if (generation !== begun) return;
      if (error !== null) fail(error);
      else landed(commit);
    });
  }

  function landed(commit: Commit): void {
    commits.land(commit);
    if (commit.replies.length > 0) send(commit.replies);
    flush();
  }

  function noteIdle(): void {
    if (!isBusy()) for (const call of onIdle.splice(0)) call();
  }

  /** Some caller waits for the journal. */
  function isBusy(): boolean {
    return turn.hasChanges || turn.replyCount > 0 || !commits.isEmpty;
  }

  // ─── The end of a writer, and recovery ─────────────────────────────────────────────────────────────────────

  function fail(error: Error): void {
    writer = null;
    endCommits(unavailable('recovering', 1000));
    if (error instanceof JournalFenced) yieldShards(error);
    else {
      log.error({ err: error }, 'the journal failed; the shards are rebuilt from what is durable');
      setStatus('recovering');
      void recoverUntilDone();
    }
  }

  /** Replies that are in no commit are refused: the journal never got their changes. */
  function endCommits(reply: Unavailable): void {
    generation++;
    commits.fail();
    refuseAll(turn.take().replies, reply);
  }

  /**
   * Another process has taken the shards over. Taking them back would start a fight between the
   * two.
   */
  function yieldShards(error: JournalFenced): void {
    setStatus('stopped');
    abandonCommits();
    const line = `another process has taken over: ${error.message}; this one ends`;
    options.onEnd(new ProcessEnd('fenced', line, { cause: error }));
  }

  function giveUp(end: ProcessEnd): void {
    options.onEnd(end);
    setStatus('stopped');
    abandonCommits();
  }

  function abandonCommits(): void {
    refuseAll(commits.abandon(), unavailable('outcomeUnknown', 1000));
  }

  async function recoverUntilDone(): Promise<void> {
    const attempt = async (): Promise<void> => {
      await recoverOnce();
      const resolved = commits.resolve();
      if (resolved.length > 0) send(resolved);
      noteIdle();
    };
    const error = await tryUntilDone({ attempt, isOver: isStopped, after: options.after, log });
    if (error === null || isStopped()) return;
    if (error.cause instanceof JournalFenced && commits.durable.size > 0) yieldShards(error.cause);
    else giveUp(error);
  }

  // A call, because the compiler assumes that `status` does not change meanwhile.
  const isStopped = (): boolean => status === 'stopped';

  async function recoverOnce(): Promise<void> {
    const isRebuilt = states.size > 0;
    states = new Map();
    batchLoading.reset();
    if (isRebuilt) options.collect();
    const recovered = await recover(options, commits.durable);
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
    for (const [shard, state] of states) commits.recovered(shard, state.seq);
    if (status === 'recovering') setStatus('serving');
    armLeaseTimer();
    finishLoadingSoon();
  }

  function setStatus(next: ActorStatus): void {
    status = next;
    options.onStatus(next);
  }

  // ─── Leases, and the rest ──────────────────────────────────────────────────────────────────────────────────

  /** Leases end by themselves; the timer only announces it when no request comes. */
  function armLeaseTimer(): void {
    const now = nowMs();
    let firstMs = Number.POSITIVE_INFINITY;
    for (const state of states.values()) firstMs = Math.min(firstMs, nextEndMs(state) ?? firstMs);
    if (firstMs >= leaseTimerMs) return;
    leaseTimerMs = firstMs;
    options.after(Math.min(Math.max(firstMs - now, 1), LEASE_TIMER_MS_MAX), () => {
      leaseTimerMs = Number.POSITIVE_INFINITY;
      if (status !== 'serving' || writer === null) return;
      if (writer.hasRoom()) for (const state of states.values()) turn.expire(state, nowMs());
      flush();
    });
  }

  async function digestOf(shard: ShardId): Promise<DigestReport> {
    if (status !== 'serving') throw new Error(`shard ${shard} does not serve`);
    const state = stateOf(states, shard);
    if (state.coupons.observer !== null) throw new Error(`a digest of shard ${shard} is being taken already`);
    const walk = new DigestWalk(state, nowMs());
    state.coupons.observer = walk;
    state.promotions.observer = walk;
    state.flash.observer = walk;
    try {
      while (!walk.step(DIGEST_STEP)) {
        await new Promise<void>((resolve) => options.defer(resolve));
        if (states.get(shard) !== state) throw new Error(`shard ${shard} was rebuilt meanwhile`);
      }
      return walk.report();
    } finally {
      state.coupons.observer = null;
      state.promotions.observer = null;
      state.flash.observer = null;
    }
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
    factsOf: (shard, part) => factsOf(stateOf(states, shard), part),
    yield(reason) {
      if (!isStopped()) fail(new JournalFenced(reason));
    },
    async stop() {
      if (!isStopped() && isBusy()) {
        await new Promise<void>((done) => {
          onIdle.push(done);
          options.after(DRAIN_MS_MAX, done);
          askFlush();
        });
      }
      endCommits(unavailable('draining', 1000));
      abandonCommits();
      setStatus('stopped');
      await writer?.close();
    },
  };
}

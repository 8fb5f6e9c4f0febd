/**
 * One server process of the simulation: the real actor on a host of its own, with its connections
 * and its projector.
 */

import { createClock } from '../../src/compose/clock.js';
import { judgeStores } from '../../src/compose/judge-stores.js';
import { asSeq, type BookId, type ShardId } from '../../src/domain/ids.js';
import type { StateOptions } from '../../src/domain/kernel.js';
import { NO_DIRECTORY } from '../../src/engine/directory.js';
import type { CommandReply, Engine, QueryReply } from '../../src/engine/engine.js';
import type { ActorReply, ActorRequest } from '../../src/engine/requests.js';
import { JournalFenced, type JournalReader } from '../../src/journal/journal.js';
import { type ExitCause, ProcessEnd } from '../../src/platform/exit-codes.js';
import { type Actor, createActor } from '../../src/shard/actor.js';
import { createSimControl, type Staged, type UploadRequest } from './control.js';
import { createHost } from './host.js';
import type { Lock, Medium } from './medium.js';
import type { Schedule } from './schedule.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimStore } from './sim-store.js';
import type { Truth } from './truth.js';

export interface SimProcess {
  readonly actor: Actor;
  /** The clock of its shards, now. */
  nowMs(): number;
  isAlive(): boolean;
  isPaused(): boolean;
  isServing(): boolean;
  /** Nobody has opened its journal since. */
  isOwner(): boolean;
  /** A paused process takes it when it is resumed. `taken` is called at that moment. */
  deliver(requests: readonly ActorRequest[], taken: () => void): void;
  pause(): void;
  resume(asleepMs: number): void;
  stepClock(ms: number): void;
  kill(): void;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  /**
   * Codes are staged; `ask` sends the command that makes them live. `refuse`: it did not come to
   * that.
   */
  upload(request: UploadRequest, ask: (staged: Staged) => void, refuse: () => void): void;
  /** A round of its projector. */
  project(): void;
  /** The journal is trimmed behind the snapshot, and keys that have ended are forgotten. */
  sweep(): void;
}

export interface SimProcessOptions {
  readonly shards: readonly ShardId[];
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  readonly medium: Medium;
  readonly truth: Truth;
  readonly store: SimStore;
  readonly state: Omit<StateOptions, 'shard'>;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly noteAsync: () => void;
  readonly onReplies: (replies: readonly ActorReply[]) => void;
  /** It serves, for the first time or again. `isClear`: nothing was left of the memory before. */
  readonly onServing: (isClear: boolean) => void;
  /** It has ended by itself. */
  readonly onEnd: (error: ProcessEnd) => void;
}

/** Whom to answer: the callers are 0. */
const TO_CONTROL = 1;
/** Of the lock and of the lease in PostgreSQL. */
const HEARTBEAT_MS = 2_000;

export type Start =
  | { readonly kind: 'started'; readonly process: SimProcess }
  /** Nothing was taken over. */
  | { readonly kind: 'refused'; readonly cause: ExitCause };

/** Starts as the server does (src/compose/installation.ts). */
export function startProcess(options: SimProcessOptions): Start {
  const { shards, random, medium, truth, store } = options;
  const host = createHost(options.schedule, options.noteAsync);
  const lock = medium.lock(host);
  if (lock === null) return { kind: 'refused', cause: 'inUse' };
  const database = store.facts();
  const verdict = judgeStores({ journal: medium.facts(), database, endedHolder: lock.ended });
  if (verdict.kind === 'refuse') {
    host.kill();
    medium.left(host, true);
    return { kind: 'refused', cause: verdict.cause };
  }
  const id = verdict.kind === 'takeOver' ? verdict.id : 'this installation';
  store.claim(host, id, lock.id);
  medium.stamp(id);
  store.noteJournal(medium.name);
  const journal = truth.watch(medium.open(host, lock), host);
  beat(lock);
  const clock = createClock(host.wallMs, host.monotonicMs);
  let isServing = false;
  let isStopping = false;
  let isClear = true;
  let reader: JournalReader | null = null;
  let isProjecting = false;
  let hasServed = false;
  /** Of the control's own requests. */
  const asked = new Map<number, (reply: ActorReply['reply']) => void>();
  let askedCount = 0;
  const control = createSimControl({
    host,
    engine: createEngine(),
    codes: store.codes,
    shards,
    keyTtlMs: options.state.idempotencyTtlMs,
    nowMs: () => clock.now(),
  });

  const actor = createActor({
    shards,
    journal,
    loader: store.loaderFor(host),
    state: options.state,
    clock,
    random,
    directoryKey: NO_DIRECTORY,
    publishCodes: async () => {},
    send: (replies) => {
      if (!host.isAlive()) return;
      const own = replies.filter(({ to }) => to === TO_CONTROL);
      for (const reply of own) answerControl(reply);
      if (own.length < replies.length) options.onReplies(replies.filter(({ to }) => to !== TO_CONTROL));
    },
    collect: () => {
      isClear = true;
    },
    defer: (work) => host.after(0, work),
    after: host.after,
    log: { info() {}, error() {} },
    onEnd: end,
    onStatus: (status) => {
      if (!host.isAlive()) return;
      isServing = status === 'serving';
      if (!isServing) return;
      options.onServing(isClear);
      isClear = false;
      if (!hasServed) control.begin();
      hasServed = true;
    },
  });
  host.noteAsync();
  actor.start().catch((error: unknown) => end(endOf(error)));

  /** The main thread's way to the shards. */
  function createEngine(): Engine {
    const send = (request: ActorRequest, reply: (reply: ActorReply['reply']) => void): void => {
      asked.set(request.id, reply);
      host.after(0, () => actor.deliver([request]));
    };
    const never = (): never => {
      throw new Error('the control does not ask that');
    };
    return {
      shardCount: shards.length,
      shardOfBook: options.shardOfBook,
      newBookId: never,
      newIdBeside: never,
      shardsOf: never,
      withdraw: never,
      isFull: () => false,
      command(command, origin, reply) {
        if (!('bookId' in command)) return never();
        const shard = options.shardOfBook(command.bookId);
        const request = { kind: 'command', to: TO_CONTROL, id: ++askedCount, shard, command, origin } as const;
        send(request, (answer) => reply(answer as CommandReply));
      },
      query(query, shard, reply) {
        const of = shard ?? ('bookId' in query && query.bookId !== null ? options.shardOfBook(query.bookId) : never());
        const request = { kind: 'query', to: TO_CONTROL, id: ++askedCount, shard: of, query } as const;
        send(request, (answer) => reply(answer as QueryReply));
      },
    };
  }

  function answerControl({ id, reply }: ActorReply): void {
    const waiting = asked.get(id);
    asked.delete(id);
    host.noteAsync();
    waiting?.(reply);
  }

  /**
   * As the server does when it is fenced or finds damage. What it was about to answer first still
   * leaves.
   */
  function end(error: ProcessEnd): void {
    if (!host.isAlive() || isStopping) return;
    isStopping = true;
    isServing = false;
    host.after(0, () => {
      if (!host.isAlive()) return;
      leave(false);
      options.onEnd(error);
    });
  }

  function leave(isClean: boolean): void {
    isServing = false;
    host.kill();
    control.close();
    store.codes.endTransactions(host);
    medium.left(host, isClean);
    if (isClean) store.giveBack(host);
  }

  function beat(held: Lock): void {
    host.after(HEARTBEAT_MS, () => {
      if (held.beat() && store.renew(host)) beat(held);
      else actor.yield('another process has the lock or the lease');
    });
  }

  async function projectAll(): Promise<void> {
    reader ??= await journal.openReader();
    for (const shard of shards) {
      if (!host.isAlive()) return;
      if (!(await store.project(host, reader, shard))) {
        actor.yield('another process writes to the store');
        return;
      }
    }
  }

  const process: SimProcess = {
    actor,
    nowMs: () => clock.now(),
    isAlive: host.isAlive,
    isPaused: host.isPaused,
    isServing: () => isServing,
    isOwner: () => truth.isOwner(host),
    deliver: (requests, taken) =>
      host.run(() => {
        taken();
        actor.deliver(requests);
      }),
    pause: host.pause,
    resume: host.resume,
    stepClock: host.stepClock,
    kill: () => leave(false),
    async stop() {
      isStopping = true;
      host.noteAsync();
      await actor.stop();
      leave(true);
    },
    upload: (request, ask, refuse) =>
      host.run(() => {
        void control.stage(request).then((staged) => {
          if (!host.isAlive()) return;
          if (staged === null) refuse();
          else ask(staged);
        });
      }),
    project() {
      if (!isServing || isProjecting || host.isPaused()) return;
      isProjecting = true;
      projectAll()
        .catch(() => {})
        .finally(() => {
          isProjecting = false;
        });
    },
    sweep() {
      if (host.isPaused()) return;
      actor.trim((shard) => asSeq(store.checkpoint(shard)));
      actor.keys.forgetEnded();
    },
  };
  return { kind: 'started', process };
}

function endOf(error: unknown): ProcessEnd {
  if (error instanceof ProcessEnd) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof JournalFenced) return new ProcessEnd('fenced', message, { cause: error });
  return new ProcessEnd('damaged', message, { cause: error });
}

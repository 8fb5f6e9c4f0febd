/**
 * A turn: what a shard thread decides between two commits.
 *
 *     request ─▶ expire ended leases ─▶ decide ─▶ apply ─▶ changes, to be committed
 *                                                      └─▶ replies, to be held until that is durable
 *
 * A decision changes memory at once, so the next request sees it. Refusals and reads are held as
 * successes are, because they may depend on changes that are not durable yet.
 *
 * Everything here is synchronous and has no clock, timer or I/O: time and randomness are arguments.
 * What needs I/O is left to the actor: `lacking`, `hasNewBatches` and `keyRefusals` say what it has
 * to do after a run.
 */
import type { StagedBatch } from '../domain/command.js';
import type { Change } from '../domain/event.js';
import type { Seq, ShardId } from '../domain/ids.js';
import type { Random } from '../domain/random.js';
import type { CommandReply, QueryReply } from '../engine/engine.js';
import { type ActorReply, type ActorRequest, batchOf } from '../engine/requests.js';
import { Prefetch } from '../features/coupons/prefetch.js';
import { expireNext } from '../features/expiry.js';
import { query } from '../features/query.js';
import { apply, decide } from '../features/rules.js';
import type { ShardState } from '../features/shard-state.js';
import { isOn } from '../platform/work-arounds.js';

type CommandRequest = Extract<ActorRequest, { kind: 'command' }>;
type QueryRequest = Extract<ActorRequest, { kind: 'query' }>;
type States = ReadonlyMap<ShardId, ShardState>;

const PREFETCHES = isOn('prefetch');

/** A reply that is held. */
export interface Reply extends ActorReply {
  readonly shard: ShardId;
  /** Sequence that has to be durable before the reply may leave. */
  readonly seq: Seq;
}

/** A command whose batch is not in memory. */
export interface Lacking {
  readonly request: CommandRequest;
  readonly batch: StagedBatch;
}

/** By shard, in order. */
export type Changes = ReadonlyMap<ShardId, readonly Change[]>;

export class Turn {
  readonly #random: Random;
  readonly #isLoading: (batchId: number) => boolean;
  readonly #prefetch: Prefetch;
  #changes = new Map<ShardId, Change[]>();
  #replies: Reply[] = [];
  #lacking: Lacking[] = [];
  /** Batches went live: their loading has to be finished. */
  hasNewBatches = false;
  /** How many commands were refused because their caller has its share of the key memory. */
  keyRefusals = 0;

  /** `isLoading`: the codes of this batch are being loaded, and stay when a command fails. */
  constructor(random: Random, isLoading: (batchId: number) => boolean) {
    this.#random = random;
    this.#isLoading = isLoading;
    this.#prefetch = new Prefetch(random);
  }

  get hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  get replyCount(): number {
    return this.#replies.length;
  }

  /**
   * Answers requests in their order. `mayExpire`: the journal has room to announce that leases have
   * ended. Commands need it; a read compares leases with the clock.
   */
  run(states: States, requests: readonly ActorRequest[], nowMs: number, mayExpire: boolean): void {
    if (PREFETCHES && requests.length > 1) this.#prefetchFor(states, requests);
    for (const request of requests) {
      const state = stateOf(states, request.shard);
      if (mayExpire) this.expire(state, nowMs);
      if (request.kind === 'query') this.#query(state, request, nowMs);
      else this.decide(state, request, nowMs);
    }
  }

  /** Decides a command, and applies its change. */
  decide(state: ShardState, request: CommandRequest, nowMs: number): void {
    const { to, id, shard, command, origin } = request;
    const decided = decide(state, command, origin, nowMs, this.#random);
    switch (decided.kind) {
      case 'change': {
        this.#apply(state, decided.change);
        if (batchOf(command) !== null) this.hasNewBatches = true;
        const { seq } = state;
        const reply: CommandReply = { kind: 'done', outcome: decided.outcome, shard, seq, replayed: false };
        this.#replies.push({ to, id, command, reply, shard, seq });
        return;
      }
      case 'refused': {
        if (decided.reason === 'idempotencyMemoryFull') this.keyRefusals++;
        const batch = batchOf(command);
        if (batch !== null && decided.reason === 'batchUnknown' && state.coupons.openBatches.has(batch.batchId)) {
          this.#lacking.push({ request, batch });
          return;
        }
        this.#unstage(state, batch);
        this.#replies.push({ to, id, command, reply: decided, shard, seq: state.seq });
        return;
      }
      case 'unchanged':
      case 'replay': {
        const { outcome, seq } = decided;
        this.#unstage(state, batchOf(command));
        const reply: CommandReply = { kind: 'done', outcome, shard, seq, replayed: decided.kind === 'replay' };
        this.#replies.push({ to, id, command, reply, shard, seq: state.seq });
      }
    }
  }

  /** Announces the leases and reservations that have ended. */
  expire(state: ShardState, nowMs: number): void {
    for (let change = expireNext(state, nowMs); change !== null; change = expireNext(state, nowMs))
      this.#apply(state, change);
  }

  /** What was decided since the last call. */
  take(): { readonly changes: Changes; readonly replies: Reply[] } {
    const changes = this.#changes;
    this.#changes = new Map();
    return { changes, replies: this.takeReplies() };
  }

  /** The replies alone, where there is no change. */
  takeReplies(): Reply[] {
    const replies = this.#replies;
    this.#replies = [];
    return replies;
  }

  /** Commands to be decided again when their batch is in memory. */
  takeLacking(): readonly Lacking[] {
    const lacking = this.#lacking;
    if (lacking.length > 0) this.#lacking = [];
    return lacking;
  }

  #prefetchFor(states: States, requests: readonly ActorRequest[]): void {
    for (const request of requests)
      if (request.kind === 'command') this.#prefetch.expect(stateOf(states, request.shard).coupons, request.command);
    this.#prefetch.run();
  }

  #query(state: ShardState, { to, id, shard, query: asked }: QueryRequest, nowMs: number): void {
    const result = query(state, asked, nowMs);
    const { seq } = state;
    const reply: QueryReply = result.kind === 'refused' ? result : { kind: 'result', result, shard, durableSeq: seq };
    this.#replies.push({ to, id, command: null, reply, shard, seq });
  }

  #apply(state: ShardState, change: Change): void {
    apply(state, change);
    const { shard } = state.options;
    const list = this.#changes.get(shard);
    if (list === undefined) this.#changes.set(shard, [change]);
    else list.push(change);
  }

  /** The command did not use its batch. */
  #unstage(state: ShardState, batch: StagedBatch | null): void {
    if (batch !== null && !this.#isLoading(batch.batchId)) state.coupons.unstage(batch.batchId);
  }
}

export function stateOf(states: States, shard: ShardId): ShardState {
  const state = states.get(shard);
  if (state === undefined) throw new Error(`shard ${shard} is not in this thread`);
  return state;
}

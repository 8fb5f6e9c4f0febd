/**
 * How a command is decided, whatever its feature is: idempotency keys first, then the rule of the
 * command, then one change that makes its events and the remembered answer durable together.
 * Nothing is changed here; `apply` does that, now and on every replay.
 *
 * That a refusal of a rule must not be told to other users is marked here, too (others-code.ts).
 */
import { event } from '../records/declare.js';
import { scopeId } from '../records/fields.js';
import type { Command, Origin } from './command.js';
import { type Decision, refuse } from './decision.js';
import type { Change, DomainEvent } from './event.js';
import { asSeq, type ScopeId, type Seq } from './ids.js';
import type { ShardKernel } from './kernel.js';
import type { Outcome, Refusal } from './outcome.js';
import type { Random } from './random.js';

/** Nothing changed, but the outcome has to be remembered for its idempotency key. */
export const noted = event('noted', 5, { scopeId: scopeId() }, { shownAs: null });

/** What the kernel needs of the features. They never change `state` but in `applyEvent`. */
export interface Rules<State extends ShardKernel> {
  decide(state: State, command: Command, nowMs: number, random: Random): Decision | Refusal;
  applyEvent(state: State, event: DomainEvent): void;
  /**
   * Where a key of this command is remembered: under a book, or null for the creation of one;
   * undefined: nowhere, since what the command names isn't there.
   */
  scopeOf(state: State, command: Command): ScopeId | null | undefined;
  /** Sequence of the event that an answer without a change relies on. */
  lastSeqFor(state: State, command: Command): Seq;
  /** Whether the refusal could reveal a code of another user. */
  isOthersCode(state: State, command: Command, refusal: Refusal, nowMs: number): boolean;
}

/** The result of a command. `replay`: it was answered before, under the same idempotency key. */
export type Verdict =
  | Refusal
  | { readonly kind: 'change'; readonly change: Change; readonly outcome: Outcome }
  /** Accepted, and nothing had to change. `seq` is the sequence of the event that it relies on. */
  | { readonly kind: 'unchanged'; readonly outcome: Outcome; readonly seq: Seq }
  | { readonly kind: 'replay'; readonly outcome: Outcome; readonly seq: Seq };

export function decideBy<State extends ShardKernel>(
  rules: Rules<State>,
  state: State,
  command: Command,
  origin: Origin,
  nowMs: number,
  random: Random,
): Verdict {
  const verdict = judge(rules, state, command, origin, nowMs, random);
  if (verdict.kind !== 'refused' || !rules.isOthersCode(state, command, verdict, nowMs)) return verdict;
  return { ...verdict, isOthersCode: true };
}

function judge<State extends ShardKernel>(
  rules: Rules<State>,
  state: State,
  command: Command,
  origin: Origin,
  nowMs: number,
  random: Random,
): Verdict {
  const { idempotency } = origin;
  if (idempotency !== null) {
    const scope = rules.scopeOf(state, command);
    const known = scope === undefined ? null : state.remembered.find(origin.caller, scope, idempotency.key, nowMs);
    if (known !== null && known.fingerprint === idempotency.fingerprint) {
      return { kind: 'replay', outcome: known.outcome, seq: known.seq };
    }
    if (known !== null) return refuse('idempotencyKeyReused', 'This idempotency key was used for another request.');
    const fullUntilMs = scope === undefined ? 0 : state.remembered.fullUntilMs(origin.caller, nowMs);
    if (fullUntilMs > 0) return memoryFull(fullUntilMs);
  }
  const decision = rules.decide(state, command, nowMs, random);
  if (decision.kind === 'refused') return decision;
  const { scopeId, outcome } = decision;
  let { events } = decision;
  if (events.length === 0) {
    if (idempotency === null) return { kind: 'unchanged', outcome, seq: rules.lastSeqFor(state, command) };
    events = [{ kind: 'noted', scopeId }];
  }
  const remembered =
    idempotency === null ? null : { key: idempotency.key, fingerprint: idempotency.fingerprint, outcome };
  const { caller, requestId } = origin;
  const change: Change = {
    firstSeq: asSeq(state.seq + 1),
    atMs: nowMs,
    scopeId,
    caller,
    requestId,
    events,
    remembered,
  };
  return { kind: 'change', change, outcome };
}

const memoryFull = (untilMs: number): Refusal =>
  refuse('idempotencyMemoryFull', 'The idempotency keys of this caller take all the memory that they may.', untilMs);

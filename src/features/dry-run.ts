/**
 * What a command would come to now. It is decided as the command itself is, and nothing is applied.
 */
import type { Command } from '../domain/command.js';
import type { Outcome, Refusal } from '../domain/outcome.js';
import type { QueryResult } from '../domain/view.js';
import { decide } from './rules.js';
import type { ShardState } from './shard-state.js';

const ORIGIN = { caller: '', requestId: '', idempotency: null };

export function dryRun(state: ShardState, command: Command, nowMs: number): QueryResult | Refusal {
  const verdict = decide(state, command, ORIGIN, nowMs, countingUp());
  if (verdict.kind === 'refused') return verdict;
  return { kind: 'dryRun', outcome: withoutDrawn(state, command, verdict.outcome) };
}

/** Draws have to differ, since ids are drawn until one fits. */
function countingUp() {
  let last = 0;
  return { uint32: () => ++last };
}

/** What a later request would draw anew is not told. */
function withoutDrawn(state: ShardState, command: Command, outcome: Outcome): Outcome {
  const { kind } = outcome;
  if (kind === 'assigned') return command.kind === 'assignRandom' ? { ...outcome, code: '' } : outcome;
  if (kind === 'redeemed') return { ...outcome, redemptionId: '' };
  if (kind !== 'reserved' || state.promotions.reservation(outcome.reservationId) !== undefined) return outcome;
  return { ...outcome, reservationId: '' };
}

/**
 * Changes onto state. The counterpart of `decide`, and the whole of replay: only the order of
 * events is checked here, not the rules. An event that can't be applied means a broken journal, and
 * throws.
 */
import type { Rules } from './decide.js';
import type { Change } from './event.js';
import { asSeq, type ScopeId } from './ids.js';
import type { ShardKernel } from './kernel.js';

/** The codes of every `codesAdded` in the change must have been staged before. */
export function applyBy<State extends ShardKernel>(rules: Rules<State>, state: State, change: Change): void {
  if (change.firstSeq !== state.seq + 1) {
    throw new Error(`shard ${state.options.shard} is at ${state.seq} and can't apply ${change.firstSeq}`);
  }
  for (const event of change.events) {
    state.seq = asSeq(state.seq + 1);
    rules.applyEvent(state, event);
  }
  if (change.remembered !== null) {
    const { key, fingerprint, outcome } = change.remembered;
    const scope = rememberedScope(change);
    state.remembered.remember(change.caller, scope, key, { fingerprint, outcome, seq: state.seq, atMs: change.atMs });
  }
}

/**
 * Keys are remembered per book; the key of a creation can't name the book that it makes, and stands
 * outside of all.
 */
function rememberedScope(change: Change): ScopeId | null {
  return change.events[0]?.kind === 'bookCreated' ? null : change.scopeId;
}

/** The rules of all features, as the kernel calls them. */
import { applyBy } from '../domain/apply.js';
import type { Command, Origin } from '../domain/command.js';
import { decideBy, type Rules, type Verdict } from '../domain/decide.js';
import type { Change } from '../domain/event.js';
import type { Random } from '../domain/random.js';
import { isOthersCode } from './coupons/others-code.js';
import { lastSeqFor, scopeOf } from './coupons/rules.js';
import { campaignOf, isOthersCart, type PromotionCommand } from './promotions/rules.js';
import { applyEvent, decideCommand } from './rules.generated.js';
import type { ShardState } from './shard-state.js';

const RULES: Rules<ShardState> = {
  decide: decideCommand,
  applyEvent,
  scopeOf: (state, command) =>
    isOfPromotions(command) ? campaignOf(state.promotions, command) : scopeOf(state.coupons, command),
  lastSeqFor: (state, command) => (isOfPromotions(command) ? state.seq : lastSeqFor(state.coupons, command)),
  isOthersCode: (state, command, refusal, nowMs) =>
    isOfPromotions(command)
      ? isOthersCart(state.promotions, command, nowMs)
      : isOthersCode(state.coupons, command, refusal),
};

/** Commands of coupon books name a code or a book. */
function isOfPromotions(command: Command): command is PromotionCommand {
  return !('code' in command) && !('bookId' in command);
}

export function decide(state: ShardState, command: Command, origin: Origin, nowMs: number, random: Random): Verdict {
  return decideBy(RULES, state, command, origin, nowMs, random);
}

/** The codes of every `codesAdded` in the change must have been staged before. */
export function apply(state: ShardState, change: Change): void {
  applyBy(RULES, state, change);
}

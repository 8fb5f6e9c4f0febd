/** The rules of all features, as the kernel calls them. */
import { applyBy } from '../domain/apply.js';
import type { Command, Origin } from '../domain/command.js';
import { decideBy, type Rules, type Verdict } from '../domain/decide.js';
import type { Change } from '../domain/event.js';
import type { Random } from '../domain/random.js';
import { isOthersCode } from './coupons/others-code.js';
import { lastSeqFor, scopeOf } from './coupons/rules.js';
import { campaignOf as campaignOfSale, type FlashCommand, isFlashCommand } from './flash/rules.js';
import { campaignOf, isOthersCart, type PromotionCommand } from './promotions/rules.js';
import { applyEvent, decideCommand } from './rules.generated.js';
import type { ShardState } from './shard-state.js';

const RULES: Rules<ShardState> = {
  decide: decideCommand,
  applyEvent,
  scopeOf(state, command) {
    if (isOfCoupons(command)) return scopeOf(state.coupons, command);
    return isFlashCommand(command) ? campaignOfSale(state.flash, command) : campaignOf(state.promotions, command);
  },
  lastSeqFor: (state, command) => (isOfCoupons(command) ? lastSeqFor(state.coupons, command) : state.seq),
  isOthersCode(state, command, refusal, nowMs) {
    if (isOfCoupons(command)) return isOthersCode(state.coupons, command, refusal);
    return !isFlashCommand(command) && isOthersCart(state.promotions, command, nowMs);
  },
};

/** Commands of coupon books name a code or a book. */
function isOfCoupons(command: Command): command is Exclude<Command, PromotionCommand | FlashCommand> {
  return 'code' in command || 'bookId' in command;
}

export function decide(state: ShardState, command: Command, origin: Origin, nowMs: number, random: Random): Verdict {
  return decideBy(RULES, state, command, origin, nowMs, random);
}

/** The codes of every `codesAdded` in the change must have been staged before. */
export function apply(state: ShardState, change: Change): void {
  applyBy(RULES, state, change);
}

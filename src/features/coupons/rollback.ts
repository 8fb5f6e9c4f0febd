/** Rolling a redemption back. */
import type { Command } from '../../domain/command.js';
import { bookArchived, type Decision, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Refusal } from '../../domain/outcome.js';
import { aboutCode, codeNotFound, noteEventOf, redemptionsOf, remainingOf } from './checks.js';
import type { Coupons } from './state.js';

export function rollbackRedemption(
  coupons: Coupons,
  { code, redemptionId, reason }: Extract<Command, { kind: 'rollbackRedemption' }>,
): Decision | Refusal {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const { settings, id: bookId, archivedMs } = coupons.bookOfCode(index).current;
  const number = coupons.redemptions.find(redemptionId, index);
  if (number === -1) return refuse('redemptionNotFound', 'This code has no redemption with that id.');
  if (archivedMs !== null) return bookArchived();
  if (coupons.redemptions.isRolledBack(number))
    return refuse('alreadyRolledBack', 'This redemption was rolled back already.');
  const redemptionCount = redemptionsOf(coupons, index) - 1;
  const about = aboutCode(coupons, index, code, coupons.users.name(coupons.redemptions.user(number)));
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'redemptionRolledBack', redemptionId, redemptionCount, reason, ...about }],
    outcome: {
      kind: 'rolledBack',
      code,
      redemptionId,
      redemptionCount,
      remaining: remainingOf(settings, redemptionCount),
    },
  };
}

export function applyRedemptionRolledBack(
  coupons: Coupons,
  event: Extract<DomainEvent, { kind: 'redemptionRolledBack' }>,
): void {
  const number = coupons.redemptions.find(event.redemptionId, event.index);
  if (number === -1) throw new Error(`redemption ${event.redemptionId} is rolled back but was never made`);
  coupons.setRedemptionCount(event.index, event.redemptionCount);
  coupons.observer?.beforeRedemption(number);
  coupons.redemptions.rollBack(number);
  coupons.countRate(coupons.bookOfCode(event.index), coupons.redemptions.atMs(number), -1);
  noteEventOf(coupons, event.index);
}

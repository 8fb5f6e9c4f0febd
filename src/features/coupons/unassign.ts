/** Taking a code back from its user, into the pool of its book. */
import type { Command } from '../../domain/command.js';
import { bookArchived, type Decision, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Refusal } from '../../domain/outcome.js';
import { aboutCode, codeNotFound, noteEventOf, redemptionsOf } from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export function unassignCode(
  coupons: Coupons,
  { code, reason }: Extract<Command, { kind: 'unassignCode' }>,
  nowMs: number,
): Decision | Refusal {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const { id: bookId, archivedMs } = coupons.bookOfCode(index).current;
  if (archivedMs !== null) return bookArchived();
  if (coupons.codes.phase(index) === AVAILABLE) return refuse('notAssigned', 'This code is not assigned.');
  const record = coupons.codes.record(index);
  if (coupons.leases.untilMs(record) > nowMs)
    return refuse('codeLocked', 'This code is locked.', coupons.leases.untilMs(record));
  if (redemptionsOf(coupons, index) > 0) return refuse('codeRedeemed', 'This code has been redeemed.');
  const about = aboutCode(coupons, index, code, coupons.users.name(coupons.userOf(record)));
  return {
    kind: 'decision',
    bookId,
    events: [{ kind: 'codeUnassigned', reason, ...about }],
    outcome: { kind: 'unassigned', bookId, code },
  };
}

export function applyCodeUnassigned(coupons: Coupons, event: Extract<DomainEvent, { kind: 'codeUnassigned' }>): void {
  // Otherwise a lease that is over but not announced yet would stay on a code without a user.
  coupons.unlock(event.index);
  coupons.giveBack(event.index);
  noteEventOf(coupons, event.index);
}

/**
 * What a caller of the role `user` must not learn: that a code exists which is not his. Any refusal
 * may tell it, those of idempotency keys included. The domain knows no roles, so it marks each such
 * refusal (`Refusal.isOthersCode`), and the HTTP side answers it as if there were no such code.
 */
import { isUsers, redemptionsOf } from './code-facts.js';
import { AVAILABLE } from './code-table.js';
import type { Command } from './command.js';
import type { Refusal } from './outcome.js';
import type { ShardState } from './state.js';

/**
 * Whoever has an available code in hand may know of it where he could take it: by assigning it, or
 * in a book for bearers. In such a book a lock takes the code, so whoever comes second with the
 * code in hand is told that it is locked. Whether a code was assigned before it was locked is not
 * kept: while none of its redemptions stands, it counts as one that the lock took.
 */
export function isOthersCode(state: ShardState, command: Command, { reason }: Refusal): boolean {
  if (!('code' in command && 'userId' in command)) return false;
  const index = state.codes.find(command.code);
  if (index === -1) return false;
  const isForBearers = state.bookOfCode(index).book.settings.redeemableBy === 'bearer';
  if (state.codes.phase(index) === AVAILABLE) return !isForBearers && command.kind !== 'assignCode';
  if (isUsers(state, index, command.userId)) return false;
  return !(isForBearers && reason === 'lockedByAnother' && redemptionsOf(state, index) === 0);
}

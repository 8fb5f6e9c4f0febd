/**
 * A caller of the role `user` must not learn that another user's code exists. Any refusal could
 * reveal it, those of idempotency keys included. The domain knows no roles, so it marks each such
 * refusal (`Refusal.isOthersCode`), and the HTTP side answers it as if there were no such code.
 */
import type { Refusal } from '../../domain/outcome.js';
import { isUsers, redemptionsOf } from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { CouponCommand } from './rules.js';
import type { Coupons } from './state.js';

/**
 * A user who knows an available code may learn that it exists if the user could take it: by
 * assigning it, or in a book for bearers. In such a book a lock takes the code, so a second user
 * with the same code is told that it is locked. Whether a code was assigned before it was locked is
 * not kept: while none of its redemptions stands, it counts as one that the lock took.
 */
export function isOthersCode(coupons: Coupons, command: CouponCommand, { reason }: Refusal): boolean {
  if (!('code' in command && 'userId' in command)) return false;
  const index = coupons.codes.find(command.code);
  if (index === -1) return false;
  const isForBearers = coupons.bookOfCode(index).current.settings.redeemableBy === 'bearer';
  if (coupons.codes.phase(index) === AVAILABLE) return !isForBearers && command.kind !== 'assignCode';
  if (isUsers(coupons, index, command.userId)) return false;
  return !(isForBearers && reason === 'lockedByAnother' && redemptionsOf(coupons, index) === 0);
}

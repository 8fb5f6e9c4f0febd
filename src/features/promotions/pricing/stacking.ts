/** Whether an offer may apply beside those that apply already. */
import type { Offer } from './types.js';

export interface Conflict {
  readonly reason: string;
  readonly explanation: string;
}

export const NOT_COMBINABLE = 'Coupon cannot be combined with the others';

export function conflictWith(applied: readonly { readonly offer: Offer }[], offer: Offer): Conflict | null {
  for (const { offer: other } of applied) {
    const { group, exclusive } = other.stacking;
    if (exclusive) return { reason: NOT_COMBINABLE, explanation: `${nameOf(other)} applies alone` };
    if (offer.stacking.exclusive)
      return { reason: NOT_COMBINABLE, explanation: `The coupon applies alone, and ${nameOf(other)} applies already` };
    if (group !== null && group === offer.stacking.group)
      return {
        reason: NOT_COMBINABLE,
        explanation: `Of the group ${group} one coupon applies, and that is ${nameOf(other)}`,
      };
  }
  return null;
}

/** The code, or for an automatic promotion its id. */
function nameOf({ code, id }: Offer): string {
  return code ?? id;
}

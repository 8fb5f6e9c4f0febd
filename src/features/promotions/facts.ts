/** What the journal carries of promotions, as text: canonical JSON. */
import { canonicalJson } from '../../domain/canonical.js';
import type { Promotions } from './state.js';

/** Without the redemptions of a book: they are facts of their own. */
export function promotionText(promotions: Promotions, number: number): string {
  const state = promotions.all[number];
  if (state === undefined) throw new Error(`there is no promotion ${number}`);
  const { uses, held, spent, heldAmount } = state;
  return canonicalJson({
    ...state.current,
    usageCount: uses,
    heldCount: held,
    budgetUsed: spent,
    budgetHeld: heldAmount,
  });
}

export function reservationText(promotions: Promotions, number: number): string {
  const state = promotions.reservations[number];
  if (state === undefined) throw new Error(`there is no reservation ${number}`);
  const { number: _number, place: _place, ...facts } = state;
  return canonicalJson(facts);
}

/** What the journal carries of promotions, as text: canonical JSON. */
import { canonicalJson } from '../../domain/canonical.js';
import { usageOf } from './manage.js';
import type { Promotions } from './state.js';

export function promotionText(promotions: Promotions, number: number): string {
  const state = promotions.all[number];
  if (state === undefined) throw new Error(`there is no promotion ${number}`);
  return canonicalJson({ ...state.current, ...usageOf(state) });
}

export function reservationText(promotions: Promotions, number: number): string {
  const state = promotions.reservations[number];
  if (state === undefined) throw new Error(`there is no reservation ${number}`);
  const { number: _number, place: _place, ...facts } = state;
  return canonicalJson(facts);
}

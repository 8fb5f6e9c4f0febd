/** What the journal carries of stock and orders, as text: canonical JSON. */
import { canonicalJson } from '../../domain/canonical.js';
import { type Flash, viewOfOrder } from './state.js';

export function stockText(flash: Flash, number: number): string {
  const state = flash.all[number];
  if (state === undefined) throw new Error(`there is no product ${number}`);
  const { current, sold, reserved, ordered } = state;
  return canonicalJson({ ...current, sold, reserved, ordered });
}

export const orderText = (flash: Flash, number: number): string =>
  canonicalJson({ ...viewOfOrder(flash, number), key: flash.orders.key(number) });

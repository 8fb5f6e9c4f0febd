/** Fills the promotions from a snapshot: first they, then the reservations, in their order. */
import type { Promotion } from '../../records/promotions.js';
import type { Promotions, ReservationState } from './state.js';

export function loadPromotion(promotions: Promotions, promotion: Promotion): void {
  promotions.add(promotion);
}

export type LoadedReservation = Omit<ReservationState, 'number' | 'place'>;

export function loadReservation(promotions: Promotions, row: LoadedReservation): void {
  promotions.addReservation(row);
}

/** What ends by time, in all features. */
import type { Change } from '../domain/event.js';
import { expireLeases, nextLeaseEndMs } from './coupons/lock.js';
import { expireOrders, nextOrderEndMs } from './flash/orders.js';
import { expireReservations, nextReservationEndMs } from './promotions/reservations.js';
import type { ShardState } from './shard-state.js';

/**
 * The change for something that has ended by now, if any. Apply it, and call again. Reservations
 * come first, because the end of one also ends the locks of its codes, at the same moment.
 */
export function expireNext(state: ShardState, nowMs: number): Change | null {
  return (
    expireReservations(state.promotions, nowMs) ??
    expireLeases(state.coupons, nowMs) ??
    expireOrders(state.flash, nowMs)
  );
}

const NEVER_MS = Number.POSITIVE_INFINITY;

/** When the next of them ends, Unix ms; null if there is none. */
export function nextEndMs(state: ShardState): number | null {
  const lease = nextLeaseEndMs(state.coupons);
  const reservation = nextReservationEndMs(state.promotions);
  const order = nextOrderEndMs(state.flash);
  const next = Math.min(lease ?? NEVER_MS, reservation ?? NEVER_MS, order ?? NEVER_MS);
  return next === NEVER_MS ? null : next;
}

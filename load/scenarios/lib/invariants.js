/**
 * Invariants that must hold after any load, checked by asking the server. A violation fails the
 * run.
 */
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { get } from './api.js';

export const violations = new Counter('invariant_violations');
export const THRESHOLDS = { invariant_violations: ['count==0'] };

export function hold(isTrue, what) {
  // Added either way: a threshold on a counter that nobody touched isn't judged.
  violations.add(isTrue ? 0 : 1);
  if (!isTrue) console.error(`violated: ${what}`);
}

/** I5: the counts of a book add up. Returns them. */
export function holdCounts(token, bookId) {
  const counts = get(token, 'check', `/coupon-books/${bookId}`).json('counts');
  const { total, available, assigned, redeemed } = counts;
  hold(available + assigned + redeemed === total, `counts add up (I5): ${JSON.stringify(counts)}`);
  return counts;
}

/** The events of a code, oldest first, once the projection has them. */
export function history(token, code) {
  for (let tries = 0; tries < 50; tries++) {
    const reply = get(token, 'check', `/coupons/${code}/history?limit=1000`);
    if (reply.status === 200) return reply.json('items').reverse();
    sleep(0.2);
  }
  hold(false, `the history of ${code} can be had`);
  return [];
}

/**
 * I1 and I4 for one code: never more redemptions than it may have, and none while another held a
 * lease.
 */
export function holdHistory(token, code, redemptionsMax) {
  let standing = 0;
  let holder = null;
  const events = history(token, code);
  for (const { event, userId } of events) {
    if (event === 'coupon.redeemed') {
      standing++;
      hold(holder === null || holder === userId, `${code} is redeemed by the holder of its lease (I4)`);
      holder = null;
    } else if (event === 'coupon.rolled_back') standing--;
    else if (event === 'coupon.locked') holder = userId;
    else if (event === 'coupon.unlocked' || event === 'coupon.lock_expired') holder = null;
    hold(standing <= redemptionsMax, `${code} is redeemed ${redemptionsMax} times at most (I1)`);
  }
  return events;
}

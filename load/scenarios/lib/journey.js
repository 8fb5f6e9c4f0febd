/** What one shopper does, from the code to the till; the unit of load for all scenarios but the races. */
import { check } from 'k6';
import exec from 'k6/execution';
import { get, post } from './api.js';

let mine = 0;

/** Assign, lock, redeem, and look at one's coupons: four requests. A new user, if none is given. */
export function journey({ token, bookId }, userId = `user-${exec.vu.idInTest}-${mine++}`) {
  const assigned = post(token, 'assign', '/coupons/assign', { couponBookId: bookId, userId });
  if (!check(assigned, { 'assign 200': ({ status }) => status === 200 })) return null;
  const code = assigned.json('code');
  const locked = post(token, 'lock', `/coupons/${code}/lock`, { userId });
  check(locked, { 'lock 200': ({ status }) => status === 200 });
  const redeemed = post(token, 'redeem', `/coupons/${code}/redeem`, { userId, lockId: locked.json('lockId') });
  check(redeemed, { 'redeem 200': ({ status }) => status === 200 });
  const coupons = get(token, 'list', `/users/${userId}/coupons`);
  check(coupons, {
    'the user sees the redeemed code': ({ body }) => body.includes(`"${code}"`) && body.includes('"redeemed"'),
  });
  return code;
}

export const REQUESTS_PER_JOURNEY = 4;

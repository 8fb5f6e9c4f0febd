/** The scenarios that put journeys at a given rate on the server differ in their stages only. */
import { createBook, signIn } from './api.js';
import { hold, holdCounts } from './invariants.js';

export function setupBook(codes) {
  const token = signIn();
  return { token, bookId: createBook(token, codes) };
}

export function checkBook({ token, bookId }) {
  const counts = holdCounts(token, bookId);
  hold(counts.redeemed === counts.redemptions, 'every code is redeemed once at most (I1)');
}

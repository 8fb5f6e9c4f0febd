/**
 * Many callers who want the same thing: one code, the last codes, a code that is being locked, one
 * idempotency key.
 */
import http from 'k6/http';
import { createBook, get, posting, SHORT, signIn } from './lib/api.js';
import { hold, holdCounts, holdHistory, THRESHOLDS } from './lib/invariants.js';
import { reportAs } from './lib/report.js';

const ROUNDS = SHORT ? 1 : 5;

export const options = {
  batch: 200,
  batchPerHost: 200,
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: { races: { executor: 'shared-iterations', vus: 1, iterations: ROUNDS, maxDuration: '5m' } },
  thresholds: { ...THRESHOLDS, http_req_failed: ['rate==0'] },
};

export function setup() {
  return { token: signIn() };
}

export default function run({ token }) {
  oneCode(token);
  lastCodes(token);
  oneLease(token);
  lockAgainstRedeem(token);
  sameKeys(token);
}

export const handleSummary = reportAs('race');

const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const countOf = (replies, status) => replies.filter((reply) => reply.status === status).length;

function firstCode(token, bookId) {
  return get(token, 'setup', `/coupon-books/${bookId}/codes?limit=1`).json('items.0.code');
}

/** 500 users, one code of a bearer book: one redemption. */
function oneCode(token) {
  const bookId = createBook(token, 1, { redeemableBy: 'bearer' });
  const code = firstCode(token, bookId);
  const replies = http.batch(times(500, (i) => posting(token, 'race', `/coupons/${code}/redeem`, { userId: `u${i}` })));
  hold(countOf(replies, 200) === 1, `one of 500 redeems ${code} (I1): ${countOf(replies, 200)}`);
  holdHistory(token, code, 1);
  holdCounts(token, bookId);
}

/** 1,000 users, 100 codes: 100 different codes, and 900 refusals. */
function lastCodes(token) {
  const bookId = createBook(token, 100);
  const replies = http.batch(
    times(1000, (i) => posting(token, 'race', '/coupons/assign', { couponBookId: bookId, userId: `u${i}` })),
  );
  const codes = replies.filter(({ status }) => status === 200).map((reply) => reply.json('code'));
  hold(
    codes.length === 100 && new Set(codes).size === 100,
    `100 different codes: ${codes.length}, ${new Set(codes).size}`,
  );
  hold(countOf(replies, 404) === 900, `900 go without: ${countOf(replies, 404)}`);
  hold(holdCounts(token, bookId).available === 0, 'none is left');
}

/** 200 users want the lease of one code. */
function oneLease(token) {
  const bookId = createBook(token, 1, { redeemableBy: 'bearer' });
  const code = firstCode(token, bookId);
  const replies = http.batch(times(200, (i) => posting(token, 'race', `/coupons/${code}/lock`, { userId: `u${i}` })));
  hold(countOf(replies, 200) === 1, `one of 200 has the lease (I4): ${countOf(replies, 200)}`);
  hold(countOf(replies, 423) === 199, `199 are told that it is locked: ${countOf(replies, 423)}`);
}

/** Some lock, some redeem: while a lease is alive, all other callers are refused. */
function lockAgainstRedeem(token) {
  const bookId = createBook(token, 20, { redeemableBy: 'bearer' });
  const codes = get(token, 'setup', `/coupon-books/${bookId}/codes`)
    .json('items')
    .map(({ code }) => code);
  for (const code of codes) {
    http.batch(
      times(20, (i) =>
        posting(token, 'race', `/coupons/${code}/${i % 2 === 0 ? 'lock' : 'redeem'}`, { userId: `u${i}` }),
      ),
    );
    holdHistory(token, code, 1);
  }
  holdCounts(token, bookId);
}

/** 50 keys, each sent 10 times at once: 50 effects, and the same answer to each of the ten. */
function sameKeys(token) {
  const bookId = createBook(token, 1000);
  const stamp = `${Date.now()}-${Math.random()}`;
  const replies = http.batch(
    times(500, (i) => {
      const key = { 'idempotency-key': `${stamp}-${i % 50}` };
      return posting(token, 'race', '/coupons/assign', { couponBookId: bookId, userId: `u${i % 50}` }, key);
    }),
  );
  hold(countOf(replies, 200) === 500, `all are answered: ${countOf(replies, 200)}`);
  for (let key = 0; key < 50; key++) {
    const bodies = new Set(replies.filter((_, i) => i % 50 === key).map(({ body }) => body));
    hold(bodies.size === 1, `one key, one answer (I6): ${bodies.size}`);
  }
  const { assigned } = holdCounts(token, bookId);
  hold(assigned === 50, `50 keys, 50 effects (I6): ${assigned}`);
}

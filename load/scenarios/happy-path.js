/** The main road: a book, codes, assign, lock, redeem, list the user's coupons. */
import { createBook, SHORT, signIn } from './lib/api.js';
import { hold, holdCounts, holdHistory, THRESHOLDS } from './lib/invariants.js';
import { journey } from './lib/journey.js';
import { reportAs } from './lib/report.js';

export const options = {
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    shoppers: {
      executor: 'constant-arrival-rate',
      rate: 10,
      timeUnit: '1s',
      duration: SHORT ? '5s' : '30s',
      preAllocatedVUs: 50,
    },
  },
  thresholds: {
    ...THRESHOLDS,
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    'http_req_duration{name:redeem}': ['p(95)<100', 'p(99)<250'],
  },
};

export function setup() {
  const token = signIn();
  return { token, bookId: createBook(token, 5000) };
}

export default function run(data) {
  journey(data);
}

export function teardown({ token, bookId }) {
  const counts = holdCounts(token, bookId);
  hold(counts.redeemed === counts.redemptions, 'every code is redeemed once at most (I1)');
  const code = journey({ token, bookId });
  const events = holdHistory(token, code, 1).map(({ event }) => event);
  const wanted = ['coupon.assigned', 'coupon.locked', 'coupon.redeemed'];
  hold(JSON.stringify(events) === JSON.stringify(wanted), `the history of ${code} is ${wanted}: ${events}`);
}

export const handleSummary = reportAs('happy-path');

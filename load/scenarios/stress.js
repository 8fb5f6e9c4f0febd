/**
 * An arrival rate that rises past what the machine can do, and falls again: past the knee the server refuses at once (503 with
 * Retry-After) instead of letting everyone wait, and afterwards it is as before. k6 itself takes most of a
 * core here, so the knee is that of both; what is judged is that no invariant breaks and that it recovers.
 */

import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { BASE, params, SHORT } from './lib/api.js';
import { hold, THRESHOLDS } from './lib/invariants.js';
import { journey } from './lib/journey.js';
import { reportAs } from './lib/report.js';
import { checkBook, setupBook } from './lib/steady.js';

const refused = new Counter('refused_overload');
const SECONDS = SHORT ? 3 : 20;
const RAMP_SECONDS = 4 * SECONDS;

export const options = {
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    ramp: {
      executor: 'ramping-arrival-rate',
      startRate: 500,
      timeUnit: '1s',
      preAllocatedVUs: 500,
      maxVUs: 2000,
      stages: [
        { target: 2000, duration: `${SECONDS}s` },
        { target: 8000, duration: `${SECONDS}s` },
        { target: 8000, duration: `${SECONDS}s` },
        { target: 500, duration: `${SECONDS}s` },
      ],
      exec: 'assign',
    },
    recovery: {
      executor: 'constant-arrival-rate',
      rate: 25,
      timeUnit: '1s',
      duration: `${SECONDS}s`,
      startTime: `${RAMP_SECONDS + 2}s`,
      preAllocatedVUs: 50,
      exec: 'shop',
      tags: { phase: 'recovery' },
    },
  },
  thresholds: {
    ...THRESHOLDS,
    'http_req_failed{phase:recovery}': ['rate==0'],
    'http_req_duration{phase:recovery}': ['p(95)<50', 'p(99)<100'],
  },
};

export const setup = () => setupBook(SHORT ? 50000 : 600000);
export const shop = (data) => void journey(data);

export function assign({ token, bookId }) {
  const body = JSON.stringify({ couponBookId: bookId, userId: `s${exec.scenario.iterationInTest}` });
  const reply = http.post(`${BASE}/api/v1/coupons/assign`, body, params(token, 'assign'));
  if (reply.status !== 503) return;
  refused.add(1);
  hold(reply.headers['Retry-After'] !== undefined, 'a refusal says when to come again');
}

export const teardown = checkBook;
export const handleSummary = reportAs('stress');

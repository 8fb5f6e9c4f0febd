/** 200 requests a second for five minutes. */
import { SHORT } from './lib/api.js';
import { THRESHOLDS } from './lib/invariants.js';
import { journey, REQUESTS_PER_JOURNEY } from './lib/journey.js';
import { reportAs } from './lib/report.js';
import { checkBook, setupBook } from './lib/steady.js';

export const options = {
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    shoppers: {
      executor: 'constant-arrival-rate',
      rate: 200 / REQUESTS_PER_JOURNEY,
      timeUnit: '1s',
      duration: SHORT ? '20s' : '5m',
      preAllocatedVUs: 50,
      maxVUs: 200,
      exec: 'shop',
    },
  },
  thresholds: {
    ...THRESHOLDS,
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    dropped_iterations: ['count==0'],
    http_req_duration: ['p(95)<50', 'p(99)<100'],
  },
};

export const setup = () => setupBook(20000);
export const shop = (data) => void journey(data);
export const teardown = checkBook;
export const handleSummary = reportAs('sustained');

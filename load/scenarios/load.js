/** 50, 100 and 200 requests a second, a step each. */
import { SHORT } from './lib/api.js';
import { THRESHOLDS } from './lib/invariants.js';
import { journey, REQUESTS_PER_JOURNEY } from './lib/journey.js';
import { reportAs } from './lib/report.js';
import { checkBook, setupBook } from './lib/steady.js';

const STEP_SECONDS = SHORT ? 5 : 60;

const step = (requestsPerSecond, index) => ({
  executor: 'constant-arrival-rate',
  rate: requestsPerSecond / REQUESTS_PER_JOURNEY,
  timeUnit: '1s',
  duration: `${STEP_SECONDS}s`,
  startTime: `${index * STEP_SECONDS}s`,
  preAllocatedVUs: 50,
  maxVUs: 200,
  exec: 'shop',
  tags: { step: String(requestsPerSecond) },
});

export const options = {
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: { step50: step(52, 0), step100: step(100, 1), step200: step(200, 2) },
  thresholds: {
    ...THRESHOLDS,
    http_req_failed: ['rate==0'],
    dropped_iterations: ['count==0'],
    'http_req_duration{step:200}': ['p(95)<50', 'p(99)<100'],
  },
};

export const setup = () => setupBook(20000);
export const shop = (data) => void journey(data);
export const teardown = checkBook;
export const handleSummary = reportAs('load');

/**
 * 200 requests a second, while 1,000 clients watch: each of them its own user, and 20 of them the
 * book as well. At the end each client compares what it saw with what the server has: every event
 * once, in order. A server at --base-url needs LIVE_CONNECTIONS_PER_CALLER_MAX=2000.
 */
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';
import { BASE, get, SHORT } from './lib/api.js';
import { hold, THRESHOLDS } from './lib/invariants.js';
import { journey, REQUESTS_PER_JOURNEY } from './lib/journey.js';
import { reportAs } from './lib/report.js';
import { checkBook, setupBook } from './lib/steady.js';

const CLIENTS = 1000;
const BOOK_CLIENTS = 20;
const CONNECT_SECONDS = 20;
const LOAD_SECONDS = SHORT ? 20 : 120;
const GRACE_SECONDS = 10;
const WATCH_SECONDS = CONNECT_SECONDS + LOAD_SECONDS + GRACE_SECONDS;
const STORY = 'coupon.assigned coupon.locked coupon.redeemed';

const received = new Counter('live_events');
const lag = new Trend('live_lag', true);

export const options = {
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    watchers: {
      executor: 'per-vu-iterations',
      vus: CLIENTS,
      iterations: 1,
      maxDuration: `${WATCH_SECONDS + 60}s`,
      exec: 'watch',
    },
    shoppers: {
      executor: 'constant-arrival-rate',
      rate: 200 / REQUESTS_PER_JOURNEY,
      timeUnit: '1s',
      startTime: `${CONNECT_SECONDS}s`,
      duration: `${LOAD_SECONDS}s`,
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
    live_lag: ['p(95)<100', 'p(99)<250'],
  },
};

export const setup = () => ({ ...setupBook(20000), beganMs: Date.now() });
export const teardown = checkBook;
export const handleSummary = reportAs('live');

const userOf = (n) => `watched-${n % CLIENTS}`;

export function shop(data) {
  journey(data, userOf(exec.scenario.iterationInTest));
}

export function watch({ token, bookId, beganMs }) {
  const n = exec.scenario.iterationInTest;
  const userTopic = `user:${userOf(n)}`;
  const bookTopic = n < BOOK_CLIENTS ? `book:${bookId}` : null;
  const topics = bookTopic === null ? [userTopic] : [userTopic, bookTopic];
  /** By topic and code: the names of events, in the order of arrival. */
  const stories = { [userTopic]: {}, [bookTopic]: {} };
  setTimeout(() => connect(), (Math.random() * CONNECT_SECONDS * 1000) / 2);

  function connect() {
    const url = `${BASE.replace('http', 'ws')}/api/v1/events`;
    const socket = new WebSocket(url, null, { headers: { authorization: `Bearer ${token}` } });
    let isOver = false;
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'subscribe', topics }));
      setTimeout(
        () => {
          isOver = true;
          socket.close();
        },
        beganMs + WATCH_SECONDS * 1000 - Date.now(),
      );
    };
    socket.onmessage = ({ data }) => take(JSON.parse(data));
    socket.onclose = () => {
      hold(isOver, `the connection of ${userTopic} lasts`);
      if (isOver) compare();
    };
  }

  function take({ type, event, at, data, topics: ofEvent }) {
    if (type !== 'event' || data.code === undefined) return;
    received.add(1);
    lag.add(Date.now() - Date.parse(at));
    for (const topic of ofEvent) {
      const codes = stories[topic];
      codes[data.code] = codes[data.code] === undefined ? event : `${codes[data.code]} ${event}`;
    }
  }

  function compare() {
    const codes = get(token, 'check', `/users/${userOf(n)}/coupons?limit=1000`)
      .json('items')
      .map(({ code }) => code);
    holdStories(userTopic, codes.length);
    hold(
      codes.every((code) => stories[userTopic][code] !== undefined),
      `${userTopic} is told of each of its codes`,
    );
    if (bookTopic === null) return;
    const { redeemed } = get(token, 'check', `/coupon-books/${bookId}`).json('counts');
    holdStories(bookTopic, redeemed);
  }

  function holdStories(topic, count) {
    const told = Object.values(stories[topic]);
    hold(told.length === count, `${topic} is told of ${count} codes: ${told.length}`);
    hold(
      told.every((story) => story === STORY),
      `each event of ${topic} comes once and in order`,
    );
  }
}

/** All routes, in the one order in which they are counted, listed and described. */
import { preflightHeaders } from '../../server/cors.js';
import { compileRoute, type Route, type RouteSpec } from '../route.js';
import { bookRoutes } from './books.js';
import { campaignRoutes } from './campaigns.js';
import { checkoutRoutes } from './checkout.js';
import { codeRoutes } from './codes.js';
import { couponRoutes } from './coupons.js';
import { flashRoutes } from './flash.js';
import { jobRoutes } from './jobs.js';
import { liveRoutes } from './live.js';
import { olderRoutes } from './older.js';
import { operationRoutes } from './operation.js';
import { pageRoutes } from './pages.js';
import { promotionStatsRoutes } from './promotion-stats.js';
import { promotionRoutes } from './promotions.js';
import { reservationRoutes } from './reservations.js';
import { userRoutes } from './users.js';

const SPECS: readonly RouteSpec<unknown, unknown>[] = [
  ...bookRoutes,
  ...codeRoutes,
  ...jobRoutes,
  ...couponRoutes,
  ...promotionRoutes,
  ...promotionStatsRoutes,
  ...checkoutRoutes,
  ...reservationRoutes,
  ...campaignRoutes,
  ...flashRoutes,
  ...userRoutes,
  ...liveRoutes,
  ...operationRoutes,
  ...pageRoutes,
  ...olderRoutes,
];

export const ROUTES: readonly Route[] = SPECS.map(compileRoute);

/** For what no route matches. */
export const NO_ROUTE: Route = compileRoute(
  {
    id: 'noRoute',
    method: 'GET',
    path: '/*',
    tag: 'Operation',
    summary: '',
    access: 'public',
    answers: {},
    problems: ['not-found', 'method-not-allowed'],
    handle({ request, answer }) {
      const methods = methodsAt(request.url);
      if (methods.length === 0) return answer.problem('not-found', NOTHING_HERE);
      const allow = `\r\nAllow: ${methods.join(', ')}`;
      answer.problem('method-not-allowed', `This path has no ${request.method}.`, [], allow);
    },
  },
  ROUTES.length,
);

/** The question of a browser whether a page of an allowed origin may send a request. */
export const PREFLIGHT: Route = compileRoute(
  {
    id: 'preflight',
    method: 'GET',
    path: '/*',
    tag: 'Operation',
    summary: '',
    access: 'public',
    answers: {},
    problems: ['not-found'],
    handle({ request, answer }) {
      const methods = methodsAt(request.url);
      if (methods.length === 0) return answer.problem('not-found', NOTHING_HERE);
      answer.send(204, '', '', preflightHeaders(methods));
    },
  },
  ROUTES.length + 1,
);

/** What the threads' counters count, in their order. */
export const COUNTED_ROUTES: readonly { readonly method: string; readonly path: string }[] = [
  ...ROUTES,
  NO_ROUTE,
  { method: 'OPTIONS', path: PREFLIGHT.path },
];

const NOTHING_HERE = 'There is nothing at this path.';

const PATTERNS = ROUTES.map(({ method, path }) => ({
  method,
  path,
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
}));
const WORDS_ALONE: ReadonlySet<string> = new Set(ROUTES.map(({ path }) => path).filter((path) => !path.includes('{')));

/**
 * Methods that a path of words alone lacks, and that a path with a parameter in its place has:
 * `PATCH /coupons/apply` is no change of a promotion APPLY. `NO_ROUTE` answers them.
 */
export const LACKING: readonly Pick<Route, 'method' | 'path'>[] = [...WORDS_ALONE].flatMap((path) => {
  const own = methodsAt(path);
  const others = PATTERNS.filter(({ pattern, method }) => pattern.test(path) && !own.includes(method));
  return [...new Set(others.map(({ method }) => method))].map((method) => ({ method, path }));
});

function methodsAt(url: string): string[] {
  const isHere = WORDS_ALONE.has(url)
    ? ({ path }: { path: string }) => path === url
    : ({ pattern }: { pattern: RegExp }) => pattern.test(url);
  const methods = [...new Set(PATTERNS.filter(isHere).map(({ method }) => method))];
  return methods.includes('GET') ? ['HEAD', ...methods] : methods;
}

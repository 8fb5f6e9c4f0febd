/** All routes, in the one order in which they are counted, listed and described. */
import { compileRoute, type Route, type RouteSpec } from '../route.js';
import { bookRoutes } from './books.js';
import { checkoutRoutes } from './checkout.js';
import { codeRoutes } from './codes.js';
import { couponRoutes } from './coupons.js';
import { jobRoutes } from './jobs.js';
import { liveRoutes } from './live.js';
import { olderRoutes } from './older.js';
import { operationRoutes } from './operation.js';
import { pageRoutes } from './pages.js';
import { promotionRoutes } from './promotions.js';
import { userRoutes } from './users.js';

const SPECS: readonly RouteSpec<unknown, unknown>[] = [
  ...bookRoutes,
  ...codeRoutes,
  ...jobRoutes,
  ...couponRoutes,
  ...promotionRoutes,
  ...checkoutRoutes,
  ...userRoutes,
  ...liveRoutes,
  ...operationRoutes,
  ...pageRoutes,
  ...olderRoutes,
];

export const ROUTES: readonly Route[] = SPECS.map(compileRoute);

/** The last of the counted ones: for what no route matches. */
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
      if (methods.length === 0) return answer.problem('not-found', 'There is nothing at this path.');
      const allowed = methods.includes('GET') ? ['HEAD', ...methods] : methods;
      answer.problem(
        'method-not-allowed',
        `This path has no ${request.method}.`,
        [],
        `\r\nAllow: ${allowed.join(', ')}`,
      );
    },
  },
  ROUTES.length,
);

/** What the threads' counters count, in their order. */
export const COUNTED_ROUTES: readonly Route[] = [...ROUTES, NO_ROUTE];

const PATTERNS = ROUTES.map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
}));

function methodsAt(url: string): string[] {
  return [...new Set(PATTERNS.filter(({ pattern }) => pattern.test(url)).map(({ method }) => method))];
}

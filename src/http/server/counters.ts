/**
 * What the HTTP threads count, cheaply: each thread adds plain doubles to its own shared array, and
 * the metrics read all of them. No atomics: one writer each, and an aligned 64-bit read is never
 * torn where Node runs. prom-client's counters cost about a microsecond an increment and can't be
 * read from another thread.
 *
 *     [ scalars | per route: 2xx, 3xx, 4xx, 5xx | per route: histogram buckets, sum of seconds ]
 */
import { addToHistogram, histogramLength, histogramLines } from './histogram.js';

export const SCALARS = [
  'connections',
  'connectionsRefused',
  'inFlight',
  'aborted',
  'timedOut',
  'overloaded',
  'misses',
  'missesRefused',
  'signInsRefused',
  'tokensVerified',
  'tokensRefused',
  'uploadBytes',
] as const;
export type Scalar = (typeof SCALARS)[number];

const GAUGES: ReadonlySet<Scalar> = new Set(['connections', 'inFlight']);

/** Upper bounds of the latency buckets, seconds. */
const BUCKETS_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
] as const;

const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;
const ROUTE_LENGTH = STATUS_CLASSES.length + histogramLength(BUCKETS_SECONDS);

export interface Counters {
  add(scalar: Scalar, by: number): void;
  /** For gauges. */
  set(scalar: Scalar, value: number): void;
  /** `routeIndex` is the route's index in the table. */
  answered(routeIndex: number, status: number, ms: number): void;
}

/** How large the shared array of one thread has to be. */
export const countersBytes = (routeCount: number): number =>
  (SCALARS.length + routeCount * ROUTE_LENGTH) * Float64Array.BYTES_PER_ELEMENT;

export function createCounters(shared: SharedArrayBuffer): Counters {
  const values = new Float64Array(shared);
  const indexOf = Object.fromEntries(SCALARS.map((name, index) => [name, index])) as Record<Scalar, number>;
  return {
    add(scalar, by) {
      const at = indexOf[scalar];
      values[at] = (values[at] as number) + by;
    },
    set(scalar, value) {
      values[indexOf[scalar]] = value;
    },
    answered(routeIndex, status, ms) {
      const base = SCALARS.length + routeIndex * ROUTE_LENGTH;
      const ofClass = base + (status < 300 ? 0 : status < 400 ? 1 : status < 500 ? 2 : 3);
      values[ofClass] = (values[ofClass] as number) + 1;
      addToHistogram(values, base + STATUS_CLASSES.length, BUCKETS_SECONDS, ms / 1000);
    },
  };
}

/**
 * Prometheus text of all threads together. `routes` is the table that the threads serve, in its
 * order.
 */
export function renderCounters(
  threads: readonly SharedArrayBuffer[],
  routes: readonly { readonly method: string; readonly path: string }[],
): string {
  const arrays = threads.map((shared) => new Float64Array(shared));
  const total = (at: number): number => arrays.reduce((sum, values) => sum + (values[at] ?? 0), 0);
  const lines: string[] = [];
  SCALARS.forEach((scalar, at) => {
    const name = `clipbook_http_${snake(scalar)}${GAUGES.has(scalar) ? '' : '_total'}`;
    lines.push(`# TYPE ${name} ${GAUGES.has(scalar) ? 'gauge' : 'counter'}`, `${name} ${total(at)}`);
  });
  lines.push('# TYPE clipbook_http_requests_total counter');
  const served = routes.map((route, index) => ({ route, base: SCALARS.length + index * ROUTE_LENGTH }));
  for (const { route, base } of served) {
    STATUS_CLASSES.forEach((status, i) => {
      const count = total(base + i);
      if (count > 0) lines.push(`clipbook_http_requests_total{${labels(route)},status="${status}"} ${count}`);
    });
  }
  lines.push('# TYPE clipbook_http_request_seconds histogram');
  for (const { route, base } of served) {
    const at = base + STATUS_CLASSES.length;
    lines.push(...histogramLines('clipbook_http_request_seconds', labels(route), BUCKETS_SECONDS, at, total));
  }
  return `${lines.join('\n')}\n`;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const labels = (route: { readonly method: string; readonly path: string }): string =>
  `method="${route.method}",route="${route.path}"`;

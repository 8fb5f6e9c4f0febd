/**
 * What the live updates of an HTTP thread count, in a shared array that the metrics read, as
 * server/counters.ts does it for requests.
 *
 *     [ scalars | histogram of the lag: buckets, sum of seconds ]
 */
import { addToHistogram, histogramLength, histogramLines } from '../server/histogram.js';

const SCALARS = [
  { name: 'connections', metric: 'clipbook_live_connections', type: 'gauge' },
  { name: 'subscriptions', metric: 'clipbook_live_subscriptions', type: 'gauge' },
  { name: 'sent', metric: 'clipbook_live_events_sent_total', type: 'counter' },
  { name: 'cut', metric: 'clipbook_live_readers_cut_total', type: 'counter' },
  { name: 'ring', metric: 'clipbook_live_resumes_total{source="ring"}', type: 'counter' },
  { name: 'journal', metric: 'clipbook_live_resumes_total{source="journal"}', type: 'counter' },
  { name: 'audit', metric: 'clipbook_live_resumes_total{source="audit"}', type: 'counter' },
] as const;
type Scalar = (typeof SCALARS)[number]['name'];

/** Upper bounds of the buckets, seconds. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const LAG = SCALARS.length;

/** Bytes of the array of one thread. */
export const LIVE_COUNTERS_BYTES = (LAG + histogramLength(BUCKETS_SECONDS)) * Float64Array.BYTES_PER_ELEMENT;

export interface LiveCounters {
  add(scalar: Scalar, by: number): void;
  /** For gauges. */
  set(scalar: Scalar, value: number): void;
  /** The time from the change to the send, ms. */
  lag(ms: number): void;
}

export function createLiveCounters(shared: SharedArrayBuffer): LiveCounters {
  const values = new Float64Array(shared);
  const indexOf = Object.fromEntries(SCALARS.map(({ name }, index) => [name, index])) as Record<Scalar, number>;
  return {
    add(scalar, by) {
      const at = indexOf[scalar];
      values[at] = (values[at] as number) + by;
    },
    set(scalar, value) {
      values[indexOf[scalar]] = value;
    },
    lag(ms) {
      addToHistogram(values, LAG, BUCKETS_SECONDS, Math.max(0, ms / 1000));
    },
  };
}

/** All HTTP threads together, as Prometheus text. */
export function renderLiveMetrics(threads: readonly SharedArrayBuffer[]): string {
  const arrays = threads.map((shared) => new Float64Array(shared));
  const total = (at: number): number => arrays.reduce((sum, values) => sum + (values[at] ?? 0), 0);
  const lines: string[] = [];
  let named = '';
  for (const [at, { metric, type }] of SCALARS.entries()) {
    const [name = ''] = metric.split('{');
    if (name !== named) lines.push(`# TYPE ${name} ${type}`);
    named = name;
    lines.push(`${metric} ${total(at)}`);
  }
  lines.push('# TYPE clipbook_live_lag_seconds histogram');
  lines.push(...histogramLines('clipbook_live_lag_seconds', '', BUCKETS_SECONDS, LAG, total));
  return `${lines.join('\n')}\n`;
}

/**
 * What the main thread needs to know of the HTTP threads' counters. Importing it does not load
 * uWebSockets.js.
 */

import { COUNTED_ROUTES } from '../api/routes/table.js';
import { countersBytes, renderCounters } from './counters.js';

/** Bytes of the shared array that one HTTP thread counts in. */
export const HTTP_COUNTERS_BYTES = countersBytes(COUNTED_ROUTES.length);

/** All HTTP threads together, as Prometheus text. */
export const renderHttpMetrics = (threads: readonly SharedArrayBuffer[]): string =>
  renderCounters(threads, COUNTED_ROUTES);

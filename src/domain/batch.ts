/** A batch of codes before it is live: who brings it, and what is in it. */
import type { BatchContent, CounterRange } from '../records/batch-content.js';
import type { OpenBatch } from '../records/batches.js';

export type { BatchContent, CounterRange, OpenBatch };

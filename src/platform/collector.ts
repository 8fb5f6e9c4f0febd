/**
 * Starts a garbage collection, now.
 *
 * Gain: 70 MB of memory per rebuild of a shard thread's state (three million codes).
 * Switch: `collector` (work-arounds.ts).
 *
 * V8 collects when enough counted memory was allocated, and it does not count the tables of codes
 * (uncounted-memory.ts). Without this call a dropped state of hundreds of megabytes would stay
 * until something else made V8 collect.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isOn } from './work-arounds.js';

/** For the thread that calls it: takes about as long as its heap has megabytes, in milliseconds. */
export function createCollector(): () => void {
  if (!isOn('collector')) return () => undefined;
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

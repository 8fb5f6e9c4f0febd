/**
 * Frees what nothing refers to any more, now. V8 collects by what it counts, and the tables of
 * codes it does not count (src/tables/memory.ts): a state of hundreds of megabytes that was thrown
 * away would stay until something else made it look.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** For the thread that calls it: takes about as long as its heap has megabytes, in milliseconds. */
export function createCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

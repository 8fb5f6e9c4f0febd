import { randomBytes } from 'node:crypto';

/**
 * Ids for requests that bring none: random for each thread and start, then a counter. Unique, in
 * the order of arrival, and a few nanoseconds each; that they can be foreseen does not matter.
 */
export function createRequestIds(): () => string {
  const prefix = `${randomBytes(6).toString('hex')}-`;
  let count = 0;
  return () => prefix + (count++).toString(36);
}

/**
 * The idempotency key under which a job opens its batch and makes it live: `job`, the id of the
 * job, and the caller's own key if there is one. It contains a space, which no key of a caller can.
 * The journal has it, so a job that PostgreSQL does not know any more can be told from it
 * (refill.ts).
 */
const JOB_KEY = 'job ';

export interface JobName {
  readonly id: string;
  /** The caller's key; null: there was none, or an earlier version did not note it. */
  readonly callerKey: string | null;
}

export const jobKey = ({ id, callerKey }: JobName): string =>
  callerKey === null ? JOB_KEY + id : `${JOB_KEY}${id} ${callerKey}`;

/** Null: it is a caller's key, or none. */
export function jobOfKey(key: string | null): JobName | null {
  if (key?.startsWith(JOB_KEY) !== true) return null;
  const [id = '', callerKey = null] = key.slice(JOB_KEY.length).split(' ');
  return { id, callerKey };
}

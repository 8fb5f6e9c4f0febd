/**
 * The idempotency key under which a job opens its batch and makes it live. It contains a space,
 * which no key of a caller can.
 */
const JOB_KEY = 'job ';

export const jobKey = (jobId: string): string => JOB_KEY + jobId;

/** Null: it is a caller's key, or none. */
export const jobOfKey = (key: string | null): string | null =>
  key?.startsWith(JOB_KEY) === true ? key.slice(JOB_KEY.length) : null;

/** The messages of a live connection, as JSON text. */
import type { FieldError } from '../api/problem.js';

export const eventMessage = (topics: readonly string[], cursor: string, text: string): string =>
  `{"type":"event","topics":${JSON.stringify(topics)},"cursor":"${cursor}",${text}}`;

/** A hint has no position, and is never sent again. */
export const hintMessage = (topic: string, event: string, at: string, data: object): string =>
  JSON.stringify({ type: 'event', topics: [topic], event, at, data });

/** `event`, `at` and `data` of an event that no journal has. */
export const eventText = (event: string, at: string, data: object): string =>
  `"event":"${event}","at":"${at}","data":${JSON.stringify(data)}`;

export const subscribedMessage = (topics: readonly string[], cursor: string): string =>
  JSON.stringify({ type: 'subscribed', topics, cursor });

export const unsubscribedMessage = (topics: readonly string[], cursor: string): string =>
  JSON.stringify({ type: 'unsubscribed', topics, cursor });

export const snapshotMessage = (topic: string, cursor: string, data: unknown): string =>
  JSON.stringify({ type: 'snapshot', topic, cursor, data });

export const EXPIRED = JSON.stringify({
  type: 'expired',
  detail: 'What came after this cursor can not be told any more. Subscribe with "snapshot": true.',
});
export const LAGGED = JSON.stringify({
  type: 'lagged',
  detail: 'This client reads too slowly. Connect again and resume with the last cursor.',
});
export const AUTHENTICATED = JSON.stringify({ type: 'authenticated' });

export const LIVE_ERROR_CODES = [
  'not-json',
  'invalid-message',
  'invalid-topic',
  'bad-cursor',
  'since-and-snapshot',
  'since-too-late',
  'too-many-topics',
  'too-many-messages',
  'unavailable',
] as const;

export type LiveErrorCode = (typeof LIVE_ERROR_CODES)[number];

export const errorMessage = (code: LiveErrorCode, detail: string, errors: readonly FieldError[] = []): string =>
  JSON.stringify({ type: 'error', code, detail, ...(errors.length === 0 ? {} : { errors }) });

/** Codes that a WebSocket is closed with. */
export const CLOSE = {
  goingAway: 1001,
  tryAgainLater: 1013,
  badMessage: 4000,
  unauthenticated: 4401,
  tooMany: 4029,
  lagged: 4008,
} as const;

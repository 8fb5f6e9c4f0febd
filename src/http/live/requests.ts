/** What a client sends over a WebSocket. */
import { z } from 'zod';
import { fieldErrors } from '../exchange/validation.js';
import { errorMessage } from './messages.js';

const topics = z.array(z.string().min(1).max(256)).min(1).max(1000);

/** By `type`. */
export const clientMessages = {
  auth: z.strictObject({ type: z.literal('auth'), token: z.string().min(1).max(8192) }),
  subscribe: z.strictObject({
    type: z.literal('subscribe'),
    topics,
    since: z.string().max(8192).nullable().default(null),
    snapshot: z.boolean().default(false),
  }),
  unsubscribe: z.strictObject({ type: z.literal('unsubscribe'), topics }),
} as const;

const message = z.discriminatedUnion('type', [
  clientMessages.auth,
  clientMessages.subscribe,
  clientMessages.unsubscribe,
]);

export type ClientMessage = z.output<typeof message>;

/** Null: it is not JSON. `error`: the message that says what is wrong. */
export function readMessage(text: string): ClientMessage | { readonly error: string } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = message.safeParse(value);
  if (parsed.success) return parsed.data;
  return { error: errorMessage('invalid-message', 'The message is not understood.', fieldErrors(parsed.error)) };
}

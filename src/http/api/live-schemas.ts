/** Bodies and queries of live updates. The messages themselves are in `/asyncapi.json`. */
import { z } from 'zod';
import { TOPIC, TOPICS } from '../live/topics.js';

const NO_TOPIC = 'Not a topic: book:ID, code:CODE, user:ID, promotion:ID, campaign:ID or job:ID';

const topic = z
  .string()
  .regex(TOPIC, NO_TOPIC)
  .meta({
    description: '`book:ID`, `code:CODE`, `user:ID`, `promotion:ID`, `campaign:ID` or `job:ID`',
    examples: ['user:ada'],
  });

export const ticketInput = z.strictObject({ topics: z.array(topic).min(1).max(50) });
export const ticketOut = z.strictObject({
  ticket: z.string().describe('For `?ticket=` of `GET /api/v1/events/sse`'),
  expiresAt: z.iso.datetime(),
});
export const streamQuery = z.strictObject({
  topics: z
    .string()
    .max(8_000)
    .regex(TOPICS, NO_TOPIC)
    .optional()
    .describe('Separated by commas. With a ticket: some of its topics; all of them if it is left out'),
  since: z.string().max(4_096).optional().describe('A cursor: what came after it is sent first'),
  snapshot: z.boolean().optional().describe('The state of each topic is sent first'),
  ticket: z.string().max(8_000).optional().describe('From `POST /api/v1/events/tickets`'),
});
export const eventStream = z
  .looseObject({
    id: z.string().optional().describe('The cursor after this event'),
    data: z.string().describe('A message of `/asyncapi.json`'),
  })
  .describe('The fields of each Server-Sent Event');

/**
 * The AsyncAPI 3.0 description of live updates, made from the declarations of events and from the
 * schemas that check what clients send. Tests compare real messages with it.
 */
import { type Json, messageSchema } from '../api/openapi-schemas.js';
import { eventSchemas, serverMessages } from './message-schemas.js';
import { clientMessages } from './requests.js';

const INTRODUCTION = `Locks, redemptions and other changes as they happen, over WebSocket or as Server-Sent Events.

An event is sent when it is durable, in the order of its shard, so in the order of its book. Each carries a **cursor**.
A client that connects again sends the last one and gets what it missed, without gap or repeat.`;

const ABOUT_CLIENT: Readonly<Record<keyof typeof clientMessages, string>> = {
  auth: 'The first message where neither the header nor the subprotocol has a token. Later: a newer token.',
  subscribe: 'Adds topics. `since` (a cursor) only with the first topics of a connection, and not with `snapshot`.',
  unsubscribe: 'Takes topics away.',
};

const ABOUT_SERVER: Readonly<Record<keyof typeof serverMessages, string>> = {
  authenticated: 'The token was accepted.',
  subscribed: 'Answers `subscribe`, also for topics that do not exist or that the caller may not see.',
  unsubscribed: 'Answers `unsubscribe`.',
  snapshot: 'The state of a topic at the cursor. It comes before all events of the topic.',
  expired: 'What came after the cursor is not kept any more. Subscribe with `snapshot`.',
  lagged: 'The client reads too slowly. The connection is closed with 4008; resume with the last cursor.',
  error: 'The last message was refused, and changed nothing.',
};

export function describeLive(version: string): Json {
  const fromClient = Object.entries(clientMessages).map(
    ([name, schema]) =>
      [name, message(name, ABOUT_CLIENT[name as keyof typeof clientMessages], messageSchema(schema, 'input'))] as const,
  );
  const toAll = Object.entries(serverMessages).map(
    ([name, schema]) =>
      [
        name,
        message(name, ABOUT_SERVER[name as keyof typeof serverMessages], messageSchema(schema, 'output')),
      ] as const,
  );
  const events = eventSchemas.map(
    ({ name, about, schema }) => [idOf(name), message(name, about, messageSchema(schema, 'output'))] as const,
  );
  const fromServer = [...toAll, ...events].map(([id]) => id);
  const streamed = fromServer.filter((id) => !['authenticated', 'unsubscribed', 'lagged'].includes(id));
  const socket = [...fromClient.map(([id]) => id), ...fromServer];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Clipbook, live updates',
      version,
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { socket: server('ws', [BEARER]), stream: server('http', [BEARER, TICKET]) },
    channels: {
      events: channel('/api/v1/events', 'socket', socket, {
        description: 'A WebSocket. Browsers send the token in the subprotocols `bearer, <token>` or in a message.',
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      }),
      stream: channel('/api/v1/events/sse', 'stream', streamed, {
        description:
          'Server-Sent Events: `id` is the cursor, `data` the message. `?topics=a,b`, and `Last-Event-ID`, `?since` or `?snapshot=true`.',
      }),
    },
    operations: {
      receiveRequests: operation(
        'receive',
        'events',
        fromClient.map(([id]) => id),
      ),
      sendMessages: operation('send', 'events', fromServer),
      streamMessages: operation('send', 'stream', streamed),
    },
    components: {
      messages: Object.fromEntries([...fromClient, ...toAll, ...events]),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: '`accessToken` of the answer of `POST /api/v1/auth/token`.',
        },
        ticket: {
          type: 'httpApiKey',
          in: 'query',
          name: 'ticket',
          description: '`ticket` of the answer of `POST /api/v1/events/tickets`.',
        },
      },
    },
  };
}

const BEARER = { $ref: '#/components/securitySchemes/bearer' };
const TICKET = { $ref: '#/components/securitySchemes/ticket' };

const server = (protocol: string, security: readonly Json[]): Json => ({
  host: '{host}',
  protocol,
  description: `This server; \`${protocol}s\` behind a proxy with TLS`,
  variables: { host: { default: '127.0.0.1:3000' } },
  security,
});

const channel = (address: string, serverName: string, ids: readonly string[], about: Json): Json => ({
  address,
  servers: [{ $ref: `#/servers/${serverName}` }],
  ...about,
  messages: Object.fromEntries(ids.map((id) => [id, { $ref: `#/components/messages/${id}` }])),
});

const operation = (action: 'send' | 'receive', channelName: string, ids: readonly string[]): Json => ({
  action,
  channel: { $ref: `#/channels/${channelName}` },
  messages: ids.map((id) => ({ $ref: `#/channels/${channelName}/messages/${id}` })),
});

const message = (name: string, summary: string, payload: Json): Json => ({ name, summary, payload });

/** Dots are not allowed in the ids of some tools. */
const idOf = (event: string): string => event.replace('.', '_');

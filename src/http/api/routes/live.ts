/** Live updates: docs/contract.md, "Live updates". WebSockets are served by live/socket.ts. */
import type { Exchange } from '../../exchange/exchange.js';
import { isoTime } from '../../fast/iso-time.js';
import type { Account } from '../../live/client.js';
import { streamEvents } from '../../live/sse.js';
import * as schemas from '../live-schemas.js';
import { ANY_ROLE, type RouteSpec, route } from '../route.js';

const TAG = 'Live updates';
const TOO_MANY = 'There are too many live connections.';

/** An ordinary request to a path of WebSockets. `/asyncapi.json` describes the real ones. */
const ordinaryRequest = (id: string, path: string): RouteSpec<unknown, unknown> =>
  route({
    id,
    method: 'GET',
    path,
    tag: TAG,
    summary: 'Live events over WebSocket',
    asset: true,
    access: 'public',
    answers: {},
    problems: ['upgrade-required'],
    handle({ answer }) {
      answer.problem('upgrade-required', 'This path is for WebSockets.', [], '\r\nUpgrade: websocket');
    },
  });

const createTicket = route({
  id: 'createTicket',
  method: 'POST',
  path: '/api/v1/events/tickets',
  tag: TAG,
  summary: 'A ticket for live events, for the URL of an EventSource',
  description:
    'It opens connections to these topics for ten minutes. No connection outlives the token that the ticket was made with.',
  access: ANY_ROLE,
  changesNothing: true,
  body: schemas.ticketInput,
  answers: { 201: { description: 'The ticket', schema: schemas.ticketOut } },
  problems: [],
  handle({ services, caller, answer, work }, { topics }) {
    const account = caller.account();
    if (account === null) throw new Error('a ticket without an account');
    work.run(async () => {
      const { ticket, expiresMs } = await services.tickets.sign({ ...account, topics }, services.nowMs());
      answer.json(201, JSON.stringify({ ticket, expiresAt: isoTime(expiresMs) }));
    });
  },
});

const stream = route({
  id: 'streamEvents',
  method: 'GET',
  path: '/api/v1/events/sse',
  tag: TAG,
  summary: 'Live events as Server-Sent Events',
  description:
    'Needs a token in the `Authorization` header, or a ticket. Each `data` is a message as over WebSocket (`/asyncapi.json`), and each `id` a cursor. `Last-Event-ID` is stronger than `since` and `snapshot`.',
  access: 'public',
  takesToken: true,
  negotiates: true,
  query: schemas.streamQuery,
  answers: { 200: { description: 'The events', schema: schemas.eventStream, type: 'text/event-stream' } },
  problems: ['unauthenticated', 'forbidden', 'bad-cursor', 'overloaded', 'draining'],
  handle(exchange, _body, query) {
    exchange.work.run(() => openStream(exchange, query));
  },
});

interface StreamQuery {
  readonly topics?: string | undefined;
  readonly since?: string | undefined;
  readonly snapshot?: boolean | undefined;
  readonly ticket?: string | undefined;
}

async function openStream(exchange: Exchange, { topics: given, since, snapshot, ticket }: StreamQuery): Promise<void> {
  const { services, caller, answer, request } = exchange;
  let account: Account | null = caller.account();
  let topics = given === undefined ? [] : given.split(',');
  if (!caller.hasToken && ticket !== undefined) {
    const found = await services.tickets.verify(ticket, services.nowMs());
    if (found === null || services.tokens.isOver(found, services.nowMs()))
      return answer.unauthenticated('The ticket is not valid, or not any more.');
    if (topics.some((name) => !found.topics.includes(name)))
      return answer.problem('forbidden', 'The ticket is for other topics.');
    account = found;
    if (topics.length === 0) topics = [...found.topics];
  }
  if (account === null) return answer.unauthenticated(caller.tokenFault ?? 'This needs an access token.');
  if (topics.length === 0) return answer.invalid([{ path: 'topics', message: 'At least one topic is needed' }]);
  const resumeAt = request.lastEventId === '' ? (since ?? null) : request.lastEventId;
  if (resumeAt !== null && services.live.cursors.decode(resumeAt) === null)
    return answer.problem('bad-cursor', 'This is not a cursor of live events.');
  if (services.isDraining()) return answer.retryLater('draining', 'The server stops.', 1000);
  if (!services.live.mayConnect(account.caller)) return answer.retryLater('overloaded', TOO_MANY, 1000);
  streamEvents(exchange, account, { topics, since: resumeAt, snapshot: resumeAt === null && snapshot === true });
}

export const liveRoutes: readonly RouteSpec<unknown, unknown>[] = [
  ordinaryRequest('openSocket', '/api/v1/events'),
  ordinaryRequest('openSocketAtRoot', '/events'),
  createTicket,
  stream,
];

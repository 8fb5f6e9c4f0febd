/**
 * The HTTP side of both peers: Fastify as its authors would have it. Bodies are validated and
 * answers serialized by compiled schemas, the logger is off, and a token is verified once and its
 * verdict remembered, as Clipbook does.
 */
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { createTokenCheck } from './token-check.js';

/** What a peer keeps its codes in. */
export interface PeerStore {
  assign(bookId: string, userId: string): Promise<Assigned | Refused>;
  redeem(code: string, userId: string): Promise<Redeemed | Refused>;
  close(): Promise<void>;
}

export interface Assigned {
  readonly kind: 'assigned';
  readonly code: string;
  readonly atMs: number;
}

export interface Redeemed {
  readonly kind: 'redeemed';
  readonly redemptionId: string;
  readonly atMs: number;
}

export interface Refused {
  readonly kind: 'noBook' | 'notActive' | 'noneAvailable' | 'noCode' | 'usedUp';
}

const REFUSALS: Readonly<Record<Refused['kind'], { readonly status: number; readonly title: string }>> = {
  noBook: { status: 404, title: 'No such coupon book' },
  notActive: { status: 400, title: 'The coupon book is not active' },
  noneAvailable: { status: 404, title: 'No code is available' },
  noCode: { status: 404, title: 'No such code' },
  usedUp: { status: 423, title: 'The code is used up' },
};

const TEXT = { type: 'string' } as const;
const USER_ID = { type: 'string', minLength: 1, maxLength: 128 } as const;

const ASSIGN = {
  body: {
    type: 'object',
    required: ['couponBookId', 'userId'],
    additionalProperties: false,
    properties: { couponBookId: { type: 'string', pattern: '^[0-9a-f-]{36}$' }, userId: USER_ID },
  },
  response: {
    200: { type: 'object', properties: { couponBookId: TEXT, code: TEXT, userId: TEXT, assignedAt: TEXT } },
  },
} as const;

const REDEEM = {
  params: {
    type: 'object',
    properties: { code: { type: 'string', minLength: 3, maxLength: 64, pattern: '^[A-Z0-9_.-]+$' } },
  },
  body: {
    type: 'object',
    required: ['userId'],
    additionalProperties: false,
    properties: { userId: USER_ID },
  },
  response: {
    200: {
      type: 'object',
      properties: {
        code: TEXT,
        userId: TEXT,
        redemptionId: TEXT,
        redeemedAt: TEXT,
        redemptionCount: { type: 'integer' },
        remaining: { type: 'integer' },
      },
    },
  },
} as const;

export function createService(store: PeerStore, jwtSecret: string): FastifyInstance {
  // Keeps no list of what comes in: a closed server is not waited for.
  const app = Fastify({ logger: false, forceCloseConnections: true });
  const checkToken = createTokenCheck(jwtSecret);

  app.addHook('onRequest', async (request, reply) => {
    if (await checkToken(request.headers.authorization ?? '')) return;
    await reply.code(401).send({ status: 401, title: 'The access token is not valid' });
  });

  app.post<{ Body: { couponBookId: string; userId: string } }>(
    '/api/v1/coupons/assign',
    { schema: ASSIGN },
    async ({ body: { couponBookId, userId } }, reply) => {
      const outcome = await store.assign(couponBookId, userId);
      if (outcome.kind !== 'assigned') return refuse(reply, outcome);
      return { couponBookId, code: outcome.code, userId, assignedAt: isoTime(outcome.atMs) };
    },
  );

  app.post<{ Params: { code: string }; Body: { userId: string } }>(
    '/api/v1/coupons/:code/redeem',
    { schema: REDEEM },
    async ({ params: { code }, body: { userId } }, reply) => {
      const outcome = await store.redeem(code, userId);
      if (outcome.kind !== 'redeemed') return refuse(reply, outcome);
      const { redemptionId, atMs } = outcome;
      return { code, userId, redemptionId, redeemedAt: isoTime(atMs), redemptionCount: 1, remaining: 0 };
    },
  );

  return app;
}

function refuse(reply: FastifyReply, { kind }: Refused): FastifyReply {
  const { status, title } = REFUSALS[kind];
  return reply.code(status).type('application/problem+json').send({ status, title });
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

/** Accounts and tokens: docs/contract.md, section 7. */
import type { Account } from '../../../engine/engine.js';
import type { Exchange } from '../../exchange/exchange.js';
import { ANY_ROLE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';

const TAG = 'Users and tokens';

const signIn = route({
  id: 'signIn',
  method: 'POST',
  path: '/api/v1/auth/token',
  tag: TAG,
  summary: 'Get an access token',
  access: 'public',
  changesNothing: true,
  body: schemas.credentials,
  answers: { 200: { description: 'The token', schema: schemas.tokenOut } },
  problems: ['wrong-credentials', 'too-many-sign-ins'],
  handle(exchange, { email, password }) {
    // Compared without case, as the store does.
    exchange.work.run(() => signInAtItsTurn(exchange, email.toLowerCase(), exchange.caller.address(), password));
  },
});

async function signInAtItsTurn(exchange: Exchange, email: string, address: string, password: string): Promise<void> {
  const end = await exchange.services.signIns.turns.take(address, email);
  if (end === null) return refuse(exchange, 1000);
  try {
    if (!exchange.isOver) await answerSignIn(exchange, email, address, password);
  } finally {
    end();
  }
}

/**
 * A right password is right whatever was tried before. Only wrong ones are limited, so that nobody
 * locks others out.
 */
async function answerSignIn(exchange: Exchange, email: string, address: string, password: string): Promise<void> {
  const { control, tokens, signIns, tokenTtlSeconds } = exchange.services;
  const nowMs = exchange.services.nowMs();
  const untilMs = Math.max(signIns.ofEmail.blockedUntil(email, nowMs), signIns.ofAddress.blockedUntil(address, nowMs));
  // Counted before it is known, so that tries at once don't get past the limit; a success is no
  // try.
  signIns.ofEmail.add(email, nowMs);
  signIns.ofAddress.add(address, nowMs);
  const account = await control.signIn(email, password);
  if (account === null) {
    if (untilMs > 0) return refuse(exchange, untilMs - exchange.services.nowMs());
    const headers = '\r\nWWW-Authenticate: Bearer realm="clipbook"';
    return exchange.answer.problem('wrong-credentials', 'Wrong email or password.', [], headers);
  }
  signIns.ofEmail.forgive(email);
  signIns.ofAddress.forgive(address);
  const accessToken = await tokens.sign(account, exchange.services.nowMs());
  exchange.answer.json(200, JSON.stringify({ accessToken, tokenType: 'Bearer', expiresIn: tokenTtlSeconds }));
}

function refuse(exchange: Exchange, afterMs: number): void {
  exchange.services.counters.add('signInsRefused', 1);
  exchange.answer.retryLater('too-many-sign-ins', 'Too many wrong passwords, or too many sign-ins at once.', afterMs);
}

const createUser = route({
  id: 'createUser',
  method: 'POST',
  path: '/api/v1/users',
  tag: TAG,
  summary: 'Make an account',
  access: ['admin'],
  body: schemas.accountInput,
  answers: { 201: { description: 'The account', schema: schemas.accountOut } },
  problems: ['already-exists', 'not-possible'],
  handle({ services, answer, work }, { email, password, role }) {
    work.run(async () => {
      const account = await services.control.createUser(email, password, role);
      if (account === null) answer.problem('already-exists', 'An account with this email exists already.');
      else answer.json(201, accountJson(account));
    });
  },
});

const me = route({
  id: 'getMe',
  method: 'GET',
  path: '/api/v1/auth/me',
  tag: TAG,
  summary: 'Whose token this is',
  access: ANY_ROLE,
  answers: { 200: { description: 'The account', schema: schemas.accountOut } },
  problems: [],
  handle({ services, caller, answer, work }) {
    work.run(async () => {
      const account = await services.control.accountById(caller.id);
      if (account === null) answer.problem('unauthenticated', 'The account of this token is gone.', [], NOT_ANY_MORE);
      else answer.json(200, accountJson(account));
    });
  },
});

const NOT_ANY_MORE = '\r\nWWW-Authenticate: Bearer realm="clipbook", error="invalid_token"';

const accountJson = ({ id, email, role }: Account): string => JSON.stringify({ id, email, role });

export const userRoutes: readonly RouteSpec<unknown, unknown>[] = [signIn, createUser, me];

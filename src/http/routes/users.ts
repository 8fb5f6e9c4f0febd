/** Accounts and tokens. Section 8 of the contract. */
import type { Account } from '../../actor/engine.js';
import type { Exchange } from '../exchange.js';
import { type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';

const TAG = 'Users and tokens';

const signIn = route({
  id: 'signIn',
  method: 'POST',
  path: '/api/v1/auth/token',
  tag: TAG,
  summary: 'Get an access token',
  access: 'public',
  body: schemas.credentials,
  answers: { 200: { description: 'The token', schema: schemas.tokenOut } },
  problems: ['wrong-credentials', 'too-many-sign-ins'],
  handle(x, { email, password }) {
    const { signIns } = x.services;
    const nowMs = x.services.nowMs();
    // Compared without case, as the store does.
    const name = email.toLowerCase();
    const address = x.address();
    const untilMs = Math.max(signIns.ofEmail.blockedUntil(name, nowMs), signIns.ofAddress.blockedUntil(address, nowMs));
    if (untilMs > 0) return refuse(x, untilMs - nowMs);
    if (!signIns.slots.take()) return refuse(x, 1000);
    x.run(async () => {
      try {
        await answerSignIn(x, name, address, password);
      } finally {
        signIns.slots.giveBack();
      }
    });
  },
});

async function answerSignIn(x: Exchange, email: string, address: string, password: string): Promise<void> {
  const { control, tokens, signIns, tokenTtlSeconds } = x.services;
  // Counted before it is known, so that tries at once don't get past the limit; a success is no try.
  signIns.ofEmail.add(email, x.services.nowMs());
  signIns.ofAddress.add(address, x.services.nowMs());
  const account = await control.signIn(email, password);
  if (account === null) {
    const headers = '\r\nWWW-Authenticate: Bearer realm="clipbook"';
    return x.problem('wrong-credentials', 'Email and password do not belong together.', [], headers);
  }
  signIns.ofEmail.forgive(email);
  signIns.ofAddress.forgive(address);
  const accessToken = await tokens.sign(account, Date.now());
  x.json(200, JSON.stringify({ accessToken, tokenType: 'Bearer', expiresIn: tokenTtlSeconds }));
}

function refuse(x: Exchange, afterMs: number): void {
  x.services.counters.add('signInsRefused', 1);
  x.retryLater('too-many-sign-ins', 'Too many attempts to sign in.', afterMs);
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
  handle(x, { email, password, role }) {
    x.run(async () => {
      const account = await x.services.control.createUser(email, password, role);
      if (account === null) x.problem('already-exists', 'An account with this email exists already.');
      else x.json(201, accountJson(account));
    });
  },
});

const me = route({
  id: 'getMe',
  method: 'GET',
  path: '/api/v1/auth/me',
  tag: TAG,
  summary: 'Whose token this is',
  access: ['admin', 'service', 'user'],
  answers: { 200: { description: 'The account', schema: schemas.accountOut } },
  problems: [],
  handle(x) {
    x.run(async () => {
      const account = await x.services.control.accountById(x.caller);
      if (account === null) x.problem('unauthenticated', 'The account of this token is gone.', [], NOT_ANY_MORE);
      else x.json(200, accountJson(account));
    });
  },
});

const NOT_ANY_MORE = '\r\nWWW-Authenticate: Bearer realm="clipbook", error="invalid_token"';

const accountJson = ({ id, email, role }: Account): string => JSON.stringify({ id, email, role });

export const userRoutes: readonly RouteSpec<unknown, unknown>[] = [signIn, createUser, me];

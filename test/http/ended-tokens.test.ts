/**
 * Tokens that are not valid any more: by the repair of their account, or by the name that they
 * carry.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Account, EndedTokens } from '../../src/engine/engine.js';
import { createTokens, type TokenCheck, type Tokens } from '../../src/http/exchange/auth.js';
import { ADMIN, USER } from './memory-parts.js';
import { serve, TOKENS } from './serve.js';

const check = (tokens: Tokens, header: string, nowMs: number): Promise<TokenCheck | null> =>
  new Promise((resolve) => tokens.verify(header, nowMs, resolve));

const bearer = async (account: Account, nowMs: number): Promise<string> =>
  `Bearer ${await createTokens(TOKENS).sign(account, nowMs)}`;

const ending = (accountId: string, before: number | null): EndedTokens[] => [{ accountId, before }];

describe('a repair of an account', () => {
  it('ends its earlier tokens, remembered or not, and no later one', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    const [old, young, other] = await Promise.all([
      bearer(ADMIN, nowMs),
      bearer({ ...ADMIN, generation: 1 }, nowMs),
      bearer(USER, nowMs),
    ]);
    for (const header of [old, young, other]) assert.equal((await check(tokens, header, nowMs))?.ok, true);
    assert.equal(tokens.remembered(old, nowMs)?.ok, true);
    tokens.end(ending(ADMIN.id, 1));
    assert.equal(tokens.remembered(old, nowMs), null);
    assert.equal((await check(tokens, old, nowMs))?.ok, false);
    assert.equal(tokens.remembered(old, nowMs)?.ok, false);
    assert.equal((await check(tokens, young, nowMs))?.ok, true);
    assert.equal(tokens.remembered(other, nowMs)?.ok, true);
  });

  it('that disables it ends all of its tokens, and refused tokens are verified again when it is enabled', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    const header = await bearer({ ...ADMIN, generation: 2 }, nowMs);
    tokens.end(ending(ADMIN.id, null));
    assert.equal((await check(tokens, header, nowMs))?.ok, false);
    tokens.end(ending(ADMIN.id, 2));
    assert.equal(tokens.remembered(header, nowMs), null);
    assert.equal((await check(tokens, header, nowMs))?.ok, true);
  });

  it('counts for a token that is being verified', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    const header = await bearer(ADMIN, nowMs);
    const checked = check(tokens, header, nowMs);
    tokens.end(ending(ADMIN.id, 1));
    assert.equal((await checked)?.ok, false);
  });

  it('is answered with 401, as any token that is not valid', async (t) => {
    const served = await serve();
    t.after(() => served.stop());
    assert.equal((await served.call('GET', '/api/v1/coupon-books', { as: ADMIN })).status, 200);
    served.server.endTokens(ending(ADMIN.id, 1));
    const answer = await served.call('GET', '/api/v1/coupon-books', { as: ADMIN });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="clipbook", error="invalid_token"');
  });
});

describe('a token of a seeded login', () => {
  const emails = ['admin@admin.com', 'ADMIN@Admin.com', 'User@user.com'];

  it('is refused in production by the name that it carries, whichever database issued it', async () => {
    const tokens = createTokens({ ...TOKENS, refusesSeeded: true });
    const nowMs = Date.now();
    for (const [n, email] of emails.entries()) {
      const header = await bearer({ id: `unknown-${n}`, email, role: 'admin' }, nowMs);
      assert.equal((await check(tokens, header, nowMs))?.ok, false, email);
    }
    const header = await bearer({ id: 'ada', email: 'ada@shop.example', role: 'admin' }, nowMs);
    assert.equal((await check(tokens, header, nowMs))?.ok, true);
  });

  it('is taken outside production', async () => {
    const tokens = createTokens(TOKENS);
    const nowMs = Date.now();
    for (const email of emails) {
      const header = await bearer({ id: email, email, role: 'admin' }, nowMs);
      assert.equal((await check(tokens, header, nowMs))?.ok, true, email);
    }
  });
});

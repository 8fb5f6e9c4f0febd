/**
 * A token of the role user that guesses codes by naming several of them in a cart: a code of
 * another user is answered, and counted, like one that is not there.
 */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, test } from 'node:test';
import { rawClient } from '../support/api.js';
import { served } from '../support/served.js';

const TEN = { discount: 10, type: 'percentage', couponFor: 'product' };
const CAMPAIGN = '01900000-0000-4000-8000-0000000000d1';
/** Books enough that some are in other shards than the promotions, and some in the same. */
const BOOKS = 12;

const shop = served({ TRUSTED_PROXIES: '127.0.0.1' }, hideCodes);
const agent = new Agent({ keepAlive: true });
/** Codes of another user: with a discount, without one, and of the campaign. */
const secrets: string[] = [];

async function hideCodes(): Promise<void> {
  await ok('/coupons', { ...TEN, code: 'OPEN' });
  await ok('/coupons', { ...TEN, code: 'JOINED', campaignId: CAMPAIGN });
  for (let at = 0; at < BOOKS; at++) {
    const code = `HIDDEN-${at}`;
    const discount = at % 3 === 0 ? {} : { discount: TEN, ...(at % 3 === 1 ? {} : { campaignId: CAMPAIGN }) };
    await ok('/coupon-books', { name: code, initialCodes: [code], ...discount });
    await ok(`/coupons/assign/${code}`, { userId: 'somebody' });
    secrets.push(code);
  }
}

after(() => agent.destroy());

const ok = (path: string, body: unknown) => shop.ok('POST', path, body);

let users = 0;

/** A token of the role user, from an address of its own, so that it has all of its guesses. */
async function newUser() {
  const number = ++users;
  const credentials = { email: `guesser-${number}@shop.example`, password: 'a password' };
  const { id } = await ok('/users', credentials);
  const call = rawClient(shop.server.url, agent);
  const { body } = await call('POST', '/api/v1/auth/token', credentials, {});
  const from = `192.0.${Math.floor(number / 250)}.${1 + (number % 250)}`;
  const headers = { authorization: `Bearer ${body.accessToken}`, 'x-forwarded-for': from };
  const send = (path: string, sent: object, more: Readonly<Record<string, string>> = {}) =>
    call('POST', `/api/v1${path}`, { cartTotal: 20, userId: id, ...sent }, { ...headers, ...more });
  return { id: String(id), send };
}

/** All of an answer but what is random. */
function shownOf({ status, body }: { status: number; body: object }, guess: string): string {
  const shown = { status, ...body, instance: null, reservationId: null, reservedUntil: null };
  return JSON.stringify(shown).replaceAll(guess, '?');
}

const REQUESTS = [
  ['/coupons/apply', (guess: string) => ({ codes: ['OPEN', guess] })],
  ['/coupons/apply', (guess: string) => ({ codes: [guess, 'OPEN'] })],
  ['/coupons/apply', (guess: string) => ({ codes: [guess, 'NEVER-MADE', 'JOINED'], mode: 'best' })],
  ['/coupons/apply', (guess: string) => ({ codes: [guess, 'JOINED'], reserve: true })],
  ['/coupons/apply', (guess: string) => ({ codes: [guess, 'NEVER-MADE'] })],
  ['/coupons/apply', (guess: string) => ({ code: guess, campaignId: CAMPAIGN })],
  [`/campaigns/${CAMPAIGN}/reserve`, (guess: string) => ({ codes: ['JOINED', guess, 'NEVER-MADE'] })],
] as const;

for (const [path, requestFor] of REQUESTS)
  test(`${path} with ${JSON.stringify(requestFor('?'))} tells nothing of a code of another user`, async () => {
    const first = await newUser();
    const unknown = shownOf(await first.send(path, requestFor('NOT-THERE')), 'NOT-THERE');
    for (const secret of secrets) {
      const { send } = await newUser();
      assert.equal(shownOf(await send(path, requestFor(secret)), secret), unknown, secret);
    }
  });

test('each code of another user counts as a guess, as one that is not there does', async () => {
  async function guessesOf(codeFor: (at: number) => string): Promise<number> {
    const { send } = await newUser();
    for (let at = 0; at < BOOKS; at++) {
      const { status } = await send('/coupons/apply', { codes: ['OPEN', codeFor(at)] });
      if (status === 429) return at;
    }
    return BOOKS;
  }
  const unknown = await guessesOf((at) => `NOT-THERE-${at}`);
  assert.ok(unknown < BOOKS, 'guessing is limited');
  assert.equal(await guessesOf((at) => secrets[at] ?? ''), unknown);
});

test('a key that was used already tells nothing of a code of another user', async () => {
  const { send } = await newUser();
  const key = { 'idempotency-key': 'mine' };
  assert.equal((await send('/coupons/apply', { code: 'JOINED', reserve: true }, key)).status, 200);
  for (const code of ['NOT-THERE', ...secrets.slice(0, 3)]) {
    const { status, body } = await send('/coupons/apply', { code, reserve: true }, key);
    assert.deepEqual([code, status, body.message], [code, 404, 'Coupon not found']);
  }
});

test("a user's own codes still apply beside others", async () => {
  const { id, send } = await newUser();
  await ok('/coupon-books', { name: 'Own', campaignId: CAMPAIGN, discount: TEN, initialCodes: ['MINE-1'] });
  await ok('/coupons/assign/MINE-1', { userId: id });
  const { status, body } = await send('/coupons/apply', { codes: [secrets[1], 'MINE-1', 'JOINED'], reserve: true });
  assert.equal(status, 200);
  assert.deepEqual(
    body.applied.map(({ code }: { code: string }) => code),
    ['MINE-1', 'JOINED'],
  );
});

/**
 * The examples of the description are real: each fits its schema, each request is sent to a real
 * server in the order of the story that they tell, and each answer is compared with what the
 * description says of it.
 */
import assert from 'node:assert/strict';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { called } from '../../scripts/generate/routes.js';
import { EXAMPLES, examplesOf } from '../../src/http/api/examples/table.js';
import type { Route } from '../../src/http/api/route.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import * as story from '../../src/records/story.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';
import { type Description, differences } from './declared.js';

const DESCRIBED = ROUTES.filter(({ spec }) => spec.asset !== true);

const routeOf = (id: string): Route => {
  const found = ROUTES.find((route) => route.id === id);
  assert.ok(found, id);
  return found;
};

describe('the examples', () => {
  it('are there for every body, every answer with one, and every parameter of a path', () => {
    for (const { id, spec, paramNames } of DESCRIBED) {
      const { parameters = {}, bodies = {}, answers = {} } = examplesOf(id, spec.replacedBy);
      for (const name of paramNames) assert.ok(parameters[name] !== undefined, `${id}: ${name}`);
      const types =
        spec.body === undefined ? [] : 'streamed' in spec.body ? Object.keys(spec.body.types) : ['application/json'];
      for (const type of types) assert.ok(Object.keys(bodies[type] ?? {}).length > 0, `${id}: ${type}`);
      for (const [status, { schema, type }] of Object.entries(spec.answers)) {
        if (schema === null || type === 'text/html') continue;
        assert.ok(Object.keys(answers[Number(status)] ?? {}).length > 0, `${id}: ${status}`);
      }
    }
  });

  it('belong to operations, bodies and answers that exist', () => {
    for (const [id, { parameters = {}, bodies = {}, answers = {} }] of Object.entries(EXAMPLES)) {
      const { spec, paramNames } = routeOf(id);
      const inQuery = Object.keys(spec.query?.shape ?? {});
      for (const name of Object.keys(parameters))
        assert.ok([...paramNames, ...inQuery].includes(name), `${id}: ${name}`);
      if (Object.keys(bodies).length > 0) assert.ok(spec.body !== undefined, id);
      for (const status of Object.keys(answers))
        assert.ok(spec.answers[Number(status)] !== undefined, `${id}: ${status}`);
    }
  });

  it('fit the schemas of their bodies', () => {
    for (const { id, spec } of DESCRIBED) {
      const { bodies = {} } = examplesOf(id, spec.replacedBy);
      const { body } = spec;
      if (body === undefined) continue;
      for (const [type, examples] of Object.entries(bodies)) {
        const schema = 'streamed' in body ? body.types[type] : body;
        assert.ok(schema, `${id}: ${type}`);
        for (const [name, { value }] of Object.entries(examples)) {
          const parsed = schema.safeParse(value);
          assert.ok(parsed.success, `${id} ${name}: ${parsed.error?.message}`);
        }
      }
    }
  });

  it('fit the schemas of their answers', () => {
    for (const { id, spec } of DESCRIBED) {
      const { answers = {} } = examplesOf(id, spec.replacedBy);
      for (const [status, examples] of Object.entries(answers)) {
        const answer = spec.answers[Number(status)];
        const schema = answer?.others?.['application/json'] ?? answer?.schema;
        assert.ok(schema, `${id}: ${status}`);
        for (const [name, { value }] of Object.entries(examples)) {
          const parsed = schema.safeParse(value);
          assert.ok(parsed.success, `${id} ${status} ${name}: ${parsed.error?.message}`);
        }
      }
    }
  });
});

/** What to send, in order: the operation, the name of its example, and the status. */
const REPLAY: readonly (readonly [id: string, example: string, status: number])[] = [
  ['signIn', 'seeded', 200],
  ['createUser', 'service', 201],
  ['getMe', '', 200],
  ['createTicket', 'shopper', 201],
  ['createBook', 'small', 201],
  ['updateBook', 'settings', 200],
  ['updateBook', 'off', 200],
  ['updateBook', 'noEnd', 200],
  ['archiveBook', '', 204],
  ['createBook', 'withCodes', 201],
  ['createBook', 'withDiscount', 201],
  ['createBook', 'usual', 201],
  ['listBooks', '', 200],
  ['getBook', '', 200],
  ['uploadCodes', 'json', 200],
  ['uploadCodes', 'csv', 200],
  ['uploadCodes', 'ndjson', 200],
  ['getUpload', '', 200],
  ['generateCodes', 'few', 201],
  ['generateCodes', 'pattern', 201],
  ['generateCodes', 'many', 202],
  ['getJob', '', 200],
  ['assignCode', 'ada', 200],
  ['lockCode', 'usual', 200],
  ['unlockCode', 'any', 200],
  ['lockCode', 'minute', 200],
  ['unlockCode', 'exact', 200],
  ['lockCode', 'minute', 200],
  ['getCode', '', 200],
  ['redeemCode', 'withLock', 200],
  ['rollbackRedemption', 'reason', 200],
  ['unassignCode', 'plain', 200],
  ['assignCode', 'ada', 200],
  ['unassignCode', 'reason', 200],
  ['assignCode', 'ada', 200],
  ['redeemCode', 'plain', 200],
  ['assignRandomCode', 'ada', 200],
  ['listCodes', '', 200],
  ['exportCodes', '', 200],
  ['listUserCodes', '', 200],
  ['getCodeHistory', '', 200],
  ['getBookStats', '', 200],
  ['createPromotion', 'automatic', 201],
  ['createPromotion', 'generated', 201],
  ['createPromotion', 'happyHour', 201],
  ['createPromotion', 'inCampaign', 201],
  ['createPromotion', 'percentage', 201],
  ['listPromotions', '', 200],
  ['listProductPromotions', '', 200],
  ['getPromotion', '', 200],
  ['updatePromotion', 'limit', 200],
  ['updatePromotion', 'off', 200],
  ['updatePromotion', 'on', 200],
  ['validateCoupon', 'lines', 200],
  ['validateCoupon', 'total', 200],
  ['qualifyCart', 'cart', 200],
  ['applyCoupons', 'price', 200],
  ['applyCoupons', 'best', 200],
  ['applyCoupons', 'automatic', 200],
  ['applyCoupons', 'reserve', 200],
  ['findReservation', '', 200],
  ['getReservation', '', 200],
  ['renewReservation', 'longer', 200],
  ['commitReservation', 'order', 200],
  ['rollbackReservation', 'line', 200],
  ['rollbackReservation', 'rest', 200],
  ['applyCoupons', 'reserve', 200],
  ['releaseReservation', 'empty', 200],
  ['applyCoupons', 'reserve', 200],
  ['incrementUsage', 'reservation', 200],
  ['incrementUsage', 'order', 200],
  ['getPromotionStats', '', 200],
  ['listPromotionUses', '', 200],
  ['getPromotionGroupStats', '', 200],
  ['listCampaigns', '', 200],
  ['getCampaign', '', 200],
  ['reserveCampaign', 'codes', 200],
  ['stopCampaign', 'empty', 200],
  ['archivePromotion', '', 204],
  ['initStock', 'simple', 200],
  ['placeOrder', 'one', 200],
  ['getOrder', '', 200],
  ['confirmOrder', 'nothing', 200],
  ['getInventory', '', 200],
  ['adjustStock', 'more', 200],
  ['pauseSale', 'nothing', 200],
  ['resumeSale', 'nothing', 200],
  ['listOrders', '', 400],
  ['exportOrders', '', 200],
  ['fulfilOrder', 'nothing', 200],
  ['cancelOrder', 'nothing', 409],
  ['olderInitStock', 'simple', 200],
  ['olderOrder', 'one', 200],
  ['olderOrderStatus', '', 200],
  ['olderCancelOrder', 'nothing', 200],
  ['olderInventory', '', 200],
  ['initStock', 'drop', 200],
  ['beginVerification', '', 202],
  ['getVerification', '', 200],
  ['livez', '', 200],
  ['readyz', '', 200],
  ['metrics', '', 200],
  ['openApi', '', 200],
  ['asyncApi', '', 200],
  ['home', '', 200],
  ['apiPage', '', 200],
  ['problemIndex', '', 200],
  ['problemPage', '', 200],
  ['olderSignIn', 'seeded', 200],
  ['olderCreateUser', 'service', 409],
  ['olderCreateBook', 'small', 201],
  ['olderCodes', 'two', 200],
  ['olderRandomCodes', 'few', 201],
  ['olderAssignRandomCode', 'ada', 200],
  ['olderUnlockCode', 'any', 409],
  ['olderLockCode', 'minute', 423],
  ['olderAssignCode', 'ada', 200],
  ['olderRedeemCode', 'plain', 423],
  ['olderListUserCodes', '', 200],
  ['olderListCodesOfUser', '', 200],
];

/** Commands that the story leaves out: at its end, with any answer that they declare. */
const OTHERS: readonly (readonly [id: string, example: string])[] = called
  .map(({ kind, http }) => ({ id: http.id ?? kind, bodies: http.examples.bodies }))
  .filter(({ id }) => !REPLAY.some(([told]) => told === id))
  .flatMap(({ id, bodies }) => Object.keys(bodies).map((example) => [id, example] as const));

/** Orders need a key. */
const KEYS: Readonly<Record<string, string>> = { placeOrder: 'order-1', olderOrder: 'order-2' };

/** As they stand in the examples, the server does not know them. */
const MADE_IDS = [
  story.ORDER_ID,
  story.BOOK_ID,
  story.JOB_ID,
  story.VERIFICATION_ID,
  story.PROMOTION_ID,
  story.RESERVATION_ID,
];

describe('the examples against a real server', () => {
  let data: Awaited<ReturnType<typeof temporaryDirectory>>;
  let server: Server;
  let api: Description;
  let token = '';
  /** From an id of the story to the one that the server gave. */
  const given = new Map<unknown, unknown>();

  before(async () => {
    data = await temporaryDirectory();
    server = await startServer(join(data.path, 'data'));
    api = (await (await fetch(`${server.url}/openapi.json`)).json()) as Description;
  });
  after(async () => {
    await server?.stop();
    await data.remove();
  });

  const real = (value: unknown): unknown => (given.has(value) ? given.get(value) : value);
  const withRealIds = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (_, inner: unknown) => real(inner)));

  async function send(id: string, example: string, headers: Readonly<Record<string, string>> = {}) {
    const { method, path, spec, paramNames } = routeOf(id);
    const { parameters = {}, bodies = {} } = examplesOf(id, spec.replacedBy);
    const inQuery = Object.keys(parameters).filter((name) => !paramNames.includes(name));
    const query = new URLSearchParams(
      Object.fromEntries(inQuery.map((name) => [name, String(real(parameters[name]))])),
    );
    const url =
      path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(real(parameters[name])))) +
      (query.size === 0 ? '' : `?${query}`);
    const found = Object.entries(bodies).find(([, examples]) => example in examples);
    assert.ok(example === '' || found !== undefined, `${id} has no example ${example}`);
    const type = found?.[0] ?? '';
    const value = found?.[1][example]?.value;
    const response = await fetch(`${server.url}${url}`, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(type === '' ? {} : { 'content-type': type }),
        ...(KEYS[id] === undefined ? {} : { 'idempotency-key': KEYS[id] }),
        ...headers,
      },
      body: found === undefined ? null : typeof value === 'string' ? value : JSON.stringify(withRealIds(value)),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    const json: unknown = isJson && text !== '' ? JSON.parse(text) : text;
    return { status: response.status, header: (name: string) => response.headers.get(name), json };
  }

  function remember(id: string, json: unknown): void {
    const {
      accessToken,
      id: own,
      lockId,
      redemptionId,
      jobId,
      reservationId,
      orderId,
    } = json as Readonly<Record<string, unknown>>;
    if (id === 'signIn') token = String(accessToken);
    if (id === 'createBook' || id === 'olderCreateBook') given.set(story.BOOK_ID, own);
    if (id === 'createPromotion') given.set(story.PROMOTION_ID, own);
    if (id === 'applyCoupons' && reservationId !== undefined) given.set(story.RESERVATION_ID, reservationId);
    if (id === 'beginVerification') given.set(story.VERIFICATION_ID, own);
    if (orderId !== undefined) given.set(story.ORDER_ID, orderId);
    if (lockId !== undefined) given.set(story.LOCK_ID, lockId);
    if (redemptionId !== undefined) given.set(story.REDEMPTION_ID, redemptionId);
    if (jobId !== undefined) given.set(story.JOB_ID, jobId);
  }

  /** An upload that stays under way until it is destroyed. */
  async function holdUpload(): Promise<ClientRequest> {
    const upload = request(`${server.url}/api/v1/coupon-books/${String(real(story.BOOK_ID))}/codes`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'text/csv',
        'x-request-id': story.UPLOAD_REQUEST_ID,
      },
    });
    upload.on('error', () => undefined);
    upload.write('HELD-0001\n');
    while ((await send('getUpload', '')).status !== 200) await new Promise(setImmediate);
    return upload;
  }

  it('are answered as declared, with the status that they promise', async () => {
    for (const [id, example, status] of REPLAY) {
      const held = id === 'getUpload' ? await holdUpload() : null;
      const answered = await send(id, example);
      held?.destroy();
      assert.equal(answered.status, status, `${id} ${example}: ${JSON.stringify(answered.json)}`);
      assert.deepEqual(differences(api, routeOf(id), answered), [], `${id} ${example}`);
      remember(id, answered.json);
    }
    for (const [id, example] of OTHERS)
      assert.deepEqual(differences(api, routeOf(id), await send(id, example)), [], `${id} ${example}`);
  });

  it('cover every operation and every example of a body', () => {
    // A job of 20,000 codes is over before it can be cancelled, and a stream of events does not
    // end, so only tests of their own can do that.
    const elsewhere = ['cancelJob', 'streamEvents'];
    const sent = new Set([...REPLAY, ...OTHERS].map(([id, example]) => `${id} ${example}`));
    const sentIds = new Set([...REPLAY, ...OTHERS].map(([id]) => id));
    for (const { id, spec } of DESCRIBED) {
      assert.ok(sentIds.has(id) || elsewhere.includes(id), id);
      if (spec.replacedBy !== undefined) continue;
      for (const examples of Object.values(EXAMPLES[id]?.bodies ?? {})) {
        for (const name of Object.keys(examples)) assert.ok(sent.has(`${id} ${name}`), `${id} ${name}`);
      }
    }
  });

  it('are declared for every refusal of a token, a key and an id, too', async () => {
    const admin = token;
    for (const { id, spec, roles, change, paramNames } of DESCRIBED) {
      const example = Object.keys(Object.values(examplesOf(id, spec.replacedBy).bodies ?? {})[0] ?? {})[0] ?? '';
      const tried: (readonly [string, Awaited<ReturnType<typeof send>>])[] = [];
      if (roles !== null) {
        token = '';
        tried.push(['no token', await send(id, example)]);
        token = 'wrong';
        tried.push(['wrong token', await send(id, example)]);
      }
      token = admin;
      if (change) tried.push(['bad key', await send(id, example, { 'Idempotency-Key': 'ä'.repeat(3) })]);
      if (paramNames.length > 0 && roles !== null) {
        const kept = new Map(given);
        for (const name of MADE_IDS) given.set(name, name);
        given.set(story.CODE, 'NO-SUCH-CODE');
        tried.push(['unknown', await send(id, example)]);
        for (const [name, value] of kept) given.set(name, value);
        given.delete(story.CODE);
      }
      for (const [what, answered] of tried) {
        assert.deepEqual(differences(api, routeOf(id), answered), [], `${id}, ${what}`);
      }
    }
  });

  it('are answered again for their key, as declared', async () => {
    const headers = { 'Idempotency-Key': 'declared-1' };
    for (const isAgain of [false, true]) {
      const answered = await send('olderCreateBook', 'small', headers);
      assert.equal(answered.header('Idempotency-Replayed'), isAgain ? 'true' : null);
      assert.deepEqual(differences(api, routeOf('olderCreateBook'), answered), []);
    }
  });
});

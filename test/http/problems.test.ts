/** What is refused, and how. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { RefusalReason } from '../../src/domain/outcome.js';
import { ControlError } from '../../src/engine/engine.js';
import { PROBLEMS } from '../../src/http/api/problem.js';
import { ADMIN, refused } from './memory-parts.js';
import { type Answer, type CallOptions, type Served, serve } from './serve.js';

let served: Served;
let bookId = '';

before(async () => {
  served = await serve();
  const options = { as: ADMIN, body: { name: 'Book', initialCodes: ['one'] } };
  const made = await served.call('POST', '/api/v1/coupon-books', options);
  bookId = String(made.json['id']);
});
after(() => served.stop());
beforeEach(() => {
  served.engine.commands.length = 0;
});

/** An answer that is a problem in every respect. */
function assertProblem(answer: Answer, status: number, slug: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  const { type, title, detail, instance, code, message } = answer.json;
  assert.equal(type, `/problems/${slug}`);
  assert.ok(title);
  assert.equal(answer.json['status'], status);
  assert.equal(code, status);
  assert.ok(typeof detail === 'string' && detail.length > 0);
  assert.equal(message, detail);
  assert.equal(instance, answer.headers.get('x-request-id'));
  assert.doesNotMatch(answer.text, /\.ts|\bat \w+ \(/);
}

const errorsOf = (answer: Answer): unknown => answer.json['errors'];

describe('refusals of the engine', () => {
  const expected: Record<RefusalReason, readonly [status: number, slug: string]> = {
    bookNotFound: [404, 'book-not-found'],
    bookArchived: [410, 'book-archived'],
    bookNotActive: [400, 'book-not-active'],
    bookNotBegun: [400, 'book-not-begun'],
    bookOver: [410, 'book-over'],
    bookVersionMismatch: [412, 'version-mismatch'],
    bookExists: [409, 'already-exists'],
    bookInvalid: [422, 'book-invalid'],
    noneAvailable: [404, 'none-available'],
    codeNotFound: [404, 'code-not-found'],
    assignedToAnother: [409, 'assigned-to-another'],
    lockedByAnother: [423, 'locked-by-another'],
    usedUp: [423, 'used-up'],
    notLocked: [409, 'not-locked'],
    lockNotHeld: [409, 'lock-not-held'],
    codeLocked: [409, 'code-locked'],
    codeRedeemed: [409, 'code-redeemed'],
    notAssigned: [409, 'not-assigned'],
    userCodesLimit: [422, 'user-codes-limit'],
    userRedemptionsLimit: [422, 'user-redemptions-limit'],
    redemptionNotFound: [404, 'redemption-not-found'],
    alreadyRolledBack: [409, 'already-rolled-back'],
    redemptionReserved: [409, 'redemption-of-reservation'],
    idempotencyKeyReused: [422, 'idempotency-key-reused'],
    idempotencyMemoryFull: [503, 'overloaded'],
    batchUnknown: [503, 'unavailable'],
    batchesFull: [503, 'overloaded'],
    promotionNotFound: [404, 'coupon-not-found'],
    promotionVersionMismatch: [412, 'version-mismatch'],
    promotionsFull: [422, 'not-possible'],
    promotionNotApplicable: [400, 'coupon-not-applicable'],
    campaignNotFound: [404, 'campaign-not-found'],
    campaignIncomplete: [409, 'campaign-incomplete'],
    notInOneCampaign: [422, 'not-in-one-campaign'],
    conditionsUnjudged: [503, 'unavailable'],
    useIncomplete: [400, 'use-incomplete'],
    reservationNotFound: [404, 'reservation-not-found'],
    reservationOver: [410, 'reservation-over'],
    reservationSettled: [409, 'reservation-settled'],
    reservationsFull: [503, 'overloaded'],
    rollbackTooLate: [409, 'rollback-too-late'],
    linesNotReserved: [409, 'lines-not-reserved'],
    productNotFound: [404, 'product-not-found'],
    productsFull: [422, 'not-possible'],
    productElsewhere: [409, 'product-in-another-campaign'],
    roundHasOrders: [409, 'round-has-orders'],
    stockTooSmall: [409, 'stock-too-small'],
    ordersFull: [422, 'not-possible'],
    saleNotOpen: [429, 'sale-not-open'],
    soldOut: [409, 'sold-out'],
    orderLimit: [422, 'order-limit'],
    orderKeyReused: [422, 'idempotency-key-reused'],
    orderNotFound: [404, 'order-not-found'],
    orderCancelled: [409, 'order-cancelled'],
    orderFulfilled: [409, 'order-fulfilled'],
  };
  for (const [reason, [status, slug]] of Object.entries(expected)) {
    it(`${reason} is ${status} ${slug}`, async () => {
      served.engine.next = refused(reason as RefusalReason);
      const answer = await served.call('POST', '/api/v1/coupons/any/redeem', { as: ADMIN, body: { userId: 'u' } });
      assertProblem(answer, status, slug);
      assert.equal(answer.headers.get('commit-seq'), null);
      assert.equal(answer.headers.has('retry-after'), status === 503);
    });
  }

  it('tell when a lock ends, in whole seconds, and never less than one', async () => {
    for (const [inMs, most] of [
      [30_000, 31],
      [-5000, 1],
    ] as const) {
      served.engine.next = refused('lockedByAnother', Date.now() + inMs);
      const answer = await served.call('POST', '/api/v1/coupons/any/lock', { as: ADMIN, body: { userId: 'u' } });
      const seconds = Number(answer.headers.get('retry-after'));
      assert.ok(Number.isInteger(seconds) && seconds >= Math.max(1, most - 2) && seconds <= most, String(seconds));
    }
  });

  it('of a query are answered the same way', async () => {
    const unknown = '0193a3b0-7c00-7000-8000-00000000ffff';
    assertProblem(await served.call('GET', `/api/v1/coupon-books/${unknown}`, { as: ADMIN }), 404, 'book-not-found');
    assertProblem(await served.call('GET', '/api/v1/coupons/code/nope', { as: ADMIN }), 404, 'code-not-found');
    assertProblem(await served.call('GET', '/api/v1/coupons/nope/history', { as: ADMIN }), 404, 'code-not-found');
  });
});

describe('an engine or a control plane that can not answer', () => {
  const slugs = {
    overloaded: 'overloaded',
    recovering: 'unavailable',
    noRoom: 'no-room',
    draining: 'draining',
    outcomeUnknown: 'outcome-unknown',
  } as const;
  for (const [reason, slug] of Object.entries(slugs)) {
    it(`${reason} is 503 ${slug} with Retry-After`, async () => {
      served.engine.next = { kind: 'unavailable', reason: reason as keyof typeof slugs, retryAfterMs: 1500 };
      const answer = await served.call('POST', '/api/v1/coupons/any/redeem', { as: ADMIN, body: { userId: 'u' } });
      assertProblem(answer, 503, slug);
      assert.equal(answer.headers.get('retry-after'), '2');
    });
  }

  for (const [reason, status, slug] of [
    ['unavailable', 503, 'unavailable'],
    ['noRoom', 503, 'no-room'],
    ['draining', 503, 'draining'],
    ['invalid', 422, 'not-possible'],
    ['tooMany', 429, 'too-many-uploads'],
  ] as const) {
    it(`a ControlError that is ${reason} is ${status}`, async () => {
      served.control.fail = new ControlError(reason, 'The reason.');
      const path = `/api/v1/coupon-books/${bookId}/generate`;
      const answer = await served.call('POST', path, { as: ADMIN, body: { quantity: 1 } });
      assertProblem(answer, status, slug);
      assert.equal(answer.json['detail'], 'The reason.');
      assert.equal(answer.headers.has('retry-after'), status !== 422);
    });
  }

  it('anything else is 500, told to the log and not to the caller', async () => {
    served.control.fail = new Error('secret of the house');
    const answer = await served.call('GET', '/api/v1/auth/me', { as: ADMIN });
    assertProblem(answer, 500, 'internal');
    assert.doesNotMatch(answer.text, /secret/);
    const { fields } = served.logged.at(-1) ?? { fields: {} };
    assert.equal((fields as { requestId: string }).requestId, answer.headers.get('x-request-id'));
  });

  it('an engine whose answer to a change makes no sense leaves the outcome unknown, and the server goes on', async () => {
    const { call, engine } = served;
    const done = { kind: 'done', shard: 0, seq: 1, replayed: false, outcome: { kind: 'archived' } };
    engine.next = done as unknown as NonNullable<typeof engine.next>;
    assertProblem(
      await call('POST', '/api/v1/coupons/any/redeem', { as: ADMIN, body: { userId: 'u' } }),
      503,
      'outcome-unknown',
    );
    assert.equal((await call('GET', '/livez')).status, 200);
  });
});

describe('bodies', () => {
  const assign = (options: CallOptions): Promise<Answer> =>
    served.call('POST', '/api/v1/coupons/assign', { as: ADMIN, ...options });

  it('that are not JSON are refused', async () => {
    for (const body of ['{', '{"couponBookId":', 'null1', '\ufeff{}', "{'a':1}", '{"a":1,}']) {
      assertProblem(await assign({ body }), 400, 'malformed-request');
    }
  });

  it('that are missing are refused', async () => {
    const headers = { 'content-type': 'application/json' };
    assertProblem(await assign({ headers }), 400, 'malformed-request');
  });

  it('that are JSON of another shape are refused', async () => {
    for (const body of ['[]', '"text"', '1', 'null', 'true']) assertProblem(await assign({ body }), 400, 'validation');
  });

  it('of another type are refused', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'json',
    ]) {
      const answer = await assign({ body: '{}', headers: { 'content-type': type } });
      assertProblem(answer, 415, 'unsupported-media-type');
    }
  });

  it('are accepted with every spelling of the JSON media type', async () => {
    const body = { couponBookId: bookId, userId: 'u' };
    for (const type of [
      'application/json; charset=utf-8',
      'application/JSON;charset="UTF-8"',
      'application/merge-patch+json',
    ]) {
      served.engine.next = refused('noneAvailable');
      assertProblem(await assign({ body, headers: { 'content-type': type } }), 404, 'none-available');
    }
  });

  it('name each unknown field', async () => {
    const answer = await assign({ body: { couponBookId: bookId, userId: 'u', extra: 1, __proto__x: 2 } });
    assertProblem(answer, 400, 'validation');
    assert.deepEqual(errorsOf(answer), [
      { path: 'extra', message: 'Unknown field' },
      { path: '__proto__x', message: 'Unknown field' },
    ]);
    const polluting = await assign({ body: `{"couponBookId":"${bookId}","userId":"u","__proto__":{"role":"admin"}}` });
    assertProblem(polluting, 400, 'validation');
  });

  it('name each field of a wrong type and each that is missing', async () => {
    const answer = await assign({ body: { couponBookId: 5 } });
    assert.deepEqual(
      (errorsOf(answer) as { path: string }[]).map(({ path }) => path),
      ['couponBookId', 'userId'],
    );
    assert.equal(served.engine.commands.length, 0);
  });

  it('describe the fault of a field in terms of JSON, and once', async () => {
    const messages = async (path: string, body: object): Promise<unknown> =>
      errorsOf(await served.call('POST', path, { as: ADMIN, body }));
    const lock = '/api/v1/coupons/ABC-1/lock';
    const generate = `/api/v1/coupon-books/${bookId}/generate`;
    for (const [path, body, field, message] of [
      [lock, {}, 'userId', 'This field is required'],
      [lock, { userId: 5 }, 'userId', 'Not a string'],
      [lock, { userId: 'u', ttlSeconds: '60' }, 'ttlSeconds', 'Not a whole number'],
      [lock, { userId: 'u', ttlSeconds: 1.5 }, 'ttlSeconds', 'Not a whole number'],
      [lock, { userId: 'u', ttlSeconds: 0 }, 'ttlSeconds', 'At least 1'],
      [lock, { userId: 'u', ttlSeconds: 86_401 }, 'ttlSeconds', 'At most 86400'],
      [generate, { quantity: 1e300 }, 'quantity', 'At most 10000000'],
      [lock, [], '', 'Not a JSON object'],
      ['/api/v1/coupon-books', { name: 'B', isActive: 1 }, 'isActive', 'Not true or false'],
      ['/api/v1/coupon-books', { name: 'B', redeemableBy: 'x' }, 'redeemableBy', 'Not one of assignee, bearer'],
      [
        '/api/v1/coupon-books',
        { name: 'B', startDate: 'now' },
        'startDate',
        'Not an ISO 8601 time such as 2026-11-20T08:00:00.000Z',
      ],
      ['/api/v1/auth/token', { email: 'ada', password: 'x' }, 'email', 'Not an email address'],
      ['/api/v1/auth/token', { email: 'a@b.de', password: '' }, 'password', 'At least 1 character'],
      ['/api/v1/auth/token', { email: 'a@b.de', password: 'x'.repeat(129) }, 'password', 'At most 128 characters'],
    ] as const)
      assert.deepEqual(await messages(path, body), [{ path: field, message }]);
  });

  it('refuse user ids that could not be kept', async () => {
    for (const userId of ['', 'a\u0000b', 'a\nb', '\ud800', 'x'.repeat(129), ' \u0085']) {
      assertProblem(await assign({ body: { couponBookId: bookId, userId } }), 400, 'validation');
    }
  });

  it('refuse numbers out of range, negative, broken or huge', async () => {
    for (const quantity of [0, -1, 1.5, 10_000_001, 1e300, '5', null, true]) {
      const options = { as: ADMIN, body: { quantity } };
      const answer = await served.call('POST', `/api/v1/coupon-books/${bookId}/generate`, options);
      assertProblem(answer, 400, 'validation');
    }
    const huge = { as: ADMIN, body: '{"quantity":1e999}' };
    assertProblem(await served.call('POST', `/api/v1/coupon-books/${bookId}/generate`, huge), 400, 'validation');
  });

  it('refuse metadata that is too deep, too long, or could not be kept', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`) as object;
    for (const metadata of [deep, { a: 'x'.repeat(5000) }, { a: '\u0000' }, { '\ud800': 1 }, [1], 'text']) {
      const answer = await served.call('POST', '/api/v1/coupons/one/redeem', {
        as: ADMIN,
        body: { userId: 'u', metadata },
      });
      assertProblem(answer, 400, 'validation');
    }
    const body = `{"userId":"u","metadata":${'[{"a":'.repeat(5000)}1${'}]'.repeat(5000)}}`;
    assertProblem(await served.call('POST', '/api/v1/coupons/one/redeem', { as: ADMIN, body }), 400, 'validation');
  });

  it('refuse texts that PostgreSQL could not keep, wherever one can be sent', async () => {
    const post = (path: string, body: object) => served.call('POST', `/api/v1${path}`, { as: ADMIN, body });
    for (const text of ['a\u0000b', '\ud800', 'a\udc00', '\udc00\ud800']) {
      const refused: readonly (readonly [string, Awaited<ReturnType<typeof post>>])[] = [
        ['name', await post('/coupon-books', { name: text })],
        ['description', await post('/coupon-books', { name: 'B', description: text })],
        ['metadata', await post('/coupon-books', { name: 'B', metadata: { deep: [{ [text]: 1 }] } })],
        ['metadata', await post('/coupons/one/redeem', { userId: 'u', metadata: { list: [text] } })],
        ['userId', await post('/coupons/one/lock', { userId: text })],
        ['reason', await post('/coupons/one/unassign', { reason: text })],
        ['redemptionId', await post('/coupons/one/rollback', { redemptionId: text })],
        ['initialCodes.0', await post('/coupon-books', { name: 'B', initialCodes: [text] })],
      ];
      for (const [field, answer] of refused) {
        assertProblem(answer, 400, 'validation');
        assert.deepEqual((errorsOf(answer) as { path: string }[])[0]?.path, field);
      }
    }
    const kept = await post('/coupon-books', { name: '🎟 \u{1F600}', description: 'two lines\nand 🎟' });
    assert.equal(kept.status, 201, 'whole pairs are kept');
  });

  it('refuse settings that contradict each other', async () => {
    const bad: readonly (readonly [object, string])[] = [
      [{ startDate: '2026-01-02T00:00:00Z', endDate: '2026-01-01T00:00:00Z' }, 'endDate'],
      [{ maxRedemptionsPerCode: 2 }, 'maxRedemptionsPerCode'],
      [{ startDate: '2026-02-30T00:00:00Z' }, 'startDate'],
      [{ startDate: '2026-01-01' }, 'startDate'],
      [{ lockTtlSeconds: 86_401 }, 'lockTtlSeconds'],
      [{ redeemableBy: 'anyone' }, 'redeemableBy'],
      [{ maxCodesPerUser: 0 }, 'maxCodesPerUser'],
      [{ initialCodes: ['ok1', 'no!'] }, 'initialCodes.1'],
      [{ initialCodes: [] }, 'initialCodes'],
      [{ initialCodes: Array.from({ length: 1001 }, (_, i) => `code-${i}`) }, 'initialCodes'],
      [{ name: '' }, 'name'],
    ];
    for (const [fields, path] of bad) {
      const answer = await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'B', ...fields } });
      assertProblem(answer, 400, 'validation');
      assert.deepEqual(
        (errorsOf(answer) as { path: string }[]).map((error) => error.path),
        [path],
      );
    }
    const empty = await served.call('PATCH', `/api/v1/coupon-books/${bookId}`, { as: ADMIN, body: {} });
    assertProblem(empty, 400, 'validation');
  });
});

describe('paths and queries', () => {
  it('that are unknown are not found', async () => {
    for (const path of [
      '/nothing',
      '/api/v1',
      '/api/v1/nothing',
      '/api/v1/coupon-books/',
      '/../etc/passwd',
      '/api/v1/coupons//lock',
    ]) {
      assertProblem(await served.call('GET', path), 404, 'not-found');
    }
  });

  it('with another method say which they have', async () => {
    const answer = await served.call('PUT', `/api/v1/coupon-books/${bookId}`);
    assertProblem(answer, 405, 'method-not-allowed');
    assert.equal(answer.headers.get('allow'), 'HEAD, GET, PATCH, DELETE');
    const assign = await served.call('GET', '/api/v1/coupons/assign');
    assert.equal(assign.headers.get('allow'), 'POST');
  });

  it('that a word names are not those of a parameter in its place', async () => {
    for (const method of ['GET', 'HEAD', 'PATCH', 'DELETE', 'PUT']) {
      const answer = await served.call(method, '/api/v1/coupons/apply', { as: ADMIN });
      assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'], method);
    }
    assertProblem(await served.call('PUT', '/api/v1/coupons/no-word'), 405, 'method-not-allowed');
  });

  it('with an impossible id or code name the parameter', async () => {
    for (const [path, name] of [
      ['/api/v1/coupon-books/not-a-uuid', 'id'],
      ['/api/v1/coupons/code/a!b', 'code'],
      ['/api/v1/coupons/code/ab', 'code'],
      ['/api/v1/coupons/code/%zz', 'code'],
      ['/api/v1/coupons/code/%ff%fe', 'code'],
      [`/api/v1/coupons/code/${'x'.repeat(65)}`, 'code'],
      ['/api/v1/users/%00/coupons', 'userId'],
    ] as const) {
      const answer = await served.call('GET', path, { as: ADMIN });
      assertProblem(answer, 400, 'validation');
      assert.equal((errorsOf(answer) as { path: string }[])[0]?.path, name);
    }
  });

  it('with a bad query name the field', async () => {
    for (const [query, name] of [
      ['limit=0', 'limit'],
      ['limit=1001', 'limit'],
      ['limit=-5', 'limit'],
      ['limit=ten', 'limit'],
      ['limit=1e2', 'limit'],
      ['limit=', 'limit'],
      ['limit=5&limit=6', 'limit'],
      ['isActive=yes', 'isActive'],
      ['colour=red', 'colour'],
      ['__proto__=1', '__proto__'],
      ['cursor=', 'cursor'],
    ] as const) {
      const answer = await served.call('GET', `/api/v1/coupon-books?${query}`, { as: ADMIN });
      assertProblem(answer, 400, 'validation');
      assert.equal((errorsOf(answer) as { path: string }[])[0]?.path, name, query);
    }
    const status = await served.call('GET', `/api/v1/coupon-books/${bookId}/codes?status=lost`, { as: ADMIN });
    assertProblem(status, 400, 'validation');
  });

  it('with a cursor that was not given for this list are refused', async () => {
    const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bad = ['x', '!!!', 'a'.repeat(256), encoded([1]), encoded([2, 'codes', 1]), encoded([1, 'books', 'a'])];
    bad.push(encoded([1, 'codes', -1]), encoded([1, 'codes', 1.5]), encoded([1, 'codes', '1']), encoded({ a: 1 }));
    for (const cursor of bad) {
      const path = `/api/v1/coupon-books/${bookId}/codes?cursor=${encodeURIComponent(cursor)}`;
      assertProblem(await served.call('GET', path, { as: ADMIN }), 400, 'bad-cursor');
    }
  });

  it('with an If-Match that is no ETag do not match', async () => {
    const options = { as: ADMIN, headers: { 'if-match': 'W/"1"' }, body: { name: 'x' } };
    const answer = await served.call('PATCH', `/api/v1/coupon-books/${bookId}`, options);
    assertProblem(answer, 412, 'version-mismatch');
  });
});

describe('the page of a problem', () => {
  it('is there for each', async () => {
    for (const [slug, { title }] of Object.entries(PROBLEMS)) {
      const page = await served.call('GET', `/problems/${slug}`);
      assert.equal(page.status, 200, slug);
      assert.ok(page.text.includes(`<h1>${title}</h1>`));
    }
  });

  it('is not there for others', async () => {
    for (const slug of ['nothing', 'constructor', '__proto__']) {
      assertProblem(await served.call('GET', `/problems/${slug}`), 404, 'not-found');
    }
  });
});

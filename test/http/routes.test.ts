/** Every route: what it asks of the engine, and that its answer is what the description says. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Account } from '../../src/engine/engine.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { ADMIN, SERVICE, USER } from './memory-parts.js';
import { type Answer, type CallOptions, type Served, serve } from './serve.js';

let served: Served;
let bookId = '';

before(async () => {
  served = await serve();
  const made = await served.call('POST', '/api/v1/coupon-books', {
    as: ADMIN,
    body: { name: 'Spring', initialCodes: ['one', 'two', 'three'] },
  });
  assert.equal(made.status, 201);
  bookId = String(made.json['id']);
});
after(() => served.stop());
beforeEach(() => {
  served.engine.commands.length = 0;
});

const lastCommand = (): unknown => served.engine.commands.at(-1)?.command;

/** Calls a route of the table, and holds its answer against the schema that describes it. */
async function callRoute(id: string, params: readonly string[], options: CallOptions & { query?: string } = {}) {
  const route = ROUTES.find((each) => each.id === id);
  assert.ok(route, id);
  let at = 0;
  const path = route.path.replace(/\{\w+\}/g, () => params[at++] ?? '');
  const answer = await served.call(route.method, path + (options.query ?? ''), options);
  const described = route.spec.answers[answer.status];
  assert.ok(described, `${id} answered ${answer.status} ${answer.text}`);
  if (described.schema === null) assert.equal(answer.text, '');
  else if (described.type === undefined) described.schema.parse(answer.json);
  assert.equal(answer.headers.get('commit-seq') !== null, route.change, `Commit-Seq of ${id}`);
  return answer;
}

const callAs = (as: Account, id: string, params: readonly string[], body?: unknown): Promise<Answer> =>
  callRoute(id, params, body === undefined ? { as } : { as, body });

describe('coupon books', () => {
  it('are made with defaults for missing settings', async () => {
    const answer = await callAs(SERVICE, 'createBook', [], { name: 'Plain' });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('location'), `/api/v1/coupon-books/${String(answer.json['id'])}`);
    assert.equal(answer.headers.get('etag'), '"1"');
    assert.deepEqual(served.engine.commands.at(-1)?.command, {
      kind: 'createBook',
      campaignId: null,
      discount: null,
      bookId: answer.json['id'],
      codes: null,
      settings: {
        name: 'Plain',
        description: null,
        startMs: null,
        endMs: null,
        isActive: true,
        maxCodesPerUser: null,
        maxRedemptionsPerUser: null,
        allowMultipleRedemptions: false,
        maxRedemptionsPerCode: null,
        codePattern: null,
        redeemableBy: 'assignee',
        requireLock: false,
        lockTtlMs: null,
        metadata: null,
      },
    });
  });

  it('are made with all settings', async () => {
    const given = {
      name: 'Été ☀',
      description: 'line\nline',
      startDate: '2026-11-20T10:00:00.000+02:00',
      endDate: '2026-12-01T00:00:00Z',
      isActive: false,
      maxCodesPerUser: 2,
      maxRedemptionsPerUser: 3,
      allowMultipleRedemptions: true,
      maxRedemptionsPerCode: 5,
      codePattern: 'X-{RANDOM:8}',
      redeemableBy: 'bearer',
      requireLock: true,
      lockTtlSeconds: 60,
      metadata: { a: [1, { b: null }] },
    };
    const { json } = await callAs(ADMIN, 'createBook', [], given);
    const { id, counts, version, createdAt, updatedAt, archivedAt, ...shown } = json;
    const dates = { startDate: '2026-11-20T08:00:00.000Z', endDate: '2026-12-01T00:00:00.000Z' };
    assert.deepEqual(shown, { ...given, ...dates, discount: null, campaignId: null });
    assert.equal(version, 1);
    assert.equal(createdAt, '2026-11-20T08:00:00.123Z');
    assert.equal(archivedAt, null);
    assert.ok(id && counts && updatedAt);
  });

  it('stage their initial codes first, and live with them from the start', async () => {
    const { json } = await callAs(ADMIN, 'createBook', [], { name: 'With codes', initialCodes: ['abc', 'DEF'] });
    assert.equal(served.control.uploads.at(-1)?.text, '{"codes":["ABC","DEF"]}');
    assert.equal((json['counts'] as { total: number }).total, 2);
  });

  it('discard the initial codes when the book is refused', async () => {
    served.engine.next = { kind: 'refused', reason: 'bookInvalid', detail: 'No.' };
    const options = { as: ADMIN, body: { name: 'Refused', initialCodes: ['abc'] } };
    const answer = await served.call('POST', '/api/v1/coupon-books', options);
    assert.equal(answer.status, 422);
    assert.equal(served.control.discarded.length, 1);
  });

  it('keep the initial codes when it is not known whether the book was made', async () => {
    served.control.discarded.length = 0;
    served.engine.next = { kind: 'unavailable', reason: 'outcomeUnknown', retryAfterMs: 1 };
    const options = { as: ADMIN, body: { name: 'Unknown', initialCodes: ['abc'] } };
    const answer = await served.call('POST', '/api/v1/coupon-books', options);
    assert.equal(answer.json['type'], '/problems/outcome-unknown');
    assert.deepEqual(served.control.discarded, []);
  });

  it('are listed over all shards in the order of their ids, page by page', async () => {
    const ids: string[] = [];
    let query = '?limit=2';
    for (;;) {
      const { json } = await callRoute('listBooks', [], { as: ADMIN, query });
      ids.push(...(json['items'] as { id: string }[]).map(({ id }) => id));
      if (json['nextCursor'] === null) break;
      query = `?limit=2&cursor=${String(json['nextCursor'])}`;
    }
    assert.ok(ids.length > 3);
    assert.deepEqual(ids, [...new Set(ids)].sort());
  });

  it('are filtered by name and activity', async () => {
    const found = await callRoute('listBooks', [], { as: ADMIN, query: '?isActive=true&name=Spri' });
    assert.deepEqual(
      (found.json['items'] as { name: string }[]).map(({ name }) => name),
      ['Spring'],
    );
  });

  it('are read with counts and an ETag', async () => {
    const answer = await callAs(ADMIN, 'getBook', [bookId.toUpperCase()]);
    assert.equal(answer.headers.get('etag'), '"1"');
    assert.equal((answer.json['counts'] as { total: number }).total, 3);
  });

  it('change only the given settings, under If-Match', async () => {
    const made = await callAs(ADMIN, 'createBook', [], {
      name: 'Old',
      description: 'kept',
      endDate: '2027-01-01T00:00:00Z',
    });
    const options = {
      as: ADMIN,
      headers: { 'if-match': '"1"' },
      body: { name: 'New', endDate: null, lockTtlSeconds: 5 },
    };
    const answer = await callRoute('updateBook', [String(made.json['id'])], options);
    assert.deepEqual(lastCommand(), {
      kind: 'updateBook',
      discount: null,
      bookId: made.json['id'],
      patch: { name: 'New', endMs: null, lockTtlMs: 5000 },
      ifVersion: [1],
    });
    assert.equal(answer.headers.get('etag'), '"2"');
    assert.equal(answer.json['description'], 'kept');
    const stale = await served.call('PATCH', `/api/v1/coupon-books/${String(made.json['id'])}`, options);
    assert.equal(stale.status, 412);
  });

  it('are archived without a body in the answer', async () => {
    const made = await callAs(ADMIN, 'createBook', [], { name: 'Gone' });
    const answer = await callAs(ADMIN, 'archiveBook', [String(made.json['id'])]);
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('content-length'), null);
    assert.deepEqual(lastCommand(), { kind: 'archiveBook', bookId: made.json['id'], ifVersion: null });
  });

  it('tell their statistics with the start of every bucket', async () => {
    const { json } = await callAs(ADMIN, 'getBookStats', [bookId]);
    assert.deepEqual(json['perMinute'], [
      { start: '2026-11-20T07:59:00.000Z', redemptions: 0 },
      { start: '2026-11-20T08:00:00.000Z', redemptions: 1 },
    ]);
  });
});

describe('codes', () => {
  it('are assigned at random', async () => {
    const { json } = await callAs(SERVICE, 'assignRandomCode', [], { couponBookId: bookId, userId: 'u"1' });
    assert.deepEqual(json, {
      couponBookId: bookId,
      code: 'INIT-0',
      userId: 'u"1',
      assignedAt: '2026-11-20T08:00:00.123Z',
    });
  });

  it('are named in any case and percent-encoded', async () => {
    const { json } = await callAs(ADMIN, 'assignCode', ['%69nit-1'], { userId: 'u2' });
    assert.equal(json['code'], 'INIT-1');
  });

  it('are locked for as long as is asked', async () => {
    const { json } = await callAs(ADMIN, 'lockCode', ['init-1'], { userId: 'u2', ttlSeconds: 10 });
    assert.deepEqual(json, { code: 'INIT-1', userId: 'u2', lockId: 7, lockedUntil: '2026-11-20T08:00:10.123Z' });
    assert.deepEqual(lastCommand(), { kind: 'lockCode', code: 'INIT-1', userId: 'u2', ttlMs: 10_000 });
  });

  it('are unlocked', async () => {
    await callAs(ADMIN, 'unlockCode', ['init-1'], { userId: 'u2', lockId: 7 });
    assert.deepEqual(lastCommand(), { kind: 'unlockCode', code: 'INIT-1', userId: 'u2', lockId: 7 });
  });

  it('are redeemed', async () => {
    const { json } = await callAs(ADMIN, 'redeemCode', ['init-1'], { userId: 'u2', metadata: { order: 'o-1' } });
    assert.deepEqual(json, {
      code: 'INIT-1',
      userId: 'u2',
      redemptionId: '0193a3b0-7c00-7000-9000-000000000001',
      redeemedAt: '2026-11-20T08:00:00.123Z',
      redemptionCount: 1,
      remaining: 0,
    });
    assert.deepEqual(lastCommand(), {
      kind: 'redeemCode',
      code: 'INIT-1',
      userId: 'u2',
      lockId: null,
      metadata: { order: 'o-1' },
    });
  });

  it('are given back', async () => {
    await callAs(ADMIN, 'rollbackRedemption', ['init-1'], { redemptionId: 'r-1', reason: 'a mistake' });
    assert.deepEqual(lastCommand(), {
      kind: 'rollbackRedemption',
      code: 'INIT-1',
      redemptionId: 'r-1',
      reason: 'a mistake',
    });
  });

  it('go back to the pool, with or without a body', async () => {
    await callAs(ADMIN, 'unassignCode', ['init-1']);
    await callAs(ADMIN, 'unassignCode', ['init-1'], { reason: null });
    assert.deepEqual(lastCommand(), { kind: 'unassignCode', code: 'INIT-1', reason: null });
  });

  it('show their state', async () => {
    const { json } = await callAs(ADMIN, 'getCode', ['init-0']);
    assert.equal(json['status'], 'assigned');
    assert.equal(json['userId'], 'u"1');
  });

  it('show their history, newest first, page by page', async () => {
    const first = await callRoute('getCodeHistory', ['init-0'], { as: ADMIN, query: '?limit=3' });
    const seqs = (answer: Answer): unknown[] =>
      (answer.json['items'] as { commitSeq: string }[]).map((e) => e.commitSeq);
    assert.deepEqual(seqs(first), ['3-5', '3-4', '3-3']);
    const query = `?limit=3&cursor=${String(first.json['nextCursor'])}`;
    const second = await callRoute('getCodeHistory', ['init-0'], { as: ADMIN, query });
    assert.deepEqual(seqs(second), ['3-2', '3-1']);
    assert.equal(second.json['nextCursor'], null);
  });

  it('of a book are listed by status, page by page', async () => {
    const first = await callRoute('listCodes', [bookId], { as: ADMIN, query: '?limit=2' });
    assert.equal((first.json['items'] as object[]).length, 2);
    const query = `?limit=2&cursor=${String(first.json['nextCursor'])}`;
    const second = await callRoute('listCodes', [bookId], { as: ADMIN, query });
    assert.equal(second.json['nextCursor'], null);
    const assigned = await callRoute('listCodes', [bookId], { as: ADMIN, query: '?status=assigned' });
    for (const code of assigned.json['items'] as { status: string }[]) assert.equal(code.status, 'assigned');
  });

  it('of a user are listed over all shards, each once, whatever the page', async () => {
    const made = await callAs(ADMIN, 'createBook', [], {
      name: 'For one',
      initialCodes: Array.from({ length: 23 }, (_, i) => `for-one-${i}`),
    });
    for (const code of served.engine.codes.values()) {
      if (code.bookId === made.json['id']) served.engine.codes.set(code.code, { ...code, userId: 'collector' });
    }
    const codes = [...served.engine.codes.values()].filter((code) => code.userId === 'collector').map((c) => c.code);
    for (const limit of [1, 2, 3, 5, 7, 23, 100]) {
      const seen: string[] = [];
      let cursor = '';
      do {
        const query = `?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
        const { json } = await callRoute('listUserCodes', ['collector'], { as: SERVICE, query });
        const items = json['items'] as { code: string }[];
        assert.ok(items.length <= limit);
        seen.push(...items.map(({ code }) => code));
        cursor = json['nextCursor'] === null ? '' : String(json['nextCursor']);
      } while (cursor !== '');
      assert.deepEqual([...seen].sort(), [...codes].sort(), `limit ${limit}`);
    }
  });

  it('are generated', async () => {
    const { status, json } = await callAs(ADMIN, 'generateCodes', [bookId], {
      quantity: 10,
      codePattern: 'A{RANDOM:8}',
    });
    assert.equal(status, 201);
    assert.equal(json['generatedCodes'], 10);
    assert.equal(json['keyspace'], '1099511627776');
    assert.deepEqual(json['guessOdds'], {
      oneIn: 110_000_000_000,
      bits: 40,
      warning: 'Codes of less than 80 bits can be found by patient guessing; use a longer pattern.',
    });
  });
});

describe('accounts', () => {
  it('sign in', async () => {
    const answer = await callRoute('signIn', [], { body: { email: 'User@user.com', password: 'Password1' } });
    const me = await served.call('GET', '/api/v1/auth/me', {
      headers: { authorization: `Bearer ${String(answer.json['accessToken'])}` },
    });
    assert.deepEqual(me.json, { id: 'a-user', email: 'user@user.com', role: 'user' });
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  });

  it('are made, by default with the role user', async () => {
    const { status, json } = await callAs(ADMIN, 'createUser', [], { email: 'new@new.com', password: 'long enough' });
    assert.equal(status, 201);
    assert.equal(json['role'], 'user');
  });

  it('are made once only', async () => {
    const options = { as: ADMIN, body: { email: 'user@user.com', password: 'long enough' } };
    assert.equal((await served.call('POST', '/api/v1/users', options)).status, 409);
  });
});

describe('operation', () => {
  it('reports that it is alive, and the state of its parts', async () => {
    await callRoute('livez', []);
    const ready = await callRoute('readyz', []);
    assert.deepEqual(ready.json, { ready: true, parts: { journal: { ok: true, detail: 'appending' } } });
  });

  it('serves metrics as Prometheus reads them', async () => {
    const answer = await callRoute('metrics', []);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    assert.equal(answer.text, 'clipbook_up 1\n');
  });

  it('serves the API page from itself alone', async () => {
    for (const id of ['apiPage', 'apiPageScript', 'apiPageStyle']) {
      const answer = await callRoute(id, []);
      assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
      assert.doesNotMatch(answer.text, /https?:\/\//);
    }
  });

  it('answers HEAD like GET, without the body', async () => {
    const answer = await served.call('HEAD', '/livez');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-length'), '18');
    assert.equal(answer.text, '');
  });
});

describe('the older paths', () => {
  const older: readonly (readonly [method: string, path: string, body: unknown, kind: string])[] = [
    ['POST', '/coupons', { name: 'Older' }, 'createBook'],
    ['POST', '/coupons/assign/init-2', { userId: USER.id }, 'assignCode'],
    ['POST', '/coupons/lock/init-2', { userId: USER.id }, 'lockCode'],
    ['POST', '/coupons/unlock/init-2', { userId: USER.id }, 'unlockCode'],
    ['POST', '/coupons/redeem/init-2', { userId: USER.id }, 'redeemCode'],
  ];
  for (const [method, path, body, kind] of older) {
    it(`${method} ${path} is ${kind}`, async () => {
      const answer = await served.call(method, path, { as: ADMIN, body });
      assert.ok(answer.status < 300, answer.text);
      assert.equal((lastCommand() as { kind: string }).kind, kind);
    });
  }

  it('assign, bring in and generate with the book in the body', async () => {
    const couponBookId = bookId;
    const codes = await served.call('POST', '/coupons/codes', {
      as: ADMIN,
      body: { couponBookId, codes: ['older-1'] },
    });
    assert.deepEqual(codes.json, { received: 1, added: 1, duplicates: 0, invalid: 0, errors: [] });
    const random = await served.call('POST', '/coupons/random-codes', {
      as: ADMIN,
      body: { couponBookId, quantity: 2 },
    });
    assert.equal(random.status, 201);
    const assigned = await served.call('POST', '/coupons/assign', { as: ADMIN, body: { couponBookId, userId: 'u9' } });
    assert.equal(assigned.status, 200);
  });

  it('sign in, make users and list their codes', async () => {
    const credentials = { email: 'admin@admin.com', password: 'Password1' };
    assert.equal((await served.call('POST', '/auth/token', { body: credentials })).status, 200);
    const account = { email: 'older@older.com', password: 'long enough' };
    assert.equal((await served.call('POST', '/users', { as: ADMIN, body: account })).status, 201);
    const listed = await Promise.all(
      [`/users/${USER.id}/coupons`, `/coupons/user/${USER.id}`].map((path) => served.call('GET', path, { as: USER })),
    );
    assert.deepEqual(listed[0]?.json, listed[1]?.json);
    assert.equal(listed[0]?.status, 200);
  });
});

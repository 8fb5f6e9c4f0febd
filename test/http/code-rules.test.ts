/**
 * What is a code, wherever one can be sent: blanks, reserved words, patterns, encodings, and
 * cursors of lists.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, it } from 'node:test';
import { examplesOf } from '../../src/http/api/examples/table.js';
import { reservedWords, reservedWordsText } from '../../src/http/api/reserved-words.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { ADMIN } from './memory-parts.js';
import { type Answer, type Served, serve } from './serve.js';

let served: Served;
let bookId = '';
let otherId = '';

before(async () => {
  served = await serve();
  const make = async (initialCodes: readonly string[]): Promise<string> => {
    const body = { name: 'Book', initialCodes };
    return String((await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body })).json['id']);
  };
  bookId = await make(['aaa', 'bbb', 'ccc', 'ddd']);
  otherId = await make(['eee', 'fff', 'ggg', 'hhh']);
});
after(() => served.stop());
beforeEach(() => {
  served.engine.commands.length = 0;
  served.engine.queries.length = 0;
  served.control.uploads.length = 0;
});

const post = (path: string, body: unknown): Promise<Answer> => served.call('POST', path, { as: ADMIN, body });

/** Everything that was asked of the engine about a code. */
function codesAsked(): string[] {
  const asked = [...served.engine.commands.map(({ command }) => command), ...served.engine.queries];
  return asked.flatMap((each) => ('code' in each ? [each.code] : []));
}

describe('a code', () => {
  it('may have spaces around it in a path, percent-encoded, which are removed', async () => {
    for (const written of ['%20init-0', 'init-0%20%09', '%C2%A0INIT-0%0D%0A', 'INIT-0']) {
      for (const path of [`/api/v1/coupons/${written}/lock`, `/coupons/lock/${written}`]) {
        assert.equal((await post(path, { userId: 'u-1' })).status, 200, path);
      }
    }
    assert.deepEqual(
      codesAsked(),
      Array.from({ length: 8 }, () => 'INIT-0'),
    );
    assert.equal((await post('/api/v1/coupons/init%20-0/lock', { userId: 'u-1' })).status, 400);
    assert.equal((await post('/api/v1/coupons/%20%20%20/lock', { userId: 'u-1' })).status, 400);
  });

  it('may have spaces around it in a body, which are removed', async () => {
    const codes = [' abc', 'def\t', '\u00a0GHI\r\n'];
    await post('/api/v1/coupon-books', { name: 'B', initialCodes: codes });
    await post(`/api/v1/coupon-books/${bookId}/codes`, { codes });
    await post('/coupons/codes', { couponBookId: bookId, codes });
    const headers = { 'content-type': 'text/csv; header=absent' };
    const body = codes.map((code) => `"${code}"`).join('\n');
    await served.call('POST', `/api/v1/coupon-books/${bookId}/codes`, { as: ADMIN, headers, body });
    assert.equal(served.control.uploads.length, 4);
    for (const upload of served.control.uploads) assert.deepEqual(upload.codes, ['ABC', 'DEF', 'GHI']);
  });

  it('that is not a string counts as invalid on the older path too', async () => {
    const { status, json } = await post('/coupons/codes', { couponBookId: bookId, codes: ['XQZ-5', 7] });
    assert.deepEqual([status, json['added'], json['invalid']], [200, 1, 1]);
  });
});

describe('a reserved word', () => {
  const words = reservedWords(ROUTES);

  it('is every word that stands literally in a path under /coupons/, and the docs list them (npm run document)', async () => {
    const expected = 'ASSIGN CODE CODES HISTORY LOCK RANDOM-CODES REDEEM ROLLBACK UNASSIGN UNLOCK USER'.split(' ');
    for (const word of expected) assert.ok(words.includes(word), `${word} is no longer reserved`);
    const docs = await readFile(new URL('../../docs/codes.md', import.meta.url), 'utf8');
    assert.ok(docs.includes(`<!-- reserved words -->\n${reservedWordsText(words)}\n<!-- end -->`));
    const paths = ['/api/v1/coupons/{code}/lock', '/coupons/very-new', '/api/v1/users/{userId}/coupons/ab'];
    assert.deepEqual(reservedWords(paths.map((path) => ({ path }))), ['LOCK', 'VERY-NEW']);
  });

  it('is no initial code, in any case and with blanks, and nothing is staged', async () => {
    for (const path of ['/api/v1/coupon-books', '/coupons']) {
      const answer = await post(path, { name: 'B', initialCodes: ['abc', ' lock ', 'Assign'] });
      assert.equal(answer.status, 400);
      assert.deepEqual(answer.json['errors'], [
        { path: 'initialCodes.1', message: "LOCK is a word of the API's paths under /coupons/, and reserved" },
        { path: 'initialCodes.2', message: "ASSIGN is a word of the API's paths under /coupons/, and reserved" },
      ]);
    }
    assert.deepEqual([served.control.uploads, served.engine.commands], [[], []]);
  });

  it('is an invalid code of an upload', async () => {
    for (const [path, body] of [
      [`/api/v1/coupon-books/${bookId}/codes`, { codes: words }],
      ['/coupons/codes', { couponBookId: bookId, codes: words }],
    ] as const) {
      const { status, json } = await post(path, body);
      assert.deepEqual([status, json['added'], json['invalid']], [200, 0, words.length]);
    }
  });

  it('that became a code before it was reserved is met by every path when it is written in capitals', async () => {
    for (const { id, spec, method, path, paramNames } of ROUTES) {
      if (paramNames.join() !== 'code') continue;
      const body = Object.values(examplesOf(id, spec.replacedBy).bodies?.['application/json'] ?? {})[0]?.value;
      for (const word of words) {
        served.engine.commands.length = 0;
        served.engine.queries.length = 0;
        await served.call(method, path.replace('{code}', word), { as: ADMIN, body });
        assert.deepEqual(codesAsked(), [word], `${method} ${path}`);
      }
    }
  });
});

describe('a pattern', () => {
  const bad: [pattern: string, message: RegExp][] = [
    ['{FOO}', /^At character 1, \{FOO\} is not known in a pattern; known are/],
    ['SALE-{RANDOM}', /^At character 6, \{RANDOM\} needs a count/],
    ['SALE {RANDOM:8}', /^Character 5 of the pattern, " "/],
    ['SALÉ-{RANDOM:8}', /^Character 4 of the pattern, "É"/],
    ['##', /2 characters; a code has 3 to 64/],
    ['', /empty/],
    ['lock', /makes LOCK only/],
  ];
  for (const [codePattern, message] of bad) {
    it(`that is ${JSON.stringify(codePattern)} is refused at once, wherever it is given`, async () => {
      const answers = [
        await post('/api/v1/coupon-books', { name: 'B', codePattern }),
        await post('/coupons', { name: 'B', codePattern }),
        await served.call('PATCH', `/api/v1/coupon-books/${bookId}`, { as: ADMIN, body: { codePattern } }),
        await post(`/api/v1/coupon-books/${bookId}/generate`, { quantity: 1, codePattern }),
        await post('/coupons/random-codes', { couponBookId: bookId, quantity: 1, codePattern }),
      ];
      for (const { status, json } of answers) {
        assert.equal(status, 400);
        const [error] = json['errors'] as { path: string; message: string }[];
        assert.equal(error?.path, 'codePattern');
        assert.match(error?.message ?? '', message);
      }
      assert.deepEqual(served.engine.commands, []);
    });
  }

  it('that is null resets a book to the default', async () => {
    const body = { codePattern: null };
    assert.equal((await served.call('PATCH', `/api/v1/coupon-books/${bookId}`, { as: ADMIN, body })).status, 200);
  });
});

/** Older bodies name no problem. */
const typeOf415 = (hasOlderBodies: boolean): string | undefined =>
  hasOlderBodies ? undefined : '/problems/unsupported-media-type';

describe('a body', () => {
  const withBody = ROUTES.filter(({ body, streamed }) => body !== null || streamed);
  const pathOf = (path: string): string =>
    path
      .replace('{code}', 'ABC')
      .replace('{userId}', 'u-1')
      .replace(/\{\w+\}/g, bookId);

  it('that is compressed is 415 on every path that takes one', async () => {
    for (const { method, path, olderBodies } of withBody) {
      const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json' };
      const answer = await served.call(method, pathOf(path), { as: ADMIN, headers, body: '{}' });
      assert.deepEqual([answer.status, answer.json['type']], [415, typeOf415(olderBodies)], path);
      assert.match(String(answer.json['detail'] ?? answer.json['error']), /Content-Encoding gzip/);
    }
    assert.ok(withBody.length > 15);
    assert.deepEqual(served.engine.commands, []);
  });

  it('in another charset than UTF-8 is 415 on every path that takes one', async () => {
    for (const { method, path, olderBodies } of withBody) {
      for (const charset of ['utf-16', '"iso-8859-1"']) {
        const headers = { 'content-type': `application/json; charset=${charset}` };
        const answer = await served.call(method, pathOf(path), { as: ADMIN, headers, body: '{}' });
        assert.deepEqual([answer.status, answer.json['type']], [415, typeOf415(olderBodies)], path);
      }
    }
    assert.deepEqual(served.engine.commands, []);
  });

  it('in UTF-8 or ASCII is read, however the charset is written', async () => {
    for (const type of [
      'application/json; charset=UTF-8',
      'application/json;charset="us-ascii"',
      'application/json; x=1',
    ]) {
      const sent = { as: ADMIN, headers: { 'content-type': type, 'content-encoding': 'identity' } };
      const answer = await served.call('POST', '/api/v1/coupons/init-0/lock', { ...sent, body: '{"userId":"u-1"}' });
      assert.equal(answer.status, 200, type);
    }
  });
});

describe('a cursor', () => {
  it('belongs to its list, to what it is a list of, and to the filters', async () => {
    for (const code of ['INIT-0', 'INIT-1', 'INIT-2', 'INIT-4', 'INIT-5', 'INIT-6']) {
      for (const userId of ['u-1', 'u-2']) {
        const view = served.engine.codes.get(code);
        assert.ok(view !== undefined);
        served.engine.codes.set(`${code}-${userId}`, {
          ...view,
          code: `${code}-${userId}`,
          userId,
          status: 'assigned',
        });
      }
    }
    const lists = [
      '/api/v1/coupon-books?',
      '/api/v1/coupon-books?isActive=true&',
      '/api/v1/coupon-books?name=oo&',
      `/api/v1/coupon-books/${bookId}/codes?`,
      `/api/v1/coupon-books/${bookId}/codes?status=assigned&`,
      `/api/v1/coupon-books/${otherId}/codes?`,
      '/api/v1/coupons/init-0/history?',
      '/api/v1/coupons/init-1/history?',
      '/api/v1/users/u-1/coupons?',
      '/api/v1/users/u-2/coupons?',
      '/api/v1/users/u-1/coupons?status=assigned&',
      `/api/v1/users/u-1/coupons?couponBookId=${bookId}&`,
      `/api/v1/users/u-1/coupons?couponBookId=${bookId}&status=assigned&`,
    ];
    const cursors = await Promise.all(
      lists.map(async (list) => {
        const { json } = await served.call('GET', `${list}limit=1`, { as: ADMIN });
        assert.equal(typeof json['nextCursor'], 'string', list);
        return String(json['nextCursor']);
      }),
    );
    assert.equal(new Set(cursors).size, cursors.length);
    for (const [i, list] of lists.entries()) {
      for (const [j, cursor] of cursors.entries()) {
        const answer = await served.call('GET', `${list}limit=2&cursor=${cursor}`, { as: ADMIN });
        if (i === j) assert.equal(answer.status, 200, list);
        else assert.deepEqual([answer.status, answer.json['type']], [400, '/problems/bad-cursor'], `${list} by ${j}`);
      }
    }
  });

  it('goes on under an older path of the same list', async () => {
    const first = await served.call('GET', '/api/v1/users/u-1/coupons?limit=1', { as: ADMIN });
    const older = `/coupons/user/u-1?limit=1&cursor=${String(first.json['nextCursor'])}`;
    assert.equal((await served.call('GET', older, { as: ADMIN })).status, 200);
  });
});

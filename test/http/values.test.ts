/**
 * What may stand in a value, and that it comes through as it came. The rules are in docs/values.md.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import { ADMIN, USER } from './memory-parts.js';
import { type Answer, type Served, serve } from './serve.js';

let served: Served;

before(async () => {
  served = await serve();
});
after(() => served.stop());

/** `body` is sent as it is when it is a text. */
const post = (path: string, body: unknown) => served.call('POST', `/api/v1${path}`, { as: ADMIN, body });

async function madeBook(fields: object): Promise<Answer> {
  const answer = await post('/coupon-books', { name: 'B', ...fields });
  assert.equal(answer.status, 201, answer.text);
  return answer;
}

function lastCommand<Kind extends Command['kind']>(kind: Kind): Extract<Command, { kind: Kind }> {
  const command = served.engine.commands.at(-1)?.command;
  assert.equal(command?.kind, kind);
  return command as Extract<Command, { kind: Kind }>;
}

/** The paths of the fields that are refused. */
function refusedIn(answer: Answer): string[] {
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.json['type'], '/problems/validation');
  return (answer.json['errors'] as { path: string }[]).map(({ path }) => path);
}

describe('metadata', () => {
  const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'toJSON', '', '0', 'ключ'];
  const TEXT = `{${NAMES.map((name) => `${JSON.stringify(name)}:{"__proto__":[{"__proto__":1}],"a":1}`).join()}}`;

  it('keeps every key as it came, __proto__ too, in a redemption', async () => {
    const answer = await post('/coupons/one/redeem', `{"userId":"u","metadata":${TEXT}}`);
    assert.notEqual(answer.status, 400);
    assert.deepEqual(Object.keys(lastCommand('redeemCode').metadata ?? {}).sort(), [...NAMES].sort());
    assert.equal(JSON.stringify(lastCommand('redeemCode').metadata), JSON.stringify(JSON.parse(TEXT)));
  });

  it('keeps every key as it came, __proto__ too, in a book that is made and one that is changed', async () => {
    const made = await post('/coupon-books', `{"name":"B","metadata":${TEXT}}`);
    assert.equal(made.status, 201);
    assert.equal(JSON.stringify(made.json['metadata']), JSON.stringify(JSON.parse(TEXT)));
    const body = `{"metadata":{"__proto__":{"b":2}}}`;
    const patched = await served.call('PATCH', `/api/v1/coupon-books/${made.json['id']}`, { as: ADMIN, body });
    assert.equal(JSON.stringify(patched.json['metadata']), '{"__proto__":{"b":2}}');
  });

  it('that differs in __proto__ alone is another request', async () => {
    const fingerprints = new Set<number | undefined>();
    for (const value of [1, 2]) {
      const body = `{"userId":"u","metadata":{"__proto__":${value}}}`;
      await served.call('POST', '/api/v1/coupons/one/redeem', { as: ADMIN, body, headers: { 'idempotency-key': 'k' } });
      fingerprints.add(served.engine.commands.at(-1)?.origin.idempotency?.fingerprint);
    }
    assert.equal(fingerprints.size, 2);
  });

  it('refuses whole numbers beyond 2^53 - 1, however they are written and wherever they stand', async () => {
    const beyond = [
      '750727362669608961',
      '-750727362669608961',
      '9007199254740992',
      '-9007199254740992',
      '9007199254740993',
      '9007199254740993.0',
      '90071992547409930e-1',
      '1e16',
      '1E+300',
      '1e400',
      '-1e400',
      '123456789012345678901234567890',
    ];
    for (const number of beyond) {
      for (const metadata of [`{"a":${number}}`, `{"a":[1,{"b":[${number}]}]}`, `{"__proto__":${number}}`]) {
        const redeemed = await post('/coupons/one/redeem', `{"userId":"u","metadata":${metadata}}`);
        assert.deepEqual(refusedIn(redeemed), ['metadata'], `${number} in a redemption`);
        const made = await post('/coupon-books', `{"name":"B","metadata":${metadata}}`);
        assert.deepEqual(refusedIn(made), ['metadata'], `${number} in a book`);
      }
    }
  });

  it('keeps whole numbers up to 2^53 - 1, fractions, and long numbers that are text', async () => {
    const text = '{"a":9007199254740991,"b":-9007199254740991,"c":0.1,"d":1e15,"e":"750727362669608961","f":1e-300}';
    await post('/coupons/one/redeem', `{"userId":"u","metadata":${text}}`);
    assert.deepEqual(lastCommand('redeemCode').metadata, JSON.parse(text));
  });

  it('is an object', async () => {
    for (const metadata of [[1], 'text', 5, true]) {
      assert.deepEqual(refusedIn(await post('/coupons/one/redeem', { userId: 'u', metadata })), ['metadata']);
    }
    assert.notEqual((await post('/coupons/one/redeem', { userId: 'u', metadata: null })).status, 400);
  });
});

describe('dates', () => {
  it('outside of the years 0000 to 9999 in UTC are refused, in new books and in changes', async () => {
    const id = (await madeBook({})).json['id'];
    const outside = ['9999-12-31T23:59:59-01:00', '9999-12-31T23:59:59.999-00:01', '0000-01-01T00:00:00+00:01'];
    for (const time of outside) {
      for (const field of ['startDate', 'endDate']) {
        assert.deepEqual(refusedIn(await post('/coupon-books', { name: 'B', [field]: time })), [field], time);
        const options = { as: ADMIN, body: { [field]: time } };
        assert.deepEqual(refusedIn(await served.call('PATCH', `/api/v1/coupon-books/${id}`, options)), [field], time);
      }
    }
  });

  it('at the borders are kept, and what is answered can be sent again', async () => {
    for (const time of ['0000-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999+00:00']) {
      const { json } = await madeBook({ endDate: time });
      const options = { as: ADMIN, body: { endDate: json['endDate'] } };
      const patched = await served.call('PATCH', `/api/v1/coupon-books/${json['id']}`, options);
      assert.equal(patched.status, 200, patched.text);
      assert.equal(patched.json['endDate'], json['endDate']);
    }
  });
});

describe('texts', () => {
  const FAMILY = '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}';
  const TAKEN = [
    FAMILY,
    'می\u200cخواهم',
    'क्\u200dष',
    'a literal \ufffd',
    'right \u200fto\u200e left',
    '\ufeffmark',
    'private \ue000, unassigned \u{3ffff}',
  ];

  it('with joiners, direction marks, U+FFFD and characters of a newer Unicode are taken everywhere', async () => {
    for (const text of TAKEN) {
      const { json } = await madeBook({ name: text, description: text, metadata: { [text]: text } });
      assert.deepEqual([json['name'], json['description'], json['metadata']], [text, text, { [text]: text }]);
      await post('/coupons/one/redeem', { userId: text, metadata: { [text]: text } });
      assert.equal(lastCommand('redeemCode').userId, text);
      await post('/coupons/one/unassign', { reason: text });
      assert.equal(lastCommand('unassignCode').reason, text);
      const encoded = encodeURIComponent(text);
      const listed = await served.call('GET', `/api/v1/users/${encoded}/coupons`, { as: ADMIN });
      assert.equal(listed.status, 200, listed.text);
      const found = await served.call('GET', `/api/v1/coupon-books?name=${encoded}`, { as: ADMIN });
      assert.equal(found.status, 200, found.text);
    }
  });

  it('with control characters are refused everywhere', async () => {
    const controls = ['\u0000', '\u0001', '\u0008', '\u000b', '\u001b', '\u007f', '\u0085', '\u009f'];
    for (const control of controls) {
      const text = `a${control}b`;
      const body = { name: 'B', description: text };
      assert.deepEqual(refusedIn(await post('/coupon-books', { name: text })), ['name']);
      assert.deepEqual(refusedIn(await post('/coupon-books', body)), ['description']);
      assert.deepEqual(refusedIn(await post('/coupon-books', { name: 'B', metadata: { [text]: 1 } })), ['metadata']);
      assert.deepEqual(refusedIn(await post('/coupons/one/redeem', { userId: text })), ['userId']);
      assert.deepEqual(refusedIn(await post('/coupons/one/redeem', { userId: 'u', metadata: { a: [text] } })), [
        'metadata',
      ]);
      assert.deepEqual(refusedIn(await post('/coupons/one/unassign', { reason: text })), ['reason']);
      const encoded = encodeURIComponent(text);
      const get = (path: string) => served.call('GET', `/api/v1${path}`, { as: ADMIN });
      assert.deepEqual(refusedIn(await get(`/users/${encoded}/coupons`)), ['userId']);
      assert.deepEqual(refusedIn(await get(`/coupon-books?name=${encoded}`)), ['name']);
    }
  });

  it('of several lines are taken in descriptions and metadata, and refused where a line is meant', async () => {
    const lines = 'one\n\ttwo\r\nthree';
    const { json } = await madeBook({ description: lines, metadata: { lines } });
    assert.deepEqual([json['description'], json['metadata']], [lines, { lines }]);
    assert.deepEqual(refusedIn(await post('/coupon-books', { name: lines })), ['name']);
    assert.deepEqual(refusedIn(await post('/coupons/one/unassign', { reason: lines })), ['reason']);
  });

  it('are counted in characters', async () => {
    await madeBook({ name: '\u{1f600}'.repeat(200) });
    assert.deepEqual(refusedIn(await post('/coupon-books', { name: '\u{1f600}'.repeat(201) })), ['name']);
  });

  it('that are not UTF-8 are refused, in a body, in one that comes in pieces, in a path and in a query', async () => {
    const token = await served.tokenOf(ADMIN);
    const head = (line: string) => `${line} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\n`;
    const bodies = ['\xff', '\xc0\x80', '\xed\xa0\x80', '\xe2\x80', '\ufffd\xff'].map((bytes) =>
      Buffer.concat([Buffer.from('{"name":"'), Buffer.from(bytes, 'latin1'), Buffer.from('"}')]).toString('latin1'),
    );
    for (const body of bodies) {
      const begin = head('POST /api/v1/coupon-books');
      const whole = `${begin}Content-Length: ${body.length}\r\n\r\n${body}`;
      assert.match(await served.raw(whole, '}'), /400 Bad Request.*The body is not UTF-8/s);
      const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
      const chunked = `${begin}Transfer-Encoding: chunked\r\n\r\n`;
      const pieces = [chunked, chunk(body.slice(0, 5)), `${chunk(body.slice(5))}0\r\n\r\n`];
      assert.match(await served.raw(pieces, '}'), /400 Bad Request.*The body is not UTF-8/s);
    }
    for (const line of [
      'GET /api/v1/users/%FF/coupons',
      'GET /api/v1/users/\xff/coupons',
      'GET /api/v1/users/%ED%A0%80/coupons',
      'GET /api/v1/coupon-books?name=%FF',
      'GET /api/v1/coupon-books?name=\xff',
      'GET /api/v1/coupon-books?name=%EF%BF%BD%FF',
    ]) {
      assert.match(await served.raw(`${head(line)}\r\n`, '}'), /400 Bad Request/, line);
    }
  });

  it('in a token’s subject follow the rule of user ids', async () => {
    for (const id of ['a\u0000b', 'a\nb', '\u007f', '\u0085', 'x'.repeat(129), '']) {
      const answer = await served.call('GET', '/api/v1/coupons/code/one', { as: { ...USER, id } });
      assert.equal(answer.status, 401, JSON.stringify(id));
      assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
      assert.equal((await served.call('GET', '/api/v1/auth/me', { as: { ...USER, id } })).status, 401);
    }
    for (const id of [FAMILY, 'x'.repeat(128), '\u{1f600}'.repeat(128)]) {
      const answer = await served.call('POST', '/api/v1/coupons/one/lock', {
        as: { ...USER, id },
        body: { userId: id },
      });
      assert.equal(answer.status, 404, answer.text);
    }
  });
});

describe('If-Match', () => {
  const versions = async (ifMatch: string) => {
    const id = (await madeBook({})).json['id'];
    const options = { as: ADMIN, body: { name: 'C' }, headers: { 'if-match': ifMatch } };
    const answer = await served.call('PATCH', `/api/v1/coupon-books/${id}`, options);
    return answer.status;
  };

  it('goes on when a tag of its list is the version, and says 412 when none is', async () => {
    const expected: readonly (readonly [string, number])[] = [
      ['"1"', 200],
      ['*', 200],
      [' * ', 200],
      ['"0", "1"', 200],
      ['"1" ,"0"', 200],
      [', "0",, "1",', 200],
      ['"a,b", "1"', 200],
      ['W/"0", "1"', 200],
      ['"2"', 412],
      ['"0", "2"', 412],
      ['W/"1"', 412],
      ['w/"1"', 412],
      ['"01"', 412],
      ['"1.0"', 412],
      ['"a,"1"', 412],
      ['1', 412],
      ['"1', 412],
      ['"1" "0"', 412],
      ['"1", *', 412],
      ['"99999999999999999999"', 412],
      [',', 412],
    ];
    for (const [ifMatch, status] of expected) assert.equal(await versions(ifMatch), status, ifMatch);
  });

  it('may come in several headers, and an empty one matches nothing', async () => {
    const token = await served.tokenOf(ADMIN);
    const remove = async (headers: string) => {
      const id = (await madeBook({})).json['id'];
      const head = `DELETE /api/v1/coupon-books/${id} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\n`;
      const answer = await served.raw(`${head}${headers}\r\n`, '\r\n\r\n');
      return Number(answer.split(' ')[1]);
    };
    assert.equal(await remove('If-Match: "0"\r\nIf-Match: "1"\r\n'), 204);
    assert.equal(await remove('If-Match: "1"\r\nIf-Match: "0"\r\n'), 204);
    assert.equal(await remove('If-Match: "0"\r\nIf-Match: "2"\r\n'), 412);
    assert.equal(await remove('If-Match:\r\n'), 412);
    assert.equal(await remove(''), 204);
  });

  it('of an unknown book is 404, whatever it asks for', async () => {
    const path = '/api/v1/coupon-books/0193a3b0-7c00-7000-8000-0000000000ff';
    for (const ifMatch of ['"1"', '*', 'W/"1"', 'x']) {
      const options = { as: ADMIN, body: { name: 'C' }, headers: { 'if-match': ifMatch } };
      assert.equal((await served.call('PATCH', path, options)).status, 404, ifMatch);
    }
  });
});

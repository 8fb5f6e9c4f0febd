import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createHasher, fingerprintOf } from '../../src/http/exchange/fingerprint.js';
import { ADMIN, SERVICE } from './memory-parts.js';
import { type Answer, type Served, serve } from './serve.js';

let served: Served;
let bookId = '';

before(async () => {
  served = await serve();
  const options = { as: ADMIN, body: { name: 'Book', initialCodes: ['one', 'two', 'three', 'four'] } };
  const made = await served.call('POST', '/api/v1/coupon-books', options);
  bookId = String(made.json['id']);
});
after(() => served.stop());

const assign = (headers: Record<string, string>, userId = 'u', as = ADMIN): Promise<Answer> =>
  served.call('POST', '/api/v1/coupons/assign', { as, headers, body: { couponBookId: bookId, userId } });

describe('an idempotency key', () => {
  it('makes the same request answer the same again, and say so', async () => {
    const first = await assign({ 'idempotency-key': 'k-1' });
    const second = await assign({ 'x-idempotency-key': 'k-1' });
    assert.equal(first.headers.get('idempotency-replayed'), null);
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    assert.equal(second.status, first.status);
    assert.equal(second.text, first.text);
    assert.equal(second.headers.get('commit-seq'), first.headers.get('commit-seq'));
  });

  it('is refused with another request', async () => {
    await assign({ 'idempotency-key': 'k-2' });
    const answer = await assign({ 'idempotency-key': 'k-2' }, 'another');
    assert.equal(answer.json['type'], '/problems/idempotency-key-reused');
  });

  it('belongs to its caller', async () => {
    const mine = await assign({ 'idempotency-key': 'k-3' });
    const theirs = await assign({ 'idempotency-key': 'k-3' }, 'u', SERVICE);
    assert.notEqual(theirs.text, mine.text);
    assert.deepEqual(
      served.engine.commands.slice(-2).map(({ origin }) => origin.caller),
      [ADMIN.id, SERVICE.id],
    );
  });

  it('is 1 to 255 visible ASCII characters, once', async () => {
    const commands = served.engine.commands.length;
    const bad = [{ 'idempotency-key': '' }, { 'idempotency-key': 'a b' }, { 'idempotency-key': 'x'.repeat(256) }];
    const two = { 'idempotency-key': 'one', 'x-idempotency-key': 'two' };
    for (const headers of [...bad, { 'idempotency-key': 'é' }, two]) {
      const answer = await assign(headers as Record<string, string>);
      assert.equal(answer.json['type'], '/problems/bad-idempotency-key', JSON.stringify(headers));
      assert.equal(answer.status, 400);
    }
    assert.equal(served.engine.commands.length, commands);
    assert.notEqual((await assign({ 'idempotency-key': '~'.repeat(255) })).status, 400);
  });

  it('may come in several headers that are equal, and in none that differ', async () => {
    const token = await served.tokenOf(ADMIN);
    const lock = async (...headers: string[]): Promise<number> => {
      const lines = ['Host: h', `Authorization: Bearer ${token}`, 'Content-Type: application/json', ...headers];
      const head = ['POST /api/v1/coupons/init-0/lock HTTP/1.1', ...lines, 'Content-Length: 14'].join('\r\n');
      return Number((await served.raw(`${head}\r\n\r\n{"userId":"u"}`, '}')).split(' ')[1]);
    };
    const [key, other] = ['Idempotency-Key: several-1', 'X-Idempotency-Key: several-1'];
    const commands = served.engine.commands.length;
    for (const headers of [
      [key, 'Idempotency-Key: several-2'],
      ['Idempotency-Key:', key],
      [key, 'Idempotency-Key:'],
      [other, 'X-Idempotency-Key: several-2'],
      [key, other, 'X-Idempotency-Key: several-2'],
    ])
      assert.equal(await lock(...headers), 400, headers.join(', '));
    assert.equal(served.engine.commands.length, commands);
    for (const headers of [
      [key, key],
      [other, other],
      [key, other, key],
    ])
      assert.equal(await lock(...headers), 200, headers.join(', '));
  });

  it('ignores the order of fields, and nothing else', async () => {
    const redeem = (body: string): Promise<Answer> =>
      served.call('POST', '/api/v1/coupons/one/redeem', { as: ADMIN, headers: { 'idempotency-key': 'k-4' }, body });
    const fingerprints: unknown[] = [];
    for (const body of [
      '{"userId":"u","metadata":{"a":1,"b":[1,2]}}',
      '{ "metadata": {"b":[1,2], "a":1.0}, "userId":"u" }',
      '{"userId":"u","metadata":{"a":1,"b":[2,1]}}',
    ]) {
      await redeem(body);
      fingerprints.push(served.engine.commands.at(-1)?.origin.idempotency?.fingerprint);
    }
    assert.equal(fingerprints[0], fingerprints[1]);
    assert.notEqual(fingerprints[0], fingerprints[2]);
  });

  it('discards the codes that were staged once more for a request that is answered again', async () => {
    const path = `/api/v1/coupon-books/${bookId}/generate`;
    const options = { as: ADMIN, headers: { 'idempotency-key': 'k-5' }, body: { quantity: 3 } };
    const first = await served.call('POST', path, options);
    const before = served.control.discarded.length;
    const second = await served.call('POST', path, options);
    assert.equal(second.text, first.text);
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    assert.equal(served.control.discarded.length, before + 1);
  });

  it('tells the bytes of an upload apart', async () => {
    const upload = (body: string): Promise<Answer> =>
      served.call('POST', `/api/v1/coupon-books/${bookId}/codes`, {
        as: ADMIN,
        headers: { 'idempotency-key': 'k-6', 'content-type': 'text/csv' },
        body,
      });
    const first = await upload('code\nAAA\n');
    assert.equal(first.status, 200);
    assert.equal((await upload('code\nAAA\n')).headers.get('idempotency-replayed'), 'true');
    assert.equal((await upload('code\nBBB\n')).json['type'], '/problems/idempotency-key-reused');
  });
});

describe('a fingerprint', () => {
  it('is a whole number of at most 53 bits', () => {
    for (let i = 0; i < 1000; i++) {
      const value = fingerprintOf('route', [`p${i}`], { i });
      assert.ok(Number.isSafeInteger(value) && value >= 0);
    }
  });

  it('differs for each of many requests', () => {
    const seen = new Set(Array.from({ length: 20_000 }, (_, i) => fingerprintOf('route', ['p'], { userId: `u-${i}` })));
    assert.equal(seen.size, 20_000);
  });

  it('does not mix up adjacent values', () => {
    assert.notEqual(fingerprintOf('r', ['a', 'b'], null), fingerprintOf('r', ['ab'], null));
    assert.notEqual(fingerprintOf('r', [], { a: '1' }), fingerprintOf('r', [], { a: 1 }));
  });

  it('of bytes does not depend on how they were split', () => {
    const [whole, cut] = [createHasher(), createHasher()];
    whole.bytes(Buffer.from('abcdef'));
    cut.bytes(Buffer.from('ab'));
    cut.bytes(Buffer.from('cdef'));
    assert.equal(whole.digest(), cut.digest());
  });
});

/**
 * Values on their whole way: through the journal, a replay, PostgreSQL, the history and a
 * remembered answer.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Api, connect, type Reply } from '../support/api.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Api;

before(async () => {
  directory = await temporaryDirectory();
  await start();
});

after(async () => {
  api?.close();
  await server?.stop();
  await directory?.remove();
});

async function start(): Promise<void> {
  server = await startServer(directory.path);
  api = await connect(server.url);
}

/** Sends a body as it is written; the answer's as text. */
async function send(path: string, text: string, key: string): Promise<{ status: number; text: string }> {
  const { status, body } = await api.call('POST', path, text, { 'idempotency-key': key });
  return { status, text: JSON.stringify(body) };
}

/** A history answers 503 until PostgreSQL has what it shows. */
async function historyOf(code: string): Promise<Reply['body']> {
  for (;;) {
    const { status, body } = await api.call('GET', `/coupons/${code}/history`);
    if (status === 200) return body;
    assert.equal(status, 503, JSON.stringify(body));
  }
}

const METADATA = '{"__proto__":{"__proto__":null,"a":[1]},"constructor":1,"toString":2,"text":"\u200d\ufffd"}';

test('metadata comes through journal, replay, PostgreSQL, history and remembered answers as it came', async () => {
  const made = await send('/coupon-books', `{"name":"B","initialCodes":["meta-1"],"metadata":${METADATA}}`, 'make');
  assert.equal(made.status, 201, made.text);
  const id = (JSON.parse(made.text) as { id: string }).id;
  assert.equal((await api.call('POST', '/coupons/assign/META-1', { userId: 'ada' })).status, 200);
  const redeem = `{"userId":"ada","metadata":${METADATA}}`;
  const redeemed = await send('/coupons/META-1/redeem', redeem, 'redeem');
  assert.equal(redeemed.status, 200, redeemed.text);

  async function check(when: string): Promise<void> {
    const book = await api.call('GET', `/coupon-books/${id}`);
    assert.equal(JSON.stringify(book.body.metadata), METADATA, when);
    const listed = await api.call('GET', '/coupon-books');
    assert.equal(JSON.stringify(listed.body.items[0].metadata), METADATA, when);
    const history = await historyOf('META-1');
    assert.equal(JSON.stringify(history.items[0].detail.metadata), METADATA, when);
    const again = await send('/coupon-books', `{"name":"B","initialCodes":["meta-1"],"metadata":${METADATA}}`, 'make');
    assert.deepEqual(again, made, when);
    assert.deepEqual(await send('/coupons/META-1/redeem', redeem, 'redeem'), redeemed, when);
    const other = redeem.replace('[1]', '[2]');
    assert.equal((await send('/coupons/META-1/redeem', other, 'redeem')).status, 422, `${when}: another request`);
  }

  await check('at once');
  api.close();
  await server.kill();
  await start();
  await check('after a replay of the journal');
  api.close();
  assert.equal(await server.stop(), 0);
  await start();
  await check('after a start from PostgreSQL');
});

test('a new book and a changed one are judged by the same rule', async () => {
  const counts = [undefined, null, 1, 2];
  for (const allowMultipleRedemptions of [undefined, false, true]) {
    for (const maxRedemptionsPerCode of counts) {
      const isGood = maxRedemptionsPerCode == null || allowMultipleRedemptions === true;
      const fields = { allowMultipleRedemptions, maxRedemptionsPerCode };
      const made = await api.call('POST', '/coupon-books', { name: 'B', ...fields });
      assert.equal(made.status, isGood ? 201 : 400, JSON.stringify({ fields, body: made.body }));
    }
  }
  for (const before of [false, true]) {
    for (const beforeCount of before ? [null, 1, 2] : [null]) {
      for (const allowMultipleRedemptions of [undefined, false, true]) {
        for (const maxRedemptionsPerCode of counts) {
          const { body: book } = await api.call('POST', '/coupon-books', {
            name: 'B',
            allowMultipleRedemptions: before,
            maxRedemptionsPerCode: beforeCount,
          });
          const patch = { name: 'C', allowMultipleRedemptions, maxRedemptionsPerCode };
          const after = {
            allows: allowMultipleRedemptions ?? before,
            count: maxRedemptionsPerCode === undefined ? beforeCount : maxRedemptionsPerCode,
          };
          const patched = await api.call('PATCH', `/coupon-books/${book.id}`, patch);
          const said = JSON.stringify({ before, beforeCount, patch, body: patched.body });
          // What the body alone contradicts is 400, as in POST; what contradicts the book is 422.
          const isBroken = allowMultipleRedemptions === false && maxRedemptionsPerCode != null;
          const isGood = after.count === null || after.allows;
          assert.equal(patched.status, isGood ? 200 : isBroken ? 400 : 422, said);
          if (isGood) continue;
          const { body: same } = await api.call('GET', `/coupon-books/${book.id}`);
          assert.deepEqual(same, book, said);
        }
      }
    }
  }
});

test('times in a history are ISO 8601, under the names that answers have', async () => {
  const { body: book } = await api.call('POST', '/coupon-books', { name: 'B', initialCodes: ['hist-1'] });
  assert.equal(book.counts.total, 1);
  await api.call('POST', '/coupons/assign/HIST-1', { userId: 'ada' });
  const locked = await api.call('POST', '/coupons/HIST-1/lock', { userId: 'ada' });
  await api.call('POST', '/coupons/HIST-1/redeem', { userId: 'ada', metadata: { untilMs: 5 } });
  const body = await historyOf('HIST-1');
  const details = body.items.map(({ detail }: { detail: object | null }) => detail);
  assert.deepEqual(details, [
    { redemptionCount: 1, metadata: { untilMs: 5 } },
    { lockId: locked.body.lockId, lockedUntil: locked.body.lockedUntil },
    null,
  ]);
  for (const { at } of body.items) assert.equal(at, new Date(at).toISOString());
});

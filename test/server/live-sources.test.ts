import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Connection, connect } from '../support/api.js';
import { type LiveMessage, openSocket } from '../support/live.js';
import { untilProjected } from '../support/projected.js';
import { type Environment, PROBED_MAIN, startServer, temporaryDirectory, undoes } from '../support/server.js';

const USER = 'ada';

/** Events of every kind that clients can see. */
async function changeEverything(api: Connection): Promise<string> {
  const made = await api.call('POST', '/coupon-books', {
    name: 'sources',
    description: 'Ö, "quoted" and \u2028',
    initialCodes: ['KIND-1'],
    metadata: { season: 'spring' },
    allowMultipleRedemptions: true,
  });
  assert.equal(made.status, 201);
  const bookId = made.body.id as string;
  const done = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const { status, body: answer } = await api.call(method, path, body);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  };
  await done('PATCH', `/coupon-books/${bookId}`, { name: 'sources anew', lockTtlSeconds: 60 });
  await done('POST', `/coupon-books/${bookId}/codes`, { codes: ['KIND-2', 'KIND-3'] });
  await done('POST', '/coupons/assign/KIND-1', { userId: USER });
  await done('POST', '/coupons/KIND-1/lock', { userId: USER });
  await done('POST', '/coupons/KIND-1/unlock', { userId: USER });
  await done('POST', '/coupons/assign/KIND-2', { userId: USER });
  await done('POST', '/coupons/KIND-2/lock', { userId: USER, ttlSeconds: 1 });
  for (const metadata of [{ till: 7, note: 'ä' }, undefined]) {
    const redeemed = await done('POST', '/coupons/KIND-1/redeem', { userId: USER, metadata });
    const { redemptionId } = redeemed as { redemptionId: string };
    await done('POST', '/coupons/KIND-1/rollback', { redemptionId, ...(metadata && { reason: 'returned' }) });
  }
  await done('POST', '/coupons/KIND-1/unassign', { reason: 'gone' });
  return bookId;
}

const KINDS = [
  'book.created',
  'codes.added',
  'book.updated',
  'codes.added',
  'coupon.assigned',
  'coupon.locked',
  'coupon.unlocked',
  'coupon.assigned',
  'coupon.locked',
  'coupon.redeemed',
  'coupon.rolled_back',
  'coupon.redeemed',
  'coupon.rolled_back',
  'coupon.unassigned',
];
const AFTER = ['coupon.lock_expired', 'book.archived'];

const without = ({ cursor: _, ...message }: LiveMessage): Omit<LiveMessage, 'cursor'> => message;

/** Of the user, in all shards: the cursor is from before the book, whose shard is not known yet. */
async function cursorNow(url: string, token: string): Promise<string> {
  const socket = await openSocket(url, { token });
  socket.send({ type: 'subscribe', topics: ['user:nobody'] });
  const { cursor } = await socket.until(({ type }) => type === 'subscribed');
  socket.end();
  return cursor ?? '';
}

async function resumes(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = [...text.matchAll(/^clipbook_live_resumes_total\{source="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(found.map(([, source = '', count]) => [source, Number(count)]));
}

async function resumed(
  url: string,
  token: string,
  bookId: string,
  since: string,
  last: string,
): Promise<LiveMessage[]> {
  const socket = await openSocket(url, { token });
  socket.send({ type: 'subscribe', topics: [`book:${bookId}`, `user:${USER}`], since });
  await socket.until(({ event }) => event === last);
  socket.end();
  return socket.events();
}

async function begin(t: TestContext, env: Environment = {}) {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const start = async () => {
    const server = await startServer(directory.path, env, PROBED_MAIN);
    undo(() => server.kill());
    const api = await connect(server.url);
    undo(async () => api.close());
    return { server, api };
  };
  return { start };
}

test('every kind of event is the same from the live thread, from memory, from the journal and from the audit rows', async (t) => {
  const { start } = await begin(t, {
    JOURNAL_RETENTION_HOURS: '0',
    JOURNAL_RETENTION_BYTES: '0',
    SHARDS: '4',
  });
  const first = await start();
  const { token } = first.api;
  const since = await cursorNow(first.server.url, token);
  const live = await openSocket(first.server.url, { token });
  live.send({ type: 'subscribe', topics: [`user:${USER}`] });
  await live.until(({ type }) => type === 'subscribed');
  const bookId = await changeEverything(first.api);
  await live.until(({ event }) => event === 'coupon.lock_expired');
  await first.api.call('DELETE', `/coupon-books/${bookId}`);

  const fromRing = await resumed(first.server.url, token, bookId, since, 'book.archived');
  assert.deepEqual(
    fromRing.map(({ event }) => event),
    [...KINDS, ...AFTER],
  );
  assert.equal((await resumes(first.server.url))['audit'], 0);
  const ofUser = fromRing.filter(({ topics }) => topics?.includes(`user:${USER}`) === true);
  assert.deepEqual(
    live.events().map(({ event, at, data }) => ({ event, at, data })),
    ofUser.map(({ event, at, data }) => ({ event, at, data })),
  );

  await untilProjected(first.server.url);
  await first.server.kill();
  // The new process has nothing in memory. Its opening begins a new epoch of the journal, and the
  // old one goes, because PostgreSQL has all of it.
  const second = await start();
  let fromAudit = await resumed(second.server.url, token, bookId, since, 'book.archived');
  for (let tries = 1; (await resumes(second.server.url))['audit'] === 0; tries++) {
    assert.deepEqual(fromAudit.map(without), fromRing.map(without), 'from the journal');
    assert.ok(tries <= 100, `after ${tries} tries: ${JSON.stringify(await resumes(second.server.url))}`);
    await second.api.call('POST', '/coupon-books', { name: 'goes on' });
    // It has the old files open, and goes on reading what was deleted.
    await second.server.ask({ ask: 'killLiveThread' });
    fromAudit = await resumed(second.server.url, token, bookId, since, 'book.archived');
  }
  assert.deepEqual(fromAudit.map(without), fromRing.map(without), 'from the audit rows');
  assert.deepEqual(fromAudit, fromRing, 'with their cursors');
});

test('connections outlive the live thread, and miss nothing', async (t) => {
  const { start } = await begin(t);
  const { server, api } = await start();
  const codes = Array.from({ length: 200 }, (_, n) => `OUTLIVE-${n}`);
  const { body } = await api.call('POST', '/coupon-books', { name: 'outlive', initialCodes: codes });
  const sockets = await Promise.all(
    [[`book:${body.id}`], [`book:${body.id}`, 'user:ada']].map(async (topics) => {
      const socket = await openSocket(server.url, { token: api.token });
      socket.send({ type: 'subscribe', topics });
      await socket.until(({ type }) => type === 'subscribed');
      return socket;
    }),
  );
  for (const [n, code] of codes.entries()) {
    await api.call('POST', `/coupons/assign/${code}`, { userId: 'ada' });
    if (n % 50 === 25) await server.ask({ ask: 'killLiveThread' });
  }
  for (const socket of sockets) {
    await socket.until(({ data }) => data?.code === codes.at(-1));
    assert.deepEqual(
      socket.events().map(({ data }) => data.code),
      codes,
    );
    socket.end();
  }
});

test('a stop ends at once although the live thread has just died', async (t) => {
  const { start } = await begin(t);
  const { server } = await start();
  await server.ask({ ask: 'killLiveThread' });
  const beganMs = performance.now();
  assert.equal(await server.stop(), 0);
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < 4000, `after ${tookMs} ms`);
});

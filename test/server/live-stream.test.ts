import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Connection, connect } from '../support/api.js';
import { openStream } from '../support/live.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
let server: Server = await startServer(directory.path);
let api: Connection = await connect(server.url);
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${api.token}` });

after(async () => {
  api.close();
  await server.kill();
  await directory.remove();
});

async function makeBook(codes: readonly string[]): Promise<string> {
  const { body, status } = await api.call('POST', '/coupon-books', { name: 'stream', initialCodes: codes });
  assert.equal(status, 201);
  return body.id as string;
}

test('a stream of two topics brings the snapshots and then each event once, with its topics', async () => {
  const bookId = await makeBook(['SSE-1', 'SSE-2']);
  const topics = `book:${bookId},user:ada`;
  const stream = await openStream(server.url, { topics, snapshot: 'true' }, bearer());
  await stream.until(({ type, topic }) => type === 'snapshot' && topic === 'user:ada');
  await api.call('POST', '/coupons/assign/SSE-1', { userId: 'ada' });
  await api.call('POST', '/coupons/assign/SSE-2', { userId: 'bob' });
  await stream.until(({ data }) => data?.code === 'SSE-2');
  assert.deepEqual(
    stream.events().map(({ topics: own, data }) => [own, data.code]),
    [
      [[`book:${bookId}`, 'user:ada'], 'SSE-1'],
      [[`book:${bookId}`], 'SSE-2'],
    ],
  );
  stream.end();
});

test('Last-Event-ID resumes after a kill of the server, and is stronger than ?snapshot', async () => {
  const bookId = await makeBook(['BACK-1', 'BACK-2', 'BACK-3']);
  const query = { topics: `book:${bookId}`, snapshot: 'true' };
  const first = await openStream(server.url, query, bearer());
  await first.until(({ type }) => type === 'snapshot');
  await api.call('POST', '/coupons/assign/BACK-1', { userId: 'ada' });
  await first.until(({ data }) => data?.code === 'BACK-1');
  const lastId = first.lastId();
  await api.call('POST', '/coupons/assign/BACK-2', { userId: 'ada' });
  const headers = { ...bearer(), 'last-event-id': lastId };
  await server.kill();
  await first.ended;
  api.close();
  server = await startServer(directory.path);
  api = await connect(server.url);
  const second = await openStream(server.url, query, headers);
  await second.until(({ data }) => data?.code === 'BACK-2');
  await api.call('POST', '/coupons/assign/BACK-3', { userId: 'ada' });
  await second.until(({ data }) => data?.code === 'BACK-3');
  assert.deepEqual(
    second.events().map(({ data }) => data.code),
    ['BACK-2', 'BACK-3'],
  );
  assert.equal(second.messages.filter(({ type }) => type === 'snapshot').length, 0);
  second.end();
});

test('a cursor that has expired is forgotten, so that a browser does not send it again', async () => {
  const query = { topics: 'user:ada', snapshot: 'true' };
  const first = await openStream(server.url, query, bearer());
  await first.until(({ type }) => type === 'snapshot');
  const ofOtherData = Buffer.from(first.lastId(), 'base64url');
  first.end();
  ofOtherData[2] = (ofOtherData[2] ?? 0) ^ 1;
  const headers = { ...bearer(), 'last-event-id': ofOtherData.toString('base64url') };
  const second = await openStream(server.url, query, headers);
  await second.until(({ type }) => type === 'expired');
  await second.ended;
  assert.equal(second.lastId(), '');
});

test('a ticket opens its topics and no others, also several times', async () => {
  const bookId = await makeBook(['TICK-1']);
  const { status, body } = await api.call('POST', '/events/tickets', { topics: [`book:${bookId}`, 'user:ada'] });
  assert.equal(status, 201);
  const { ticket } = body as { ticket: string };
  for (const query of [{ ticket }, { ticket, topics: 'user:ada' }]) {
    const stream = await openStream(server.url, query);
    await stream.until(({ type }) => type === 'subscribed');
    stream.end();
  }
  await assert.rejects(openStream(server.url, { ticket, topics: 'user:bob' }), /status 403/);
  const forged = `${ticket.slice(0, -2)}${ticket.endsWith('AA') ? 'BB' : 'AA'}`;
  await assert.rejects(openStream(server.url, { ticket: forged }), /status 401/);
});

test('a stream is refused without a token, with an access token in the URL, for what is no topic or no cursor', async () => {
  await assert.rejects(openStream(server.url, { topics: 'user:ada' }), /status 401/);
  await assert.rejects(openStream(server.url, { topics: 'user:ada', ticket: api.token }), /status 401/);
  await assert.rejects(openStream(server.url, { topics: 'user:ada', token: api.token }), /status 400/);
  await assert.rejects(openStream(server.url, { topics: 'users' }, bearer()), /status 400.*Not a topic/);
  await assert.rejects(openStream(server.url, {}, bearer()), /status 400/);
  await assert.rejects(openStream(server.url, { topics: 'user:ada', since: 'abc' }, bearer()), /bad-cursor/);
  const ticket = (await api.call('POST', '/events/tickets', { topics: ['user:ada'] })).body.ticket as string;
  const asToken = await api.call('GET', '/auth/me', undefined, { authorization: `Bearer ${ticket}` });
  assert.equal(asToken.status, 401, 'a ticket is no access token');
});

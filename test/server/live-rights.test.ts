import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Connection, connect } from '../support/api.js';
import { type LiveMessage, type LiveSocket, openSocket, openStream } from '../support/live.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
const server = await startServer(directory.path);
const admin: Connection = await connect(server.url);

after(async () => {
  admin.close();
  await server.kill();
  await directory.remove();
});

interface Person {
  readonly id: string;
  readonly token: string;
}

let people = 0;
async function person(role: 'admin' | 'service' | 'user'): Promise<Person> {
  const email = `${role}-${++people}@example.com`;
  const password = 'correct horse battery';
  const made = await admin.call('POST', '/users', { email, password, role });
  assert.equal(made.status, 201);
  const signedIn = await admin.call('POST', '/auth/token', { email, password });
  return { id: made.body.id as string, token: signedIn.body.accessToken as string };
}

const roles = { admin: await person('admin'), service: await person('service'), user: await person('user') };
const other = await person('user');

const { body: book } = await admin.call('POST', '/coupon-books', {
  name: 'rights',
  initialCodes: ['RIGHT-0', 'RIGHT-1', 'RIGHT-2', 'RIGHT-3', 'FENCE-1', 'FENCE-2', 'FENCE-3'],
});
const bookId = book.id as string;
const codeOf = { admin: 'RIGHT-1', service: 'RIGHT-2', user: 'RIGHT-3' } as const;
/** Locked last. When this event has come, all events of the book before it have come, too. */
const fenceOf = { admin: 'FENCE-1', service: 'FENCE-2', user: 'FENCE-3' } as const;
for (const role of ['admin', 'service', 'user'] as const)
  for (const code of [codeOf[role], fenceOf[role]])
    await admin.call('POST', `/coupons/assign/${code}`, { userId: roles[role].id });
await admin.call('POST', '/coupons/assign/RIGHT-0', { userId: other.id });

const { body: promotion } = await admin.call('POST', '/coupons', {
  type: 'fixed',
  discount: 5,
  couponFor: 'product',
  campaignId: '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90',
});

/** What a subscriber to one topic is told while its own code and that of another are locked. */
interface Seen {
  readonly snapshot: boolean;
  readonly events: readonly string[];
  readonly counts: boolean;
}

const NOTHING: Seen = { snapshot: false, events: [], counts: false };
const bookData = (messages: readonly LiveMessage[]): unknown => messages.find(({ type }) => type === 'snapshot')?.data;

/**
 * Topic, by whom it is watched, and what is seen: the snapshot, the codes of the events, and
 * whether counts came. "own" is the caller's own id or code; "other" is that of another user.
 */
const TABLE: readonly (readonly [topic: string, role: keyof typeof roles, seen: Seen])[] = [
  ['book', 'admin', { snapshot: true, events: ['other', 'own'], counts: true }],
  ['book', 'service', { snapshot: true, events: ['other', 'own'], counts: true }],
  ['book', 'user', { snapshot: true, events: [], counts: true }],
  ['own code', 'admin', { snapshot: true, events: ['own'], counts: false }],
  ['own code', 'service', { snapshot: true, events: ['own'], counts: false }],
  ['own code', 'user', { snapshot: true, events: ['own'], counts: false }],
  ['other code', 'admin', { snapshot: true, events: ['other'], counts: false }],
  ['other code', 'service', { snapshot: true, events: ['other'], counts: false }],
  ['other code', 'user', NOTHING],
  ['unknown code', 'admin', NOTHING],
  ['unknown code', 'user', NOTHING],
  ['own user', 'admin', { snapshot: true, events: ['own'], counts: false }],
  ['own user', 'service', { snapshot: true, events: ['own'], counts: false }],
  ['own user', 'user', { snapshot: true, events: ['own'], counts: false }],
  ['other user', 'admin', { snapshot: true, events: ['other'], counts: false }],
  ['other user', 'service', { snapshot: true, events: ['other'], counts: false }],
  ['other user', 'user', NOTHING],
  ['unknown user', 'user', NOTHING],
  ['unknown book', 'admin', NOTHING],
  ['unknown book', 'user', NOTHING],
  ['promotion', 'admin', { snapshot: true, events: [], counts: false }],
  ['promotion', 'service', { snapshot: true, events: [], counts: false }],
  ['promotion', 'user', NOTHING],
  ['campaign', 'admin', { snapshot: true, events: [], counts: false }],
  ['campaign', 'service', { snapshot: true, events: [], counts: false }],
  ['campaign', 'user', NOTHING],
  ['unknown promotion', 'admin', NOTHING],
  ['unknown promotion', 'user', NOTHING],
  ['product', 'admin', NOTHING],
  ['job', 'user', NOTHING],
];

function topicOf(name: string, role: keyof typeof roles): string {
  const topics: Readonly<Record<string, string>> = {
    book: `book:${bookId}`,
    'unknown book': 'book:019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10',
    'own code': `code:${codeOf[role]}`,
    'other code': 'code:RIGHT-0',
    'unknown code': 'code:NO-SUCH-CODE',
    'own user': `user:${roles[role].id}`,
    'other user': `user:${other.id}`,
    'unknown user': 'user:nobody',
    promotion: `promotion:${promotion.id}`,
    campaign: `campaign:${promotion.campaignId}`,
    'unknown promotion': 'promotion:019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10',
    product: 'product:summer',
    job: 'job:019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10',
  };
  return topics[name] ?? '';
}

async function lockBoth(role: keyof typeof roles): Promise<void> {
  for (const [code, userId] of [
    ['RIGHT-0', other.id],
    [codeOf[role], roles[role].id],
    [fenceOf[role], roles[role].id],
  ])
    assert.equal((await admin.call('POST', `/coupons/${code}/lock`, { userId })).status, 200);
}

function seenIn(messages: readonly LiveMessage[], role: keyof typeof roles): Seen {
  const events = messages.filter(
    ({ event, data }) => event?.startsWith('coupon.') === true && data.code !== fenceOf[role],
  );
  return {
    snapshot: messages.some(({ type }) => type === 'snapshot'),
    events: events.map(({ data }) => (data.code === codeOf[role] ? 'own' : 'other')),
    counts: messages.some(({ event }) => event === 'book.counts'),
  };
}

describe('the rights of live topics', () => {
  for (const [name, role, seen] of TABLE) {
    test(`${role}, ${name}, over WebSocket`, async () => {
      const socket = await openSocket(server.url, { token: roles[role].token });
      const topic = topicOf(name, role);
      socket.send({ type: 'subscribe', topics: [topic], snapshot: true });
      const subscribed = await socket.until(({ type }) => type === 'subscribed');
      assert.deepEqual(subscribed.topics, [topic]);
      socket.send({ type: 'subscribe', topics: [`code:${fenceOf[role]}`] });
      await socket.until(({ topics }) => topics?.includes(`code:${fenceOf[role]}`) === true);
      await assertSeen(socket, topic, role, seen);
      socket.end();
    });

    test(`${role}, ${name}, over Server-Sent Events`, async () => {
      const topic = topicOf(name, role);
      const query = { topics: `${topic},code:${fenceOf[role]}`, snapshot: 'true' };
      const stream = await openStream(server.url, query, { authorization: `Bearer ${roles[role].token}` });
      await stream.until((message) => message.type === 'snapshot' && message.topic === `code:${fenceOf[role]}`);
      await assertSeen(stream, topic, role, seen);
      stream.end();
    });
  }

  async function assertSeen(
    { messages, until }: Pick<LiveSocket, 'messages' | 'until'>,
    topic: string,
    role: keyof typeof roles,
    seen: Seen,
  ): Promise<void> {
    await lockBoth(role);
    await until(({ event, data }) => event === 'coupon.locked' && data.code === fenceOf[role]);
    // Counts come by themselves, up to 100 ms later.
    if (seen.counts) await until(({ event }) => event === 'book.counts');
    const own = messages.filter((message) => message.topic === topic || message.topics?.includes(topic) === true);
    assert.deepEqual(seenIn(own, role), seen);
  }

  test('a user gets a book as counts only', async () => {
    const socket = await openSocket(server.url, { token: roles.user.token });
    socket.send({ type: 'subscribe', topics: [`book:${bookId}`], snapshot: true });
    await socket.until(({ event }) => event === 'book.counts');
    assert.deepEqual(Object.keys(bookData(socket.messages) as object), ['id', 'counts']);
    socket.end();
  });

  test('a code that comes to the user is told of from then on, and no more when it goes to another', async () => {
    const { body } = await admin.call('POST', '/coupon-books', { name: 'hands', initialCodes: ['HANDS-1'] });
    const socket = await openSocket(server.url, { token: roles.user.token });
    socket.send({ type: 'subscribe', topics: ['code:HANDS-1', `book:${body.id}`] });
    await socket.until(({ type }) => type === 'subscribed');
    for (const userId of [roles.user.id, other.id]) {
      await admin.call('POST', '/coupons/assign/HANDS-1', { userId });
      await admin.call('POST', '/coupons/HANDS-1/unassign');
    }
    await socket.until(({ event, data }) => event === 'book.counts' && data.counts.assigned === 0);
    assert.deepEqual(
      socket.events().map(({ event, data }) => [event, data.userId]),
      [
        ['coupon.assigned', roles.user.id],
        ['coupon.unassigned', roles.user.id],
      ],
    );
    socket.end();
  });
});

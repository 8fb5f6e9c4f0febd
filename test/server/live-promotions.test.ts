/** Live events of promotions: what they say, from where they are read, and who sees them. */
import assert from 'node:assert/strict';
import { before, describe, type TestContext, test } from 'node:test';
import { type Connection, connect, type Reply } from '../support/api.js';
import { type LiveMessage, type LiveSocket, openSocket, openStream } from '../support/live.js';
import { untilProjected } from '../support/projected.js';
import { served, succeeded } from '../support/served.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory, undoes } from '../support/server.js';

const CAMPAIGN = '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90';
const OTHER_CAMPAIGN = '6b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f91';
const USER = 'ada';
const LINES = [{ productId: 'shoe', quantity: 2, unitPrice: 30 }];

async function promotion(api: Connection, settings: object): Promise<string> {
  const made = await succeeded(api, 'POST', '/coupons', {
    type: 'percentage',
    discount: 10,
    couponFor: 'product',
    campaignId: CAMPAIGN,
    ...settings,
  });
  return made.id as string;
}

const reserve = (api: Connection, codes: readonly string[], more: object = {}): Promise<Reply['body']> =>
  succeeded(api, 'POST', '/coupons/apply', { codes, lines: LINES, userId: USER, reserve: true, ...more });

/** What a test compares: without what differs from run to run. */
const told = ({ event, topics, data }: LiveMessage): readonly unknown[] => [event, topics, data];

async function subscribed(server: Server, token: string, first: object): Promise<LiveSocket> {
  const socket = await openSocket(server.url, { token });
  socket.send({ type: 'subscribe', ...first });
  await socket.until(({ type }) => type === 'subscribed');
  return socket;
}

describe('live events of promotions', () => {
  let server: Server;
  let api: Connection;
  const shop = served();
  before(() => {
    ({ server, api } = shop);
  });

  async function person(): Promise<{ readonly id: string; readonly token: string }> {
    const credentials = { email: `live-${Math.random()}@example.com`, password: 'correct horse battery' };
    const { id } = await succeeded(api, 'POST', '/users', credentials);
    const { accessToken } = await succeeded(api, 'POST', '/auth/token', credentials);
    return { id, token: accessToken };
  }

  test('a reservation over two promotions is one event, with all topics that the connection has', async () => {
    const [a, b] = [await promotion(api, { code: 'ONE-A' }), await promotion(api, { code: 'ONE-B' })];
    const all = [`promotion:${a}`, `promotion:${b}`, `campaign:${CAMPAIGN}`, `user:${USER}`];
    const everything = await subscribed(server, api.token, { topics: all });
    const onlyB = await subscribed(server, api.token, { topics: [`promotion:${b}`] });
    const { reservationId, reservedUntil } = await reserve(api, ['ONE-A', 'ONE-B'], { cartId: 'one' });
    await succeeded(api, 'POST', `/reservations/${reservationId}/commit`, { orderId: 'order-1' });
    await everything.until(({ event }) => event === 'promotion.used');
    const about = { campaignId: CAMPAIGN, reservationId, userId: USER, currency: 'USD' };
    const discounts = [
      { couponId: a, amount: 6 },
      { couponId: b, amount: 5.4 },
    ];
    const expected = (topics: readonly string[]) => [
      ['promotion.reserved', topics, { ...about, discounts, cartId: 'one', reservedUntil, replaced: null }],
      ['promotion.used', topics, { ...about, discounts, orderId: 'order-1' }],
    ];
    assert.deepEqual(everything.events().map(told), expected(all));
    await onlyB.until(({ event }) => event === 'promotion.used');
    assert.deepEqual(onlyB.events().map(told), expected([`promotion:${b}`]));
    everything.end();
    onlyB.end();
  });

  test('a promotion that a changed cart holds no more is told so', async () => {
    const [a, b] = [await promotion(api, { code: 'SWAP-A' }), await promotion(api, { code: 'SWAP-B' })];
    const socket = await subscribed(server, api.token, { topics: [`promotion:${a}`] });
    const { reservationId } = await reserve(api, ['SWAP-A'], { cartId: 'swap' });
    const changed = await reserve(api, ['SWAP-B'], { cartId: 'swap' });
    assert.equal(changed.reservationId, reservationId);
    await succeeded(api, 'POST', `/reservations/${reservationId}/release`);
    const fence = await reserve(api, ['SWAP-A']);
    await socket.until(({ data }) => data?.reservationId === fence.reservationId);
    assert.deepEqual(
      socket.events().map(({ event, data }) => [event, data.discounts, data.replaced?.discounts]),
      [
        ['promotion.reserved', [{ couponId: a, amount: 6 }], undefined],
        ['promotion.reserved', [{ couponId: b, amount: 6 }], [{ couponId: a, amount: 6 }]],
        ['promotion.reserved', [{ couponId: a, amount: 6 }], undefined],
      ],
    );
    socket.end();
  });

  test('a rollback by lines says what each step gives back', async () => {
    const id = await promotion(api, { code: 'PARTS' });
    const socket = await subscribed(server, api.token, { topics: [`promotion:${id}`] });
    const { reservationId } = await reserve(api, ['PARTS']);
    await succeeded(api, 'POST', `/reservations/${reservationId}/commit`);
    const lines = [{ productId: 'shoe', quantity: 1 }];
    await succeeded(api, 'POST', `/reservations/${reservationId}/rollback`, { lines, reason: 'too small' });
    await succeeded(api, 'POST', `/reservations/${reservationId}/rollback`, {});
    await socket.until(({ data }) => data?.isWhole === true);
    const back = socket.events().filter(({ event }) => event === 'promotion.rolled_back');
    assert.deepEqual(
      back.map(({ data }) => [data.discounts, data.isWhole, data.reason]),
      [
        [[{ couponId: id, amount: 3 }], false, 'too small'],
        [[{ couponId: id, amount: 3 }], true, null],
      ],
    );
    socket.end();
  });

  test('events of other promotions and campaigns do not come', async () => {
    const [a] = [await promotion(api, { code: 'MINE' }), await promotion(api, { code: 'BESIDE' })];
    const away = await promotion(api, { code: 'AWAY', campaignId: OTHER_CAMPAIGN });
    const ofPromotion = await subscribed(server, api.token, { topics: [`promotion:${a}`] });
    const ofCampaign = await subscribed(server, api.token, { topics: [`campaign:${OTHER_CAMPAIGN}`] });
    await reserve(api, ['BESIDE']);
    const mine = await reserve(api, ['MINE']);
    const other = await reserve(api, ['AWAY']);
    for (const [socket, { reservationId }] of [
      [ofPromotion, mine],
      [ofCampaign, other],
    ] as const) {
      await socket.until(({ event }) => event === 'promotion.reserved');
      assert.deepEqual(
        socket.events().map(({ data }) => data.reservationId),
        [reservationId],
      );
    }
    const beforePatch = ofCampaign.events().length;
    await succeeded(api, 'POST', `/campaigns/${OTHER_CAMPAIGN}/stop`);
    const { data } = await ofCampaign.until(({ event }) => event === 'promotion.updated');
    assert.equal(beforePatch, 1);
    assert.deepEqual(data, {
      couponId: away,
      campaignId: OTHER_CAMPAIGN,
      code: 'AWAY',
      name: null,
      isActive: false,
      version: 2,
    });
    ofPromotion.end();
    ofCampaign.end();
  });

  test('the snapshot is what GET answers, and the events after it lead to the present', async () => {
    const id = await promotion(api, { code: 'SHOT', budget: 100 });
    let isOver = false;
    const busy = (async () => {
      while (!isOver) {
        const { reservationId } = await reserve(api, ['SHOT']);
        await succeeded(api, 'POST', `/reservations/${reservationId}/release`);
      }
    })();
    try {
      for (let n = 0; n < 20; n++) {
        const socket = await subscribed(server, api.token, { topics: [`promotion:${id}`], snapshot: true });
        const { data } = await socket.until(({ type }) => type === 'snapshot');
        const first = await socket.until(({ type }) => type === 'event');
        // Held: the release of it comes next. Not held: another reservation does.
        const next = data.heldCount === 1 ? 'promotion.released' : 'promotion.reserved';
        assert.equal(first.event, next, JSON.stringify(data));
        assert.equal(data.budgetHeld, data.heldCount * 6);
        socket.end();
      }
    } finally {
      isOver = true;
      await busy;
    }
    const topics = [`promotion:${id}`, `campaign:${CAMPAIGN}`];
    const socket = await subscribed(server, api.token, { topics, snapshot: true });
    const ofPromotion = await socket.until(({ type, topic }) => type === 'snapshot' && topic === topics[0]);
    assert.deepEqual(ofPromotion.data, await succeeded(api, 'GET', `/coupons/${id}`));
    const ofCampaign = await socket.until(({ type, topic }) => type === 'snapshot' && topic === topics[1]);
    const { promotions: _, books: _books, ...campaign } = await succeeded(api, 'GET', `/campaigns/${CAMPAIGN}`);
    assert.deepEqual(ofCampaign.data, campaign);
    socket.end();
  });

  test('what a cart does with a code of a book is told under the book, and its discount under the campaign', async () => {
    const discount = { type: 'percentage', discount: 10, couponFor: 'product' };
    const book = { name: 'Together', redeemableBy: 'bearer', discount, initialCodes: ['TOGETHER-1'] };
    const { id } = await succeeded(api, 'POST', '/coupon-books', { ...book, campaignId: CAMPAIGN });
    const topics = [`book:${id}`, `campaign:${CAMPAIGN}`];
    const socket = await subscribed(server, api.token, { topics });
    await reserve(api, ['TOGETHER-1']);
    await succeeded(api, 'PATCH', `/coupon-books/${id}`, { discount: { ...discount, discount: 20 } });
    await socket.until(({ event }) => event === 'promotion.updated');
    const [ofBook, ofCampaign] = [[topics[0]], [topics[1]]];
    assert.deepEqual(
      socket
        .events()
        .map((told) => [told.event, told.topics, told.data.couponBookId ?? null, told.data.campaignId ?? null]),
      [
        ['promotion.reserved', ofCampaign, null, CAMPAIGN],
        ['coupon.assigned', ofBook, id, null],
        ['coupon.locked', ofBook, id, null],
        ['book.updated', ofBook, id, null],
        ['promotion.updated', ofCampaign, null, CAMPAIGN],
      ],
    );
    socket.end();
  });

  test('the discount of a book without a campaign is in none that callers see', async () => {
    const discount = { type: 'percentage', discount: 10, couponFor: 'product' };
    const book = { name: 'Alone', redeemableBy: 'bearer', discount, initialCodes: ['ALONE-1'] };
    const { id } = await succeeded(api, 'POST', '/coupon-books', book);
    const socket = await subscribed(server, api.token, { topics: [`promotion:${id}`] });
    const { reservationId } = await reserve(api, ['ALONE-1']);
    const { data } = await socket.until(({ event }) => event === 'promotion.reserved');
    const shown = await succeeded(api, 'GET', `/reservations/${reservationId}`);
    assert.deepEqual([data.reservationId, data.campaignId, shown.campaignId], [reservationId, null, null]);
    await succeeded(api, 'PATCH', `/coupon-books/${id}`, { discount: { ...discount, discount: 20 } });
    const updated = await socket.until(({ event }) => event === 'promotion.updated');
    assert.deepEqual([updated.data.couponId, updated.data.campaignId], [id, null]);
    socket.end();
  });

  test('a user sees its own reservations under its own id, and under nothing else', async () => {
    const [buyer, other] = [await person(), await person()];
    const id = await promotion(api, { code: 'RIGHTS' });
    const forbidden = [`promotion:${id}`, `campaign:${CAMPAIGN}`, `user:${other.id}`];
    // They watch the same topics, so the events reach the thread of the user's connections.
    const staff = await subscribed(server, api.token, { topics: [...forbidden, `user:${buyer.id}`] });
    const own = await subscribed(server, buyer.token, { topics: [...forbidden, `user:${buyer.id}`], snapshot: true });
    const silent = await subscribed(server, buyer.token, { topics: forbidden, snapshot: true });
    const stream = await openStream(
      server.url,
      { topics: [...forbidden, `user:${buyer.id}`].join() },
      { authorization: `Bearer ${buyer.token}` },
    );
    await stream.until(({ type }) => type === 'subscribed');
    const strange = await reserve(api, ['RIGHTS'], { userId: other.id });
    const anonymous = await succeeded(api, 'POST', '/coupons/apply', {
      codes: ['RIGHTS'],
      lines: LINES,
      reserve: true,
    });
    const { reservationId } = await reserve(api, ['RIGHTS'], { userId: buyer.id });
    await succeeded(api, 'PATCH', `/coupons/${id}`, { name: 'renamed' });
    await staff.until(({ event }) => event === 'promotion.updated');
    const seen = [strange, anonymous, { reservationId }].map((made) => made.reservationId as string);
    assert.deepEqual(
      staff.events().map(({ data }) => data.reservationId),
      [...seen, undefined],
    );
    // A lock of its own code comes after all of them.
    await succeeded(api, 'POST', '/coupon-books', { name: 'fence', initialCodes: ['RIGHTS-FENCE'] });
    await succeeded(api, 'POST', '/coupons/assign/RIGHTS-FENCE', { userId: buyer.id });
    for (const { until, events } of [own, stream]) {
      await until(({ event }) => event === 'coupon.assigned');
      await until(({ event }) => event === 'promotion.reserved');
      assert.deepEqual(
        events().flatMap(({ event, topics, data }) =>
          event === 'coupon.assigned' ? [] : [[event, topics, data.reservationId]],
        ),
        [['promotion.reserved', [`user:${buyer.id}`], reservationId]],
      );
    }
    assert.deepEqual(
      own.messages.flatMap(({ type, topic }) => (type === 'snapshot' ? [topic] : [])),
      [`user:${buyer.id}`],
    );
    silent.send({ type: 'subscribe', topics: ['code:RIGHTS-FENCE'] });
    await silent.until(({ topics }) => topics?.includes('code:RIGHTS-FENCE') === true);
    await succeeded(api, 'POST', '/coupons/RIGHTS-FENCE/lock', { userId: buyer.id });
    await silent.until(({ event }) => event === 'coupon.locked');
    assert.deepEqual(
      silent.messages.map(({ type, event }) => event ?? type),
      ['subscribed', 'subscribed', 'coupon.locked'],
    );
    for (const connection of [staff, own, silent, stream]) connection.end();
  });

  test('unknown promotions and campaigns are subscribed and silent, like forbidden ones', async () => {
    const { token } = await person();
    const id = await promotion(api, { code: 'KNOWN' });
    const unknown = id.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    for (const topics of [[`promotion:${unknown}`], [`campaign:${unknown}`]]) {
      const socket = await subscribed(server, api.token, { topics, snapshot: true });
      socket.send({ type: 'unsubscribe', topics });
      await socket.until(({ type }) => type === 'unsubscribed');
      assert.deepEqual(
        socket.messages.map(({ type }) => type),
        ['subscribed', 'unsubscribed'],
      );
      socket.end();
    }
    // The cursor must not tell whether the caller may see the promotion.
    const [forbidden, allowed] = await Promise.all(
      [token, api.token].map(async (by) => {
        const socket = await subscribed(server, by, { topics: [`promotion:${id}`] });
        const { cursor } = await socket.until(({ type }) => type === 'subscribed');
        socket.end();
        return cursor;
      }),
    );
    assert.equal(forbidden, allowed);
  });
});

// -- from where they are read ---------------------------------------------------------------------

/** Events of every kind. Returns the two promotions and the book. */
async function changeEverything(api: Connection): Promise<readonly [string, string, string]> {
  const discount = { type: 'percentage', discount: 10, couponFor: 'product' };
  const unique = { name: 'Codes', redeemableBy: 'bearer', discount, initialCodes: ['KIND-C'], campaignId: CAMPAIGN };
  const { id: book } = await succeeded(api, 'POST', '/coupon-books', unique);
  const held = await reserve(api, ['KIND-C']);
  await succeeded(api, 'POST', `/reservations/${held.reservationId}/release`);
  const a = await promotion(api, { code: 'KIND-A', name: 'Ä "quoted"' });
  const b = await promotion(api, { code: 'KIND-B', currency: 'JPY', discount: 5 });
  await succeeded(api, 'PATCH', `/coupons/${a}`, { name: 'A anew' });
  await reserve(api, ['KIND-A'], { cartId: 'kinds' });
  // The cart is one of another currency now: the reservation stays, and holds something else.
  const { reservationId } = await reserve(api, ['KIND-B'], { cartId: 'kinds', currency: 'JPY' });
  await succeeded(api, 'POST', `/reservations/${reservationId}/commit`, { orderId: 'order-7' });
  const lines = [{ productId: 'shoe', quantity: 1 }];
  await succeeded(api, 'POST', `/reservations/${reservationId}/rollback`, { lines, reason: 'returned' });
  await succeeded(api, 'POST', `/reservations/${reservationId}/rollback`, {});
  const second = await reserve(api, ['KIND-A']);
  await succeeded(api, 'POST', `/reservations/${second.reservationId}/release`);
  await reserve(api, ['KIND-A'], { reserveSeconds: 1 });
  await succeeded(api, 'POST', '/coupons/increment-usage', { code: 'KIND-A', userId: USER, discountAmount: 1.5 });
  return [a, b, book];
}

/** Of the codes of the book, by the reservation of a cart. */
const KINDS_OF_BOOK = ['book.created', 'codes.added', 'coupon.assigned', 'coupon.locked', 'coupon.unlocked'];
const KINDS = [
  'promotion.created',
  'promotion.reserved',
  'promotion.released',
  'promotion.created',
  'promotion.created',
  'promotion.updated',
  'promotion.reserved',
  'promotion.reserved',
  'promotion.used',
  'promotion.rolled_back',
  'promotion.rolled_back',
  'promotion.reserved',
  'promotion.released',
  'promotion.reserved',
  'promotion.used',
  'promotion.released',
  'promotion.archived',
];

async function resumes(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = [...text.matchAll(/^clipbook_live_resumes_total\{source="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(found.map(([, source = '', count]) => [source, Number(count)]));
}

test('every kind of event of promotions is the same live, from memory, from the journal and from the audit rows', async (t: TestContext) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const start = async () => {
    const env = { JOURNAL_RETENTION_HOURS: '0', JOURNAL_RETENTION_BYTES: '0', SHARDS: '4' };
    const server = await startServer(directory.path, env, PROBED_MAIN);
    undo(() => server.kill());
    const api = await connect(server.url);
    undo(async () => api.close());
    return { server, api };
  };
  const first = await start();
  const { token } = first.api;
  const live = await subscribed(first.server, token, { topics: [`campaign:${CAMPAIGN}`] });
  const { cursor: since = '' } = await live.until(({ type }) => type === 'subscribed');
  const [a, b, book] = await changeEverything(first.api);
  await live.until(({ data }) => data?.reason === 'expired');
  await succeeded(first.api, 'DELETE', `/coupons/${a}`);
  await live.until(({ event }) => event === 'promotion.archived');
  assert.deepEqual(
    live.events().map(({ event }) => event),
    KINDS,
  );

  /** Each of these alone would miss some. */
  const topicSets = [[`campaign:${CAMPAIGN}`], [`promotion:${a}`, `promotion:${b}`, `promotion:${book}`]];
  const resumed = async (url: string, topics: readonly string[]): Promise<LiveMessage[]> => {
    const socket = await openSocket(url, { token });
    socket.send({ type: 'subscribe', topics, since });
    await socket.until(({ event }) => event === 'promotion.archived');
    socket.end();
    return socket.events();
  };
  const streamed = async (url: string, topics: readonly string[]): Promise<LiveMessage[]> => {
    const stream = await openStream(url, { topics: topics.join(), since }, { authorization: `Bearer ${token}` });
    await stream.until(({ event }) => event === 'promotion.archived');
    stream.end();
    return stream.events();
  };
  const said = (messages: readonly LiveMessage[]) => messages.map(({ event, at, data }) => ({ event, at, data }));

  for (const topics of topicSets) {
    const fromRing = await resumed(first.server.url, topics);
    assert.deepEqual(said(fromRing), said(live.events()), 'from the ring');
    assert.deepEqual(await streamed(first.server.url, topics), fromRing, 'over Server-Sent Events');
  }
  const ofB = await resumedOnly(first.server.url, token, `promotion:${b}`, since, 5);
  assert.deepEqual(ofB, ['promotion.created', 'promotion.reserved', 'promotion.used', ...KINDS.slice(9, 11)]);
  assert.deepEqual(await resumedOnly(first.server.url, token, `book:${book}`, since, 5), KINDS_OF_BOOK);
  assert.equal((await resumes(first.server.url))['audit'], 0);

  await untilProjected(first.server.url);
  await first.server.kill();
  const second = await start();
  for (let tries = 1; (await resumes(second.server.url))['audit'] === 0; tries++) {
    for (const topics of topicSets)
      assert.deepEqual(said(await resumed(second.server.url, topics)), said(live.events()), topics.join());
    assert.ok(tries <= 100, `after ${tries} tries: ${JSON.stringify(await resumes(second.server.url))}`);
    await second.api.call('POST', '/coupon-books', { name: 'goes on' });
    // It has the old files open, and goes on reading what was deleted.
    await second.server.ask({ ask: 'killLiveThread' });
  }
  for (const topics of topicSets)
    assert.deepEqual(said(await resumed(second.server.url, topics)), said(live.events()), 'from the audit rows');
  assert.deepEqual(await resumedOnly(second.server.url, token, `promotion:${b}`, since, 5), ofB);
  assert.deepEqual(await resumedOnly(second.server.url, token, `book:${book}`, since, 5), KINDS_OF_BOOK);
});

/** The names of so many missed events of one topic. */
async function resumedOnly(url: string, token: string, topic: string, since: string, count: number) {
  const socket = await openSocket(url, { token });
  socket.send({ type: 'subscribe', topics: [topic], since });
  await socket.until(() => socket.events().length >= count);
  socket.end();
  return socket.events().map(({ event }) => event);
}

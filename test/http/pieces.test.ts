/** The small pieces that the server is made of. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeCursor, encodeCursor } from '../../src/http/api/cursor.js';
import { isoTime } from '../../src/http/fast/iso-time.js';
import { countersBytes, createCounters, renderCounters } from '../../src/http/server/counters.js';
import { createDeadlines, type Watched } from '../../src/http/server/deadlines.js';
import { createRequestIds } from '../../src/http/server/request-ids.js';

describe('a time', () => {
  it('is what Date makes of it, before and after 1970, whatever came before', () => {
    const times = [0, 1, -1, -1000, 999, 1000, 1_795_000_000_123, 253_402_300_799_999, -62_135_596_800_000];
    for (let i = 0; i < 1000; i++) times.push(1_795_000_000_000 + i * 37);
    for (const ms of times) assert.equal(isoTime(ms), new Date(ms).toISOString());
    for (const ms of times.reverse()) assert.equal(isoTime(ms), new Date(ms).toISOString());
  });
});

describe('a cursor', () => {
  it('gives back what was put in, for its own list only', () => {
    const cursor = encodeCursor('books', 'an id');
    assert.match(cursor, /^[A-Za-z0-9_-]+$/);
    assert.deepEqual(decodeCursor(cursor, 'books', ['string']), ['an id']);
    assert.equal(decodeCursor(cursor, 'codes', ['string']), null);
    assert.equal(decodeCursor(cursor, 'books', ['index']), null);
    assert.equal(decodeCursor(cursor, 'books', ['string', 'index']), null);
  });

  it('that was changed by the client is at most another position', () => {
    const cursor = encodeCursor('userCodes', 3, 17);
    for (let i = 0; i < cursor.length; i++) {
      for (const letter of 'AZaz09-_') {
        const position = decodeCursor(cursor.slice(0, i) + letter + cursor.slice(i + 1), 'userCodes', [
          'index',
          'index',
        ]);
        assert.ok(position === null || position.every((part) => Number.isSafeInteger(part) && Number(part) >= 0));
      }
    }
  });
});

describe('deadlines', () => {
  interface Item {
    readonly name: string;
    readonly watched: Watched<Item>;
  }
  const item = (name: string): Item => ({
    name,
    watched: { older: null, newer: null, deadlineMs: 0, listedIn: 'nothing' },
  });

  function setUp() {
    const clock = { nowMs: 0 };
    const expired: string[] = [];
    const deadlines = createDeadlines<Item>({
      commonMs: 100,
      nowMs: () => clock.nowMs,
      expire: (overdue) => {
        expired.push(overdue.name);
        deadlines.unwatch(overdue);
      },
    });
    return { clock, expired, deadlines };
  }

  it('expire overdue requests, oldest first, and none that has left', () => {
    const { clock, expired, deadlines } = setUp();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(item) as [Item, Item, Item, Item];
    for (const [i, each] of [a, b, c, d].entries()) {
      clock.nowMs = i * 10;
      deadlines.watch(each);
    }
    deadlines.unwatch(b);
    deadlines.unwatch(b);
    assert.equal(deadlines.count, 3);
    clock.nowMs = 99;
    deadlines.tick();
    assert.deepEqual(expired, []);
    clock.nowMs = 120;
    deadlines.tick();
    assert.deepEqual(expired, ['a', 'c']);
    deadlines.unwatch(d);
    assert.equal(deadlines.count, 0);
  });

  it('can be moved', () => {
    const { clock, expired, deadlines } = setUp();
    const [a, b] = [item('a'), item('b')];
    deadlines.watch(a);
    deadlines.watch(b);
    deadlines.watchFor(a, 500);
    clock.nowMs = 200;
    deadlines.tick();
    assert.deepEqual(expired, ['b']);
    deadlines.watchFor(a, 100);
    clock.nowMs = 299;
    deadlines.tick();
    clock.nowMs = 300;
    deadlines.tick();
    assert.deepEqual(expired, ['b', 'a']);
  });

  it('keep their order through any joining and leaving', () => {
    const { clock, expired, deadlines } = setUp();
    const items = Array.from({ length: 100 }, (_, i) => item(String(i)));
    for (const each of items) deadlines.watch(each);
    for (const [i, each] of items.entries()) if ((i * 7) % 3 !== 0) deadlines.unwatch(each);
    for (const [i, each] of items.entries()) if ((i * 7) % 3 !== 0) deadlines.watch(each);
    clock.nowMs = 100;
    deadlines.tick();
    const order = items.map(({ name }) => name);
    const stayed = order.filter((_, i) => (i * 7) % 3 === 0);
    assert.deepEqual(expired, [...stayed, ...order.filter((_, i) => (i * 7) % 3 !== 0)]);
    assert.equal(deadlines.count, 0);
  });
});

describe('request ids', () => {
  it('are different within a thread, and between threads', () => {
    const [one, other] = [createRequestIds(), createRequestIds()];
    const ids = new Set(Array.from({ length: 1000 }, () => [one(), other()]).flat());
    assert.equal(ids.size, 2000);
  });
});

describe('counters', () => {
  it('of all threads are rendered together, with buckets that add up', () => {
    const routes = [
      { method: 'GET', path: '/a' },
      { method: 'POST', path: '/b' },
    ];
    const threads = [1, 2].map(() => new SharedArrayBuffer(countersBytes(routes.length)));
    for (const shared of threads) {
      const counters = createCounters(shared);
      counters.add('misses', 3);
      counters.set('connections', 4);
      counters.answered(1, 200, 0.07);
      counters.answered(1, 404, 7000);
      counters.answered(1, 503, 1);
    }
    const text = renderCounters(threads, routes);
    assert.match(text, /^clipbook_http_misses_total 6$/m);
    assert.match(text, /^clipbook_http_connections 8$/m);
    assert.match(text, /^clipbook_http_requests_total\{method="POST",route="\/b",status="4xx"\} 2$/m);
    assert.match(text, /^clipbook_http_request_seconds_bucket\{method="POST",route="\/b",le="0.00005"\} 0$/m);
    assert.match(text, /^clipbook_http_request_seconds_bucket\{method="POST",route="\/b",le="0.0001"\} 2$/m);
    assert.match(text, /^clipbook_http_request_seconds_bucket\{method="POST",route="\/b",le="0.001"\} 4$/m);
    assert.match(text, /^clipbook_http_request_seconds_bucket\{method="POST",route="\/b",le="\+Inf"\} 6$/m);
    assert.match(text, /^clipbook_http_request_seconds_count\{method="POST",route="\/b"\} 6$/m);
    assert.match(text, /^clipbook_http_request_seconds_sum\{method="POST",route="\/b"\} 14\.00214$/m);
    assert.doesNotMatch(text, /route="\/a"/);
  });
});

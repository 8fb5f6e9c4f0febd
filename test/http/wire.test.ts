/** What `fetch` would never send: raw bytes, slowly, twice, or half. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SCALARS, type Scalar } from '../../src/http/server/counters.js';
import { ADMIN } from './memory-parts.js';
import { eventually, type Served, serve } from './serve.js';

let served: Served;
let authorization = '';
let bookId = '';

before(async () => {
  served = await serve();
  authorization = `Authorization: Bearer ${await served.tokenOf(ADMIN)}`;
  const options = { as: ADMIN, body: { name: 'Book', initialCodes: ['one', 'two'] } };
  const made = await served.call('POST', '/api/v1/coupon-books', options);
  bookId = String(made.json['id']);
});
after(() => served.stop());

const counted = (scalar: Scalar): number => new Float64Array(served.counters)[SCALARS.indexOf(scalar)] ?? -1;

function post(path: string, body: string, headers: readonly string[] = []): string {
  const lines = [`POST ${path} HTTP/1.1`, 'Host: h', authorization, 'Content-Type: application/json', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
const lock = (headers: readonly string[], body = '{"userId":"u"}'): string =>
  post('/api/v1/coupons/init-0/lock', body, headers);

describe('a request with contradicting lengths', () => {
  for (const [what, headers] of [
    ['two different Content-Length headers', ['Content-Length: 14', 'Content-Length: 3']],
    ['a Transfer-Encoding that is not chunked', ['Transfer-Encoding: gzip, chunked']],
  ] as const) {
    it(`${what} is refused, and its connection closed`, async () => {
      const commands = served.engine.commands.length;
      // `raw` resolves when the server closes.
      const answer = await served.raw(lock([...headers], 'e\r\n{"userId":"u"}\r\n0\r\n\r\n'));
      assert.equal(statusOf(answer), 400);
      assert.match(answer, /\/problems\/malformed-request/);
      assert.match(answer, /Connection: close/);
      assert.equal(served.engine.commands.length, commands);
    });
  }

  it('Content-Length with Transfer-Encoding is refused, and its connection closed', async () => {
    const answer = await served.raw(lock(['Content-Length: 14', 'Transfer-Encoding: chunked']));
    assert.equal(statusOf(answer), 400);
  });

  it('a Content-Length that is no number changes nothing', async () => {
    const commands = served.engine.commands.length;
    for (const length of ['-5', '0x5', '1e3', '99999999999999999999999999', 'five']) {
      const answer = await served.raw(lock([`Content-Length: ${length}`]));
      assert.equal(statusOf(answer), 400, length);
    }
    assert.equal(served.engine.commands.length, commands);
  });

  it('the same Content-Length twice is one', async () => {
    const answer = await served.raw(lock(['Content-Length: 14', 'Content-Length: 14']), '"lockId":7');
    assert.equal(statusOf(answer), 200);
  });
});

describe('a body', () => {
  it('may come in pieces of any size', async () => {
    const socket = await served.open();
    const body = '{"userId":"üser-☀"}';
    const bytes = Buffer.from(
      post('/api/v1/coupons/init-0/lock', body, [`Content-Length: ${Buffer.byteLength(body)}`]),
    );
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
    });
    // uWebSockets.js takes a request line in one piece only, and all clients send it so.
    const lineEnd = bytes.indexOf('\r\n') + 2;
    socket.write(bytes.subarray(0, lineEnd));
    for (const byte of bytes.subarray(lineEnd)) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => got.includes('lockId'), 'the answer');
    assert.ok(got.includes('"userId":"üser-☀"'));
    socket.destroy();
  });

  it('may be chunked', async () => {
    const chunks = '5\r\n{"use\r\n9\r\nrId":"u"}\r\n0\r\n\r\n';
    const answer = await served.raw(lock(['Transfer-Encoding: chunked'], chunks), '"lockId":7');
    assert.equal(statusOf(answer), 200);
  });

  it('that is not UTF-8 is refused', async () => {
    const answer = await served.raw(lock(['Content-Length: 14'], '{"userId":"\xff"}'), '}');
    assert.equal(statusOf(answer), 400);
    assert.match(answer, /not UTF-8/);
  });

  it('larger than 64 KiB by its own account is refused before it comes', async () => {
    const answer = await served.raw(lock(['Content-Length: 65537'], ''));
    assert.equal(statusOf(answer), 413);
    assert.match(answer, /\/problems\/body-too-large/);
  });

  it('larger than 64 KiB by count is refused when it is', async () => {
    const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`;
    const answer = await served.raw([lock(['Transfer-Encoding: chunked'], ''), chunk, chunk, chunk]);
    assert.equal(statusOf(answer), 413);
  });

  it('of 64 KiB is taken', async () => {
    const body = '{"userId":"u"}'.padEnd(65_536);
    const answer = await served.raw(lock(['Content-Length: 65536'], body), '"lockId":7');
    assert.equal(statusOf(answer), 200);
  });

  it('that does not come in time is given up, and its connection closed', { timeout: 15_000 }, async () => {
    const commands = served.engine.commands.length;
    const answer = await served.raw(lock(['Content-Length: 14'], '{"user'));
    assert.equal(statusOf(answer), 408);
    assert.match(answer, /\/problems\/request-timeout/);
    assert.equal(served.engine.commands.length, commands);
  });
});

describe('an abort', () => {
  it('before the body is complete sends nothing to the engine', async () => {
    const [commands, aborted] = [served.engine.commands.length, counted('aborted')];
    const socket = await served.open();
    socket.write(lock(['Content-Length: 14'], '{"user'));
    await eventually(() => counted('inFlight') === 1, 'the request');
    socket.destroy();
    await eventually(() => counted('aborted') === aborted + 1, 'the abort');
    assert.equal(served.engine.commands.length, commands);
  });

  it('while the engine decides leaves the server as it was', async () => {
    served.engine.holding = true;
    const [commands, aborted] = [served.engine.commands.length, counted('aborted')];
    const sockets = await Promise.all(Array.from({ length: 20 }, () => served.open()));
    for (const socket of sockets) socket.write(lock(['Content-Length: 14']));
    await eventually(() => served.engine.commands.length === commands + 20, 'the commands');
    for (const socket of sockets) socket.destroy();
    await eventually(() => counted('aborted') === aborted + 20, 'the aborts');
    served.engine.release();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        served.raw(lock(['Content-Length: 14', `X-Request-Id: r-${i}`]), '"lockId":7'),
      ),
    );
    for (const [i, answer] of answers.entries()) assert.match(answer, new RegExp(`X-Request-Id: r-${i}\r\n`));
  });
});

describe('an engine that does not answer in time', () => {
  it('makes the outcome of a command unknown, and its late answer is dropped', { timeout: 15_000 }, async () => {
    served.engine.holding = true;
    const [command, query] = [
      served.call('POST', '/api/v1/coupons/init-0/lock', { as: ADMIN, body: { userId: 'u' } }),
      served.call('GET', `/api/v1/coupon-books/${bookId}`, { as: ADMIN }),
    ];
    const [unknown, late] = await Promise.all([command, query]);
    assert.equal(unknown.json['type'], '/problems/outcome-unknown');
    assert.match(String(unknown.json['detail']), /same Idempotency-Key/);
    assert.equal(unknown.headers.get('retry-after'), '1');
    assert.equal(late.json['type'], '/problems/overloaded');
    served.engine.release();
    const next = await served.call('POST', '/api/v1/coupons/init-0/lock', { as: ADMIN, body: { userId: 'next' } });
    assert.equal(next.json['userId'], 'next');
  });
});

describe('headers', () => {
  it('with a valid request id come back, invalid ones are replaced', async () => {
    for (const id of ['r-1', 'a'.repeat(128), 'trace:01/ab=cd+ef@x~y_z.1']) {
      const answer = await served.call('GET', '/livez', { headers: { 'x-request-id': id } });
      assert.equal(answer.headers.get('x-request-id'), id);
    }
    for (const id of ['a b', 'a"b', 'a'.repeat(129), '<x>', '{}', 'é']) {
      const answer = await served.call('GET', '/nothing', { headers: { 'x-request-id': id } });
      assert.match(answer.headers.get('x-request-id') ?? '', /^[a-z0-9]+-[a-z0-9]+$/);
      assert.equal(answer.json['instance'], answer.headers.get('x-request-id'));
    }
  });

  it('of up to 16,384 bytes are taken, more are refused with a problem', async () => {
    const get = (size: number): string => {
      const fixed = 'Host: h\r\nX-Filler: \r\n'.length;
      return `GET /livez HTTP/1.1\r\nHost: h\r\nX-Filler: ${'a'.repeat(size - fixed)}\r\n\r\n`;
    };
    assert.equal(statusOf(await served.raw(get(16_384), 'alive')), 200);
    const answer = await served.raw(get(16_385));
    assert.equal(statusOf(answer), 431);
    assert.match(answer, /\/problems\/head-too-large/);
    assert.match(answer, /Connection: close/);
  });

  it('of more than 24,576 bytes are refused by the library, without a problem', async () => {
    const answer = await served.raw(`GET /livez HTTP/1.1\r\nHost: h\r\nX-Filler: ${'a'.repeat(25_000)}\r\n\r\n`);
    assert.equal(statusOf(answer), 431);
    assert.match(answer, /Request Header Fields Too Large/);
  });

  it('of up to 90 fields are taken, more than 100 are refused', async () => {
    const get = (count: number): string =>
      `GET /livez HTTP/1.1\r\nHost: h\r\n${Array.from({ length: count }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`;
    assert.equal(statusOf(await served.raw(get(90), 'alive')), 200);
    assert.equal(statusOf(await served.raw(get(101))), 431);
  });

  it('of two different tokens are refused', async () => {
    const answer = await served.raw(lock(['Content-Length: 14', 'Authorization: Bearer other']));
    assert.equal(statusOf(answer), 400);
  });
});

describe('a connection', () => {
  it('carries one request after the other', async () => {
    const request = 'GET /livez HTTP/1.1\r\nHost: h\r\n\r\n';
    const socket = await served.open();
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
    });
    for (let i = 1; i <= 5; i++) {
      socket.write(request);
      await eventually(() => got.split('"alive"').length === i + 1, `answer ${i}`);
    }
    socket.destroy();
  });

  it('goes on after a problem whose body was read', async () => {
    const answer = await served.raw(
      [lock(['Content-Length: 2'], '{}'), 'GET /livez HTTP/1.1\r\nHost: h\r\n\r\n'],
      'alive',
    );
    assert.equal(statusOf(answer), 400);
    assert.match(answer, /HTTP\/1\.1 200 OK/);
  });
});

describe('a stop', () => {
  it('answers what was accepted, takes no new connection, and says that the old ones end', async () => {
    const own = await serve();
    const made = await own.call('POST', '/api/v1/coupon-books', {
      as: ADMIN,
      body: { name: 'B', initialCodes: ['one'] },
    });
    assert.equal(made.status, 201);
    own.engine.holding = true;
    const pending = own.call('POST', '/api/v1/coupons/init-0/lock', { as: ADMIN, body: { userId: 'u' } });
    await eventually(() => own.engine.commands.length === 2, 'the command');
    own.server.stopAccepting();
    await assert.rejects(own.open());
    const closed = own.server.close();
    own.engine.release();
    const answer = await pending;
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('connection'), 'close');
    await closed;
  });

  it('closes connections that do not end', async () => {
    const own = await serve({ drainMs: 50 });
    await own.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'B' } });
    own.engine.holding = true;
    const pending = own.call('GET', '/api/v1/coupon-books', { as: ADMIN });
    await eventually(() => own.engine.queries.length > 0, 'the query');
    const [outcome] = await Promise.all([
      pending.then(
        () => 'answered',
        () => 'cut',
      ),
      own.server.close(),
    ]);
    assert.equal(outcome, 'cut');
    own.engine.release();
  });
});

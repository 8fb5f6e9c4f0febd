/** Codes in, as JSON, CSV and NDJSON, streamed. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN, SERVICE } from './memory-parts.js';
import { type Answer, eventually, type Served, serve } from './serve.js';

let served: Served;
let bookId = '';
let path = '';

before(async () => {
  served = await serve();
  const made = await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'Book' } });
  bookId = String(made.json['id']);
  path = `/api/v1/coupon-books/${bookId}/codes`;
});
after(() => served.stop());
beforeEach(() => {
  served.control.uploads.length = 0;
  served.control.discarded.length = 0;
});

const upload = (type: string, body: string, to = path): Promise<Answer> =>
  served.call('POST', to, { as: ADMIN, headers: { 'content-type': type }, body });

async function chunked(type: string, body: string, to = path): Promise<Answer> {
  const head = `POST ${to} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${await served.tokenOf(ADMIN)}\r\nContent-Type: ${type}\r\n`;
  const chunks = Array.from(body, (character) => `1\r\n${character}\r\n`).join('');
  const answer = await served.raw(
    `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`,
    '}',
  );
  const [, status = '0', text = ''] = /^HTTP\/1\.1 (\d+).*?\r\n\r\n(.*)$/s.exec(answer) ?? [];
  return { status: Number(status), headers: new Headers(), text, json: JSON.parse(text) as Answer['json'] };
}

const headOf = async (length: string): Promise<string> =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${await served.tokenOf(ADMIN)}\r\nContent-Type: text/csv\r\n${length}\r\n\r\n`;

const HELD_BYTES = 64 * 1024 * 1024;

/** Sends a large upload while nothing of it can be staged before `open`. */
async function heldBack() {
  const { control } = served;
  const take = control.uploadChunk;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  control.uploadChunk = async (id, bytes) => {
    await gate;
    return take(id, bytes);
  };
  const socket = await served.open();
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk.toString();
  });
  socket.write(await headOf(`Content-Length: ${HELD_BYTES}`));
  socket.write(Buffer.alloc(HELD_BYTES, `${'A'.repeat(63)}\n`));
  const end = (): void => {
    control.uploadChunk = take;
    socket.destroy();
  };
  return { socket, open: () => open(), got: () => got, end };
}

/** uWebSockets.js ends a body after ten seconds, and counts in steps of four. */
const LIBRARY_TIMEOUT_MS_MAX = 15_000;

describe('an upload', () => {
  for (const [type, shape, body, column] of [
    ['application/json', { format: 'json' }, '{"codes":["AAA","BBB"]}', {}],
    ['text/csv', { format: 'csv' }, 'code\nAAA\nBBB\n', { column: { number: 1, name: 'code' } }],
    [
      'text/csv; charset=utf-8; header=present',
      { format: 'csv', header: 'present' },
      'serial\nAAA\nBBB\n',
      { column: { number: 1, name: 'serial' } },
    ],
    [
      'text/csv; header="absent"',
      { format: 'csv', header: 'absent' },
      'AAA\nBBB\n',
      { column: { number: 1, name: null } },
    ],
    ['application/x-ndjson', { format: 'ndjson' }, '"AAA"\n"BBB"\n', {}],
    ['application/x-ndjson', { format: 'ndjson' }, '{"Code":"AAA"}\n"BBB"', { column: { number: null, name: 'Code' } }],
  ] as const) {
    it(`as ${type}, ${JSON.stringify(body)}, is staged and made live`, async () => {
      const answer = await upload(type, body);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, { received: 2, added: 2, duplicates: 0, invalid: 0, errors: [], ...column });
      const plain = { column: null, header: null, skip: 0 };
      const codes = ['AAA', 'BBB'];
      assert.deepEqual(served.control.uploads, [{ shape: { ...plain, ...shape }, text: body, codes, state: 'ended' }]);
      assert.match(answer.headers.get('commit-seq') ?? '', /^\d+-\d+$/);
    });
  }

  it('of many megabytes goes through, whole and in order', async () => {
    const body = `code\n${Array.from({ length: 400_000 }, (_, i) => `CODE-${i}`).join('\n')}\n`;
    const answer = await upload('text/csv', body);
    assert.equal(answer.json['received'], 400_000);
    assert.equal(served.control.uploads[0]?.text, body);
  });

  it('of JSON above what is read at once goes through as well', async () => {
    const body = JSON.stringify({ codes: Array.from({ length: 20_000 }, (_, i) => `CODE-${i}`) });
    const answer = await upload('application/json', body);
    assert.equal(answer.json['received'], 20_000);
  });

  it('of too much JSON is refused and leaves nothing', async () => {
    const answer = await upload('application/json', `{"codes":["${'A'.repeat(9 * 1024 * 1024)}"]}`);
    assert.equal(answer.status, 413);
    await eventually(() => served.control.uploads[0]?.state === 'aborted', 'the abort');
  });

  /** As it is, too large to be read at once, and in chunks. */
  const framings: [name: string, send: (type: string, body: string, to?: string) => Promise<Answer>][] = [
    ['whole', upload],
    ['large', (type, body, to) => upload(type, `${body}${'\n'.repeat(70_000)}`, to)],
    ['in chunks', chunked],
  ];
  for (const [name, send] of framings) {
    it(`of JSON, ${name}, has one outcome: what is wrong with a code counts, what is wrong with the body is refused`, async () => {
      const mixed = await send('application/json', '{"codes":["XQZ-5",7]}');
      assert.deepEqual(mixed.json, {
        received: 2,
        added: 1,
        duplicates: 0,
        invalid: 1,
        errors: [{ line: 2, message: 'the code is not a string' }],
      });
      served.control.uploads.length = 0;
      const malformed = await send('application/json', '{');
      assert.deepEqual([malformed.status, malformed.json['type']], [400, '/problems/malformed-request']);
      const unknown = await send('application/json', '{"codes":["AAA"],"more":1}');
      assert.deepEqual([unknown.status, unknown.json['type']], [400, '/problems/validation']);
      assert.deepEqual(unknown.json['errors'], [{ path: 'more', message: 'Unknown field' }]);
      for (const body of ['{"codes":[]}', '{"codes":"AAA"}', '{}', '["AAA"]', 'null']) {
        const answer = await send('application/json', body);
        assert.deepEqual([answer.status, answer.json['type']], [400, '/problems/validation'], body);
      }
      assert.ok(served.control.uploads.every(({ state, codes }) => state === 'aborted' && codes.length === 0));
    });

    it(`of CSV, ${name}, without a column that can be told is refused as a whole`, async () => {
      const answer = await send('text/csv', 'coupon;enddate\nXQZ-2;x\n');
      assert.deepEqual([answer.status, answer.json['type']], [422, '/problems/not-possible']);
      assert.match(String(answer.json['detail']), /"coupon", "enddate".*\?column=.*\?header=/);
      assert.ok(served.control.uploads.every(({ state, codes }) => state === 'aborted' && codes.length === 0));
      const told = await send('text/csv', 'coupon;enddate\nXQZ-2;x\n', `${path}?column=coupon`);
      assert.deepEqual(told.json['column'], { number: 1, name: 'coupon' });
      assert.deepEqual(served.control.uploads.at(-1)?.codes, ['XQZ-2']);
    });
  }

  it('is read as its query says', async () => {
    const body = 'Made for Ada\nowner;serial\nada;XQZ-1\n';
    const answer = await upload('text/csv', body, `${path}?skip=1&column=2&header=present`);
    assert.deepEqual(answer.json['column'], { number: 2, name: 'serial' });
    const { shape, codes } = served.control.uploads[0] ?? {};
    assert.deepEqual(shape, { format: 'csv', column: '2', header: 'present', skip: 1 });
    assert.deepEqual(codes, ['XQZ-1']);
    const field = await upload('application/x-ndjson', '{"x":"no!","Voucher":"XQZ-2"}\n', `${path}?column=voucher`);
    assert.deepEqual(field.json['column'], { number: null, name: 'Voucher' });
    assert.deepEqual(served.control.uploads[1]?.codes, ['XQZ-2']);
  });

  it('with a query that means nothing for its format, or that is none, is refused', async () => {
    for (const [type, query, name] of [
      ['application/json', 'column=x', 'column'],
      ['application/json', 'skip=1', 'skip'],
      ['application/x-ndjson', 'header=present', 'header'],
      ['text/csv', 'header=maybe', 'header'],
      ['text/csv', 'skip=101', 'skip'],
      ['text/csv', 'skip=-1', 'skip'],
      ['text/csv', 'column=', 'column'],
      ['text/csv', 'delimiter=;', 'delimiter'],
    ] as const) {
      const answer = await upload(type, 'code\nAAA\n', `${path}?${query}`);
      assert.deepEqual([answer.status, answer.json['type']], [400, '/problems/validation'], query);
      assert.equal((answer.json['errors'] as { path: string }[])[0]?.path, name);
    }
    assert.deepEqual(served.control.uploads, []);
  });

  it('with the same idempotency key, read in another way, is another request', async () => {
    const send = (query: string): Promise<Answer> => {
      const headers = { 'content-type': 'text/csv', 'idempotency-key': 'columns' };
      return served.call('POST', `${path}${query}`, { as: ADMIN, headers, body: 'x,y\nAAA,BBB\n' });
    };
    assert.equal((await send('?column=x')).status, 200);
    const again = await send('?column=x');
    assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [200, 'true']);
    assert.equal((await send('?column=y')).status, 422);
  });

  it('in an encoding or a charset that is not read is 415, and nothing of it is staged', async () => {
    for (const headers of [
      { 'content-encoding': 'gzip' },
      { 'content-encoding': 'identity, br' },
      { 'content-type': 'text/csv; charset=utf-16le' },
      { 'content-type': 'text/csv; header=present; charset="ISO-8859-1"' },
      { 'content-type': 'application/x-ndjson; charset=latin1' },
      { 'content-type': 'application/json; charset=utf-16' },
    ]) {
      const sent = { 'content-type': 'text/csv', ...headers };
      const answer = await served.call('POST', path, { as: ADMIN, headers: sent, body: 'code\nAAA\n' });
      assert.deepEqual([answer.status, answer.json['type']], [415, '/problems/unsupported-media-type']);
    }
    assert.deepEqual(served.control.uploads, []);
    for (const charset of ['utf-8', 'UTF8', '"us-ascii"']) {
      assert.equal((await upload(`text/csv; charset=${charset}`, 'code\nAAA\n')).status, 200, charset);
    }
    const headers = { 'content-type': 'text/csv', 'content-encoding': 'Identity' };
    assert.equal((await served.call('POST', path, { as: ADMIN, headers, body: 'code\nAAA\n' })).status, 200);
  });

  it('of another type is refused', async () => {
    const answer = await upload('application/zip', 'PK');
    assert.equal(answer.status, 415);
  });

  it('into a book that is not there, or not open, is refused before anything is staged', async () => {
    const missing = await upload(
      'text/csv',
      'code\nAAA\n',
      '/api/v1/coupon-books/0193a3b0-7c00-7000-8000-00000000ffff/codes',
    );
    assert.equal(missing.status, 404);
    const made = await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'Gone' } });
    const gone = `/api/v1/coupon-books/${String(made.json['id'])}`;
    await served.call('DELETE', gone, { as: ADMIN });
    assert.equal((await upload('text/csv', 'code\nAAA\n', `${gone}/codes`)).status, 410);
    assert.deepEqual(served.control.uploads, []);
  });

  it('without a token is refused before its body comes', async () => {
    const answer = await served.raw(
      `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 401/);
    assert.match(answer, /Connection: close/);
  });

  it('that the engine refuses is discarded', async () => {
    const { engine } = served;
    const ask = engine.command;
    engine.command = (_command, _origin, reply) => {
      engine.command = ask;
      queueMicrotask(() => reply({ kind: 'refused', reason: 'bookArchived', detail: 'Gone.' }));
    };
    assert.equal((await upload('text/csv', 'code\nAAA\n')).status, 410);
    assert.equal(served.control.discarded.length, 1);
  });

  it('whose connection breaks is given up', async () => {
    const socket = await served.open();
    socket.write(`${await headOf('Content-Length: 1000000')}code\nAAA\n`);
    await eventually(() => served.control.uploads[0]?.text === 'code\nAAA\n', 'the first chunk');
    socket.destroy();
    await eventually(() => served.control.uploads[0]?.state === 'aborted', 'the abort');
    assert.equal((await served.call('GET', '/livez')).status, 200);
  });

  it('that is under way is shown to its sender, by its request id', async () => {
    const head = (await headOf('Content-Length: 1000000')).replace('\r\n\r\n', '\r\nX-Request-Id: my/upload+1\r\n\r\n');
    const socket = await served.open();
    socket.write(`${head}AAA\n`);
    await eventually(() => served.control.uploads[0]?.text === 'AAA\n', 'the first chunk');
    const place = `/api/v1/uploads/${encodeURIComponent('my/upload+1')}`;
    const answer = await served.call('GET', place, { as: ADMIN });
    assert.equal(answer.status, 200, answer.text);
    const progress = {
      requestId: 'my/upload+1',
      couponBookId: bookId,
      phase: 'receiving',
      bytes: 4,
      received: 1,
      loaded: 0,
    };
    assert.deepEqual(answer.json, { ...progress, startedAt: '1970-01-01T00:00:00.000Z' });
    assert.equal((await served.call('GET', place, { as: SERVICE })).status, 404, 'it is another caller');
    socket.destroy();
    await eventually(() => served.control.uploads[0]?.state === 'aborted', 'the abort');
    assert.equal((await served.call('GET', place, { as: ADMIN })).status, 404);
  });

  it('whose sender falls silent is given up', { timeout: 20_000 }, async () => {
    const answer = await served.raw(`${await headOf('Content-Length: 1000000')}code\nAAA\n`);
    assert.match(answer, /^HTTP\/1\.1 408/);
    await eventually(() => served.control.uploads[0]?.state === 'aborted', 'the abort');
  });

  it('gets backpressure while staging is slow', { timeout: 30_000 }, async () => {
    const { socket, open, got, end } = await heldBack();
    await eventually(() => socket.bytesWritten > 0 && socket.writableLength > 0, 'the pressure');
    let before = -1;
    // Settled: the kernel's buffers are full, and nothing moves any more.
    while (before !== socket.writableLength) {
      before = socket.writableLength;
      await sleep(200);
    }
    assert.ok(socket.writableLength > HELD_BYTES / 2, `${socket.writableLength} bytes are still with the sender`);
    open();
    await eventually(() => got().includes('"received"'), 'the answer');
    assert.match(got(), new RegExp(`"received":${HELD_BYTES / 64}`));
    end();
  });

  it('that is held back for longer than the library’s own timeout is answered', { timeout: 60_000 }, async () => {
    const { socket, open, got, end } = await heldBack();
    let isClosed = false;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isClosed = true;
    });
    await sleep(LIBRARY_TIMEOUT_MS_MAX);
    assert.ok(!isClosed, 'it was cut off without an answer');
    open();
    await eventually(() => got().includes('"received"') || isClosed, 'the answer');
    assert.match(got(), new RegExp(`"received":${HELD_BYTES / 64}`));
    end();
  });
});

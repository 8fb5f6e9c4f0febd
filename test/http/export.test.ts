/** Codes out, as CSV: for programs, for spreadsheets, and for slow readers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { asBookId, asSeq } from '../../src/domain/ids.js';
import { ADMIN } from './memory-parts.js';
import { eventually, type Served, serve } from './serve.js';

let served: Served;
let bookId = '';

before(async () => {
  served = await serve();
  const made = await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'Book' } });
  bookId = String(made.json['id']);
});
after(() => served.stop());

describe('an export', () => {
  /** `Response.text` would take a byte order mark away. */
  const bytesOf = async (to: string): Promise<string> => {
    const headers = { authorization: `Bearer ${await served.tokenOf(ADMIN)}` };
    const response = await fetch(`http://127.0.0.1:${served.server.port}${to}`, { headers });
    return Buffer.from(await response.arrayBuffer()).toString();
  };

  const exportPath = (): string => `/api/v1/coupon-books/${bookId}/codes.csv`;
  const head = async (): Promise<string> =>
    `GET ${exportPath()} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${await served.tokenOf(ADMIN)}\r\n\r\n`;

  it('has a header, and every field in CSV syntax', async () => {
    served.engine.codes.clear();
    served.engine.codes.set('A-1', {
      code: 'A-1',
      bookId: asBookId(bookId),
      status: 'locked',
      userId: 'Smith, "Al"',
      assignedMs: Date.UTC(2026, 0, 1),
      lockId: 1,
      lockedUntilMs: Date.UTC(2026, 0, 2),
      redemptionCount: 2,
      redeemedMs: Date.UTC(2026, 0, 3),
      remaining: 0,
      lastSeq: asSeq(1),
    });
    const answer = await served.call('GET', exportPath(), { as: ADMIN });
    assert.equal(answer.headers.get('content-disposition'), `attachment; filename="codes-${bookId}.csv"`);
    assert.equal(
      answer.text,
      'code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt\r\nA-1,locked,"Smith, ""Al""",2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z,2,2026-01-03T00:00:00.000Z\r\n',
    );
  });

  it('for a spreadsheet has no cell that is a formula there, and begins with a byte order mark', async () => {
    served.engine.codes.clear();
    const cells: [userId: string, cell: string][] = [
      ['=1+1', "'=1+1"],
      ['+1', "'+1"],
      ['-1', "'-1"],
      ['@SUM(A1)', "'@SUM(A1)"],
      ['\t=1', "'\t'=1"],
      ['\r=1', `"'\r'=1"`],
      [' =1', "' =1"],
      ['＝1', "'＝1"],
      ['x;=1', "x;'=1"],
      ['a"=1', `"a""'=1"`],
      ['a,-1', `"a,'-1"`],
      ['a-1=2', 'a-1=2'],
      ['Smith, "Al"', '"Smith, ""Al"""'],
    ];
    cells.forEach(([userId], i) => {
      const code = `${'-_A'.charAt(i % 3)}451-${i}`;
      served.engine.codes.set(code, {
        ...{ code, bookId: asBookId(bookId), status: 'assigned', userId, assignedMs: null, lockId: null },
        ...{ lockedUntilMs: null, redemptionCount: 0, redeemedMs: null, remaining: 1, lastSeq: asSeq(1) },
      });
    });
    const [plain, spreadsheet] = await Promise.all(
      ['', '?for=spreadsheet'].map((query) => bytesOf(`${exportPath()}${query}`)),
    );
    const head = 'code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt\r\n';
    const rows = cells.map(([, cell], i) => `${["'-", '_', 'A'][i % 3]}451-${i},assigned,${cell},,,0,\r\n`);
    assert.equal(spreadsheet, `\ufeff${head}${rows.join('')}`);
    assert.ok(plain?.startsWith(`${head}-451-0,assigned,=1+1,,,0,\r\n`));
    const answer = await served.call('GET', `${exportPath()}?for=excel`, { as: ADMIN });
    assert.equal((answer.json['errors'] as { path: string }[])[0]?.path, 'for');
  });

  it('of many pages is whole, also for a client that reads slowly', async () => {
    served.engine.codes.clear();
    const codes = `code\n${Array.from({ length: 30_000 }, (_, i) => `C-${i}`).join('\n')}\n`;
    const headers = { 'content-type': 'text/csv' };
    await served.call('POST', `/api/v1/coupon-books/${bookId}/codes`, { as: ADMIN, headers, body: codes });
    const fast = await served.call('GET', exportPath(), { as: ADMIN });
    assert.equal(fast.text.split('\r\n').length, 30_002);
    const socket = await served.open();
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    socket.write(await head());
    await eventually(() => got.endsWith('\r\n0\r\n\r\n'), 'the end');
    assert.equal(got.split('available').length, 30_001);
    socket.destroy();
  });

  it('that fails breaks the connection instead of ending the body', async () => {
    const { engine } = served;
    const ask = engine.query;
    let pages = 0;
    engine.query = (asked, shard, reply) => {
      if (asked.kind === 'listCodes' && ++pages === 3) {
        queueMicrotask(() => reply({ kind: 'unavailable', reason: 'recovering', retryAfterMs: 1000 }));
      } else ask(asked, shard, reply);
    };
    await assert.rejects(served.call('GET', exportPath(), { as: ADMIN }));
    engine.query = ask;
    assert.equal((await served.call('GET', '/livez')).status, 200);
  });

  it('ends when its client disconnects', async () => {
    const queries = (): number => served.engine.queries.length;
    const socket = await served.open();
    socket.pause();
    socket.write(await head());
    const first = queries();
    await eventually(() => queries() > first, 'the first page');
    socket.destroy();
    assert.equal((await served.call('GET', '/livez')).status, 200);
  });

  it('of an unknown book is a problem, and HEAD has no body', async () => {
    const unknown = '/api/v1/coupon-books/0193a3b0-7c00-7000-8000-00000000ffff/codes.csv';
    assert.equal((await served.call('GET', unknown, { as: ADMIN })).status, 404);
    const answer = await served.call('HEAD', exportPath(), { as: ADMIN });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/csv/);
  });
});

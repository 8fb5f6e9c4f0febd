/** A table written as CSV in any of the usual ways is read back exactly, however its bytes come. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { ADMIN } from './memory-parts.js';
import { type Served, serve } from './serve.js';

let served: Served;
let path = '';
let token = '';

before(async () => {
  served = await serve();
  const made = await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'Book' } });
  path = `/api/v1/coupon-books/${String(made.json['id'])}/codes`;
  token = await served.tokenOf(ADMIN);
});
after(() => served.stop());

/** How the table is written. */
interface Style {
  readonly delimiter: string;
  readonly separatorLine: boolean;
  readonly mark: string;
  readonly lineEnd: string;
  readonly quoteAll: boolean;
  readonly endsWithLine: boolean;
  readonly titles: number;
  readonly header: 'code' | 'named' | 'numbered' | 'absent';
}

interface Table {
  readonly codes: readonly string[];
  /** Of each row, what stands before the code and after it. */
  readonly before: readonly (readonly string[])[];
  readonly after: readonly (readonly string[])[];
  readonly blank: string;
}

const DELIMITERS = [',', ';', '\t', '|'];
/** Codes that no path has; the prefix keeps them from being reserved words or words of a header. */
const codes = fc.uniqueArray(
  fc.string({ unit: fc.constantFrom(...'ABZ019-_.'), minLength: 1, maxLength: 40 }).map((text) => `X-${text}`),
  { minLength: 1, maxLength: 30 },
);
const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab9 -é€😀"\n\r,;\t|=\'\\'), maxLength: 12 }),
  fc.constantFrom('', ' ', '5" pipe', '"', 'ABC', 'x'.repeat(300)),
);

const tables = fc
  .record({ codes, width: fc.nat({ max: 3 }), place: fc.nat({ max: 3 }), blank: fc.constantFrom('', ' ', '\u00a0') })
  .chain(({ codes, width, place, blank }) => {
    const rows = (cells: number) =>
      fc.array(fc.array(cell, { minLength: cells, maxLength: cells }), {
        minLength: codes.length,
        maxLength: codes.length,
      });
    const left = Math.min(place, width);
    return fc.record({
      codes: fc.constant(codes),
      before: rows(left),
      after: rows(width - left),
      blank: fc.constant(blank),
    });
  });

const styles: fc.Arbitrary<Style> = fc.record({
  delimiter: fc.constantFrom(...DELIMITERS),
  separatorLine: fc.boolean(),
  mark: fc.constantFrom('', '\ufeff'),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  quoteAll: fc.boolean(),
  endsWithLine: fc.boolean(),
  titles: fc.nat({ max: 2 }),
  header: fc.constantFrom('code' as const, 'named' as const, 'numbered' as const, 'absent' as const),
});

/** The file, and what has to be said of it. */
function write(table: Table, style: Style): { readonly text: string; readonly query: string } {
  const { delimiter, lineEnd, header } = style;
  const field = (value: string): string =>
    style.quoteAll || /["\r\n,;\t|]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const left = table.before[0]?.length ?? 0;
  const width = left + 1 + (table.after[0]?.length ?? 0);
  const names = Array.from({ length: width }, (_, i) =>
    i === left ? (header === 'code' ? 'Code' : 'Serial') : `c ${i}`,
  );
  const rows = table.codes.map((code, i) => [
    ...(table.before[i] ?? []),
    `${table.blank}${code}${table.blank}`,
    ...(table.after[i] ?? []),
  ]);
  const lines = (header === 'absent' ? rows : [names, ...rows]).map((row) => row.map(field).join(delimiter));
  const titles = ['A title', 'and, another "one'].slice(0, style.titles);
  const separator = style.separatorLine ? [`sep=${delimiter}`] : [];
  const text = style.mark + [...titles, ...separator, ...lines].join(lineEnd) + (style.endsWithLine ? lineEnd : '');
  const query = new URLSearchParams();
  if (titles.length > 0) query.set('skip', String(titles.length));
  if (header === 'named') query.set('column', 'serial');
  if (header === 'numbered' || header === 'absent') {
    query.set('column', String(left + 1));
    query.set('header', header === 'absent' ? 'absent' : 'present');
  }
  return { text, query: query.size === 0 ? '' : `?${query.toString()}` };
}

/** The cuts between the pieces, as parts of the whole. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

function piecesOf(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((to, i) => bytes.subarray(places[i], to));
}

async function send(framing: 'length' | 'chunked', query: string, pieces: readonly Buffer[]): Promise<object> {
  const head = [
    `POST ${path}${query} HTTP/1.1`,
    'Host: h',
    `Authorization: Bearer ${token}`,
    'Content-Type: text/csv',
    'Connection: close',
    framing === 'chunked'
      ? 'Transfer-Encoding: chunked'
      : `Content-Length: ${pieces.reduce((sum, { length }) => sum + length, 0)}`,
  ];
  const socket = await served.open();
  socket.setNoDelay(true);
  const answered = new Promise<string>((resolve) => {
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
      const body = got.split('\r\n\r\n')[1];
      if (body?.endsWith('}')) resolve(body);
    });
    socket.on('close', () => resolve(got));
    socket.on('error', () => resolve(got));
  });
  const write = (bytes: string | Buffer): Promise<void> =>
    new Promise((resolve) => socket.write(bytes, () => resolve()));
  await write(`${head.join('\r\n')}\r\n\r\n`);
  for (const piece of pieces) {
    if (framing === 'length') await write(piece);
    else if (piece.length > 0)
      await write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
  }
  if (framing === 'chunked') await write('0\r\n\r\n');
  const body = await answered;
  socket.destroy();
  return JSON.parse(body) as object;
}

describe('a table written as CSV', () => {
  for (const framing of ['length', 'chunked'] as const) {
    it(`is read back exactly, whatever its style and its pieces, sent with ${framing === 'length' ? 'a Content-Length' : 'chunks'}`, async () => {
      await fc.assert(
        fc.asyncProperty(tables, styles, cuts, async (table, style, at) => {
          served.control.uploads.length = 0;
          const { text, query } = write(table, style);
          const answer = await send(framing, query, piecesOf(Buffer.from(text), at));
          const left = table.before[0]?.length ?? 0;
          const name = { code: 'Code', named: 'Serial', numbered: 'Serial', absent: null }[style.header];
          assert.deepEqual(answer, {
            received: table.codes.length,
            added: table.codes.length,
            duplicates: 0,
            invalid: 0,
            errors: [],
            column: { number: left + 1, name },
          });
          assert.deepEqual(served.control.uploads[0]?.codes, table.codes);
        }),
        { numRuns: 250 },
      );
    });
  }
});

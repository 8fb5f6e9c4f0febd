/**
 * How a CSV file says which column has the codes; and that nothing is added where it does not say
 * so.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CsvAsked, ReadColumn } from '../../src/codes/csv-opening.js';
import { createCodeParser, plainUpload, UploadMalformed } from '../../src/codes/parse.js';

const RESERVED = ['LOCK', 'CODE'];

type Asked = Partial<CsvAsked>;

const read: [name: string, asked: Asked, text: string, codes: string[], column: ReadColumn, errorLines?: number[]][] = [
  ["Excel's line sep=", {}, 'sep=;\nowner;code\nada;XQZ-1\n', ['XQZ-1'], { number: 2, name: 'code' }],
  [
    'sep= with a delimiter that is not usual',
    {},
    'sep=^\r\na,b^Code\r\nx^ABC\r\n',
    ['ABC'],
    { number: 2, name: 'Code' },
  ],
  [
    'sep= in quotes, after a byte order mark',
    {},
    '\ufeff"sep=;"\r\nx;code\r\n1;ABC',
    ['ABC'],
    { number: 2, name: 'code' },
  ],
  ['sep= before a list', {}, 'sep=;\nABC\nDEF\n', ['ABC', 'DEF'], { number: 1, name: null }],
  ['sep= where a comma is in the header', {}, 'sep=;\nSmith, Ada;code\nx;ABC\n', ['ABC'], { number: 2, name: 'code' }],
  ['a list without a header', {}, 'ABC\nDEF\n', ['ABC', 'DEF'], { number: 1, name: null }],
  ['a list with a known header', {}, 'Coupon Code\nABC\n', ['ABC'], { number: 1, name: 'Coupon Code' }],
  ['a list with another known header', {}, '"voucher_codes"\nABC\n', ['ABC'], { number: 1, name: 'voucher_codes' }],
  [
    'a list whose header is said to be one',
    { header: 'present' },
    'SUMMER\nABC\n',
    ['ABC'],
    { number: 1, name: 'SUMMER' },
  ],
  [
    'a list said to have no header',
    { header: 'absent' },
    'coupon\nABC\n',
    ['COUPON', 'ABC'],
    { number: 1, name: null },
  ],
  ['a list with a bad first code', { header: 'absent' }, 'a b\nABC', ['ABC'], { number: 1, name: null }, [1]],
  [
    'a list whose later lines have delimiters',
    { header: 'absent' },
    'ABC\nDEF,1\n',
    ['ABC'],
    { number: 1, name: null },
    [2],
  ],
  [
    'a list by the name of its column',
    { column: 'serial no' },
    'Serial No\nABC\n',
    ['ABC'],
    { number: 1, name: 'Serial No' },
  ],
  ['a list by the number of its column', { column: '1' }, 'ABC\nDEF\n', ['ABC', 'DEF'], { number: 1, name: null }],
  ['the column code wherever it is', {}, 'a,b,CODE\n1,2,ABC\n', ['ABC'], { number: 3, name: 'CODE' }],
  ['a column by name', { column: 'Voucher' }, 'email,voucher\na@b,ABC\n', ['ABC'], { number: 2, name: 'voucher' }],
  [
    'a column by number, with a header said',
    { column: '2', header: 'present' },
    'x,y\n1,ABC',
    ['ABC'],
    { number: 2, name: 'y' },
  ],
  [
    'a column by number, with none',
    { column: '2', header: 'absent' },
    'x,YYY\n1,ABC',
    ['YYY', 'ABC'],
    { number: 2, name: null },
  ],
  ['a column by number, with a known word', { column: '2' }, 'x,coupon\n1,ABC', ['ABC'], { number: 2, name: 'coupon' }],
  [
    'quoted headers with line ends in them',
    {},
    '"the\nowner","code"\na,ABC\nb,x!\n',
    ['ABC'],
    { number: 2, name: 'code' },
    [4],
  ],
  [
    'what comes after skipped lines',
    { skip: 2 },
    'Summer, "26\n\nowner,code\nx,ABC\n',
    ['ABC'],
    { number: 2, name: 'code' },
  ],
  [
    'what comes after a skipped title and sep=',
    { skip: 2 },
    'sep=;\nTitle\nx;code\n1;ABC',
    ['ABC'],
    { number: 2, name: 'code' },
  ],
  ['sep= after skipped lines', { skip: 1 }, 'Title\nsep=;\nx;code\n1;ABC', ['ABC'], { number: 2, name: 'code' }],
  [
    'lines with stray quotes',
    {},
    'code,note\nXQZ-3,"5" pipe"\nXQZ-4,ok\n',
    ['XQZ-3', 'XQZ-4'],
    { number: 1, name: 'code' },
  ],
  ['stray quotes in the code', {}, 'code,n\n"AB"C,1\nABC,2\n', ['ABC'], { number: 1, name: 'code' }, [2]],
  ['a stray quote in the header', {}, 'size 5",code\n1,ABC\n', ['ABC'], { number: 2, name: 'code' }],
  ['reserved words as invalid', {}, 'ABC\nlock\n"Code"\n', ['ABC'], { number: 1, name: null }, [2, 3]],
  [
    'blanks around everything',
    {},
    ' owner ;\u00a0code \n a ; abc \n b ;"\u00a0 def "\n',
    ['ABC', 'DEF'],
    { number: 2, name: 'code' },
  ],
  ['tabs from a spreadsheet', {}, 'owner\tcode\nx\tABC\n', ['ABC'], { number: 2, name: 'code' }],
];

const refused: [name: string, asked: Asked, text: string, message: RegExp][] = [
  [
    'several columns and no code',
    {},
    'coupon;enddate\nXQZ-2;x\n',
    /^line 1: .*"coupon", "enddate".*\?column=.*\?header=present or \?header=absent/,
  ],
  ['several columns and no code, after a byte order mark', {}, '\ufeffemail,voucher\na@b,ABC', /"email", "voucher"/],
  ['data of several columns', {}, 'ABC,foo\nDEF,bar', /"ABC", "foo"/],
  [
    'a title before a table',
    {},
    'Summer\n\nowner;code\nada;XQZ-1\n',
    /^line 1: .*"Summer".*line 3 has 2: "owner", "code".*\?skip=2/,
  ],
  [
    'a padded title before a table',
    {},
    'Summer;;\nowner;code;x\nada;XQZ-1;\n',
    /"Summer", "", "".*Line 2 has one: \?skip=1/,
  ],
  ['a comment before a table', {}, '# made today\nowner,code\nada,XQZ-1\n', /"# made today".*\?skip=1/],
  ['a title with commas', {}, 'Report, 2026\nowner,code\n', /"Report", "2026".*\?skip=1/],
  [
    'a title before a known header',
    {},
    'SUMMER\ncode\nABC\n',
    /"SUMMER" comes before the header "code" in line 2.*\?skip=1/,
  ],
  [
    'a comment before a known header',
    {},
    '# SUMMER\n\nVoucher\nABC\n',
    /"# SUMMER" comes before .*"Voucher" in line 3.*\?skip=2/,
  ],
  [
    'a header that is not known',
    {},
    'Serial Number\nABC\n',
    /"Serial Number" is no code.*\?header=present.*\?skip=1.*\?header=absent/,
  ],
  [
    'a column that is not there',
    { column: 'voucher' },
    'a,b\n1,2',
    /no column is named "voucher"; the columns are "a", "b"/,
  ],
  ['a column with too high a number', { column: '3', header: 'absent' }, 'a,b\n1,2', /no column 3; .*"a", "b"/],
  ['column 0', { column: '0', header: 'absent' }, 'a,b\n1,2', /no column 0/],
  [
    'a number without a word on the header',
    { column: '2' },
    'kupon nr,kupong\n1,2',
    /"kupon nr", "kupong"\. Say with \?header=present or/,
  ],
  ['no header, and several columns', { header: 'absent' }, 'ABC,foo', /2 columns: "ABC", "foo"\. Say with \?column=/],
  ['a header without code', { header: 'present' }, 'a,b\n1,ABC', /no column is named code; the columns are "a", "b"/],
  ['a name without a header', { column: 'x', header: 'absent' }, 'x,y\n1,2', /\?column=x is the name/],
  ['two columns of one name', {}, 'code,Code\nABC,DEF', /2 columns are named "code"/],
  ['text after sep= that is no delimiter', {}, 'sep=ab\nABC', /"sep=ab" is no code/],
  [
    'a quote that is never closed',
    {},
    'code,note\nABC,"oh\nDEF,ok\n',
    /^line 2: the row opens a quote that is never closed/,
  ],
  ['a header with such a quote', {}, 'note,"code\nABC\n', /^line 1: "note,\\"code" is no code/],
  ['a list with such a quote', {}, 'ABC\n"DEF\nGHI\n', /^line 2: the row opens a quote that is never closed/],
  ['UTF-16 without a byte order mark', {}, 'c\0o\0d\0e\0\n\0A\0B\0C\0', /UTF-16/],
  ['an .xlsx file', {}, 'PK\u0003\u0004...', /ZIP archive.*\.xlsx/],
];

describe('a CSV file', () => {
  for (const [name, asked, text, codes, column, errorLines = []] of read) {
    it(`is read: ${name}`, () => {
      for (const chunkBytes of [1, 5, 10_000]) {
        const got = parse(asked, Buffer.from(text), chunkBytes);
        assert.deepEqual(got.codes, codes);
        assert.deepEqual(got.report.column, column);
        assert.deepEqual(
          got.report.errors.map(({ line }) => line),
          errorLines,
        );
      }
    });
  }

  for (const [name, asked, text, message] of refused) {
    it(`is refused, with what was seen: ${name}`, () => {
      for (const chunkBytes of [1, 5, 10_000]) {
        const added: string[] = [];
        assert.throws(
          () => parse(asked, Buffer.from(text), chunkBytes, added),
          (error: unknown) => error instanceof UploadMalformed && message.test(error.message),
        );
        assert.deepEqual(added, []);
      }
    });
  }

  it('as Excel writes "Unicode Text" is refused and told how to save it', () => {
    const text = Buffer.from('\ufeffowner\tcode\r\nada\tABC\r\n', 'utf16le');
    assert.throws(() => parse({}, text, 3), /UTF-16 .*save it as CSV UTF-8/);
  });

  it('in an old one-byte encoding is read, because codes are ASCII', () => {
    const { codes } = parse({}, Buffer.from('Empf\xe4nger;Code\r\nJos\xe9;ABC\r\n', 'latin1'), 4);
    assert.deepEqual(codes, ['ABC']);
  });

  it('of blank lines, or with nothing after the skipped ones, has no codes and no column', () => {
    for (const [asked, text] of [
      [{}, '\n \r\n\n'],
      [{ skip: 9 }, 'a\nb\n'],
      [{}, 'sep=;\n'],
    ] as const) {
      const { codes, report } = parse(asked, Buffer.from(text), 2);
      assert.deepEqual([codes, report.received, report.column], [[], 0, null]);
    }
  });

  it('that a reserved word stands in says so', () => {
    const { report } = parse({}, Buffer.from('ABC\nlock'), 100);
    assert.deepEqual(report.errors, [
      { line: 2, message: "LOCK is a word of the API's paths under /coupons/, and reserved" },
    ]);
  });
});

function parse(asked: Asked, body: Uint8Array, chunkBytes: number, codes: string[] = []) {
  const parser = createCodeParser({ ...plainUpload('csv'), ...asked }, RESERVED, (batch) => {
    codes.push(...batch);
  });
  for (let at = 0; at < body.length; at += chunkBytes) parser.push(body.subarray(at, at + chunkBytes));
  return { codes, report: parser.end() };
}

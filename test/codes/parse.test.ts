import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LINE_BYTES_MAX } from '../../src/codes/line-splitter.js';
import { normalizeCode } from '../../src/codes/normalize.js';
import {
  createCodeBytesParser,
  createCodeParser,
  plainUpload,
  type UploadFormat,
  UploadMalformed,
  type UploadShape,
} from '../../src/codes/parse.js';

describe('CSV', () => {
  const table: [name: string, text: string, codes: string[], errorLines: number[]][] = [
    ['nothing at all', '', [], []],
    ['a header alone', 'Code\n', [], []],
    ['one column without a header', 'abc\ndef', ['ABC', 'DEF'], []],
    ['one column with a header, CRLF and no end', 'code\r\nabc\r\ndef', ['ABC', 'DEF'], []],
    ['old line ends', 'code\rabc\rdef\r', ['ABC', 'DEF'], []],
    ['mixed line ends', 'code\nabc\r\ndef\rghi\n\njkl', ['ABC', 'DEF', 'GHI', 'JKL'], []],
    ['a byte order mark', '\ufeffcode\nabc\n', ['ABC'], []],
    ['a byte order mark before a quoted header', '\ufeff"code","x"\nabc,1\n', ['ABC'], []],
    ['a named column', 'name, CODE ,n\nfoo,abc,1\nbar, def ,2', ['ABC', 'DEF'], []],
    ['semicolons', 'name;code\na,b;abc\n', ['ABC'], []],
    ['tabs', 'name\tcode\na\tabc\n\t\n', ['ABC'], [3]],
    ['quotes', '"code"\n"abc"\n"d""e"\n" ghi "\n', ['ABC', 'GHI'], [3]],
    ['a quote late', 'abc\ndef\n"ghi"\njkl', ['ABC', 'DEF', 'GHI', 'JKL'], []],
    ['a delimiter and line ends in quotes', 'x,code\n"a,\r\n,b",abc\n"\n",!\n,de', ['ABC'], [5, 6]],
    ['a stray quote', 'code,size\nabc,5" pipe\ndef,"6"" pipe"\nghi,7', ['ABC', 'DEF', 'GHI'], []],
    ['blank lines', '\n \ncode\n\n  \nabc\n\n', ['ABC'], []],
    ['a row that is too short', 'x,code\n1\n2,abc', ['ABC'], [2]],
    ['pipes', 'name|code\na,b|abc\n', ['ABC'], []],
    ['quoted blanks', 'x,code\n1, "abc" \n2,""\n', ['ABC'], [3]],
    ['invalid ones', 'code\nab\nabc\na b\nabcé\n', ['ABC'], [2, 4, 5]],
  ];
  for (const [name, text, codes, errorLines] of table) {
    it(`reads ${name}`, () => {
      for (const chunkBytes of [1, 2, 7, 1000]) {
        const result = parse('csv', Buffer.from(text), [chunkBytes]);
        assert.deepEqual(result.codes, codes);
        assert.deepEqual(
          result.report.errors.map(({ line }) => line),
          errorLines,
        );
      }
    });
  }

  it('is read the same as its rows were written, whatever the quotes, line ends and chunks', () => {
    fc.assert(
      fc.property(csvFile, chunkings, (file, chunks) => {
        const shape = { ...plainUpload('csv'), header: file.hasHeader ? ('present' as const) : ('absent' as const) };
        const { codes, report } = parse({ ...shape, column: file.column }, Buffer.from(file.text), chunks);
        assert.deepEqual(codes, file.codes);
        assert.deepEqual(
          report.errors.map(({ line }) => line),
          file.errorLines.slice(0, 100),
        );
        assert.equal(report.valid, file.codes.length);
        assert.equal(report.invalid, file.errorLines.length);
        assert.equal(report.received, report.valid + report.invalid);
      }),
      { numRuns: 600 },
    );
  });

  it('says why a code is invalid, and keeps the first hundred', () => {
    const { report } = parse('csv', Buffer.from(`code\n${'a b\n'.repeat(150)}`), [64]);
    assert.equal(report.invalid, 150);
    assert.equal(report.errors.length, 100);
    assert.deepEqual(report.errors[0], { line: 2, message: '" " is not one of A-Z 0-9 - _ .' });
  });

  it('that ends inside quotes, has an endless line, or is UTF-16 is refused as a whole', () => {
    assertMalformed('csv', 'code\n"abc\n', /line 2: the row opens a quote that is never closed/);
    assertMalformed('csv', `code\nabc\n${'x'.repeat(LINE_BYTES_MAX + 1)}`, /line 3: .*longer than 65536/);
    assertMalformed('csv', `code\nabc\n${'x'.repeat(2 * LINE_BYTES_MAX)}\nabc`, /line 3: .*longer than 65536/);
    assertMalformed('csv', 'x'.repeat(LINE_BYTES_MAX + 1), /line 1: .*longer than 65536/);
    assertMalformed('csv', `code\nabc\n"${'x\n'.repeat(LINE_BYTES_MAX)}`, /longer than 65536/);
    assertMalformed('csv', Buffer.from('\ufeffcode\nabc', 'utf16le'), /UTF-16/);
  });
});

describe('NDJSON', () => {
  it('takes the field code in any case, or a bare string', () => {
    const text =
      '\ufeff{"x":1,"code":"abc"}\r\n{"X":"y","Code":"def"}\n{"CODE":"ghi","b":2}\n"jkl"\n\n  {"code":"mno"} ';
    for (const chunkBytes of [1, 3, 1000]) {
      const { codes, report } = parse('ndjson', Buffer.from(text), [chunkBytes]);
      assert.deepEqual(codes, ['ABC', 'DEF', 'GHI', 'JKL', 'MNO']);
      assert.equal(report.received, 5);
    }
  });

  it('counts what is no code as invalid, with its line', () => {
    const { codes, report } = parse(
      'ndjson',
      Buffer.from('{"code":\n{"code":7}\n{}\nnull\n["abc"]\n"ab"\n"abé"\n"abc"'),
      [5],
    );
    assert.deepEqual(codes, ['ABC']);
    assert.deepEqual(
      report.errors.map(({ line, message }) => `${line} ${message}`),
      [
        '1 the line is not JSON',
        '2 the code is not a string',
        '3 the object has no field "code"',
        '4 the code is not a string',
        '5 the code is not a string',
        '6 the code has 2 characters, and needs at least 3',
        '7 "é" is not one of A-Z 0-9 - _ .',
      ],
    );
  });

  it('is read the same in any chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(validCodes, fc.string({ unit: 'binary', maxLength: 10 }))),
        chunkings,
        (texts, chunks) => {
          const body = texts.map((text) => JSON.stringify({ code: text })).join('\n');
          const { codes } = parse('ndjson', Buffer.from(body), chunks);
          assert.deepEqual(
            codes,
            texts.map(normalizeCode).filter((code) => code !== null),
          );
        },
      ),
    );
  });
});

describe('JSON', () => {
  it('is a list of codes; an error names the place in it', () => {
    const { codes, report } = parse('json', Buffer.from('{"codes":["abc","é",7," def "]}'), [3]);
    assert.deepEqual(codes, ['ABC', 'DEF']);
    assert.deepEqual(
      report.errors.map(({ line }) => line),
      [2, 3],
    );
  });

  it('of another shape is refused as a whole', () => {
    assertMalformed('json', '', /not JSON/);
    assertMalformed('json', '{"codes":["abc"', /not JSON/);
    assertMalformed('json', '["abc"]', /must be \{"codes"/);
    assertMalformed('json', 'null', /must be \{"codes"/);
    assertMalformed('json', '{"codes":"abc"}', /must be \{"codes"/);
    assertMalformed('json', '{"codes":["abc"],"bookId":1}', /bookId: Unknown field/);
  });

  it('that would not fit into memory is refused before it is complete', () => {
    const parser = createCodeParser(plainUpload('json'), [], () => {});
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    assert.throws(() => {
      for (let i = 0; i < 17; i++) parser.push(chunk);
    }, UploadMalformed);
  });
});

describe('batches', () => {
  it('come while the upload is under way, of a bounded size, and as bytes in buffers of their own', () => {
    const body = Buffer.from(Array.from({ length: 50_000 }, (_, i) => `code-${i}\n`).join(''));
    const buffers = new Set<ArrayBuffer>();
    const texts: string[] = [];
    let count = 0;
    const parser = createCodeBytesParser(plainUpload('csv'), [], (bytes, codes) => {
      assert.ok(bytes.length <= 65_536);
      buffers.add(bytes.buffer);
      texts.push(Buffer.from(bytes).toString());
      count += codes;
    });
    parser.push(body);
    assert.ok(texts.length > 5);
    parser.end();
    assert.equal(count, 50_000);
    assert.equal(buffers.size, texts.length);
    assert.equal(texts.join(''), body.toString().toUpperCase());
  });
});

function parse(asked: UploadFormat | UploadShape, body: Uint8Array, chunkSizes: readonly number[]) {
  const codes: string[] = [];
  const shape = typeof asked === 'string' ? plainUpload(asked) : asked;
  const parser = createCodeParser(shape, [], (batch) => {
    codes.push(...batch);
  });
  for (let at = 0, i = 0; at < body.length; i++) {
    const size = chunkSizes[i % chunkSizes.length] as number;
    // The chunk is spoilt after the call: parsers must not hold on to it.
    const chunk = Uint8Array.from(body.subarray(at, at + size));
    parser.push(chunk);
    chunk.fill(0x21);
    at += size;
  }
  return { codes, report: parser.end() };
}

function assertMalformed(format: UploadFormat, body: string | Uint8Array, message: RegExp): void {
  for (const chunkBytes of [1000, 200_000]) {
    assert.throws(
      () => parse(format, Buffer.from(body), [chunkBytes]),
      (error: unknown) => error instanceof UploadMalformed && message.test(error.message),
    );
  }
}

const validCodes = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.'), minLength: 3, maxLength: 64 });
const chunkings = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

/** A file made from cells, with what has to come out of it. */
const csvFile = fc
  .record({
    width: fc.integer({ min: 1, max: 3 }),
    codeColumn: fc.nat({ max: 2 }),
    hasHeader: fc.boolean(),
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    tidy: fc.boolean(),
    mark: fc.constantFrom('', '\ufeff'),
    endsWithLine: fc.boolean(),
    rows: fc.array(
      fc.record({
        cells: fc.array(
          fc.record({
            text: fc.oneof(
              validCodes,
              fc.string({ unit: fc.constantFrom(...'ab9 -é€😀"\n\r,;\t|'), maxLength: 8 }),
              fc.constant(''),
            ),
            quoted: fc.boolean(),
          }),
          { minLength: 3, maxLength: 3 },
        ),
        end: fc.constantFrom('\n', '\r\n', '\r'),
      }),
      { maxLength: 20 },
    ),
  })
  .map((file) => {
    const column = file.codeColumn % file.width;
    const header = ['name', 'x', 'y'].slice(0, file.width);
    header[column] = 'cOdE';
    let text = file.mark + (file.hasHeader ? `${header.join(file.delimiter)}\r\n` : '');
    const codes: string[] = [];
    const errorLines: number[] = [];
    file.rows.forEach((row, i) => {
      const cells = row.cells.slice(0, file.width).map(({ text: cell, quoted }) => {
        const value = file.tidy ? cell.replace(/["\n\r,;\t|]/g, 'z') : cell;
        const mustQuote = /["\n\r,;\t|]/.test(value);
        const written = mustQuote || (quoted && !file.tidy) ? `"${value.replaceAll('"', '""')}"` : value;
        return { value, written };
      });
      const line = cells.map(({ written }) => written).join(file.delimiter);
      text += line;
      if (file.width > 1 || line.trim() !== '') {
        const code = normalizeCode(cells[column]?.value ?? '');
        if (code === null) errorLines.push((text.match(/\r\n|\r|\n/g) ?? []).length + 1);
        else codes.push(code);
      }
      if (file.endsWithLine || i + 1 < file.rows.length) text += row.end;
    });
    return { text, codes, errorLines, hasHeader: file.hasHeader, column: file.hasHeader ? null : String(column + 1) };
  });

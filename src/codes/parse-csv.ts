/**
 * CSV, in two gears.
 *
 * Most uploads are tidy: no quote anywhere, so a row is a line and a field ends at the next delimiter. Those are
 * scanned as bytes, at millions of rows a second. The row in which the first quote comes, and all after it, goes
 * through csv-parse, which knows everything about quotes and is five to eight times slower. There is no way back to the fast
 * gear: to know that a row ended there, one would have to know about quotes.
 *
 *      opening ──first row is whole──▶ tidy ──a quote──▶ untidy
 *         └──────── it has a quote ───────────────────────▶┘
 *
 * The first row decides two things. Its delimiter: what it has most of, outside quotes, of comma, semicolon (what
 * spreadsheets write where the comma is the decimal point) and tab. And the column: the one that is named `code`, in
 * any case; when there is none, the file has no header and its first column counts.
 */
import { type Options, Parser } from 'csv-parse';
import { type CodeSink, decodeUtf8 } from './code-sink.js';
import { createLineSplitter, LINE_BYTES_MAX, UploadMalformed } from './line-splitter.js';
import { isBlank } from './normalize.js';

/** Takes chunks of any size; throws `UploadMalformed`, after which it must not be used again. */
export interface RowParser {
  push(bytes: Uint8Array): void;
  end(): void;
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const DELIMITERS = [0x2c, 0x3b, 0x09];

export function createCsvParser(sink: CodeSink): RowParser {
  let opening: Uint8Array | null = new Uint8Array(0);
  let delimiter = 0x2c;
  let column: number | null = null;
  let untidy: RowParser | null = null;
  const lines = createLineSplitter(onTidyLine);

  function onTidyLine(bytes: Uint8Array, start: number, end: number, line: number): void {
    if (isBlankLine(bytes, start, end, delimiter)) return;
    if (column === null) {
      const cells = decodeUtf8(bytes, start, end).split(String.fromCharCode(delimiter));
      if (isHeader(cells)) return;
    }
    let from = start;
    let to = fieldEnd(bytes, from, end);
    for (let i = column ?? 0; i > 0; i--) {
      from = Math.min(to + 1, end);
      to = fieldEnd(bytes, from, end);
    }
    sink.addBytes(bytes, from, to, line);
  }

  function fieldEnd(bytes: Uint8Array, from: number, end: number): number {
    let to = from;
    while (to < end && bytes[to] !== delimiter) to++;
    return to;
  }

  function onUntidyRow(cells: readonly string[], line: number): void {
    if (column === null && isHeader(cells)) return;
    sink.addText(cells[column ?? 0] ?? '', line);
  }

  /** Decides the column by the first row. */
  function isHeader(cells: readonly string[]): boolean {
    const index = cells.findIndex((cell) => cell.trim().toLowerCase() === 'code');
    column = Math.max(0, index);
    return index !== -1;
  }

  function pushOpening(whole: Uint8Array, ended: boolean): void {
    refuseUtf16(whole);
    const start = byteOrderMarkBytes(whole);
    const end = firstRowEnd(whole, start);
    if (end === -1 && !ended) {
      if (whole.length > LINE_BYTES_MAX)
        throw new UploadMalformed(`the line is longer than ${LINE_BYTES_MAX} bytes`, 1);
      opening = whole;
      return;
    }
    opening = null;
    const rest = whole.subarray(start);
    delimiter = mostFrequentDelimiter(rest.subarray(0, end === -1 ? rest.length : end - start));
    pushRows(rest);
  }

  function pushRows(bytes: Uint8Array): void {
    if (untidy !== null) {
      untidy.push(bytes);
      return;
    }
    const quoteAt = bytes.indexOf(QUOTE);
    if (quoteAt === -1) {
      lines.push(bytes);
      return;
    }
    const rowStart = Math.max(bytes.lastIndexOf(LF, quoteAt), bytes.lastIndexOf(CR, quoteAt)) + 1;
    lines.push(bytes.subarray(0, rowStart));
    const { rest, line, skipLineFeed } = lines.release();
    untidy = createUntidyParser(delimiter, line, skipLineFeed, onUntidyRow);
    untidy.push(rest);
    untidy.push(bytes.subarray(rowStart));
  }

  return {
    push(bytes) {
      if (opening !== null) pushOpening(joined(opening, bytes), false);
      else pushRows(bytes);
    },
    end() {
      if (opening !== null) pushOpening(opening, true);
      if (untidy !== null) untidy.end();
      else lines.end();
    },
  };
}

/**
 * csv-parse behind the same interface, synchronous: it is a Transform stream whose own hooks are called directly and
 * whose `push` goes to us instead of a queue, so that nothing piles up and an error is thrown where it happens.
 *
 * `relax_quotes` lets a stray quote inside a field pass (5" pipe), as it is some other column's in general, and if it is
 * the code's, the code is invalid. What remains an error is a row without an end: nobody can tell then which rows follow.
 */
function createUntidyParser(
  delimiter: number,
  firstLine: number,
  afterCarriageReturn: boolean,
  onRow: (cells: readonly string[], line: number) => void,
): RowParser {
  const parser = new RecordParser(
    {
      delimiter: String.fromCharCode(delimiter),
      record_delimiter: '\n',
      relax_column_count: true,
      relax_quotes: true,
      trim: true,
      skip_empty_lines: true,
      max_record_size: LINE_BYTES_MAX,
    },
    // `info.lines` counts from 1 where the parser began.
    (cells) => onRow(cells, firstLine - 1 + parser.info.lines),
  );
  const fail = (error?: Error | null) => {
    if (error) throw new UploadMalformed(explainCsvError(error), firstLine - 1 + parser.info.lines);
  };
  let skipLineFeed = afterCarriageReturn;

  /** Every line end as LF: the library would take one kind only, and count a quoted CR LF as two lines. */
  function withLineFeeds(bytes: Uint8Array): Buffer {
    const out = Buffer.allocUnsafe(bytes.length);
    let used = 0;
    for (const byte of bytes) {
      if (byte !== LF || !skipLineFeed) out[used++] = byte === CR ? LF : byte;
      skipLineFeed = byte === CR;
    }
    return out.subarray(0, used);
  }

  return {
    push(bytes) {
      if (bytes.length > 0) parser._transform(withLineFeeds(bytes), 'utf8', fail);
    },
    end() {
      parser._flush(fail);
    },
  };
}

class RecordParser extends Parser {
  private readonly onRecord: (cells: readonly string[]) => void;

  constructor(options: Options, onRecord: (cells: readonly string[]) => void) {
    super(options);
    this.onRecord = onRecord;
  }

  override push(record: readonly string[] | null): boolean {
    if (record !== null) this.onRecord(record);
    return true;
  }
}

function explainCsvError(error: Error): string {
  switch ('code' in error ? error.code : null) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'the file ends inside a quoted field';
    case 'CSV_MAX_RECORD_SIZE':
      return `the row is longer than ${LINE_BYTES_MAX} bytes; a quote may be missing before it`;
    default:
      return error.message;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function refuseUtf16(bytes: Uint8Array): void {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new UploadMalformed('the file is in UTF-16; it must be in UTF-8', 1);
  }
}

/** The length of a UTF-8 byte order mark, which stands first or not at all. */
export function byteOrderMarkBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** Where the first row that is not blank ends, by a line end outside quotes; -1 when that has not come yet. */
function firstRowEnd(bytes: Uint8Array, start: number): number {
  let quoted = false;
  let seen = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) quoted = !quoted;
    if (seen && !quoted && (byte === LF || byte === CR)) return at;
    if (!isBlank(byte)) seen = true;
  }
  return -1;
}

function mostFrequentDelimiter(row: Uint8Array): number {
  const counts = new Map(DELIMITERS.map((byte) => [byte, 0]));
  let quoted = false;
  for (const byte of row) {
    if (byte === QUOTE) quoted = !quoted;
    const count = counts.get(byte);
    if (count !== undefined && !quoted) counts.set(byte, count + 1);
  }
  const most = Math.max(...counts.values());
  return DELIMITERS.find((byte) => counts.get(byte) === most) ?? 0x2c;
}

/** A row of empty fields between tabs is not blank, no more than one between commas. */
function isBlankLine(bytes: Uint8Array, start: number, end: number, delimiter: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === delimiter || !isBlank(byte)) return false;
  }
  return true;
}

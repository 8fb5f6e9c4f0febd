/**
 * CSV, in two modes.
 *
 * Most uploads are tidy: they have no quotes, so a row is a line and a field ends at the next
 * delimiter. Those are scanned as bytes, at millions of rows a second. The row in which the first
 * quote comes, and all after it, is cut by the rules for quotes (csv-rows.ts), which is several
 * times slower. There is no way back to the fast mode: knowing where a row ends requires the rules
 * for quotes.
 *
 *      opening ──it is judged──▶ tidy ──a quote──▶ untidy
 *
 * The opening is kept until it is certain to show how the file begins: `OPENING_BYTES`, or all of
 * it. csv-opening.ts judges it, once.
 */
import type { CodeSink } from './code-sink.js';
import { type CsvAsked, isBlankRow, readOpening } from './csv-opening.js';
import { createRowSplitter, NO_DELIMITER, splitCells } from './csv-rows.js';
import { byteOrderMarkBytes, refuseOtherEncodings } from './encoding.js';
import { createLineSplitter, type LineSplitter } from './line-splitter.js';
import { UploadMalformed } from './upload-malformed.js';

/** Takes chunks of any size; throws `UploadMalformed`, after which it must not be used again. */
export interface RowParser {
  push(bytes: Uint8Array): void;
  end(): void;
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
/** More than the lines that may be skipped and a row need, in any real file. */
const OPENING_BYTES = 256 * 1024;

export function createCsvParser(sink: CodeSink, asked: CsvAsked): RowParser {
  let opening: Uint8Array[] | null = [];
  let openingBytes = 0;
  let rows: RowParser | null = null;

  function judgeOpening(ended: boolean): void {
    const whole = Buffer.concat(opening ?? []);
    opening = null;
    refuseOtherEncodings(whole);
    const bytes = whole.subarray(byteOrderMarkBytes(whole));
    const begin = readOpening(bytes, asked, ended);
    if (begin === null) {
      if (!ended) throw new UploadMalformed(`the first ${OPENING_BYTES} bytes have no row that is complete`, 1);
      return;
    }
    sink.reads(begin.read);
    rows = createDataParser(sink, begin.delimiter, begin.column, begin.line);
    rows.push(bytes.subarray(begin.start));
  }

  return {
    push(bytes) {
      if (opening === null) {
        rows?.push(bytes);
        return;
      }
      opening.push(Uint8Array.from(bytes));
      openingBytes += bytes.length;
      if (openingBytes >= OPENING_BYTES) judgeOpening(false);
    },
    end() {
      if (opening !== null) judgeOpening(true);
      rows?.end();
    },
  };
}

/** The rows after the header. */
function createDataParser(sink: CodeSink, delimiter: number, column: number, firstLine: number): RowParser {
  let untidy: RowParser | null = null;
  const lines: LineSplitter = createLineSplitter(onTidyLine, firstLine);

  function onTidyLine(bytes: Uint8Array, start: number, end: number, line: number): void {
    if (isBlankRow(bytes, start, end, delimiter)) return;
    let from = start;
    let to = fieldEnd(bytes, from, end);
    for (let i = column; i > 0; i--) {
      from = Math.min(to + 1, end);
      to = fieldEnd(bytes, from, end);
    }
    sink.addBytes(bytes, from, to, line);
  }

  function fieldEnd(bytes: Uint8Array, from: number, end: number): number {
    if (delimiter === NO_DELIMITER) return end;
    let to = from;
    while (to < end && bytes[to] !== delimiter) to++;
    return to;
  }

  function onUntidyRow(bytes: Uint8Array, start: number, end: number, line: number): void {
    if (isBlankRow(bytes, start, end, delimiter)) return;
    sink.addText(splitCells(bytes, start, end, delimiter)[column] ?? '', line);
  }

  return {
    push(bytes) {
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
      const options = { delimiter, firstLine: line, afterCarriageReturn: skipLineFeed };
      untidy = createRowSplitter(options, onUntidyRow);
      untidy.push(rest);
      untidy.push(bytes.subarray(rowStart));
    },
    end() {
      if (untidy !== null) untidy.end();
      else lines.end();
    },
  };
}

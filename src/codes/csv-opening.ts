/**
 * How a CSV file begins. This decides its delimiter, whether it has a header, and which column has
 * the codes.
 *
 *     sep=;            Excel's own line: the delimiter. Left out
 *     (skipped lines)  as many as the caller said
 *     owner;code       the first row: the header, or the first of the data
 *     ada;SUMMER-1     data
 *
 * A header or a title must not become a code, because everybody can guess such a code. So nothing
 * is guessed here. Where neither the file nor the caller says which column has the codes, the file
 * is refused, and the message says what was seen and what the caller can say.
 *
 * - One column: it has the codes. The first row is a header if it is a known header word, and data
 *   if it is a code. Anything else could be a title, and is refused. So is a first row that stands
 *   before a row of several columns, or before a known header word.
 * - Several columns: one of them is named `code`, or the caller says which one. Said by its name,
 *   the first row is the header. Said by its number, the caller also says whether there is a
 *   header, unless the first row has a known header word.
 */
import { createRowSplitter, NO_DELIMITER, splitCells } from './csv-rows.js';
import { LINE_BYTES_MAX } from './line-splitter.js';
import { isBlank, normalizeCode } from './normalize.js';
import { UploadMalformed } from './upload-malformed.js';

/** What the caller says of the file. */
export interface CsvAsked {
  /** A name, or a number from 1 on. */
  readonly column: string | null;
  readonly header: 'present' | 'absent' | null;
  /** Lines to leave out at the beginning. */
  readonly skip: number;
}

/** Which column was read. */
export interface ReadColumn {
  /** From 1; null in a format that has names only. */
  readonly number: number | null;
  /** Null where there is no header. */
  readonly name: string | null;
}

export interface CsvOpening {
  /** `NO_DELIMITER` where a row is one cell. */
  readonly delimiter: number;
  /** From 0. */
  readonly column: number;
  /** Where the data begins: the offset in the bytes, and its line. */
  readonly start: number;
  readonly line: number;
  readonly read: ReadColumn;
}

const COMMA = 0x2c;
/**
 * Comma, semicolon (what spreadsheets write where the comma is the decimal point), tab, pipe. Of
 * equals the first.
 */
const DELIMITERS = [COMMA, 0x3b, 0x09, 0x7c];
const LF = 0x0a;
const CR = 0x0d;

/** Rows in which a title can still be told from a list of codes. */
const SAMPLE_ROWS = 64;
const SHOWN_COLUMNS_MAX = 20;
const SHOWN_LENGTH_MAX = 40;
const NAME_LENGTH_MAX = 200;

const CODE = 'code';
const HEADERS = new Set(
  [
    ['code', 'codes', 'coupon', 'coupons', 'voucher', 'vouchers', 'promo', 'promos', 'discount', 'token', 'key'],
    ['couponcode', 'couponcodes', 'vouchercode', 'vouchercodes', 'promocode', 'promocodes', 'promotioncode'],
    ['promotioncodes', 'discountcode', 'discountcodes', 'giftcode', 'giftcodes', 'uniquecode', 'uniquecodes'],
    ['redemptioncode', 'redemptioncodes', 'rewardcode', 'couponid', 'gutschein', 'gutscheincode', 'gutscheincodes'],
    ['rabattcode', 'kupon', 'kuponcode', 'cupon', 'cupón', 'codigo', 'código', 'codice', 'codepromo', 'kod', 'код'],
  ].flat(),
);

/**
 * `bytes` begin after the byte order mark. Null when there is no row at all. Throws
 * `UploadMalformed`.
 */
export function readOpening(bytes: Uint8Array, asked: CsvAsked, ended: boolean): CsvOpening | null {
  const separator = separatorOf(bytes, 0);
  let { start, line } = afterLines(bytes, asked.skip);
  let delimiter = separator;
  const later = start === 0 ? separator : separatorOf(bytes, start);
  if (later !== null) {
    delimiter = later;
    ({ start, line } = nextLine(bytes, start, line));
  }
  const sample = sampleRows(bytes, start, line, delimiter, asked.column ?? CODE, ended);
  const [first] = sample.rows;
  if (first === undefined) return null;
  if (asked.column !== null && namesColumn(asked.column) && asked.header === 'absent') {
    refuse(first, `?column=${asked.column} is the name of a column, but ?header=absent says that there are none`);
  }
  const isList = first.cells.length === 1;
  const { index, hasHeader } = isList ? judgeList(sample, asked) : judgeTable(sample, first, asked);
  return {
    delimiter: isList && delimiter === null ? NO_DELIMITER : sample.delimiter,
    column: index,
    start: hasHeader ? first.next : first.start,
    line: hasHeader ? first.line + 1 : first.firstLine,
    read: { number: index + 1, name: hasHeader ? (first.cells[index] ?? '').slice(0, NAME_LENGTH_MAX) : null },
  };
}

interface SampleRow {
  readonly cells: readonly string[];
  readonly start: number;
  /** Where the next row begins. */
  readonly next: number;
  readonly firstLine: number;
  readonly line: number;
}

interface Sample {
  readonly delimiter: number;
  /** Those that are not blank. */
  readonly rows: readonly SampleRow[];
  /** Cells of them with stray quotes: a sign that this is not the delimiter. */
  readonly strays: number;
  /**
   * A row after them that can't be read: a greater sign. If it is the delimiter, whoever reads the
   * data meets it again.
   */
  readonly failure: unknown;
}

interface Judged {
  readonly index: number;
  readonly hasHeader: boolean;
}

// -- one column -----------------------------------------------------------------------------------
// -----------------

function judgeList({ rows }: Sample, asked: CsvAsked): Judged {
  const [first, ...others] = rows as readonly [SampleRow, ...SampleRow[]];
  const text = first.cells[0] ?? '';
  const index = asked.column === null ? 0 : columnAsked(first, asked.column);
  if (asked.column !== null && namesColumn(asked.column)) return { index, hasHeader: true };
  if (asked.header !== null) return { index: 0, hasHeader: asked.header === 'present' };
  const table = others.find(({ cells }) => cells.length > 1);
  if (table !== undefined) {
    refuse(
      first,
      `there is one column, ${show(text)}, but line ${table.line} has ${table.cells.length}: ${list(table.cells)}. ` +
        `?skip=${table.firstLine - 1} leaves out what comes before that line`,
    );
  }
  if (isHeader(text)) return { index: 0, hasHeader: true };
  const header = others.find(({ cells }) => isHeader(cells[0] ?? ''));
  if (header !== undefined && (normalizeCode(text) === null || header === others[0])) {
    refuse(
      first,
      `${show(text)} comes before the header ${show(header.cells[0] ?? '')} in line ${header.line}. ` +
        `?skip=${header.firstLine - 1} leaves it out; if all are codes, say ?header=absent`,
    );
  }
  if (normalizeCode(text) === null) {
    refuse(
      first,
      `${show(text)} is no code, and no header that is known. Say ?header=present if it is the header, ` +
        `?skip=${first.line} to leave it out, or ?header=absent to have it counted as an invalid code`,
    );
  }
  return { index: 0, hasHeader: false };
}

// -- several columns
// -----------------------------------------------------------------------------------------------

function judgeTable({ rows }: Sample, first: SampleRow, { column, header }: CsvAsked): Judged {
  if (column !== null && namesColumn(column)) {
    return { index: columnAsked(first, column), hasHeader: true };
  }
  if (column !== null) {
    const index = columnAsked(first, column);
    if (header === null && !first.cells.some(isHeader)) {
      refuse(
        first,
        `the row is ${list(first.cells)}. Say with ?header=present or ?header=absent whether it is a header`,
      );
    }
    return { index, hasHeader: header !== 'absent' };
  }
  if (header === 'absent') {
    refuse(
      first,
      `there are ${first.cells.length} columns: ${list(first.cells)}. Say with ?column= which one, by its number`,
    );
  }
  if (first.cells.some(isNamed(CODE))) return { index: columnAsked(first, CODE), hasHeader: true };
  const titled = rows.find(({ cells }) => cells.some(isNamed(CODE)));
  const skip =
    titled === undefined
      ? ''
      : `. Line ${titled.line} has one: ?skip=${titled.firstLine - 1} leaves out what comes before it`;
  return refuse(
    first,
    `no column is named code; the columns are ${list(first.cells)}. Say with ?column= which one, by its name, or by its ` +
      `number with ?header=present or ?header=absent${skip}`,
  );
}

/** The index of the column that is asked for. */
function columnAsked(first: SampleRow, column: string): number {
  const { cells } = first;
  if (!namesColumn(column)) {
    const number = Number(column);
    if (number < 1 || number > cells.length) {
      refuse(first, `there is no column ${number}; the columns are ${list(cells)}`);
    }
    return number - 1;
  }
  const indexes = cells.flatMap((cell, index) => (isNamed(column)(cell) ? [index] : []));
  const [index] = indexes;
  if (index === undefined) refuse(first, `no column is named ${show(column)}; the columns are ${list(cells)}`);
  if (indexes.length > 1) {
    refuse(first, `${indexes.length} columns are named ${show(column)}. Say with ?column= which one, by its number`);
  }
  return index;
}

const namesColumn = (column: string): boolean => !/^\d+$/.test(column);

const isNamed =
  (name: string) =>
  (cell: string): boolean =>
    cell.toLowerCase() === name.trim().toLowerCase();

/** "Coupon code", COUPON_CODE and coupon-code are one. */
const isHeader = (cell: string): boolean => HEADERS.has(cell.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''));

function refuse({ line }: SampleRow, message: string): never {
  throw new UploadMalformed(message, line);
}

function list(cells: readonly string[]): string {
  const shown = cells.slice(0, SHOWN_COLUMNS_MAX).map(show).join(', ');
  return cells.length > SHOWN_COLUMNS_MAX ? `${shown} and ${cells.length - SHOWN_COLUMNS_MAX} more` : shown;
}

function show(text: string): string {
  return JSON.stringify(text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text);
}

// -- bytes ----------------------------------------------------------------------------------------
// -----------------

/**
 * The first rows, by the delimiter that fits: what the file says; else the one by which the first
 * row has a cell of this name; else, of those by which fewest quotes are stray, the one that the
 * first row has most of.
 */
function sampleRows(
  bytes: Uint8Array,
  start: number,
  line: number,
  separator: number | null,
  name: string,
  ended: boolean,
): Sample {
  const of = (delimiter: number): Sample => splitSample(bytes, start, line, delimiter, ended);
  if (separator !== null) return readable(of(separator));
  const samples = DELIMITERS.map(of);
  const widthOf = ({ rows }: Sample): number => rows[0]?.cells.length ?? 0;
  const misfit = ({ strays, failure }: Sample): number => (failure === null ? strays : SAMPLE_ROWS * LINE_BYTES_MAX);
  const byFit = samples.toSorted((a, b) => misfit(a) - misfit(b) || widthOf(b) - widthOf(a));
  const best = samples.find((sample) => widthOf(sample) > 1 && sample.rows[0]?.cells.some(isNamed(name))) ?? byFit[0];
  if (best === undefined) throw new Error('there are no delimiters');
  if (widthOf(best) !== 1) return readable(best);
  // A list, or a title before a table, which shows in a later row.
  return byFit.find(({ rows }) => rows.some(({ cells }) => cells.length > 1)) ?? best;
}

/** Without a first row there is nothing to judge. */
function readable(sample: Sample): Sample {
  if (sample.rows.length === 0 && sample.failure !== null) throw sample.failure;
  return sample;
}

function splitSample(bytes: Uint8Array, from: number, line: number, delimiter: number, ended: boolean): Sample {
  const rows: SampleRow[] = [];
  let strays = 0;
  const onStray = (): void => {
    strays++;
  };
  const part = bytes.subarray(from);
  let firstLine = line;
  const options = { delimiter, firstLine: line, afterCarriageReturn: false };
  const splitter = createRowSplitter(options, (row, start, end, lastLine) => {
    if (rows.length < SAMPLE_ROWS && !isBlankRow(row, start, end, delimiter)) {
      // The last row, without an end, comes in a buffer of the splitter's own.
      const offset = row === part ? from + start : bytes.length - (end - start);
      const cells = splitCells(row, start, end, delimiter, onStray);
      rows.push({ cells, start: offset, next: afterLineEnd(bytes, offset + end - start), firstLine, line: lastLine });
    }
    firstLine = lastLine + 1;
  });
  try {
    splitter.push(part);
    if (ended) splitter.end();
    return { delimiter, rows, strays, failure: null };
  } catch (failure) {
    return { delimiter, rows, strays, failure };
  }
}

/** A row of empty cells is not blank. */
export function isBlankRow(bytes: Uint8Array, start: number, end: number, delimiter: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === delimiter || !isBlank(byte)) return false;
  }
  return true;
}

/** The delimiter that the line at `start` names as `sep=;`, or null. */
function separatorOf(bytes: Uint8Array, start: number): number | null {
  const text = Buffer.from(bytes.subarray(start, start + 8)).toString('latin1');
  const match = /^"?sep=([^"\r\nA-Z0-9])"?(?:[\r\n]|$)/i.exec(text);
  return match === null ? null : (match[1] as string).charCodeAt(0);
}

/** Where the line after the first `count` ones begins. */
function afterLines(bytes: Uint8Array, count: number): { readonly start: number; readonly line: number } {
  let place = { start: 0, line: 1 };
  for (let i = 0; i < count && place.start < bytes.length; i++) place = nextLine(bytes, place.start, place.line);
  return place;
}

function nextLine(bytes: Uint8Array, from: number, line: number): { readonly start: number; readonly line: number } {
  let at = from;
  while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
  return { start: afterLineEnd(bytes, at), line: line + 1 };
}

/** Steps over the line end at `at`. */
function afterLineEnd(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) return bytes.length;
  return bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
}

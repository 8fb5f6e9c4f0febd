/**
 * The meaning of quotes in CSV, for files as people and programs write them.
 *
 * A quote opens a quoted cell only where a cell begins, blanks aside. Within it `""` is a quote,
 * and delimiters and line ends are text. Any other quote closes it. What follows up to the
 * delimiter should be blank; if it is not, the cell was never meant as quoted (`"5" pipe"`), and is
 * taken as it stands. So a stray quote affects only its own cell. Only a quoted cell that is never
 * closed makes the file invalid, because the following rows are unknown.
 *
 * Both functions follow this one rule, so they agree where a row ends.
 */
import { decodeUtf8 } from './encoding.js';
import { LINE_BYTES_MAX } from './line-splitter.js';
import { isBlank } from './normalize.js';
import { UploadMalformed } from './upload-malformed.js';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
/** For rows of one cell: no text in UTF-8 has this byte. */
export const NO_DELIMITER = 0xff;

/**
 * The row is `bytes[start, end)`, without its line end; valid during the call. `line` is where it
 * ends, 1-based.
 */
export type OnRow = (bytes: Uint8Array, start: number, end: number, line: number) => void;

export interface RowSplitter {
  push(bytes: Uint8Array): void;
  /** The last row, if it has no line end. Throws `UploadMalformed` when it is inside quotes. */
  end(): void;
}

export interface RowSplitterOptions {
  readonly delimiter: number;
  readonly firstLine: number;
  /** The byte before the first was a CR, so that an LF that comes first ends no line. */
  readonly afterCarriageReturn: boolean;
}

/**
 * Cuts a stream into rows, whatever its chunks: ended by LF, CR LF or CR outside quotes. Blank rows
 * come too.
 */
export function createRowSplitter(
  { delimiter, firstLine, afterCarriageReturn }: RowSplitterOptions,
  onRow: OnRow,
): RowSplitter {
  let place: 'cellStart' | 'inCell' | 'quoted' | 'afterQuote' = 'cellStart';
  let line = firstLine;
  let rowLine = firstLine;
  let skipLineFeed = afterCarriageReturn;
  /** The start of a row whose end has not come yet: `carry[0, carried)`. */
  let carry = new Uint8Array(1024);
  let carried = 0;

  function keepForLater(bytes: Uint8Array): void {
    if (carried + bytes.length > LINE_BYTES_MAX) refuseLength();
    if (carried + bytes.length > carry.length) {
      const larger = new Uint8Array(2 * (carried + bytes.length));
      larger.set(carry.subarray(0, carried));
      carry = larger;
    }
    carry.set(bytes, carried);
    carried += bytes.length;
  }

  function refuseLength(): never {
    const hint = line > rowLine ? '; a quote is missing in it or before it' : '';
    throw new UploadMalformed(`the row is longer than ${LINE_BYTES_MAX} bytes${hint}`, rowLine);
  }

  function giveRow(bytes: Uint8Array, start: number, end: number): void {
    if (carried > 0) {
      keepForLater(bytes.subarray(start, end));
      onRow(carry, 0, carried, line);
      carried = 0;
    } else {
      if (end - start > LINE_BYTES_MAX) refuseLength();
      onRow(bytes, start, end, line);
    }
  }

  return {
    push(bytes) {
      let start = 0;
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at] as number;
        if (byte === LF && skipLineFeed) {
          skipLineFeed = false;
          if (start === at && place === 'cellStart') start = at + 1;
          continue;
        }
        skipLineFeed = byte === CR;
        if (place === 'quoted') {
          if (byte === QUOTE) place = 'afterQuote';
          else if (byte === LF || byte === CR) line++;
        } else if (byte === LF || byte === CR) {
          giveRow(bytes, start, at);
          start = at + 1;
          rowLine = ++line;
          place = 'cellStart';
        } else if (byte === QUOTE && place !== 'inCell') place = 'quoted';
        else if (byte === delimiter) place = 'cellStart';
        else if (place === 'afterQuote' || !isBlank(byte)) place = 'inCell';
      }
      keepForLater(bytes.subarray(start));
    },
    end() {
      if (place === 'quoted') throw new UploadMalformed('the row opens a quote that is never closed', rowLine);
      if (carried > 0) onRow(carry, 0, carried, line);
      carried = 0;
    },
  };
}

/**
 * The cells of a row, trimmed and without their quotes. Calls `onStray` for each cell with a quote
 * that encloses nothing.
 */
export function splitCells(
  bytes: Uint8Array,
  start: number,
  end: number,
  delimiter: number,
  onStray?: () => void,
): string[] {
  const row = decodeUtf8(bytes, start, end);
  // Half a surrogate pair never comes out of UTF-8.
  const mark = delimiter === NO_DELIMITER ? '\ud800' : String.fromCharCode(delimiter);
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const quoted = readQuoted(row, at, mark);
    if (quoted !== null) {
      cells.push(quoted.text.trim());
      at = quoted.end;
    } else {
      const found = row.indexOf(mark, closedQuote(row, at, mark));
      const cellEnd = found === -1 ? row.length : found;
      const text = row.slice(at, cellEnd).trim();
      if (text.includes('"')) onStray?.();
      cells.push(text);
      at = cellEnd;
    }
    if (at === row.length) return cells;
    at++;
  }
}

/** The quoted cell that begins at `from`, and where it ends; null when it is none. */
function readQuoted(row: string, from: number, mark: string): { readonly text: string; readonly end: number } | null {
  const open = quoteAt(row, from, mark);
  if (open === -1) return null;
  const close = closingQuote(row, open);
  let end = close + 1;
  while (end < row.length && row[end] !== mark && row[end]?.trim() === '') end++;
  if (end < row.length && row[end] !== mark) return null;
  return { text: row.slice(open + 1, close).replaceAll('""', '"'), end };
}

/**
 * From where on the delimiter that ends an unquoted cell is looked for: behind what its stray
 * quotes enclose.
 */
function closedQuote(row: string, from: number, mark: string): number {
  const open = quoteAt(row, from, mark);
  return open === -1 ? from : closingQuote(row, open) + 1;
}

/**
 * Where the quote is with which a cell begins, blanks aside; -1 when it begins with something else.
 */
function quoteAt(row: string, from: number, mark: string): number {
  let at = from;
  while (at < row.length && row[at] !== mark && isBlank(row.charCodeAt(at))) at++;
  return row[at] === '"' ? at : -1;
}

/**
 * The quote that ends what the one at `open` begins; the splitter has made sure that there is one.
 */
function closingQuote(row: string, open: number): number {
  let close = row.indexOf('"', open + 1);
  while (close !== -1 && row[close + 1] === '"') close = row.indexOf('"', close + 2);
  return close === -1 ? row.length : close;
}

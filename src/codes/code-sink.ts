/**
 * Where parsers put what they find: normalizes, counts, remembers the first errors, and packs codes
 * into batches.
 *
 * A batch is bytes, one code a line. That is the text format of COPY for a single column, so a
 * worker can hand the buffer on as it is; and where strings are wanted, one decode and one split
 * are much cheaper than a decode per code.
 */
import type { ReadColumn } from './csv-opening.js';
import { decodeUtf8 } from './encoding.js';
import { explainInvalidCode, normalizeBytes, normalizeCode } from './normalize.js';
import { CODE_LENGTH_MAX } from './pattern.js';
import { createReservedWords } from './reserved-words.js';

export interface LineError {
  /** 1-based: the line of the file, or the place in the list for JSON. */
  readonly line: number;
  readonly message: string;
}

export interface ParseReport {
  /** Rows with something in them, a header not counted: `valid + invalid`. */
  readonly received: number;
  readonly valid: number;
  readonly invalid: number;
  /** The first `ERRORS_KEPT_MAX` of the invalid rows. */
  readonly errors: readonly LineError[];
  /** Null for formats without columns, and for a file without rows. */
  readonly column: ReadColumn | null;
}

const ERRORS_KEPT_MAX = 100;
const BATCH_BYTES = 64 * 1024;

/**
 * Gets normalized codes in ASCII, each followed by a newline, and how many they are. `bytes` fills
 * no more than its part of a buffer that is the receiver's from then on: to move it to another
 * thread, move `bytes.buffer`.
 */
export type OnBatch = (bytes: Uint8Array<ArrayBuffer>, count: number) => void;

export interface CodeSink {
  /** The code in `bytes[start, end)`, UTF-8. */
  addBytes(bytes: Uint8Array, start: number, end: number, line: number): void;
  addText(text: string, line: number): void;
  reject(line: number, message: string): void;
  /** The codes are read from this column. */
  reads(column: ReadColumn): void;
  /** Hands out the last batch. */
  end(): ParseReport;
}

/** `reservedWords` are no codes; in upper case. */
export function createCodeSink(reservedWords: readonly string[], onBatch: OnBatch): CodeSink {
  const reserved = createReservedWords(reservedWords);
  let batch = new Uint8Array(BATCH_BYTES);
  let used = 0;
  let count = 0;
  let valid = 0;
  let invalid = 0;
  let column: ReadColumn | null = null;
  const errors: LineError[] = [];

  /** The code's bytes are in the batch at `used`. */
  function keep(length: number, line: number): void {
    const word = reserved.at(batch, used, length);
    if (word !== null) {
      reject(line, `${word} is a word of the API's paths under /coupons/, and reserved`);
      return;
    }
    batch[used + length] = 0x0a;
    used += length + 1;
    count++;
    if (used + CODE_LENGTH_MAX + 1 > BATCH_BYTES) flush();
  }

  function flush(): void {
    if (count === 0) return;
    valid += count;
    onBatch(batch.subarray(0, used), count);
    batch = new Uint8Array(BATCH_BYTES);
    used = 0;
    count = 0;
  }

  function reject(line: number, message: string): void {
    invalid++;
    if (errors.length < ERRORS_KEPT_MAX) errors.push({ line, message });
  }

  function addText(text: string, line: number): void {
    const code = normalizeCode(text);
    if (code === null) {
      reject(line, explainInvalidCode(text));
      return;
    }
    for (let i = 0; i < code.length; i++) batch[used + i] = code.charCodeAt(i);
    keep(code.length, line);
  }

  return {
    addBytes(bytes, start, end, line) {
      const length = normalizeBytes(bytes, start, end, batch, used);
      if (length > 0) keep(length, line);
      else addText(decodeUtf8(bytes, start, end), line);
    },
    addText,
    reject,
    reads(read) {
      column = read;
    },
    end() {
      flush();
      return { received: valid + invalid, valid, invalid, errors, column };
    },
  };
}

/**
 * Uploads of codes: bytes in, batches of normalized codes out, synchronously, whatever the chunks.
 * Back-pressure is the caller's: batches are handed out during `push`, and the caller pushes no
 * further chunk before it has got rid of what it was given. Memory is a batch, a line and the
 * opening of a CSV file, however much comes; but for `json`, whose whole body is kept
 * (`JSON_BYTES_MAX`).
 */
import { createCodeSink, type OnBatch, type ParseReport } from './code-sink.js';
import type { CsvAsked } from './csv-opening.js';
import { createCsvParser, type RowParser } from './parse-csv.js';
import { createJsonParser, createNdjsonParser } from './parse-json.js';

export { UploadMalformed } from './upload-malformed.js';

export type UploadFormat = 'csv' | 'ndjson' | 'json';

/**
 * What the caller says of an upload. `header` and `skip` are for CSV; NDJSON has a field for a
 * column; JSON has neither.
 */
export interface UploadShape extends CsvAsked {
  readonly format: UploadFormat;
}

export interface CodeParser {
  /**
   * `bytes` may be reused after the call. Throws `UploadMalformed`: the upload is over then, and
   * nothing may be kept.
   */
  push(bytes: Uint8Array): void;
  /** The last batch, then the counts. Throws as `push` does. */
  end(): ParseReport;
}

/** An upload of which nothing is said but its format. */
export const plainUpload = (format: UploadFormat): UploadShape => ({ format, column: null, header: null, skip: 0 });

/** Batches as arrays of strings. */
export function createCodeParser(
  shape: UploadShape,
  reservedWords: readonly string[],
  onBatch: (codes: string[]) => void,
): CodeParser {
  return createCodeBytesParser(shape, reservedWords, (bytes) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
    onBatch(text.split('\n'));
  });
}

/**
 * Batches as bytes, a code a line: what COPY takes for a table of one column, and what moves
 * between threads.
 */
export function createCodeBytesParser(
  shape: UploadShape,
  reservedWords: readonly string[],
  onBatch: OnBatch,
): CodeParser {
  const sink = createCodeSink(reservedWords, onBatch);
  const rows = createRows();
  return {
    push: rows.push,
    end() {
      rows.end();
      return sink.end();
    },
  };

  function createRows(): RowParser {
    switch (shape.format) {
      case 'csv':
        return createCsvParser(sink, shape);
      case 'ndjson':
        return createNdjsonParser(sink, shape.column);
      case 'json':
        return createJsonParser(sink);
    }
  }
}

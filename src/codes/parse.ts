/**
 * Uploads of codes: bytes in, batches of normalized codes out, synchronously, whatever the chunks. Back-pressure is
 * the caller's: batches are handed out during `push`, and the caller pushes no further chunk before it has got rid of
 * what it was given. Memory is a batch and a line, however much comes; but for `json`, whose whole body is kept
 * (`JSON_BYTES_MAX`).
 */
import { createCodeSink, type OnBatch, type ParseReport } from './code-sink.js';
import { createCsvParser, type RowParser } from './parse-csv.js';
import { createJsonParser, createNdjsonParser } from './parse-json.js';

export { UploadMalformed } from './line-splitter.js';

export type UploadFormat = 'csv' | 'ndjson' | 'json';

export interface CodeParser {
  /** `bytes` may be reused after the call. Throws `UploadMalformed`: the upload is over then, and nothing may be kept. */
  push(bytes: Uint8Array): void;
  /** The last batch, then the counts. Throws as `push` does. */
  end(): ParseReport;
}

/** Batches as arrays of strings. */
export function createCodeParser(format: UploadFormat, onBatch: (codes: string[]) => void): CodeParser {
  return createCodeBytesParser(format, (bytes) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
    onBatch(text.split('\n'));
  });
}

/** Batches as bytes, a code a line: what COPY takes for a table of one column, and what moves between threads. */
export function createCodeBytesParser(format: UploadFormat, onBatch: OnBatch): CodeParser {
  const sink = createCodeSink(onBatch);
  const create = { csv: createCsvParser, ndjson: createNdjsonParser, json: createJsonParser }[format];
  const rows: RowParser = create(sink);
  return {
    push: rows.push,
    end() {
      rows.end();
      return sink.end();
    },
  };
}

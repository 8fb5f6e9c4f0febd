/** NDJSON, line by line; and `{"codes": [...]}`, which has to be read whole. */
import { type CodeSink, decodeUtf8 } from './code-sink.js';
import { createLineSplitter, UploadMalformed } from './line-splitter.js';
import { byteOrderMarkBytes, type RowParser } from './parse-csv.js';

/** Bytes of a JSON body: it is kept in memory. More than that comes as CSV or NDJSON, which are not. */
export const JSON_BYTES_MAX = 16 * 1024 * 1024;

/** A line is an object with the field `code` (in any case, else its first field), or a string. */
export function createNdjsonParser(sink: CodeSink): RowParser {
  const lines = createLineSplitter((bytes, start, end, line) => {
    const first = line === 1 ? start + byteOrderMarkBytes(bytes.subarray(start, end)) : start;
    const text = decodeUtf8(bytes, first, end).trim();
    if (text === '') return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      sink.reject(line, 'the line is not JSON');
      return;
    }
    addValue(sink, codeField(value), line);
  });
  return lines;
}

/** `{"codes": ["A1B2C3", …]}`; an error's `line` is the place in the list. */
export function createJsonParser(sink: CodeSink): RowParser {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    push(bytes) {
      length += bytes.length;
      if (length > JSON_BYTES_MAX) {
        throw new UploadMalformed(`a JSON body has at most ${JSON_BYTES_MAX} bytes; send CSV or NDJSON instead`, null);
      }
      chunks.push(Uint8Array.from(bytes));
    },
    end() {
      const whole = Buffer.concat(chunks);
      let value: unknown;
      try {
        value = JSON.parse(decodeUtf8(whole, byteOrderMarkBytes(whole), length));
      } catch (error) {
        throw new UploadMalformed(`the body is not JSON: ${(error as Error).message}`, null);
      }
      if (typeof value !== 'object' || value === null || !('codes' in value) || !Array.isArray(value.codes)) {
        throw new UploadMalformed('the body must be {"codes": [...]}', null);
      }
      const unknown = Object.keys(value).find((name) => name !== 'codes');
      if (unknown !== undefined) throw new UploadMalformed(`the field ${JSON.stringify(unknown)} is not known`, null);
      value.codes.forEach((code: unknown, i) => {
        addValue(sink, code, i + 1);
      });
    },
  };
}

function codeField(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if ('code' in value) return value.code;
  const entries = Object.entries(value);
  return (entries.find(([name]) => name.toLowerCase() === 'code') ?? entries[0])?.[1];
}

function addValue(sink: CodeSink, value: unknown, line: number): void {
  // A number is no code: 007 would have lost its zeros before it came here.
  if (typeof value === 'string') sink.addText(value, line);
  else sink.reject(line, 'the code is not a string');
}

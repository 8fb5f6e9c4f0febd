/** NDJSON, line by line; and `{"codes": [...]}`, which has to be read whole. */
import type { CodeSink } from './code-sink.js';
import { byteOrderMarkBytes, decodeUtf8, refuseOtherEncodings } from './encoding.js';
import { createLineSplitter } from './line-splitter.js';
import type { RowParser } from './parse-csv.js';
import { UploadMalformed } from './upload-malformed.js';

/**
 * Bytes of a JSON body: it is kept in memory. More than that comes as CSV or NDJSON, which are not.
 */
const JSON_BYTES_MAX = 16 * 1024 * 1024;
const SHOWN_FIELDS_MAX = 20;
const NAME_LENGTH_MAX = 200;

/**
 * A line is a string, or an object with a field for the code. Which field is decided by the first
 * object: the one that `column` names (null: `code`), in any case; or its only field, when nothing
 * is named.
 */
export function createNdjsonParser(sink: CodeSink, column: string | null): RowParser {
  const wanted = (column ?? 'code').trim().toLowerCase();
  const isWanted = (name: string): boolean => name.toLowerCase() === wanted;
  let field: string | null = null;

  return createLineSplitter((bytes, start, end, line) => {
    if (line === 1) refuseOtherEncodings(bytes.subarray(start, end));
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
    if (typeof value !== 'object' || value === null || Array.isArray(value)) addValue(sink, value, line);
    else addObject(value as Readonly<Record<string, unknown>>, line);
  });

  function addObject(object: Readonly<Record<string, unknown>>, line: number): void {
    const names = Object.keys(object);
    field ??= chooseField(names, line);
    const known = field;
    if (known === null) {
      sink.reject(line, 'the object has no field');
      return;
    }
    const name = Object.hasOwn(object, known)
      ? known
      : names.find((other) => other.toLowerCase() === known.toLowerCase());
    if (name === undefined) sink.reject(line, `the object has no field ${JSON.stringify(known)}`);
    else addValue(sink, object[name], line);
  }

  /** Null: the object is empty, and the next one decides. */
  function chooseField(names: readonly string[], line: number): string | null {
    const found = names.find(isWanted) ?? (column === null && names.length === 1 ? names[0] : undefined);
    if (found !== undefined) {
      sink.reads({ number: null, name: found.slice(0, NAME_LENGTH_MAX) });
      return found;
    }
    if (names.length === 0) return null;
    const shown = names.slice(0, SHOWN_FIELDS_MAX).map((name) => JSON.stringify(name.slice(0, NAME_LENGTH_MAX)));
    throw new UploadMalformed(
      `no field is named ${column ?? 'code'}; the fields are ${shown.join(', ')}. Say with ?column= which one`,
      line,
    );
  }
}

/**
 * Fatal: what is not UTF-8 is refused, while a U+FFFD that was sent as one is a character like
 * others.
 */
const decoder = new TextDecoder('utf-8', { fatal: true });

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
      codesOf(parseWhole(Buffer.concat(chunks))).forEach((code, i) => {
        addValue(sink, code, i + 1);
      });
    },
  };
}

function parseWhole(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw notJson('The body is missing, so it is not JSON.');
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw notJson('The body is not UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw notJson('The body is not JSON.');
  }
}

/** The list in a body of the right shape. */
function codesOf(body: unknown): readonly unknown[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badField('', 'Not an object; the body must be {"codes": [...]}');
  }
  if (!('codes' in body) || !Array.isArray(body.codes)) {
    throw badField('codes', 'Not a list; the body must be {"codes": [...]}');
  }
  const unknown = Object.keys(body).find((name) => name !== 'codes');
  if (unknown !== undefined) throw badField(unknown, 'Unknown field');
  if (body.codes.length === 0) throw badField('codes', 'At least one code is needed');
  return body.codes as readonly unknown[];
}

const notJson = (message: string): UploadMalformed => new UploadMalformed(message, null, { kind: 'notJson' });

const badField = (path: string, reason: string): UploadMalformed =>
  new UploadMalformed(path === '' ? reason : `${path}: ${reason}`, null, { kind: 'badField', path, reason });

function addValue(sink: CodeSink, value: unknown, line: number): void {
  // A number is no code: 007 would have lost its zeros before it came here.
  if (typeof value === 'string') sink.addText(value, line);
  else sink.reject(line, 'the code is not a string');
}

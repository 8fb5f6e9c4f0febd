/**
 * `clipbook import`: a file of codes into a book.
 *
 *     sending ─▶ receiving ─▶ loading ─▶ answered
 *
 * Sending is counted here, in bytes. Buffers on the way may take much more than the server has
 * read, so receiving counts what it has read of what was sent. Loading counts the codes that it has
 * moved into the book. Both come from `GET /uploads/{requestId}`. The answer comes when the codes
 * can be assigned, and only then the progress is at 100 %.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Body, Client, Json } from './client.js';
import { CommandFailed, EXIT, messageOf } from './failure.js';
import { doneText, type Progress, type Step } from './progress.js';
import type { Terminal } from './terminal.js';

export const IMPORT_FORMATS = ['csv', 'ndjson', 'json'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

export interface ImportOptions {
  readonly file: string;
  readonly book: string;
  /** Null: by the name of the file; CSV for the standard input. */
  readonly format: ImportFormat | null;
  readonly idempotencyKey: string | null;
  readonly reading: Reading;
}

/** How the codes are to be found in the file; the server says what each means. */
export interface Reading {
  readonly column: string | undefined;
  readonly header: string | undefined;
  readonly skip: string | undefined;
}

const FORMATS: Readonly<Record<string, ImportFormat>> = {
  '.csv': 'csv',
  '.txt': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.json': 'json',
};
const TYPES: Readonly<Record<ImportFormat, string>> = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
};
const POLL_MS = 300;
const INVALID_LINES_SHOWN = 10;

export async function importCodes(
  client: Client,
  options: ImportOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { book, idempotencyKey, reading } = options;
  const source = await sourceOf(options);
  const bookPath = `/coupon-books/${encodeURIComponent(book)}`;
  // Before the file is sent: a wrong token or book is told at once.
  await client.call({ method: 'GET', path: bookPath });

  const requestId = randomUUID();
  const key = idempotencyKey ?? randomUUID();
  const progress = terminal.progress('import');
  const beganMs = performance.now();
  const sending = watchSending(source, progress);
  const answered = new AbortController();
  const loading = watchLoading(client, requestId, sending, progress, answered.signal);
  try {
    const report = await client.call({
      method: 'POST',
      path: `${bookPath}/codes`,
      query: { ...reading },
      body: sending.body,
      idempotencyKey: key,
      requestId,
    });
    progress.finish(doneText(Number(report['received']), beganMs));
    terminal.result(reportText(report), report);
  } catch (error) {
    progress.stop();
    throw explained(error, key, sending.isSent(), signal);
  } finally {
    answered.abort();
    await loading;
  }
}

// ─── What is sent ────────────────────────────────────────────────────────────────────────────────

interface Source {
  readonly type: string;
  readonly bytes: number | null;
  readonly open: () => Readable;
}

async function sourceOf({ file, format }: ImportOptions): Promise<Source> {
  if (file === '-') return { type: TYPES[format ?? 'csv'], bytes: null, open: () => process.stdin };
  const chosen = format ?? FORMATS[extname(file).toLowerCase()];
  if (chosen === undefined) {
    const known = Object.keys(FORMATS).join(', ');
    throw new CommandFailed(
      EXIT.usage,
      `argument '<file>': '${file}' does not end in one of ${known}. Give --format ${IMPORT_FORMATS.join('|')}.`,
    );
  }
  const stats = await statOf(file);
  if (!stats.isFile()) return { type: TYPES[chosen], bytes: null, open: () => createReadStream(file) };
  return { type: TYPES[chosen], bytes: stats.size, open: () => readWhole(file, stats.size) };
}

async function statOf(file: string): Promise<Stats> {
  let stats: Stats;
  try {
    stats = await stat(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  if (stats.isDirectory()) throw new CommandFailed(EXIT.usage, `argument '<file>': '${file}' is a directory.`);
  return stats;
}

/** Fails when the file has become shorter. What was added to it since is not read. */
function readWhole(file: string, bytes: number): Readable {
  if (bytes === 0) return createReadStream(file);
  let left = bytes;
  const whole = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      done(null, chunk);
    },
    flush(done) {
      if (left === 0) done();
      else done(new CommandFailed(EXIT.usage, `argument '<file>': '${file}' became shorter while it was read.`));
    },
  });
  return piped(createReadStream(file, { end: bytes - 1 }), whole, file);
}

function piped(from: ReadStream, to: Transform, file: string): Transform {
  from.on('error', (error) => to.destroy(unreadable(file, error)));
  to.on('close', () => from.destroy());
  return from.pipe(to);
}

const unreadable = (file: string, error: unknown): CommandFailed =>
  new CommandFailed(EXIT.usage, `argument '<file>': '${file}' cannot be read: ${messageOf(error)}.`);

// ─── How far it is ───────────────────────────────────────────────────────────────────────────────

interface Sending {
  readonly body: Body;
  /** All bytes of the present try have been handed to the connection. */
  isSent(): boolean;
  sentBytes(): number;
}

type Stage = Pick<Step, 'name' | 'unit' | 'before' | 'share'>;

const SENDING: Stage = { name: 'sending', unit: 'bytes', before: 0, share: 0.3 };
const RECEIVING: Stage = { name: 'receiving', unit: 'bytes', before: 0.3, share: 0.2 };
const LOADING: Stage = { name: 'loading', unit: 'codes', before: 0.5, share: 0.5 };

function watchSending({ type, bytes, open }: Source, progress: Progress): Sending {
  let isSent = false;
  let sent = 0;
  const openCounted = (): Readable => {
    sent = 0;
    isSent = false;
    progress.update({ ...SENDING, done: 0, total: bytes });
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.length;
        progress.update({ ...SENDING, done: sent, total: bytes });
        done(null, chunk);
      },
    });
    const from = open();
    from.on('error', (error) => counted.destroy(error));
    counted.on('close', () => from.destroy());
    counted.on('end', () => {
      isSent = true;
      progress.update({ ...RECEIVING, done: 0, total: null });
    });
    return from.pipe(counted);
  };
  return {
    body: { type, bytes, isRepeatable: bytes !== null, open: openCounted },
    isSent: () => isSent,
    sentBytes: () => sent,
  };
}

/** Asks the server how far it is while everything is sent and nothing is answered. */
async function watchLoading(
  client: Client,
  requestId: string,
  sending: Sending,
  progress: Progress,
  answered: AbortSignal,
): Promise<void> {
  const path = `/uploads/${requestId}`;
  for (;;) {
    await sleep(POLL_MS, undefined, { signal: answered }).catch(() => undefined);
    if (answered.aborted) return;
    if (!sending.isSent()) continue;
    try {
      const { phase, bytes, received, loaded } = await client.call({ method: 'GET', path, once: true });
      if (answered.aborted || !sending.isSent()) continue;
      if (phase === 'loading') progress.update({ ...LOADING, done: Number(loaded), total: Number(received) });
      else progress.update({ ...RECEIVING, done: Number(bytes), total: sending.sentBytes() });
    } catch {
      // It is about to be answered, or the upload itself will tell what is wrong.
    }
  }
}

// ─── What is told ────────────────────────────────────────────────────────────────────────────────

interface ReadColumn {
  readonly number: number | null;
  readonly name: string | null;
}

function columnText({ number, name }: ReadColumn): string {
  if (number === null) return `the field ${JSON.stringify(name)}`;
  return name === null ? `column ${number}; there is no header` : `column ${number}, ${JSON.stringify(name)}`;
}

function reportText({ received, added, duplicates, invalid, errors, column }: Json): string {
  const all = errors as readonly { readonly line: number; readonly message: string }[];
  const shown = all.slice(0, INVALID_LINES_SHOWN).map(({ line, message }) => `line ${line}: ${message}`);
  const hidden = Number(invalid) - shown.length;
  return [
    `${String(added)} added of ${String(received)}, ${String(duplicates)} known before, ${String(invalid)} invalid`,
    ...shown,
    ...(hidden > 0 && shown.length > 0 ? [`and ${hidden} more that are invalid`] : []),
    ...(column === undefined ? [] : [`read from ${columnText(column as ReadColumn)}`]),
  ].join('\n');
}

/** Of the API, in the server's words. */
const PARAMETERS = /\?(?:column|header|skip)=/;
const OPTIONS = 'Here these are options: --column, --header and --skip.';

/** What a failure means for the codes. */
function explained(error: unknown, key: string, isSent: boolean, signal: AbortSignal): unknown {
  if (!(error instanceof CommandFailed)) return error;
  const again = `The same command with --idempotency-key ${key} adds them at most once, and tells.`;
  if (signal.aborted) {
    return isSent
      ? new CommandFailed(error.exitCode, 'Cancelled while the server was loading: all codes are added, or none.', [
          again,
        ])
      : new CommandFailed(error.exitCode, 'Cancelled; nothing was added.');
  }
  if (PARAMETERS.test(error.message))
    return new CommandFailed(error.exitCode, error.message, [...error.hints, OPTIONS]);
  if (error.exitCode !== EXIT.unreachable) return error;
  return new CommandFailed(error.exitCode, error.message, [
    ...error.hints,
    `It is not known whether the codes were added. ${again}`,
  ]);
}

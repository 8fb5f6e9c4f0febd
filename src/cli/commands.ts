/** The commands that speak to a server. Each ends cleanly when `signal` aborts, and leaves nothing half-done there. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Client, CommandFailed, EXIT } from './client.js';
import { startProgress } from './progress.js';

const TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.txt': 'text/csv',
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/x-ndjson',
  '.json': 'application/json',
};
const POLL_MS = 200;
const INVALID_LINES_SHOWN = 10;

/** How a file is to be read; the server says what each means. */
export interface ImportOptions {
  readonly column?: string;
  readonly header?: string;
  readonly skip?: string;
}

export async function importFile(
  client: Client,
  file: string,
  bookId: string,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<void> {
  const type = TYPES[extname(file).toLowerCase()];
  if (type === undefined)
    throw new CommandFailed(EXIT.usage, `${file} is none of ${Object.keys(TYPES).join(', ')}, by its name.`);
  const size = await sizeOf(file);
  // Before the file is opened: signing in may fail.
  await client.token();
  const progress = startProgress('import', size, 'bytes');
  let sent = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      progress.update(sent);
      done(null, chunk);
    },
  });
  const reading = createReadStream(file);
  reading.on('error', (error) => counted.destroy(error));
  try {
    const stream = { type, bytes: reading.pipe(counted) };
    const path = `${codesOf(bookId)}${queryOf({ column: options.column, header: options.header, skip: options.skip })}`;
    const report = await client.call({ method: 'POST', path, stream, signal });
    progress.stop();
    const { received, added, duplicates, invalid, errors, column } = report;
    tell(
      `${String(added)} added of ${String(received)}, ${String(duplicates)} known before, ${String(invalid)} invalid`,
    );
    for (const { line, message } of (errors as { line: number; message: string }[]).slice(0, INVALID_LINES_SHOWN))
      tell(`line ${line}: ${message}`);
    if (column !== undefined) tell(`read from ${shownColumn(column as ReadColumn)}`);
  } finally {
    progress.stop();
    reading.destroy();
  }
}

export async function generateCodes(
  client: Client,
  bookId: string,
  quantity: number,
  pattern: string | null,
  signal: AbortSignal,
): Promise<void> {
  const json = { quantity, ...(pattern === null ? {} : { codePattern: pattern }) };
  const path = `/coupon-books/${encodeURIComponent(bookId)}/generate`;
  const asked = await client.call({ method: 'POST', path, json });
  const { jobId } = asked;
  if (jobId === undefined) return tell(`${String(asked['generatedCodes'])} generated`);
  const job = `/jobs/${String(jobId)}`;
  const progress = startProgress('generate', quantity, 'codes');
  try {
    for (;;) {
      if (signal.aborted) return await cancel(client, job);
      const { status, done, error } = await client.call({ method: 'GET', path: job });
      progress.update(Number(done));
      if (status === 'completed') break;
      if (status !== 'processing')
        throw new CommandFailed(EXIT.failed, `The job ${String(status)}: ${String(error ?? '')}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    progress.stop();
  }
  tell(`${quantity} generated`);
}

async function cancel(client: Client, job: string): Promise<never> {
  try {
    await client.call({ method: 'DELETE', path: job });
  } catch (error) {
    if (error instanceof CommandFailed && error.exitCode === EXIT.refused)
      throw new CommandFailed(EXIT.cancelled, 'Too late to cancel: the codes are in the book.');
    throw error;
  }
  throw new CommandFailed(EXIT.cancelled, 'Cancelled; nothing was added.');
}

/** To a file, or to the standard output. */
export async function exportCodes(
  client: Client,
  bookId: string,
  file: string | null,
  { status, for: reader }: { readonly status?: string; readonly for?: string },
  signal: AbortSignal,
): Promise<void> {
  const path = `${codesOf(bookId)}.csv${queryOf({ status, for: reader })}`;
  const response = await client.open({ method: 'GET', path, signal });
  try {
    if (file === null) await pipeline(response, process.stdout, { end: false });
    else await pipeline(response, createWriteStream(file));
  } catch (error) {
    if (signal.aborted) throw new CommandFailed(EXIT.cancelled, 'Cancelled; the file is not whole.');
    throw new CommandFailed(
      EXIT.failed,
      `The export was cut off: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

interface ReadColumn {
  readonly number: number | null;
  readonly name: string | null;
}

function shownColumn({ number, name }: ReadColumn): string {
  if (number === null) return `the field ${JSON.stringify(name)}`;
  return name === null ? `column ${number}; there is no header` : `column ${number}, ${JSON.stringify(name)}`;
}

/** Those that are given. */
function queryOf(fields: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) given.set(name, value);
  return given.size === 0 ? '' : `?${given.toString()}`;
}

const codesOf = (bookId: string): string => `/coupon-books/${encodeURIComponent(bookId)}/codes`;

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    throw new CommandFailed(EXIT.usage, error instanceof Error ? error.message : String(error));
  }
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * `clipbook export`: the codes of a book as CSV.
 *
 * A file is written under a temporary name beside it and renamed when it is whole, so a broken
 * export never passes for a whole one. What is no regular file, such as a pipe or /dev/null, is
 * written as it is.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from './client.js';
import { CommandFailed, codeOf, EXIT, messageOf } from './failure.js';
import { doneText, type Progress } from './progress.js';
import type { Terminal } from './terminal.js';

export interface ExportOptions {
  readonly book: string;
  /** `-`: the standard output. */
  readonly out: string;
  /** Undefined: all. */
  readonly status: string | undefined;
  /** For whom the file is; undefined: for programs. */
  readonly reader: string | undefined;
}

const NEWLINE = 0x0a;

export async function exportCodes(
  client: Client,
  { book, out, status, reader }: ExportOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const path = `/coupon-books/${encodeURIComponent(book)}`;
  const { counts } = await client.call({ method: 'GET', path });
  const total = Number((counts as Readonly<Record<string, unknown>> | undefined)?.[status ?? 'total'] ?? 0);
  const response = await client.open({ method: 'GET', path: `${path}/codes.csv`, query: { status, for: reader } });
  if (out === '-') {
    // The codes may scroll by on the same terminal: no progress.
    await copy(response, process.stdout, null, signal);
    return;
  }
  const progress = terminal.progress('export');
  const beganMs = performance.now();
  try {
    const target = await openTarget(out).catch((error: unknown) => {
      response.destroy();
      throw new CommandFailed(EXIT.usage, `option '--out <file>': '${out}' cannot be written: ${messageOf(error)}.`);
    });
    const codes = await writeTo(target, response, { progress, total }, signal);
    progress.finish(doneText(codes, beganMs));
    terminal.result(`${codes} written to ${out}`, { codes, file: out });
  } finally {
    progress.stop();
  }
}

interface Target {
  readonly file: FileHandle;
  /** Null: it is written in place. */
  readonly temporary: string | null;
  readonly path: string;
}

async function openTarget(out: string): Promise<Target> {
  const existing = await stat(out).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (existing !== null && !existing.isFile()) return { file: await open(out, 'w'), temporary: null, path: out };
  // A link keeps pointing to the file.
  const path = existing === null ? out : await realpath(out);
  const temporary = `${path}.${randomUUID().slice(0, 8)}.part`;
  const mode = existing === null ? 0o666 : existing.mode & 0o777;
  return { file: await open(temporary, 'wx', mode), temporary, path };
}

async function writeTo(
  { file, temporary, path }: Target,
  response: IncomingMessage,
  shown: { readonly progress: Progress; readonly total: number },
  signal: AbortSignal,
): Promise<number> {
  try {
    const lines = await copy(response, file.createWriteStream({ flush: temporary !== null }), shown, signal);
    if (temporary !== null) await rename(temporary, path);
    // The first line is the header.
    return Math.max(0, lines - 1);
  } catch (error) {
    if (temporary !== null) await rm(temporary, { force: true });
    if (error instanceof CommandFailed) throw error;
    throw new CommandFailed(EXIT.failed, `${path} could not be written: ${messageOf(error)}.`);
  }
}

/** Resolves with the number of lines when all of them are in `to`. */
async function copy(
  response: IncomingMessage,
  to: Writable,
  shown: { readonly progress: Progress; readonly total: number } | null,
  signal: AbortSignal,
): Promise<number> {
  let lines = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
      const step = { name: 'writing', unit: 'codes', before: 0, share: 1 } as const;
      shown?.progress.update({ ...step, done: Math.max(0, lines - 1), total: shown.total });
      done(null, chunk);
    },
  });
  try {
    await pipeline(response, counted, to, { end: to !== process.stdout, signal });
    return lines;
  } catch (error) {
    if (signal.aborted) throw new CommandFailed(EXIT.cancelled, 'Cancelled; the export is not whole.');
    const isOurs = (error as { readonly syscall?: unknown }).syscall === 'write';
    if (isOurs) throw error;
    throw new CommandFailed(EXIT.failed, `The export was cut off and is not whole: ${messageOf(error)}.`);
  }
}

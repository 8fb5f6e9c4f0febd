/**
 * `clipbook promotion import`: a promotion for each line of a CSV file. Each line is a request of
 * its own, with a key of its own, so that a line which is refused keeps no other from being made.
 * The whole file is read, and its header checked, before the first request.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRowSplitter, splitCells } from '../codes/csv-rows.js';
import { byteOrderMarkBytes, refuseOtherEncodings } from '../codes/encoding.js';
import { UploadMalformed } from '../codes/upload-malformed.js';
import type { Client } from './client.js';
import { CommandFailed, EXIT, messageOf } from './failure.js';
import { CellUnreadable, FIELDS, valueOfCell, withCouponFor } from './promotion-fields.js';
import type { Terminal } from './terminal.js';

interface ImportOptions {
  readonly file: string;
  /** Of the whole file; each line gets its own from it. */
  readonly idempotencyKey: string | null;
}

interface Row {
  /** Where it ends, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

interface Reported {
  readonly line: number;
  readonly id?: string;
  readonly code?: string | null;
  readonly error?: string;
}

const DELIMITERS = [',', ';', '\t'];
/** A key has 255 characters at most, and the number of the line follows. */
const KEY_LENGTH_MAX = 240;

/** Rejects with `EXIT.failed` if a line was refused, after all others were made. */
export async function importPromotions(
  client: Client,
  { file, idempotencyKey }: ImportOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const key = idempotencyKey ?? randomUUID();
  if (key.length > KEY_LENGTH_MAX)
    throw new CommandFailed(EXIT.usage, `option '--idempotency-key <key>': at most ${KEY_LENGTH_MAX} characters here.`);
  const { header, rows } = await readRows(file);
  // Before the first line is sent: a wrong token is told at once.
  await client.call({ method: 'GET', path: '/coupons', query: { limit: '1' } });

  const again = `The same command with --idempotency-key ${key} makes the missing ones, and none twice.`;
  const lines: Reported[] = [];
  for (const row of rows) {
    if (signal.aborted) throw new CommandFailed(EXIT.cancelled, `Cancelled before line ${row.line}.`, [again]);
    const reported = await makeOne(client, header, row, key).catch((error: unknown) => {
      if (!(error instanceof CommandFailed)) throw error;
      throw new CommandFailed(error.exitCode, `line ${row.line}: ${error.message}`, [...error.hints, again]);
    });
    lines.push(reported);
    terminal.resultLine(lineText(reported));
  }
  const failed = lines.filter(({ error }) => error !== undefined).length;
  const summary = `${lines.length - failed} made of ${lines.length}, ${failed} refused`;
  terminal.result(summary, { made: lines.length - failed, refused: failed, lines });
  if (failed > 0) throw new CommandFailed(EXIT.failed, `${failed} of ${lines.length} lines were refused.`);
}

/**
 * Rejects only for what concerns the following lines too: the server is away, or refuses this
 * account.
 */
async function makeOne(client: Client, header: readonly string[], { line, cells }: Row, key: string) {
  try {
    if (cells.length > header.length)
      throw new CellUnreadable(`${cells.length} cells, and the header has ${header.length}`);
    const values = header.map((field, at) => [field, valueOfCell(field, cells[at] ?? '')] as const);
    const json = withCouponFor(Object.fromEntries(values.filter(([, value]) => value !== undefined)));
    const made = await client.call({ method: 'POST', path: '/coupons', json, idempotencyKey: `${key}-${line}` });
    return { line, id: String(made['id']), code: made['code'] as string | null } satisfies Reported;
  } catch (error) {
    if (error instanceof CellUnreadable) return { line, error: error.message } satisfies Reported;
    if (!(error instanceof CommandFailed) || error.exitCode !== EXIT.refused || isOfAccount(error)) throw error;
    return { line, error: [error.message, ...error.hints].join('; ') } satisfies Reported;
  }
}

const isOfAccount = ({ status }: CommandFailed): boolean => status === 401 || status === 403;

function lineText({ line, id, code, error }: Reported): string {
  return error === undefined ? `line ${line}: created ${code ?? '(automatic)'}  ${id ?? ''}` : `line ${line}: ${error}`;
}

async function readRows(file: string): Promise<{ readonly header: readonly string[]; readonly rows: readonly Row[] }> {
  const wrong = (why: string): CommandFailed => new CommandFailed(EXIT.usage, `argument '<file>': '${file}' ${why}.`);
  const whole = await readFile(file).catch((error: unknown) => {
    throw wrong(`cannot be read: ${messageOf(error)}`);
  });
  const bytes = new Uint8Array(whole.subarray(byteOrderMarkBytes(whole)));
  try {
    refuseOtherEncodings(bytes);
    for (const delimiter of DELIMITERS) {
      const [first, ...rows] = rowsOf(bytes, delimiter.charCodeAt(0));
      const header = first?.cells ?? [];
      if (header.length === 0 || header.some((name) => !(name in FIELDS))) continue;
      const twice = header.find((name, at) => header.indexOf(name) !== at);
      if (twice !== undefined) throw wrong(`has the column ${twice} twice`);
      return { header, rows };
    }
    const [first] = rowsOf(bytes, ','.charCodeAt(0));
    const unknown = first?.cells.find((name) => !(name in FIELDS));
    throw wrong(
      first === undefined
        ? 'is empty'
        : `has a column "${unknown ?? ''}", which is no field of a promotion (see --help)`,
    );
  } catch (error) {
    if (error instanceof UploadMalformed) throw wrong(`cannot be read: ${error.message}`);
    throw error;
  }
}

function rowsOf(bytes: Uint8Array, delimiter: number): Row[] {
  const rows: Row[] = [];
  const splitter = createRowSplitter(
    { delimiter, firstLine: 1, afterCarriageReturn: false },
    (row, start, end, line) => {
      const cells = splitCells(row, start, end, delimiter);
      if (cells.some((cell) => cell !== '')) rows.push({ line, cells });
    },
  );
  splitter.push(bytes);
  splitter.end();
  return rows;
}

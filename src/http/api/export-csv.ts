/**
 * Files in CSV (RFC 4180), such as the codes of a book, a page at a time: the next page is read
 * when the client has taken the last one. For a spreadsheet, whatever it could take for a formula
 * gets an apostrophe in front. A file is no snapshot: a row shows the state in which its page met
 * it. If a page can't be read, the connection is cut, because a file that ends early must not look
 * complete.
 */

import type { CodeStatus, CodeView, Query } from '../../domain/command.js';
import type { BookId } from '../../domain/ids.js';
import type { QueryResult } from '../../engine/engine.js';
import type { HttpResponse } from '../../platform/uws.js';
import type { Exchange } from '../exchange/exchange.js';
import { isoTime } from '../fast/iso-time.js';

const PAGE = 1000;
/** How long a client may take for a page. */
const PAGE_MS = 30_000;
const HEADER = 'code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt\r\n';

/** The reader of the file. A program gets every value unchanged. */
type ExportReader = 'program' | 'spreadsheet';

export function exportCodes(
  exchange: Exchange,
  bookId: BookId,
  status: CodeStatus | null,
  reader: ExportReader,
): Promise<void> {
  const row = rowOf(cellFor(reader));
  return streamCsv(exchange, {
    fileName: `codes-${bookId}.csv`,
    // Excel takes a file without a byte order mark for the machine's old encoding.
    header: reader === 'program' ? HEADER : `\ufeff${HEADER}`,
    query: (after, limit) => ({ kind: 'listCodes', bookId, status, afterIndex: after, limit }),
    pageOf(result) {
      if (result.kind !== 'codes') throw new Error(`a ${result.kind} for codes`);
      const { items, nextIndex } = result.page;
      return { rows: items.map(row).join(''), next: nextIndex };
    },
  });
}

interface CsvFile {
  readonly fileName: string;
  readonly header: string;
  /** A page of so many rows after this one; -1: the first. */
  query(after: number, limit: number): Query;
  /** `next`: after which row the next page begins; null: it is the last. */
  pageOf(result: QueryResult): { readonly rows: string; readonly next: number | null };
}

export async function streamCsv(exchange: Exchange, { fileName, header, query, pageOf }: CsvFile): Promise<void> {
  let reply = await exchange.work.askQuery(query(-1, PAGE), null);
  if (reply.kind !== 'result') return exchange.answer.refuse(reply);
  let wake: (() => void) | null = null;
  const onGone = (): void => wake?.();
  const disposition = `\r\nContent-Disposition: attachment; filename="${fileName}"`;
  const res = exchange.answer.beginStream('text/csv; charset=utf-8', disposition, onGone);
  if (res === null) return;
  res.onWritable(() => {
    wake?.();
    return true;
  });

  let text = header;
  for (;;) {
    const { rows, next } = pageOf(reply.result);
    text += rows;
    if (text !== '' && !write(res, text)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    text = '';
    if (exchange.isOver) return;
    if (next === null) break;
    exchange.extendDeadline(PAGE_MS);
    reply = await exchange.work.askQuery(query(next, PAGE), null);
    if (exchange.isOver) return;
    if (reply.kind !== 'result') {
      exchange.services.log.warn({ requestId: exchange.request.id, reply: reply.kind }, 'an export was cut off');
      return void res.close();
    }
  }
  res.cork(() => res.end());
  exchange.answer.finishStream();
}

/** True when the client keeps up. */
function write(res: HttpResponse, text: string): boolean {
  let isTaken = true;
  res.cork(() => {
    isTaken = res.write(text);
  });
  return isTaken;
}

const rowOf =
  (cell: (text: string) => string) =>
  (view: CodeView): string => {
    const used = `${time(view.assignedMs)},${time(view.lockedUntilMs)},${view.redemptionCount},${time(view.redeemedMs)}`;
    return `${cell(view.code)},${view.status},${cell(view.userId ?? '')},${used}\r\n`;
  };

const time = (ms: number | null): string => (ms === null ? '' : isoTime(ms));

/**
 * Where a formula could begin: at the start of a cell, and behind what a spreadsheet in another
 * locale takes for a delimiter or a quote. Characters in full width begin formulas too (OWASP, "CSV
 * Injection").
 */
const FORMULA = /(?<=^|[,;|\t\r\n"'])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/g;

const harmless = (text: string): string => text.replace(FORMULA, "'");

/** What a cell of the file holds for this text. */
export const cellFor = (reader: ExportReader): ((text: string) => string) =>
  reader === 'program' ? csvField : (text) => csvField(harmless(text));

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * The codes of a book as CSV (RFC 4180), a page at a time: the next page is read when the client has taken the last one.
 * It is no snapshot: a code shows the state in which its page met it. If a page can't be read, the connection
 * is cut, because a file that ends early must not look complete.
 */

import type { CodeStatus, CodeView } from '../domain/command.js';
import type { BookId } from '../domain/ids.js';
import type { HttpResponse } from '../platform/uws.js';
import type { Exchange } from './exchange.js';
import { isoTime } from './iso-time.js';

const PAGE = 1000;
/** How long a client may take for a page. */
const PAGE_MS = 30_000;
const HEADER = 'code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt\r\n';

export async function exportCodes(x: Exchange, bookId: BookId, status: CodeStatus | null): Promise<void> {
  let reply = await x.askQuery({ kind: 'listCodes', bookId, status, afterIndex: -1, limit: PAGE }, null);
  if (reply.kind !== 'result') return x.refuse(reply);
  let wake: (() => void) | null = null;
  const onGone = (): void => wake?.();
  const disposition = `\r\nContent-Disposition: attachment; filename="codes-${bookId}.csv"`;
  const res = x.beginStream('text/csv; charset=utf-8', disposition, onGone);
  if (res === null) return;
  res.onWritable(() => {
    wake?.();
    return true;
  });

  let text = HEADER;
  for (;;) {
    if (reply.result.kind !== 'codes') throw new Error(`a ${reply.result.kind} for codes`);
    const { items, nextIndex } = reply.result.page;
    text += items.map(row).join('');
    if (text !== '' && !write(res, text)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    text = '';
    if (x.isOver) return;
    if (nextIndex === null) break;
    x.extendDeadline(PAGE_MS);
    reply = await x.askQuery({ kind: 'listCodes', bookId, status, afterIndex: nextIndex, limit: PAGE }, null);
    if (x.isOver) return;
    if (reply.kind !== 'result') {
      x.services.log.warn({ requestId: x.requestId, reply: reply.kind }, 'an export was cut off');
      return void res.close();
    }
  }
  res.cork(() => res.end());
  x.finishStream();
}

/** True when the client keeps up. */
function write(res: HttpResponse, text: string): boolean {
  let isTaken = true;
  res.cork(() => {
    isTaken = res.write(text);
  });
  return isTaken;
}

function row(view: CodeView): string {
  const used = `${time(view.assignedMs)},${time(view.lockedUntilMs)},${view.redemptionCount},${time(view.redeemedMs)}`;
  return `${view.code},${view.status},${field(view.userId ?? '')},${used}\r\n`;
}

const time = (ms: number | null): string => (ms === null ? '' : isoTime(ms));

const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

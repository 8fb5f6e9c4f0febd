/**
 * Codes on their way into a book: staged first, through `Control`, then made live by one command.
 * Whatever ends in between leaves nothing: a batch whose command did not happen is removed, and its
 * counters are free again, before the refusal is answered, so that whoever hears of it finds
 * everything as it was. When the outcome is not known, the main thread finds out.
 */

import { plainUpload } from '../../codes/parse.js';
import type { Command, Origin } from '../../domain/command.js';
import type { BookId } from '../../domain/ids.js';
import type { BatchEnd, Done, UploadClaim, UploadReport } from '../../engine/engine.js';
import type { Exchange } from '../exchange/exchange.js';

/** Stages codes that are at hand as a whole. */
export async function stageCodes(
  exchange: Exchange,
  bookId: BookId,
  codes: readonly unknown[],
  claim: UploadClaim,
): Promise<UploadReport> {
  const sender = { caller: exchange.caller.id, requestId: exchange.request.id };
  const { control } = exchange.services;
  const uploadId = await control.uploadBegin(bookId, plainUpload('json'), sender);
  try {
    // A buffer of its own: it is handed over to another thread.
    await control.uploadChunk(uploadId, new TextEncoder().encode(JSON.stringify({ codes })));
    return await control.uploadEnd(uploadId, claim);
  } catch (error) {
    await control.uploadAbort(uploadId).catch(() => undefined);
    throw error;
  }
}

/** Sends the command that makes the batch live, and answers. */
export async function commitBatch(
  exchange: Exchange,
  batchId: number,
  command: Command,
  origin: Origin,
  show: (done: Done) => void,
): Promise<void> {
  const { control, log } = exchange.services;
  const endBatch = (end: BatchEnd): Promise<void> =>
    control.settleBatch(batchId, end).catch((error: unknown) => {
      log.warn({ err: error, batchId, end }, 'what became of a batch could not be told');
    });
  if (exchange.isOver) return endBatch('dropped');
  const reply = await exchange.work.askCommand(command, origin);
  if (reply.kind === 'done' && !reply.replayed) {
    show(reply);
    return endBatch('live');
  }
  if (reply.kind === 'unavailable' && reply.reason === 'outcomeUnknown') {
    exchange.answer.refuse(reply);
    return endBatch('unknown');
  }
  // What is answered again went live under the batch of the first time.
  await endBatch('dropped');
  if (reply.kind === 'done') show(reply);
  else exchange.answer.refuse(reply);
}

/**
 * Codes on their way into a book: staged first, through `Control`, then made live by one command. Whatever ends in between leaves
 * nothing: a batch whose command did not happen is discarded. Only after `outcomeUnknown` it is left alone, since it may be live;
 * if it is not, it is swept with time.
 */
import type { Control, Done, UploadReport } from '../actor/engine.js';
import { plainUpload } from '../codes/parse.js';
import type { Command, Origin } from '../domain/command.js';
import type { BookId } from '../domain/ids.js';
import type { Exchange } from './exchange.js';

/** Stages codes that are at hand as a whole. */
export async function stageCodes(control: Control, bookId: BookId, codes: readonly unknown[]): Promise<UploadReport> {
  const uploadId = await control.uploadBegin(bookId, plainUpload('json'));
  try {
    // A buffer of its own: it is handed over to another thread.
    await control.uploadChunk(uploadId, new TextEncoder().encode(JSON.stringify({ codes })));
    return await control.uploadEnd(uploadId);
  } catch (error) {
    await control.uploadAbort(uploadId).catch(() => undefined);
    throw error;
  }
}

/** Sends the command that makes the batch live, and answers. */
export async function commitBatch(
  x: Exchange,
  batchId: number,
  command: Command,
  origin: Origin,
  show: (done: Done) => void,
): Promise<void> {
  const { control, log } = x.services;
  const discard = (): Promise<void> =>
    control.discardBatch(batchId).catch((error: unknown) => {
      log.warn({ err: error, batchId }, 'a staged batch could not be discarded; it will be swept');
    });
  if (x.isOver) return discard();
  const reply = await x.askCommand(command, origin);
  if (reply.kind === 'done') {
    show(reply);
    // What is answered again went live under the batch of the first time.
    if (reply.replayed) await discard();
    return;
  }
  x.refuse(reply);
  if (reply.kind === 'refused' || reply.reason !== 'outcomeUnknown') await discard();
}

/**
 * The body of an upload on its way to staging: chunk by chunk to the main thread, which parses it.
 * So the outcome does not depend on how a body comes, whole or in chunks, small or large. The
 * socket is held back by what PostgreSQL takes; memory is the queue of `body-stream.ts`, however
 * large the body is.
 */

import type { Origin } from '../../domain/command.js';
import type { BookId } from '../../domain/ids.js';
import type { UploadReport, UploadShape } from '../../engine/engine.js';
import type { Exchange } from '../exchange/exchange.js';
import { createHasher } from '../exchange/fingerprint.js';

/** A JSON body has to be parsed whole. */
const JSON_UPLOAD_BYTES_MAX = 8 * 1024 * 1024;
/** From the last byte of the body to the answer. */
const FINISH_MS = 10 * 60_000;

export interface Uploaded {
  readonly report: UploadReport;
  /**
   * With the fingerprint of the body's bytes and of how they are to be read, where an idempotency
   * key asks for it.
   */
  readonly origin: Origin;
}

/**
 * Stages the body. Null when it was refused, and answered. Rejects as `Control` does, and with
 * `BodyBroken`.
 */
export async function uploadBody(exchange: Exchange, bookId: BookId, shape: UploadShape): Promise<Uploaded | null> {
  const { control } = exchange.services;
  const hasher = exchange.request.idempotencyScope() === null ? null : createHasher();
  const bytesMax = shape.format === 'json' ? JSON_UPLOAD_BYTES_MAX : Number.POSITIVE_INFINITY;
  let received = 0;
  const sender = { caller: exchange.caller.id, requestId: exchange.request.id };
  const uploadId = await control.uploadBegin(bookId, shape, sender);
  try {
    for (let bytes = await nextBytes(exchange); bytes !== null; bytes = await nextBytes(exchange)) {
      received += bytes.length;
      if (received > bytesMax) {
        exchange.answer.refuseAndClose(
          'body-too-large',
          `A JSON body may have ${bytesMax} bytes at most; send CSV or NDJSON instead.`,
        );
        await control.uploadAbort(uploadId);
        return null;
      }
      hasher?.bytes(bytes);
      await control.uploadChunk(uploadId, bytes);
    }
    hasher?.text(optionsText(shape));
    exchange.extendDeadline(FINISH_MS);
    const origin = exchange.request.originOf(hasher?.digest() ?? 0);
    const claim = { idempotency: origin.idempotency, isCreation: false };
    return { report: await control.uploadEnd(uploadId, claim), origin };
  } catch (error) {
    await control.uploadAbort(uploadId).catch(() => undefined);
    throw error;
  }
}

/** Empty where nothing was said, so that such uploads keep the fingerprint that they always had. */
function optionsText({ column, header, skip }: UploadShape): string {
  return column === null && header === null && skip === 0 ? '' : JSON.stringify([column, header, skip]);
}

function nextBytes(exchange: Exchange): Promise<Uint8Array<ArrayBuffer> | null> {
  if (exchange.request.stream === null) throw new Error('the route does not stream its body');
  return exchange.request.stream.next();
}

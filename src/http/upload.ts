/**
 * The body of an upload on its way to staging. A small JSON body is validated here like any other; what is larger, and the
 * formats made for size, go chunk by chunk to the main thread, which parses them. The socket is held back by
 * what PostgreSQL takes; memory is the queue of `body-stream.ts`, however large the body is.
 */
import type { UploadFormat, UploadReport } from '../actor/engine.js';
import type { BookId } from '../domain/ids.js';
import type { Exchange } from './exchange.js';
import { createHasher } from './fingerprint.js';
import { parseJsonBody } from './json-body.js';
import { BODY_BYTES_MAX } from './route.js';
import { codesInput } from './schemas.js';
import { stageCodes } from './staging.js';

/** A JSON body has to be parsed whole. */
export const JSON_UPLOAD_BYTES_MAX = 8 * 1024 * 1024;
/** From the last byte of the body to the answer. */
const FINISH_MS = 10 * 60_000;

export interface Uploaded {
  readonly report: UploadReport;
  /** Of the body's bytes; 0 where no idempotency key asks for it. */
  readonly fingerprint: number;
}

/** Stages the body. Null when it was refused, and answered. Rejects as `Control` does, and with `BodyBroken`. */
export async function uploadBody(x: Exchange, bookId: BookId, format: UploadFormat): Promise<Uploaded | null> {
  const isSmall = x.contentLength >= 0 && x.contentLength <= BODY_BYTES_MAX;
  return format === 'json' && isSmall ? uploadSmallJson(x, bookId) : uploadStream(x, bookId, format);
}

async function uploadSmallJson(x: Exchange, bookId: BookId): Promise<Uploaded | null> {
  const chunks: Uint8Array[] = [];
  for (let bytes = await nextBytes(x); bytes !== null; bytes = await nextBytes(x)) chunks.push(bytes);
  const whole = Buffer.concat(chunks);
  const text = whole.toString('utf8');
  const parsed = parseJsonBody(codesInput, text, x.contentType, false);
  if (parsed.kind === 'problem') {
    x.problem(parsed.slug, parsed.detail, parsed.errors);
    return null;
  }
  x.extendDeadline(FINISH_MS);
  const hasher = createHasher();
  hasher.bytes(whole);
  return { report: await stageCodes(x.services.control, bookId, 'json', text), fingerprint: hasher.digest() };
}

async function uploadStream(x: Exchange, bookId: BookId, format: UploadFormat): Promise<Uploaded | null> {
  const { control } = x.services;
  const hasher = x.idempotencyScope() === null ? null : createHasher();
  const bytesMax = format === 'json' ? JSON_UPLOAD_BYTES_MAX : Number.POSITIVE_INFINITY;
  let received = 0;
  const uploadId = await control.uploadBegin(bookId, format);
  try {
    for (let bytes = await nextBytes(x); bytes !== null; bytes = await nextBytes(x)) {
      received += bytes.length;
      if (received > bytesMax) {
        x.refuseAndClose(
          'body-too-large',
          `A JSON body may have ${bytesMax} bytes at most; send CSV or NDJSON instead.`,
        );
        await control.uploadAbort(uploadId);
        return null;
      }
      hasher?.bytes(bytes);
      await control.uploadChunk(uploadId, bytes);
    }
    x.extendDeadline(FINISH_MS);
    return { report: await control.uploadEnd(uploadId), fingerprint: hasher?.digest() ?? 0 };
  } catch (error) {
    await control.uploadAbort(uploadId).catch(() => undefined);
    throw error;
  }
}

function nextBytes(x: Exchange): Promise<Uint8Array<ArrayBuffer> | null> {
  if (x.incoming === null) throw new Error('the route does not stream its body');
  return x.incoming.next();
}

/**
 * Codes on their way in: parsed by the pool's workers, staged in PostgreSQL, and made live by an `addCodes` command that the HTTP
 * thread sends when it has the report. Until then nobody sees them; what is given up leaves nothing behind.
 *
 *     socket ─▶ HTTP thread ─▶ here ─▶ parse worker ─▶ here ─▶ COPY        buffers are moved, not copied; each waits for the next
 */
import { UploadMalformed } from '../codes/parse.js';
import type { BookId, ShardId } from '../domain/ids.js';
import type { ControlStore, Staging } from '../postgres/store.js';
import type { Batches } from './batches.js';
import type { CodeWorkers, UploadParser } from './code-workers.js';
import {
  type Control,
  ControlError,
  type UploadProgress,
  type UploadReport,
  type UploadSender,
  type UploadShape,
} from './engine.js';

/** Uploads under way at once. Each holds a connection to PostgreSQL. */
const UPLOADS_MAX = 8;
/** An upload that sends nothing for this long is given up. */
const UPLOAD_IDLE_MS = 60_000;

export interface UploadsOptions {
  readonly store: ControlStore;
  readonly workers: CodeWorkers;
  readonly batches: Batches;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly nowMs: () => number;
}

interface Upload {
  readonly bookId: BookId;
  readonly staging: Staging;
  readonly parser: UploadParser;
  readonly sender: UploadSender;
  readonly startedMs: number;
  /** Of the body, parsed. */
  bytes: number;
  /** Codes that were parsed and are valid. */
  received: number;
  heardMs: number;
}

export type Uploads = Pick<Control, 'uploadBegin' | 'uploadChunk' | 'uploadEnd' | 'uploadAbort' | 'uploadProgress'> & {
  close(): Promise<void>;
};

export function createUploads({ store, workers, batches, shardOfBook, nowMs }: UploadsOptions): Uploads {
  const uploads = new Map<number, Upload>();
  /** Uploads that wait for PostgreSQL, not for their sender. */
  const ending = new Set<number>();
  let nextUploadId = 1;
  let opening = 0;

  const idleTimer = setInterval(() => {
    for (const [id, upload] of uploads) {
      if (!ending.has(id) && nowMs() - upload.heardMs > UPLOAD_IDLE_MS) void uploadAbort(id).catch(() => undefined);
    }
  }, UPLOAD_IDLE_MS / 4).unref();

  async function openStaging(bookId: BookId): Promise<Staging> {
    if (uploads.size + opening >= UPLOADS_MAX) throw new ControlError('tooMany', 'Too many uploads are under way.');
    opening++;
    try {
      return await store.stage(shardOfBook(bookId), bookId);
    } finally {
      opening--;
    }
  }

  async function uploadBegin(bookId: BookId, shape: UploadShape, sender: UploadSender): Promise<number> {
    const staging = await openStaging(bookId);
    const parser = workers.parser(shape, ({ bytes, count }) => {
      upload.received += count;
      return staging.writeRows(bytes, count);
    });
    const startedMs = nowMs();
    const upload: Upload = { bookId, staging, parser, sender, startedMs, bytes: 0, received: 0, heardMs: startedMs };
    const id = nextUploadId++;
    uploads.set(id, upload);
    return id;
  }

  async function uploadProgress({ caller, requestId }: UploadSender): Promise<UploadProgress | null> {
    const ofSender = [...uploads].filter(
      ([, { sender }]) => sender.caller === caller && sender.requestId === requestId,
    );
    const [id, upload] = ofSender.at(-1) ?? [];
    if (id === undefined || upload === undefined) return null;
    const { bookId, staging, bytes, received, startedMs } = upload;
    const loaded = Math.min(received, staging.loaded());
    return { bookId, phase: ending.has(id) ? 'loading' : 'receiving', bytes, received, loaded, startedMs };
  }

  async function uploadChunk(uploadId: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const upload = uploadOf(uploadId);
    // The buffer is handed over, and has no length afterwards.
    const { length } = bytes;
    upload.heardMs = nowMs();
    await orAbort(uploadId, upload.parser.push(bytes));
    upload.bytes += length;
    upload.heardMs = nowMs();
  }

  async function uploadEnd(uploadId: number): Promise<UploadReport> {
    const upload = uploadOf(uploadId);
    return orAbort(uploadId, finish(uploadId, upload));
  }

  async function finish(uploadId: number, { bookId, parser, staging }: Upload): Promise<UploadReport> {
    const { received, invalid, errors, column } = await parser.end();
    ending.add(uploadId);
    const { size, count, duplicates } = await staging.finish().finally(() => ending.delete(uploadId));
    uploads.delete(uploadId);
    const batchId = batches.keep({ bookId, staging, hasCounters: false });
    return { received, invalid, errors, column, duplicates, size, count, batchId };
  }

  /** What fails leaves nothing behind. */
  async function orAbort<T>(uploadId: number, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      await uploadAbort(uploadId);
      if (error instanceof UploadMalformed) throw refusalOf(error);
      throw error;
    }
  }

  async function uploadAbort(uploadId: number): Promise<void> {
    const upload = uploads.get(uploadId);
    if (upload === undefined) return;
    uploads.delete(uploadId);
    const { bookId, parser, staging } = upload;
    parser.close();
    await batches.settle(batches.keep({ bookId, staging, hasCounters: false }), 'dropped');
  }

  function uploadOf(uploadId: number): Upload {
    const upload = uploads.get(uploadId);
    if (upload === undefined) throw new ControlError('invalid', 'This upload has been given up.');
    return upload;
  }

  return {
    uploadBegin,
    uploadChunk,
    uploadEnd,
    uploadAbort,
    uploadProgress,
    async close() {
      clearInterval(idleTimer);
      await Promise.all([...uploads.keys()].map(uploadAbort));
    },
  };
}

function refusalOf({ message, fault }: UploadMalformed): ControlError {
  switch (fault.kind) {
    case 'unreadable':
      return new ControlError('invalid', message);
    case 'notJson':
      return new ControlError('malformed', message);
    case 'badField':
      return new ControlError('invalidField', fault.reason, fault.path);
  }
}

/**
 * Uploads of codes: parsed by the pool's workers, staged in PostgreSQL, and made live by a command
 * that the HTTP thread sends when it has the report. Until then they are not visible, and an upload
 * that is given up leaves nothing behind.
 *
 *     socket ─▶ HTTP thread ─▶ here ─▶ parse worker ─▶ here ─▶ COPY        buffers are moved, not copied; each waits for the next
 */
import { UploadMalformed } from '../codes/parse.js';
import type { BookId, ShardId } from '../domain/ids.js';
import { isKeyRemembered } from '../engine/asking.js';
import {
  type Control,
  ControlError,
  type Engine,
  NO_BATCH,
  type UploadClaim,
  type UploadProgress,
  type UploadReport,
  type UploadSender,
  type UploadShape,
} from '../engine/engine.js';
import { realTimers, type Timers } from '../platform/timers.js';
import { CodesPending, type ControlStore, type Finished, type Staging } from '../postgres/store.js';
import type { Batches } from './batches.js';
import type { CodeWorkers, UploadParser } from './code-workers.js';
import { type KeyTurns, requestKeyOf } from './key-turns.js';

/** Uploads under way at once. Each holds a connection to PostgreSQL. */
const UPLOADS_MAX = 8;
/** An upload that sends nothing for this long is given up. */
const UPLOAD_IDLE_MS = 60_000;

interface UploadsOptions {
  readonly store: Pick<ControlStore, 'stage'>;
  readonly workers: Pick<CodeWorkers, 'parser'>;
  readonly batches: Batches;
  readonly engine: Engine;
  readonly turns: KeyTurns;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly nowMs: () => number;
  readonly timers?: Timers;
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

export function createUploads(options: UploadsOptions): Uploads {
  const { store, workers, batches, engine, turns, shardOfBook, nowMs, timers = realTimers } = options;
  const uploads = new Map<number, Upload>();
  /** Uploads that wait for PostgreSQL, not for their sender. */
  const ending = new Set<number>();
  let nextUploadId = 1;

  const endLookingForIdle = timers.every(UPLOAD_IDLE_MS / 4, () => {
    for (const [id, upload] of uploads) {
      if (!ending.has(id) && nowMs() - upload.heardMs > UPLOAD_IDLE_MS) void uploadAbort(id).catch(() => undefined);
    }
  });

  async function uploadBegin(bookId: BookId, shape: UploadShape, sender: UploadSender): Promise<number> {
    if (uploads.size >= UPLOADS_MAX) throw new ControlError('tooMany', 'Too many uploads are under way.');
    const staging = store.stage(shardOfBook(bookId), bookId);
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

  async function uploadEnd(uploadId: number, claim: UploadClaim): Promise<UploadReport> {
    const upload = uploadOf(uploadId);
    return orAbort(uploadId, finish(uploadId, upload, claim));
  }

  async function finish(uploadId: number, upload: Upload, claim: UploadClaim): Promise<UploadReport> {
    const { received, invalid, errors, column } = await upload.parser.end();
    ending.add(uploadId);
    const finished = await stageOnce(upload, claim).finally(() => ending.delete(uploadId));
    uploads.delete(uploadId);
    return { received, invalid, errors, column, ...finished };
  }

  /**
   * A request that comes again waits for the first one, and may find that its key is remembered by
   * then.
   */
  async function stageOnce(upload: Upload, { idempotency, isCreation }: UploadClaim): Promise<Finished> {
    const { bookId, sender, staging } = upload;
    const { caller, requestId } = sender;
    const endTurn = await turns.take(requestKeyOf(caller, isCreation ? null : bookId, idempotency));
    const key = idempotency?.key ?? null;
    const fingerprint = idempotency?.fingerprint ?? null;
    const hand = batches.take({
      bookId,
      isCreation,
      caller,
      requestId,
      key,
      fingerprint,
      counters: null,
      onSettled: endTurn,
    });
    try {
      if (key !== null && (await isKeyRemembered(engine, { bookId, isCreation, caller, key }))) {
        staging.abandon();
        endTurn();
        return { batchId: NO_BATCH, bookId, size: 0, count: 0, duplicates: 0 };
      }
      return await staging.finish(hand);
    } catch (error) {
      await hand.drop();
      if (error instanceof CodesPending) throw new ControlError('unavailable', error.message);
      throw error;
    }
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
    upload.parser.close();
    // If it is being finished, that fails now, and what it has is given up.
    upload.staging.abandon();
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
      endLookingForIdle();
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

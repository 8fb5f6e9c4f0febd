/**
 * Codes on their way in: parsed by the pool's workers (a few generated ones are made here), staged in PostgreSQL, and made
 * live by an `addCodes` command that the HTTP thread sends when it has the report. Until then nobody sees them; what is
 * given up leaves nothing behind.
 *
 *     socket ─▶ HTTP thread ─▶ here ─▶ parse worker ─▶ here ─▶ COPY        buffers are moved, not copied; each waits for the next
 */
import { createCodeGenerator } from '../codes/generate.js';
import { UploadMalformed } from '../codes/parse.js';
import { type Pattern, parsePattern } from '../codes/pattern.js';
import { deriveKey } from '../codes/permutation.js';
import type { BookId, ShardId } from '../domain/ids.js';
import type { ControlStore, Staging } from '../postgres/store.js';
import type { CodeWorkers, UploadParser } from './code-workers.js';
import { type Control, ControlError, type UploadReport, type UploadShape } from './engine.js';

/** Uploads under way at once. Each holds a connection to PostgreSQL. */
const UPLOADS_MAX = 8;
/** An upload that sends nothing for this long is given up. */
const UPLOAD_IDLE_MS = 60_000;
const GENERATE_ROWS = 2048;

export interface UploadsOptions {
  readonly store: ControlStore;
  readonly workers: CodeWorkers;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  /** Words that are never codes. */
  readonly reserved: readonly string[];
  /** False when no code like this one is live anywhere. */
  readonly mayHaveCode: (code: string) => boolean;
  readonly nowMs: () => number;
}

interface Upload {
  readonly staging: Staging;
  readonly parser: UploadParser;
  heardMs: number;
}

export type Uploads = Pick<
  Control,
  'uploadBegin' | 'uploadChunk' | 'uploadEnd' | 'uploadAbort' | 'generate' | 'discardBatch'
> & { close(): Promise<void> };

export function createUploads({ store, workers, shardOfBook, reserved, mayHaveCode, nowMs }: UploadsOptions): Uploads {
  const uploads = new Map<number, Upload>();
  /** Uploads that wait for PostgreSQL, not for their sender. */
  const ending = new Set<number>();
  /** Staged batches whose command is under way. */
  const staged = new Map<number, Staging>();
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

  async function uploadBegin(bookId: BookId, shape: UploadShape): Promise<number> {
    const staging = await openStaging(bookId);
    const parser = workers.parser(shape, ({ bytes, count }) => staging.writeRows(bytes, count));
    const id = nextUploadId++;
    uploads.set(id, { staging, parser, heardMs: nowMs() });
    return id;
  }

  async function uploadChunk(uploadId: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const upload = uploadOf(uploadId);
    upload.heardMs = nowMs();
    await orAbort(uploadId, upload.parser.push(bytes));
    upload.heardMs = nowMs();
  }

  async function uploadEnd(uploadId: number): Promise<UploadReport> {
    const upload = uploadOf(uploadId);
    return orAbort(uploadId, finish(uploadId, upload));
  }

  async function finish(uploadId: number, { parser, staging }: Upload): Promise<UploadReport> {
    const { received, invalid, errors, column } = await parser.end();
    ending.add(uploadId);
    const { size, count, duplicates } = await staging.finish().finally(() => ending.delete(uploadId));
    uploads.delete(uploadId);
    return { received, invalid, errors, column, duplicates, size, count, batchId: keep(staging) };
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
    await upload.staging.discard();
  }

  function uploadOf(uploadId: number): Upload {
    const upload = uploads.get(uploadId);
    if (upload === undefined) throw new ControlError('invalid', 'This upload has been given up.');
    return upload;
  }

  /** Remembers a staged batch until its fate is known; the oldest are forgotten, and swept with time. */
  function keep(staging: Staging): number {
    staged.set(staging.batchId, staging);
    if (staged.size > 10_000) staged.delete(staged.keys().next().value ?? -1);
    return staging.batchId;
  }

  async function discardBatch(batchId: number): Promise<void> {
    await staged.get(batchId)?.discard();
    staged.delete(batchId);
  }

  const generate: Control['generate'] = async (bookId, text, quantity) => {
    const pattern = parsePattern(text, reserved);
    if (pattern.kind === 'patternError') throw new ControlError('invalid', pattern.message);
    const codes = await drawCodes(bookId, pattern, quantity);
    const staging = await openStaging(bookId);
    try {
      await staging.write(codes);
      const { size, count, duplicates } = await staging.finish();
      const { keyspace, keyspaceBits } = pattern;
      const batchId = keep(staging);
      const report = { received: quantity, invalid: 0, errors: [], column: null, duplicates, size, count, batchId };
      return { ...report, keyspace: String(keyspace), keyspaceBits };
    } catch (error) {
      await staging.discard();
      throw error;
    }
  };

  /** Codes that no counter of this book's pattern gave before, and that no other book has by accident. */
  async function drawCodes(bookId: BookId, pattern: Pattern, quantity: number): Promise<string[]> {
    if (pattern.keyspace < BigInt(quantity)) throw tooFew(pattern, pattern.keyspace, quantity);
    const generator = createCodeGenerator(deriveKey(await store.generatorKey(), bookId, pattern.canonical), pattern);
    const codes: string[] = [];
    while (codes.length < quantity) {
      const wanted = Math.min(GENERATE_ROWS, quantity - codes.length);
      const from = await store.reserveCounters(bookId, pattern.canonical, wanted);
      const to = Math.min(from + wanted, generator.counters);
      if (from >= to) throw tooFew(pattern, BigInt(codes.length), quantity);
      const bytes = Buffer.from(generator.generate(from, to).buffer);
      for (let at = 0; at < bytes.length; at += pattern.length) {
        const code = bytes.toString('latin1', at, at + pattern.length);
        if (!mayHaveCode(code)) codes.push(code);
      }
    }
    return codes;
  }

  return {
    uploadBegin,
    uploadChunk,
    uploadEnd,
    uploadAbort,
    generate,
    discardBatch,
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

function tooFew(pattern: Pattern, left: bigint, quantity: number): ControlError {
  return new ControlError(
    'invalid',
    `The pattern has ${pattern.keyspace} possibilities, of which ${left} are free, and ${quantity} were asked for.`,
  );
}

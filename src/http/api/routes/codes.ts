/** The codes of a book: made, brought in, listed, exported: docs/contract.md, section 4. */

import type { Origin, StagedBatch } from '../../../domain/command.js';
import { asBookId, type BookId } from '../../../domain/ids.js';
import { type Done, NO_BATCH, type UploadFormat, type UploadReport, type UploadShape } from '../../../engine/engine.js';
import type { Exchange } from '../../exchange/exchange.js';
import { isReadableCharset, mediaTypeOf, parameterOf } from '../../exchange/json-body.js';
import { isoTime } from '../../fast/iso-time.js';
import * as documents from '../document-schemas.js';
import { exportCodes } from '../export-csv.js';
import { guessOdds } from '../guess-odds.js';
import { listOf, readCursor, sendPage } from '../paging.js';
import { isPatternUsable } from '../pattern-check.js';
import { ADMIN_OR_SERVICE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { commitBatch, stageCodes } from '../staging.js';
import { uploadBody } from '../upload.js';
import { codeJson, expectOutcome } from '../views.js';

const TAG = 'Codes';
const DEFAULT_PATTERN = '{RANDOM:4}-{RANDOM:4}-{RANDOM:4}-{RANDOM:4}';
const STAGING_DEADLINE_MS = 30_000;
/** To the first bytes; each that come give it more time. */
const UPLOAD_SILENCE_MS = 6_000;
const STAGING_PROBLEMS = ['book-not-found', 'book-archived', 'not-possible', 'too-many-uploads'] as const;

const generate = route({
  id: 'generateCodes',
  method: 'POST',
  path: '/api/v1/coupon-books/{id}/generate',
  tag: TAG,
  summary: 'Generate codes',
  description: "The pattern is the request's, else the book's, else four groups of four (80 bits).",
  access: ADMIN_OR_SERVICE,
  change: true,
  params: { id: schemas.bookId },
  body: schemas.generateInput,
  deadlineMs: STAGING_DEADLINE_MS,
  answers: {
    201: { description: 'They are in the book', schema: schemas.generatedOut },
    202: {
      description: 'More than 10,000: a job makes them; `Location` is its address',
      schema: schemas.acceptedOut,
      headers: ['Location'],
    },
  },
  problems: STAGING_PROBLEMS,
  handle(exchange, { quantity, codePattern = null }) {
    generateInto(exchange, asBookId(exchange.request.param(0)), quantity, codePattern);
  },
});

/** Answers for both the path and its alias. */
export function generateInto(exchange: Exchange, bookId: BookId, quantity: number, pattern: string | null): void {
  if (!isPatternUsable(exchange, pattern)) return;
  exchange.work.run(async () => {
    const bookPattern = await patternOfOpenBook(exchange, bookId);
    if (bookPattern === undefined) return;
    const chosen = pattern ?? bookPattern ?? DEFAULT_PATTERN;
    const origin = exchange.request.origin();
    const asked = { bookId, pattern: chosen, quantity, origin };
    if (quantity > schemas.GENERATE_AT_ONCE_MAX) {
      exchange.work.beginChange();
      const { job, replayed } = await exchange.services.control.generateJob(asked);
      const header = `\r\nLocation: /api/v1/jobs/${job.jobId}`;
      const body = JSON.stringify({ jobId: job.jobId, status: 'processing' });
      return exchange.answer.json(202, body, replayed ? `${header}\r\nIdempotency-Replayed: true` : header);
    }
    const show = (done: Done): void => {
      const { total, report } = expectOutcome(done, 'codesAdded');
      const { generatedCodes, ...others } = report;
      exchange.answer.changed(201, JSON.stringify({ generatedCodes, totalCodes: total, ...others }), done);
    };
    const generated = await exchange.services.control.generate(asked);
    if (generated === null) return answerAgain(exchange, bookId, origin, show);
    const { batchId, size, count, keyspace, keyspaceBits } = generated;
    const report = { generatedCodes: count, keyspace, guessOdds: guessOdds(keyspaceBits, count), status: 'completed' };
    await commitBatch(
      exchange,
      batchId,
      { kind: 'addCodes', bookId, codes: { batchId, size, count, report } },
      origin,
      show,
    );
  });
}

/** The command is answered for its idempotency key, or refused. */
const NO_CODES: StagedBatch = { batchId: NO_BATCH, size: 0, count: 0, report: {} };

async function answerAgain(
  exchange: Exchange,
  bookId: BookId,
  origin: Origin,
  show: (done: Done) => void,
): Promise<void> {
  const reply = await exchange.work.askCommand({ kind: 'addCodes', bookId, codes: NO_CODES }, origin);
  if (reply.kind === 'done') show(reply);
  else exchange.answer.refuse(reply);
}

/**
 * The book's own pattern, or null; undefined when no codes can be added, which is answered then,
 * before any work is done.
 */
async function patternOfOpenBook(exchange: Exchange, bookId: BookId): Promise<string | null | undefined> {
  const reply = await exchange.work.askQuery({ kind: 'getBook', bookId }, null);
  if (reply.kind !== 'result') {
    exchange.answer.refuse(reply);
    return undefined;
  }
  if (reply.result.kind !== 'book') throw new Error(`a ${reply.result.kind} for a book`);
  const { archivedMs, settings } = reply.result.view.book;
  if (archivedMs === null) return settings.codePattern;
  exchange.answer.problem('book-archived', 'This coupon book was archived.');
  return undefined;
}

const FORMATS: Readonly<Record<string, UploadFormat>> = {
  '': 'json',
  'application/json': 'json',
  'text/csv': 'csv',
  'application/x-ndjson': 'ndjson',
};

const upload = route({
  id: 'uploadCodes',
  method: 'POST',
  path: '/api/v1/coupon-books/{id}/codes',
  tag: TAG,
  summary: 'Bring in codes',
  description:
    'JSON up to 8 MiB; CSV and NDJSON of any size, streamed. All that are valid and new go in, or, if the stream breaks, none. ' +
    'A CSV file with several columns needs one named `code`, or `column`. A file whose columns or header are not clear is refused as a whole, with what was seen.',
  access: ADMIN_OR_SERVICE,
  change: true,
  params: { id: schemas.bookId },
  query: schemas.uploadQuery,
  body: {
    streamed: true,
    types: {
      'application/json': schemas.codesInput,
      'text/csv': documents.codesCsv,
      'application/x-ndjson': documents.codesNdjson,
    },
  },
  deadlineMs: UPLOAD_SILENCE_MS,
  answers: { 200: { description: 'What became of them', schema: schemas.uploadedOut } },
  problems: [...STAGING_PROBLEMS, 'validation', 'malformed-request', 'unsupported-media-type'],
  handle(exchange, _body, query) {
    const shape = shapeOf(exchange, query);
    if (shape === null) return;
    const bookId = asBookId(exchange.request.param(0));
    exchange.work.run(async () => {
      if ((await patternOfOpenBook(exchange, bookId)) === undefined) return;
      const uploaded = await uploadBody(exchange, bookId, shape);
      if (uploaded !== null) await addUploaded(exchange, bookId, uploaded.report, uploaded.origin);
    });
  },
});

/** How the body is to be read. Null when it can't be, which is answered then. */
function shapeOf(exchange: Exchange, { column, header, skip }: schemas.UploadQuery): UploadShape | null {
  const format = FORMATS[mediaTypeOf(exchange.request.contentType)];
  if (format === undefined) {
    exchange.answer.problem(
      'unsupported-media-type',
      'Codes come as application/json, text/csv or application/x-ndjson.',
    );
    return null;
  }
  if (!isReadableCharset(exchange.request.contentType)) {
    exchange.answer.problem(
      'unsupported-media-type',
      'Codes come in UTF-8 (charset=utf-8); save the file as UTF-8 and send it again.',
    );
    return null;
  }
  const misplaced = [
    ...(format === 'json' && column !== undefined ? ['column'] : []),
    ...(format !== 'csv' && header !== undefined ? ['header'] : []),
    ...(format !== 'csv' && skip > 0 ? ['skip'] : []),
  ];
  if (misplaced.length > 0) {
    exchange.answer.invalid(misplaced.map((path) => ({ path, message: `Means nothing for ${format}` })));
    return null;
  }
  return { format, column: column ?? null, header: header ?? headerOfType(exchange.request.contentType), skip };
}

/** `text/csv; header=absent` is how RFC 4180 says it. */
function headerOfType(contentType: string): UploadShape['header'] {
  const header = parameterOf(contentType, 'header');
  return header === 'present' || header === 'absent' ? header : null;
}

const getUpload = route({
  id: 'getUpload',
  method: 'GET',
  path: '/api/v1/uploads/{requestId}',
  tag: TAG,
  summary: 'How far an upload is',
  description:
    'Of an upload that the same caller has under way, named by its `X-Request-Id`. An upload that is over is not found: its result is the answer to its own request.',
  access: ADMIN_OR_SERVICE,
  params: { requestId: schemas.uploadRequestId },
  answers: { 200: { description: 'How far it is', schema: schemas.uploadOut } },
  problems: ['not-found'],
  handle({ services, request, caller, answer, work }) {
    work.run(async () => {
      const requestId = request.param(0);
      const upload = await services.control.uploadProgress({ caller: caller.id, requestId });
      if (upload === null) return answer.problem('not-found', 'No upload with this request id is under way.');
      const { bookId: couponBookId, startedMs, ...progress } = upload;
      answer.json(200, JSON.stringify({ requestId, couponBookId, ...progress, startedAt: isoTime(startedMs) }));
    });
  },
});

/** Codes that came in a body of the ordinary size. */
export function addCodes(exchange: Exchange, bookId: BookId, codes: readonly unknown[]): void {
  exchange.work.run(async () => {
    if ((await patternOfOpenBook(exchange, bookId)) === undefined) return;
    const origin = exchange.request.origin();
    const claim = { idempotency: origin.idempotency, isCreation: false };
    await addUploaded(exchange, bookId, await stageCodes(exchange, bookId, codes, claim), origin);
  });
}

function addUploaded(
  exchange: Exchange,
  bookId: BookId,
  { batchId, size, count, received, duplicates, invalid, errors, column }: UploadReport,
  origin: Origin,
): Promise<void> {
  const counts = { received, added: count, duplicates, invalid, errors };
  const report = column === null ? counts : { ...counts, column };
  const command = { kind: 'addCodes', bookId, codes: { batchId, size, count, report } } as const;
  return commitBatch(exchange, batchId, command, origin, (done) => {
    exchange.answer.changed(200, JSON.stringify(expectOutcome(done, 'codesAdded').report), done);
  });
}

const listCodes = route({
  id: 'listCodes',
  method: 'GET',
  path: '/api/v1/coupon-books/{id}/codes',
  tag: TAG,
  summary: 'Codes of a book, oldest first',
  description: 'With a status that is rare in a large book a page may be short, or empty, and still have a nextCursor.',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.bookId },
  query: schemas.codesQuery,
  answers: { 200: { description: 'A page of codes', schema: schemas.codesOut } },
  problems: ['book-not-found', 'bad-cursor'],
  handle({ request, answer, work }, _body, { limit, cursor, status = null }) {
    const list = listOf('codes', request.param(0), status);
    const position = readCursor(answer, cursor, list, ['index']);
    if (position === undefined) return;
    const afterIndex = position === null ? -1 : Number(position[0]);
    work.query(
      { kind: 'listCodes', bookId: asBookId(request.param(0)), status, afterIndex, limit },
      (answer, result) => {
        if (result.kind !== 'codes') throw new Error(`a ${result.kind} for codes`);
        const { items, nextIndex } = result.page;
        sendPage(answer, items.map(codeJson), list, nextIndex === null ? null : [nextIndex]);
      },
    );
  },
});

const exportCsv = route({
  id: 'exportCodes',
  method: 'GET',
  path: '/api/v1/coupon-books/{id}/codes.csv',
  tag: TAG,
  summary: 'All codes of a book as CSV, streamed',
  description:
    'A file that people open in Excel, LibreOffice or Google Sheets is best asked for with `for=spreadsheet`: user ids are text of strangers, and a cell that begins with = is a formula there.',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.bookId },
  query: schemas.exportQuery,
  deadlineMs: STAGING_DEADLINE_MS,
  answers: { 200: { description: 'The file', schema: documents.csvOut, type: 'text/csv' } },
  problems: ['book-not-found'],
  handle(exchange, _body, { status = null, for: reader }) {
    exchange.work.run(() => exportCodes(exchange, asBookId(exchange.request.param(0)), status, reader ?? 'program'));
  },
});

export const codeRoutes: readonly RouteSpec<unknown, unknown>[] = [generate, upload, getUpload, listCodes, exportCsv];

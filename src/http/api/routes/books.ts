/** Coupon books: docs/contract.md, section 3. */

import type { StagedBatch } from '../../../domain/command.js';
import { asBookId, asCampaignId } from '../../../domain/ids.js';
import type { BookView } from '../../../domain/view.js';
import type { Done } from '../../../engine/engine.js';
import { planOf } from '../../../promotions/plan.js';
import type { CreateBook } from '../../../records/commands.generated.js';
import type { DiscountDraft } from '../../../records/objects.js';
import type { BookSettings } from '../../../records/values.generated.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import { versionsOf } from '../../exchange/if-match.js';
import { askAllShards } from '../all-shards.js';
import { readBookDates } from '../book-dates.js';
import * as bookSchemas from '../book-schemas.js';
import { listOf, readCursor, sendPage } from '../paging.js';
import { isPatternUsable } from '../pattern-check.js';
import type { DiscountInput } from '../promotions/discount-schemas.js';
import { discountSettingsOf } from '../promotions/input.js';
import { ADMIN_OR_SERVICE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { commitBatch, stageCodes } from '../staging.js';
import { bookJson, etagOf, expectOutcome, statsJson } from '../views.js';

const TAG = 'Coupon books';
/** Lists of products and users. */
const DISCOUNT_BYTES_MAX = 2 * 1024 * 1024;
/** Up to a thousand codes of 64 characters, the settings and the discount. */
const CREATE_BYTES_MAX = DISCOUNT_BYTES_MAX + 128 * 1024;
const STAGING_DEADLINE_MS = 30_000;

const createBook = route({
  id: 'createBook',
  method: 'POST',
  path: '/api/v1/coupon-books',
  tag: TAG,
  summary: 'Make a coupon book',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  body: bookSchemas.bookInput,
  bodyBytesMax: CREATE_BYTES_MAX,
  deadlineMs: STAGING_DEADLINE_MS,
  answers: {
    201: {
      description: 'The book; its path is in Location, its version in ETag',
      schema: bookSchemas.bookOut,
      headers: ['Location', 'ETag'],
    },
  },
  problems: ['already-exists', 'book-invalid', 'not-possible', 'too-many-uploads'],
  handle(exchange, { initialCodes, discount: given, campaignId: campaign, ...input }) {
    if (!isPatternUsable(exchange, input.codePattern) || !areCodesFree(exchange, initialCodes)) return;
    const discount = draftOf(exchange, given ?? null);
    if (discount === undefined) return;
    const campaignId = campaign === undefined ? null : asCampaignId(campaign);
    const { engine } = exchange.services;
    const bookId =
      campaignId === null
        ? engine.newBookId(exchange.request.idempotencyScope())
        : asBookId(engine.newIdBeside(campaignId));
    const command = { kind: 'createBook', bookId, settings: settingsOf(input), campaignId, discount } as const;
    if (initialCodes === undefined) {
      exchange.work.command({ ...command, codes: null }, showCreated);
    } else if (exchange.request.isDryRun === true) {
      exchange.answer.dryRunNotPossible('The codes of the book would be put into the database first.');
    } else {
      exchange.work.run(() => createWithCodes(exchange, command, initialCodes));
    }
  },
});

/** False for codes that are words of the API's paths, which is answered then. */
function areCodesFree(exchange: Exchange, codes: readonly string[] = []): boolean {
  const taken = codes.flatMap((code, index) => (exchange.services.reserved.includes(code) ? [{ code, index }] : []));
  if (taken.length === 0) return true;
  exchange.answer.invalid(
    taken.map(({ code, index }) => ({
      path: `initialCodes.${index}`,
      message: `${code} is a word of the API's paths under /coupons/, and reserved`,
    })),
  );
  return false;
}

async function createWithCodes(
  exchange: Exchange,
  command: Omit<CreateBook, 'codes'>,
  initialCodes: readonly string[],
): Promise<void> {
  const origin = exchange.request.origin();
  const claim = { idempotency: origin.idempotency, isCreation: true };
  const { batchId, bookId, size, count } = await stageCodes(exchange, command.bookId, initialCodes, claim);
  const codes: StagedBatch = { batchId, size, count, report: {} };
  await commitBatch(exchange, batchId, { ...command, bookId, codes }, origin, (done) =>
    showCreated(exchange.answer, done),
  );
}

/** The discount as the shard takes it; undefined: it is no good, which is answered. */
function draftOf({ answer, services }: Exchange, given: DiscountInput | null): DiscountDraft | null | undefined {
  if (given === null) return null;
  const read = discountSettingsOf(given, services.currency);
  if (!('errors' in read)) return { settings: read.value, plan: planOf(read.value, services.nowMs()) };
  answer.invalid(read.errors.map(({ path, message }) => ({ path: `discount.${path}`, message })));
  return undefined;
}

/** A version before discounts may have remembered the other one for the key of the request. */
function viewOf(done: Done): BookView {
  if (done.outcome.kind === 'bookShown') return done.outcome;
  return { ...expectOutcome(done, 'book'), offer: { campaignId: null, discount: null } };
}

function showCreated(answer: AnswerWriter, done: Done): void {
  const view = viewOf(done);
  const { id, version } = view.book;
  const headers = `\r\nLocation: /api/v1/coupon-books/${id}\r\nETag: ${etagOf(version)}`;
  answer.changed(201, JSON.stringify(bookJson(view)), done, headers);
}

type SettingsInput = Omit<bookSchemas.BookInput, 'initialCodes' | 'discount' | 'campaignId'>;

function settingsOf(input: SettingsInput): BookSettings {
  const { startMs, endMs } = readBookDates(input);
  const { name, isActive, allowMultipleRedemptions, redeemableBy, requireLock } = input;
  return {
    name,
    isActive,
    allowMultipleRedemptions,
    redeemableBy,
    requireLock,
    description: input.description ?? null,
    startMs: startMs ?? null,
    endMs: endMs ?? null,
    maxCodesPerUser: input.maxCodesPerUser ?? null,
    maxRedemptionsPerUser: input.maxRedemptionsPerUser ?? null,
    maxRedemptionsPerCode: input.maxRedemptionsPerCode ?? null,
    codePattern: input.codePattern ?? null,
    lockTtlMs: ttlMsOf(input.lockTtlSeconds) ?? null,
    metadata: input.metadata ?? null,
  };
}

const ttlMsOf = (seconds: number | null | undefined): number | null | undefined =>
  seconds == null ? seconds : seconds * 1000;

/** What is not given stays as it is, so it must not be there at all. */
function patchOf({
  startDate,
  endDate,
  timeZone,
  lockTtlSeconds,
  discount: _,
  ...same
}: bookSchemas.BookPatch): Partial<BookSettings> {
  const { startMs, endMs } = readBookDates({ startDate, endDate, timeZone });
  const patch = { ...same, startMs, endMs, lockTtlMs: ttlMsOf(lockTtlSeconds) };
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<BookSettings>;
}

const listBooks = route({
  id: 'listBooks',
  method: 'GET',
  path: '/api/v1/coupon-books',
  tag: TAG,
  summary: 'Coupon books, oldest first',
  access: ADMIN_OR_SERVICE,
  query: schemas.booksQuery,
  answers: { 200: { description: 'A page of books', schema: bookSchemas.booksOut } },
  problems: ['bad-cursor'],
  handle(exchange, _body, { limit, cursor, isActive = null, name = null }) {
    const list = listOf('books', isActive, name);
    const position = readCursor(exchange.answer, cursor, list, ['string']);
    if (position === undefined) return;
    const afterId = position === null ? null : String(position[0]);
    exchange.work.run(() => sendBooks(exchange, list, { limit, afterId, isActive, name }));
  },
});

interface BooksAsked {
  readonly limit: number;
  readonly afterId: string | null;
  readonly isActive: boolean | null;
  readonly name: string | null;
}

/**
 * Every shard has books in id order; the page is the first ones of all. One more than asked for
 * tells whether there are more.
 */
async function sendBooks(exchange: Exchange, list: string, { limit, ...filter }: BooksAsked): Promise<void> {
  const replies = await askAllShards(exchange, { kind: 'listBooks', limit: limit + 1, ...filter }, 'books');
  if ('kind' in replies) return exchange.answer.refuse(replies);
  const views = replies.flatMap(({ items }) => items);
  views.sort((a, b) => (a.book.id < b.book.id ? -1 : 1));
  const shown = views.slice(0, limit);
  const last = views.length > limit ? shown.at(-1) : undefined;
  sendPage(exchange.answer, shown.map(bookJson), list, last === undefined ? null : [last.book.id]);
}

const getBook = route({
  id: 'getBook',
  method: 'GET',
  path: '/api/v1/coupon-books/{id}',
  tag: TAG,
  summary: 'A coupon book with its live counts',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.bookId },
  answers: { 200: { description: 'The book; its version is in ETag', schema: bookSchemas.bookOut, headers: ['ETag'] } },
  problems: ['book-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getBook', bookId: asBookId(request.param(0)) }, (answer, result) => {
      if (result.kind !== 'book') throw new Error(`a ${result.kind} for a book`);
      answer.json(200, JSON.stringify(bookJson(result.view)), `\r\nETag: ${etagOf(result.view.book.version)}`);
    });
  },
});

const updateBook = route({
  id: 'updateBook',
  method: 'PATCH',
  path: '/api/v1/coupon-books/{id}',
  tag: TAG,
  summary: 'Change settings of a coupon book',
  description:
    'What is not given stays. `If-Match` with the ETag, or a list of them, makes it fail when somebody was faster.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  ifMatch: true,
  params: { id: schemas.bookId },
  body: bookSchemas.bookPatch,
  bodyBytesMax: DISCOUNT_BYTES_MAX,
  answers: { 200: { description: 'The book as it is now', schema: bookSchemas.bookOut, headers: ['ETag'] } },
  problems: ['book-not-found', 'book-archived', 'book-invalid', 'version-mismatch', 'not-possible'],
  handle(exchange, body) {
    if (!isPatternUsable(exchange, body.codePattern)) return;
    const bookId = asBookId(exchange.request.param(0));
    const ifVersion = versionsOf(exchange.request.ifMatch);
    const draft = draftOf(exchange, body.discount ?? null);
    if (draft === undefined) return;
    const discount = body.discount === undefined ? null : { to: draft };
    const command = { kind: 'updateBook', bookId, patch: patchOf(body), discount, ifVersion } as const;
    exchange.work.command(command, (answer, done) => {
      const view = viewOf(done);
      answer.changed(200, JSON.stringify(bookJson(view)), done, `\r\nETag: ${etagOf(view.book.version)}`);
    });
  },
});

const archiveBook = route({
  id: 'archiveBook',
  method: 'DELETE',
  path: '/api/v1/coupon-books/{id}',
  tag: TAG,
  summary: 'Archive a coupon book: no more changes, the history stays',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  ifMatch: true,
  params: { id: schemas.bookId },
  answers: { 204: { description: 'Archived', schema: null } },
  problems: ['book-not-found', 'book-archived', 'version-mismatch'],
  handle({ request, work }) {
    const ifVersion = versionsOf(request.ifMatch);
    work.command({ kind: 'archiveBook', bookId: asBookId(request.param(0)), ifVersion }, (answer, done) =>
      answer.changed(204, '', done),
    );
  },
});

const stats = route({
  id: 'getBookStats',
  method: 'GET',
  path: '/api/v1/coupon-books/{id}/stats',
  tag: TAG,
  summary: 'Counts, and redemptions per minute, hour and day',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.bookId },
  answers: { 200: { description: 'The statistics', schema: bookSchemas.statsOut } },
  problems: ['book-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getStats', bookId: asBookId(request.param(0)) }, (answer, result) => {
      if (result.kind !== 'stats') throw new Error(`a ${result.kind} for statistics`);
      answer.json(200, JSON.stringify(statsJson(result.stats)));
    });
  },
});

export const bookRoutes: readonly RouteSpec<unknown, unknown>[] = [
  createBook,
  listBooks,
  getBook,
  updateBook,
  archiveBook,
  stats,
];

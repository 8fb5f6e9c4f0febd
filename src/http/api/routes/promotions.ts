/** Promotions: docs/contract.md, section 6. */
import { randomBytes } from 'node:crypto';
import { createCodeGenerator } from '../../../codes/generate.js';
import type { StagedBatch } from '../../../domain/command.js';
import { asBookId, asCampaignId, type CampaignId, DEFAULT_CAMPAIGN } from '../../../domain/ids.js';
import type { PromotionFilter } from '../../../domain/promotion-views.js';
import { type Done, NO_BATCH } from '../../../engine/engine.js';
import { comparePromotions } from '../../../features/promotions/order.js';
import { planOf } from '../../../promotions/plan.js';
import type { PromotionSettings, PromotionView } from '../../../records/promotions.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import { versionsOf } from '../../exchange/if-match.js';
import { askAllShards } from '../all-shards.js';
import { codePatternOf, patched, settingsOf } from '../promotions/input.js';
import * as schemas from '../promotions/schemas.js';
import { promotionJson } from '../promotions/views.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import { commitBatch, stageCodes } from '../staging.js';
import { etagOf, expectOutcome } from '../views.js';

const TAG = 'Promotions';
/** Lists of products and users. */
const BYTES_MAX = 2 * 1024 * 1024;
const STAGING_DEADLINE_MS = 30_000;
const GENERATE_TRIES = 5;
const UPDATE_TRIES = 5;
/** So many entries a list can be paged through. */
const LISTED_MAX = 10_000;

const createPromotion = route({
  id: 'createPromotion',
  method: 'POST',
  path: '/api/v1/coupons',
  tag: TAG,
  summary: 'Make a promotion',
  description: 'A code that many customers share, or an automatic discount without one.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  body: schemas.promotionInput,
  bodyBytesMax: BYTES_MAX,
  deadlineMs: STAGING_DEADLINE_MS,
  answers: {
    201: {
      description: 'The promotion; its path is in Location, its version in ETag',
      schema: schemas.promotionOut,
      headers: ['Location', 'ETag'],
    },
  },
  problems: ['coupon-code-taken', 'not-possible', 'too-many-uploads'],
  handle(exchange, input) {
    exchange.work.run(() => create(exchange, input));
  },
});

async function create(exchange: Exchange, input: schemas.PromotionInput): Promise<void> {
  const { answer, services, request } = exchange;
  const isCodeNeeded = !input.automatic || input.code != null;
  const generate = isCodeNeeded && input.code == null ? generatorOf(exchange, input.codePattern) : null;
  if (generate === undefined) return;
  const given = input.code ?? null;
  if (given !== null && services.reserved.includes(given))
    return answer.invalid([
      { path: 'code', message: `${given} is a word of the API's paths under /coupons/, and reserved` },
    ]);
  const read = settingsOf(input, given, services.currency);
  if ('errors' in read) return answer.invalid(read.errors);
  const campaignId = input.campaignId === undefined ? DEFAULT_CAMPAIGN : asCampaignId(input.campaignId);
  const plan = planOf(read.value, services.nowMs());
  const id = services.engine.newIdBeside(campaignId);
  const origin = request.origin();
  const command = { kind: 'createPromotion', id, campaignId, plan } as const;
  if (!isCodeNeeded) {
    const reply = await exchange.work.askCommand({ ...command, settings: read.value, codes: null }, origin);
    return reply.kind === 'done' ? showCreated(answer, reply) : answer.refuse(reply);
  }
  if (request.isDryRun === true) return answer.dryRunNotPossible(CLAIMS);
  // Mostly a look at the code tells, and then nothing is journaled for one that is taken. A
  // repeated request finds its own code.
  const isRepeated = await isKeyRemembered(exchange, campaignId);
  for (let tries = 1; ; tries++) {
    const code = generate === null ? given : generate();
    if (code === null) throw new Error('a promotion needs a code');
    const isKnown = !isRepeated && (await exchange.work.askQuery({ kind: 'getCode', code }, null)).kind === 'result';
    const claim = { idempotency: origin.idempotency, isCreation: false };
    const staged = isKnown ? null : await stageCodes(exchange, asBookId(campaignId), [code], claim);
    const isTaken = staged === null || (staged.batchId !== NO_BATCH && staged.count !== 1);
    if (isTaken && staged !== null) await services.control.settleBatch(staged.batchId, 'dropped');
    if (isTaken && generate !== null && tries < GENERATE_TRIES) continue;
    if (isTaken) return answer.problem('coupon-code-taken', 'Coupon code already taken');
    const { batchId, size, count } = staged;
    const codes: StagedBatch = { batchId, size, count, report: {} };
    const settings: PromotionSettings = { ...read.value, code };
    return commitBatch(exchange, batchId, { ...command, settings, codes }, origin, (done) => showCreated(answer, done));
  }
}

async function isKeyRemembered({ request, work, caller }: Exchange, campaignId: CampaignId): Promise<boolean> {
  const { idempotency } = request.origin();
  if (idempotency === null) return false;
  const asked = { bookId: asBookId(campaignId), isCreation: false, caller: caller.id, key: idempotency.key };
  const reply = await work.askQuery({ kind: 'isKeyRemembered', ...asked }, null);
  // If the shard does not answer now, its own answer to the command says so.
  return reply.kind !== 'result' || (reply.result.kind === 'answer' && reply.result.isTrue);
}

const CLAIMS = 'The code of the promotion would be claimed in the database first.';

/** Undefined: the pattern is no good, which is answered. */
function generatorOf({ answer, services }: Exchange, text: string | undefined): (() => string) | undefined {
  const read = codePatternOf(text, services.reserved);
  if ('error' in read) {
    answer.invalid([{ path: 'codePattern', message: read.error }]);
    return undefined;
  }
  return () => Buffer.from(createCodeGenerator(randomBytes(32), read.pattern).generate(0, 1)).toString('latin1');
}

function showCreated(answer: AnswerWriter, done: Done): void {
  const { promotion } = expectOutcome(done, 'promotion');
  const headers = `\r\nLocation: /api/v1/coupons/${promotion.promotion.id}\r\nETag: ${etagOf(promotion.promotion.version)}`;
  answer.changed(201, JSON.stringify(promotionJson(promotion)), done, headers);
}

const listPromotions = route({
  id: 'listPromotions',
  method: 'GET',
  path: '/api/v1/coupons',
  tag: TAG,
  summary: 'Promotions',
  access: ANY_ROLE,
  query: schemas.promotionsQuery,
  answers: { 200: { description: 'A page of promotions', schema: schemas.promotionsOut } },
  problems: ['not-possible'],
  handle(exchange, _body, { page, limit, sortBy, ...asked }) {
    if (page * limit > LISTED_MAX) {
      exchange.answer.problem('not-possible', `A list can be paged through up to entry ${LISTED_MAX}; use a filter.`);
      return;
    }
    const [field, direction = 'asc'] = sortBy.split(':') as [PromotionFilter['sortBy'], string?];
    const filter: PromotionFilter = {
      code: asked.code ?? null,
      type: asked.type ?? null,
      couponFor: asked.couponFor ?? null,
      isActive: asked.isActive ?? null,
      campaignId: asked.campaignId === undefined ? null : asCampaignId(asked.campaignId),
      sortBy: field,
      descending: direction === 'desc',
      count: page * limit,
    };
    exchange.work.run(() => sendPromotions(exchange, filter, page, limit));
  },
});

/** Each shard sorts its own; the page is cut out of the first ones of all. */
async function sendPromotions(exchange: Exchange, filter: PromotionFilter, page: number, limit: number): Promise<void> {
  const replies = await askAllShards(exchange, { kind: 'listPromotions', filter }, 'promotions');
  if ('kind' in replies) return exchange.answer.refuse(replies);
  const found = replies.map((result) => result.found);
  const views = found
    .flatMap(({ items }) => items)
    .sort((a, b) => comparePromotions(a, b, filter.sortBy, filter.descending));
  const totalResults = found.reduce((sum, { total }) => sum + total, 0);
  const results = views.slice((page - 1) * limit, page * limit).map((view) => promotionJson(view));
  const totalPages = Math.ceil(totalResults / limit);
  exchange.answer.json(200, JSON.stringify({ results, page, limit, totalPages, totalResults }));
}

const forProduct = route({
  id: 'listProductPromotions',
  method: 'GET',
  path: '/api/v1/coupons/product/{productId}',
  tag: TAG,
  summary: 'Promotions that can apply to a product now',
  description: 'Those without a list of products and those for a minimum purchase are among them.',
  access: ANY_ROLE,
  params: { productId: schemas.productId },
  answers: { 200: { description: 'The promotions', schema: schemas.promotionListOut } },
  problems: [],
  handle(exchange) {
    const productId = exchange.request.param(0);
    exchange.work.run(async () => {
      const replies = await askAllShards(exchange, { kind: 'productPromotions', productId }, 'promotions');
      if ('kind' in replies) return exchange.answer.refuse(replies);
      const views = replies.flatMap(({ found }) => found.items);
      exchange.answer.json(200, JSON.stringify(views.map((view) => promotionJson(view))));
    });
  },
});

const getPromotion = route({
  id: 'getPromotion',
  method: 'GET',
  path: '/api/v1/coupons/{couponId}',
  tag: TAG,
  summary: 'A promotion',
  access: ANY_ROLE,
  params: { couponId: schemas.couponId },
  answers: {
    200: { description: 'The promotion; its version is in ETag', schema: schemas.promotionOut, headers: ['ETag'] },
  },
  problems: ['coupon-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getPromotion', id: request.param(0) }, (answer, result) => {
      if (result.kind !== 'promotion') throw new Error(`a ${result.kind} for a promotion`);
      showPromotion(answer, result.view);
    });
  },
});

function showPromotion(answer: AnswerWriter, view: PromotionView): void {
  answer.json(200, JSON.stringify(promotionJson(view)), `\r\nETag: ${etagOf(view.promotion.version)}`);
}

const updatePromotion = route({
  id: 'updatePromotion',
  method: 'PATCH',
  path: '/api/v1/coupons/{couponId}',
  tag: TAG,
  summary: 'Change a promotion',
  description:
    'What is not given stays. A limit below the present count blocks new uses only. Open reservations keep the amounts of their time.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  ifMatch: true,
  params: { couponId: schemas.couponId },
  body: schemas.promotionPatch,
  bodyBytesMax: BYTES_MAX,
  answers: { 200: { description: 'The promotion as it is now', schema: schemas.promotionOut, headers: ['ETag'] } },
  problems: ['coupon-not-found', 'version-mismatch'],
  handle(exchange, patch) {
    exchange.work.run(() => update(exchange, patch));
  },
});

/** The settings are read, changed and written back for the version that was read. */
async function update(exchange: Exchange, patch: schemas.PromotionPatch): Promise<void> {
  const { answer, services, request, work } = exchange;
  const id = request.param(0);
  const ifVersion = versionsOf(request.ifMatch);
  const origin = request.origin();
  for (let tries = 1; ; tries++) {
    const found = await work.askQuery({ kind: 'getPromotion', id }, null);
    if (found.kind !== 'result') return answer.refuse(found);
    if (found.result.kind !== 'promotion') throw new Error(`a ${found.result.kind} for a promotion`);
    const { settings: before, version } = found.result.view.promotion;
    const read = patched(before, patch, services.currency);
    if ('errors' in read) return answer.invalid(read.errors);
    // A version that does not match is refused by the shard, which knows the keys of repeated
    // requests.
    const expected = ifVersion === null || ifVersion.includes(version) ? version : 0;
    const plan = planOf(read.value, services.nowMs());
    const reply = await work.askCommand(
      { kind: 'updatePromotion', id, settings: read.value, plan, version: expected },
      origin,
    );
    const isOvertaken = reply.kind === 'refused' && reply.reason === 'promotionVersionMismatch';
    if (isOvertaken && ifVersion === null && tries < UPDATE_TRIES) continue;
    if (reply.kind !== 'done') return answer.refuse(reply);
    const { promotion } = expectOutcome(reply, 'promotion');
    answer.changed(
      200,
      JSON.stringify(promotionJson(promotion)),
      reply,
      `\r\nETag: ${etagOf(promotion.promotion.version)}`,
    );
    return;
  }
}

const archivePromotion = route({
  id: 'archivePromotion',
  method: 'DELETE',
  path: '/api/v1/coupons/{couponId}',
  tag: TAG,
  summary: 'End a promotion for good',
  description:
    'It is not found any more. Its open reservations can still be committed, and its uses rolled back. Its code is free again once no reservation is open.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  ifMatch: true,
  params: { couponId: schemas.couponId },
  answers: { 204: { description: 'Ended', schema: null } },
  problems: ['coupon-not-found', 'version-mismatch'],
  handle({ request, work }) {
    const ifVersion = versionsOf(request.ifMatch);
    work.command({ kind: 'archivePromotion', id: request.param(0), ifVersion }, (answer, done) =>
      answer.changed(204, '', done),
    );
  },
});

export const promotionRoutes: readonly RouteSpec<unknown, unknown>[] = [
  createPromotion,
  listPromotions,
  forProduct,
  getPromotion,
  updatePromotion,
  archivePromotion,
];

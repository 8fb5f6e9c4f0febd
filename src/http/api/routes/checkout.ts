/** What a checkout does with promotions: docs/contract.md, section 6. */
import { asCampaignId, type CampaignId } from '../../../domain/ids.js';
import type { Done, QueryReply, QueryResult } from '../../../engine/engine.js';
import { notInOneCampaign, promotionNotFound } from '../../../features/promotions/quote.js';
import type { PriceRequest } from '../../../records/objects.js';
import type { PromotionView } from '../../../records/promotions.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import type { CommandRefused, QueryRefused } from '../../exchange/work.js';
import { readApply, readValidate } from '../../fast/cart-bodies.js';
import { askAllShards } from '../all-shards.js';
import { cartOf } from '../promotions/input.js';
import { type Asked, commandJudged, type JudgedUser, queryJudged, verdictsOn } from '../promotions/judged.js';
import * as schemas from '../promotions/schemas.js';
import { appliedIdsOf, discountOfBook, moneyOf, promotionJson, reservedText } from '../promotions/views.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import { expectOutcome } from '../views.js';

const TAG = 'Checkout';
export const CART_BYTES_MAX = 512 * 1024;

/** Null: that of the codes, or the default campaign. */
const campaignOf = (id: string | undefined): CampaignId | null => (id === undefined ? null : asCampaignId(id));

/** What a cart asks for; undefined: it is no good, which is answered. */
export function requestOf(
  { answer, services }: Exchange,
  input: schemas.CartInput,
  { codes, campaignId, mode, promotionIds = [], isWhole = false }: Named,
): Asked | undefined {
  const cart = cartOf(input, services.currency);
  if ('errors' in cart) {
    answer.invalid(cart.errors);
    return undefined;
  }
  const { userId = null, segments = null, attributes = null } = input;
  return {
    request: {
      campaignId,
      codes,
      promotionIds,
      isWhole,
      cart: cart.value,
      userId,
      segments: segments ?? [],
      mode,
      verdicts: [],
    },
    user: { id: userId, segments, attributes },
  };
}

type Named = Pick<PriceRequest, 'codes' | 'campaignId' | 'mode'> &
  Partial<Pick<PriceRequest, 'promotionIds' | 'isWhole'>>;

/** The cart whose own hold does not stand against it. */
const heldBy = ({ caller }: Exchange, cartId: string | undefined) =>
  cartId === undefined ? null : { caller: caller.id, cartId };

/** A code that is not there counts as a guess; to a user, that of another is not there. */
function refuse({ answer, caller }: Exchange, reply: CommandRefused | QueryRefused): void {
  const isOthers = reply.kind === 'refused' && reply.isOthersCode === true && caller.role === 'user';
  const shown = isOthers ? promotionNotFound() : reply;
  if (shown.kind === 'refused' && shown.reason === 'promotionNotFound') caller.countMiss();
  answer.refuse(shown);
}

/**
 * To a user, a code of another is one that is not there. So the codes that a user may know of come
 * first, and decide alone in which shard and campaign the cart is priced: `known`. Each of the
 * others counts as a guess. Staff may know of all.
 */
export function withKnownFirst(
  exchange: Exchange,
  asked: Asked,
  decide: (asked: Asked, known: readonly string[]) => void,
): void {
  const { answer, caller, work } = exchange;
  const { request } = asked;
  if (caller.role !== 'user' || request.codes.length === 0) {
    decide(asked, request.codes);
    return;
  }
  work.run(async () => {
    const replies = await Promise.all(request.codes.map((code) => askAlone(exchange, request, code)));
    if (exchange.isOver) return;
    const known: string[] = [];
    const unknown: string[] = [];
    for (const { code, reply } of replies) {
      if (reply.kind === 'unavailable') return answer.refuse(reply);
      (isUnknown(reply) ? unknown : known).push(code);
    }
    for (let missed = 0; missed < unknown.length; missed++) caller.countMiss();
    decide({ ...asked, request: { ...request, codes: [...known, ...unknown] } }, known);
  });
}

/** Asked by itself, a code tells all that the user may know of it, whatever the cart is. */
async function askAlone({ work }: Exchange, request: PriceRequest, code: string) {
  const cart = { lines: [], total: 0, productIds: [], shipping: null, currency: request.cart.currency };
  const alone = { ...request, codes: [code], promotionIds: [], campaignId: null, isWhole: false, cart };
  return { code, reply: await work.askQuery({ kind: 'quote', request: alone, cart: null }, null) };
}

const isUnknown = (reply: QueryReply): boolean =>
  reply.kind === 'refused' && (NOT_THERE.has(reply.reason) || reply.isOthersCode === true);

const NOT_THERE: ReadonlySet<string> = new Set(['promotionNotFound', 'codeNotFound']);

/** Codes of two campaigns that are in different shards have no shard in common. */
function areTogether({ answer, services }: Exchange, codes: readonly string[]): boolean {
  if (codes.length < 2) return true;
  const places = codes.map((code) => services.engine.shardsOf(code)).filter((shards) => shards.length > 0);
  const [first = []] = places;
  if (places.length < 2 || first.some((shard) => places.every((shards) => shards.includes(shard)))) return true;
  answer.refuse(notInOneCampaign());
  return false;
}

const validate = route({
  id: 'validateCoupon',
  method: 'POST',
  path: '/api/v1/coupons/validate',
  tag: TAG,
  summary: 'Whether a code applies to a cart',
  access: ANY_ROLE,
  ownUser: 'bodyIfNamed',
  guessable: true,
  changesNothing: true,
  body: schemas.validateInput,
  fastBody: readValidate,
  bodyBytesMax: CART_BYTES_MAX,
  answers: { 200: { description: 'It applies', schema: schemas.validateOut } },
  problems: ['coupon-not-applicable', 'coupon-not-found', 'locked-by-another'],
  handle(exchange, { code, ...cart }) {
    const { services } = exchange;
    const asked = requestOf(exchange, cart, { codes: [code], campaignId: null, mode: 'all' });
    if (asked === undefined) return;
    const held = heldBy(exchange, cart.cartId);
    const quoteFor = (request: PriceRequest) => ({ kind: 'quote', request, cart: held }) as const;
    queryJudged(
      exchange,
      asked,
      quoteFor,
      () => showValid(exchange, code),
      (refused, reply) => {
        if (reply.kind === 'refused' && reply.reason === 'promotionNotApplicable') services.usageCounts.refused(code);
        refuse(refused, reply);
      },
    );
  },
});

function showValid(exchange: Exchange, code: string): void {
  const show = (view: PromotionView): void => {
    exchange.services.usageCounts.validated(view.promotion.id);
    const coupon = promotionJson(view, code);
    exchange.answer.json(200, JSON.stringify({ valid: true, coupon, message: 'Coupon is valid' }));
  };
  const showOfCode = (_: AnswerWriter, result: QueryResult): void => {
    if (result.kind === 'promotion') {
      show(result.view);
      return;
    }
    exchange.work.run(async () => {
      const found = await viewIn(exchange, result);
      if (found.kind === 'coupon') show(found.view);
      else refuse(exchange, found);
    });
  };
  exchange.work.query({ kind: 'getCode', code }, showOfCode, (_, reply) => refuse(exchange, reply));
}

/** The promotion of a code, or the discount of the book that has the code. */
async function viewOfCode(exchange: Exchange, code: string): Promise<FoundCoupon | QueryRefused> {
  const found = await exchange.work.askQuery({ kind: 'getCode', code }, null);
  return found.kind === 'result' ? viewIn(exchange, found.result) : found;
}

interface FoundCoupon {
  readonly kind: 'coupon';
  readonly view: PromotionView;
}

/** `result`: what the code is. */
async function viewIn({ work }: Exchange, result: QueryResult): Promise<FoundCoupon | QueryRefused> {
  if (result.kind === 'promotion') return { kind: 'coupon', view: result.view };
  if (result.kind !== 'code') throw new Error(`a ${result.kind} for a code`);
  const book = await work.askQuery({ kind: 'getBook', bookId: result.code.bookId }, null);
  if (book.kind !== 'result') return book;
  if (book.result.kind !== 'book') throw new Error(`a ${book.result.kind} for a book`);
  const { view } = book.result;
  const { discount } = view.offer;
  return discount === null ? promotionNotFound() : { kind: 'coupon', view: discountOfBook(discount, view.book) };
}

const qualify = route({
  id: 'qualifyCart',
  method: 'POST',
  path: '/api/v1/coupons/qualify',
  tag: TAG,
  summary: 'What each promotion would take of a cart, or why it does not apply',
  description:
    'Each by itself, automatic ones included. Up to 2,000 promotions of each part of the engine are looked at.',
  access: ANY_ROLE,
  ownUser: 'bodyIfNamed',
  changesNothing: true,
  body: schemas.qualifyInput,
  bodyBytesMax: CART_BYTES_MAX,
  answers: { 200: { description: 'All promotions', schema: schemas.qualifyOut } },
  problems: [],
  handle(exchange, { campaignId, ...cart }) {
    const asked = requestOf(exchange, cart, { codes: [], campaignId: campaignOf(campaignId), mode: 'all' });
    if (asked === undefined) return;
    exchange.work.run(() => sendQualified(exchange, asked.request, asked.user));
  },
});

async function sendQualified(exchange: Exchange, request: PriceRequest, user: JudgedUser): Promise<void> {
  let items = await askQualified(exchange, request);
  if ('kind' in items) return exchange.answer.refuse(items);
  const needed = items.flatMap((item) => item.needed ?? []);
  if (needed.length > 0) {
    items = await askQualified(exchange, { ...request, verdicts: verdictsOn(needed, request.cart, user) });
    if ('kind' in items) return exchange.answer.refuse(items);
  }
  const money = moneyOf(request.cart.currency);
  const json = items.map(({ view, amount, reason }) => ({
    coupon: promotionJson(view),
    qualifies: amount !== null,
    discountAmount: amount === null ? null : money(amount),
    reason,
  }));
  exchange.answer.json(200, JSON.stringify(json));
}

async function askQualified(exchange: Exchange, request: PriceRequest) {
  const replies = await askAllShards(exchange, { kind: 'qualify', request }, 'qualified');
  return 'kind' in replies ? replies : replies.flatMap(({ items }) => items);
}

const apply = route({
  id: 'applyCoupons',
  method: 'POST',
  path: '/api/v1/coupons/apply',
  tag: TAG,
  summary: 'The discounts of a cart, and a reservation of them',
  description:
    'Without `reserve` nothing changes. With it, each promotion that applies holds one use and its money until `reservedUntil`. The same `cartId` of the same caller and user replaces what its cart held.',
  access: ANY_ROLE,
  ownUser: 'bodyIfNamed',
  guessable: true,
  change: true,
  dryRun: true,
  body: schemas.applyInput,
  fastBody: readApply,
  bodyBytesMax: CART_BYTES_MAX,
  answers: { 200: { description: 'The discounts', schema: schemas.applyOut } },
  problems: ['coupon-not-applicable', 'coupon-not-found', 'locked-by-another', 'not-in-one-campaign'],
  handle(exchange, { code, codes, campaignId, mode, reserve, reserveSeconds, ...cart }) {
    const named = code === undefined ? (codes ?? []) : [code];
    const asked = requestOf(exchange, cart, { codes: named, campaignId: campaignOf(campaignId), mode });
    if (asked === undefined) return;
    const decide = (of: Asked, known: readonly string[]): void => {
      if (!areTogether(exchange, known)) return;
      if (reserve) reserveCart(exchange, of, cart.cartId ?? null, reserveSeconds);
      else priceCart(exchange, of, cart.cartId);
    };
    // The refusal of a single code counts it.
    if (named.length > 1) withKnownFirst(exchange, asked, decide);
    else decide(asked, named);
  },
});

function priceCart(exchange: Exchange, asked: Asked, cartId: string | undefined): void {
  const cart = heldBy(exchange, cartId);
  queryJudged(exchange, asked, (request) => ({ kind: 'quote', request, cart }), showQuote(exchange), refuse);
}

function showQuote(exchange: Exchange) {
  return (answer: AnswerWriter, result: QueryResult): void => {
    if (result.kind !== 'quote') throw new Error(`a ${result.kind} for a quote`);
    countApplied(exchange, result.text);
    answer.json(200, result.text);
  };
}

export function reserveCart(
  exchange: Exchange,
  asked: Asked,
  cartId: string | null,
  reserveSeconds = schemas.RESERVE_SECONDS_DEFAULT,
): void {
  const { caller, answer } = exchange;
  if (caller.role === 'user' && asked.request.userId !== caller.id) {
    answer.problem('forbidden', 'A token of the role user reserves with its own userId only.');
    return;
  }
  const ttlMs = reserveSeconds * 1000;
  const commandFor = (request: PriceRequest) =>
    ({ kind: 'reserve', request, caller: caller.id, cartId, ttlMs }) as const;
  commandJudged(exchange, asked, commandFor, showReserved(exchange), refuse);
}

function showReserved(exchange: Exchange) {
  return (answer: AnswerWriter, done: Done): void => {
    const { quote, reservationId, untilMs } = expectOutcome(done, 'reserved');
    if (!done.replayed) countApplied(exchange, quote);
    answer.changed(200, reservedText(quote, reservationId, untilMs), done);
  };
}

/** A dry run does not count. */
function countApplied({ request, services }: Exchange, quote: string): void {
  if (request.isDryRun === true) return;
  for (const id of appliedIdsOf(quote)) services.usageCounts.applied(id);
}

const use = route({
  id: 'incrementUsage',
  method: 'POST',
  path: '/api/v1/coupons/increment-usage',
  tag: TAG,
  summary: 'Count a use after the order',
  description:
    'With `reservationId` it commits that reservation. Without one, the limits are checked only now: reserve first.',
  access: ADMIN_OR_SERVICE,
  guessable: true,
  change: true,
  dryRun: true,
  body: schemas.useInput,
  answers: { 200: { description: 'The promotion as it is now', schema: schemas.promotionOut } },
  problems: [
    'coupon-not-applicable',
    'coupon-not-found',
    'use-incomplete',
    'reservation-not-found',
    'reservation-over',
    'reservation-settled',
  ],
  handle(exchange, { code, userId = null, discountAmount, orderId = null, reservationId }) {
    exchange.work.run(async () => {
      const { answer, work, caller, services } = exchange;
      const origin = exchange.request.origin();
      const found = await viewOfCode(exchange, code);
      if (found.kind !== 'coupon') return notFound(exchange, found);
      const { currency, code: shared } = found.view.promotion.settings;
      if (reservationId !== undefined) {
        const held = await work.askQuery({ kind: 'getReservation', id: reservationId }, null);
        if (held.kind !== 'result') return answer.refuse(held);
        if (held.result.kind !== 'reservation' || !held.result.reservation.codes.includes(code))
          return answer.problem('reservation-not-found', 'No such reservation holds this coupon.');
        const done = await work.askCommand({ kind: 'commitReservation', id: reservationId, orderId }, origin);
        if (done.kind !== 'done') return answer.refuse(done);
        const now = await viewOfCode(exchange, code);
        const { view } = now.kind === 'coupon' ? now : found;
        return answer.changed(200, JSON.stringify(promotionJson(view, code)), done);
      }
      if (shared === null)
        return answer.problem('use-incomplete', 'A unique code is used by its redemption, or needs its reservationId.');
      const spent = cartOf({ cartTotal: discountAmount ?? 0, currency }, services.currency);
      if ('errors' in spent)
        return answer.invalid([{ path: 'discountAmount', message: 'Has more fraction digits than its currency' }]);
      const amount = discountAmount === undefined ? null : spent.value.total;
      const command = {
        kind: 'usePromotion',
        promotionCode: code,
        caller: caller.id,
        userId,
        amount,
        orderId,
      } as const;
      const reply = await work.askCommand(command, origin);
      if (reply.kind !== 'done') return refuse(exchange, reply);
      answer.changed(200, JSON.stringify(promotionJson(expectOutcome(reply, 'promotion').promotion)), reply);
    });
  },
});

/** No code at all is known under this name. */
function notFound(exchange: Exchange, reply: Exclude<QueryReply, { kind: 'result' }>): void {
  if (reply.kind === 'unavailable') {
    exchange.answer.refuse(reply);
    return;
  }
  exchange.caller.countMiss();
  exchange.answer.problem('coupon-not-found', 'Coupon not found');
}

export const checkoutRoutes: readonly RouteSpec<unknown, unknown>[] = [validate, qualify, apply, use];

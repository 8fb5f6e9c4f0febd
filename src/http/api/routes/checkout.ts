/** What a checkout does with promotions: docs/contract.md, section 6. */
import { asShardId } from '../../../domain/ids.js';
import type { CommandReply, Done, QueryReply } from '../../../engine/engine.js';
import type { PriceRequest } from '../../../records/objects.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import { cartOf } from '../promotions/input.js';
import { type JudgedUser, judged, verdictsOn } from '../promotions/judged.js';
import * as schemas from '../promotions/schemas.js';
import { moneyOf, promotionJson, quoteJson, reservationJson } from '../promotions/views.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import { expectOutcome } from '../views.js';
import { askAllShards, campaignOrDefault } from './promotions.js';

const TAG = 'Checkout';
const CART_BYTES_MAX = 512 * 1024;

/** What a cart asks for; undefined: it is no good, which is answered. */
export function requestOf(
  { answer, services }: Exchange,
  input: schemas.CartInput,
  asked: Pick<PriceRequest, 'codes' | 'campaignId' | 'mode'> & Partial<Pick<PriceRequest, 'promotionIds' | 'isWhole'>>,
): { readonly request: PriceRequest; readonly user: JudgedUser } | undefined {
  const cart = cartOf(input, services.currency);
  if ('errors' in cart) {
    answer.invalid(cart.errors);
    return undefined;
  }
  const { userId = null, segments = null, attributes = null } = input;
  const named = { promotionIds: [], isWhole: false, ...asked };
  const request = { ...named, cart: cart.value, userId, segments: segments ?? [], verdicts: [] };
  return { request, user: { id: userId, segments, attributes } };
}

/** The cart whose own hold does not stand against it. */
const heldBy = ({ caller }: Exchange, cartId: string | undefined) =>
  cartId === undefined ? null : { caller: caller.id, cartId };

/** A code that is not there counts as a guess. */
function refuse(
  { answer, caller }: Exchange,
  reply: Exclude<CommandReply | QueryReply, Done | { kind: 'result' }>,
): void {
  if (reply.kind === 'refused' && reply.reason === 'promotionNotFound') caller.countMiss();
  answer.refuse(reply);
}

/** Of several codes, each that is not there is a guess, whatever becomes of the others. */
function countGuesses({ caller, services }: Exchange, codes: readonly string[]): void {
  if (codes.length < 2) return;
  for (const code of codes) if (services.engine.shardsOf(code).length === 0) caller.countMiss();
}

/** Codes of two campaigns that are in different shards have no shard in common. */
function areTogether({ answer, services }: Exchange, codes: readonly string[]): boolean {
  if (codes.length < 2) return true;
  const places = codes.map((code) => services.engine.shardsOf(code)).filter((shards) => shards.length > 0);
  const [first = []] = places;
  if (places.length < 2 || first.some((shard) => places.every((shards) => shards.includes(shard)))) return true;
  answer.refuse({ kind: 'refused', reason: 'notInOneCampaign', detail: NOT_TOGETHER });
  return false;
}

const NOT_TOGETHER = 'These codes belong to different campaigns, and one request takes those of one campaign.';

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
  bodyBytesMax: CART_BYTES_MAX,
  answers: { 200: { description: 'It applies', schema: schemas.validateOut } },
  problems: ['coupon-not-applicable', 'coupon-not-found'],
  handle(exchange, { code, ...cart }) {
    const asked = requestOf(exchange, cart, { codes: [code], campaignId: null, mode: 'all' });
    if (asked === undefined) return;
    exchange.work.run(async () => {
      const reply = await judged(exchange, asked.request, asked.user, (request) =>
        exchange.work.askQuery({ kind: 'quote', request, cart: heldBy(exchange, cart.cartId) }, null),
      );
      if (reply.kind !== 'result') return refuse(exchange, reply);
      const found = await exchange.work.askQuery({ kind: 'getCode', code }, null);
      if (found.kind !== 'result') return refuse(exchange, found);
      if (found.result.kind !== 'promotion') throw new Error(`a ${found.result.kind} for a promotion`);
      const coupon = promotionJson(found.result.view);
      exchange.answer.json(200, JSON.stringify({ valid: true, coupon, message: 'Coupon is valid' }));
    });
  },
});

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
    const asked = requestOf(exchange, cart, { codes: [], campaignId: campaignOrDefault(campaignId), mode: 'all' });
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
  const replies = await askAllShards(exchange, { kind: 'qualify', request });
  if ('kind' in replies) return replies;
  return replies.flatMap((result) => (result.kind === 'qualified' ? result.items : []));
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
  bodyBytesMax: CART_BYTES_MAX,
  answers: { 200: { description: 'The discounts', schema: schemas.applyOut } },
  problems: ['coupon-not-applicable', 'coupon-not-found', 'not-in-one-campaign'],
  handle(exchange, { code, codes, campaignId, mode, reserve, reserveSeconds, ...cart }) {
    const named = code === undefined ? (codes ?? []) : [code];
    if (!areTogether(exchange, named)) return;
    const asked = requestOf(exchange, cart, { codes: named, campaignId: campaignOrDefault(campaignId), mode });
    if (asked === undefined) return;
    countGuesses(exchange, named);
    if (reserve) exchange.work.run(() => reserveCart(exchange, asked, cart.cartId ?? null, reserveSeconds));
    else exchange.work.run(() => priceCart(exchange, asked, cart.cartId));
  },
});

type Asked = NonNullable<ReturnType<typeof requestOf>>;

async function priceCart(exchange: Exchange, { request, user }: Asked, cartId: string | undefined): Promise<void> {
  const reply = await judged(exchange, request, user, (judgedRequest) =>
    exchange.work.askQuery({ kind: 'quote', request: judgedRequest, cart: heldBy(exchange, cartId) }, null),
  );
  if (reply.kind !== 'result') return refuse(exchange, reply);
  if (reply.result.kind !== 'quote') throw new Error(`a ${reply.result.kind} for a quote`);
  exchange.answer.json(200, JSON.stringify(quoteJson(reply.result.quote, null)));
}

async function reserveCart(
  exchange: Exchange,
  { request, user }: Asked,
  cartId: string | null,
  reserveSeconds = schemas.RESERVE_SECONDS_DEFAULT,
): Promise<void> {
  const { caller, answer, work } = exchange;
  if (caller.role === 'user' && request.userId !== caller.id)
    return answer.problem('forbidden', 'A token of the role user reserves with its own userId only.');
  const origin = exchange.request.origin();
  const reply = await judged<CommandReply>(exchange, request, user, (judgedRequest) =>
    work.askCommand(
      { kind: 'reserve', request: judgedRequest, caller: caller.id, cartId, ttlMs: reserveSeconds * 1000 },
      origin,
    ),
  );
  if (reply.kind === 'result') throw new Error('a result for a command');
  if (reply.kind !== 'done') return refuse(exchange, reply);
  const { quote, reservationId, untilMs } = expectOutcome(reply, 'reserved');
  answer.changed(200, JSON.stringify(quoteJson(quote, { reservationId, untilMs })), reply);
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
      const found = await work.askQuery({ kind: 'getCode', code }, null);
      if (found.kind !== 'result') return notFound(exchange, found);
      if (found.result.kind !== 'promotion') return answer.problem('coupon-not-found', 'Coupon not found');
      const { currency } = found.result.view.promotion.settings;
      if (reservationId !== undefined) {
        const held = await work.askQuery({ kind: 'getReservation', id: reservationId }, null);
        if (held.kind !== 'result') return answer.refuse(held);
        if (held.result.kind !== 'reservation' || !held.result.reservation.codes.includes(code))
          return answer.problem('reservation-not-found', 'No such reservation holds this coupon.');
        const done = await work.askCommand({ kind: 'commitReservation', id: reservationId, orderId }, origin);
        if (done.kind !== 'done') return answer.refuse(done);
        const now = await work.askQuery({ kind: 'getCode', code }, null);
        const view = now.kind === 'result' && now.result.kind === 'promotion' ? now.result.view : found.result.view;
        return answer.changed(200, JSON.stringify(promotionJson(view)), done);
      }
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

// -- reservations
// -----------------------------------------------------------------------------------

const idParam = { id: schemas.reservationId };

const getReservation = route({
  id: 'getReservation',
  method: 'GET',
  path: '/api/v1/reservations/{id}',
  tag: TAG,
  summary: 'A reservation, also after it has ended',
  description: 'A token of the role user sees the reservations of its own userId.',
  access: ANY_ROLE,
  params: idParam,
  answers: { 200: { description: 'The reservation', schema: schemas.reservationOut } },
  problems: ['reservation-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getReservation', id: request.param(0) }, (answer, result) => {
      if (result.kind !== 'reservation') throw new Error(`a ${result.kind} for a reservation`);
      const { reservation } = result;
      if (answer.caller.role === 'user' && reservation.userId !== answer.caller.id) return reservationNotFound(answer);
      answer.json(200, JSON.stringify(reservationJson(reservation)));
    });
  },
});

const reservationNotFound = (answer: AnswerWriter): void =>
  answer.problem('reservation-not-found', 'There is no such reservation.');

const findReservation = route({
  id: 'findReservation',
  method: 'GET',
  path: '/api/v1/reservations',
  tag: TAG,
  summary: 'The reservation that is held for a cart',
  description: 'For a caller whose answer was lost. Carts belong to the caller that reserved them, and to its user.',
  access: ANY_ROLE,
  query: schemas.reservationsQuery,
  answers: { 200: { description: 'The reservation', schema: schemas.reservationOut } },
  problems: ['reservation-not-found'],
  handle(exchange, _body, { cartId, userId }) {
    const { caller, answer } = exchange;
    const owner = caller.role === 'user' ? caller.id : (userId ?? null);
    exchange.work.run(async () => {
      const asked = { kind: 'findReservation', caller: caller.id, userId: owner, cartId } as const;
      const { shardCount } = exchange.services.engine;
      const replies = await Promise.all(
        Array.from({ length: shardCount }, (_, shard) => exchange.work.askQuery(asked, asShardId(shard))),
      );
      const found =
        replies.find((reply) => reply.kind === 'result') ?? replies.find(({ kind }) => kind === 'unavailable');
      if (found?.kind === 'unavailable') return answer.refuse(found);
      if (found?.kind !== 'result' || found.result.kind !== 'reservation') return reservationNotFound(answer);
      answer.json(200, JSON.stringify(reservationJson(found.result.reservation)));
    });
  },
});

function showReservation(answer: AnswerWriter, done: Done): void {
  answer.changed(200, JSON.stringify(reservationJson(expectOutcome(done, 'reservation').reservation)), done);
}

const CHANGED = { 200: { description: 'The reservation as it is now', schema: schemas.reservationOut } };

const commitReservation = route({
  id: 'commitReservation',
  method: 'POST',
  path: '/api/v1/reservations/{id}/commit',
  tag: TAG,
  summary: 'Use what is reserved: the customer has paid',
  description: 'The same again answers the same. After `reservedUntil` it answers 410, even if there is room left.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: idParam,
  body: schemas.commitInput,
  bodyOptional: true,
  answers: CHANGED,
  problems: ['reservation-not-found', 'reservation-settled', 'reservation-over'],
  handle({ request, work }, { orderId = null }) {
    work.command({ kind: 'commitReservation', id: request.param(0), orderId }, showReservation);
  },
});

const ownerOf = ({ caller }: Exchange): string | null => (caller.role === 'user' ? caller.id : null);

const releaseReservation = route({
  id: 'releaseReservation',
  method: 'POST',
  path: '/api/v1/reservations/{id}/release',
  tag: TAG,
  summary: 'Give back what is reserved',
  access: ANY_ROLE,
  change: true,
  dryRun: true,
  params: idParam,
  body: schemas.emptyInput,
  bodyOptional: true,
  answers: CHANGED,
  problems: ['reservation-not-found', 'reservation-settled', 'reservation-over'],
  handle(exchange) {
    const owner = ownerOf(exchange);
    exchange.work.command({ kind: 'releaseReservation', id: exchange.request.param(0), owner }, showReservation);
  },
});

const renewReservation = route({
  id: 'renewReservation',
  method: 'POST',
  path: '/api/v1/reservations/{id}/renew',
  tag: TAG,
  summary: 'Extend a reservation from now on',
  access: ANY_ROLE,
  change: true,
  dryRun: true,
  params: idParam,
  body: schemas.renewInput,
  bodyOptional: true,
  answers: CHANGED,
  problems: ['reservation-not-found', 'reservation-settled', 'reservation-over'],
  handle(exchange, { reserveSeconds }) {
    const command = { kind: 'renewReservation', id: exchange.request.param(0), owner: ownerOf(exchange) } as const;
    exchange.work.command({ ...command, ttlMs: reserveSeconds * 1000 }, showReservation);
  },
});

const rollbackReservation = route({
  id: 'rollbackReservation',
  method: 'POST',
  path: '/api/v1/reservations/{id}/rollback',
  tag: TAG,
  summary: 'Give back a use that was committed, whole or by lines',
  description: 'The money of lines goes back at once, the use with the last line.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: idParam,
  body: schemas.rollbackReservationInput,
  bodyOptional: true,
  answers: CHANGED,
  problems: ['reservation-not-found', 'reservation-settled', 'lines-not-reserved'],
  handle({ request, work }, { lines, reason = null }) {
    work.command({ kind: 'rollbackReservation', id: request.param(0), lines: lines ?? null, reason }, showReservation);
  },
});

export const checkoutRoutes: readonly RouteSpec<unknown, unknown>[] = [
  validate,
  qualify,
  apply,
  use,
  getReservation,
  findReservation,
  commitReservation,
  releaseReservation,
  renewReservation,
  rollbackReservation,
];

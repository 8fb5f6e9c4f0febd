/** Reservations of carts: docs/contract.md, section 6. */
import type { Done } from '../../../engine/engine.js';
import { reservationNotFound } from '../../../features/promotions/reservations.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import { askEach } from '../all-shards.js';
import * as schemas from '../promotions/schemas.js';
import { reservationJson } from '../promotions/views.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import { expectOutcome } from '../views.js';

const TAG = 'Checkout';
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
      if (answer.caller.role === 'user' && reservation.userId !== answer.caller.id)
        return answer.refuse(reservationNotFound());
      answer.json(200, JSON.stringify(reservationJson(reservation)));
    });
  },
});

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
      const replies = await askEach(exchange, asked);
      const found =
        replies.find((reply) => reply.kind === 'result') ?? replies.find(({ kind }) => kind === 'unavailable');
      if (found?.kind === 'unavailable') return answer.refuse(found);
      if (found?.kind !== 'result' || found.result.kind !== 'reservation') return answer.refuse(reservationNotFound());
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
  description:
    'The money of lines goes back at once, the use with the last line. It is possible for 400 days after the commit.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: idParam,
  body: schemas.rollbackReservationInput,
  bodyOptional: true,
  answers: CHANGED,
  problems: ['reservation-not-found', 'reservation-settled', 'rollback-too-late', 'lines-not-reserved'],
  handle({ request, work }, { lines, reason = null }) {
    work.command({ kind: 'rollbackReservation', id: request.param(0), lines: lines ?? null, reason }, showReservation);
  },
});

export const reservationRoutes: readonly RouteSpec<unknown, unknown>[] = [
  getReservation,
  findReservation,
  commitReservation,
  releaseReservation,
  renewReservation,
  rollbackReservation,
];

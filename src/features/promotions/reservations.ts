/** What becomes of a reservation: committed, released, renewed, rolled back, or expired. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { Change, DomainEvent } from '../../domain/event.js';
import { asSeq } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import type { Random } from '../../domain/random.js';
import type {
  CommitReservation,
  ReleaseReservation,
  RenewReservation,
  RollbackReservation,
} from '../../records/commands.generated.js';
import { command, event, MADE_BY_ROUTE, outcome } from '../../records/declare.js';
import type {
  ReservationCommitted,
  ReservationExpired,
  ReservationReleased,
  ReservationRenewed,
  ReservationRolledBack,
  ReservedCodesRedeemed,
} from '../../records/events.generated.js';
import {
  boolean,
  campaignId,
  integer,
  jsonOf,
  object,
  subjectOrNull,
  text,
  textOrNull,
  time,
} from '../../records/fields.js';
import type { ReservationView, ReservedCart } from '../../records/promotions.js';
import { amountsBackOf, amountsOf } from './amounts.js';
import { backOf } from './give-back.js';
import { freeingOf } from './manage.js';
import type { Promotions, ReservationState } from './state.js';

const ofReservation = { campaignId: campaignId(), reservationId: text() };
/** Whom and what it is about, so that live clients are found without the reservation. */
const moved = { ...ofReservation, userId: subjectOrNull(), amounts: jsonOf('PromotionAmounts') };
export const seenByBuyer = { topics: ['promotion', 'campaign', 'user'], seenBy: 'owner' } as const;

export const reservationRenewed = event(
  'reservationRenewed',
  21,
  { ...ofReservation, untilMs: time() },
  { shownAs: 'promotion.renewed', detail: ['reservationId'], snapshot: 'reservationRenewed' },
);

export const reservationCommitted = event(
  'reservationCommitted',
  22,
  { ...moved, orderId: textOrNull(), committedMs: time() },
  {
    shownAs: 'promotion.used',
    live: seenByBuyer,
    detail: ['reservationId', 'amounts', 'orderId'],
    snapshot: 'reservationCommitted',
  },
);

const ends = {
  shownAs: 'promotion.released',
  live: seenByBuyer,
  detail: ['reservationId', 'amounts'],
  snapshot: 'reservationEnded',
} as const;

export const reservationReleased = event('reservationReleased', 23, moved, ends);
export const reservationExpired = event('reservationExpired', 24, moved, ends);

/**
 * `amounts`: what this rollback gives back. `givenBack`: all that was given back so far. `isWhole`:
 * nothing of the use is left.
 */
export const reservationRolledBack = event(
  'reservationRolledBack',
  25,
  { ...moved, givenBack: jsonOf('GivenBack'), isWhole: boolean(), reason: textOrNull() },
  {
    shownAs: 'promotion.rolled_back',
    live: seenByBuyer,
    detail: ['reservationId', 'amounts', 'givenBack', 'isWhole', 'reason'],
    snapshot: 'reservationRolledBack',
  },
);

export const reservationOutcome = outcome('reservation', 15, { reservation: jsonOf('ReservationView') }, MADE_BY_ROUTE);

/** Commands to a reservation that is held. */
const ofHeld = {
  gives: reservationOutcome,
  refusals: ['reservationNotFound', 'reservationOver', 'reservationSettled'],
  message: 'object',
} as const;

export const commitReservation = command('commitReservation', { id: text(), orderId: textOrNull() }, ofHeld);

/** By hold: the redemptions of unique codes that the commit in the same change makes. */
export const reservedCodesRedeemed = event(
  'reservedCodesRedeemed',
  27,
  { ...ofReservation, redemptionIds: jsonOf('RedemptionIds') },
  { shownAs: null, detail: ['reservationId', 'redemptionIds'], snapshot: 'reservedCodesRedeemed' },
);

/**
 * Committing again under the same order changes nothing: the first answer may have been lost. The
 * unique codes that are held are redeemed, whatever their books say now.
 */
export function decideCommitReservation(
  promotions: Promotions,
  { id, orderId }: CommitReservation,
  nowMs: number,
  random: Random,
): Decided<typeof commitReservation> {
  const found = promotions.reservation(id);
  if (found === undefined) return reservationNotFound();
  if (found.status === 'committed' && (orderId === null || orderId === found.orderId))
    return decided(promotions, found, {}, []);
  const refusal = refuseUnlessHeld(found);
  if (refusal !== null) return refusal;
  const event = { kind: 'reservationCommitted', ...movedOf(found), orderId, committedMs: nowMs } as const;
  const redemptions = redemptionsOf(promotions, found, orderId, nowMs, random);
  return decided(promotions, found, { status: 'committed', orderId, committedMs: nowMs }, [
    ...redemptions,
    event,
    ...codesFreedBy(promotions, found),
  ]);
}

function redemptionsOf(
  promotions: Promotions,
  found: ReservationState,
  orderId: string | null,
  nowMs: number,
  random: Random,
): DomainEvent[] {
  const events: DomainEvent[] = [];
  const metadata = { reservationId: found.id, ...(orderId === null ? {} : { orderId }) };
  const redemptionIds = found.cart.holds.map(({ uniqueCode }) => {
    if (uniqueCode === undefined) return null;
    const redeemed = promotions.codes.redeemEvent(uniqueCode, { nowMs, ordinal: events.length, metadata }, random);
    events.push(redeemed);
    return redeemed.redemptionId;
  });
  if (events.length > 0) events.push({ kind: 'reservedCodesRedeemed', ...named(found), redemptionIds });
  return events;
}

export const releaseReservation = command('releaseReservation', { id: text(), owner: subjectOrNull() }, ofHeld);

export function decideReleaseReservation(
  promotions: Promotions,
  { id, owner }: ReleaseReservation,
): Decided<typeof releaseReservation> {
  const found = promotions.reservation(id);
  if (found === undefined || !isOwnedBy(found, owner)) return reservationNotFound();
  if (found.status === 'released') return decided(promotions, found, {}, []);
  const refusal = refuseUnlessHeld(found);
  if (refusal !== null) return refusal;
  const event = { kind: 'reservationReleased', ...movedOf(found) } as const;
  const unlocked = codesOf(found.cart).map((code) => promotions.codes.unlockEvent(code));
  return decided(promotions, found, { status: 'released' }, [event, ...unlocked, ...codesFreedBy(promotions, found)]);
}

export const renewReservation = command(
  'renewReservation',
  { id: text(), owner: subjectOrNull(), ttlMs: integer() },
  ofHeld,
);

export function decideRenewReservation(
  promotions: Promotions,
  { id, owner, ttlMs }: RenewReservation,
  nowMs: number,
): Decided<typeof renewReservation> {
  const found = promotions.reservation(id);
  if (found === undefined || !isOwnedBy(found, owner)) return reservationNotFound();
  const refusal = refuseUnlessHeld(found);
  if (refusal !== null) return refusal;
  // A renewal never ends a hold earlier.
  const untilMs = Math.max(found.untilMs ?? 0, nowMs + ttlMs);
  const locks = codesOf(found.cart).map((code) => promotions.codes.renewEvent(code, untilMs));
  return decided(promotions, found, { untilMs }, [{ kind: 'reservationRenewed', ...named(found), untilMs }, ...locks]);
}

/** How long after its commit a use can be given back. */
const ROLLBACK_DAYS_MAX = 400;
const DAY_MS = 86_400_000;

/** `lines`: of these products, so many pieces; null: all that is left. */
export const rollbackReservation = command(
  'rollbackReservation',
  { id: text(), lines: object('readonly RolledBackLine[] | null'), reason: textOrNull() },
  {
    gives: reservationOutcome,
    refusals: ['reservationNotFound', 'reservationSettled', 'rollbackTooLate', 'linesNotReserved'],
    message: 'object',
  },
);

export function decideRollbackReservation(
  promotions: Promotions,
  { id, lines, reason }: RollbackReservation,
  nowMs: number,
): Decided<typeof rollbackReservation> {
  const found = promotions.reservation(id);
  if (found === undefined) return reservationNotFound();
  if (found.status !== 'committed')
    return refuse('reservationSettled', `This reservation is ${WORDS[found.status]}, so there is no use to give back.`);
  if (found.committedMs !== null && nowMs - found.committedMs >= ROLLBACK_DAYS_MAX * DAY_MS)
    return refuse('rollbackTooLate', `This reservation was committed more than ${ROLLBACK_DAYS_MAX} days ago.`);
  const back = backOf(found.cart, found.givenBack, lines);
  if ('refusal' in back) return refuse('linesNotReserved', back.refusal);
  const { givenBack, isWhole } = back;
  const redemptions = isWhole ? rolledBackCodes(promotions, found, reason) : [];
  const status = isWhole ? 'rolledBack' : 'committed';
  const amounts = amountsBackOf(found.cart, givenBack, found.givenBack);
  return decided(promotions, found, { givenBack, status }, [
    { kind: 'reservationRolledBack', ...movedOf(found), amounts, givenBack, isWhole, reason },
    ...redemptions,
  ]);
}

function rolledBackCodes(
  { codes }: Promotions,
  { cart, redemptionIds }: ReservationState,
  reason: string | null,
): DomainEvent[] {
  return cart.holds.flatMap(({ uniqueCode }, at) => {
    const redemptionId = redemptionIds?.[at] ?? null;
    return uniqueCode === undefined || redemptionId === null
      ? []
      : [codes.rollbackEvent(uniqueCode, redemptionId, reason)];
  });
}

/** `owner`: the user who may do it; null: the caller may do it for all. */
const isOwnedBy = ({ userId }: ReservationState, owner: string | null): boolean => owner === null || userId === owner;

const WORDS = {
  held: 'held, and not committed yet',
  committed: 'committed',
  released: 'released',
  expired: 'expired',
  rolledBack: 'rolled back',
} as const;

export const reservationNotFound = () => refuse('reservationNotFound', 'There is no such reservation.');

/** A hold that has ended does not come back, even if there is room for it. */
function refuseUnlessHeld({ status }: ReservationState): Refusal<'reservationOver' | 'reservationSettled'> | null {
  if (status === 'held') return null;
  if (status === 'expired') return refuse('reservationOver', 'This reservation has expired; reserve again.');
  return refuse('reservationSettled', `This reservation is ${WORDS[status]} already.`);
}

/** As events name it. */
const named = ({ campaignId, id }: ReservationState) => ({ campaignId, reservationId: id });
const movedOf = (found: ReservationState) => ({
  ...named(found),
  userId: found.userId,
  amounts: amountsOf(found.cart),
});

/** `changes`: how the reservation then differs from what it is now. */
function decided(
  promotions: Promotions,
  found: ReservationState,
  changes: Partial<ReservationView>,
  events: readonly DomainEvent[],
) {
  const reservation = { ...viewOf(promotions, found), ...changes };
  return {
    kind: 'decision',
    scopeId: found.campaignId,
    events,
    outcome: { kind: 'reservation', reservation },
  } as const;
}

export function viewOf(promotions: Promotions, found: ReservationState): ReservationView {
  const { id, campaignId, status, userId, cartId, orderId, madeMs, untilMs, committedMs, cart, givenBack } = found;
  const promotionsHeld = cart.holds.map(({ promotionId }) => promotions.promotionOf(promotionId).current.settings);
  const codes = cart.holds.map(({ uniqueCode }, at) => uniqueCode ?? promotionsHeld[at]?.code ?? null);
  const referrers = cart.holds.map(({ isReferral }, at) =>
    isReferral ? (promotionsHeld[at]?.referrerUserId ?? null) : null,
  );
  const times = { madeMs, untilMs, committedMs };
  return { id, campaignId, status, userId, cartId, orderId, ...times, cart, givenBack, codes, referrers };
}

/** The unique codes that it holds. */
export const codesOf = (cart: ReservedCart | undefined): string[] =>
  cart?.holds.flatMap(({ uniqueCode }) => uniqueCode ?? []) ?? [];

/** Codes of archived promotions of which this reservation is the last open one. */
export function codesFreedBy(promotions: Promotions, { cart }: ReservationState): DomainEvent[] {
  return cart.holds
    .map(({ promotionId }) => promotions.promotionOf(promotionId))
    .filter(({ current, held }) => current.archivedMs !== null && held === 1)
    .flatMap(freeingOf);
}

/**
 * The change for the earliest reservation that has ended by now, if any. Apply it, and call again.
 */
export function expireReservations(promotions: Promotions, nowMs: number): Change | null {
  const first = promotions.deadlines.first();
  if (first === undefined || first.untilMs === null || first.untilMs > nowMs) return null;
  return {
    firstSeq: asSeq(promotions.shard.seq + 1),
    atMs: nowMs,
    scopeId: first.campaignId,
    caller: 'system',
    requestId: '',
    events: [
      { kind: 'reservationExpired', ...movedOf(first) },
      ...codesOf(first.cart).map((code) => promotions.codes.expireEvent(code)),
      ...codesFreedBy(promotions, first),
    ],
    remembered: null,
  };
}

/** When the next reservation ends, Unix ms; null if none is held. */
export const nextReservationEndMs = (promotions: Promotions): number | null =>
  promotions.deadlines.first()?.untilMs ?? null;

export function applyReservationRenewed(promotions: Promotions, event: ReservationRenewed): void {
  promotions.renew(promotions.reservationOf(event.reservationId), event.untilMs);
}

export function applyReservationCommitted(promotions: Promotions, event: ReservationCommitted): void {
  promotions.commit(promotions.reservationOf(event.reservationId), event.orderId, event.committedMs);
}

export function applyReservedCodesRedeemed(promotions: Promotions, event: ReservedCodesRedeemed): void {
  promotions.redeemCodes(promotions.reservationOf(event.reservationId), event.redemptionIds);
}

export function applyReservationReleased(promotions: Promotions, event: ReservationReleased): void {
  promotions.end(promotions.reservationOf(event.reservationId), 'released');
}

export function applyReservationExpired(promotions: Promotions, event: ReservationExpired): void {
  promotions.end(promotions.reservationOf(event.reservationId), 'expired');
}

export function applyReservationRolledBack(promotions: Promotions, event: ReservationRolledBack): void {
  promotions.giveBack(promotions.reservationOf(event.reservationId), event.givenBack, event.isWhole);
}

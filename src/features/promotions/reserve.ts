/** Reserving: each promotion that applies to a cart holds one use and its money, for a while. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import { type CampaignId, shardsOfEndings } from '../../domain/ids.js';
import { type Random, randomUuid } from '../../domain/random.js';
import type { Reserve } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { ReservationMade } from '../../records/events.generated.js';
import {
  caller,
  campaignId,
  instant,
  instantOrNull,
  integer,
  jsonOf,
  jsonOrNullOf,
  object,
  subjectOrNull,
  text,
  textOrNull,
  time,
} from '../../records/fields.js';
import type { PriceRequest } from '../../records/objects.js';
import type { Hold, ReservedCart } from '../../records/promotions.js';
import { amountsOf } from './amounts.js';
import { periodAt } from './periods.js';
import type { Applied } from './pricing/types.js';
import { type Quoted, quoteOf } from './quote.js';
import { quoteText } from './quote-text.js';
import { codesFreedBy, codesOf, seenByBuyer } from './reservations.js';
import { isOfBook, OPEN_RESERVATIONS_MAX, type Promotions, type ReservationState } from './state.js';

/**
 * A reservation was made, or another cart took the place of what it held: `replaced`. `untilMs`
 * null: its uses were committed at once.
 */
export const reservationMade = event(
  'reservationMade',
  20,
  {
    campaignId: campaignId(),
    reservationId: text(),
    caller: caller(),
    userId: subjectOrNull(),
    cartId: textOrNull(),
    orderId: textOrNull(),
    cart: jsonOf('ReservedCart'),
    replaced: jsonOrNullOf('PromotionAmounts'),
    madeMs: time(),
    untilMs: instantOrNull(),
  },
  {
    shownAs: 'promotion.reserved',
    live: seenByBuyer,
    detail: ['reservationId', 'cartId', 'orderId', 'cart', 'replaced'],
    snapshot: 'reservationMade',
  },
);

/** `quote`: the JSON of the answer, but for the reservation itself. */
export const reserved = outcome(
  'reserved',
  14,
  { reservationId: text(), untilMs: instant(), quote: text() },
  { memory: 4, answer: 'byRoute' },
);

/** `caller`: whose carts `cartId` names; null: each request is a new reservation. */
export const reserve = command(
  'reserve',
  {
    request: object('PriceRequest'),
    caller: caller(),
    cartId: textOrNull(),
    ttlMs: integer(),
  },
  {
    gives: reserved,
    refusals: [
      'campaignIncomplete',
      'promotionNotFound',
      'notInOneCampaign',
      'lockedByAnother',
      'conditionsUnjudged',
      'promotionNotApplicable',
      'reservationsFull',
    ],
    message: { request: 8, reply: 7 },
  },
);

export function decideReserve(
  promotions: Promotions,
  { request, caller, cartId, ttlMs }: Reserve,
  nowMs: number,
  random: Random,
): Decided<typeof reserve> {
  const { userId } = request;
  const heldFor = (campaignId: CampaignId): ReservationState | null =>
    cartId === null ? null : (promotions.heldFor(campaignId, caller, userId, cartId) ?? null);
  const quoted = quoteOf(promotions, request, nowMs, heldFor);
  if (quoted.kind === 'refused') return quoted;
  const { campaignId, quote } = quoted;
  const before = heldFor(campaignId);
  if (before === null && promotions.deadlines.count >= OPEN_RESERVATIONS_MAX)
    return refuse(
      'reservationsFull',
      `This part of the engine has ${OPEN_RESERVATIONS_MAX} open reservations already.`,
    );
  const reservationId = before?.id ?? newReservationId(promotions, random);
  const untilMs = nowMs + ttlMs;
  const cart = reservedCart(promotions, request, quoted, nowMs);
  const locks = locksOf(promotions, cart, before, { userId, untilMs, nowMs });
  return {
    kind: 'decision',
    scopeId: campaignId,
    events: [
      {
        kind: 'reservationMade',
        campaignId,
        reservationId,
        caller,
        userId,
        cartId,
        orderId: null,
        cart,
        replaced: before === null ? null : amountsOf(before.cart),
        madeMs: nowMs,
        untilMs,
      },
      ...locks,
      ...(before === null ? [] : codesFreedBy(promotions, before)),
    ],
    outcome: { kind: 'reserved', reservationId, untilMs, quote: quoteText(quote) },
  };
}

/** The locks of unique codes that the cart takes, renews or lets go. */
function locksOf(
  promotions: Promotions,
  cart: ReservedCart,
  before: ReservationState | null,
  { userId, untilMs, nowMs }: { readonly userId: string | null; readonly untilMs: number; readonly nowMs: number },
): DomainEvent[] {
  const { codes, shard } = promotions;
  const now = codesOf(cart);
  const events = codesOf(before?.cart)
    .filter((code) => !now.includes(code))
    .map((code) => codes.unlockEvent(code));
  for (const code of now) {
    if (userId === null) throw new Error(`code ${code} is held for nobody`);
    // The first event of the change is that of the reservation.
    events.push(...codes.lockEvents(code, userId, untilMs, nowMs, shard.seq + 2 + events.length));
  }
  return events;
}

function reservedCart(
  promotions: Promotions,
  { cart, userId }: PriceRequest,
  { quote, priced }: Quoted,
  nowMs: number,
): ReservedCart {
  const { currency, originalAmount, discountAmount, finalAmount } = quote;
  return {
    currency,
    originalAmount,
    discountAmount,
    finalAmount,
    lines: cart.lines?.map(({ productId, quantity, unitPrice }) => ({ productId, quantity, unitPrice })) ?? null,
    holds: priced.applied.map((applied) => holdOf(promotions, applied, userId, nowMs)),
  };
}

function holdOf(
  promotions: Promotions,
  { offer, amount, lines }: Pick<Applied, 'offer' | 'amount' | 'lines'>,
  userId: string | null,
  nowMs: number,
): Hold {
  const { current } = promotions.promotionOf(offer.id);
  const periodMs = periodAt(current.plan, nowMs);
  const hold = { promotionId: current.id, amount, lines, periodMs, isReferral: isReferral(current.settings, userId) };
  return isOfBook(current) && offer.code !== null ? { ...hold, uniqueCode: offer.code } : hold;
}

/** A user's own referral does not count. */
export function isReferral(
  { referrerUserId }: { readonly referrerUserId: string | null },
  userId: string | null,
): boolean {
  return referrerUserId !== null && referrerUserId !== userId;
}

/**
 * A random UUID (version 4) that hashes to this shard. Its last digits are tried one after the
 * other until they fit; the others make it unique, and are hashed once.
 */
export function newReservationId(promotions: Promotions, random: Random): string {
  const { shard, shardCount } = promotions.shard.options;
  for (;;) {
    const beginning = randomUuid(random).slice(0, -ENDING_DIGITS);
    const shardOfEnding = shardsOfEndings(beginning, shardCount);
    for (const ending of ENDINGS) {
      if (shardOfEnding(ending) !== shard) continue;
      const id = beginning + ending;
      if (promotions.reservation(id) === undefined) return id;
    }
  }
}

const ENDING_DIGITS = 3;
const FIRST_ENDING = 0x100;
const LAST_ENDING = 0xfff;
const ENDINGS: readonly string[] = Array.from({ length: LAST_ENDING - FIRST_ENDING + 1 }, (_, at) =>
  (FIRST_ENDING + at).toString(16),
);

export function applyReservationMade(promotions: Promotions, event: ReservationMade): void {
  const { campaignId, reservationId: id, userId, cartId, orderId, cart, madeMs, untilMs } = event;
  const before = promotions.reservation(id);
  if (before !== undefined) {
    if (untilMs === null) throw new Error(`reservation ${id} was made already`);
    promotions.replaceHold(before, cart, untilMs);
    return;
  }
  promotions.addReservation({
    id,
    campaignId,
    caller: event.caller,
    userId,
    cartId,
    madeMs,
    cart,
    status: untilMs === null ? 'committed' : 'held',
    untilMs,
    committedMs: untilMs === null ? madeMs : null,
    orderId,
    givenBack: null,
    redemptionIds: null,
  });
}

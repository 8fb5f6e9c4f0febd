/**
 * The promotions of one shard, all of it in memory: their uses, their holds, and the reservations.
 * The rules read it, `applyEvent` changes it, nothing else does; a restart fills it by load.ts from
 * a snapshot and then applies the journal.
 */
import { asBookId, isCampaignOfBook } from '../../domain/ids.js';
import type { ShardKernel } from '../../domain/kernel.js';
import type { UniqueCodes } from '../../domain/unique-codes.js';
import type { BookId, CampaignId } from '../../records/ids.js';
import type {
  GivenBack,
  Hold,
  Promotion,
  RedemptionIds,
  ReservationStatus,
  ReservedCart,
} from '../../records/promotions.js';
import { DeadlineHeap } from '../../tables/deadline-heap.js';
import { type BookUses, bookUses, NO_BOOK } from './book-uses.js';
import { periodOfHold } from './periods.js';
import type { Offer } from './pricing/types.js';

/** Together, so that the sum of a shard's promotions can be held in memory and listed. */
export const PROMOTIONS_MAX = 100_000;
export const OPEN_RESERVATIONS_MAX = 500_000;

export interface PromotionState {
  readonly number: number;
  /** As it is now. */
  current: Promotion;
  /** What pricing needs of it. */
  offer: Offer;
  /** Uses that were committed and not rolled back, and their money in minor units. */
  uses: number;
  spent: number;
  /** The same of what is held. */
  held: number;
  heldAmount: number;
  /** Uses and holds by user; a user without any is not in it. */
  readonly byUser: Map<string, number>;
  /** Uses and holds by the begin of their period. */
  readonly byPeriod: Map<number, number>;
  readonly holders: Set<ReservationState>;
  /** Uses that are redemptions of a coupon book: they are not in `uses` and the maps. */
  readonly redeemed: BookUses;
}

export interface ReservationState {
  readonly number: number;
  readonly id: string;
  readonly campaignId: CampaignId;
  readonly caller: string;
  readonly userId: string | null;
  readonly cartId: string | null;
  readonly madeMs: number;
  cart: ReservedCart;
  status: ReservationStatus;
  /** Null: it was never held, but committed at once. */
  untilMs: number | null;
  /** Null: it never was. */
  committedMs: number | null;
  orderId: string | null;
  givenBack: GivenBack | null;
  /** Null: none was made, or none of its holds has a unique code. */
  redemptionIds: RedemptionIds | null;
  place: number;
}

export interface CampaignState {
  readonly id: CampaignId;
  /**
   * That of a book which has a discount and belongs to no campaign: nobody sees it, unless
   * something else was made with the id of the book as its campaign.
   */
  isOfBook: boolean;
  /** Those that are not archived; the discounts of books, too. */
  readonly promotions: Set<PromotionState>;
  readonly automatic: Set<PromotionState>;
  readonly books: Set<BookId>;
}

/** Reads a row before it is changed; used by a running digest. */
export interface PromotionsObserver {
  beforePromotion(number: number): void;
  beforeReservation(number: number): void;
}

export class Promotions {
  readonly shard: ShardKernel;
  /** In the order in which they were made; so are reservations. */
  readonly all: PromotionState[] = [];
  readonly reservations: ReservationState[] = [];
  readonly deadlines = new DeadlineHeap<ReservationState>();
  readonly codes: UniqueCodes;
  readonly #byId = new Map<string, PromotionState>();
  readonly #byCode = new Map<string, PromotionState>();
  /**
   * Also of codes whose promotions are archived: keys of requests that named them are found by it.
   */
  readonly #campaignsByCode = new Map<string, CampaignId>();
  readonly #campaigns = new Map<CampaignId, CampaignState>();
  readonly #reservations = new Map<string, ReservationState>();
  readonly #carts = new Map<string, ReservationState>();
  readonly #campaignsOfBooks = new Map<BookId, CampaignId>();
  observer: PromotionsObserver | null = null;

  constructor(shard: ShardKernel, codes: UniqueCodes) {
    this.shard = shard;
    this.codes = codes;
  }

  /** Also one that is archived. */
  promotion(id: string): PromotionState | undefined {
    return this.#byId.get(id);
  }

  /** The discount of a coupon book, also one that was taken away. */
  discountOf(bookId: BookId): PromotionState | undefined {
    const found = this.#byId.get(bookId);
    return found !== undefined && isOfBook(found.current) ? found : undefined;
  }

  campaignOfBook(bookId: BookId): CampaignId | null {
    return this.#campaignsOfBooks.get(bookId) ?? null;
  }

  joinCampaign(bookId: BookId, campaignId: CampaignId): void {
    this.#campaignsOfBooks.set(bookId, campaignId);
    this.#campaign(campaignId).books.add(bookId);
  }

  /** Callers find promotions that are not archived. */
  byCode(code: string): PromotionState | undefined {
    return this.#byCode.get(code);
  }

  /** Of the last promotion that had the code. */
  campaignOfCode(code: string): CampaignId | undefined {
    return this.#campaignsByCode.get(code);
  }

  campaign(id: CampaignId): CampaignState | undefined {
    return this.#campaigns.get(id);
  }

  campaigns(): IterableIterator<CampaignState> {
    return this.#campaigns.values();
  }

  reservation(id: string): ReservationState | undefined {
    return this.#reservations.get(id);
  }

  /** The reservation that is held for this cart. */
  heldFor(campaignId: CampaignId, caller: string, userId: string | null, cartId: string): ReservationState | undefined {
    return this.#carts.get(cartKey(campaignId, caller, userId, cartId));
  }

  /** The promotion that an event names. */
  promotionOf(id: string): PromotionState {
    const found = this.#byId.get(id);
    if (found === undefined) throw new Error(`an event names promotion ${id}, which this shard doesn't have`);
    return found;
  }

  reservationOf(id: string): ReservationState {
    const found = this.#reservations.get(id);
    if (found === undefined) throw new Error(`an event names reservation ${id}, which this shard doesn't have`);
    return found;
  }

  add(promotion: Promotion): PromotionState {
    const state: PromotionState = {
      number: this.all.length,
      current: promotion,
      offer: offerOf(promotion),
      uses: 0,
      spent: 0,
      held: 0,
      heldAmount: 0,
      byUser: new Map(),
      byPeriod: new Map(),
      holders: new Set(),
      redeemed: isOfBook(promotion)
        ? bookUses(asBookId(promotion.id), this.codes, {
            plan: () => this.promotionOf(promotion.id).current.plan,
            periodOf: (reservationId) => periodOfHold(this.reservationOf(reservationId).cart, promotion.id),
          })
        : NO_BOOK,
    };
    if (isOfBook(promotion)) this.codes.markDiscount(asBookId(promotion.id));
    this.all.push(state);
    this.#byId.set(promotion.id, state);
    this.#list(state);
    return state;
  }

  /**
   * Another version of it. It keeps its place in its campaign, because automatic promotions are
   * taken in that order, and a restart lists them in the order in which they were made.
   */
  change(promotion: Promotion): void {
    const state = this.promotionOf(promotion.id);
    this.observer?.beforePromotion(state.number);
    const wasArchived = state.current.archivedMs !== null;
    state.current = promotion;
    state.offer = offerOf(promotion);
    state.redeemed.forgetPeriods();
    if (promotion.archivedMs !== null) this.#unlist(state);
    else if (wasArchived) this.#list(state);
  }

  #campaign(id: CampaignId, isOfBook = false): CampaignState {
    let campaign = this.#campaigns.get(id);
    if (campaign === undefined) {
      campaign = { id, isOfBook, promotions: new Set(), automatic: new Set(), books: new Set() };
      this.#campaigns.set(id, campaign);
    }
    if (!isOfBook) campaign.isOfBook = false;
    return campaign;
  }

  #list(state: PromotionState): void {
    const { campaignId, settings, archivedMs } = state.current;
    const campaign = this.#campaign(campaignId, isCampaignOfBook(campaignId, [state.current.id]));
    if (settings.code !== null) this.#campaignsByCode.set(settings.code, campaignId);
    if (archivedMs !== null) return;
    campaign.promotions.add(state);
    if (settings.automatic) campaign.automatic.add(state);
    if (settings.code !== null) this.#byCode.set(settings.code, state);
  }

  #unlist(state: PromotionState): void {
    const { campaignId, settings } = state.current;
    const campaign = this.#campaigns.get(campaignId);
    campaign?.promotions.delete(state);
    campaign?.automatic.delete(state);
    if (settings.code !== null && this.#byCode.get(settings.code) === state) this.#byCode.delete(settings.code);
  }

  /** A reservation that is held until `untilMs`, or was committed at once. */
  addReservation(made: Omit<ReservationState, 'number' | 'place'>): ReservationState {
    const state: ReservationState = { ...made, number: this.reservations.length, place: -1 };
    this.reservations.push(state);
    this.#reservations.set(state.id, state);
    if (state.status === 'held') this.#hold(state);
    else if (state.status === 'committed') this.#countUses(state);
    this.#noteRedemptions(state);
    return state;
  }

  /** The cart of a reservation has changed: it holds something else now. */
  replaceHold(state: ReservationState, cart: ReservedCart, untilMs: number): void {
    this.observer?.beforeReservation(state.number);
    this.#letGo(state);
    state.cart = cart;
    state.untilMs = untilMs;
    this.#hold(state);
  }

  renew(state: ReservationState, untilMs: number): void {
    this.observer?.beforeReservation(state.number);
    state.untilMs = untilMs;
    this.deadlines.put(state);
  }

  /** The commit that follows makes these redemptions. */
  redeemCodes(state: ReservationState, redemptionIds: RedemptionIds): void {
    this.observer?.beforeReservation(state.number);
    state.redemptionIds = redemptionIds;
    this.#noteRedemptions(state);
    for (const { promotionId, periodMs } of state.cart.holds) this.promotionOf(promotionId).redeemed.noteHeld(periodMs);
  }

  #noteRedemptions({ id, cart, redemptionIds }: ReservationState): void {
    if (redemptionIds === null) return;
    this.codes.noteRedemptions(
      cart.holds.map(({ uniqueCode }) => uniqueCode),
      redemptionIds,
      id,
    );
  }

  commit(state: ReservationState, orderId: string | null, committedMs: number): void {
    this.observer?.beforeReservation(state.number);
    this.#letGo(state);
    state.status = 'committed';
    state.orderId = orderId;
    state.committedMs = committedMs;
    this.#countUses(state);
  }

  end(state: ReservationState, status: 'released' | 'expired'): void {
    this.observer?.beforeReservation(state.number);
    this.#letGo(state);
    state.status = status;
  }

  giveBack(state: ReservationState, givenBack: GivenBack, isWhole: boolean): void {
    this.observer?.beforeReservation(state.number);
    this.#uncount(state);
    state.givenBack = givenBack;
    if (isWhole) state.status = 'rolledBack';
    else this.#countUses(state);
  }

  /** What one of its holds takes of the budget, after what was given back. */
  amountLeft(state: ReservationState, hold: number): number {
    const { amount } = state.cart.holds[hold] as Hold;
    return amount - (state.givenBack?.amounts[hold] ?? 0);
  }

  #hold(state: ReservationState): void {
    for (const hold of state.cart.holds) {
      const promotion = this.promotionOf(hold.promotionId);
      this.observer?.beforePromotion(promotion.number);
      promotion.held++;
      promotion.heldAmount += hold.amount;
      promotion.holders.add(state);
      if (hold.uniqueCode !== undefined) this.codes.hold(hold.uniqueCode, state.id);
      countOne(promotion, state.userId, hold.periodMs, 1);
    }
    this.deadlines.put(state);
    const { cartId } = state;
    if (cartId !== null) this.#carts.set(cartKey(state.campaignId, state.caller, state.userId, cartId), state);
  }

  #letGo(state: ReservationState): void {
    for (const hold of state.cart.holds) {
      const promotion = this.promotionOf(hold.promotionId);
      this.observer?.beforePromotion(promotion.number);
      promotion.held--;
      promotion.heldAmount -= hold.amount;
      promotion.holders.delete(state);
      if (hold.uniqueCode !== undefined) this.codes.letGo(hold.uniqueCode);
      countOne(promotion, state.userId, hold.periodMs, -1);
    }
    this.deadlines.remove(state);
    const { cartId } = state;
    if (cartId === null) return;
    const key = cartKey(state.campaignId, state.caller, state.userId, cartId);
    if (this.#carts.get(key) === state) this.#carts.delete(key);
  }

  #countUses(state: ReservationState): void {
    for (const [number, hold] of state.cart.holds.entries()) {
      const promotion = this.promotionOf(hold.promotionId);
      this.observer?.beforePromotion(promotion.number);
      promotion.spent += this.amountLeft(state, number);
      // Its use is the redemption.
      if (hold.uniqueCode !== undefined) continue;
      promotion.uses++;
      countOne(promotion, state.userId, hold.periodMs, 1);
    }
  }

  #uncount(state: ReservationState): void {
    for (const [number, hold] of state.cart.holds.entries()) {
      const promotion = this.promotionOf(hold.promotionId);
      this.observer?.beforePromotion(promotion.number);
      promotion.spent -= this.amountLeft(state, number);
      if (hold.uniqueCode !== undefined) continue;
      promotion.uses--;
      countOne(promotion, state.userId, hold.periodMs, -1);
    }
  }

  /** An estimate: most of it are objects, whose size V8 does not tell. */
  bytes(): number {
    return this.all.length * PROMOTION_BYTES + this.reservations.length * RESERVATION_BYTES;
  }
}

/**
 * What the process grew by with 2,000 promotions and then 50,000 reservations, for each of them
 * (`npm run bench -- --checkout`). It contains what else grew meanwhile, so it is an upper bound.
 */
const PROMOTION_BYTES = 30_000;
const RESERVATION_BYTES = 2_500;

function countOne(promotion: PromotionState, userId: string | null, periodMs: number | null, change: 1 | -1): void {
  if (userId !== null) add(promotion.byUser, userId, change);
  if (periodMs !== null) add(promotion.byPeriod, periodMs, change);
}

function add<Key>(counts: Map<Key, number>, key: Key, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** It is the discount of a coupon book, and has the book's id. */
export const isOfBook = ({ settings }: Promotion): boolean => settings.code === null && !settings.automatic;

const offerOf = ({ id, settings }: Promotion): Offer => ({ id, ...settings });

const cartKey = (campaignId: CampaignId, caller: string, userId: string | null, cartId: string): string =>
  JSON.stringify([campaignId, caller, userId, cartId]);

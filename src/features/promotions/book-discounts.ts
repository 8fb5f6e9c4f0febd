/** Coupon books in campaigns, and the discounts that books carry. */
import type { BookDiscounts } from '../../domain/book-discounts.js';
import { refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import { asCampaignId, type BookId, type CampaignId } from '../../domain/ids.js';
import type { Refusal } from '../../domain/outcome.js';
import { event } from '../../records/declare.js';
import type { BookJoinedCampaign } from '../../records/events.generated.js';
import { bookId, campaignId } from '../../records/fields.js';
import type { DiscountDraft } from '../../records/objects.js';
import type { BookOffer, Promotion, PromotionView } from '../../records/promotions.js';
import { objectToCount } from './judge.js';
import { promotionsFull, usageOf } from './manage.js';
import { PROMOTIONS_MAX, type PromotionState, type Promotions } from './state.js';

/** In the change that makes the book; it stays there for ever. */
export const bookJoinedCampaign = event(
  'bookJoinedCampaign',
  26,
  { bookId: bookId(), campaignId: campaignId() },
  { shownAs: null, detail: ['campaignId'], snapshot: 'bookJoinedCampaign' },
);

export function applyBookJoinedCampaign(promotions: Promotions, { bookId, campaignId }: BookJoinedCampaign): void {
  promotions.joinCampaign(bookId, campaignId);
}

const NO_USES = { usageCount: 0, heldCount: 0, budgetUsed: 0, budgetHeld: 0 };

export class DiscountsOfBooks implements BookDiscounts {
  readonly #promotions: Promotions;

  constructor(promotions: Promotions) {
    this.#promotions = promotions;
  }

  foundEvents(
    bookId: BookId,
    campaignId: CampaignId | null,
    draft: DiscountDraft | null,
    nowMs: number,
  ): readonly DomainEvent[] | Refusal<'promotionsFull'> {
    const joined: DomainEvent[] = campaignId === null ? [] : [{ kind: 'bookJoinedCampaign', bookId, campaignId }];
    if (draft === null) return joined;
    const made = this.#made(bookId, campaignId, draft, nowMs);
    return 'reason' in made ? made : [...joined, ...made];
  }

  #made(
    bookId: BookId,
    campaignId: CampaignId | null,
    draft: DiscountDraft,
    nowMs: number,
  ): readonly DomainEvent[] | Refusal<'promotionsFull'> {
    if (this.#promotions.all.length >= PROMOTIONS_MAX) return promotionsFull();
    const promotion: Promotion = {
      id: bookId,
      campaignId: campaignId ?? asCampaignId(bookId),
      batchId: null,
      ...draft,
      version: 1,
      createdMs: nowMs,
      updatedMs: nowMs,
      archivedMs: null,
    };
    return [{ kind: 'promotionCreated', promotion }];
  }

  changeEvents(
    bookId: BookId,
    draft: DiscountDraft,
    nowMs: number,
  ): readonly DomainEvent[] | Refusal<'bookInvalid' | 'promotionsFull'> {
    const found = this.#promotions.discountOf(bookId);
    if (found === undefined) return this.#made(bookId, this.#promotions.campaignOfBook(bookId), draft, nowMs);
    const { current } = found;
    if (draft.settings.currency !== current.settings.currency && hasMoney(found))
      return refuse('bookInvalid', `The money that this discount took was counted in ${current.settings.currency}.`);
    const promotion = { ...next(current, nowMs), ...draft, archivedMs: null };
    return [{ kind: 'promotionUpdated', promotion }];
  }

  endEvents(bookId: BookId, nowMs: number): readonly DomainEvent[] {
    const current = this.#promotions.discountOf(bookId)?.current;
    if (current === undefined || current.archivedMs !== null) return [];
    return [{ kind: 'promotionArchived', promotion: { ...next(current, nowMs), archivedMs: nowMs } }];
  }

  shown(bookId: BookId, events: readonly DomainEvent[] = []): BookOffer {
    let campaignId = this.#promotions.campaignOfBook(bookId);
    const found = this.#promotions.discountOf(bookId);
    let promotion = found?.current ?? null;
    for (const event of events) {
      if (event.kind === 'bookJoinedCampaign') ({ campaignId } = event);
      else if ('promotion' in event) ({ promotion } = event);
    }
    if (promotion === null || promotion.archivedMs !== null) return { campaignId, discount: null };
    return { campaignId, discount: viewOf(promotion, found) };
  }

  refuseUse(
    bookId: BookId,
    userId: string,
    redemptionsMax: number | null,
    nowMs: number,
  ): Refusal<'usedUp' | 'userRedemptionsLimit'> | null {
    const found = this.#promotions.discountOf(bookId);
    if (found === undefined) return null;
    const held = found.byUser.get(userId) ?? 0;
    if (redemptionsMax !== null && found.redeemed.by(userId) + held >= redemptionsMax)
      return refuse('userRedemptionsLimit', "The user's carts hold the redemptions that are left in this book.");
    if (found.current.archivedMs !== null) return null;
    const objection = objectToCount(found, { userId, segments: [], instead: null }, nowMs);
    if (objection === null) return null;
    const { refusal, retryAtMs } = objection;
    const reason = refusal === 'Coupon usage limit per user exceeded' ? 'userRedemptionsLimit' : 'usedUp';
    return refuse(reason, `The discount of this book can't be used now: ${refusal}.`, retryAtMs ?? undefined);
  }

  noteRedeemed(bookId: BookId, atMs: number): void {
    this.#promotions.promotionOf(bookId).redeemed.noteRedeemed(atMs);
  }

  noteRolledBack(bookId: BookId): void {
    this.#promotions.promotionOf(bookId).redeemed.forgetPeriods();
  }
}

/** Its next version, still unchanged. */
const next = (current: Promotion, nowMs: number): Promotion => ({
  ...current,
  version: current.version + 1,
  updatedMs: nowMs,
});

const hasMoney = ({ spent, heldAmount }: PromotionState): boolean => spent > 0 || heldAmount > 0;

const viewOf = (promotion: Promotion, found: PromotionState | undefined): PromotionView => ({
  promotion,
  usage: found === undefined ? NO_USES : usageOf(found),
});

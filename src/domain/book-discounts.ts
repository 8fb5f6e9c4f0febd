/**
 * What coupon books ask of promotions: the discount that a book carries, and its campaign.
 * Promotions implement it, so that neither feature imports the other.
 */
import type { DiscountDraft } from '../records/objects.js';
import type { BookOffer } from '../records/promotions.js';
import type { DomainEvent } from './event.js';
import type { BookId, CampaignId } from './ids.js';
import type { Refusal } from './outcome.js';

export interface BookDiscounts {
  /** The events that follow the making of a book; refused where the shard has no room for more. */
  foundEvents(
    bookId: BookId,
    campaignId: CampaignId | null,
    draft: DiscountDraft | null,
    nowMs: number,
  ): readonly DomainEvent[] | Refusal<'promotionsFull'>;
  changeEvents(
    bookId: BookId,
    draft: DiscountDraft,
    nowMs: number,
  ): readonly DomainEvent[] | Refusal<'bookInvalid' | 'promotionsFull'>;
  /** The book has no discount from now on. */
  endEvents(bookId: BookId, nowMs: number): readonly DomainEvent[];
  /** `events`: those that the book is followed by; its discount is as they make it. */
  shown(bookId: BookId, events?: readonly DomainEvent[]): BookOffer;
  /** Why a plain redemption can't be one more use of the discount; null: it can. */
  refuseUse(
    bookId: BookId,
    userId: string,
    redemptionsMax: number | null,
    nowMs: number,
  ): Refusal<'usedUp' | 'userRedemptionsLimit'> | null;
  /** A redemption was made at this time. */
  noteRedeemed(bookId: BookId, atMs: number): void;
  noteRolledBack(bookId: BookId): void;
}

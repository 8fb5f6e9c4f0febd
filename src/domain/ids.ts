/** The identities of the domain, and the ways to name one. */
import type { BookId, CampaignId, ScopeId, Seq, ShardId } from '../records/ids.js';
import { beginHash, endHash, hashText } from '../tables/text.js';

export type { BookId, CampaignId, ScopeId, Seq, ShardId };

export const asScopeId = (text: string): ScopeId => text as ScopeId;
export const asCampaignId = (text: string): CampaignId => text as CampaignId;
export const asBookId = (text: string): BookId => text as BookId;
export const asShardId = (index: number): ShardId => index as ShardId;
export const asSeq = (count: number): Seq => count as Seq;

/** Logical shards are numbered from 1 in the 8 bits that the code directory has for them. */
export const SHARDS_MAX = 255;

const SEED_SHARD = 0x0b0_0c5d;

/**
 * The shard of a book, a campaign, a promotion or a reservation. It must never change. Ids of what
 * belongs to a campaign are drawn until this gives the shard of the campaign.
 */
export function shardOfId(id: string, shardCount: number): ShardId {
  return asShardId(hashText(id, SEED_SHARD) % shardCount);
}

/** `shardOfId(beginning + ending)` for many endings of one beginning; both are ASCII. */
export function shardsOfEndings(beginning: string, shardCount: number): (ending: string) => ShardId {
  const begun = beginHash(beginning, SEED_SHARD);
  return (ending) => asShardId(endHash(begun, ending) % shardCount);
}

/** The campaign of promotions that name none. */
export const DEFAULT_CAMPAIGN = asCampaignId('00000000-0000-8000-8000-000000000000');

/** The name of a product in the directory of codes. No code has such a character. */
export const nameOfProduct = (productId: string): string => `product\0${productId}`;

const SEEDS_PRODUCT = [0x0f1_a500, 0x0f1_a501, 0x0f1_a502, 0x0f1_a503] as const;

/**
 * The campaign of a product that belongs to none: a UUIDv8 that follows from the product's id. It
 * must never change.
 */
export function campaignOfProduct(productId: string): CampaignId {
  const digits = SEEDS_PRODUCT.map((seed) => hashText(productId, seed).toString(16).padStart(8, '0')).join('');
  return asCampaignId(
    `${digits.slice(0, 8)}-${digits.slice(8, 12)}-8${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20)}`,
  );
}

/** A book that belongs to no campaign makes one of its own for its discount, with its own id. */
export const isCampaignOfBook = (campaignId: CampaignId, promotionIds: readonly string[]): boolean =>
  promotionIds.includes(campaignId);

/** The campaign of these promotions as callers know it; null: they named none. */
export const campaignShown = (campaignId: CampaignId, promotionIds: readonly string[] = []): CampaignId | null =>
  campaignId === DEFAULT_CAMPAIGN || isCampaignOfBook(campaignId, promotionIds) ? null : campaignId;

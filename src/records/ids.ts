/** Ids in records. They are branded, because otherwise one could be used in place of another. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A UUIDv7 in lower case, 36 characters. */
export type BookId = Brand<string, 'BookId'>;

/** A UUID in lower case, 36 characters. */
export type CampaignId = Brand<string, 'CampaignId'>;

/**
 * What a change belongs to: its book, or its campaign. All changes of a scope are in one shard, and
 * idempotency keys are remembered per scope.
 */
export type ScopeId = BookId | CampaignId;

/** The number of a logical shard, `0 .. SHARDS - 1`. */
export type ShardId = Brand<number, 'ShardId'>;

/**
 * The sequence of an event in its shard: 1, 2, 3, … without a gap. 0 means "before the first
 * event".
 */
export type Seq = Brand<number, 'Seq'>;

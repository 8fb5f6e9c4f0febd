/** Ids in records. They are branded, because otherwise one could be used in place of another. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A UUIDv7 in lower case, 36 characters. */
export type BookId = Brand<string, 'BookId'>;

/** The number of a logical shard, `0 .. SHARDS - 1`. */
export type ShardId = Brand<number, 'ShardId'>;

/**
 * The sequence of an event in its shard: 1, 2, 3, … without a gap. 0 means "before the first
 * event".
 */
export type Seq = Brand<number, 'Seq'>;
